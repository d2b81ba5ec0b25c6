"""Does a timed run go beyond a time limit?"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from .expr import Scalar
from .system import TimeLimit, TransitionSystem
from .trace import Trace
from .values import enabled, evaluate


def overrun(
    system: TransitionSystem, limit: TimeLimit, states: Sequence[tuple[Scalar, ...]], trace: Trace
) -> int | None:
    """After how many steps it is seen that something stays owed for longer than it may; None: it
    is not.

    `states` are those before each step and after the last.  A step that comes too late shows it;
    so does the end of the run where nothing can happen any more.
    """
    within = Fraction(evaluate(limit.within, trace.initial))
    since: Fraction | None = None
    now = Fraction(0)
    for number, state in enumerate(states):
        if evaluate(limit.owed, state) is not True:
            since = None
        elif since is None:
            since = now
        if number < len(trace.steps):
            now = trace.steps[number].time
            if since is not None and now - since > within:
                return number + 1
    if since is not None and not any(enabled(r, states[-1]) for r in system.rules):
        return len(trace.steps)
    return None
