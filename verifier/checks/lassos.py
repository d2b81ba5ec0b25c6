"""Runs that go round for ever, shown if one is possible in time and fair."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import islice

from ...dsl.errors import Span
from ...semantics.expr import Scalar
from ...semantics.idle import alike
from ...semantics.trace import Trace
from ..engines.search_graph import Graph
from ..prompt import overdue
from ..session import Session
from ..verdict import Refuted, Unknown, Verdict

MOST_LASSOS = 12  # of which one has to be possible in time

States = Sequence[tuple[Scalar, ...]]


def goes_round(
    session: Session,
    graph: Graph,
    traces: Iterable[Trace],
    message: str,
    place: Callable[[Trace], Span],
    within: Collection[int] | None = None,
    holds: Callable[[tuple[Scalar, ...]], bool] = lambda _: True,
) -> Verdict | None:
    """A refutation by one of the runs, all the way round in states of which `holds` is true;
    UNKNOWN where one may be (among the nodes `within`); None where none goes round for ever."""
    from ..engines.search_live import fair_parts

    def breaks(states: States, t: Trace) -> bool:
        if t.loop_at is None or not alike(states[t.loop_at], states[-1], session.idle):
            return False
        return all(map(holds, states[t.loop_at :]))

    doubt: Verdict | None = None
    for trace in islice(traces, MOST_LASSOS):
        assert trace.loop_at is not None
        figure = f"lasso of {len(trace.steps) - trace.loop_at} steps"
        verdict = session.confirm("search", message, trace, place(trace), breaks, figure=figure)
        if isinstance(verdict, Refuted):
            if not overdue(session.system, verdict.trace):
                return verdict
            verdict = Unknown("search", "a run goes round for ever, but it may not be a fair one")
        doubt = doubt or verdict
    if doubt is None and graph.concrete and next(fair_parts(graph, within), None) is not None:
        doubt = Unknown("search", "there may be a run that goes round for ever; none was found")
    return doubt
