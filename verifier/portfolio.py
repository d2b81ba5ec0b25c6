"""Which checks run on a system, in what order, and what level each has."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from ..dsl import ast
from ..dsl.errors import NOWHERE, Span
from ..semantics.system import TransitionSystem
from .checks import blocking, conflicts, contracts, coverage, events, obligations, outcomes
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
)
WARNINGS = frozenset(
    {"timing_independent", "no_dead_code", "handled", "idempotency", "starvation_free"}
)
WARNINGS_IMPORTED = WARNINGS | {"terminates"}
NAMED_BY_USER = ("invariant", "always", "requires", "ensures")
CHECKS = (
    *SAFETY,
    "atomicity",
    "deadlock_free",
    "terminates",
    "can_finish",
    "no_dead_code",
    "race_free",
    "timing_independent",
    "deterministic",
)

Progress = Callable[[str], None]


def verify(
    spec: ast.Spec,
    system: TransitionSystem,
    options: Options | None = None,
    *,
    replay: Replay | None = None,
    schedule: Schedule | None = None,
    simulate: Simulate | None = None,
    progress: Progress | None = None,
) -> list[Result]:
    """All results of a spec, in the order of the table.

    `replay` and `schedule` are the interpreter's; a refutation is shown only if both agree.
    `simulate` makes random timed runs of it, for coverage.
    """
    options = options or Options()
    if replay is None or schedule is None:
        raise InternalError("refutations cannot be confirmed without an interpreter")
    session = Session(system, options, replay, schedule, simulate)
    run = _Run(spec, session, progress or (lambda _: None))
    return [run.finish(r) for r in run.all()]


class _Run:
    def __init__(self, spec: ast.Spec, session: Session, progress: Progress) -> None:
        self.spec = spec
        self.session = session
        self.progress = progress
        properties = [*spec.properties, *(p for w in spec.workflows for p in w.properties)]
        self.skips = [p for p in properties if isinstance(p, ast.SkipCheck)]
        self.raised = {n for p in properties if isinstance(p, ast.CheckOn) for n in p.names}
        self.expected = {p.name: p for p in properties if isinstance(p, ast.ExpectRefuted)}
        self.verdicts: dict[str, Verdict] = {}
        self.top = spec.workflows[0].span if spec.workflows else NOWHERE

    def wanted(self, check: str) -> bool:
        only = self.session.options.only
        if any(s.name == check and s.at is None for s in self.skips):
            return False
        return not only or check in only

    # --- running ---------------------------------------------------------------------------

    def all(self) -> Iterator[Result]:
        for s in self.skips:
            if s.at is None and self._selected(s.name, ""):
                yield Result(s.name, "", None, s.span, skipped=s.reason)
        yield from self._safety()
        for check in CHECKS[len(SAFETY) :]:
            if self.wanted(check):
                self.progress(check)
                since = time.monotonic()
                verdict = self.whole(check)
                seconds = time.monotonic() - since
                yield Result(check, "", verdict, self._span(verdict), seconds=seconds)

    def _selected(self, check: str, name: str) -> bool:
        only = self.session.options.only
        return not only or check in only or name in only

    def _safety(self) -> Iterator[Result]:
        names = [c for c in SAFETY if not any(s.name == c and s.at is None for s in self.skips)]
        groups = [
            g
            for g in obligations.claims(self.session.system, names)
            if self._selected(g.check, g.name)
        ]
        self.progress("safety")
        since = time.monotonic()
        verdicts = obligations.decide(self.session, groups)
        seconds = (time.monotonic() - since) / max(1, len(groups))
        shown: set[str] = set()
        for i, group in enumerate(groups):
            verdict = verdicts[i]
            shown.add(group.check)
            yield Result(
                group.check,
                group.name,
                verdict,
                self._span(verdict, group.goals[0].span),
                warning=group.warning,
                seconds=seconds,
            )
        if self._selected("contracts", ""):
            yield from contracts.satisfiable(self.session)
        for check in names:
            if check not in shown and check not in (*NAMED_BY_USER, "assert", "contracts"):
                if self._selected(check, ""):
                    how = NOTHING.get(check, "there is nothing of the kind in this spec")
                    yield Result(check, "", Proved("structure", how), self.top)

    def whole(self, check: str) -> Verdict:
        """The verdict on a check of the whole system; each is made once."""
        if check not in self.verdicts:
            self.verdicts[check] = self._whole(check)
        return self.verdicts[check]

    def _whole(self, check: str) -> Verdict:
        s = self.session
        if s.left() <= 0:
            return Unknown("portfolio", "the time budget is used up (--timeout)")
        match check:
            case "atomicity":
                return events.atomicity(s)
            case "deadlock_free":
                return blocking.deadlock_free(s)
            case "terminates":
                return blocking.terminates(s, self.whole("deadlock_free"))
            case "can_finish":
                return blocking.can_finish(s, self.whole("deadlock_free"), self.whole("terminates"))
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
        """Add the level, and whether a refutation is expected."""
        levels = WARNINGS_IMPORTED if self.spec.imported_from else WARNINGS
        warning = result.warning or result.check in levels
        if self.session.options.strict or result.check in self.raised:
            warning = False
        names = {result.check, result.name} - {""}
        expected = any(n in self.expected for n in names)
        for s in self.skips:
            if s.at is not None and s.name == result.check and s.at in (result.name,):
                return replace(result, verdict=None, skipped=s.reason, warning=warning)
        return replace(result, warning=warning, expected=expected)

    def _span(self, verdict: Verdict, other: Span | None = None) -> Span:
        if isinstance(verdict, Refuted):
            return verdict.span
        return other or self.top


NOTHING = {
    "resources": "no pool is declared",
    "borrows": "no lock is declared",
    "dependencies": "the order of `;` holds by construction: a part has no step before the end "
    "of what comes before it",
    "handled": "no error leaves a workflow that does not declare it",
    "compensated": "there is no saga",
    "exhaustive": "every switch has a default or covers its type",
    "arithmetic": "no expression is partial, and no variable has a range",
}
