"""A range whose ends are computed, written out within what is known of them."""

from __future__ import annotations

from collections.abc import Callable

from ...dsl.changed import replace
from ...dsl.records import dataclass
from ..expr import TRUE, Expr, Op, and_, const, eq, le, lt, or_
from .data import Value


@dataclass(frozen=True, slots=True)
class Interval:
    """The range `lo`..`hi`, whose ends are computed, within `first`..`last`."""

    lo: Expr
    hi: Expr
    first: int
    last: int

    def items(self) -> list[tuple[Expr, Value]]:
        """Every value that there may be, with the condition that there is."""
        return [
            (and_(le(self.lo, const(k)), le(const(k), self.hi)), const(k))
            for k in range(self.first, self.last + 1)
        ]

    def map(self, end: Callable[[Expr], Expr]) -> Interval:
        """With other expressions for its ends."""
        return replace(self, lo=end(self.lo), hi=end(self.hi))

    # Whatever the ends are, exactly one of `empty` and `begins(i)` is true.

    @property
    def empty(self) -> Expr:
        """There are none."""
        first, last = const(self.first), const(self.last)
        if self.first > self.last:
            return TRUE
        if self.lo.op is Op.CONST:
            return lt(self.hi, first)
        return or_(lt(self.hi, self.lo), lt(self.hi, first), lt(last, self.lo))

    def begins(self, i: int) -> Expr:
        """The first of them is number `i` of `items`."""
        k = const(self.first + i)
        start = le(self.lo, k) if i == 0 else eq(self.lo, k)
        return and_(start, le(k, self.hi))

    def reaches(self, i: int) -> Expr:
        """It goes as far as number `i`."""
        return le(const(self.first + i), self.hi)
