"""The reachable graph of the whole system, made once for all checks that need it."""

from __future__ import annotations

from ..engines.search_graph import Graph
from ..session import Session


def full_graph(session: Session) -> tuple[Graph | None, str]:
    """The graph, or None and why not.  It may be incomplete: ask its `complete`."""
    from ..engines.search import explore

    if session.graph is None:
        result = explore(
            session.system,
            [],
            max_states=session.options.max_states,
            seconds=session.share(0.3),
            want_graph=True,
        )
        session.graph = (result.graph, result.reason)
    return session.graph
