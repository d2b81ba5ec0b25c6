"""Induction against the oracle, and its evidence against the definition of inductive."""

from __future__ import annotations

from random import Random

import naive
import pytest
from random_systems import random_system
from wfverify.dsl.errors import NOWHERE
from wfverify.semantics import expr as e
from wfverify.semantics.expr import Sort
from wfverify.semantics.symbolic import is_valid
from wfverify.semantics.system import Obligation
from wfverify.verifier.engines.common import Budget, input_condition, weakest
from wfverify.verifier.engines.induction import Inductive, Prover, prove_invariants
from wfverify.verifier.engines.induction_query import Queries
from wfverify.verifier.engines.kinduction import k_induction


@pytest.mark.parametrize("seed", range(40))
def test_against_the_oracle(seed: int) -> None:
    system = random_system(seed, wide=seed % 2 == 0, excluded=seed % 5 == 0)
    try:
        graph = naive.explore(system, 2500)
    except naive.TooBig:
        pytest.skip("too big for the oracle")
    result = prove_invariants(system, [], system.obligations, Budget(5, 1), k=3)
    for invariant in result.invariants:
        assert all(naive.value(invariant, s) for s in graph.states)
    for goal, answer in zip(system.obligations, result.answers, strict=True):
        if isinstance(answer, Inductive):
            assert graph.broken(goal) is None


@pytest.mark.parametrize("seed", range(0, 40, 2))
def test_evidence_is_inductive(seed: int) -> None:
    """The returned set alone: every rule keeps it."""
    system = random_system(seed)
    result = prove_invariants(system, [], system.obligations, Budget(5, 1))
    for goal, answer in zip(system.obligations, result.answers, strict=True):
        if not isinstance(answer, Inductive) or goal.rule is not None or goal.every_step:
            continue
        together = e.and_(*answer.invariants)
        assert is_valid(e.implies(together, goal.cond))
        for rule in system.rules:
            premise = e.and_(rule.guard, input_condition(rule), together)
            assert is_valid(e.implies(premise, weakest(rule, together)), 5000)


def test_parity_needs_integers() -> None:
    """x stays even: true of integers, not of reals."""
    system = counter(e.add(e.var(1, Sort.INT), e.const(2)))
    x = e.var(1, Sort.INT)
    goal = Obligation("invariant", "", e.eq(e.mod(x, e.const(2)), e.ZERO), "", NOWHERE)
    (answer,) = prove_invariants(system, [], [goal]).answers
    assert isinstance(answer, Inductive)


def test_failure_names_the_rule() -> None:
    system = counter(e.add(e.var(1, Sort.INT), e.const(2)))
    goal = Obligation("invariant", "", e.le(e.var(1, Sort.INT), e.const(9)), "", NOWHERE)
    (answer,) = prove_invariants(system, [], [goal]).answers
    assert not isinstance(answer, Inductive)
    assert answer.rule == 0


def counter(update: e.Expr):
    from dataclasses import replace

    system = random_system(1, wide=False)
    loc, x = (
        system.variables[0],
        replace(
            system.variables[0],
            index=1,
            name="x",
            init=e.ZERO,
            kind=type(system.variables[0].kind).DATA,
        ),
    )
    rule = replace(
        system.rules[0], index=0, guard=e.TRUE, relation=e.TRUE, inputs=(), own=((1, update),)
    )
    return replace(
        system,
        variables=(loc, x),
        rules=(rule,),
        threads=system.threads[:1],
        instances=system.instances[:1],
        initial=e.TRUE,
    )


def test_k_induction_sees_two_steps() -> None:
    """x goes 0, 1, 2, 0, ..; from the unreachable 4 it goes to 3.  Never 3 needs k = 2."""
    x = e.var(1, Sort.INT)
    four = e.eq(x, e.const(4))
    update = e.ite(four, e.const(3), e.mod(e.add(x, e.ONE), e.const(3)))
    goal = Obligation("invariant", "", e.not_(e.eq(x, e.const(3))), "", NOWHERE)
    assert k_induction(counter(update), goal, largest=1) is None
    assert k_induction(counter(update), goal) == 2
    wrong = Obligation("invariant", "", e.not_(e.eq(x, e.const(2))), "", NOWHERE)
    assert k_induction(counter(update), wrong, largest=4) is None


def question(r: Random) -> tuple[list[e.Expr], list[e.Expr], list[e.Expr]]:
    """About whole numbers between constants; many differ in a constant or in names only."""

    def part() -> e.Expr:
        sides = [e.var(r.randrange(2), Sort.INT), e.const(r.randrange(4))]
        return r.choice([e.le, e.lt])(*r.sample(sides, 2))

    return [part()], [part()] if r.random() < 0.3 else [], [part()]


def test_questions_of_one_shape_have_one_answer() -> None:
    """What is remembered of earlier questions is the answer to this one."""
    kept = Queries()
    for seed in range(400):
        asked = question(Random(seed))
        mine, fresh = kept.check(*asked), Queries().check(*asked)
        assert mine.failed == fresh.failed, asked
    assert kept.shared > 40


def test_nothing_is_known_without_time() -> None:
    """Also where the time is over before the steps are made ready, so that none breaks anything."""
    system = random_system(0)
    candidates = [o.cond for o in system.obligations if o.rule is None and not o.every_step]
    made = Prover(system, Budget(0)).thin([*candidates, e.TRUE])
    assert made.late and not made.known
