"""Checks whose claims are obligations of states and steps: safety.

Structure first, then induction over the rules, then search on the cone of each claim.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...dsl.records import dataclass
from ...semantics import evidence as evidence_
from ...semantics.evidence import Part
from ...semantics.expr import FALSE, Expr
from ...semantics.system import Obligation, TransitionSystem, VarKind
from ...semantics.words import in_words
from ..engines.common import Budget, stutter, touched, written
from ..session import Session, breaks_obligation
from ..verdict import Proved, Refuted, Unknown, Verdict
from .peaks import by_structure, figure
from .shortened import shortened

if TYPE_CHECKING:
    from ..engines.search import Finding


MOST_RULES = 2_000  # to guess what branches hold
MOST_TOGETHER = 200  # goals that are asked about with one list of candidates


@dataclass(frozen=True, slots=True)
class Claim:
    """What one line of the table is about: all these goals must hold."""

    check: str
    name: str
    goals: tuple[Obligation, ...]
    warning: bool = False


def claims(system: TransitionSystem, wanted: Iterable[str]) -> list[Claim]:
    """The obligations of the wanted checks, grouped by check and name, in order of place."""
    names = set(wanted)
    groups: dict[tuple[str, str, bool], list[Obligation]] = {}
    for o in system.obligations:
        if o.check in names:
            groups.setdefault((o.check, o.name, o.warning), []).append(o)
    return [Claim(c, n, tuple(g), w) for (c, n, w), g in groups.items()]


def decide(
    session: Session,
    groups: Sequence[Claim],
    settled: Callable[[Mapping[int, Verdict]], None] = lambda _: None,
) -> dict[int, Verdict]:
    """A verdict for each claim, by its position.  `settled` hears of those that are sure, as soon
    as they are."""
    goals = [g for c in groups for g in c.goals]
    claim_of = [i for i, c in enumerate(groups) for _ in c.goals]
    mine: dict[int, list[int]] = {i: [] for i in range(len(groups))}
    for k, i in enumerate(claim_of):
        mine[i].append(k)
    deciding = _Deciding(session, goals, claim_of)
    told: set[int] = set()
    for _ in deciding.run():
        closed = set(mine) - {claim_of[k] for k in deciding.open()} - told
        told |= closed
        found = {i: together(deciding.answers(mine[i])) for i in sorted(closed)}
        settled({i: v for i, v in found.items() if not isinstance(v, Unknown)})
    return {i: together(deciding.answers(mine[i])) for i in mine}


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Of several goals: refuted if one is (the shortest run), unknown if one is, else proved."""
    refuted = [v for v in verdicts if isinstance(v, Refuted)]
    if refuted:
        return min(refuted, key=lambda v: len(v.trace.steps))
    unknown = [v for v in verdicts if isinstance(v, Unknown)]
    if unknown:
        return unknown[0]
    proved = [v for v in verdicts if isinstance(v, Proved)]
    engines = list(dict.fromkeys(v.engine for v in proved))
    how = list(dict.fromkeys(v.how for v in proved if v.how))
    figures = list(dict.fromkeys(v.figure for v in proved if v.figure))
    evidence = tuple(
        Part(p.evidence, (k,))
        for k, v in enumerate(verdicts)
        if isinstance(v, Proved)
        for p in v.evidence
    )
    words = "\n".join(how[:6])
    return Proved(", ".join(engines), words, ", ".join(figures[:2]), evidence=evidence)


def _claims(system: TransitionSystem) -> set[int]:
    return {v.index for v in system.variables if v.kind is VarKind.USED}


