"""How long something takes: bounds of a time, and the ways in which a term may end.

Times are Real-sorted expressions, in seconds, over parameters and arguments, which never change
during a run; sums and maxima of them are simplified where ranges of the parameters decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from functools import reduce

from ...dsl.changed import replace
from ...dsl.records import dataclass
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    and_,
    const,
    ite,
    le,
    lt,
    mul,
    or_,
    same,
    sub,
    var,
)
from ..system import Variable, VarKind
from ..walks import fold

ZERO = const(Fraction(0))
DONE = ""  # the way to end that is no error

MOST_TERMS = 12  # of a sum that is compared with others

Extent = tuple[Fraction | None, Fraction | None]
Sums = dict[tuple[int, ...], Fraction]  # by the variables of each product


@dataclass(frozen=True, slots=True)
class Lasts:
    """A time in `lo`..`hi` (`hi` None: no bound is known), where it is possible at all (`may`).

    `exact`: there are runs that take `lo` and runs that take `hi`, for all values for which it is
    possible, whatever else goes on.  `solid`: and of each time between, so that a limit may cut it.
    """

    lo: Expr
    hi: Expr | None
    may: Expr = TRUE
    exact: bool = True
    solid: bool = True

    @property
    def vague(self) -> Lasts:
        return replace(self, exact=False)

    @property
    def parted(self) -> Lasts:
        return replace(self, solid=False)


NOTHING = Lasts(ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class Times:
    """`ways` are the ends of a term: DONE, and the errors that leave it.

    `after`: how long its protected parts may go on once it has been cancelled.  `at_once`: its
    first step comes without delay or condition; None: it may end without a step.
    """

    ways: Mapping[str, Lasts] = field(default_factory=dict)
    after: Expr | None = ZERO
    at_once: bool | None = True

    @property
    def exact(self) -> bool:
        return all(w.exact for w in self.ways.values())


class Arithmetic:
    """Sums, maxima and minima, given what the variables may be."""

    def __init__(self, variables: Sequence[Variable]) -> None:
        self.variables = variables  # may still grow
        self._memo: dict[int, Extent] = {}
        self._sums: dict[int, Sums | None] = {}
        self._kept: list[Expr] = []

    def extent(self, e: Expr) -> Extent:
        """Bounds of a number, from the ranges of what never changes."""
        if e.op is Op.CONST:
            return (None, None) if isinstance(e.value, bool) else (number(e), number(e))
        self._kept.append(e)  # the memo goes by identity
        return fold(e, self._extent, self._memo)

    def _extent(self, e: Expr, args: Sequence[Extent]) -> Extent:
        match e.op:
            case Op.CONST if not isinstance(e.value, bool | tuple):
                return number(e), number(e)
            case Op.VAR:
                v = self.variables[e.index]
                ranged = v.kind in (VarKind.PARAM, VarKind.ARG) and v.init is None
                if ranged and v.lo is not None and v.hi is not None:
                    return Fraction(v.lo), Fraction(v.hi)
            case Op.ADD:
                return _sum(a for a, _ in args), _sum(b for _, b in args)
            case Op.NEG:
                ((lo, hi),) = args
                return (None if hi is None else -hi), (None if lo is None else -lo)
            case Op.TO_REAL:
                return args[0]
            case Op.ITE:
                (a, b), (c, d) = args[1:]
                if larger_of(e):
                    low = max((x for x in (a, c) if x is not None), default=None)
                    return low, (None if b is None or d is None else max(b, d))
                low = None if a is None or c is None else min(a, c)
                return low, (None if b is None or d is None else max(b, d))
            case Op.MUL:
                (a, b), (c, d) = args
                if None not in (a, b, c, d):
                    ends = [
                        x * y for x in (a, b) for y in (c, d) if x is not None and y is not None
                    ]
                    return min(ends), max(ends)
                if a is not None and c is not None and a >= 0 and c >= 0:
                    return a * c, None
            case Op.DIV:
                (a, b), (c, d) = args
                if c is not None and c > 0 and c == d:
                    return (None if a is None else a / c), (None if b is None else b / c)
                if c is not None and c > 0 and a is not None and a >= 0:
                    return Fraction(0), (None if b is None else b / c)
            case _:
                pass
        return None, None

    def difference(self, a: Expr, b: Expr) -> Extent:
        """Bounds of a - b."""
        (a_lo, a_hi), (b_lo, b_hi) = self.extent(a), self.extent(b)
        lo = None if a_lo is None or b_hi is None else a_lo - b_hi
        hi = None if a_hi is None or b_lo is None else a_hi - b_lo
        if a.op is Op.CONST or b.op is Op.CONST:
            return lo, hi
        x, y = self.linear(a), self.linear(b)
        if x is None or y is None:
            return lo, hi
        least, most = Fraction(0), Fraction(0)
        for m in x.keys() | y.keys():
            factor = x.get(m, Fraction(0)) - y.get(m, Fraction(0))
            ends = [self._product(m)[k] for k in (0, 1)]
            if factor and None in ends:
                return lo, hi
            values = [factor * end for end in ends if end is not None] if factor else [factor]
            least, most = least + min(values), most + max(values)
        return least, most

    def _product(self, names: tuple[int, ...]) -> Extent:
        """Bounds of a product of variables that are not negative."""
        lo, hi = Fraction(1), Fraction(1)
        for v in names:
            a, b = self._extent(var(v, Sort.INT), ())
            if a is None or b is None or a < 0:
                return None, None
            lo, hi = lo * a, hi * b
        return lo, hi

    def linear(self, e: Expr) -> Sums | None:
        """As a short sum of products of variables; None: it is none."""
        self._kept.append(e)
        return fold(e, self._linear, self._sums)

    def _linear(self, e: Expr, args: Sequence[Sums | None]) -> Sums | None:
        known = [a for a in args if a is not None]
        if len(known) < len(args):
            return None
        match e.op:
            case Op.CONST if not isinstance(e.value, bool | tuple):
                return {(): number(e)}
            case Op.VAR if e.sort is not Sort.BOOL:
                return {(e.index,): Fraction(1)}
            case Op.TO_REAL:
                return known[0]
            case Op.NEG:
                return {m: -x for m, x in known[0].items()}
            case Op.ADD:
                out: Sums = {}
                for part in known:
                    for m, x in part.items():
                        out[m] = out.get(m, Fraction(0)) + x
                return out if len(out) <= MOST_TERMS else None
            case Op.MUL if len(known[0]) * len(known[1]) <= MOST_TERMS:
                pairs = [(m, n) for m in known[0] for n in known[1]]
                out = {}
                for m, n in pairs:
                    both = tuple(sorted((*m, *n)))
                    out[both] = out.get(both, Fraction(0)) + known[0][m] * known[1][n]
                return out
        return None

    def positive(self, e: Expr) -> Expr:
        """What is read below 0 counts as 0."""
        return self.most(e, ZERO)

    def most(self, a: Expr, b: Expr) -> Expr:
        return self._chosen(a, b, True)

    def least(self, a: Expr, b: Expr) -> Expr:
        return self._chosen(a, b, False)

    def _chosen(self, a: Expr, b: Expr, larger: bool) -> Expr:
        if same(a, b):
            return a
        lo, hi = self.difference(a, b)
        if hi is not None and hi <= 0:
            return b if larger else a
        if lo is not None and lo >= 0:
            return a if larger else b
        return ite(lt(a, b), b, a) if larger else ite(lt(a, b), a, b)

    def below(self, a: Expr, b: Expr) -> Expr:
        """a < b."""
        lo, hi = self.difference(a, b)
        if hi is not None and hi < 0:
            return TRUE
        return FALSE if lo is not None and lo >= 0 else lt(a, b)

    def within(self, a: Expr, b: Expr) -> Expr:
        """a <= b."""
        lo, hi = self.difference(a, b)
        if hi is not None and hi <= 0:
            return TRUE
        return FALSE if lo is not None and lo > 0 else le(a, b)

    # --- ways to end ---------------------------------------------------------------------------

    def either(self, a: Lasts | None, b: Lasts | None) -> Lasts | None:
        """One of two."""
        if a is None or b is None:
            return a or b
        if _opposite(a.may, b.may):
            hi = None if a.hi is None or b.hi is None else ite(a.may, a.hi, b.hi)
            return Lasts(ite(a.may, a.lo, b.lo), hi, TRUE, a.exact and b.exact, False)
        lo = ite(a.may, ite(b.may, self.least(a.lo, b.lo), a.lo), b.lo)
        hi = None
        if a.hi is not None and b.hi is not None:
            hi = ite(a.may, ite(b.may, self.most(a.hi, b.hi), a.hi), b.hi)
        elif a.may is FALSE or b.may is FALSE:
            hi = b.hi if a.may is FALSE else a.hi
        solid = same(a.lo, b.lo) and a.solid and b.solid
        return Lasts(lo, hi, or_(a.may, b.may), a.exact and b.exact, solid)

    def any_of(self, ways: Iterable[Lasts]) -> Lasts | None:
        return reduce(self.either, ways, None)

    def both(self, a: Lasts, b: Lasts) -> Lasts:
        """Side by side, until both are over."""
        hi = None if a.hi is None or b.hi is None else self.most(a.hi, b.hi)
        exact, solid = a.exact and b.exact, a.solid and b.solid
        return Lasts(self.most(a.lo, b.lo), hi, and_(a.may, b.may), exact, solid)

    def ended(self, t: Times) -> Lasts:
        """However it ends."""
        return self.any_of(t.ways.values()) or NOTHING

    def merged(self, *several: Mapping[str, Lasts]) -> dict[str, Lasts]:
        """The ways of alternatives."""
        out: dict[str, Lasts] = {}
        for ways in several:
            for end, lasts in ways.items():
                found = self.either(out.get(end), lasts)
                assert found is not None
                out[end] = found
        return {end: lasts for end, lasts in out.items() if lasts.may is not FALSE}


def _opposite(a: Expr, b: Expr) -> bool:
    return any(x.op is Op.NOT and x.args[0] is y for x, y in ((a, b), (b, a)))


def then(a: Lasts, b: Lasts) -> Lasts:
    """One after the other."""
    hi = None if a.hi is None or b.hi is None else add(a.hi, b.hi)
    exact, solid = a.exact and b.exact, a.solid and b.solid
    return Lasts(add(a.lo, b.lo), hi, and_(a.may, b.may), exact, solid)


def later(a: Lasts, most: Expr | None) -> Lasts:
    """What is perhaps over only a while after it has ended."""
    if most is ZERO or (most is not None and most.value == 0):
        return a
    hi = None if a.hi is None or most is None else add(a.hi, most)
    return Lasts(a.lo, hi, a.may, False, False)


def times(n: Expr, t: Expr | None) -> Expr | None:
    """`n` (Real) times as long."""
    return None if t is None else mul(n, t)


def one_less(n: Expr) -> Expr:
    return sub(n, const(Fraction(1)))


def number(e: Expr) -> Fraction:
    assert isinstance(e.value, int | Fraction)
    return Fraction(e.value)


def larger_of(e: Expr) -> bool:
    """`max(a, b)`, as it is written here."""
    return _chosen_of(e, (1, 0))


def smaller_of(e: Expr) -> bool:
    """`min(a, b)`."""
    return _chosen_of(e, (0, 1))


def _chosen_of(e: Expr, order: tuple[int, int]) -> bool:
    if e.op is not Op.ITE or e.args[0].op is not Op.LT:
        return False
    pair = e.args[0].args
    return all(same(x, pair[k]) for x, k in zip(e.args[1:], order, strict=True))


def _sum(parts: Iterable[Fraction | None]) -> Fraction | None:
    known = list(parts)
    return None if None in known else sum((x for x in known if x is not None), Fraction(0))
