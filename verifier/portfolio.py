"""Which checks run on a system, in what order, and what level each has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from ..dsl import ast
from ..dsl.errors import NOWHERE, Span
from ..semantics.idle import settled
from ..semantics.system import Liveness, TransitionSystem
from .abstraction import rests_on
from .assumed import Used
from .cache import Cache, Memory
from .checks import (
    beginnings,
    blocking,
    conflicts,
    contracts,
    coverage,
    ending,
    events,
    liveness,
    loops,
    obligations,
    outcomes,
    simulated,
    vacuity,
)
from .checks.graph import small_graph
from .directives import Directives
from .session import InternalError, Options, Replay, Schedule, Session, Simulate
from .verdict import Proved, Refuted, Result, Unknown, Verdict

SAFETY = (
    "invariant",
    "always",
    "requires",
    "ensures",
    "assert",
    "contracts",
    "resources",
    "borrows",
    "dependencies",
    "handled",
    "compensated",
    "exhaustive",
    "arithmetic",
    "property",
)
WARNINGS = frozenset(
    {"timing_independent", "no_dead_code", "handled", "idempotency", "starvation_free"}
)
WARNINGS_IMPORTED = WARNINGS | {"terminates", "deterministic"}
NAMED_BY_USER = ("invariant", "always", "requires", "ensures", "property")
CHECKS = (
    *SAFETY,
    "atomicity",
    "deadlock_free",
    "terminates",
    "can_finish",
    "starvation_free",
    "no_dead_code",
    "race_free",
    "timing_independent",
    "deterministic",
)

WHOLE = CHECKS[len(SAFETY) :]

Progress = Callable[[str | Result], None]
OVER = "the time budget was used up (--timeout)"
SLOT = 0.5  # the part of what is left that a check may use while others wait


def verify(
    spec: ast.Spec,
    system: TransitionSystem,
    options: Options | None = None,
    *,
    replay: Replay | None = None,
    schedule: Schedule | None = None,
    simulate: Simulate | None = None,
    progress: Progress | None = None,
    cache: Cache | None = None,
) -> list[Result]:
    """All results of a spec, in the order of the table.

    `replay` and `schedule` are the interpreter's; a refutation is shown only if both agree.
    `simulate` makes random timed runs of it, for coverage.  `progress` hears what is being done
    and each result when it is sure; only whether a proved one was expected to be refuted shows at
    the end.  `cache` has proofs that were found before.
    """
    options = options or Options()
    if replay is None or schedule is None:
        raise InternalError("refutations cannot be confirmed without an interpreter")
    session = Session(settled(system), options, replay, schedule, simulate)
    run = _Run(spec, session, progress or (lambda _: None), cache)
    results: list[Result] = []
    for found in run.all():
        result = run.finish(found)
        results.append(result)
        run.progress(result)
    return run.said.fulfilled(in_order(results), bool(session.options.only))


def in_order(results: Iterable[Result]) -> list[Result]:
    """As in the table, whatever was known first: claims, what there is nothing of, checks of the
    whole system."""
    return sorted(results, key=_place)


def _place(result: Result) -> int:
    if result.verdict is None:
        return 0
    if result.check in WHOLE:
        return 2 + WHOLE.index(result.check)
    return int(_nothing_of_the_kind(result.verdict))


class _Run:
    def __init__(
        self, spec: ast.Spec, session: Session, progress: Progress, cache: Cache | None
    ) -> None:
        self.spec = spec
        self.session = session
        self.progress = progress
        self.said = Directives(spec)
        self.verdicts: dict[str, Verdict] = {}
        self.waiting: set[str] = set()
        self.used = Used(session, spec)
        self.top = spec.workflows[0].span if spec.workflows else NOWHERE
        self.memory = Memory(cache, session.system)

    def wanted(self, check: str) -> bool:
        only = self.session.options.only
        if any(s.name == check and s.at is None for s in self.said.skips):
            return False
        return not only or check in only

    # --- running ---------------------------------------------------------------------------

    def all(self) -> Iterator[Result]:
        nothing = beginnings.no_arguments(self.session, self.spec)
        if nothing is not None:
            yield nothing
            if isinstance(nothing.verdict, Refuted):
                self.said.missed.clear()
                return  # of no run anything is true
        for s in self.said.skips:
            if s.at is None and self._selected(s.name, ""):
                yield Result(s.name, "", None, s.span, skipped=s.reason + self.said.in_vain(s.name))
        self.waiting = {c for c in WHOLE if self.wanted(c)}
        soon = [c for c in WHOLE if self.wanted(c) and self._is_soon_known(c)]
        yield from self._nothing()
        for check in soon:
            yield from self._one(check)
        yield from self._safety()
        for check in WHOLE:
            if self.wanted(check) and check not in soon:
                yield from self._one(check)
        yield from self._liveness()

    def _liveness(self) -> Iterator[Result]:
        """Properties about what comes at last: they rest on whether runs end."""
        named: dict[str, list[Liveness]] = {}
        for goal in self.session.system.liveness:
            if self._selected("property", goal.name) and "property" in self._unskipped():
                named.setdefault(goal.name, []).append(goal)
        for name, goals in named.items():
            self.progress(name)
            since = time.monotonic()
            verdict: Verdict = Unknown("portfolio", OVER)
            with self.session.limit():
                ends = self.whole("terminates")
                verdict = liveness.property_holds(self.session, goals, ends)
                claim = obligations.Claim("property", name, tuple(g.at_end for g in goals))
                verdicts = {0: verdict}
                verdict = (verdicts | vacuity.warned(self.session, self.spec, [claim], verdicts))[0]
            seconds = time.monotonic() - since
            span = self._span(verdict, goals[0].at_end.span)
            yield Result("property", name, verdict, span, seconds=seconds)

    def _is_soon_known(self, check: str) -> bool:
        """Structure alone decides it: nothing has to be searched."""
        match check:
            case "atomicity":
                return True
            case "deadlock_free":
                return blocking.is_structural(self.session)
            case "terminates" | "can_finish":
                return not self.session.system.loops and blocking.is_structural(self.session)
        return False

    def _one(self, check: str) -> Iterator[Result]:
        self.progress(check)
        since = time.monotonic()
        verdict = self.whole(check)
        seconds = time.monotonic() - since
        yield Result(check, "", verdict, self._span(verdict), seconds=seconds)
        if check == "terminates":
            yield from self._measures()

    def _measures(self) -> Iterator[Result]:
        """What the spec says that falls with every round, and is not seen to."""
        for loop in self.session.system.loops:
            since = time.monotonic()
            why = loops.unproved_measure(self.session, loop)
            if why:
                verdict, seconds = Unknown("ranking", why), time.monotonic() - since
                yield Result("terminates", "decreases", verdict, loop.span, True, seconds)

    def _selected(self, check: str, name: str) -> bool:
        only = self.session.options.only
        return not only or check in only or name in only

    def _claims(self) -> list[obligations.Claim]:
        return [
            g
            for g in obligations.claims(self.session.system, self._unskipped())
            if self._selected(g.check, g.name)
        ]

    def _unskipped(self) -> list[str]:
        return [c for c in SAFETY if not any(s.name == c and s.at is None for s in self.said.skips)]

    def _nothing(self) -> Iterator[Result]:
        """Checks of whose kind there is nothing in the spec."""
        shown = {g.check for g in self._claims()} | {*NAMED_BY_USER, "assert", "contracts"}
        for check in self._unskipped():
            if check not in shown and self._selected(check, ""):
                how = NOTHING.get(check, NOTHING_ELSE)
                yield Result(check, "", Proved("structure", how), self.top)

    def _safety(self) -> Iterator[Result]:
        groups = self._claims()
        self.progress("safety")
        since = time.monotonic()
        known = self.memory.claims(groups)
        wanted = [i for i in range(len(groups)) if i not in known]
        found = self._decided([groups[i] for i in wanted])
        verdicts: dict[int, Verdict] = {**known, **{i: found[k] for k, i in enumerate(wanted)}}
        self.memory.learn(groups, verdicts)
        seconds = (time.monotonic() - since) / max(1, len(groups))
        for i, group in enumerate(groups):
            verdict = verdicts[i]
            yield Result(
                group.check,
                group.name,
                verdict,
                self._span(verdict, group.goals[0].span),
                warning=group.warning,
                seconds=seconds,
            )
        if self._selected("contracts", ""):
            yield from self._contracts()

    def _decided(self, groups: Sequence[obligations.Claim]) -> dict[int, Verdict]:
        verdicts: dict[int, Verdict] = {}
        with self.session.slot(SLOT if self.waiting else 1.0):
            with self.session.limit():
                verdicts |= small_graph(self.session, groups)
            left = [i for i in range(len(groups)) if i not in verdicts]
            more = obligations.decide(self.session, [groups[i] for i in left])
        verdicts |= {i: more[k] for k, i in enumerate(left)}
        with self.session.slot(SLOT if self.waiting else 1.0), self.session.limit():
            verdicts |= self._simulated(groups, verdicts)
            verdicts |= vacuity.warned(self.session, self.spec, groups, verdicts)
        return verdicts

    def _contracts(self) -> Iterator[Result]:
        found: list[Result] = []
        with self.session.limit() as limit:
            for result in contracts.satisfiable(self.session):
                found.append(result)
            for result in beginnings.never_passed(self.session):
                found.append(result)
        yield from found
        if limit.late:
            yield Result("contracts", "others", Unknown("portfolio", OVER), self.top)

    def _simulated(
        self, groups: Sequence[obligations.Claim], verdicts: dict[int, Verdict]
    ) -> dict[int, Verdict]:
        """Refutations of claims that are open."""
        wanted = [
            (i, goal)
            for i, group in enumerate(groups)
            if isinstance(verdicts[i], Unknown)
            for goal in group.goals
        ]
        found = simulated.violated(self.session, [goal for _, goal in wanted])
        out: dict[int, Verdict] = {}
        for k, verdict in found.items():
            i = wanted[k][0]
            out[i] = obligations.together([verdict, *([out[i]] if i in out else [])])
        return out

    def whole(self, check: str) -> Verdict:
        """The verdict on a check of the whole system; each is made once."""
        if check not in self.verdicts:
            self.waiting.discard(check)
            with self.session.slot(SLOT if self.waiting else 1.0):
                self.verdicts[check] = self.memory.whole(check) or Unknown("portfolio", OVER)
                if isinstance(self.verdicts[check], Unknown):
                    with self.session.limit():
                        self.verdicts[check] = self._whole(check)
                    self.memory.learn_whole(check, self.verdicts[check])
        return self.verdicts[check]

    def _whole(self, check: str) -> Verdict:
        s = self.session
        if s.left() <= 0:
            return Unknown("portfolio", "the time budget was used up before it began (--timeout)")
        match check:
            case "atomicity":
                return events.atomicity(s)
            case "deadlock_free":
                return blocking.deadlock_free(s)
            case "terminates":
                return ending.terminates(s, self.whole("deadlock_free"))
            case "can_finish":
                return ending.can_finish(s, self.whole("deadlock_free"), self.whole("terminates"))
            case "starvation_free":
                return liveness.starvation_free(
                    s, self.whole("deadlock_free"), self.whole("terminates")
                )
            case "no_dead_code":
                return coverage.no_dead_code(s)
            case "race_free":
                return conflicts.race_free(s)
            case "timing_independent":
                return outcomes.timing_independent(s, self.whole("deadlock_free"))
            case "deterministic":
                return outcomes.deterministic(
                    s, self.whole("deadlock_free"), self.whole("timing_independent")
                )
        raise AssertionError(check)

    # --- levels ----------------------------------------------------------------------------

    def finish(self, result: Result) -> Result:
        """Add the level, what the verdict rests on, and whether a refutation is expected."""
        levels = WARNINGS_IMPORTED if self.spec.imported_from else WARNINGS
        warning = result.warning or result.check in levels
        if self.session.options.strict or result.check in self.said.raised:
            warning = False
        reason = self.said.skipped(result)
        if reason is not None:
            return replace(result, verdict=None, skipped=reason, warning=warning)
        verdict = result.verdict
        if verdict is not None and not _nothing_of_the_kind(verdict):
            if isinstance(verdict, Proved):
                verdict = replace(verdict, assumptions=self.used.by(result, self.verdicts))
            verdict = rests_on(self.spec, self.session.system, replace(result, verdict=verdict))
        done = replace(result, verdict=verdict, warning=warning)
        return replace(done, expected=self.said.expects(done))

    def _span(self, verdict: Verdict, other: Span | None = None) -> Span:
        if isinstance(verdict, Refuted):
            return verdict.span
        return other or self.top


def _nothing_of_the_kind(verdict: Verdict) -> bool:
    """Proved of any runs at all."""
    return isinstance(verdict, Proved) and verdict.how in (NOTHING_ELSE, *NOTHING.values())


NOTHING_ELSE = "there is nothing of the kind in this spec"
NOTHING = {
    "resources": "no pool is declared",
    "borrows": "no lock is declared",
    "dependencies": "the order of `;` holds by construction: a part has no step before the end "
    "of what comes before it",
    "handled": "no error leaves a workflow that does not declare it",
    "compensated": "there is no saga",
    "exhaustive": "there is no switch, or each has a default or covers its type",
    "arithmetic": "every division, index, option and range is safe as it is written, or there is "
    "none",
}
