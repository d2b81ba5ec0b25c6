"""All timed runs of a small instance whose durations are fixed: how they may end.

Discrete events: while a step that waits for nothing is enabled, no time passes; otherwise time
goes on to the first step that is due.  Small and plain, for instances of laws only.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ....semantics.expr import Op
from ....semantics.system import Rule, RuleKind, TransitionSystem
from ...engines.search_space import Space, State
from ...engines.search_terms import NOTHING
from .explore import TooLarge, Unsuitable

Values = tuple[Any, ...]
Due = frozenset[tuple[int, Fraction]]  # rules that are enabled, and in how many seconds they fire


def endings(system: TransitionSystem, observed: str, limit: int = 5_000) -> frozenset[str]:
    """How each run ends: completed or with which error, and the last value of a variable.

    Raises Unsuitable for a duration that is no constant, TooLarge."""
    space = Space(system)
    error = space.slots[system.instances[0].error]
    slot = {v.name: space.slots[v.index] for v in system.variables}[observed]
    (first,) = space.initial()
    start = (first.values, _due(space, first.values, {}))
    seen: set[tuple[Values, Due]] = {start}
    todo = [start]
    found: set[str] = set()
    while todo:
        values, due = todo.pop()
        waits = dict(due)
        moves = space.moves(State(values, NOTHING))
        now = [m for m in moves if m.rule.delay is None]
        passed = Fraction(0)
        if not now and waits:
            passed = min(waits.values())
            now = [m for m in moves if waits.get(m.rule.index) == passed]
        for move in now:
            rule, after = move.rule, tuple(move.target.values)
            if rule.kind is RuleKind.END:
                failed = values[error]
                how = f"fails with {system.errors[failed - 1]}" if failed else "completes"
                found.add(f"{how}, {observed} = {values[slot]}")
            left = {r: t - passed for r, t in waits.items() if r != rule.index}
            state = (after, _due(space, after, left))
            if state not in seen:
                seen.add(state)
                todo.append(state)
                if len(seen) > limit:
                    raise TooLarge(f"more than {limit} timed states")
    return frozenset(found)


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
    return lo.value
