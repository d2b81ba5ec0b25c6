"""Between which values a number lies, from between which its parts do (interval arithmetic: R. E.
Moore, Interval Analysis, 1966)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from .expr import Expr, Op

Number = int | Fraction
Range = tuple[Number | None, Number | None]  # with both ends; None: no bound
UNKNOWN: Range = (None, None)


def interval(node: Expr, args: Sequence[Range]) -> Range:
    """Of a term whose arguments lie in these; UNKNOWN of leaves but constants, and of no number."""
    match node.op:
        case Op.CONST if isinstance(node.value, int | Fraction) and type(node.value) is not bool:
            return node.value, node.value
        case Op.TO_REAL:
            return args[0]
        case Op.NEG:
            ((lo, hi),) = args
            return (None if hi is None else -hi), (None if lo is None else -lo)
        case Op.ADD:
            return total(lo for lo, _ in args), total(hi for _, hi in args)
        case Op.ITE:
            return wider(args[1], args[2])
        case Op.MUL:
            (a, b), (c, d) = args
            if a is not None and b is not None and c is not None and d is not None:
                ends = [x * y for x in (a, b) for y in (c, d)]
                return min(ends), max(ends)
    return UNKNOWN


def total(parts: Iterable[Number | None]) -> Number | None:
    """The sum; None if one of them has no bound."""
    found: Number = 0
    for part in parts:
        if part is None:
            return None
        found += part
    return found


def wider(a: Range, b: Range) -> Range:
    """Around both."""
    low = None if a[0] is None or b[0] is None else min(a[0], b[0])
    return low, None if a[1] is None or b[1] is None else max(a[1], b[1])


def narrower(a: Range, b: Range) -> Range:
    """Within both."""
    low = max((v for v in (a[0], b[0]) if v is not None), default=None)
    return low, min((v for v in (a[1], b[1]) if v is not None), default=None)
