"""A run with steps left out, that still breaks what it broke.

Runs that were found by chance do more than is needed, piece by piece (see `essential`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ...semantics.expr import Scalar
from ...semantics.trace import Trace
from ..essential import pieces, without
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
        for left_out in pieces(session.system, best):
            less = without(best, left_out)
            if time.monotonic() > until or _is_run(session, less, breaks):
                break
        else:
            break
        if time.monotonic() > until:
            break
        best = less
    if best is trace or session.timed(best, breaks) is None:
        return trace
    return best


def _is_run(session: Session, trace: Trace, breaks: Breaks) -> bool:
    replayed = session.replay(session.system, trace)
    return replayed.ok and breaks(replayed.states, trace)
