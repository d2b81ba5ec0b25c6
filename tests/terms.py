"""Random terms over three ints, two reals and two bools, each also as an input."""

from __future__ import annotations

from hypothesis import strategies as st
from wfverify.semantics.expr import (
    Expr,
    Op,
    Scalar,
    Sort,
    add,
    and_,
    const,
    div,
    eq,
    inp,
    ite,
    le,
    lt,
    mod,
    mul,
    neg,
    not_,
    or_,
    to_real,
    var,
)

SORTS = (Sort.INT, Sort.INT, Sort.INT, Sort.REAL, Sort.REAL, Sort.BOOL, Sort.BOOL)

_ints = st.integers(-4, 4)
_reals = st.fractions(-3, 3, max_denominator=4)


def _leaf(sort: Sort) -> st.SearchStrategy[Expr]:
    places = [i for i, s in enumerate(SORTS) if s is sort]
    values: st.SearchStrategy[Scalar] = {
        Sort.INT: _ints,
        Sort.REAL: _reals,
        Sort.BOOL: st.booleans(),
    }[sort]
    return st.one_of(
        values.map(const),
        st.sampled_from(places).map(lambda i: var(i, sort)),
        st.sampled_from(places).map(lambda i: inp(i, sort)),
    )


def terms(sort: Sort, depth: int = 3) -> st.SearchStrategy[Expr]:
    """Terms of a sort; raw constructors too, so that simplification hides nothing."""
    if depth == 0:
        return _leaf(sort)
    b, i, r = (terms(s, depth - 1) for s in (Sort.BOOL, Sort.INT, Sort.REAL))
    if sort is Sort.BOOL:
        number = st.one_of(st.tuples(i, i), st.tuples(r, r))
        return st.one_of(
            _leaf(sort),
            b.map(not_),
            st.lists(b, min_size=0, max_size=3).map(lambda x: Expr(Op.AND, tuple(x), Sort.BOOL)),
            st.lists(b, min_size=0, max_size=3).map(lambda x: Expr(Op.OR, tuple(x), Sort.BOOL)),
            st.tuples(b, b).map(lambda x: and_(or_(*x), x[0])),
            number.map(lambda x: eq(*x)),
            number.map(lambda x: le(*x)),
            number.map(lambda x: lt(*x)),
            st.tuples(b, b).map(lambda x: eq(*x)),
            st.tuples(b, b, b).map(lambda x: Expr(Op.ITE, x, Sort.BOOL)),
        )
    n = i if sort is Sort.INT else r
    both = [
        _leaf(sort),
        st.tuples(n, n).map(lambda x: add(*x)),
        st.lists(n, min_size=20, max_size=20).map(lambda x: Expr(Op.ADD, tuple(x), sort))
        if depth == 1
        else _leaf(sort),
        n.map(neg),
        st.tuples(n, n).map(lambda x: mul(*x)),
        st.tuples(n, n).map(lambda x: div(*x)),
        st.tuples(b, n, n).map(lambda x: ite(*x)),
    ]
    if sort is Sort.INT:
        both.append(st.tuples(n, n).map(lambda x: mod(*x)))
    else:
        both.append(i.map(to_real))
    return st.one_of(*both)


def states() -> st.SearchStrategy[tuple[Scalar, ...]]:
    values = {Sort.INT: _ints, Sort.REAL: _reals, Sort.BOOL: st.booleans()}
    return st.tuples(*(values[s] for s in SORTS))
