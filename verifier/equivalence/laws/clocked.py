"""All timed runs of a small instance whose durations are fixed: how they may end.

While a step that waits for nothing or is due is enabled, no time passes.  Small and plain, for
instances of laws only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from math import gcd, lcm
from typing import Any

from ....semantics.expr import FALSE, Op
from ....semantics.system import Rule, TransitionSystem
from ...engines.search_space import Space, State
from ...engines.search_terms import NOTHING
from ..lts import Lts, made
from .explore import TooLarge, Unsuitable

Values = tuple[Any, ...]
Due = frozenset[tuple[int, Fraction]]  # rules that are enabled, and in how many seconds they fire


TICK = "time passes"  # as much as all durations are multiples of
Labels = Callable[[Rule, Values], str]


def unit(systems: Iterable[TransitionSystem]) -> Fraction:
    """Of which all durations are multiples.  Raises Unsuitable."""
    rules = (r for s in systems for r in s.rules)
    times = {_length(r) for r in rules if r.delay is not None and r.guard is not FALSE} - {0}
    whole = lcm(*(t.denominator for t in times))
    return Fraction(gcd(*(int(t * whole) for t in times)), whole) if times else Fraction(1)


def timed(
    system: TransitionSystem, label: Labels, limit: int = 5_000, tick: Fraction = Fraction(1)
) -> Lts:
    """All timed runs, `tick` by `tick`, of which all durations are multiples.  Raises Unsuitable
    for a duration that is no constant, TooLarge."""
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
            passed = frozenset((r, t - tick) for r, t in waits.items())
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
        (i, left[i] if i in left else _length(rule))
        for i, rule in rules.items()
        if rule.delay is not None
    )


def _length(rule: Rule) -> Fraction:
    assert rule.delay is not None
    lo, hi = rule.delay.lo, rule.delay.hi
    if hi is None or lo.op is not Op.CONST or hi.op is not Op.CONST or lo.value != hi.value:
        raise Unsuitable(f"{rule.name} takes no fixed time")
    assert isinstance(lo.value, Fraction)
    return lo.value
