"""Which checks run on a system, in what order, and what level each has."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from ..dsl import ast
from ..dsl.errors import NOWHERE, Span
from ..semantics.idle import settled
from ..semantics.system import TransitionSystem
from .abstraction import rests_on
from .assumed import Used
from .cache import Cache, Memory
from .checks import beginnings, blocking, obligations
from .checks.graph import small_graph
from .chosen import allowed
from .directives import Directives
from .dispatch import Dispatch
from .growth import assumed
from .lifting import Lifting, kind_of
from .session import InternalError, Options, Replay, Schedule, Session, Simulate
from .tasks import GROUPS, NEEDS, PROPERTY, Checks, Found, Kind, Task, limits_by_line
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
    "idempotency",
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
    "messages",
    "no_dead_code",
    "race_free",
    "timing_independent",
    "deterministic",
)

WHOLE = CHECKS[len(SAFETY) :]

Progress = Callable[[str | Result], None]
WEIGHT = 3.0  # of the claims together, in sharing out the time


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
    growth: Mapping[str, Verdict] | None = None,
) -> list[Result]:
    """All results of a spec, in the order of the table.

    `replay` and `schedule` are the interpreter's; a refutation is shown only if both agree.
    `simulate` makes random timed runs of it, for coverage.  `progress` hears what is being done
    and each result when it is sure; only whether a proved one was expected to be refuted shows at
    the end.  `cache` has proofs that were found before.  `growth`: of each channel without a bound,
    whether it has one all the same (see `growth.fitted`); nothing counts for more than that.
    """
    options = options or Options()
    if replay is None or schedule is None:
        raise InternalError("refutations cannot be confirmed without an interpreter")
    unasked = Unknown("", "whether it grows without bound was not asked")
    known = {c.name: (growth or {}).get(c.name, unasked) for c in system.open_channels}
    session = Session(settled(assumed(system, known)), options, replay, schedule, simulate)
    session.growth, session.spec = known, spec
    run = _Run(spec, session, progress or (lambda _: None), cache)
    results: list[Result] = []
    with closing(run.all()) as lines:
        for found in lines:
            result = run.finish(found)
            results.append(result)
            run.progress(result)
    return run.said.fulfilled(in_order(results, system), bool(session.options.only))


def in_order(results: Iterable[Result], system: TransitionSystem) -> list[Result]:
    """As in the table, whatever was known first: whole checks that are skipped, claims in the
    order of the spec, what there is nothing of, checks of the whole system."""
    spots: dict[tuple[str, str], int] = {}
    for o in system.obligations:
        spots.setdefault((o.check, o.name), len(spots))

    def place(result: Result) -> tuple[int, int, int, int, str]:
        # (Lines may have one name: one at each level, a claim and what is said of contracts.)
        at = (result.span.line, result.span.col, type(result.verdict).__name__)
        return *kind(result), *at

    def kind(result: Result) -> tuple[int, int]:
        spot = spots.get((result.check, result.name))
        if result.verdict is None:
            return 0, -1 if spot is None else spot
        if result.check == "timeouts":
            return 1, len(spots) + 2
        if result.check in WHOLE:
            return 2 + WHOLE.index(result.check), 0
        if spot is None:
            spot = len(spots) + (result.check != "contracts")
        return int(_nothing_of_the_kind(result.verdict)), spot

    return sorted(results, key=place)


class _Run:
    def __init__(
        self, spec: ast.Spec, session: Session, progress: Progress, cache: Cache | None
    ) -> None:
        self.spec = spec
        self.session = session
        self.progress = progress
        self.said = Directives(spec)
        self.verdicts: dict[str, Verdict] = {}
        self.used = Used(session, spec)
        self.top = spec.workflows[0].span if spec.workflows else NOWHERE
        self.many = bool(session.system.any_number)
        # What is remembered of a few instances is not true of any number of them.
        self.memory = Memory(None if self.many else cache, session.system)
        self.claims = self._claims()
        self.lifting = Lifting(session, spec, self.claims)
        self.checks = Checks(session, spec, self.claims, self.top, self.memory.whole)

    def wanted(self, check: str) -> bool:
        only = self.session.options.only
        if any(s.name == check and s.at is None for s in self.said.skips):
            return False
        if check == "messages" and not (self.session.system.channels or self.session.piling):
            return check in (*only, *self.said.raised)
        return not only or check in only

    # --- running ---------------------------------------------------------------------------

    def all(self) -> Generator[Result, None, None]:
        """First what is sure at once, in this process; then the rest, in others beside it."""
        nothing = beginnings.no_arguments(self.session, self.spec)
        if nothing is not None:
            yield nothing
            if isinstance(nothing.verdict, Refuted):
                self.said.missed.clear()
                return  # of no run anything is true
        for s in self.said.skips:
            if s.at is None and self._selected(s.name, ""):
                yield Result(s.name, "", None, s.span, skipped=s.reason + self.said.in_vain(s.name))
        yield from self._nothing()
        if self.many:
            self._piling()
        grown = [v for v in self.session.bounds().values() if isinstance(v, Refuted)]
        if grown and self.wanted("messages"):
            self.verdicts["messages"] = obligations.together(grown)
            soon = Task(Kind.WHOLE, "soon", "messages")
            yield from self._lines(soon, Found({"messages": self.verdicts["messages"]}))
        if self.many or any(not isinstance(v, Proved) for v in self.session.growth.values()):
            yield from self._in_general()
        yield from self._rare()
        for check in WHOLE:
            if self.wanted(check) and self._is_soon_known(check):
                yield from self._soon(check)
        left = yield from self._small()
        dispatch = Dispatch(self.checks, self._tasks(left), self.verdicts, self.progress)
        shown: set[int | str] = set()
        try:
            for task, found in dispatch.run():
                shown |= found.verdicts.keys()
                yield from self._lines(task, found)
        except KeyboardInterrupt:
            sure = {i: v for i, v in dispatch.settled.items() if i not in shown}
            yield from self._lines(Task(Kind.CLAIMS, "claims"), Found(sure))
            raise

    def _piling(self) -> None:
        only = self.session.options.only
        arrive = any(g.between is not None for g in self.session.system.any_number)
        if arrive and (not only or "messages" in only):
            from .checks.piling import piling

            self.progress("messages of those that arrive")
            with self.session.limit():
                self.session.piling = piling(self.session, self.spec)

    def _rare(self) -> Iterator[Result]:
        """What few specs have, so that only they import it."""
        if self.session.system.controls and self.wanted("stability"):
            from .checks.stability import stability

            yield from stability(self.session)
        spec = self.spec
        stated = {type(p) for p in spec.properties}
        stated |= {type(p) for w in spec.workflows for p in w.properties}
        if ast.Equivalent in stated:
            from .checks.equivalences import equivalences

            yield from equivalences(self.session, spec, self._selected)
        if ast.Law in stated:
            from .checks.laws import laws

            yield from laws(self.session, spec, self._selected)

    def _in_general(self) -> Iterator[Result]:
        """What is proved whatever the number of instances, or of messages in channels without a
        bound; the rest may be refuted by a few."""
        since = time.monotonic()
        if self.many:
            self.progress("any number of instances")
            named = self._comes_at_last()
            needed = self._needed(named)
            whole = [c for c in WHOLE if c in needed]
            asked = whole, named, [t.name for t in self._limits()]
            found = self.lifting.of_any_number(self.verdicts, *asked)
        else:
            self.progress("channels that grow")
            found = self.lifting.of_any_room(self.verdicts)
        share = (time.monotonic() - since) / max(1, len(found))
        for kind in (Kind.CLAIMS, Kind.WHOLE, Kind.LIVENESS, Kind.LIMIT):
            mine = {k: v for k, v in found.items() if kind_of(k) is kind}
            yield from self._lines(Task(kind, "any"), Found(mine, seconds=share * len(mine)))

    def _is_soon_known(self, check: str) -> bool:
        """Structure alone decides it: nothing has to be searched."""
        if check in self.verdicts:
            return False
        match check:
            case "atomicity":
                return True
            case "deadlock_free":
                return blocking.is_structural(self.session)
            case "messages":
                return not self.session.system.channels
            case "terminates" | "can_finish":
                return not self.session.system.loops and blocking.is_structural(self.session)
        return False

    def _soon(self, check: str) -> Iterator[Result]:
        """At once, with what it follows from."""
        for name in (*NEEDS.get(check, ()), check):
            if name not in self.verdicts:
                self.progress(name)
                task = Task(Kind.WHOLE, "soon", name)
                found = self.checks.perform(task, self.verdicts, lambda _: None)
                self.verdicts[name] = found.verdicts[name]
                yield from self._lines(task, found)

    def _small(self) -> Generator[Result, None, list[int]]:
        """The graph of a small system, for all that comes, and what it says of the claims.  Claims
        that were proved before are done with; the others are left."""
        chosen = self.session.options.engines
        left = [i for i in range(len(self.claims)) if i not in self.lifting.shown]
        for i, verdict in self.memory.claims(self.claims).items():
            if allowed(chosen, verdict) is verdict:
                left.remove(i)
                yield from self._lines(Task(Kind.CLAIMS, "claims"), Found({i: verdict}))
        with self.session.limit():
            found = small_graph(self.session, [self.claims[i] for i in left])
            self.checks.known = {left[k]: v for k, v in found.items()}
        return left

    def _tasks(self, claims: Sequence[int]) -> list[Task]:
        """What is left.  Of those that are ready the first is begun first: what others wait for,
        then what is often soon over, then the claims, of which there may be many."""
        named = [n for n in self._comes_at_last() if PROPERTY + n not in self.lifting.shown]
        needed = self._needed(named) - self.verdicts.keys()

        def of(*checks: str) -> list[Task]:
            return [
                Task(Kind.WHOLE, GROUPS.get(c, c), c, needs=NEEDS.get(c, ()))
                for c in checks
                if c in needed
            ]

        out = of("atomicity", "deadlock_free", "terminates", "can_finish", "starvation_free")
        out += (Task(Kind.LIVENESS, "graph", PROPERTY + n, needs=("terminates",)) for n in named)
        out += of("messages")
        out += self._limits()
        out += of("no_dead_code", "race_free")
        if self._selected("contracts", ""):
            out.append(Task(Kind.CONTRACTS, "contracts"))
        if self.wanted("timeouts"):
            out.append(Task(Kind.TIMEOUTS, "timeouts", "timeouts"))
        if claims:
            out.append(Task(Kind.CLAIMS, "claims", members=tuple(claims), weight=WEIGHT))
        return out + of("timing_independent", "deterministic")

    def _needed(self, named: Collection[str]) -> set[str]:
        """The checks of the whole that are asked for, and what they, or properties, follow from."""
        asked = [*(c for c in WHOLE if self.wanted(c)), *["terminates"] * bool(named)]
        return {n for c in asked for n in (*NEEDS.get(c, ()), c)}

    def _comes_at_last(self) -> list[str]:
        """The properties that say that something does."""
        names = dict.fromkeys(g.name for g in self.session.system.liveness)
        wanted = "property" in self._unskipped()
        return [n for n in names if wanted and self._selected("property", n)]

    def _limits(self) -> Iterator[Task]:
        """Time limits, those of one line together."""
        for name, (limit, *_) in limits_by_line(self.session.system).items():
            skipped = any(s.name == limit.check and s.at is None for s in self.said.skips)
            shown = name in self.lifting.shown
            if not shown and not skipped and self._selected(limit.check, limit.name):
                yield Task(Kind.LIMIT, "limits", name)

    # --- lines of the table ----------------------------------------------------------------

    def _lines(self, task: Task, found: Found) -> Iterator[Result]:
        """Of what was found; of a check that others needed, and nobody asked for, none."""
        seconds = found.seconds / max(1, len(found.verdicts))
        for key, said in found.verdicts.items():
            verdict = self.lifting.verdict(said, key, self.verdicts)
            if isinstance(key, int):
                claim = self.claims[key]
                self.memory.learn([claim], {0: verdict})
                span = self._span(verdict, claim.goals[0].span)
                yield Result(claim.check, claim.name, verdict, span, claim.warning, seconds)
            elif task.kind is Kind.LIVENESS:
                name = key.removeprefix(PROPERTY)
                goal = next(g for g in self.session.system.liveness if g.name == name)
                span = self._span(verdict, goal.at_end.span)
                yield Result("property", name, verdict, span, seconds=seconds)
            elif task.kind is Kind.LIMIT:
                limit = limits_by_line(self.session.system)[key][0]
                span = self._span(verdict, limit.span)
                yield Result(limit.check, limit.name, verdict, span, seconds=seconds)
            else:
                self.memory.learn_whole(key, verdict)
                if self.wanted(key):
                    yield Result(key, "", verdict, self._span(verdict), seconds=seconds)
        if task.kind is not Kind.WHOLE or self.wanted(task.name):
            yield from map(self.lifting.line, found.lines)

    def _selected(self, check: str, name: str) -> bool:
        only = self.session.options.only
        return not only or check in only or name in only

    def _claims(self) -> list[obligations.Claim]:
        return [
            g
            for g in obligations.claims(
                self.session.system,
                [*self._unskipped(), *filter(self.wanted, ["starvation_free"])],
            )
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
    "idempotency": "no activity may be run again after an attempt whose effect is not known",
    "exhaustive": "there is no switch, or each has a default or covers its type",
    "arithmetic": "every division, index, option and range is safe as it is written, or there is "
    "none",
}
