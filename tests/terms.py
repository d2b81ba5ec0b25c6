"""Random terms over three ints, two reals, two bools (each also as an input) and a stack."""

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
    pop,
    push,
    to_real,
    top,
    var,
)

SORTS = (Sort.INT, Sort.INT, Sort.INT, Sort.REAL, Sort.REAL, Sort.BOOL, Sort.BOOL, Sort.STACK)

_ints = st.integers(-4, 4)
_reals = st.fractions(-3, 3, max_denominator=4)
_stacks = st.lists(st.one_of(st.booleans(), _ints, _reals), max_size=3).map(tuple)


def _leaf(sort: Sort) -> st.SearchStrategy[Expr]:
    places = [i for i, s in enumerate(SORTS) if s is sort]
    values: st.SearchStrategy[Scalar] = {
        Sort.INT: _ints,
        Sort.REAL: _reals,
        Sort.BOOL: st.booleans(),
        Sort.STACK: _stacks,
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
    s = st.deferred(lambda: terms(Sort.STACK, depth - 1))
    topmost = s.map(lambda x: top(x, sort))
    if sort is Sort.STACK:
        return st.one_of(
            _leaf(sort),
            st.tuples(s, st.one_of(b, i, r)).map(lambda x: push(*x)),
            s.map(pop),
            st.tuples(b, s, s).map(lambda x: ite(*x)),
        )
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
            topmost,
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
        topmost,
    ]
    if sort is Sort.INT:
        both.append(st.tuples(n, n).map(lambda x: mod(*x)))
    else:
        both.append(i.map(to_real))
    return st.one_of(*both)


def states() -> st.SearchStrategy[tuple[Scalar, ...]]:
    values = {Sort.INT: _ints, Sort.REAL: _reals, Sort.BOOL: st.booleans(), Sort.STACK: _stacks}
    return st.tuples(*(values[s] for s in SORTS))
