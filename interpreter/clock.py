"""Exact time, and how long a rule waits.

Times are in *ticks*, a fraction of a second that makes the constants of the spec whole numbers;
other instants are exact fractions of a tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from ..semantics.expr import Expr, Op, Scalar
from ..semantics.system import Delay, TransitionSystem
from ..semantics.values import evaluate

Tick = int | Fraction

_FINEST = 1000  # durations are drawn in milliseconds at least


class Clock:
    """Between seconds (exact) and ticks."""

    def __init__(self, system: TransitionSystem) -> None:
        scale = _FINEST
        seen: set[int] = set()
        for rule in system.rules:
            if rule.delay is not None and id(rule.delay) not in seen:
                seen.add(id(rule.delay))
                for bound in (rule.delay.lo, rule.delay.hi):
                    if bound is not None and isinstance(bound.value, Fraction):
                        wider = lcm(scale, bound.value.denominator)
                        # Beyond this, fractions of a tick are cheaper than huge ticks.
                        scale = wider if wider <= 10**9 else scale
        self.scale = scale

    def ticks(self, seconds: Scalar) -> Tick:
        if isinstance(seconds, int) or seconds.denominator == 1:
            return seconds.numerator * self.scale
        exact = seconds * self.scale
        return exact.numerator if exact.denominator == 1 else exact

    def seconds(self, ticks: Tick) -> Fraction:
        return Fraction(ticks) / self.scale


def delay_bounds(clock: Clock, delay: Delay, state: Sequence[Scalar]) -> tuple[Tick, Tick | None]:
    """The interval in ticks, never negative, never empty."""
    low = clock.ticks(value_of(delay.lo, state))
    if low < 0:
        low = 0
    if delay.hi is None:
        return low, None
    high = clock.ticks(value_of(delay.hi, state))
    return low, low if high < low else high


def value_of(expr: Expr, state: Sequence[Scalar]) -> Scalar:
    if expr.op is Op.CONST and expr.value is not None:
        return expr.value
    return evaluate(expr, state)
