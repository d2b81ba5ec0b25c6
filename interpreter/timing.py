"""Times for an untimed trace: is it also a run of the timed system?

What the timed system asks of the instants t_0 <= t_1 <= .. of the steps is a set of difference
constraints (Dill 1989; Dechter, Meiri, Pearl 1991), of which the least solution is found by
sweeping forwards over the lower bounds and backwards over the upper ones (Yen's order for
Bellman-Ford), with exact numbers:

- a rule with a delay that fires at step j, enabled without a break since step i (or the start):
  lo <= t_j - t_i <= hi;
- one that is disabled by step k, or still enabled at the last one: t_k - t_i <= hi;
- of the ends of one attempt only the last possible moment counts: the attempt has ended by the
  longest of its outcomes, or by a time-out that comes first;
- where a rule without a delay is enabled, no time passes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from ..semantics.expr import Scalar
from ..semantics.system import TransitionSystem
from ..semantics.trace import Step, Trace
from . import rounds
from .clock import Clock, Tick, delay_bounds
from .collection import paused
from .dynamics import Dynamics
from .plan import Plan, build_plan
from .scheduler import Counting

# (earlier, later, distance): t_later - t_earlier >= distance, or <= distance
Bound = tuple[int, int, Tick]
Read = tuple[int, int]  # a rule, and the instant at which its delay was read

_ROUNDS = 3
_FITS = 5  # where a time that is waited for depends on what was read, it is read anew


class Scheduling:
    """Finds times for traces of one system; the analysis of its rules is done once."""

    def __init__(self, system: TransitionSystem, plan: Plan | None = None) -> None:
        self.plan = plan or build_plan(system)
        self._clock = self.plan.clock

    def schedule(self, trace: Trace) -> Trace | None:
        """The trace with the earliest times that make it a timed run; None: there are none.

        The steps must be possible (see `replay`).  Of a lasso the rounds must have times that go
        on for ever (see `rounds`); the times given are those of the first round.
        """
        with paused():
            if not trace.steps:
                return trace
            times = None
            if self.plan.system.reads_clock and trace.loop_at is None:
                for _ in range(_FITS):
                    fitting = self._fitted(trace)
                    if fitting is None:
                        return None
                    trace = fitting
                    times = self._times(trace)
                    if times is not None:
                        break
            else:
                times = self._times(trace)
            if times is None:
                return None
            exact: dict[Tick, Fraction] = {}
            timed: list[Step] = []
            for step, tick in zip(trace.steps, times[1:], strict=False):
                if tick not in exact:
                    exact[tick] = self._clock.seconds(tick)
                timed.append(Step(step.rule, step.inputs, exact[tick]))
            return replace(trace, steps=tuple(timed))

    def _times(self, trace: Trace) -> list[Tick] | None:
        collector = Collector(self.plan, self._clock, trace.initial)
        steps = trace.steps
        if trace.loop_at is not None:
            steps += trace.steps[trace.loop_at :] * (_ROUNDS - 1)
        for step in steps:
            collector.step(step.rule, step.inputs)
        collector.finish()
        times = solve(len(steps), collector.lower, collector.upper)
        if times is None or trace.loop_at is None:
            return times
        return times if rounds.for_ever(self.plan, self._clock, trace) else None

    def _fitted(self, trace: Trace) -> Trace | None:
        """With times that its steps can read: see `clocked`."""
        from .clocked import fitted

        collector = Collector(self.plan, self._clock, trace.initial, reading=False)
        for step in trace.steps:
            collector.step(step.rule, step.inputs)
        collector.finish()
        seconds = self._clock.seconds
        lower = [(i, j, seconds(apart)) for i, j, apart in collector.lower]
        upper = [(i, j, seconds(apart)) for i, j, apart in collector.upper]
        read = collector.lower_of, collector.upper_of
        return fitted(self.plan.system, trace, lower, upper, read)

    def misplaced(self, trace: Trace) -> int | None:
        """The first step whose given time the timed system does not allow; None: all are right.

        The steps must be possible (see `replay`); a loop is not looked at.
        """
        with paused():
            collector = Collector(self.plan, self._clock, trace.initial)
            for step in trace.steps:
                collector.step(step.rule, step.inputs)
            collector.finish()
        ticks = [0, *(self._clock.ticks(step.time) for step in trace.steps)]
        wrong = [i for i in range(1, len(ticks)) if ticks[i] < ticks[i - 1]]
        wrong += [j for i, j, least in collector.lower if ticks[j] - ticks[i] < least]
        wrong += [j for i, j, most in collector.upper if ticks[j] - ticks[i] > most]
        return min(wrong) - 1 if wrong else None


def schedule(
    system: TransitionSystem, trace: Trace, scheduling: Scheduling | None = None
) -> Trace | None:
    """Times that make `trace` a run of the timed system, or None.

    Where the spec declares a scheduler, a run that it may take; it is tried with the times of the
    trace, then with the earliest.  Of an `exact` trace the times are kept.  For
    many traces of one system, make one `Scheduling`.
    """
    from .following import follows

    scheduling = scheduling or Scheduling(system)
    if trace.exact:
        kept = scheduling.misplaced(trace) is None
        if kept and system.in_order:
            kept = follows(scheduling.plan, trace)
        return trace if kept else None
    if not system.in_order:
        return scheduling.schedule(trace)
    if trace.loop_at is None and scheduling.misplaced(trace) is None:
        if follows(scheduling.plan, trace):
            return trace
    found = scheduling.schedule(trace)
    return found if found is not None and follows(scheduling.plan, found) else None


class Collector:
    """Follows the steps and notes constraints.  Instant 0 is the start, i + 1 that of step i."""

    def __init__(
        self,
        plan: Plan,
        clock: Clock,
        initial: Sequence[Scalar],
        urgent: Counting | None = None,
        reading: bool = True,
    ) -> None:
        # With `reading`, a step that reads the clock is taken at the time that it has read.
        self._reading = reading and plan.system.reads_clock
        self.lower: list[Bound] = []
        self.upper: list[Bound] = []
        # Of bounds that are the delay of one rule: that rule, and the instant at which it was read.
        self.lower_of: dict[int, Read] = {}
        self.upper_of: dict[int, Read] = {}
        self._read: dict[int, int] = {}
        self._plan = plan
        self._clock = clock
        self._rules = plan.system.rules
        self._urgent = urgent or Counting(len(plan.conditions))
        self.dynamics = Dynamics(plan, initial, self._urgent)
        self._instant = 0
        self._since: dict[int, int] = {}  # enabled rule with a delay -> instant
        self._limits: dict[int, tuple[Tick, Tick | None]] = {}
        # by group: its first instant, and the deadline
        self._attempts: dict[int, tuple[int, Tick | None]] = {}
        self._members: dict[int, int] = {}  # by group: how many of it are enabled
        self._clocks(None)

    def step(self, rule: int, inputs: Sequence[Scalar]) -> None:
        now = self._instant + 1
        if self._urgent.count:
            self.upper.append((self._instant, now, 0))
        if self._rules[rule].delay is not None:
            since = self._since.get(rule)
            if since is None:
                raise ValueError(f"`{self._rules[rule].name}` is not enabled at step {now - 1}")
            self.lower_of[len(self.lower)] = rule, self._read[rule]
            self.lower.append((since, now, self._limits[rule][0]))
            # Its own bound, also where another end of the attempt could come later.
            self._within(since, now, self._limits[rule][1], rule)
        if self._reading:
            for given, value in zip(self._rules[rule].inputs, inputs, strict=True):
                if given.clock:
                    time = self._clock.ticks(value)
                    self.lower.append((0, now, time))
                    self.upper.append((0, now, time))
        self._instant = now
        self.dynamics.fire(rule, inputs)
        self._clocks(rule)

    def finish(self) -> None:
        """What is still enabled must not have stayed too long."""
        for rule in list(self._since):
            self._stop(rule, self._instant)

    def begun(self, rule: int) -> int:
        """The instant at which the clock of an enabled rule was started."""
        return self._since[rule]

    def deadlines(self) -> Iterator[tuple[int, Tick]]:
        """When each running clock was started, and how long it may run."""
        yield from ((begun, most) for begun, most in self._attempts.values() if most is not None)
        for rule, since in self._since.items():
            most = self._limits[rule][1]
            if self._rules[rule].group is None and most is not None:
                yield since, most

    def _within(self, since: int, now: int, high: Tick | None, rule: int | None = None) -> None:
        if high is not None:
            if rule is not None:
                self.upper_of[len(self.upper)] = rule, self._read[rule]
            self.upper.append((since, now, high))

    def _clocks(self, fired: int | None) -> None:
        now = self._instant
        started, stopped = self.dynamics.started, self.dynamics.stopped
        for rule in stopped:
            self._stop(rule, now)
        if fired is not None and fired in self._since:
            # It fired and is enabled still: its clock, or those of its attempt, start anew.
            group = self._rules[fired].group
            again = [fired] if group is None else self._plan.groups[group].members
            again = [r for r in again if r in self._since]
            for rule in again:
                self._stop(rule, now)
            started.extend(again)
        state = self.dynamics.state
        for rule in started:
            delay = self._rules[rule].delay
            assert delay is not None
            # Another landing of a running attempt: its time is counted from the attempt's start.
            of = self._rules[rule].group
            begun = self._attempts[of][0] if of is not None and of in self._attempts else now
            self._since[rule] = begun
            self._read[rule] = now
            self._limits[rule] = delay_bounds(self._clock, delay, state)
        for rule in started:
            group = self._rules[rule].group
            if group is None:
                continue
            if group not in self._attempts:
                self._attempts[group] = (now, self._deadline(group))
            self._members[group] = self._members.get(group, 0) + 1
        started.clear()
        stopped.clear()

    def _deadline(self, group: int) -> Tick | None:
        """When an attempt that begins now must be over, at the latest."""
        ends = self._plan.groups[group]
        outcomes = [self._limits[r][1] for r in ends.outcomes if r in self._since]
        latest: Tick | None = None
        if outcomes and all(h is not None for h in outcomes):
            latest = max(h for h in outcomes if h is not None)
        for r in ends.timeouts:
            high = self._limits[r][1] if r in self._since else None
            if high is not None and (latest is None or high < latest):
                latest = high
        return latest

    def _stop(self, rule: int, now: int) -> None:
        since = self._since.pop(rule)
        group = self._rules[rule].group
        if group is None:
            self._within(since, now, self._limits[rule][1], rule)
            return
        self._members[group] -= 1
        if not self._members[group]:
            begun, deadline = self._attempts.pop(group)
            self._within(begun, now, deadline)


def solve(count: int, lower: Sequence[Bound], upper: Sequence[Bound]) -> list[Tick] | None:
    """The least t with t_0 = 0, t_i <= t_(i+1), and the bounds; None where there is none.

    Indices 0..count.  Each bound relates an earlier to a later (or the same) index.
    """
    below: list[list[tuple[int, Tick]]] = [[] for _ in range(count + 1)]
    above: list[list[tuple[int, Tick]]] = [[] for _ in range(count + 1)]
    for i, j, distance in lower:
        below[j].append((i, distance))
    for i, j, distance in upper:
        above[i].append((j, distance))
    t: list[Tick] = [0] * (count + 1)
    reason = [-1] * (count + 1)  # the index that forced the last rise
    rounds = 0
    while True:
        for j in range(1, count + 1):
            best, why = t[j], -1
            if t[j - 1] > best:
                best, why = t[j - 1], j - 1
            for i, distance in below[j]:
                if t[i] + distance > best:
                    best, why = t[i] + distance, i
            if why >= 0:
                t[j], reason[j] = best, why
        moved = False
        for i in range(count, -1, -1):
            best, why = t[i], -1
            for j, distance in above[i]:
                if t[j] - distance > best:
                    best, why = t[j] - distance, j
            if why >= 0:
                t[i], reason[i] = best, why
                moved = True
        if not moved:
            return t
        if t[0] > 0:
            return None
        rounds += 1
        # A circle of reasons raises itself for ever.
        if rounds & (rounds - 1) == 0 and _circular(reason):
            return None


def _circular(reason: Sequence[int]) -> bool:
    done = bytearray(len(reason))
    for start in range(len(reason)):
        path = []
        at = start
        while at >= 0 and not done[at]:
            done[at] = 2
            path.append(at)
            at = reason[at]
        if at >= 0 and done[at] == 2:
            return True
        for p in path:
            done[p] = 1
    return False
