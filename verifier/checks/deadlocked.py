"""A run to a deadlock: among a few threads, at a marking that a solver guessed, or by the clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from itertools import islice

from ...semantics.expr import FALSE, Scalar
from ...semantics.system import TransitionSystem
from ...semantics.trace import Trace
from ..engines.restrict import Restricted, restrict
from ..engines.search_graph import CUT_OFF, Graph
from ..session import InternalError, Session
from ..verdict import Refuted, Unknown, Verdict
from . import standstill
from .circle import askers, shortest, with_parents
from .stuck import blocked_for_ever, under_way
from .waiters import circle_of, place_of, wait_for, waiting_in

GUESSES = 4  # markings that are looked at
STATES, SECONDS = 20_000, 3.0  # to see whether an `assume` may cut a run off


def at_once(session: Session, contended: set[int], cycle: list[int]) -> Verdict | None:
    """REFUTED if those who ask for the resources of a cycle, one after the other, come to block
    each other.

    The others stay where they are, which is a run of the whole system; that the waiting threads
    are stuck in the whole system as well is shown by `blocked_for_ever`.
    """

    def stuck(trace: Trace) -> bool:
        return _stuck_at(session, session.replay(session.system, trace).states[-1])

    trace = shortest(session, askers(session, contended, cycle), stuck)
    found = _circle_at_end(session, trace) if trace is not None else None
    return _shorter(session, found) if isinstance(found, Refuted) else None


def among_few(session: Session, contended: set[int], cycle: list[int]) -> Verdict | None:
    """The same with all orders of only as many threads as can use up the resources of a cycle."""
    from ..engines.search import explore

    chosen = {r.thread for group in askers(session, contended, cycle) for r in group}
    few = restrict(session.system, with_parents(session.structure, chosen))
    result = explore(few.system, [], max_states=50_000, seconds=session.share(0.2), want_graph=True)
    if result.graph is None:
        return None
    members = {i for i, t in enumerate(few.threads) if t in chosen}
    return first_circle(session, result.graph, members, few)


def by_marking(session: Session) -> Verdict | None:
    """A run to a marking at which threads would block each other (`siphons.short`)."""
    from ..engines import siphons

    if not (session.may("siphons") and session.may("search")):
        return None

    def stuck(trace: Trace) -> bool:
        return _stuck_at(session, session.replay(session.system, trace).states[-1])

    guesses = siphons.short(session.structure, session.linking, session.share(0.1))
    for number, rules in enumerate(islice(guesses, GUESSES)):
        trace = shortest(session, [rules], stuck)
        found = _circle_at_end(session, trace) if trace is not None else None
        if not isinstance(found, Refuted) and number == 0:
            # Others may have to move before time can pass.
            found = standstill.somebody(session, partial(refuted, session))
        if isinstance(found, Refuted):
            return _shorter(session, found)
    return None


def _stuck_at(session: Session, state: Sequence[Scalar]) -> bool:
    return bool(blocked_for_ever(session.structure, state, waiting_in(session.system, state)))


def _shorter(session: Session, found: Refuted) -> Verdict:
    """The shortest, where all states are at hand."""
    graph = session.graph[0] if session.graph is not None else None
    if graph is None or not graph.complete:
        return found
    other = first_circle(session, graph)
    shorter = isinstance(other, Refuted) and len(other.trace.steps) < len(found.trace.steps)
    return other if shorter and other is not None else found


def first_circle(
    session: Session,
    graph: Graph,
    among: Collection[int] | None = None,
    part: Restricted | None = None,
) -> Verdict | None:
    """The shortest run after which some threads wait for each other only.

    A thread may be doomed before the others of its circle wait; such states are passed over.
    """
    from ..engines.search_live import doomed

    for node in doomed(graph, among)[:400]:
        trace = graph.trace(node)
        if trace is None:
            continue
        if part is not None:
            trace = part.widen(trace)
        found = _circle_at_end(session, trace)
        if found is not None:
            return found
    return None


def _circle_at_end(session: Session, trace: Trace) -> Verdict | None:
    """REFUTED if after this run some threads wait for each other only."""
    replayed = session.replay(session.system, trace)
    if not replayed.ok:
        raise InternalError(f"a run of the search does not replay: {replayed.why}")
    waiting = waiting_in(session.system, replayed.states[-1])
    if blocked_for_ever(session.structure, replayed.states[-1], waiting):
        return refuted(session, trace, waiting)
    return None


def refuted(session: Session, trace: Trace, dead: Sequence[int]) -> Verdict:
    """REFUTED with the wait-for relation, once the run is confirmed on the whole system."""
    system = session.system

    def stuck(states: Sequence[tuple[Scalar, ...]], _: Trace) -> bool:
        return bool(blocked_for_ever(session.structure, states[-1], dead))

    replayed = session.replay(system, trace)
    if replayed.ok and not stuck(replayed.states, trace):
        return Unknown("search", "some threads wait, but it was not shown that they wait for ever")
    final = replayed.states[-1]
    if not _counts(session.system, final):
        return Unknown("search", CUT_OFF)
    core = blocked_for_ever(session.structure, final, dead)
    core = under_way(session.structure, final, circle_of(session.structure, final, core))
    notes = wait_for(system, session.structure, final, core)
    message = "nobody of these can ever go on"
    first = system.threads[core[0]] if core else system.threads[0]
    span = place_of(system, first.id, final)
    return session.confirm("search", message, trace, span, stuck, notes=tuple(notes))


def _counts(system: TransitionSystem, state: Sequence[Scalar]) -> bool:
    """Does every run from there count?"""
    from ..engines.search import explore
    from ..engines.search_live import at_state

    if system.excluded is FALSE:
        return True
    there = at_state(system, state)
    found = explore(there, [], max_states=STATES, seconds=SECONDS, want_graph=True).graph
    return found is not None and found.complete and 0 not in found.uncertain
