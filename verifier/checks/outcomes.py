"""`timing_independent` and `deterministic`: does the result depend on who is faster?

The result of a run: which instances completed, which failed and with which error, which never
end, and the observed data.  Tried in this order:

1. the structure (`independence`): for any size and any data;
   then parts of the system by themselves, which only wait for each other (`parts`);
2. pairs of steps of a small system (`engines.confluence`), untimed, then with clocks;
3. from two steps that do not commute, two runs that part there (`engines.partings`); for
   `deterministic` with one set of durations for both (`engines.jointly`);
4. all complete runs of a small system, compared: answers `timing_independent` for good;
5. random environments on what is too large for that: finds two runs, proves nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from ...dsl.errors import Span
from ...semantics.expr import Scalar
from ...semantics.system import RuleKind, TransitionSystem, VarKind
from ...semantics.trace import Step, Trace
from ...semantics.values import evaluate, show
from ..engines.confluence import Confluence, Finding, Fork
from ..engines.environments import full_start
from ..engines.jointly import jointly
from ..engines.partings import (
    Answers,
    End,
    Ends,
    Record,
    Runs,
    agree,
    answers_of,
    contradiction,
    endless_waits,
)
from ..engines.timed import Environment, Occurrence, Pace, Schedules
from ..engines.tracked import Tracked, Unsupported, observed
from ..session import InternalError, Replayed, Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from . import parts
from .independence import obstacle
from .intime import in_time
from .scheduled import decided
from .walk import Walker

MOST_RULES = 1500  # of a system whose graph is built
MOST_STATES = 20_000
MOST_RUNS = 20_000
MOST_PAIRS = 60  # pairs of runs for which common durations are looked for
MOST_TRIES = 96  # environments
SECONDS = 2.0

ORDER = (
    "no two steps that one environment leaves open lead to different results, whichever comes first"
)

STRUCTURE = (
    "steps of different branches share no data in either order, nothing is cancelled from beside "
    "where it can be seen, no choice depends on the clock or on a contended claim: so steps "
    "commute and every schedule ends with the same result"
)
NEVER = "time-outs and interrupts that no clock reaches left aside, "


def timing_independent(session: Session, deadlock: Verdict) -> Verdict:
    why = obstacle(session, deadlock)
    if not why:
        return Proved(
            "structure",
            STRUCTURE,
        )
    found = _alike(session, deadlock, False) or _Small(session, why, durations=True).verdict()
    if isinstance(found, Unknown):
        # Two runs with the same durations refute it as well.
        fixed = session.results["deterministic"] = _deterministic(session, deadlock)
        return fixed if isinstance(fixed, Refuted) else found
    return found


def deterministic(session: Session, deadlock: Verdict, independent: Verdict) -> Verdict:
    if isinstance(independent, Proved):
        return Proved(
            "structure", "the result does not even depend on durations (`timing_independent`)"
        )
    known = session.results.get("deterministic")
    return known if known is not None else _deterministic(session, deadlock)


def _deterministic(session: Session, deadlock: Verdict) -> Verdict:
    system = session.system
    why = obstacle(session, deadlock, timeouts=True)
    if not why:
        return Proved(
            "structure",
            "the durations decide what comes first, and steps at one instant that they leave open "
            "share nothing that matters: they commute, so every schedule ends with the same result"
            if system.ties
            else "without the time-outs of activities, which the durations decide, no step depends "
            "on another branch: steps commute, so every schedule ends with the same result",
        )
    found = decided(session) or _alike(session, deadlock, True)
    return found or _Small(session, why, durations=False).verdict()


def _alike(session: Session, deadlock: Verdict, timeouts: bool) -> Proved | None:
    """By parts; then without time-outs and interrupts that never come, also by the structure."""
    found = parts.alike(session, deadlock, timeouts)
    lean = in_time(session) if found is None else session
    if lean is session:
        return found
    if not obstacle(lean, deadlock, timeouts):
        return Proved("search", NEVER + STRUCTURE)
    found = parts.alike(lean, deadlock, timeouts)
    return None if found is None else replace(found, how=NEVER + found.how)


@dataclass
class _Small:
    """Decides a system whose states can be enumerated.  `durations`: they may differ."""

    session: Session
    why: str
    durations: bool

    def verdict(self) -> Verdict:
        reason = ""
        system = self.session.system
        if len(system.rules) <= MOST_RULES and self.session.left() > 0:
            try:
                answer = self._search(Tracked(system))
            except Unsupported as unsupported:
                reason = str(unsupported)
            else:
                if not isinstance(answer, Unknown):
                    return answer
                reason = answer.why
        else:
            return Unknown("structure", self.why)
        # Which side of `+` a random environment names is not compared afterwards.
        found = None
        if not system.choices:
            search = _two_runs if system.scheduler == "any" else _two_scheduled
            found = search(self.session, self.why, self.durations)
        if isinstance(found, Refuted):
            return found
        tail = f"; {reason}" if reason else ""
        return Unknown("search", f"{self.why}{tail}; no two runs that end differently were found")

    def _seconds(self) -> float:
        return min(SECONDS, self.session.share(0.05))

    def _search(self, tracked: Tracked) -> Verdict:
        if self.durations:
            untimed = Confluence(tracked, False).run(self._seconds(), MOST_STATES, 1)
            if untimed.independent(False):
                return Proved("search", ORDER, f"{untimed.states} states")
        graph = Confluence(tracked, True)
        found = graph.run(self._seconds(), MOST_STATES, ends=self.durations)
        if self.durations and found.independent(True):
            how = f"{ORDER}, at any instant at which both can be taken, time-outs included"
            return Proved("search", how, f"{found.states} states")
        if not self.durations and found.deterministic():
            how = f"{ORDER}, at any instant at which both can be taken"
            return Proved("search", how, f"{found.states} states")
        return (
            self._from_forks(tracked, graph, found)
            or self._all_runs(tracked, graph)
            or Unknown("search", found.reason or "runs that part were not found")
        )

    # --- two runs ---------------------------------------------------------------------------

    def _from_forks(self, tracked: Tracked, graph: Confluence, found: Finding) -> Verdict | None:
        """Two runs that share their steps up to two that do not commute."""
        until = time.monotonic() + self._seconds()
        for fork in sorted(found.forks, key=lambda f: len(f.path)):
            if time.monotonic() > until:
                break
            if fork.ends and not self.durations:
                continue  # not of one environment: durations decide
            verdict = self._from_fork(tracked, graph, fork, until)
            if verdict is not None:
                return verdict
        return None

    def _from_fork(
        self, tracked: Tracked, graph: Confluence, fork: Fork, until: float
    ) -> Verdict | None:
        runs = Runs(graph, exact=False, timeouts=not self.durations)
        begun = runs.along(graph.begin(fork.start), fork.path)
        if begun is None:
            return None
        node, record = begun
        sides: list[list[End]] = []
        for move in (fork.first, fork.second):
            after = next((n for m, n in graph.steps(node) if m == move), None)
            noted = runs.take(node, record, move)
            if after is None or noted is None:
                return None
            ends = runs.ends(after, noted, until, 3000, 60).ends
            sides.append([End((*fork.path, move, *e.moves), e.state, e.answers) for e in ends])
        a, b = fork.first.rule, fork.second.rule
        note = f"they part where `{a.name}` ({a.span}) or `{b.name}` ({b.span}) may come first"
        judge = _Judge(self.session, tracked, fork.start, self.durations)
        pairs = ((x, y) for x in sides[0] for y in sides[1])
        return judge.first(pairs, self.why, note)

    def _all_runs(self, tracked: Tracked, graph: Confluence) -> Verdict | None:
        """Every complete run of every environment; with its own durations."""
        until = time.monotonic() + self._seconds()
        complete = not endless_waits(self.session.system)
        unsure = False
        for state in tracked.initial():
            runs = Runs(graph, exact=self.durations, timeouts=not self.durations)
            ends: Ends = runs.ends(graph.begin(state), Record(), until, MOST_RUNS, 2000)
            complete &= ends.complete
            judge = _Judge(self.session, tracked, state, self.durations)
            few = ends.ends[:400]
            pairs = ((x, y) for i, x in enumerate(few) for y in few[:i])
            verdict = judge.first(pairs, self.why, "")
            if verdict is not None:
                return verdict
            complete &= len(few) == len(ends.ends)
            unsure |= judge.unsure
        if complete and not unsure and self.durations and not tracked.transit:
            return Proved("search", "all complete runs of one environment end alike")
        return None


class _Judge:
    """Makes pairs of runs in the tracked graph into two runs of the system, if they differ."""

    def __init__(
        self, session: Session, tracked: Tracked, start: tuple[Scalar, ...], durations: bool
    ) -> None:
        self.session = session
        self.tracked = tracked
        self.durations = durations
        self.unsure = False  # a pair that differs could not be shown
        self.initial = full_start(tracked, start)
        self._results: dict[int, tuple[Scalar, ...]] = {}
        self._kept: list[End] = []  # the table of results goes by identity

    def first(self, pairs: Iterator[tuple[End, End]], why: str, note: str) -> Verdict | None:
        found = [
            (x, y)
            for x, y in pairs
            if agree(x.answers, y.answers) and self._result(x) != self._result(y)
        ]
        found.sort(key=lambda p: (len(p[0].moves) + len(p[1].moves), -_common(*p)))
        for x, y in found[:MOST_PAIRS]:
            if self.session.left() <= 0:
                break
            traces = self._timed(x, y)
            if traces is not None:
                return _refuted(self.session, *traces, why, note, self.durations)
        self.unsure |= bool(found)
        return None

    def _result(self, end: End) -> tuple[Scalar, ...]:
        known = self._results.get(id(end))
        if known is None:
            if self.tracked.transit and self.initial is not None:
                states = self._states(self._trace(end))
                known = self.tracked.results(states[-1])
            else:
                known = _tracked_result(self.tracked, end.state)
            self._results[id(end)] = known
            self._kept.append(end)
        return known

    def _trace(self, end: End) -> Trace:
        assert self.initial is not None
        return Trace(self.initial, tuple(Step(m.rule.index, m.inputs) for m in end.moves))

    def _states(self, trace: Trace) -> Sequence[tuple[Scalar, ...]]:
        replayed = self.session.replay(self.session.system, trace)
        if not replayed.ok:
            raise InternalError(f"a run of the timed graph does not replay: {replayed.why}")
        return replayed.states

    def _timed(self, x: End, y: End) -> tuple[Trace, Trace] | None:
        if self.initial is None:
            return None
        system = self.session.system
        first, second = self._trace(x), self._trace(y)
        if not self.durations:
            return jointly(system, (first, self._states(first)), (second, self._states(second)))
        one = self.session.schedule(system, first)
        two = self.session.schedule(system, second)
        return None if one is None or two is None else (one, two)


def _tracked_result(tracked: Tracked, state: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    system = tracked.system
    ends: list[Scalar] = []
    for i in system.instances:
        at = state[tracked.slots[system.threads[i.root].location]]
        ends.append(at if at in (i.completed, i.failed) else -1)
    return (
        *ends,
        *(state[tracked.slots[v]] for v in sorted(observed(system)) if v in tracked.slots),
    )


def _common(a: End, b: End) -> int:
    same = 0
    for x, y in zip(a.moves, b.moves, strict=False):
        if x.rule.index != y.rule.index or x.inputs != y.inputs:
            break
        same += 1
    return same


# --- random environments -----------------------------------------------------------------------


def _two_runs(session: Session, why: str, durations: bool) -> Verdict | None:
    """Looks for two runs of one environment (or of two that differ in durations) that part."""
    system = session.system
    walker = Walker(system)
    paces = _paces()
    until = time.monotonic() + min(SECONDS, session.share(0.05))
    for number in range(MOST_TRIES):
        if session.left() <= 0 or time.monotonic() > until:
            break
        rng = random.Random(session.options.seed * 7919 + number)
        initial = walker.start(rng)
        if initial is None:
            return None
        failing = (0.0, 0.5, 0.3, 1.0)[number % 4]
        runs: dict[tuple[Scalar, ...], Trace] = {}
        ends: dict[Occurrence, tuple[RuleKind, str, tuple[Scalar, ...]]] = {}
        for pace in paces if durations else [paces[number % len(paces)]]:
            # Durations may differ from one to the next, answers may not.
            environment = Environment(number, failing, pace, walker.answer, ends)
            schedules = Schedules(system, environment)
            found, _ = schedules.outcomes(initial, max(0.05, (until - time.monotonic()) / 8), 2000)
            for outcome in found if not environment.broken else ():
                runs.setdefault(outcome.result, outcome.trace)
        traces = list(runs.values())
        for i, first in enumerate(traces):
            for second in traces[:i]:
                if _one_environment(session, first, second, durations) is None:
                    return _refuted(session, second, first, why, "", durations)
    return None


def _two_scheduled(session: Session, why: str, durations: bool) -> Verdict | None:
    """Looks for two runs of one environment among random ones that the declared scheduler takes."""
    system = session.system
    simulate = session.simulator()
    until = time.monotonic() + min(SECONDS, session.share(0.05))
    walker = Walker(system)
    rng = random.Random(session.options.seed)
    free = [v.index for v in system.variables if v.init is None]
    for number in range(8 if simulate is not None else 0):
        initial = walker.start(rng)
        if initial is None:
            return None
        known: list[tuple[Trace, tuple[Scalar, ...], Answers]] = []
        for seed in range(12):
            if time.monotonic() > until or simulate is None:
                return None
            chosen = {v: initial[v] for v in free}
            failing = 0.0 if number % 2 == 0 else 1.0
            trace = simulate(number * 1000 + seed, failing, chosen, ())
            replayed = session.replay(system, trace) if trace is not None else None
            if trace is None or replayed is None or not replayed.ok or not _over(system, replayed):
                continue
            result = _results(system, replayed.states[-1])
            answers = answers_of(system, trace, replayed.states, not durations)
            for other, its, given in known:
                if its != result and contradiction(answers, given) is None:
                    found = _refuted(session, other, trace, why, "", durations)
                    if isinstance(found, Refuted):
                        return found
            known.append((trace, result, answers))
    return None


def _over(system: TransitionSystem, run: Replayed) -> bool:
    """Has every instance ended?"""
    results = _results(system, run.states[-1])[: len(system.instances)]
    return all(
        at >= 0 or evaluate(i.active, run.states[-1]) is False
        for i, at in zip(system.instances, results, strict=True)
    )


def _paces() -> list[Pace]:
    def lowest(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        return lo

    def level(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        """The same for as many as possible."""
        up = Fraction(-(-lo.numerator // lo.denominator))
        for value in (Fraction(1), Fraction(2), Fraction(5), up):
            if lo <= value and (hi is None or value <= hi):
                return value
        return lo

    def highest(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        return hi if hi is not None else lo + 100

    def mixed(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        top = hi if hi is not None else lo + rng.choice([1, 10, 1000])
        return lo + (top - lo) * Fraction(rng.randrange(5), 4)

    return [level, lowest, mixed, highest, mixed]


# --- what is told --------------------------------------------------------------------------------


def _one_environment(session: Session, first: Trace, second: Trace, durations: bool) -> object:
    """A question that the two runs were answered differently, read from their steps alone."""
    answers = []
    for trace in (first, second):
        replayed = session.replay(session.system, trace)
        if not replayed.ok:
            raise InternalError(f"a run that parts does not replay: {replayed.why}")
        answers.append(answers_of(session.system, trace, replayed.states, not durations))
    return contradiction(*answers)


def _refuted(
    session: Session, first: Trace, second: Trace, why: str, note: str, durations: bool
) -> Verdict:
    system = session.system
    asked = _one_environment(session, first, second, durations)
    if asked is not None:
        raise InternalError(f"two runs of one environment answer {asked} differently")
    results = []
    for trace in (first, second):
        timed = session.schedule(system, trace)
        if system.scheduler != "any" and (timed is None or (not durations and timed != trace)):
            return Unknown("simulation", f"two runs end differently, but {session.unlikely}")
        if timed is None:
            raise InternalError("a run that parts is not possible at any times")
        results.append(_results(system, session.replay(system, trace).states[-1]))
    if results[0] == results[1]:
        raise InternalError("two runs that part end alike")
    same = "the same answers of the environment"
    if not durations:
        same += ", durations included,"
    differ = _difference(system, *results)
    return Refuted(
        "simulation",
        f"with {same} two runs end differently: {differ}",
        first,
        _parting(system, first, second) or system.instances[0].span,
        f"{len(first.steps)} and {len(second.steps)} steps",
        second=second,
        notes=(note or f"cause: {why}",),
    )


def _results(system: TransitionSystem, state: Sequence[Scalar]) -> tuple[Scalar, ...]:
    ends: list[Scalar] = []
    for i in system.instances:
        at = state[system.threads[i.root].location]
        ends.append(at if at in (i.completed, i.failed) else -1)
    return (*ends, *(state[v] for v in sorted(observed(system))))


def _difference(system: TransitionSystem, a: tuple[Scalar, ...], b: tuple[Scalar, ...]) -> str:
    """What differs, in the words of the spec: an end, an error, or a variable."""
    count = len(system.instances)
    for k, instance in enumerate(system.instances):
        if a[k] != b[k]:
            words = [_end(system, k, x[k]) for x in (a, b)]
            return f"{instance.name} {words[0]} or {words[1]}"
    for v, x, y in zip(sorted(observed(system)), a[count:], b[count:], strict=True):
        if x != y:
            variable = system.variables[v]
            if variable.kind is VarKind.HIDDEN:
                owner = next((i.name for i in system.instances if i.error == v), variable.name)
                return f"{owner} fails with {_error(system, x)} or {_error(system, y)}"
            shown = [show(variable, value, system.strings) for value in (x, y)]
            return f"{variable.name} is {shown[0]} or {shown[1]}"
    return "their results"


def _error(system: TransitionSystem, value: Scalar) -> str:
    return system.errors[int(value) - 1] if int(value) > 0 else "none"


def _end(system: TransitionSystem, instance: int, at: Scalar) -> str:
    i = system.instances[instance]
    return {i.completed: "completes", i.failed: "fails"}.get(int(at), "never ends")


def _parting(system: TransitionSystem, a: Trace, b: Trace) -> Span | None:
    for x, y in zip(a.steps, b.steps, strict=False):
        if x.rule != y.rule or x.inputs != y.inputs:
            return system.rules[x.rule].span
    return None


__all__ = ["deterministic", "timing_independent"]
