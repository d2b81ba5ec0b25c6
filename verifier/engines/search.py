"""Breadth-first search over explicit control and symbolic data."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ...semantics.system import Obligation, TransitionSystem
from ...semantics.trace import Trace
from .search_graph import Graph
from .search_run import Search
from .search_space import Unsupported
from .slice import Slice, steps_stutter, whole


@dataclass(frozen=True, slots=True)
class Violated:
    """`trace` was replayed on the whole system and breaks the goal with its last step."""

    trace: Trace


@dataclass(frozen=True, slots=True)
class Holds:
    """In every reachable state (or step); `states` nodes were enough to see it."""

    states: int


@dataclass(frozen=True, slots=True)
class Open:
    """Undecided; no violation within `depth` complete levels of steps."""

    reason: str
    depth: int


Finding = Violated | Holds | Open


@dataclass(slots=True)
class Exploration:
    """`findings` are in the order of the goals given."""

    findings: list[Finding]
    complete: bool
    states: int
    transitions: int
    depth: int
    seconds: float
    graph: Graph | None = None
    reason: str = ""


def explore(
    system: TransitionSystem,
    goals: Sequence[Obligation],
    *,
    max_states: int = 200_000,
    seconds: float = 10.0,
    want_graph: bool = False,
    cone: Slice | None = None,
    reduce: bool = False,
    together: Sequence[int] | None = None,
) -> Exploration:
    """Searches for violations of the goals, shortest first.

    `cone` restricts the search to a slice made for these goals; without `cut` a violation there
    is completed to a run of the whole system, with it the slice can only show that goals hold.
    `together` numbers the claim that each goal is part of: of each claim one violation is enough,
    and its other goals then stay open.
    `reduce` leaves out interleavings (Peled's ample sets of one thread); the counterexamples are
    then not always the shortest.
    """
    begin = time.monotonic()
    graph: Graph | None = None
    used = whole(system) if cone is None or want_graph else cone
    try:
        search = Search(
            system, used, goals, max_states, begin + seconds, want_graph, reduce, together
        )
    except Unsupported as reason:
        opens: list[Finding] = [Open(str(reason), 0) for _ in goals]
        return Exploration(opens, False, 0, 0, 0, time.monotonic() - begin, None, str(reason))
    # A short search of a large system would be over before it has looked at a state.
    search.deadline = time.monotonic() + seconds
    search.run()
    findings: list[Finding] = []
    complete = not search.stop
    # A slice leaves out the steps that write nothing of a goal: those must satisfy it anyway.
    unsure = {
        k
        for k, g in enumerate(goals)
        if g.every_step and not used.everything and not steps_stutter(g)
    }
    for k in range(len(goals)):
        if k in search.found:
            findings.append(Violated(search.found[k]))
        elif k in search.failed:
            findings.append(Open(search.failed[k], search.depth))
        elif not complete or k in unsure:
            findings.append(Open(search.stop or "steps outside the slice", search.depth))
        else:
            findings.append(Holds(len(search.nodes)))
    if search.edges is not None:
        graph = Graph(
            system,
            search.space,
            search.nodes,
            search.edges,
            frozenset(range(len(search.nodes))) - search.expanded,
            search.path,
            search.rules_seen,
        )
    return Exploration(
        findings,
        complete,
        len(search.nodes),
        search.transitions,
        search.depth,
        time.monotonic() - begin,
        graph,
        search.stop,
    )
