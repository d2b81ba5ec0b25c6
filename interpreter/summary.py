"""What a run amounts to: per activity how often and how long, per resource how much."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from ..semantics.expr import Scalar
from ..semantics.system import PointKind, RuleKind, TransitionSystem
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
    _ended: int = 0

    @property
    def mean(self) -> Fraction:
        return self.total / self._ended if self._ended else Fraction(0)

    def ended(self, lasted: Fraction) -> None:
        self._ended += 1
        self.total += lasted
        self.longest = max(self.longest, lasted)


@dataclass(frozen=True, slots=True)
class ResourceFigures:
    """`mean` is weighted by time; `capacity` None: of a lock."""

    name: str
    kind: str
    capacity: Scalar | None
    peak: int
    mean: Fraction


@dataclass(frozen=True, slots=True)
class Summary:
    activities: tuple[ActivityFigures, ...]
    resources: tuple[ResourceFigures, ...]
    time: Fraction
    steps: int


def activity_name(occurrence: str) -> str:
    """`trip[0].hotel#2` -> `trip.hotel`: what the figures of several instances are added up as."""
    return re.sub(r"\[[^\]]*\]", "", occurrence.split("#", 1)[0])


def summarise(system: TransitionSystem, trace: Trace, end: Fraction | None = None) -> Summary:
    """The figures of a run up to `end` (its last step)."""
    with paused():
        return _summarise(system, trace, end)


def _summarise(system: TransitionSystem, trace: Trace, end: Fraction | None) -> Summary:
    figures: dict[str, ActivityFigures] = {}
    for rule in system.rules:
        if rule.kind is RuleKind.START:
            name = activity_name(rule.activity)
            figures.setdefault(name, ActivityFigures(name))
    begun: dict[str, Fraction] = {}
    again: set[str] = set()  # occurrences whose retry was granted
    compiler = Compiler()
    steps: dict[int, Step] = {}
    state = list(trace.initial)
    meters = [_Meter(state, r.used, r.exclusive) for r in system.resources]
    watched = {v for m in meters for v in m.variables}
    for taken in trace.steps:
        rule = system.rules[taken.rule]
        if rule.activity:
            of = figures.get(activity_name(rule.activity))
            if of is not None:
                _count(rule.kind, of, rule.activity, taken.time, begun, again)
        step = steps.get(taken.rule)
        if step is None:
            step = steps[taken.rule] = compiler.step(rule)
        for v, _ in step(state, taken.inputs):
            if v in watched:
                for meter in meters:
                    if v in meter.variables:
                        meter.read(state, taken.time)
    last = trace.steps[-1].time if trace.steps else Fraction(0)
    stop = last if end is None else max(end, last)
    resources = []
    for info, meter in zip(system.resources, meters, strict=True):
        if info.hidden:
            continue
        meter.read(state, stop)
        capacity = evaluate(info.capacity, state) if info.kind != "lock" else None
        mean = meter.area / stop if stop else Fraction(meter.now)
        resources.append(ResourceFigures(info.name, info.kind, capacity, meter.peak, mean))
    running: dict[str, int] = {}
    for thread in system.threads:
        point = thread.points[int(state[thread.location])]
        if point.kind is PointKind.RUN:
            name = activity_name(point.activity)
            running[name] = running.get(name, 0) + 1
    for of in figures.values():
        ended = of.completed + of.failed + of.timed_out + running.get(of.name, 0)
        of.cancelled = of.started - ended
    return Summary(tuple(figures.values()), tuple(resources), stop, len(trace.steps))


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
        of.ended(now - since)


class _Meter:
    """Follows what of one resource is in use."""

    def __init__(self, state: list[Scalar], used: int, exclusive: int | None) -> None:
        self.variables = (used,) if exclusive is None else (used, exclusive)
        self.now = self._use(state)
        self.peak = self.now
        self.area = Fraction(0)
        self._since = Fraction(0)

    def _use(self, state: list[Scalar]) -> int:
        return sum(int(state[v]) for v in self.variables)

    def read(self, state: list[Scalar], time: Fraction) -> None:
        use = self._use(state)
        self.area += self.now * (time - self._since)
        self._since = time
        self.now = use
        self.peak = max(self.peak, use)
