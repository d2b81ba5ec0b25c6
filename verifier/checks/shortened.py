"""A run with steps left out, that still breaks what it broke.

Runs that were found by chance do more than is needed.  Left out are the steps of an instance, of
a thread, and then smaller and smaller pieces of what each of them does (A. Zeller and R.
Hildebrandt, Simplifying and isolating failure-inducing input, 2002).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ...semantics.expr import Scalar
from ...semantics.trace import Trace
from ..session import Session

SECONDS = 1.0

Breaks = Callable[[Sequence[tuple[Scalar, ...]], Trace], bool]


def shortened(session: Session, trace: Trace, breaks: Breaks) -> Trace:
    """The run, or a shorter one that replays, breaks the claim and has times.

    `breaks` looks at the replayed states, as that of `Session.confirm`.
    """
    until = time.monotonic() + min(SECONDS, session.share(0.1))
    best = trace
    while time.monotonic() < until:
        less = next(
            (t for t in _parts(session, best, until) if _is_run(session, t, breaks)),
            None,
        )
        if less is None:
            break
        best = less
    if best is trace or session.timed(best, breaks) is None:
        return trace
    return best


def _is_run(session: Session, trace: Trace, breaks: Breaks) -> bool:
    replayed = session.replay(session.system, trace)
    return replayed.ok and breaks(replayed.states, trace)


def _parts(session: Session, trace: Trace, until: float) -> Iterator[Trace]:
    """The run without some of its steps, many of them first."""
    system = session.system
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
                if time.monotonic() > until:
                    return
                left_out = set(group[begin : begin + size])
                if len(left_out) == size or size == len(steps):
                    kept = tuple(s for k, s in enumerate(steps) if k not in left_out)
                    yield replace(trace, steps=kept)
        size //= 2
