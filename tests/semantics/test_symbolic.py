"""The SMT reading agrees with the values, on every operator."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wfverify.semantics import expr as e
from wfverify.semantics.expr import Expr, Op, Sort
from wfverify.semantics.symbolic import Answer, Encoder, Smt, is_valid
from wfverify.semantics.values import evaluate

SCALARS = (Sort.BOOL, Sort.INT, Sort.REAL)
SORTS = (Sort.BOOL, Sort.BOOL, Sort.INT, Sort.INT, Sort.REAL, Sort.REAL, Sort.STACK)
INTS = st.integers(-7, 7)
REALS = st.fractions(-4, 4, max_denominator=5)
STACKS = st.lists(st.one_of(st.booleans(), INTS, REALS), max_size=3).map(tuple)
STATES = st.tuples(st.booleans(), st.booleans(), INTS, INTS, REALS, REALS, STACKS)


def raw(op: Op, sort: Sort, *args: Expr) -> Expr:
    """Not simplified, so that the solver sees the operator itself."""
    return Expr(op, args, sort)


def terms(sort: Sort, depth: int) -> st.SearchStrategy[Expr]:
    constants = {Sort.BOOL: st.booleans(), Sort.INT: INTS, Sort.REAL: REALS, Sort.STACK: STACKS}
    leaves = constants[sort].map(e.const) | st.sampled_from(
        [leaf(i, s) for leaf in (e.var, e.post, e.inp) for i, s in enumerate(SORTS) if s is sort]
    )
    if depth == 0:
        return leaves
    boolean, integer, real, stack, same = (
        st.deferred(lambda s=s: terms(s, depth - 1)) for s in (*SCALARS, Sort.STACK, sort)
    )
    if sort is Sort.STACK:
        return st.one_of(
            leaves,
            st.tuples(stack, st.one_of(boolean, integer, real)).map(
                lambda a: raw(Op.PUSH, sort, *a)
            ),
            stack.map(lambda a: raw(Op.POP, sort, a)),
            st.tuples(boolean, stack, stack).map(lambda a: raw(Op.ITE, sort, *a)),
        )
    topmost = stack.map(lambda a: raw(Op.TOP, sort, a))
    if sort is Sort.BOOL:
        number = st.one_of(st.tuples(integer, integer), st.tuples(real, real))
        return st.one_of(
            leaves,
            boolean.map(lambda a: raw(Op.NOT, sort, a)),
            st.builds(
                lambda op, args: raw(op, sort, *args),
                st.sampled_from((Op.AND, Op.OR)),
                st.lists(boolean, min_size=1, max_size=3),
            ),
            st.tuples(boolean, boolean).map(lambda a: raw(Op.EQ, sort, *a)),
            st.builds(
                lambda op, a: raw(op, sort, *a), st.sampled_from((Op.EQ, Op.LE, Op.LT)), number
            ),
            st.tuples(boolean, boolean, boolean).map(lambda a: raw(Op.ITE, sort, *a)),
            topmost,
        )
    two = [Op.MUL, Op.DIV] + ([Op.MOD] if sort is Sort.INT else [])
    options = [
        leaves,
        st.lists(same, min_size=1, max_size=3).map(lambda a: raw(Op.ADD, sort, *a)),
        same.map(lambda a: raw(Op.NEG, sort, a)),
        st.builds(lambda op, a, b: raw(op, sort, a, b), st.sampled_from(two), same, same),
        st.tuples(boolean, same, same).map(lambda a: raw(Op.ITE, sort, *a)),
        topmost,
    ]
    if sort is Sort.REAL:
        options.append(integer.map(lambda a: raw(Op.TO_REAL, sort, a)))
    return st.one_of(options)


ANY = st.one_of([terms(s, 3) for s in Sort])


@settings(max_examples=250, deadline=None)
@given(ANY, STATES, STATES, STATES)
def test_value_is_the_only_model(term, before, after, inputs) -> None:
    """With the leaves pinned, the formula `term = value` holds and its negation does not."""
    expected = evaluate(term, before, inputs, after)
    encode = Encoder()
    pins = [
        raw(Op.EQ, Sort.BOOL, leaf(i, sort), e.const(values[i]))
        for leaf, values in ((e.var, before), (e.post, after), (e.inp, inputs))
        for i, sort in enumerate(SORTS)
    ]
    claim = raw(Op.EQ, Sort.BOOL, term, e.const(expected))
    solver = Smt(5000)
    solver.add(*map(encode, pins))
    solver.push()
    solver.add(encode(raw(Op.NOT, Sort.BOOL, claim)))
    assert solver.check() is Answer.UNSAT
    solver.pop()
    solver.add(encode(claim))
    assert solver.check() is Answer.SAT
    found = solver.value(encode(term), term.sort)
    assert found == expected and type(found) is type(expected)


@settings(max_examples=250, deadline=None)
@given(terms(Sort.BOOL, 3), STATES, STATES, STATES)
def test_relaxed_keeps_every_model(term, before, after, inputs) -> None:
    """What holds of exact values is satisfiable when integers are read as reals."""
    encode = Encoder(relaxed=True)
    pins = [
        raw(Op.EQ, Sort.BOOL, leaf(i, sort), e.const(values[i]))
        for leaf, values in ((e.var, before), (e.post, after), (e.inp, inputs))
        for i, sort in enumerate(SORTS)
    ]
    claim = term if evaluate(term, before, inputs, after) else raw(Op.NOT, Sort.BOOL, term)
    solver = Smt(5000)
    solver.add(*map(encode, pins), encode(claim))
    assert solver.check() is not Answer.UNSAT


def test_division_by_zero_is_zero() -> None:
    x = e.var(0, Sort.INT)
    r = e.var(1, Sort.REAL)
    zero, none = e.const(0), e.const(Fraction(0))
    assert is_valid(raw(Op.EQ, Sort.BOOL, raw(Op.DIV, Sort.INT, x, zero), zero))
    assert is_valid(raw(Op.EQ, Sort.BOOL, raw(Op.MOD, Sort.INT, x, zero), zero))
    assert is_valid(raw(Op.EQ, Sort.BOOL, raw(Op.DIV, Sort.REAL, r, none), none))
    assert not is_valid(e.eq(raw(Op.DIV, Sort.INT, x, e.var(2, Sort.INT)), zero))


def test_deep_terms_need_no_recursion() -> None:
    term = e.var(0, Sort.INT)
    for _ in range(20_000):
        term = raw(Op.NEG, Sort.INT, term)
    Encoder()(term)


@pytest.mark.parametrize("compare", [e.le, e.lt, e.eq])
def test_comparisons_of_whole_numbers_read_as_reals(compare: Callable[[Expr, Expr], Expr]) -> None:
    """Every model is kept, also of what is negated, also where both sides are equal."""
    x, y = e.var(0, Sort.INT), e.var(1, Sort.INT)
    for a, b in product(range(-1, 3), repeat=2):
        there = e.and_(e.eq(x, e.const(a)), e.eq(y, e.const(b)))
        for cond in (compare(x, y), e.not_(compare(x, y))):
            solver = Smt()
            solver.add(Encoder(relaxed=True)(e.and_(there, cond)))
            holds = evaluate(cond, (a, b)) is True
            assert solver.check() is (Answer.SAT if holds else Answer.UNSAT)
