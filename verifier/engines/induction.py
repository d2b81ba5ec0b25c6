"""Safety by induction: one small query per rule; candidates thinned to an inductive set.

Houdini (Flanagan and Leino 2001): start with many candidates, drop those that a rule breaks
although all others hold before it, until none is dropped.  What is left is an inductive
invariant, whatever was dropped and why.  A rule matters only for candidates that it writes.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import field

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar, not_, var
from ...semantics.system import Obligation, Rule, TransitionSystem
from ...semantics.walks import substitute, variables
from .backwards import preconditions
from .common import (
    Budget,
    conjuncts,
    fixed_by,
    initial_condition,
    input_condition,
    is_state,
    stutter,
    written,
)
from .induction_query import Queries, values_of
from .kinduction import k_induction
from .templates import templates
from .value_ranges import bounds


@dataclass(frozen=True, slots=True)
class Inductive:
    """The goal follows from `invariants`, which are inductive together (the goal among them).

    With `k` above 1 the goal is not among them: it is k-inductive, given that they hold.
    """

    invariants: tuple[Expr, ...]
    k: int = 1


@dataclass(frozen=True, slots=True)
class NotInductive:
    """`rule` (None: the initial states) may break the goal from `state`, perhaps unreachable."""

    reason: str
    rule: int | None = None
    state: Mapping[int, Scalar] = field(default_factory=dict)


@dataclass(slots=True)
class Induction:
    """`answers` are in the order of the goals; `invariants` is all that was found inductive."""

    answers: list[Inductive | NotInductive]
    invariants: list[Expr]
    asked: int
    shared: int
    seconds: float


@dataclass(slots=True)
class _Step:
    """A rule made ready: what its guard pins is put in everywhere."""

    rule: Rule
    pins: dict[int, Expr]
    premises: list[Expr]
    updates: dict[int, Expr]
    writes: set[int]
    reads: set[int]

    def before(self, expr: Expr) -> Expr:
        if not self.pins:
            return expr
        return substitute(expr, lambda n: self.pins.get(n.index, n) if n.op is Op.VAR else n)

    def after(self, expr: Expr) -> Expr:
        """A condition on the state after, in terms of the state before."""

        def leaf(node: Expr) -> Expr:
            if node.op is not Op.VAR:
                return node
            new = self.updates.get(node.index)
            return new if new is not None else self.pins.get(node.index, node)

        return substitute(expr, leaf)

    def both(self, expr: Expr) -> Expr:
        """A condition on the step."""

        def leaf(node: Expr) -> Expr:
            if node.op is Op.POST:
                new = self.updates.get(node.index)
                node = var(node.index, node.sort) if new is None else new
                if new is not None:
                    return node
            return self.pins.get(node.index, node) if node.op is Op.VAR else node

        return substitute(expr, leaf)


def _ready(rule: Rule) -> _Step | None:
    """None for a rule that can never fire."""
    parts = conjuncts(rule.guard)
    pins = fixed_by(parts)

    def leaf(node: Expr) -> Expr:
        return pins.get(node.index, node) if node.op is Op.VAR else node

    premises = [substitute(p, leaf) for p in (*parts, *conjuncts(input_condition(rule)))]
    if any(p is FALSE for p in premises):
        return None
    premises = [p for p in premises if p is not TRUE]
    updates = {v: substitute(e, leaf) for v, e in rule.updates}
    return _Step(rule, pins, premises, updates, written(rule), variables(premises))


class Prover:
    """Keeps what is known of a system between calls (answers by shape)."""

    def __init__(self, system: TransitionSystem, budget: Budget) -> None:
        self.system = system
        self.budget = budget
        self.deadline = time.monotonic() + budget.seconds
        self.queries = Queries(int(budget.query * 1000))
        self.steps: list[_Step] = []
        self.steps_of: dict[int | None, list[_Step]] = {}  # by rule
        for r in system.rules:
            if self.out_of_time():  # nothing is shown with some of the steps: nothing will be
                break
            step = _ready(r)
            if step is not None:
                self.steps.append(step)
                self.steps_of.setdefault(step.rule.index, []).append(step)
        self.allowed = not_(system.excluded)
        self._allowed_reads = variables([system.excluded])

    # --- one rule ---------------------------------------------------------------------------

    def hypotheses(
        self, step: _Step, frame: set[int], known: Mapping[int, Expr], reads: Mapping[int, set[int]]
    ) -> tuple[list[int], list[Expr]]:
        """The invariants that mention something in the frame, or something that the step pins, and
        what they say here."""
        names: list[int] = []
        terms: list[Expr] = []
        for k, candidate in known.items():
            if reads[k] & frame or not reads[k].isdisjoint(step.pins):
                term = step.before(candidate)
                if term is not TRUE:
                    names.append(k)
                    terms.append(term)
        return names, terms

    def counted(self, step: _Step, frame: set[int]) -> list[Expr]:
        """Runs do not count that are in an excluded state before or after the step."""
        if self.system.excluded is FALSE or not self._allowed_reads & (frame | step.writes):
            return []
        return [step.before(self.allowed), step.after(self.allowed)]

    def out_of_time(self) -> bool:
        return time.monotonic() > self.deadline

    # --- base -------------------------------------------------------------------------------

    def base(self, candidates: Mapping[int, Expr]) -> set[int]:
        """Candidates that may be false in an initial state."""
        first: dict[int, Expr] = {}
        memo: dict[int, Expr] = {}

        def leaf(node: Expr) -> Expr:
            return first[node.index] if node.op is Op.VAR else node

        free = initial_condition(self.system)
        pins = fixed_by(conjuncts(free))
        for v in self.system.variables:
            if v.init is None:
                first[v.index] = pins.get(v.index) or var(v.index, v.sort)
            else:
                first[v.index] = substitute(v.init, leaf, memo)
        premises = [p for p in conjuncts(substitute(free, leaf, memo)) if p is not TRUE]
        if self.system.excluded is not FALSE:
            premises.append(substitute(self.allowed, leaf, memo))
        failed: set[int] = set()
        names: list[int] = []
        terms: list[Expr] = []
        for k, candidate in candidates.items():
            term = substitute(candidate, leaf, memo)
            if term is not TRUE:
                names.append(k)
                terms.append(term)
        if terms:
            outcome = self.queries.check(premises, [], terms)
            failed.update(names[k] for k in outcome.failed)
        return failed

    # --- Houdini ----------------------------------------------------------------------------

    def thin(self, candidates: Sequence[Expr]) -> _Thinned:
        """The largest inductive subset that the solver can show; empty when time runs out."""
        out = _Thinned(dict(enumerate(candidates)))
        if self.out_of_time():  # (perhaps before all steps were made ready)
            out.known.clear()
            out.late = True
            return out
        reads = {k: variables([c]) for k, c in enumerate(candidates)}
        for k in self.base(out.known):
            del out.known[k]
            out.broken[k] = NotInductive("it may be false at the start")
        by_variable: dict[int, set[int]] = {}
        for at, step in enumerate(self.steps):
            for v in step.writes:
                by_variable.setdefault(v, set()).add(at)
        after: dict[tuple[int, int], Expr] = {}
        queue = deque(range(len(self.steps)))
        waiting = set(queue)
        while queue:
            if self.out_of_time():
                out.known.clear()
                out.late = True
                return out
            at = queue.popleft()
            waiting.discard(at)
            step = self.steps[at]
            names: list[int] = []
            terms: list[Expr] = []
            frame = set(step.reads)
            for k in out.known:
                if reads[k] & step.writes:
                    term = after.get((at, k))
                    if term is None:
                        term = after[at, k] = step.after(out.known[k])
                    if term is not TRUE:
                        names.append(k)
                        terms.append(term)
                        frame |= variables([term])
            if not terms:
                out.cores[at] = set()
                continue
            given, hypotheses = self.hypotheses(step, frame, out.known, reads)
            premises = step.premises + self.counted(step, frame)
            outcome = self.queries.check(premises, hypotheses, terms)
            out.cores[at] = {given[k] for k in outcome.used}
            dropped = {names[k] for k in outcome.failed}
            for k in outcome.failed:
                out.broken[names[k]] = self.explain(step, premises, hypotheses, terms[k])
            for k in dropped:
                del out.known[k]
            if dropped:
                # The cache must not outlive the premises: those that leaned on it come again.
                for other, core in out.cores.items():
                    if core & dropped and other not in waiting:
                        waiting.add(other)
                        queue.append(other)
        return out

    def explain(
        self, step: _Step, premises: list[Expr], hypotheses: list[Expr], term: Expr
    ) -> NotInductive:
        # Only for what users and engines look at; time is short otherwise.
        return NotInductive(f"rule {step.rule.name} may break it", step.rule.index)

    # --- goals about steps ------------------------------------------------------------------

    def step_goal(self, goal: Obligation, thinned: _Thinned) -> NotInductive | set[int]:
        """The invariants used, or the rule that may break the goal."""
        reads = thinned.reads()
        posts = variables([goal.cond], Op.POST)
        still: Expr | None = None
        used: set[int] = set()
        for step in self.steps if goal.every_step else self.steps_of.get(goal.rule, ()):
            if self.out_of_time():
                return NotInductive("out of time")
            if goal.every_step and not posts & step.writes:
                # A stutter for this goal; the condition on it alone usually says enough.
                if still is None:
                    still = stutter(goal.cond)
                    if still is not TRUE and not self.queries.check([], [], [still]).failed:
                        still = TRUE
                if still is TRUE:
                    continue
            term = step.both(goal.cond)
            if term is TRUE:
                continue
            frame = step.reads | variables([term])
            given, hypotheses = self.hypotheses(step, frame, thinned.known, reads)
            premises = step.premises + self.counted(step, frame)
            outcome = self.queries.check(premises, hypotheses, [term])
            if outcome.failed:
                state = self.queries.counterexample(premises, hypotheses, term) or {}
                reason = f"rule {step.rule.name} may break it"
                return NotInductive(
                    reason, step.rule.index, {**state, **values_of(step.pins)} if state else {}
                )
            used.update(given[k] for k in outcome.used)
        return used

    def closure(self, wanted: set[int], thinned: _Thinned) -> set[int]:
        """The invariants that the wanted ones need, directly or not, to be inductive.

        Each pair of an invariant and a rule is asked by itself, which gives far smaller sets
        than the batches of `thin`; where there is no answer, the batch's one is used.
        """
        reads = {k: variables([c]) for k, c in thinned.known.items()}
        out: set[int] = set()
        todo = sorted(wanted)
        while todo:
            k = todo.pop()
            if k in out:
                continue
            out.add(k)
            for at, step in enumerate(self.steps):
                if not step.writes & reads[k]:
                    continue
                term = step.after(thinned.known[k])
                if term is TRUE:
                    continue
                core = thinned.cores[at]
                if not self.out_of_time():
                    frame = step.reads | variables([term])
                    given, hypotheses = self.hypotheses(step, frame, thinned.known, reads)
                    # Itself and what is in already first: they cost nothing.
                    order = sorted(range(len(given)), key=lambda n: given[n] not in out)
                    premises = step.premises + self.counted(step, frame)
                    for few in (sum(given[n] in out for n in order), len(order)):
                        chosen = order[:few]
                        outcome = self.queries.check(
                            premises, [hypotheses[n] for n in chosen], [term]
                        )
                        if not outcome.failed:
                            core = {given[chosen[n]] for n in outcome.used}
                            break
                todo.extend(core - out)
        return out


@dataclass(slots=True)
class _Thinned:
    known: dict[int, Expr]
    cores: dict[int, set[int]] = field(default_factory=dict)  # by rule: hypotheses used
    broken: dict[int, NotInductive] = field(default_factory=dict)
    late: bool = False
    _reads: dict[int, set[int]] | None = None

    def reads(self) -> dict[int, set[int]]:
        """The variables of each of the known, when no more of them will go."""
        if self._reads is None:
            self._reads = {k: variables([c]) for k, c in self.known.items()}
        return self._reads


NOTHING, LITTLE, ALL = 0, 1, 2  # that is guessed


def prove_invariants(
    system: TransitionSystem,
    candidates: Sequence[Expr],
    goals: Sequence[Obligation],
    budget: Budget | None = None,
    guess: int = ALL,
    k: int = 1,
) -> Induction:
    """Tries to prove the goals by induction, with help from the candidates that survive.

    First with the candidates and the goals alone; then, with `guess`, also with what has to hold
    before a goal, and between which values numbers lie (1); then with templates made of the spec's
    own terms, too (2, which is all); then, with `k` above 1,
    state goals by k-induction.  Nothing that the solver did not answer counts as shown.
    """
    begin = time.monotonic()
    prover = Prover(system, budget or Budget())
    best: dict[int, Inductive] = {}
    answers: list[Inductive | NotInductive] = [NotInductive("out of time") for _ in goals]
    found: list[Expr] = []
    for more in range(guess + 1):
        open_goals = [g for g in range(len(goals)) if g not in best]
        if not open_goals or prover.out_of_time():
            break
        own = {g: goals[g].cond for g in range(len(goals)) if is_state(goals[g])}
        listed = list(own.values()) + [c for c in candidates if c is not TRUE]
        position = {g: at for at, g in enumerate(own)}
        before = range(len(listed), len(listed))  # (only of use for these goals)
        if more:
            listed += preconditions(system, [goals[g] for g in open_goals])
            before = range(before.start, len(listed))
            listed += bounds(system)
        if more > 1:
            listed += templates(system, [goals[g] for g in open_goals], candidates)
        thinned = prover.thin(listed)
        kept = [c for n, c in thinned.known.items() if n not in before]
        if len(kept) > len(found):
            found = kept
        for g in open_goals:
            goal = goals[g]
            if is_state(goal):
                at = position[g]
                used: NotInductive | set[int]
                if at in thinned.known:
                    used = {at}
                else:
                    used = thinned.broken.get(at, NotInductive("out of time"))
            else:
                used = prover.step_goal(goal, thinned)
            if isinstance(used, NotInductive):
                answers[g] = used
            else:
                needed = sorted(prover.closure(used, thinned))
                best[g] = Inductive(tuple(listed[n] for n in needed))
    for g, answer in best.items():
        answers[g] = answer
    for g, goal in enumerate(goals):
        left = prover.deadline - time.monotonic()
        if k > 1 and g not in best and is_state(goal) and left > 0:
            depth = k_induction(system, goal, found, k, Budget(left, prover.budget.query))
            if depth is not None:
                answers[g] = Inductive(tuple(found), depth)
    return Induction(
        answers, found, prover.queries.asked, prover.queries.shared, time.monotonic() - begin
    )
