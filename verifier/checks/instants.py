"""Can two steps be taken at one instant after a run, by the clocks?"""

from __future__ import annotations

import random
from collections.abc import Sequence

from ...semantics.expr import Scalar
from ...semantics.system import Rule
from ...semantics.trace import Step, Trace
from ...semantics.values import enabled, fire, relation_holds
from ..session import Session
from .walk import Walker


def together(session: Session, trace: Trace, state: Sequence[Scalar], a: Rule, b: Rule) -> bool:
    """Is it seen that both can be?  Both are enabled in the state after the run.

    While a step without a delay can be taken no time passes, so two of these are always taken at
    one instant; and what has a delay, if it can be taken there at all.  Of two with delays the
    earliest times are looked at, in both orders.
    """
    if a.delay is None and b.delay is None:
        return session.schedule(session.system, trace) is not None
    for first, second in ((a, b), (b, a)):
        if first.delay is None:
            continue
        taken = _taken(session, trace, state, first)
        if taken is None:
            continue
        run, after = taken
        if second.delay is None:
            return session.schedule(session.system, run) is not None
        if enabled(second, after):
            both = _taken(session, run, after, second)
            timed = session.schedule(session.system, both[0]) if both else None
            if timed is not None and timed.steps[-1].time == timed.steps[-2].time:
                return True
    return False


def possible(session: Session, trace: Trace, state: Sequence[Scalar], rule: Rule) -> bool:
    """Is it seen that the step can be taken after the run, at some instant?"""
    taken = _taken(session, trace, state, rule)
    return taken is not None and session.schedule(session.system, taken[0]) is not None


def _taken(
    session: Session, trace: Trace, state: Sequence[Scalar], rule: Rule
) -> tuple[Trace, tuple[Scalar, ...]] | None:
    """The run with one more step, and the state after it."""
    inputs: tuple[Scalar, ...] | None = ()
    if rule.inputs:
        inputs = Walker(session.system).answer(rule, tuple(state), random.Random(0))
    elif not relation_holds(rule, tuple(state), ()):
        inputs = None
    if inputs is None:
        return None
    after = fire(rule, tuple(state), inputs)
    return Trace(trace.initial, (*trace.steps, Step(rule.index, inputs))), after
