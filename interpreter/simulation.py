"""Random runs of one system, many of them: the analysis of its rules is done once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from ..semantics.expr import Scalar
from ..semantics.system import TransitionSystem
from ..semantics.trace import Trace
from .plan import build_plan
from .run import RunOptions, run

LONGEST = 200_000  # steps; a run that goes on for ever is cut there


class Simulate(Protocol):
    def __call__(
        self,
        seed: int,
        failing: float,
        chosen: Mapping[int, Scalar],
        wanted: Collection[int] = (),
        pace: float | None = None,
        /,
    ) -> Trace | None: ...


def simulator(system: TransitionSystem) -> Simulate:
    """A function to a timed run from a seed, a chance of failure, chosen initial values, ends of
    attempts that are chosen wherever they are possible, and the chance that something takes as long
    as it may, or else as short (None: any time between), and that an answer is as large.

    None where no initial state was found.
    """
    plan = build_plan(system)
    most = min(LONGEST, 2_000 + 20 * len(system.rules))

    def simulate(
        seed: int,
        failing: float,
        chosen: Mapping[int, Scalar],
        wanted: Collection[int] = (),
        pace: float | None = None,
    ) -> Trace | None:
        options = RunOptions(
            seed=seed,
            failing=failing,
            initial=chosen,
            max_steps=most,
            wanted=wanted,
            pace=pace,
        )
        try:
            return run(system, options, plan=plan).trace
        except ValueError:
            return None

    return simulate
