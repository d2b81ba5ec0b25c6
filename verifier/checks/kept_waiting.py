"""What comes at last, refuted by runs in which somebody is served last (`engines.adversary`).

Where there are too many states to look at all, as of nine instances that share a pool of eight.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import islice

from ...dsl.errors import Span
from ...semantics.expr import Expr
from ...semantics.idle import alike
from ...semantics.system import RuleKind
from ...semantics.trace import Trace
from ...semantics.values import enabled, evaluate, fire
from ..engines.adversary import MANNERS, Adversary
from ..prompt import is_fair, overdue
from ..session import Session
from ..verdict import Refuted, Verdict
from .lassos import States
from .walk import Walker

MOST_STEPS = 4_000  # of a run
MOST_ROUNDS = 3  # of a run, that are looked at


@dataclass(frozen=True, slots=True)
class Owing:
    """It must not hold for ever; `last`: of whom it may, if these are served last."""

    cond: Expr
    last: frozenset[int]
    message: str
    span: Span
    stops: bool  # whether a run that stops there breaks it, too


def kept_waiting(session: Session, goals: Collection[Owing]) -> Refuted | None:
    """The first that is found, of any of these."""
    system = session.system
    if system.in_order or system.reads_clock or not session.may("simulation"):
        return None
    walker = Walker(system)
    initial = walker.start(random.Random(session.options.seed))
    if initial is None:
        return None
    for manner in MANNERS:
        for goal in goals:
            until = time.monotonic() + session.share(0.3)
            by = Adversary(system, walker.answer, goal.last, manner)
            runs = by.rounds(initial, goal.cond, MOST_STEPS, until)
            for trace in islice(runs, MOST_ROUNDS):
                shown = _shown(session, goal, trace)
                if isinstance(shown, Refuted):
                    return shown
            if session.left() <= 0:
                return None
    return None


def _shown(session: Session, goal: Owing, trace: Trace) -> Verdict | None:
    if trace.loop_at is None:
        return _stops(session, goal, trace) if goal.stops else None
    states = [trace.initial]
    for step in trace.steps:
        states.append(fire(session.system.rules[step.rule], states[-1], step.inputs))
    if not is_fair(session.system, trace.steps[trace.loop_at :], states[trace.loop_at : -1]):
        return None
    figure = f"lasso of {len(trace.steps) - trace.loop_at} steps"
    message = f"{goal.message}: this run goes round for ever"
    breaks = _goes_round(session, goal.cond)
    found = session.confirm("simulation", message, trace, goal.span, breaks, figure=figure)
    if isinstance(found, Refuted) and overdue(session.system, found.trace):
        return None
    return found


def _goes_round(session: Session, owed: Expr) -> Callable[[States, Trace], bool]:
    def breaks(states: States, t: Trace) -> bool:
        if t.loop_at is None or not alike(states[t.loop_at], states[-1], session.idle):
            return False
        return all(bool(evaluate(owed, s)) for s in states[t.loop_at :])

    return breaks


def _stops(session: Session, goal: Owing, trace: Trace) -> Verdict | None:
    rules = [r for r in session.system.rules if r.kind is not RuleKind.CRASH]

    def over(states: States, _: Trace) -> bool:
        last = states[-1]
        return bool(evaluate(goal.cond, last)) and not any(enabled(r, last) for r in rules)

    if not over(session.replay(session.system, trace).states, trace):
        return None
    message = f"{goal.message}: nothing more happens"
    return session.confirm("simulation", message, trace, goal.span, over)


__all__ = ["Owing", "kept_waiting"]
