"""What an environment decides of a tracked system: steps that exclude each other, the start."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from ...semantics.expr import Op, Scalar, Sort, const
from ...semantics.system import RuleKind, TransitionSystem
from ...semantics.values import evaluate, initial_state
from ...semantics.walks import variables
from .common import domain, in_domain
from .tracked import Move, State, Tracked


def alternatives(tracked: Tracked, a: Move, b: Move, timeouts: bool) -> bool:
    """Does the environment decide between the two, so that no run of one environment has both?

    `timeouts`: also between the end of an attempt and its time-out, and (`system.ties`) between
    steps that wait for their time, and those and others at one instant.
    """
    x, y = a.rule, b.rule
    if x.index == y.index:
        return True  # other answers to the same question
    if timeouts and tracked.system.ties and (x.delay is not None or y.delay is not None):
        return True
    if x.group is not None and x.group == y.group:
        if RuleKind.TIMEOUT in (x.kind, y.kind):
            return timeouts and x.kind is not y.kind
        return (x.kind, x.error, a.inputs) != (y.kind, y.error, b.inputs)
    if x.delay is None and y.delay is None:
        mine, its = dict(tracked.sides.get(x.index, ())), dict(tracked.sides.get(y.index, ()))
        if any(c in its and its[c] != side for c, side in mine.items()):
            return True
        if tracked.silent(x, y) or tracked.silent(y, x):
            return True
    return False


def full_start(tracked: Tracked, state: State) -> tuple[Scalar, ...] | None:
    """A first state of the whole system of which `state` is the tracked part."""
    system = tracked.system
    rng = Random(7)
    for _ in range(60):
        given: dict[int, Scalar] = {}
        for v in system.variables:
            if v.init is None:
                if v.index in tracked.slots:
                    given[v.index] = state[tracked.slots[v.index]]
                else:
                    values = domain(v) or (0, 1, 2, 5, 10, 100)
                    value = rng.choice(values)
                    given[v.index] = value if v.sort is not Sort.REAL else Fraction(int(value))
        full = initial_state(system, given)
        if evaluate(system.initial, full) is True and all(
            evaluate(in_domain(v, const(full[v.index])), full) is True
            for v in system.variables
            if v.init is None
        ):
            return full
    return None


def bound_elsewhere(system: TransitionSystem) -> bool:
    """Whether a contract ties an answer of the environment to data that others may change.

    Then an answer that one order allows may be impossible in another, and what all runs of one
    environment have in common may be said of none.
    """
    writers: dict[int, set[int]] = {}
    for r in system.rules:
        for v, _ in r.updates:
            writers.setdefault(v, set()).add(r.thread)
    for r in system.rules:
        asked = variables([r.relation]) | variables([r.relation], Op.POST)
        if r.inputs and any(writers.get(v, set()) - {r.thread} for v in asked):
            return True
    return False
