"""The steps of a run without which it would not break what it breaks.

In a run that is possible in time everybody moves, also who has nothing to do with the claim.  Left
out are the steps of an instance, of a thread, and then smaller and smaller pieces of what each of
them does (A. Zeller and R. Hildebrandt, Simplifying and isolating failure-inducing input, 2002).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from ..semantics.system import TransitionSystem
from ..semantics.trace import Trace

MOST_STEPS = 200  # of a run that is looked at
MOST_VALUES = 20_000_000  # of states that are made on the way


def pieces(system: TransitionSystem, trace: Trace) -> Iterator[frozenset[int]]:
    """Steps that may be left out together, by their positions; many of them first."""
    steps = trace.steps
    by_thread: dict[int, list[int]] = {}
    by_instance: dict[int, list[int]] = {}
    for k, step in enumerate(steps):
        thread = system.rules[step.rule].thread
        by_thread.setdefault(thread, []).append(k)
        by_instance.setdefault(system.threads[thread].instance, []).append(k)
    groups = [*by_instance.values(), *by_thread.values(), list(range(len(steps)))]
    size = len(steps)
    while size:
        for group in groups:
            for begin in range(0, len(group), size):
                left_out = frozenset(group[begin : begin + size])
                if len(left_out) == size or size == len(steps):
                    yield left_out
        size //= 2


def without(trace: Trace, left_out: frozenset[int]) -> Trace:
    kept = tuple(s for k, s in enumerate(trace.steps) if k not in left_out)
    return replace(trace, steps=kept)


def essential(
    system: TransitionSystem, trace: Trace, breaks: Callable[[Trace], bool]
) -> Trace | None:
    """What is left of a finite run if steps are left out as long as `breaks` says that it is a run
    still, and breaks its claim; None where that is all of it, or where it is too long.

    The steps keep their times, at which they alone need not be possible.
    """
    if trace.loop_at is not None or len(trace.steps) > MOST_STEPS:
        return None
    work = 0
    best = trace
    found = True
    while found:
        found = False
        for left_out in pieces(system, best):
            work += len(best.steps) * len(system.variables)
            if work > MOST_VALUES:
                break
            less = without(best, left_out)
            if breaks(less):
                best, found = less, True
                break
    return None if best is trace else best
