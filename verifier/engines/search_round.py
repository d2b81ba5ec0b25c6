"""Runs that go round for ever, where the graph has symbolic data or is not complete.

A closed walk in the graph says little there: its nodes stand for many states.  So the way to it
is made a run first, and then a round is looked for that leads back to exactly the state at its
end; whether it is fair is seen from the states themselves.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from ...semantics.expr import Expr, Op, and_, eq, var
from ...semantics.trace import Trace
from ..prompt import is_fair
from .search_graph import SPLIT, Edge, Graph, components
from .search_live import at_state
from .search_trace import Path, final_state, realize

WALKS = 6  # closed walks that are tried in each component


def exact_lasso(graph: Graph, seconds: float) -> Trace | None:
    """A weakly fair run that goes round for ever; None if none was found."""
    until = time.monotonic() + seconds
    for part in sorted(map(sorted, components(graph))):
        for begin, walk in _walks(graph, part):
            if time.monotonic() > until:
                return None
            trace = _closed(graph, begin, walk, int(1000 * (until - time.monotonic())))
            if trace is not None:
                return trace
    return None


def _walks(graph: Graph, part: list[int]) -> Iterator[tuple[int, list[Edge]]]:
    """Short closed walks inside a component, and where each begins."""
    inside = set(part)
    found = 0
    for begin in part:
        if found >= WALKS:
            return
        back: dict[int, tuple[int, Edge]] = {}
        queue = deque([begin])
        while queue and begin not in back:
            node = queue.popleft()
            for edge in graph.edges[node]:
                if edge.target in inside and edge.target not in back:
                    back[edge.target] = (node, edge)
                    queue.append(edge.target)
        if begin not in back:
            continue
        walk: list[Edge] = []
        at = begin
        while not walk or at != begin:
            at, edge = back[at]
            walk.append(edge)
        walk.reverse()
        steps = [e for e in walk if e.rule != SPLIT]
        if steps:
            found += 1
            yield begin, steps


def _closed(graph: Graph, begin: int, walk: list[Edge], milliseconds: int) -> Trace | None:
    """The run to the walk, once or twice along it until a state is met again."""
    system = graph.system
    path = graph.path(begin)
    for _ in range(2):
        stem = realize(system, path, None, None, milliseconds)
        if stem is None:
            return None
        state = final_state(system, stem)
        same = and_(
            *(
                eq(var(v.index, v.sort), Expr(Op.CONST, (), v.sort, value))
                for v, value in zip(system.variables, state, strict=True)
            )
        )
        along = Path({}, tuple(e.rule for e in walk), tuple(e.inputs for e in walk))
        around = realize(at_state(system, state), along, None, same, milliseconds)
        if around is not None:
            states = [state]
            for k in range(len(around.steps) - 1):
                states.append(final_state(system, Trace(state, around.steps[: k + 1])))
            if is_fair(system, around.steps, states):
                return Trace(stem.initial, (*stem.steps, *around.steps), len(stem.steps))
        for edge in walk:
            path = path.then(edge.rule, edge.inputs)
    return None
