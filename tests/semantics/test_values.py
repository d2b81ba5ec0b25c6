"""Values: the reference reading, and how they are written and read."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wfverify.dsl.errors import NOWHERE
from wfverify.dsl.types import Bool, Duration, Enum, Int, Real, Str
from wfverify.semantics.expr import TRUE, Expr, Op, Sort, add, const, eq, inp, ite, lt, post, var
from wfverify.semantics.system import Input, Rule, RuleKind, TransitionSystem, Variable, VarKind
from wfverify.semantics.values import (
    Unreadable,
    enabled,
    evaluate,
    fire,
    initial_holds,
    initial_state,
    read,
    read_duration,
    relation_holds,
    show,
    show_duration,
    show_number,
)

x, y = var(0, Sort.INT), var(1, Sort.INT)


def rule(**more: object) -> Rule:
    given = {"guard": TRUE, "own": (), **more}
    return Rule(0, "r", RuleKind.STEP, 0, 0, span=NOWHERE, **given)  # type: ignore[arg-type]


def test_all_updates_read_the_old_state() -> None:
    assert fire(rule(own=((0, y), (1, x))), (1, 2)) == (2, 1)


def test_a_guard_reads_the_state() -> None:
    assert enabled(rule(guard=lt(x, y)), (1, 2))
    assert not enabled(rule(guard=lt(x, y)), (2, 2))


def test_a_relation_and_the_ranges_limit_the_inputs() -> None:
    made = rule(
        inputs=(Input("result", Sort.INT, Int(0, 9), 0, 9),), relation=lt(inp(0, Sort.INT), x)
    )
    assert relation_holds(made, (5, 0), (4,))
    assert not relation_holds(made, (5, 0), (5,))
    assert not relation_holds(made, (5, 0), (-1,))
    assert not relation_holds(made, (5, 0), ())
    assert not relation_holds(made, (5, 0), (True,))


def test_next_reads_the_state_after_the_step() -> None:
    assert evaluate(eq(post(0, Sort.INT), add(x, const(1))), (1,), (), (2,))
    with pytest.raises(ValueError):
        evaluate(post(0, Sort.INT), (1,))


def test_division_by_zero_is_zero() -> None:
    for op, sort in ((Op.DIV, Sort.INT), (Op.MOD, Sort.INT)):
        assert evaluate(Expr(op, (x, y), sort), (7, 0)) == 0
    real = Expr(Op.DIV, (const(Fraction(1)), const(Fraction(0))), Sort.REAL)
    assert evaluate(real, ()) == 0


@given(st.integers(-50, 50), st.integers(-9, 9).filter(bool))
def test_division_is_euclidean(a: int, b: int) -> None:
    q = evaluate(Expr(Op.DIV, (x, y), Sort.INT), (a, b))
    r = evaluate(Expr(Op.MOD, (x, y), Sort.INT), (a, b))
    assert a == b * q + r and 0 <= r < abs(b)


def test_a_shared_term_is_read_once() -> None:
    term = x
    for _ in range(200):  # as a tree this has 2^200 leaves
        term = Expr(Op.ADD, (term, term), Sort.INT)
    assert evaluate(term, (1,)) == 2**200


def test_a_deep_term_needs_no_recursion() -> None:
    term = x
    for _ in range(20_000):
        term = ite(lt(term, const(0)), const(0), Expr(Op.ADD, (term, const(1)), Sort.INT))
    assert evaluate(term, (1,)) == 20_001


def test_initial_values_follow_from_the_free_ones() -> None:
    def variable(i: int, init: Expr | None) -> Variable:
        return Variable(i, f"v{i}", Sort.INT, Int(), VarKind.DATA, init)

    system = TransitionSystem(
        "s", (variable(0, None), variable(1, add(x, const(1)))), lt(const(2), x), (), (), (), (),
        (), (),
    )  # fmt: skip
    assert initial_state(system, {0: 3}) == initial_state(system, [3]) == (3, 4)
    assert initial_holds(system, (3, 4))
    assert not initial_holds(system, (2, 3))  # the condition
    assert not initial_holds(system, (3, 5))  # the initial value
    with pytest.raises(ValueError, match="v0"):
        initial_state(system, {})


STATUS = Enum("Status", ("draft", "booked", "cancelled"))


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Bool(), True, "true"),
        (Int(), -3, "-3"),
        (STATUS, 1, "booked"),
        (STATUS, 9, "9"),
        (Str(), 0, '"eu"'),
        (Real(), Fraction(5, 2), "2.5"),
        (Real(), Fraction(-1, 3), "-1/3"),
        (Real(), Fraction(4), "4"),
        (Duration(), Fraction(5400), "1h30m"),
        (Duration(), Fraction(1, 4), "250ms"),
        (Duration(), Fraction(5, 2), "2.5s"),
        (Duration(), Fraction(90061), "1d1h1m1s"),
        (Duration(), Fraction(0), "0s"),
    ],
)
def test_show(kind: object, value: object, text: str) -> None:
    assert show(kind, value, ("eu", "us")) == text  # type: ignore[arg-type]


@given(st.fractions(-100, 100, max_denominator=2000))
def test_a_shown_number_is_exact(number: Fraction) -> None:
    assert Fraction(show_number(number)) == number


@given(st.fractions(0, 10**6).map(lambda f: round(f * 1000) / Fraction(1000)))
def test_a_shown_duration_can_be_read(seconds: Fraction) -> None:
    assert read_duration(show_duration(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "5x", "1h 2", "ms", "1/0"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_duration(text)


def test_reading_names_the_mend() -> None:
    status = Input("status", Sort.INT, STATUS)
    assert read(status, "booked") == 1
    with pytest.raises(Unreadable, match="did you mean `booked`"):
        read(status, "boked")
    seats = Input("seats", Sort.INT, Int(1, 9), 1, 9)
    assert read(seats, "3") == read(seats, 3) == 3
    with pytest.raises(Unreadable, match=r"1\.\.9"):
        read(seats, 12)
    for wrong in ("many", True, 1.5):
        with pytest.raises(Unreadable):
            read(seats, wrong)
    assert read(Input("d", Sort.REAL, Duration()), "1m") == 60
    assert read(Input("b", Sort.BOOL, Bool()), "true") is True
    assert read(Input("s", Sort.INT, Str()), '"us"', ("eu", "us")) == 1
    assert read(Input("s", Sort.INT, Str()), "asia", ("eu", "us")) == 2
