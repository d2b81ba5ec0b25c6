"""Random runs of one system, many of them: the analysis of its rules is done once."""

from __future__ import annotations

from collections.abc import Callable

from ..semantics.system import TransitionSystem
from ..semantics.trace import Trace
from .plan import build_plan
from .run import RunOptions, run

LONGEST = 200_000  # steps; a run that goes on for ever is cut there


def simulator(system: TransitionSystem) -> Callable[[int], Trace | None]:
    """A function from a seed to a timed run, or None where no initial state was found."""
    plan = build_plan(system)
    most = min(LONGEST, 2_000 + 20 * len(system.rules))

    def simulate(seed: int) -> Trace | None:
        try:
            return run(system, RunOptions(seed=seed, max_steps=most), plan=plan).trace
        except ValueError:
            return None

    return simulate