class _Deciding:
    """One pass over the engines; a goal leaves when it is decided, or its claim is refuted."""

    def __init__(
        self, session: Session, goals: Sequence[Obligation], claim_of: Sequence[int]
    ) -> None:
        self.claim_of = claim_of  # by goal
        self.session = session
        self.system = session.system
        self.goals = goals
        self.verdicts: list[Verdict | None] = [None] * len(goals)
        self.tried: dict[int, str] = {}
        self.known: list[Expr] = []  # invariants that induction has found by the way

    def run(self) -> Iterator[None]:
        """After each step it may be asked what is sure."""
        attempts: tuple[tuple[str, Callable[[], None]], ...] = (
            ("structure", self._structure),
            ("induction", lambda: self._induction(guess=False)),
            ("induction", self._held),
            ("search", lambda: self._alone(300, 0.3, 0.05)),
            ("search", lambda: self._abstract(300, 0.3)),
            ("counting", lambda: self._counts(10.0, 0.2)),
            ("affine", lambda: self._equations(0.5, 0.05)),
            ("chc", lambda: self._horn(0.5, 0.05)),
            ("search", lambda: self._alone(20_000, 2.0, 0.15)),
            ("search", lambda: self._abstract(60_000, 2.5)),
            ("induction", lambda: self._induction(guess=True)),
            ("affine", lambda: self._equations(5.0, 0.15)),
            ("chc", lambda: self._horn(10.0, 0.5)),
            ("search", lambda: self._solo(3_000, 1.5)),
            ("bounded", lambda: self._unrolled(5.0, 0.15)),
            (
                "search",
                lambda: self._abstract(self.session.options.max_states, self.session.share(0.25)),
            ),
            (
                "search",
                lambda: self._solo(self.session.options.max_states, self.session.share(0.25)),
            ),
            ("search", self._exact),
        )
        limit = self.session.limit()
        for engine, attempt in attempts:
            if not self.open() or limit.late:
                return
            if self.session.may(engine):
                with limit:
                    attempt()
                yield

    def open(self) -> list[int]:
        """Goals that are still to be decided."""
        over = {self.claim_of[k] for k, v in enumerate(self.verdicts) if isinstance(v, Refuted)}
        return [
            k for k, v in enumerate(self.verdicts) if v is None and self.claim_of[k] not in over
        ]

    def answers(self, goals: Sequence[int]) -> list[Verdict]:
        """By now; of what is not decided, why."""
        out: list[Verdict] = []
        for k in goals:
            verdict = self.verdicts[k]
            out.append(verdict or Unknown("search", self.tried.get(k, "no engine decided it")))
        return out

    def _structure(self) -> None:
        for k, verdict in by_structure(self.session, self.goals).items():
            self.verdicts[k] = verdict

    def _induction(self, guess: bool) -> None:
        from ..engines.induction import ALL, NOTHING, Inductive, prove_invariants
        from ..engines.templates import ranges

        left = self.open()
        if not left:
            return
        goals = [self.goals[k] for k in left]
        # Large systems have these settled by structure or not at all.
        small = len(self.system.rules) <= 2_000
        control = self.session.structure.never_entered() if small else []
        budget = Budget(self.session.share(0.3))
        declared = ranges(self.system, goals) if small and not guess else []
        candidates = [*control, *declared, *self.known]
        most = ALL if guess else NOTHING
        found = prove_invariants(self.system, candidates, goals, budget, most)
        self.known = found.invariants
        for k, answer in zip(left, found.answers, strict=True):
            if isinstance(answer, Inductive):
                self.verdicts[k] = self._inductive("induction", answer.invariants, k)

    def _held(self) -> None:
        """What is in use is what the branches hold where they are, also where that depends on
        data."""
        from ..engines.linking import terms

        used = _claims(self.system)
        asked = set[int]().union(*(touched(self.goals[k].cond) & used for k in self.open()))
        if not asked or len(self.system.rules) > MOST_RULES:
            return
        facts = terms(self.system, sorted(asked), self.session.linking.above)
        mine = [k for k in self.open() if touched(self.goals[k].cond) & asked]
        self._inductive_with(
            mine, [*facts, *self.known], "induction", Budget(self.session.share(0.1))
        )

    def _counts(self, seconds: float, part: float) -> None:
        """What branches have added up, by their places."""
        from ..engines.adding import added
        from ..engines.counting import suggest

        # (Bounds are few, and often enough; equations are many.)
        above = self.session.linking.above
        self._suggested("counting", lambda g, _: added(self.system, g, above), seconds, part)
        self._suggested("counting", lambda g, _: suggest(self.system, g, above), seconds, part)

    def _equations(self, seconds: float, part: float) -> None:
        """Equations between numbers, place by place."""
        from ..engines.affine import suggest

        self._suggested("affine", lambda g, s: suggest(self.system, g, s), seconds, part)

    def _horn(self, seconds: float, part: float) -> None:
        """Invariants that Spacer suggests."""
        from ..engines.chc import suggest

        self._suggested("chc", lambda g, s: suggest(self.system, g, self.known, s), seconds, part)

    def _suggested(
        self,
        engine: str,
        suggest: Callable[[Obligation, float], list[Expr]],
        seconds: float,
        part: float,
    ) -> None:
        """Invariants that an engine suggests count if induction over all rules confirms them."""
        until = time.monotonic() + self.session.share(part)
        for k in self.open():
            left = min(seconds, until - time.monotonic())
            if left <= 0:
                return
            if self.verdicts[k] is not None:
                continue
            candidates = suggest(self.goals[k], left)
            if candidates:
                budget = Budget(max(left, 1.0))
                candidates += self.known
                # What one goal lacks is often what the others lack, too.
                mine = [k, *(j for j in self.open() if j != k)][:MOST_TOGETHER]
                self._inductive_with(mine, candidates, engine, budget)

    def _inductive_with(
        self, mine: Sequence[int], candidates: Sequence[Expr], engine: str, budget: Budget
    ) -> None:
        from ..engines.induction import NOTHING, Inductive, prove_invariants

        goals = [self.goals[j] for j in mine]
        found = prove_invariants(self.system, candidates, goals, budget, NOTHING)
        # What holds besides may be what another goal, or another engine, lacks.
        seen = {id(e) for e in self.known}
        self.known += [e for e in found.invariants if id(e) not in seen]
        for j, answer in zip(mine, found.answers, strict=True):
            if isinstance(answer, Inductive):
                self.verdicts[j] = self._inductive(engine, answer.invariants, j)

    def _inductive(self, engine: str, invariants: tuple[Expr, ...], k: int) -> Proved:
        evidence = (Part(evidence_.Inductive(evidence_.Facts(invariants)), (0,)),)
        return Proved(
            engine, self._words(invariants), figure(self.session, self.goals[k]), evidence=evidence
        )

    def _unrolled(self, seconds: float, part: float) -> None:
        """Deep runs over unbounded data."""
        from ..engines.bounded import find
        from ..engines.search import Violated
        from ..engines.slice import slice_for

        for k in self.open():
            cone = slice_for(self.system, [self.goals[k]])
            trace = find(self.system, self.goals[k], cone, min(seconds, self.session.share(part)))
            if trace is not None:
                self._note_refutations({k: Violated(trace)}, "bounded")

    def _words(self, invariants: Sequence[Expr]) -> str:
        shown = [in_words(self.system, e, 160) for e in invariants[:8]]
        more = f" (and {len(invariants) - 8} more)" if len(invariants) > 8 else ""
        if len(invariants) == 1:
            return f"it holds at the start, and every step keeps it: {shown[0]}"
        return "hold at the start, and every step keeps them all: " + "; ".join(shown) + more

    def _alone(self, states: int, seconds: float, part: float) -> None:
        """Each claim by itself, with its instance alone, whatever the others write: more runs, so
        good for proofs."""
        if len({r.instance for r in self.system.rules}) < 2:
            if len({self.claim_of[k] for k in self.open()}) < 2:
                return  # as together
        until = time.monotonic() + self.session.share(part)
        groups: dict[tuple[int, int], set[int]] = {}
        for k in self.open():
            instance = self._instance(self.goals[k])
            if instance is not None:
                # Claims one by one: each for itself often depends on little.
                groups.setdefault((instance, self.claim_of[k]), set()).add(k)
        claims = _claims(self.system)
        cuts: dict[int, set[int]] = {}
        # What is about little first.
        size = {
            g: len({v for k in ks for v in touched(self.goals[k].cond)}) for g, ks in groups.items()
        }
        for (instance, _), only in sorted(groups.items(), key=lambda g: size[g[0]]):
            left = min(seconds, until - time.monotonic())
            if left <= 0:
                return
            if instance not in cuts:
                others = (r for r in self.system.rules if r.instance != instance)
                cuts[instance] = claims.union(*(written(r) for r in others))
            self._search(cuts[instance], self.system, states, left, proofs_only=True, among=only)

    def _abstract(self, states: int, seconds: float) -> None:
        """Others' claims cut away: more runs, so good for proofs."""
        used = _claims(self.system)
        self._search(used, self.system, states, seconds, proofs_only=bool(used))

    def _solo(self, states: int, seconds: float) -> None:
        """Only the instance that a goal is about moves: fewer runs, so good for refutations."""
        instances = {self._instance(self.goals[k]) for k in self.open()}
        if len(self.system.instances) < 2:
            return
        for instance in sorted(i for i in instances if i is not None):
            rules = tuple(
                r if r.instance == instance else replace(r, guard=FALSE) for r in self.system.rules
            )
            solo = replace(self.system, rules=rules)
            only = {k for k in self.open() if self._instance(self.goals[k]) == instance}
            self._search(set(), solo, states, seconds, refutations_only=True, among=only)

    def _exact(self) -> None:
        limit = self.session.options.max_states
        self._search(set(), self.system, limit, self.session.share(0.25))

    def _instance(self, goal: Obligation) -> int | None:
        """The one instance that a goal speaks of."""
        found = {self.system.variables[v].instance for v in touched(goal.cond)}
        if goal.rule is not None:
            found.add(self.system.rules[goal.rule].instance)
        found.discard(None)
        return found.pop() if len(found) == 1 else None

    def _search(
        self,
        cut: set[int],
        system: TransitionSystem,
        states: int,
        seconds: float,
        *,
        proofs_only: bool = False,
        refutations_only: bool = False,
        among: set[int] | None = None,
    ) -> None:
        from ..engines.search import explore
        from ..engines.slice import slice_for, steps_stutter

        groups: dict[tuple[bool, int | None], list[int]] = {}
        for k in self.open():
            if among is None or k in among:
                goal = self.goals[k]
                # What speaks of every step is not known of those that a slice leaves out.
                everywhere = goal.every_step and not steps_stutter(goal)
                groups.setdefault((everywhere, self._instance(goal)), []).append(k)
        until = time.monotonic() + max(seconds, self.session.share(0.15))
        looks = [(m, k[0], False) for k, m in groups.items()]
        if not cut:
            looks += [(m, False, True) for k, m in groups.items() if k[0]]
        for members, everywhere, all_rules in looks:
            # One violation refutes a claim; where no time fits it, each goal may have its own.
            for one in (True, False):
                left = [k for k in members if self.verdicts[k] is None]
                if not left or self.session.left() <= 0 or time.monotonic() > until:
                    break
                goals = [self.goals[k] for k in left]
                together = [self.claim_of[k] for k in left]
                if everywhere:  # then it is known of a step that leaves all of it as it is
                    goals += [replace(g, cond=stutter(g.cond), every_step=False) for g in goals]
                    together += [len(self.goals) + k for k in left]
                result = explore(
                    system,
                    goals,
                    max_states=states,
                    seconds=min(seconds, self.session.left()),
                    cone=None if all_rules else slice_for(system, goals, cut),
                    reduce=True,
                    together=together if one else None,
                )
                found = dict(zip(left, result.findings, strict=False))
                if not refutations_only:
                    self._note_proofs(found)
                if proofs_only or not self._note_refutations(found):
                    break

    def _note_proofs(self, found: Mapping[int, Finding]) -> None:
        from ..engines.search import Holds, Open

        for k, finding in found.items():
            if isinstance(finding, Holds):
                n = finding.states
                how = f"all {n} states that can matter were visited: nothing there breaks it"
                if finding.up_to:
                    how += f" (of states that differ by {finding.up_to}, one was looked at)"
                if finding.by:
                    how += f" ({finding.by})"
                self.verdicts[k] = Proved("search", how, f"{n} states")
            elif isinstance(finding, Open):
                self.tried[k] = f"{finding.reason} (no violation within {finding.depth} steps)"

    def _note_refutations(self, found: Mapping[int, Finding], engine: str = "search") -> bool:
        """The shortest of each claim; whether there is a claim of which none could be shown."""
        from ..engines.search import Violated

        traces = [(k, f.trace) for k, f in found.items() if isinstance(f, Violated)]
        traces.sort(key=lambda item: len(item[1].steps))
        shown: set[int] = set()
        for k, trace in traces:
            if self.claim_of[k] not in shown:
                goal = self.goals[k]
                breaks = breaks_obligation(self.system, goal)
                if engine != "search":  # which finds the shortest
                    trace = shortened(self.session, trace, breaks)
                verdict = self.session.confirm(engine, goal.message, trace, goal.span, breaks)
                self.verdicts[k] = verdict
                if isinstance(verdict, Refuted):
                    shown.add(self.claim_of[k])
        return not {self.claim_of[k] for k, _ in traces} <= shown
