"""What the checks of one system share: structure, budget, and the confirmation of runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from ..dsl import ast
from ..dsl.errors import Span
from ..dsl.records import dataclass
from ..semantics.evidence import Rank
from ..semantics.expr import FALSE, Expr, Scalar
from ..semantics.idle import idle
from ..semantics.system import Obligation, Rule, TransitionSystem
from ..semantics.trace import Trace
from ..semantics.values import evaluate
from .chosen import may
from .engines.linking import Linking
from .engines.linking import check as check_linking
from .engines.search_graph import Graph
from .engines.structure import Structure
from .essential import essential
from .limit import Limit
from .prompt import alike
from .verdict import Proved, Refuted, Unknown, Verdict

if TYPE_CHECKING:
    from ..semantics.lower.durations import Duration
    from .checks.arrivals import Arrivals
    from .checks.contended import Scheduled
    from .checks.intime import Timed


class Replayed(Protocol):
    """What a replay of a trace answers (the interpreter's `Replay`)."""

    @property
    def ok(self) -> bool: ...
    @property
    def why(self) -> str: ...
    @property
    def states(self) -> tuple[tuple[Scalar, ...], ...]: ...


Replay = Callable[[TransitionSystem, Trace], Replayed]
Schedule = Callable[[TransitionSystem, Trace], Trace | None]


class Simulator(Protocol):
    """Timed runs by seed, chance of failure, chosen initial values, wanted ends of attempts, and
    the chance that what has bounds takes longest, else shortest (None: any time)."""

    def __call__(
        self,
        seed: int,
        failing: float,
        chosen: Mapping[int, Scalar],
        wanted: Collection[int] = (),
        pace: float | None = None,
        /,
    ) -> Trace | None: ...


Simulate = Callable[[TransitionSystem], Simulator]


RUNS = 60  # random ones, in search of one that the declared scheduler takes
FAILING = (0.0, 0.1, 0.5, 0.9)
LONGEST = 300  # steps of one
GRACE = 1.0  # seconds by which the budget may be overrun
SHORT = 0.5  # the same of the share of a check


class InternalError(Exception):
    """A refutation that does not replay, or the like: our bug, never the user's."""


@dataclass(frozen=True, slots=True)
class Options:
    """`only` names checks or properties; `timeout` is in seconds for the whole call; `jobs` is the
    most processes at a time (0: as many as there are cores), `memory` the most MB of address space
    of each (0: any); `engines` may be used alone (none: all)."""

    only: tuple[str, ...] = ()
    timeout: float = 60.0
    jobs: int = 0
    memory: int = 0
    engines: tuple[str, ...] = ()
    strict: bool = False
    seed: int = 0
    max_states: int = 200_000


@dataclass
class Session:
    system: TransitionSystem
    options: Options
    replay: Replay
    schedule: Schedule
    simulate: Simulate | None = None
    begin: float = field(default_factory=time.monotonic)
    results: dict[str, Verdict] = field(default_factory=dict)  # of whole checks, by name
    rankings: dict[str, str] = field(default_factory=dict)
    growth: Mapping[str, Verdict] = field(default_factory=dict)  # of channels without a bound
    piling: Mapping[str, Verdict] = field(default_factory=dict)  # the same as more and more arrive
    graph: tuple[Graph | None, str] | None = None
    witnesses: list[Trace] = field(default_factory=list)  # timed runs that showed something new
    measures: list[Rank] = field(default_factory=list)  # terms that fall in loops
    timed_graph: tuple[Timed | None] | None = None  # (None,): it was not finished
    timely: tuple[set[int] | None] | None = None  # rules that are taken at some times
    durations: tuple[Duration, ...] | None = None  # by structure
    arrivals: Arrivals | None = None
    spec: ast.Spec | None = None  # of which the system was made, as it is
    waiting: dict[int, Fraction] | None = None  # the same where claims wait, in seconds
    scheduled: tuple[Scheduled | None] | None = None  # by all schedules of activities; made once
    until: Callable[[], float] | None = None  # the end of what the check that runs may use
    _slots: tuple[tuple[float, float], ...] = ()  # begin and part of each, the outermost first
    _structure: Structure | None = None
    _linking: Linking | None = None
    _idle: frozenset[int] | None = None
    _simulator: Simulator | None = None
    _runs: list[tuple[Trace, Sequence[tuple[Scalar, ...]]]] | None = None  # random ones
    _planned: float = 0.0  # seconds that were given to make it, in vain

    @property
    def structure(self) -> Structure:
        if self._structure is None:
            self._structure = Structure(self.system)
        return self._structure

    @property
    def linking(self) -> Linking:
        if self._linking is None:
            self._linking = check_linking(self.system)
        return self._linking

    @property
    def idle(self) -> frozenset[int]:
        """Variables that only record."""
        if self._idle is None:
            self._idle = idle(self.system)
        return self._idle

    def of(self, system: TransitionSystem) -> Session:
        """The same budget, for another system."""
        return Session(
            system,
            self.options,
            self.replay,
            self.schedule,
            self.simulate,
            self.begin,
            until=self.until,
            _slots=self._slots,
        )

    def of_run(self, verdict: Refuted) -> Session:
        """That of the system of which the run is one."""
        return self if verdict.system is None else self.of(verdict.system)

    def bounds(self) -> Mapping[str, Verdict]:
        """Whether channels grow that have no bound of their own, by name."""
        return {**self.growth, **self.piling}

    def beside(self) -> Session:
        """The same for other checks: neither sees what the other learns from now on."""
        return replace(
            self,
            results=dict(self.results),
            rankings=dict(self.rankings),
            witnesses=list(self.witnesses),
            measures=list(self.measures),
        )

    def end(self) -> float:
        """When the check that runs has used up what it may use, slots left aside."""
        end = self.begin + self.options.timeout
        return end if self.until is None else min(end, self.until())

    def may(self, engine: str) -> bool:
        """Whether an engine may be used."""
        return may(self.options.engines, engine)

    def left(self) -> float:
        """Seconds of the budget that are left to the check that runs."""
        end = self.end()
        for begin, part in self._slots:
            end = begin + max(0.0, end - begin) * part
        return max(0.0, end - time.monotonic())

    @contextmanager
    def slot(self, part: float) -> Iterator[None]:
        """What runs inside may use this part of what is left, so that others have the rest."""
        before = self._slots
        self._slots = (*before, (time.monotonic(), part))
        try:
            yield
        finally:
            self._slots = before

    def share(self, part: float, least: float = 0.2) -> float:
        """A part of what is left, in seconds."""
        return min(self.left(), max(least, self.left() * part))

    def limit(self) -> Limit:
        """Cuts what overruns what the check may use: the last resort."""
        whole = self.begin + self.options.timeout
        return Limit(lambda: self.end() + (GRACE if self.end() >= whole else SHORT))

    def simulator(self) -> Simulator | None:
        """Makes timed runs; None if there is no interpreter, if it is not to be used, or if its
        analysis of the rules does not fit in what is left."""
        seconds = self.share(0.3)
        if not self.may("simulation"):
            return None
        if self._simulator is None and self.simulate is not None and seconds > 2 * self._planned:
            self._planned = seconds
            with Limit(seconds):
                self._simulator = self.simulate(self.system)
        return self._simulator

    # --- refutations -----------------------------------------------------------------------

    def confirm(
        self,
        engine: str,
        message: str,
        trace: Trace,
        span: Span,
        breaks: Callable[[Sequence[tuple[Scalar, ...]], Trace], bool],
        *,
        figure: str = "",
        notes: tuple[str, ...] = (),
    ) -> Verdict:
        """REFUTED, if the run replays, breaks the claim, and is possible in time.

        `breaks` looks at the replayed states.  Raises `InternalError` if the run is not a run.
        """
        replayed = self.replay(self.system, trace)
        if not replayed.ok:
            raise InternalError(f"{engine}: a counterexample does not replay: {replayed.why}")
        if trace.loop_at is not None and not self._expected(replayed.states, trace.loop_at):
            return Unknown(engine, f"a run was found that `assume eventually` rules out: {message}")
        if not breaks(replayed.states, trace):
            raise InternalError(f"{engine}: a counterexample does not break its claim: {message}")
        if not self.counts(replayed.states):
            return Unknown(engine, f"a run was found that an assumption rules out: {message}")
        timed = self.timed(trace, lambda s, t: self.counts(s) and breaks(s, t))
        if timed is None:
            return Unknown(
                engine, f"a run was found that breaks it, but {self.unlikely}: {message}"
            )
        core = essential(self.system, timed, self._breaking(breaks))
        steps = len((core or timed).steps)
        return Refuted(
            engine,
            message,
            timed,
            span,
            figure or f"{steps}-step run",
            notes=notes,
            core=core,
        )

    def _breaking(
        self, breaks: Callable[[Sequence[tuple[Scalar, ...]], Trace], bool]
    ) -> Callable[[Trace], bool]:
        """Is it a run that counts, and breaks the claim?  Times are not looked at."""

        def asked(trace: Trace) -> bool:
            replayed = self.replay(self.system, trace)
            return replayed.ok and self.counts(replayed.states) and breaks(replayed.states, trace)

        return asked

    def _expected(self, states: Sequence[tuple[Scalar, ...]], loop_at: int) -> bool:
        """Does all that is assumed to come again and again come in the loop?"""
        loop = states[loop_at:]
        return all(any(evaluate(e, s) is True for s in loop) for e, _ in self.system.eventually)

    def counts(self, states: Iterable[Sequence[Scalar]]) -> bool:
        """Is none of these a state that an assumption excludes?"""
        excluded = self.system.excluded
        return excluded is FALSE or not any(evaluate(excluded, s) is True for s in states)

    @property
    def unlikely(self) -> str:
        """Why a run of the untimed view is not shown."""
        name = self.system.scheduler
        if name == "any":
            return "no times for it that `takes` allows"
        return f"under `scheduler {name}` this run is not possible, or it was not found how"

    def timed(
        self,
        trace: Trace,
        breaks: Callable[[Sequence[tuple[Scalar, ...]], Trace], bool],
    ) -> Trace | None:
        """The run with times, or one like it: the shortest that is found."""
        found = self.schedule(self.system, trace)
        if found is not None:
            return found
        best: Trace | None = None
        for other in alike(self.system, trace):
            if best is not None and len(other.steps) >= len(best.steps):
                continue
            replayed = self.replay(self.system, other)
            if replayed.ok and breaks(replayed.states, other):
                found = self.schedule(self.system, other)
                if found is not None:
                    best = found
        if best is None and trace.loop_at is None and self.system.in_order:
            return self._simulated(breaks)
        return best

    def _simulated(
        self, breaks: Callable[[Sequence[tuple[Scalar, ...]], Trace], bool]
    ) -> Trace | None:
        """The shortest beginning of a random run, as the declared scheduler takes them, that
        breaks the claim."""
        best: Trace | None = None
        for trace, states in self.random_runs():
            for end in range(len(trace.steps) + 1):
                if self.left() <= 0 or (best is not None and end >= len(best.steps)):
                    break
                part = replace(trace, steps=trace.steps[:end])
                if breaks(states[: end + 1], part):
                    if self.schedule(self.system, part) is not None:
                        best = part
                    break
        return best

    def random_runs(self) -> Sequence[tuple[Trace, Sequence[tuple[Scalar, ...]]]]:
        """Timed runs as the declared scheduler takes them, with their states; made once."""
        if self._runs is None:
            self._runs = list(self._random_runs())
        return self._runs

    def _random_runs(self) -> Iterator[tuple[Trace, Sequence[tuple[Scalar, ...]]]]:
        until = time.monotonic() + self.share(0.1)
        simulate = self.simulator()
        for number in range(RUNS if simulate is not None else 0):
            if time.monotonic() > until:
                return
            assert simulate is not None
            trace = simulate(self.options.seed * 1000 + number, FAILING[number % 4], {}, ())
            if trace is not None:
                trace = replace(trace, steps=trace.steps[:LONGEST])
                yield trace, self.replay(self.system, trace).states


def breaks_obligation(
    system: TransitionSystem, goal: Obligation
) -> Callable[[Sequence[tuple[Scalar, ...]], Trace], bool]:
    """Does the last state (or step) of a run break the goal?"""

    def broken(states: Sequence[tuple[Scalar, ...]], trace: Trace) -> bool:
        if goal.rule is None and not goal.every_step:
            return any(evaluate(goal.cond, s) is False for s in states)
        if not trace.steps:
            return False
        for number in range(len(trace.steps) - 1, -1, -1):
            step = trace.steps[number]
            if goal.rule is not None and step.rule != goal.rule:
                continue
            before, after = states[number], states[number + 1]
            if evaluate(goal.cond, before, step.inputs, after) is False:
                return True
        return False

    return broken


def holds(expr: Expr, state: Sequence[Scalar]) -> bool:
    return evaluate(expr, state) is True


def rules_of(system: TransitionSystem, thread: int) -> list[Rule]:
    return [r for r in system.rules if r.thread == thread]


__all__ = [
    "InternalError",
    "Options",
    "Proved",
    "Session",
    "breaks_obligation",
    "holds",
    "rules_of",
]
