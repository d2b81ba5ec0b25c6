"""Polynomials over named numbers, as values that terms can be computed with.

Used where a state is one for all values of some arguments: two polynomials that are equal have
the same value whatever those are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction

from ...dsl.records import dataclass
from ...semantics.expr import Expr, Op
from ...semantics.walks import variables

Number = int | Fraction
Monomial = tuple[int, ...]  # the names of its factors, sorted


@dataclass(frozen=True, slots=True)
class Polynomial:
    """The sum of `c * product(m)` for each (m, c), sorted; one that is constant is a number."""

    terms: tuple[tuple[Monomial, Number], ...]

    def __add__(self, other: Polynomial | Number) -> Polynomial | Number:
        out = dict(self.terms)
        for m, c in _terms(other):
            out[m] = out.get(m, 0) + c
        return _made(out)

    __radd__ = __add__

    def __neg__(self) -> Polynomial | Number:
        return _made({m: -c for m, c in self.terms})

    def __mul__(self, other: Polynomial | Number) -> Polynomial | Number:
        out: dict[Monomial, Number] = {}
        for m, c in self.terms:
            for n, d in _terms(other):
                both = tuple(sorted((*m, *n)))
                out[both] = out.get(both, 0) + c * d
        return _made(out)

    __rmul__ = __mul__


def named(name: int) -> Polynomial:
    return Polynomial((((name,), 1),))


def is_polynomial(value: Expr, unknown: Collection[int]) -> bool:
    """Is the term computed from these variables by sums and products alone?"""
    if not variables([value]) & set(unknown):
        return True
    match value.op:
        case Op.VAR:
            return True
        case Op.ADD | Op.NEG | Op.MUL:
            return all(is_polynomial(a, unknown) for a in value.args)
        case Op.ITE:
            test, yes, no = value.args
            return not variables([test]) & set(unknown) and all(
                is_polynomial(a, unknown) for a in (yes, no)
            )
    return False


def _terms(x: Polynomial | Number) -> tuple[tuple[Monomial, Number], ...]:
    return x.terms if isinstance(x, Polynomial) else (((), x),)


def _made(terms: Mapping[Monomial, Number]) -> Polynomial | Number:
    kept = {m: c for m, c in terms.items() if c}
    if kept.keys() <= {()}:
        return kept.get((), 0)
    return Polynomial(tuple(sorted(kept.items())))


__all__ = ["Polynomial", "is_polynomial", "named"]
