"""All timed runs of a small instance whose durations are fixed: how they may end.

While a step that waits for nothing or is due is enabled, no time passes.  Small and plain, for
instances of laws only.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ....semantics.expr import Op
from ....semantics.system import Rule, RuleKind, TransitionSystem
from ...engines.search_space import Space, State
from ...engines.search_terms import NOTHING
from ..lts import INTERNAL, Lts, made
from .explore import TooLarge, Unsuitable

Values = tuple[Any, ...]
Due = frozenset[tuple[int, Fraction]]  # rules that are enabled, and in how many seconds they fire


TICK = "a second passes"
Labels = Callable[[Rule, Values], str]


def endings(system: TransitionSystem, observed: str, limit: int = 5_000) -> frozenset[str]:
    """How each run ends: completed or with which error, and the last value of a variable.

    Raises Unsuitable for a duration that is no constant, TooLarge."""
    slot = {v.name: i for i, v in enumerate(system.variables)}[observed]
    error = system.instances[0].error

    def ended(rule: Rule, values: Values) -> str:
        if rule.kind is not RuleKind.END:
            return INTERNAL
        failed = values[error]
        how = f"fails with {system.errors[failed - 1]}" if failed else "completes"
        return f"{how}, {observed} = {values[slot]}"

    return frozenset(timed(system, ended, limit).labels) - {INTERNAL, TICK}


def timed(system: TransitionSystem, label: Labels, limit: int = 5_000) -> Lts:
    """All timed runs, second by second.  Raises Unsuitable for a duration that is no constant
    number of seconds, TooLarge."""
    space = Space(system)
    (first,) = space.initial()
    start = (first.values, _due(space, first.values, {}))
    number: dict[tuple[Values, Due], int] = {start: 0}
    order = [start]
    edges: list[tuple[int, str, int]] = []

    def at(values: Values, due: Due) -> int:
        found = number.setdefault((values, due), len(order))
        if found == len(order):
            order.append((values, due))
            if len(order) > limit:
                raise TooLarge(f"more than {limit} timed states")
        return found

    for here, (values, due) in enumerate(order):
        waits = dict(due)
        moves = space.moves(State(values, NOTHING))
        now = [m for m in moves if m.rule.delay is None or waits.get(m.rule.index) == 0]
        if not now and waits:
            passed = frozenset((r, t - 1) for r, t in waits.items())
            edges.append((here, TICK, at(values, passed)))
        for move in now:
            after = tuple(move.target.values)
            left = {r: t for r, t in waits.items() if r != move.rule.index}
            then = at(after, _due(space, after, left))
            edges.append((here, label(move.rule, values), then))
    return made(len(order), 0, edges)


def _due(space: Space, values: Values, left: dict[int, Fraction]) -> Due:
    """Clocks run on in rules that stay enabled, and start in those that are enabled anew."""
    rules = {m.rule.index: m.rule for m in space.moves(State(values, NOTHING))}
    return frozenset(
        (i, left[i] if i in left else _seconds(rule))
        for i, rule in rules.items()
        if rule.delay is not None
    )


def _seconds(rule: Rule) -> Fraction:
    assert rule.delay is not None
    lo, hi = rule.delay.lo, rule.delay.hi
    if hi is None or lo.op is not Op.CONST or hi.op is not Op.CONST or lo.value != hi.value:
        raise Unsuitable(f"{rule.name} takes no fixed time")
    assert isinstance(lo.value, Fraction)
    if lo.value.denominator != 1:
        raise Unsuitable(f"{rule.name} takes a part of a second")
    return lo.value
