"""Walks over terms: each node once, arguments first; and what is cheaply known to be equal."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction

from wfverify.semantics.expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    alike,
    and_,
    const,
    eq,
    inp,
    le,
    neg,
    not_,
    or_,
    var,
)
from wfverify.semantics.values import evaluate
from wfverify.semantics.walks import fold, fold_early, postorder, rebuild


def _terms(rng: random.Random, count: int) -> list[Expr]:
    """Conditions that share parts."""
    numbers: list[Expr] = [var(0, Sort.INT), var(1, Sort.INT), inp(0, Sort.INT), const(3)]
    truths: list[Expr] = [var(2, Sort.BOOL), TRUE, FALSE]
    for _ in range(count):
        numbers.append(rng.choice([add, lambda a, b: neg(a)])(*rng.choices(numbers, k=2)))
        a, b = rng.choices(numbers, k=2)
        truths.append(rng.choice([eq, le])(a, b))
        x, y = rng.choices(truths, k=2)
        truths.append(rng.choice([and_, or_, lambda p, _: not_(p)])(x, y))
    return truths


def test_a_fold_meets_each_node_once_behind_its_arguments() -> None:
    rng = random.Random(1)
    for root in _terms(rng, 200):
        met: list[int] = []

        def build(node: Expr, args: Sequence[int], met: list[int] = met) -> int:
            met.append(id(node))
            assert list(args) == [id(a) for a in node.args]
            return id(node)

        memo: dict[int, int] = {}
        assert fold(root, build, memo) == id(root)
        assert sorted(met) == sorted({id(n) for n in postorder([root])})
        fold(root, build, memo)
        assert len(met) == len(memo)


def test_early_answers_are_those_of_values_with_one_memo_for_all() -> None:
    rng = random.Random(2)
    terms = _terms(rng, 60)
    for _ in range(20):
        state = (rng.randint(-3, 3), rng.randint(-3, 3), rng.random() < 0.5)
        answer = rng.randint(-3, 3)

        def leaf(e: Expr) -> Expr | None:
            if e.op is Op.INPUT:
                return const(answer)  # noqa: B023
            if e.op is Op.VAR:
                return const(state[e.index])  # noqa: B023
            return e if not e.args else None

        memo: dict[int, Expr] = {}
        for e in terms:
            value = evaluate(e, state, (answer,))
            assert fold_early(e, leaf, rebuild, memo).value is value


def test_alike_is_written_alike() -> None:
    x, y = var(0, Sort.INT), var(1, Sort.INT)
    assert alike(add(x, const(1)), add(var(0, Sort.INT), const(1)))
    assert not alike(add(x, const(1)), add(y, const(1)))
    assert not alike(add(x, const(1)), add(x, const(1), y))
    assert not alike(const(1), const(Fraction(1)))
    assert not alike(const(1), TRUE)
    assert not alike(var(0, Sort.INT), inp(0, Sort.INT))
    assert not alike(eq(x, y), le(x, y))
    # A junction without arguments is a knot that is tied later.
    assert not alike(Expr(Op.AND, (), Sort.BOOL), Expr(Op.AND, (), Sort.BOOL))
