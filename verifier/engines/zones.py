"""Sets of clock readings, as difference bounds (Dill 1989), for closed constraints only.

A zone over clocks 1..n is a matrix d with x_i - x_j <= d[i][j]; row and column 0 stand for the
constant 0.  All zones here are closed under shortest paths and not empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

INFINITE = float("inf")
Bound = int | Fraction | float  # float only for INFINITE
Zone = tuple[tuple[Bound, ...], ...]


def whole(number: int | Fraction) -> int | Fraction:
    """The same number, as an int where it is one: cheaper to add."""
    return number.numerator if number.denominator == 1 else number


def nothing() -> Zone:
    """The zone of no clocks."""
    return ((0,),)


def later(zone: Zone, deadlines: Sequence[Bound]) -> Zone | None:
    """What can be read after some time, no clock beyond its deadline."""
    rows = [list(r) for r in zone]
    for i in range(1, len(rows)):
        rows[i][0] = INFINITE
    out: Zone | None = tuple(tuple(r) for r in rows)
    for i, most in enumerate(deadlines, 1):
        if out is not None and most != INFINITE:
            out = tightened(out, i, 0, most)
    return out


def between(zone: Zone | None, clock: int, lo: Bound, hi: Bound) -> Zone | None:
    """The part with lo <= x_clock <= hi; None if it is empty."""
    if zone is None:
        return None
    out = tightened(zone, 0, clock, -lo)
    return out if out is None or hi == INFINITE else tightened(out, clock, 0, hi)


def tightened(zone: Zone, i: int, j: int, most: Bound) -> Zone | None:
    """The part with x_i - x_j <= most."""
    if most >= zone[i][j]:
        return zone
    if most + zone[j][i] < 0:
        return None
    from_j = zone[j]
    out = []
    for row in zone:
        through = row[i] + most
        out.append(tuple(min(old, through + last) for old, last in zip(row, from_j, strict=True)))
    return tuple(out)


def rearranged(zone: Zone, kept: Sequence[int | None]) -> Zone:
    """Clocks in a new order: old numbers, or None for one that starts now at 0."""
    order = [0, *(0 if k is None else k for k in kept)]
    # A clock that starts now reads what the constant 0 reads.
    return tuple(tuple(zone[a][b] for b in order) for a in order)


def covers(big: Zone, small: Zone) -> bool:
    return all(a >= b for r, s in zip(big, small, strict=True) for a, b in zip(r, s, strict=True))
