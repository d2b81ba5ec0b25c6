"""`messages`: none is lost, and whoever waits for one, or for room, or for an answer, gets it.

What may not be lost are obligations of states and steps, by channel.  That a wait comes to its end
follows from `deadlock_free`; where that fails for other reasons, the graph of states tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...semantics.expr import Expr, Scalar, or_
from ...semantics.system import Obligation, Thread
from ...semantics.trace import Trace
from ..engines.mailbox import MESSAGES, place_alone
from ..engines.search_graph import CUT_OFF, Graph, counting
from ..engines.search_threads import Threads
from ..session import Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from . import obligations, otherwise
from .graph import full_graph
from .stuck import blocked_for_ever
from .waiters import place_of, wait_for, waiting_in, waits_for_message

FOR_EVER = "somebody waits for a message for ever"
NOTHING = "there is no channel"


def messages(session: Session, deadlock: Verdict) -> Verdict:
    if not session.system.channels and not session.piling:
        return Proved("structure", NOTHING)
    verdicts = [*session.bounds().values(), *_lost(session)]
    if not any(isinstance(v, Refuted) for v in verdicts):
        verdicts.append(_waits(session, deadlock))
    found = obligations.together(verdicts)
    return replace(found, evidence=()) if isinstance(found, Proved) else found


def _lost(session: Session) -> list[Verdict]:
    by_channel: dict[str, list[Obligation]] = {}
    for o in session.system.obligations:
        if o.check == "messages":
            by_channel.setdefault(o.name, []).append(o)
    if not by_channel:
        return []
    claims = [obligations.Claim("messages", c, tuple(goals)) for c, goals in by_channel.items()]
    found = otherwise.decided(session, claims)
    return [found[k] for k in range(len(claims))]


def _waits(session: Session, deadlock: Verdict) -> Verdict:
    system = session.system
    if not any(r.kind in MESSAGES for r in system.rules):
        return Proved("structure", "nobody waits for a message, or for room for one")
    if isinstance(deadlock, Proved):
        return Proved(deadlock.engine, "nobody is ever stuck (`deadlock_free`)", deadlock.figure)
    if isinstance(deadlock, Refuted):
        own = session.of_run(deadlock)
        last = own.replay(own.system, deadlock.trace).states[-1]
        dead = blocked_for_ever(own.structure, last, waiting_in(own.system, last))
        waiting = [t for t in dead if any(waits_for_message(own.system, t, last))]
        if waiting:
            span = place_of(own.system, waiting[0], last)
            return replace(deadlock, message=FOR_EVER, span=span)
    graph, why = full_graph(session)
    if graph is None:
        return Unknown("search", why)
    return _stranded(session, graph)


def _stranded(session: Session, graph: Graph) -> Verdict:
    """Some thread before a message step that it can never take, though others go on."""
    system = session.system
    threads = Threads(graph)
    for thread in system.threads:
        rules = [r for r in system.rules if r.thread == thread.id and r.kind in MESSAGES]
        places = [place_alone(system, r) for r in rules]
        if any(
            p is None and r.channel in _queued(session) for p, r in zip(places, rules, strict=True)
        ):
            return Unknown("search", f"{thread.name} waits where a test looks at the channel")
        here = or_(*(p for p in places if p is not None))
        if not places:
            continue
        found = _never(session, graph, threads, thread, here)
        if found is not None:
            return found
    if not graph.complete:
        return Unknown("search", "the graph is not complete")
    if not graph.concrete:
        return Unknown("search", "the data is symbolic: who waits for ever was not decided")
    states = len(graph.nodes)
    how = f"all {states} states were visited: from each, a wait for a message can come to its end"
    return Proved("search", how, f"{states} states")


def _queued(session: Session) -> set[str]:
    return {c.name for c in session.system.channels if c.lengths}


def _never(
    session: Session, graph: Graph, threads: Threads, thread: Thread, here: Expr
) -> Verdict | None:
    released = set(threads.moving(thread.id))
    waiting = {n for n in range(len(graph.nodes)) if graph.holds(n, here) is True}
    released.update(n for n in range(len(graph.nodes)) if n not in waiting)
    may = counting(graph, released | graph.frontier)
    if waiting <= may:
        return None
    lost = sorted(waiting - may - graph.uncertain)
    if not lost:
        return Unknown("search", CUT_OFF)
    trace = graph.trace(lost[0]) if graph.concrete else None
    if trace is not None:
        last = session.replay(session.system, trace).states[-1]
        notes = tuple(wait_for(session.system, session.structure, last, [thread.id]))
        span = place_of(session.system, thread.id, last)

        def there(states: Sequence[tuple[Scalar, ...]], _: Trace) -> bool:
            # From that state on it has no step, whatever the others do: the graph says so.
            return last in states

        found = session.confirm("search", FOR_EVER, trace, span, there, notes=notes)
        if isinstance(found, Refuted):
            return found
    return Unknown("search", f"{thread.name} may wait for a message for ever")
