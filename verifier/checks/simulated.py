"""Refutations by random timed runs, of claims that no engine has decided."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ...semantics.expr import Scalar
from ...semantics.system import Obligation
from ...semantics.trace import Trace
from ...semantics.values import evaluate
from ..session import Session, breaks_obligation
from ..verdict import Refuted, Verdict
from .shortened import shortened

RUNS = 40
MOST_RUNS = 4000  # where they are soon over
SECONDS = 3.0
FAILING = (0.1, 0.9, 0.5, 0.0)
# What fails only when some take longest and others shortest is rare among durations at random; so
# is what fails only where each answer is as large as it may be, or as small.
PACES = (None, 0.5, 1.0, None, 0.8, None, 0.0)


def violated(session: Session, goals: Sequence[Obligation]) -> dict[int, Verdict]:
    """Refutations, by position; each run is cut where it breaks the claim, and what is not
    needed for that is left out."""
    out: dict[int, Verdict] = {}
    system = session.system
    until = time.monotonic() + session.share(0.3)
    simulate = session.simulator() if goals else None
    if simulate is None:
        return out
    shortest: dict[int, Trace] = {}
    soon = min(until, time.monotonic() + SECONDS)
    for number in range(MOST_RUNS):
        some = number >= RUNS
        if time.monotonic() > (soon if some else until) or (some and len(shortest) == len(goals)):
            break
        seed = session.options.seed * 1000 + number
        trace = simulate(seed, FAILING[number % 4], {}, (), PACES[number % len(PACES)])
        if trace is None:
            continue
        trace = Trace(trace.initial, trace.steps[:500])
        states = session.replay(system, trace).states
        for k, goal in enumerate(goals):
            end = broken_at(goal, states, trace)
            if end is not None and (k not in shortest or end < len(shortest[k].steps)):
                shortest[k] = Trace(trace.initial, trace.steps[:end])
    for k, trace in shortest.items():
        goal = goals[k]
        breaks = breaks_obligation(system, goal)
        short = shortened(session, trace, breaks)
        verdict = session.confirm("simulation", goal.message, short, goal.span, breaks)
        if isinstance(verdict, Refuted):
            out[k] = verdict
    return out


def broken_at(goal: Obligation, states: Sequence[tuple[Scalar, ...]], trace: Trace) -> int | None:
    """After how many steps the run breaks the goal."""
    if goal.rule is None and not goal.every_step:
        return next((k for k, s in enumerate(states) if evaluate(goal.cond, s) is False), None)
    for k, step in enumerate(trace.steps[: len(states) - 1]):
        if goal.rule is None or step.rule == goal.rule:
            if evaluate(goal.cond, states[k], step.inputs, states[k + 1]) is False:
                return k + 1
    return None
