"""Sums, part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

from ..semantics.expr import Expr, Op, Sort, add, const, eq, mul


def sum_of(e: Expr, sign: int) -> list[tuple[int, Expr]]:
    """The parts of a sum, with their signs."""
    out, stack = [], [(sign, e)]
    while stack:
        s, x = stack.pop()
        if x.op is Op.ADD:
            stack += [(s, a) for a in x.args]
        elif x.op is Op.NEG:
            stack.append((-s, x.args[0]))
        else:
            out.append((s, x))
    return out


def zero(key: Callable[[Expr], int], terms: Iterable[tuple[int, Expr]], sort: Sort) -> Expr:
    """That a sum is 0, after cancelling what is written alike."""
    count: dict[int, int] = {}
    parts: dict[int, Expr] = {}
    constant: int | Fraction = 0
    for sign, term in terms:
        for m, leaf in sum_of(term, sign):
            if leaf.op is Op.CONST and leaf.value is not None:
                constant += m * leaf.value
            else:
                k = key(leaf)
                parts[k], count[k] = leaf, count.get(k, 0) + m
    number = Fraction if sort is Sort.REAL else int
    left = [mul(const(number(m)), parts[k]) for k, m in count.items() if m]
    return eq(add(const(number(constant)), *left), const(number(0)))
