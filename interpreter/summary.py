"""What runs amount to: per activity how often and how long, per resource how much."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction

from ..dsl.records import dataclass
from ..semantics.expr import Scalar
from ..semantics.system import PointKind, Rule, RuleKind, TransitionSystem
from ..semantics.trace import Trace
from ..semantics.values import evaluate
from .collection import paused
from .compile import Compiler, Step


@dataclass(slots=True)
class ActivityFigures:
    """Of all occurrences of one activity; times in seconds, of attempts that were seen to end."""

    name: str
    started: int = 0
    completed: int = 0
    failed: int = 0
    timed_out: int = 0
    cancelled: int = 0
    retries: int = 0
    total: Fraction = Fraction(0)
    longest: Fraction = Fraction(0)
    ended: int = 0  # of which the times are

    @property
    def mean(self) -> Fraction:
        return self.total / self.ended if self.ended else Fraction(0)

    def lasted(self, lasted: Fraction) -> None:
        self.ended += 1
        self.total += lasted
        self.longest = max(self.longest, lasted)


@dataclass(frozen=True, slots=True)
class ResourceFigures:
    """`mean` is weighted by time; `capacity` None: of a lock, or another one in another run."""

    name: str
    kind: str
    capacity: Scalar | None
    peak: int
    mean: Fraction


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one run or of several: times and steps are added up."""

    activities: tuple[ActivityFigures, ...]
    resources: tuple[ResourceFigures, ...]
    time: Fraction
    steps: int


def activity_name(occurrence: str) -> str:
    """`trip[0].hotel#2` -> `trip.hotel`: what the figures of several instances are added up as."""
    return re.sub(r"\[[^\]]*\]", "", occurrence.split("#", 1)[0])


def summarise(system: TransitionSystem, trace: Trace, end: Fraction | None = None) -> Summary:
    """The figures of a run up to `end` (its last step)."""
    figures = Figures(system)
    figures.add(trace, end)
    return figures.summary()


class Figures:
    """Adds up runs of one system; keeps none of them."""

    def __init__(self, system: TransitionSystem) -> None:
        self._system = system
        self._activities: dict[str, ActivityFigures] = {}
        for rule in system.rules:
            if rule.kind is RuleKind.START:
                name = activity_name(rule.activity)
                self._activities.setdefault(name, ActivityFigures(name))
        self._running: Counter[str] = Counter()  # when their run was over
        self._resources = [r for r in system.resources if not r.hidden]
        self._meters = [_Meter(r.used, r.exclusive) for r in self._resources]
        self._meters_of: dict[int, list[_Meter]] = {}
        for meter in self._meters:
            for v in meter.variables:
                self._meters_of.setdefault(v, []).append(meter)
        self._compiler = Compiler()
        self._step_of: dict[int, Step] = {}
        self._time = Fraction(0)
        self._steps = 0

    def add(self, trace: Trace, end: Fraction | None = None) -> None:
        """One more run, up to `end` (its last step)."""
        with paused():
            self._add(trace, end)

    def _add(self, trace: Trace, end: Fraction | None) -> None:
        rules = self._system.rules
        begun: dict[str, Fraction] = {}
        again: set[str] = set()  # occurrences whose retry was granted
        state = list(trace.initial)
        for info, meter in zip(self._resources, self._meters, strict=True):
            # Of a lock there is none, and one that is set while a run goes on is another each time.
            told = info.kind != "lock" and info.within is None
            capacity = evaluate(info.capacity, state) if told else None
            meter.begin(state, capacity)
        for taken in trace.steps:
            rule = rules[taken.rule]
            if rule.activity:
                of = self._activities.get(activity_name(rule.activity))
                if of is not None:
                    if rule.kind is RuleKind.START and self._waits_to_try_again(rule, state):
                        again.add(rule.activity)
                    _count(rule.kind, of, rule.activity, taken.time, begun, again)
            step = self._step_of.get(taken.rule)
            if step is None:
                step = self._step_of[taken.rule] = self._compiler.step(rule)
            for v, _ in step(state, taken.inputs):
                for meter in self._meters_of.get(v, ()):
                    meter.read(state, taken.time)
        last = trace.steps[-1].time if trace.steps else Fraction(0)
        stop = last if end is None else max(end, last)
        for meter in self._meters:
            meter.read(state, stop)
        for thread in self._system.threads:
            point = thread.points[int(state[thread.location])]
            if point.kind is PointKind.RUN:
                self._running[activity_name(point.activity)] += 1
        self._time += stop
        self._steps += len(trace.steps)

    def _waits_to_try_again(self, rule: Rule, state: list[Scalar]) -> bool:
        """It has failed, and no step lies between that and the next attempt."""
        thread = self._system.threads[rule.thread]
        point = thread.points[int(state[thread.location])]
        return point.kind in (PointKind.UNWIND, PointKind.BACKOFF) and (
            point.activity == rule.activity
        )

    def summary(self) -> Summary:
        """Of all runs up to now."""
        for of in self._activities.values():
            ended = of.completed + of.failed + of.timed_out + self._running[of.name]
            of.cancelled = of.started - ended
        resources = [
            ResourceFigures(
                info.name, info.kind, meter.capacity(), meter.peak, meter.mean(self._time)
            )
            for info, meter in zip(self._resources, self._meters, strict=True)
        ]
        return Summary(tuple(self._activities.values()), tuple(resources), self._time, self._steps)


def _count(
    kind: RuleKind,
    of: ActivityFigures,
    activity: str,
    now: Fraction,
    begun: dict[str, Fraction],
    again: set[str],
) -> None:
    match kind:
        case RuleKind.START:
            of.started += 1
            begun[activity] = now
            if activity in again:
                again.discard(activity)
                of.retries += 1
            return
        case RuleKind.BACKOFF:
            again.add(activity)
            return
        case RuleKind.COMPLETE:
            of.completed += 1
        case RuleKind.FAIL:
            of.failed += 1
        case RuleKind.TIMEOUT:
            of.timed_out += 1
        case _:
            return
    since = begun.pop(activity, None)
    if since is not None:
        of.lasted(now - since)


class _Meter:
    """Follows what of one resource is in use."""

    def __init__(self, used: int, exclusive: int | None) -> None:
        self.variables = (used,) if exclusive is None else (used, exclusive)
        self.peak = 0
        self._now = 0
        self._area = Fraction(0)
        self._since = Fraction(0)
        self._capacities: set[Scalar | None] = set()

    def begin(self, state: list[Scalar], capacity: Scalar | None) -> None:
        self._capacities.add(capacity)
        self._since = Fraction(0)
        self._now = self._use(state)
        self.peak = max(self.peak, self._now)

    def _use(self, state: list[Scalar]) -> int:
        return sum(int(state[v]) for v in self.variables)

    def read(self, state: list[Scalar], time: Fraction) -> None:
        use = self._use(state)
        self._area += self._now * (time - self._since)
        self._since = time
        self._now = use
        self.peak = max(self.peak, use)

    def capacity(self) -> Scalar | None:
        (first, *others) = self._capacities or {None}
        return None if others else first

    def mean(self, time: Fraction) -> Fraction:
        return self._area / time if time else Fraction(self._now)
