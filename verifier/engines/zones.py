"""Sets of clock readings, as difference bounds (Dill 1989), for closed constraints only.

A zone over clocks 1..n is a matrix d with x_i - x_j <= d[i][j]; row and column 0 stand for the
constant 0.  All zones here are closed under shortest paths and not empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

INFINITE = float("inf")
FAR = 1_000_000  # counts for an end that one zone has and the other has not
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


def extrapolated(zone: Zone, lows: Sequence[Bound | None], limited: Sequence[bool]) -> Zone:
    """A larger zone from which the same can be reached, by steps that ask of clock k only whether
    it shows at least some number up to `lows[k - 1]` (None: they do not), and, if it is
    `limited[k - 1]`, whether it shows at most some number.

    Each reading that it adds is simulated by one that was there: a clock that shows more than
    `lows` may show less of it, and one that is not limited may show more (Behrmann, Bouyer, Larsen,
    Pelanek 2006, Extra-LU+, with upper bounds that are infinite or none; others would make open
    zones).
    """
    low: list[Bound] = [0, *(-INFINITE if x is None else x for x in lows)]
    rows: list[list[Bound]] = []
    for i, row in enumerate(zone):
        mine = list(row)
        for j, most in enumerate(row):
            if i == j:
                continue
            if j and not limited[j - 1]:
                mine[j] = INFINITE if i else 0
            elif i and (most > low[i] or -zone[0][i] > low[i]):
                mine[j] = INFINITE
        rows.append(mine)
    out = tuple(map(tuple, rows))
    return zone if out == zone else closed(rows)


def closed(rows: list[list[Bound]]) -> Zone:
    """With all bounds that follow from these (Floyd 1962); it must not be empty."""
    for k, through in enumerate(rows):
        for row in rows:
            first = row[k]
            if first != INFINITE and row is not through:
                for j, last in enumerate(through):
                    if first + last < row[j]:
                        row[j] = first + last
    return tuple(map(tuple, rows))


def covers(big: Zone, small: Zone) -> bool:
    return all(a >= b for r, s in zip(big, small, strict=True) for a, b in zip(r, s, strict=True))


def hull(a: Zone, b: Zone) -> Zone:
    """The least zone that covers both."""
    return tuple(tuple(map(max, r, s)) for r, s in zip(a, b, strict=True))


def apart(a: Zone, b: Zone) -> Bound:
    """How much their bounds differ in all."""
    out: Bound = 0
    for r, s in zip(a, b, strict=True):
        for x, y in zip(r, s, strict=True):
            if x != y:
                out += FAR if INFINITE in (x, y) else max(x - y, y - x)
    return out
