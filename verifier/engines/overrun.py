"""Time limits by all states and what their clocks show, for systems small enough (`timed_states`).

A rule that only watches is added: its clock runs while something is owed, and it may fire when that
has been so for longer than it may.  All bounds are multiples of one `grain` and closed, so the
longest that something can be owed is such a multiple or not bounded; `longer than d` is therefore
`at least d + grain`, which is closed as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from math import lcm

from ...dsl.records import dataclass
from ...dsl.types import Bool
from ...semantics.expr import FALSE, TRUE, Expr, Op, Sort, add, and_, const, not_, var
from ...semantics.system import (
    Delay,
    Obligation,
    Rule,
    RuleKind,
    TimeLimit,
    TransitionSystem,
    Variable,
    VarKind,
)
from ...semantics.trace import Trace
from ...semantics.walks import postorder
from .timed_states import MERGED, TimedStates, Unsupported

MOST_RULES = 1500


@dataclass(frozen=True, slots=True)
class Watched:
    """The system with its watching rule, the last one."""

    system: TransitionSystem
    rule: int
    grain: Fraction


@dataclass(frozen=True, slots=True)
class Found:
    """`trace`: a run of the watched system that goes beyond the limit (None: there is none, or no
    start was found for it); `beyond`: there is such a run."""

    states: int
    beyond: bool
    trace: Trace | None = None


def watched(system: TransitionSystem, limit: TimeLimit, grain: Fraction) -> Watched:
    late = Variable(
        len(system.variables), "late", Sort.BOOL, Bool(), VarKind.GHOST, FALSE, limit.instance
    )
    rule = Rule(
        index=len(system.rules),
        name="too late",
        kind=RuleKind.TIMER,
        thread=system.instances[limit.instance or 0].root,
        instance=limit.instance or 0,
        guard=and_(limit.owed, not_(var(late.index, Sort.BOOL))),
        own=((late.index, TRUE),),
        span=limit.span,
        delay=Delay(add(limit.within, const(grain)), None),
    )
    whole = replace(
        system, variables=(*system.variables, late), rules=(*system.rules, rule), limits=()
    )
    return Watched(whole, rule.index, grain)


def search(
    system: TransitionSystem, limit: TimeLimit, seconds: float
) -> tuple[Watched, Found] | None:
    """None where not all of it was looked at."""
    if len(system.rules) > MOST_RULES:
        return None
    since = time.monotonic()
    try:
        for share, most in MERGED:
            merged = partial(_merged, until=since + share * seconds, most=most)
            found = _with(system, limit, merged)
            if found is not None:
                return found
        return _with(system, limit, partial(_apart, until=since + seconds))
    except Unsupported:
        return None


def _with(
    system: TransitionSystem,
    limit: TimeLimit,
    explored: Callable[[TimedStates], Found | None],
) -> tuple[Watched, Found] | None:
    """With a grain that is fine enough for all bounds that are met."""
    grain = _grain(system, limit)
    while True:
        one = watched(system, limit, grain)
        rule = one.system.rules[one.rule]
        owed = Obligation("deadline", "", rule.guard, "", rule.span)
        states = TimedStates(one.system, owed, frozenset((one.rule,)))
        found = explored(states)
        if found is None:
            return None
        finer = Fraction(1, lcm(grain.denominator, *states.denominators))
        if finer == grain:
            return one, found
        grain = finer


def _merged(states: TimedStates, until: float, most: int) -> Found | None:
    many = states.merged(until, most)
    return Found(many, False) if many else None


def _apart(states: TimedStates, until: float) -> Found | None:
    found = states.apart(until)
    if found is None:
        return None
    many, path = found
    return Found(many, path is not None, states.trace(path) if path is not None else None)


def _grain(system: TransitionSystem, limit: TimeLimit) -> Fraction:
    terms: list[Expr] = [limit.within]
    for rule in system.rules:
        if rule.delay is not None:
            terms += [rule.delay.lo, *([rule.delay.hi] if rule.delay.hi is not None else [])]
    values = [n.value for n in postorder(terms) if n.op is Op.CONST]
    whole = (x.denominator for x in values if isinstance(x, Fraction))
    return Fraction(1, lcm(1, *whole))
