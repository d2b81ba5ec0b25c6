"""Intervals of terms: around every value that the terms have."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from wfverify.semantics.expr import Expr, Sort, add, const, ite, le, mul, neg, var
from wfverify.semantics.intervals import UNKNOWN, Range, interval, narrower, wider
from wfverify.semantics.values import evaluate
from wfverify.semantics.walks import fold

RANGES: list[Range] = [(-3, 4), (0, 0), (2, None), (None, None), (None, -1)]


def a_term(rng: random.Random, depth: int) -> Expr:
    kind = rng.randrange(6 if depth else 2)
    match kind:
        case 0:
            return const(rng.randint(-4, 4))
        case 1:
            return var(rng.randrange(len(RANGES)), Sort.INT)
    a, b = a_term(rng, depth - 1), a_term(rng, depth - 1)
    match kind:
        case 2:
            return add(a, b)
        case 3:
            return neg(a)
        case 4:
            return mul(a, b)
    return ite(le(a, b), b, a_term(rng, depth - 1))


@given(st.integers(0, 10**9))
def test_every_value_lies_within(seed: int) -> None:
    rng = random.Random(seed)
    term = a_term(rng, 4)

    def at(node: Expr, args: list[Range]) -> Range:
        from wfverify.semantics.expr import Op

        return RANGES[node.index] if node.op is Op.VAR else interval(node, args)

    low, high = fold(term, at) if term.args else UNKNOWN
    for _ in range(20):
        state = [
            rng.randint(-9 if lo is None else int(lo), 9 if hi is None else int(hi))
            for lo, hi in RANGES
        ]
        value = evaluate(term, state)
        assert isinstance(value, int)
        assert low is None or low <= value
        assert high is None or value <= high


def test_exact_of_sums() -> None:
    x = var(0, Sort.INT)
    ranges = [(1, 3), (2, 2)]
    assert interval(add(x, var(1, Sort.INT)), ranges) == (3, 5)
    assert interval(mul(x, var(1, Sort.INT)), [(-1, 3), (2, 5)]) == (-5, 15)
    assert wider((1, None), (0, 2)) == (0, None)
    assert narrower((1, None), (0, 2)) == (1, 2)
