"""A state as one integer: a field of bits for each variable.

A field holds the value less the least one that fits.  Declared ranges are not assumed: a value
that does not fit is noticed where it is written, and the search begins again with wider fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ....dsl.records import dataclass
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


WORD = 64  # bits of a machine word


class Layout:
    """A place in the state for each of the `kept` variables.  No field crosses the border of a
    word; a block (the variables of one, in their order, side by side) that fits in a word does not
    either, and a larger one begins with a word and has its words for itself: so what `blocks` of
    one shape hold can be compared and exchanged.
    """

    def __init__(
        self,
        system: TransitionSystem,
        kept: Iterable[int],
        level: int = 0,
        blocks: Sequence[Sequence[int]] = (),
    ) -> None:
        points = {t.location: len(t.points) for t in system.threads}
        inside = {v for block in blocks for v in block}
        self.fields: dict[int, Field] = {}
        self.widths: dict[int, int] = {}  # bits of a unit, by its first variable
        room: list[int] = []  # bits that are free at the end of each word
        first = 0  # the words before it are full
        for unit in [*blocks, *((v,) for v in kept if v not in inside)]:
            sizes = [_size(system.variables[v], points.get(v), level) for v in unit]
            offsets, end = _beside([bits for bits, _ in sizes])
            if end > WORD:
                at = len(room) * WORD
                end += -end % WORD
                room += [0] * (end // WORD)
            else:
                k = next((k for k in range(first, len(room)) if room[k] >= end), len(room))
                if k == len(room):
                    room.append(WORD)
                at = k * WORD + WORD - room[k]
                room[k] -= end
                while first < len(room) and not room[first]:
                    first += 1
            self.widths[unit[0]] = end
            for v, (bits, low), offset in zip(unit, sizes, offsets, strict=True):
                self.fields[v] = Field(v, at + offset, bits, low)
        if len(room) * WORD > MOST_BITS:
            raise Unsupported("too many variables for one number")
        self.words = max(1, len(room))

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


def _beside(sizes: Sequence[int]) -> tuple[list[int], int]:
    """Offsets of fields that begin with a word, and their end; if they do not fit in one word,
    none crosses a border."""
    whole = sum(sizes) <= WORD
    out: list[int] = []
    at = 0
    for bits in sizes:
        if not whole and at // WORD != (at + bits - 1) // WORD:
            at += -at % WORD
        out.append(at)
        at += bits
    return out, at


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
