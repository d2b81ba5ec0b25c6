"""The rules that are kept as enabled are those whose guards hold, after every step."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pools import pool_system
from terms import SORTS, terms
from wfverify.dsl.errors import NOWHERE
from wfverify.dsl.types import Bool, Int, Real, Stack
from wfverify.interpreter.dynamics import Dynamics
from wfverify.interpreter.plan import build_plan
from wfverify.interpreter.scheduler import AnyOrder, Counting, InOrder, Scheduler
from wfverify.semantics.expr import TRUE, Expr, Op, Sort, and_, const, eq, or_, var
from wfverify.semantics.system import Delay, Rule, RuleKind, TransitionSystem, Variable, VarKind
from wfverify.semantics.values import enabled
from wfverify.semantics.walks import substitute

_TYPES = {Sort.INT: Int(), Sort.REAL: Real(), Sort.BOOL: Bool(), Sort.STACK: Stack()}


def closed(term: Expr) -> Expr:
    """Without inputs: guards have none."""
    return substitute(term, lambda n: var(n.index, n.sort) if n.op is Op.INPUT else n)


@st.composite
def systems(draw: st.DrawFn) -> TransitionSystem:
    """Random rules; most guards are of the form that the plan tells apart."""
    kinds = (VarKind.LOCATION, VarKind.LOCATION, VarKind.USED, VarKind.DATA)
    variables = tuple(
        Variable(
            i,
            f"v{i}",
            sort,
            _TYPES[sort],
            kinds[min(i, 3)],
            const(draw(st.integers(0, 2))) if sort is Sort.INT else None,
            draw(st.sampled_from((0, None))) if i != 2 else None,
        )
        for i, sort in enumerate(SORTS)
    )
    here = st.builds(
        lambda place, values: or_(*(eq(var(place, Sort.INT), const(v)) for v in values)),
        st.integers(0, 1),
        st.lists(st.integers(0, 3), min_size=1, max_size=3),
    )
    part = st.one_of(here, here, terms(Sort.BOOL, 2).map(closed))
    rules = []
    for index in range(draw(st.integers(1, 7))):
        targets = draw(st.lists(st.sampled_from((0, 0, 1, 2, 3, 5)), unique=True, max_size=3))
        own = tuple(
            (v, const(draw(st.integers(0, 3))) if v < 2 else closed(draw(terms(SORTS[v], 1))))
            for v in targets
        )
        parts = draw(st.lists(part, max_size=3))
        delay = Delay(const(0), None) if draw(st.booleans()) else None
        rules.append(
            Rule(index, f"r{index}", RuleKind.STEP, 0, 0, and_(*parts), own, NOWHERE, delay=delay)
        )
    return TransitionSystem("random", variables, TRUE, tuple(rules), (), (), (), (), ())


def check(dynamics: Dynamics, scheduler: Scheduler | Counting) -> list[int]:
    rules = dynamics.plan.system.rules
    naive = [r.index for r in rules if enabled(r, dynamics.state)]
    assert [r.index for r in rules if dynamics.enabled(r.index)] == naive
    assert scheduler.count == sum(rules[r].delay is None for r in naive)
    return naive


@settings(max_examples=60, deadline=None)
@given(systems(), st.randoms(use_true_random=False), st.sampled_from(["any", "fifo", "count"]))
def test_enabled_is_kept_as_the_guards_say(
    system: TransitionSystem, random: Random, name: str
) -> None:
    plan = build_plan(system)
    scheduler: Scheduler | Counting
    if name == "any":
        scheduler = AnyOrder(plan, random)
    elif name == "fifo":
        scheduler = InOrder(plan, random, False)
    else:
        scheduler = Counting(len(plan.conditions))
    defaults = {Sort.INT: 0, Sort.REAL: 0, Sort.BOOL: False, Sort.STACK: ()}
    state = [v.init.value if v.init is not None else defaults[v.sort] for v in system.variables]
    dynamics = Dynamics(plan, state, scheduler)  # type: ignore[arg-type]
    clocks = set(dynamics.started)
    for _ in range(12):
        naive = check(dynamics, scheduler)
        clocks -= set(dynamics.stopped)
        clocks |= set(dynamics.started)
        assert clocks == {r for r in naive if system.rules[r].delay is not None}
        dynamics.started.clear()
        dynamics.stopped.clear()
        if not naive:
            return
        if not isinstance(scheduler, Counting) or isinstance(scheduler, InOrder):
            if scheduler.count:
                assert scheduler.pick(dynamics.state) in naive
        dynamics.fire(random.choice(naive))


@pytest.mark.parametrize("seed", range(3))
def test_a_pool_that_many_wait_for(seed: int) -> None:
    random = Random(seed)
    plan = build_plan(pool_system(12, 3, 2, fails=True))
    scheduler = AnyOrder(plan, random)
    dynamics = Dynamics(plan, [0] + [1, 0] * 12, scheduler)
    assert len(plan.conditions) == 2
    while naive := check(dynamics, scheduler):
        dynamics.fire(random.choice(naive))
