"""Rounds of a run that goes on for ever: are there times for all of them?

Some rounds may be taken at any times, from then on each takes as long as the one before: a step
of a round comes one period after the same step of the round before.  Where a run with these steps
has times for all rounds at all, it has such ones: the means over more and more rounds satisfy the
same constraints, which are convex.  (That some few rounds have times is not enough: what is a
little faster than the rest is ahead by a little more in each.)
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import z3

from ..semantics.symbolic import Answer, Smt, Term
from ..semantics.trace import Trace
from .clock import Clock, Tick
from .plan import Plan

FREE = 2  # rounds at any times, before those that come in periods
IN_PERIODS = 3  # so many say what each of them asks of the next
_MILLISECONDS = 5000
MOST = 4000  # steps that are looked at


def for_ever(plan: Plan, clock: Clock, trace: Trace) -> bool:
    """Can the loop of a lasso be taken again and again in time?  False also where it is too long
    to be looked at."""
    from .timing import Collector

    assert trace.loop_at is not None
    around = trace.steps[trace.loop_at :]
    steps = (*trace.steps, *around * (FREE + IN_PERIODS - 1))
    if len(steps) > MOST:
        return False
    collector = Collector(plan, clock, trace.initial)
    for step in steps:
        collector.step(step.rule, step.inputs)
    last = len(steps) - len(around)  # the instant at which the last round begins
    through = any(begun <= last for begun, _ in collector.deadlines())
    collector.finish()
    first = trace.loop_at + FREE * len(around) + 1  # the first instant that comes in periods
    period = z3.Real("period")
    free = [z3.RealVal(0), *(z3.Real(f"t{k}") for k in range(1, first + len(around)))]

    def instant(k: int) -> Term:
        more = max(0, k - first) // len(around)
        return free[k - more * len(around)] + more * period

    instants = [instant(k) for k in range(len(steps) + 1)]
    solver = Smt(_MILLISECONDS)
    solver.add(period >= 0)
    if through:  # What must come at some time and never does: no time passes.
        solver.add(period == 0)
    for before, after in itertools.pairwise(instants):
        solver.add(before <= after)
    for i, j, least in collector.lower:
        solver.add(instants[j] - instants[i] >= _number(least))
    for i, j, most in collector.upper:
        solver.add(instants[j] - instants[i] <= _number(most))
    return solver.check() is Answer.SAT


def _number(tick: Tick) -> Term:
    return z3.RealVal(f"{Fraction(tick).numerator}/{Fraction(tick).denominator}")


__all__ = ["for_ever"]
