"""A state as one integer: a field of bits for each variable.

A field holds the value less the least one that fits.  Declared ranges are not assumed: a value
that does not fit is noticed where it is written, and the search begins again with wider fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ....semantics.expr import Scalar, Sort
from ....semantics.system import TransitionSystem, Variable, VarKind
from ..search_space import Unsupported

MOST_BITS = 12_000  # of a state: masks are written out in decimal, which Python limits
WIDTHS = (8, 16, 32, 56)  # of a number without bounds, one after the other


class Overflow(Exception):
    """A value does not fit in its field."""


@dataclass(frozen=True, slots=True)
class Field:
    """Bits `offset .. offset + bits - 1`; the value is that number plus `low`."""

    variable: int
    offset: int
    bits: int
    low: int

    @property
    def mask(self) -> int:
        return (1 << self.bits) - 1

    @property
    def place(self) -> int:
        """The mask where it stands in the state."""
        return self.mask << self.offset

    def raw(self, value: Scalar) -> int:
        number = int(value) - self.low
        if number >> self.bits:
            raise Overflow
        return number << self.offset


WORD = 64


class Layout:
    """Fields in the order of `kept`, without gaps; or `aligned`, so that none crosses the border of
    a machine word."""

    def __init__(
        self,
        system: TransitionSystem,
        kept: Iterable[int],
        level: int = 0,
        aligned: bool = False,
    ) -> None:
        points = {t.location: len(t.points) for t in system.threads}
        self.fields: dict[int, Field] = {}
        at = 0
        for v in kept:
            bits, low = _size(system.variables[v], points.get(v), level)
            if aligned and at // WORD != (at + bits - 1) // WORD:
                at += -at % WORD
            self.fields[v] = Field(v, at, bits, low)
            at += bits
        if at > MOST_BITS:
            raise Unsupported("too many variables for one number")
        self.bits = at

    def pack(self, values: Mapping[int, Scalar]) -> int:
        """Raises Overflow."""
        return sum(f.raw(values[v]) for v, f in self.fields.items())

    def unpack(self, state: int, order: Sequence[int], booleans: frozenset[int]) -> tuple[int, ...]:
        """The values of the variables in the given order."""
        out: list[int] = []
        for v in order:
            f = self.fields[v]
            value = ((state >> f.offset) & f.mask) + f.low
            out.append(bool(value) if v in booleans else value)
        return tuple(out)


def _size(variable: Variable, points: int | None, level: int) -> tuple[int, int]:
    """Bits, and the least value."""
    if variable.sort is Sort.BOOL:
        return 1, 0
    if variable.sort is not Sort.INT:
        raise Unsupported(f"{variable.name} is no whole number")
    if points is not None and variable.kind is VarKind.LOCATION:
        return max(1, (points - 1).bit_length()), 0
    if level >= len(WIDTHS):
        raise Unsupported(f"{variable.name} grows too large")
    if variable.lo is not None and variable.hi is not None:
        bits = max(1, (variable.hi - variable.lo).bit_length())
        if level == 0:
            return bits, variable.lo
        bits = max(bits + 2, WIDTHS[level])
        return bits, variable.lo - (1 << (bits - 2))
    if variable.kind is VarKind.USED and level == 0:
        return 6, 0
    return WIDTHS[level], -(1 << (WIDTHS[level] - 2))
