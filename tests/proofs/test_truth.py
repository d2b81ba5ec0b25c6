"""Truth tables against all values, and what is read early of a term against the whole of it."""

from __future__ import annotations

from itertools import product
from random import Random

from wfverify.dsl import load_text
from wfverify.proofs.check import Checker
from wfverify.proofs.solvers import Solvers
from wfverify.proofs.truth import MOST, decided
from wfverify.semantics.expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    and_,
    const,
    eq,
    le,
    lt,
    not_,
    or_,
    var,
)
from wfverify.semantics.lower import lower
from wfverify.semantics.values import evaluate
from wfverify.semantics.walks import fold_early, rebuild

TRUTHS = [var(i, Sort.BOOL) for i in range(3)]
NUMBERS = [var(i, Sort.INT) for i in (3, 4)]


def atom(r: Random) -> Expr:
    x, k = r.choice(NUMBERS), const(r.randrange(3))
    return r.choice((r.choice(TRUTHS), r.choice(TRUTHS), lt(x, k), le(k, x), eq(x, k)))


def formula(r: Random, deep: int) -> Expr:
    if not deep:
        return atom(r)
    parts = [formula(r, r.randrange(deep)) for _ in range(r.randrange(1, 4))]
    return r.choice((lambda *p: not_(p[0]), and_, or_))(*parts)


def states() -> list[tuple[bool | int, ...]]:
    return [*product(*[(False, True)] * 3, *[range(-1, 4)] * 2)]


def key() -> Checker:
    return Checker(lower(load_text("workflow w() { run { skip } }", "w.wf")), Solvers(second=False))


def test_tables_say_what_all_values_say() -> None:
    prover = key().prover
    said = {True: 0, False: 0, None: 0}
    for seed in range(1500):
        r = Random(seed)
        premises, goal = [formula(r, 2) for _ in range(r.randrange(3))], formula(r, 3)
        found = decided(prover.key, premises, goal)
        holds = all(
            evaluate(goal, s) is True
            for s in states()
            if all(evaluate(p, s) is True for p in premises)
        )
        said[found] += 1
        assert found is None or found is holds, seed
        if found is None:
            assert prover.implies(premises, goal) is holds, seed
    assert min(said.values()) > 50, said


def test_more_conditions_than_a_table_has_columns() -> None:
    prover = key().prover
    many = [var(i, Sort.BOOL) for i in range(MOST + 1)]
    assert decided(prover.key, [and_(*many)], many[0]) is None
    assert decided(prover.key, [and_(*many[1:])], many[1]) is True


def test_what_decides_early_decides() -> None:
    """The same as when all of a term is looked at, and no more than that."""
    for seed in range(500):
        r = Random(seed)
        e = formula(r, 4)
        known = {v.index: const(r.random() < 0.5) for v in TRUTHS}
        known |= {v.index: const(r.randrange(3)) for v in NUMBERS}
        asked: list[int] = []

        def leaf(n: Expr, known: dict[int, Expr] = known, asked: list[int] = asked) -> Expr | None:
            if n.op is Op.VAR:
                asked.append(n.index)
                return known[n.index]
            return None if n.args else n

        state = [known[i].value for i in range(5)]
        assert fold_early(e, leaf, rebuild) is (TRUE if evaluate(e, state) else FALSE)  # type: ignore[arg-type]

    def seen(n: Expr) -> Expr | None:
        assert n is not TRUTHS[1], "it is decided without"
        return FALSE if n is TRUTHS[0] else None if n.args else n

    assert fold_early(and_(TRUTHS[0], TRUTHS[1]), seen, rebuild) is FALSE
    assert fold_early(or_(not_(TRUTHS[0]), TRUTHS[1]), seen, rebuild) is TRUE
