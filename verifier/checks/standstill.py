"""Random timed runs that come to a standstill before all is over.

Where there are too many states to see them all, somebody who is stuck for ever is often met by
most runs.  It finds runs and proves nothing.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ...semantics.expr import Scalar, and_
from ...semantics.trace import Trace
from ...semantics.values import enabled, evaluate
from ..engines.search_threads import ended
from ..session import Session
from ..verdict import Refuted, Verdict
from .shortened import shortened
from .stuck import blocked_for_ever
from .waiters import waiting_in

States = Sequence[tuple[Scalar, ...]]
SECONDS = 1.0  # to look for the first state in which somebody is stuck
MOST = 3  # runs that are tried, the shortest first
NOBODY = "nobody has a step any more, and not all have ended"


def somebody(
    session: Session, refuted: Callable[[Trace, Sequence[int]], Verdict]
) -> Refuted | None:
    """After the run some threads wait for each other only; `refuted` says so of a run and them."""
    structure = session.structure

    def stuck(states: States, _: Trace | None = None) -> bool:
        last = states[-1]
        return bool(blocked_for_ever(structure, last, waiting_in(session.system, last)))

    met: list[Trace] = []
    until = time.monotonic() + min(SECONDS, session.share(0.1))
    for trace, states in _unfinished(session):
        if met and time.monotonic() > until:
            break
        if stuck(states):
            # Who is stuck stays so: the first such state is found by halves.
            first = bisect_left(range(len(states)), True, key=lambda k: stuck(states[: k + 1]))
            met.append(replace(trace, steps=trace.steps[:first]))
    for run in sorted(met, key=lambda t: len(t.steps))[:MOST]:
        for trace in (shortened(session, run, stuck), run):
            last = session.replay(session.system, trace).states[-1]
            found = refuted(trace, waiting_in(session.system, last))
            if isinstance(found, Refuted):
                return replace(found, engine="simulation")
    return None


def everybody(session: Session) -> Refuted | None:
    """After the run there is no step at all, and not every instance has ended."""
    system = session.system
    over = and_(*(ended(system, i) for i in system.instances))

    def still(states: States, _: Trace) -> bool:
        last = states[-1]
        return evaluate(over, last) is False and not any(enabled(r, last) for r in system.rules)

    met = [t for t, states in _unfinished(session) if still(states, t)]
    for trace in sorted(met, key=lambda t: len(t.steps))[:MOST]:
        short = shortened(session, trace, still)
        late = next(
            i
            for i in system.instances
            if evaluate(ended(system, i), session.replay(system, short).states[-1]) is False
        )
        found = session.confirm("simulation", NOBODY, short, late.span, still)
        if isinstance(found, Refuted):
            return found
    return None


def _unfinished(session: Session) -> Iterator[tuple[Trace, States]]:
    """Runs after which some instance has not ended, with their states."""
    system = session.system
    over = and_(*(ended(system, i) for i in system.instances))
    for trace, states in session.random_runs():
        if evaluate(over, states[-1]) is False and session.counts(states):
            yield trace, states
