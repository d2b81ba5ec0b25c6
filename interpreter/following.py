"""Is a timed run one that the declared scheduler may take?

The steps are taken again with the scheduler of the runner.  Where it draws, any draw will do; and
the environment has chosen the durations that the times say.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

from ..semantics.trace import Trace
from .clock import Tick
from .plan import Plan
from .scheduler import InOrder, make_scheduler

_ROUNDS = 4  # of a loop, after which the scheduler must be where it was a round before


def follows(plan: Plan, trace: Trace) -> bool:
    """The steps must be possible at their times (see `schedule`)."""
    from .timing import Collector, Scheduling

    scheduler = make_scheduler(plan.system.scheduler, plan, Random(0))
    if not isinstance(scheduler, InOrder):
        return True
    steps = trace.steps
    ends: list[int] = []
    if trace.loop_at is not None:
        around = trace.steps[trace.loop_at :]
        flat = replace(trace, steps=steps + around * (_ROUNDS - 1), loop_at=None)
        timed = Scheduling(plan.system, plan).schedule(flat)
        if timed is None:
            return False
        ends = [len(flat.steps) - len(around), len(flat.steps)]
        steps = timed.steps
    clock = plan.clock
    times: list[Tick] = [0, *(clock.ticks(s.time) for s in steps)]  # by instant
    collector = Collector(plan, clock, trace.initial, scheduler)
    orders: list[object] = []
    begun: dict[int, int] = {}  # by step with a delay: the instant its clock was started
    for number, step in enumerate(steps):
        now = times[number + 1]
        if plan.delayed[step.rule]:
            begun[number] = collector.begun(step.rule)
        else:
            # A timer that is due goes first.
            if any(times[since] + most <= now for since, most in collector.deadlines()):
                return False
            if step.rule not in scheduler.firsts(collector.dynamics.state):
                return False
        scheduler.step = number + 1
        collector.step(step.rule, step.inputs)
        if number + 1 in ends:
            orders.append(scheduler.order())
    for late, since in begun.items():
        for early in range(late - 1, since - 1, -1):
            if times[early + 1] < times[late + 1]:
                break
            if early not in begun or begun[early] > since:
                return False
    return len(orders) < 2 or orders[0] == orders[1]
