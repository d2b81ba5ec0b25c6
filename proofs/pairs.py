"""Pairs of steps that different threads may take in one state: do they get in each other's way?

Two steps meet in a state if both guards hold there.  *Commuting*: steps that meet leave each other
possible, and give the same state in either order; then all finite runs of one environment are
permutations of one another (Keller 1975; Mazurkiewicz 1977), provided that within a thread the
environment alone decides.  If one run of an environment comes to where nobody can step, then all
do, after as many steps and in the same state (the diamond property); so that runs end need not be
shown, unless claims were left out of the guards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set

from ..semantics.evidence import Facts
from ..semantics.expr import FALSE, TRUE, Expr, Op, eq, inp, not_, or_
from ..semantics.system import WAITING, Rule, RuleKind, TransitionSystem, VarKind
from ..semantics.walks import substitute, variables
from .facts import Prover, Wrong
from .meeting import persistent
from .reading import Step, pinned, settled, touched
from .shapes import Known

MOST_PAIRS = 100_000
Met = Set[tuple[int, int]]  # rules that can be taken in one state, the smaller index first


def may_meet(met: Met | None, a: Rule, b: Rule) -> bool:
    """None: nothing is known."""
    return met is None or (min(a.index, b.index), max(a.index, b.index)) in met


class Pair:
    """Two steps, the inputs of the second renamed, what holds where both guards do put in."""

    def __init__(self, prover: Prover, a: Step, b: Step, known: Known) -> None:
        self.prover, self.a, self.b = prover, a, b
        shift = len(a.rule.inputs)
        self.pins = {**b.pins, **a.pins}
        self.never = any(self.pins[v].value != e.value for v, e in b.pins.items())
        self.premises: list[Expr] = []
        if self.never:
            return

        def other(e: Expr) -> Expr:
            return substitute(e, lambda n: inp(n.index + shift, n.sort) if n.op is Op.INPUT else n)

        self.first = dict(a.updates)
        self.second = {v: other(e) for v, e in b.updates.items()}
        given = [*a.premises, *map(other, b.premises)]
        near = known.about([a.rule.guard, b.rule.guard])
        for _ in range(3):  # what is fixed may fix more
            held = [settled(e, self.pins) for e in (*given, *near)]
            more = {v: e for v, e in pinned(held).items() if v not in self.pins}
            self.never = any(e is FALSE for e in held)
            if self.never or not more:
                break
            self.pins |= more
        self.premises = [e for e in held if e is not TRUE]
        self.other = other

    def impossible(self) -> bool:
        """Do they never meet?"""
        return self.never or self.prover.implies(self.premises, FALSE)

    def here(self, e: Expr) -> Expr:
        return settled(e, self.pins)

    def commute(self) -> bool:
        """Both stay possible, and the order does not matter."""
        first = {v: self.here(e) for v, e in self.first.items()}
        second = {v: self.here(e) for v, e in self.second.items()}

        def after(e: Expr, updates: dict[int, Expr]) -> Expr:
            return settled(e, self.pins | updates)

        goals = [after(self.a.rule.guard, second), after(self.b.rule.guard, first)]
        goals += [after(p, second) for p in self.a.premises if variables([p], Op.INPUT)]
        goals += [after(self.other(p), first) for p in self.b.premises if variables([p], Op.INPUT)]
        for v in first.keys() | second.keys():
            variable = self.prover.model.system.variables[v]
            if variable.kind is not VarKind.GHOST:
                ab = after(self.second[v], first) if v in second else first[v]
                ba = after(self.first[v], second) if v in first else second[v]
                goals.append(eq(ab, ba))
        return all(self.prover.implies(self.premises, g) for g in goals)


def reads(prover: Prover, rule: Rule, values: dict[int, Expr], pins: dict[int, Expr]) -> set[int]:
    """What decides whether and how it is taken, with some variables fixed."""
    terms = [rule.guard, rule.relation, *values.values()]
    if rule.delay is not None:
        terms += [rule.delay.lo, *([rule.delay.hi] if rule.delay.hi is not None else [])]
    terms += prover.tree.asked.get(rule.index, ())
    said = [settled(e, pins) for e in terms] if pins else terms
    return variables(said) | variables(said, Op.POST) | set(rule.reads)


def without_ghosts(prover: Prover, updates: dict[int, Expr]) -> dict[int, Expr]:
    kinds = prover.model.system.variables
    return {v: e for v, e in updates.items() if kinds[v].kind is not VarKind.GHOST}


def meetings(
    prover: Prover, steps: Iterable[Step], kinds: Sequence[VarKind] | None = None
) -> Iterator[tuple[Step, Step]]:
    """Pairs of different threads of which one writes a variable (of some kinds) that the other
    touches."""
    system = prover.model.system
    writers: dict[int, list[Step]] = {}
    touching: dict[int, list[Step]] = {}
    for step in steps:
        solid = without_ghosts(prover, step.updates)
        for v in solid:
            writers.setdefault(v, []).append(step)
        for v in solid.keys() | reads(prover, step.rule, solid, {}):
            touching.setdefault(v, []).append(step)
    seen: set[tuple[int, int]] = set()
    for v, found in writers.items():
        if kinds is not None and system.variables[v].kind not in kinds:
            continue
        if len(found) * len(touching[v]) > MOST_PAIRS:
            raise Wrong("too many pairs of steps")
        for a in found:
            for b in touching[v]:
                key = min(id(a), id(b)), max(id(a), id(b))
                if a.rule.thread != b.rule.thread and key not in seen:
                    seen.add(key)
                    yield a, b


def commuting(
    prover: Prover, facts: Facts, ends: bool, durations: bool, met: Met | None = None
) -> None:
    """Steps of different threads that meet commute; those of one thread are ends of one attempt
    or sides of a choice, which the environment decides; and no clock decides anything.  `ends`: it
    is shown beside that every run comes to where all is over.  `durations`: these are answers, and
    with them whether the time of an attempt is up, and what time it is at a step: an attempt has a
    clock of its own, and nobody who waits for a claim is put before another one.  `met`: pairs
    that meet, where that is known (two that never do are not made to meet by a third, which would
    leave both possible)."""
    system = prover.model.system
    if system.excluded is not FALSE:
        raise Wrong("runs in which an assumption is false do not count")
    attempts = {r.group for r in system.rules if r.group is not None}
    attempts -= {r.group for r in system.rules if r.delay is None}
    for rule in system.rules:
        if rule.kind in (RuleKind.TIMEOUT, RuleKind.INTERRUPT) and prover.model.cases(rule):
            answered = rule.kind is RuleKind.TIMEOUT and rule.group in attempts
            if not (durations and answered):
                raise Wrong("a clock may decide")
    if system.reads_clock and not durations:
        raise Wrong("what the clock says may decide")
    waits = (RuleKind.TIMER, *WAITING)
    if system.choices and any(r.kind in waits and prover.model.cases(r) for r in system.rules):
        raise Wrong("which side of a choice can move may depend on a clock")
    if {"fresh", "quiet"} & set(facts.shapes) and prover.tree.shows(facts.shapes):
        try:
            persistent(prover, ends)
            return
        except Wrong:
            pass  # asked about one by one, they may be
    known = prover.established(facts)
    by_thread: dict[int, list[Step]] = {}
    writers: dict[int, list[Step]] = {}
    for step in prover.model.steps:
        by_thread.setdefault(step.rule.thread, []).append(step)
        for v in step.updates:
            writers.setdefault(v, []).append(step)
    made: dict[tuple[int, int], Pair] = {}

    def beside(a: Step, b: Step) -> Pair:
        """(Whatever else may be possible where `a` is.)"""
        key = id(a), id(b)
        if key not in made:
            made[key] = Pair(prover, a, b, known)
        return made[key]

    for mine in by_thread.values():
        if len(mine) ** 2 > MOST_PAIRS:
            raise Wrong("too many pairs of steps")
        for k, a in enumerate(mine):
            for b in mine[:k]:
                if a.rule is b.rule or not may_meet(met, a.rule, b.rule):
                    continue
                pair = Pair(prover, a, b, known)
                if not _decided(system, a.rule, b.rule) and not pair.impossible():
                    raise Wrong(f"`{a.rule.name}` and `{b.rule.name}` may meet")
                for one, other in ((a, b), (b, a)):
                    _opens(prover, one, other, writers, beside)
    for a, b in meetings(prover, prover.model.steps):
        if not may_meet(met, a.rule, b.rule):
            continue
        pair = Pair(prover, a, b, known)
        if not pair.never and not pair.commute() and not pair.impossible():
            raise Wrong(f"`{a.rule.name}` and `{b.rule.name}` may meet and do not commute")


def _decided(system: TransitionSystem, a: Rule, b: Rule) -> bool:
    """Ends of one attempt, or different sides of one choice."""
    if a.group is not None and a.group == b.group:
        return True
    return any(
        a.index in x and b.index in y
        for sides in system.choices
        for x in sides
        for y in sides
        if x is not y
    )


def _opens(
    prover: Prover,
    one: Step,
    other: Step,
    writers: dict[int, list[Step]],
    beside: Callable[[Step, Step], Pair],
) -> None:
    """No step of another thread makes `other` possible where its thread can take `one`."""
    where = [one.pins.get(prover.model.system.threads[one.rule.thread].location)]
    where.append(other.pins.get(prover.model.system.threads[one.rule.thread].location))
    if None not in where and len({e.value for e in where if e is not None}) > 1:
        return
    reads_ = {v for p in (other.rule.guard, other.rule.relation) for v in touched(p)}
    for step in {id(s): s for v in reads_ for s in writers.get(v, ())}.values():
        if step.rule.thread == one.rule.thread:
            continue
        pair = beside(one, step)
        if pair.never:
            continue
        goal = or_(
            pair.here(other.rule.guard),
            not_(
                settled(
                    other.rule.guard, pair.pins | {v: pair.here(e) for v, e in pair.second.items()}
                )
            ),
        )
        if not prover.implies(pair.premises, goal):
            raise Wrong(f"`{step.rule.name}` may make `{other.rule.name}` possible beside another")
