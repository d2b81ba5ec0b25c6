"""Where a run stands, in words: the activities that run, and what the others are about to do."""

from __future__ import annotations

from collections.abc import Sequence

from ...semantics.expr import Scalar
from ...semantics.observing import activity_name
from ...semantics.system import Point, PointKind, Thread, TransitionSystem


def standing(system: TransitionSystem, state: Sequence[Scalar]) -> str:
    """The frontier of a state: equal where the same activities run and the same are to come."""
    parts = [
        words
        for t in system.threads
        if (words := _of(system, t, t.points[int(state[t.location])], state))
    ]
    # (Of a run that is over nobody asks.)
    return ", ".join(parts) or "everything has been done, its end is to come"


def _of(system: TransitionSystem, t: Thread, p: Point, state: Sequence[Scalar]) -> str:
    match p.kind:
        case PointKind.RUN:
            return f"{activity_name(system, p.activity)} runs"
        case PointKind.BACKOFF:
            return f"{activity_name(system, p.activity) or p.label} is to be tried again"
        case PointKind.READY | PointKind.UNWIND:
            return f"before {p.label}"
        case PointKind.ENTRY if t.parent is None:
            return "at the start"
        case PointKind.ENTRY:
            above = system.threads[t.parent] if t.parent is not None else t
            return p.label if state[above.location] == t.fork else ""
    return ""
