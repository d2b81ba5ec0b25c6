"""Runs that go round for ever, shown if one is possible in time and fair."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice

from ...dsl.errors import Span
from ...semantics.expr import Scalar
from ...semantics.idle import alike, without
from ...semantics.system import Loop
from ...semantics.trace import Trace
from ...semantics.words import in_words
from ..engines.recurrence import recurrences
from ..engines.search import explore
from ..engines.search_graph import Graph
from ..engines.turns import recurs
from ..prompt import overdue, rounds
from ..session import Session
from ..verdict import Refuted, Unknown, Verdict

MOST_LASSOS = 12  # of which one has to be possible in time

SOME = 2  # of these, before timed runs are looked at
RUNS = 3
MOST_STEPS = 2_000  # of such a run
MOST_ROUNDS = 20  # that are looked at, for each

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
    shown = islice(traces, MOST_LASSOS)
    until = time.monotonic() + session.share(0.1, 1.0)
    for trace in chain(islice(shown, SOME), by_runs(session, holds), shown):
        if doubt is not None and time.monotonic() > until:
            break
        assert trace.loop_at is not None
        figure = f"lasso of {len(trace.steps) - trace.loop_at} steps"
        verdict = session.confirm("search", message, trace, place(trace), breaks, figure=figure)
        if isinstance(verdict, Refuted):
            if not overdue(session.system, verdict.trace):
                return verdict
            verdict = Unknown("search", "a run goes round for ever, but it may not be a fair one")
        doubt = doubt or verdict
    for e, span in session.system.eventually:
        if doubt is None and not any(
            graph.holds(n, e) is not False for n in range(len(graph.nodes))
        ):
            doubt = Unknown("search", f"what is assumed at {span} never holds in any run")
    if doubt is None and graph.concrete and next(fair_parts(graph, within), None) is not None:
        doubt = Unknown("search", "there may be a run that goes round for ever; none was found")
    return doubt


def by_runs(session: Session, holds: Callable[[tuple[Scalar, ...]], bool]) -> Iterator[Trace]:
    """Rounds of timed runs, so that there are times for them: of a long way to a round, the times
    that each step takes are hard to find afterwards."""
    simulate = session.simulator()
    until = time.monotonic() + session.share(0.1)
    for seed in range(RUNS if simulate is not None else 0):
        assert simulate is not None
        made = simulate(session.options.seed + seed, 0.0, {}, ())
        if made is None or not made.steps or session.left() <= 0:
            return
        flat = replace(made, steps=made.steps[:MOST_STEPS])
        for trace in islice(rounds(session.system, flat, set(), until), MOST_ROUNDS):
            states = session.replay(session.system, trace).states
            if all(map(holds, states[trace.loop_at :])):
                yield trace


LONGEST = 6.0  # seconds of search for each loop
NEAR = 400  # states near the start, in which rounds that never repeat a state begin


def never_again(
    session: Session,
    loops: Sequence[Loop],
    message: str,
) -> Verdict | None:
    """A refutation by a run that goes round for ever, where states need not come again (the whole
    of the reachable graph is not seen); None where none was found."""
    system = session.system
    if session.graph is not None and session.graph[0] is not None:
        graph: Graph | None = session.graph[0]
    else:
        seconds = session.share(0.05)
        graph = explore(
            without(system, session.idle), [], max_states=NEAR, seconds=seconds, want_graph=True
        ).graph
    if graph is None or (graph.complete and graph.concrete):
        return None

    def breaks(states: States, t: Trace) -> bool:
        if t.recurs is None:
            return t.loop_at is not None and states[t.loop_at] == states[-1]
        return recurs(system, t)

    for loop in loops:
        for trace in islice(
            recurrences(system, loop, graph, min(LONGEST, session.share(0.2))), MOST_LASSOS
        ):
            assert trace.loop_at is not None
            notes: tuple[str, ...] = ()
            figure = f"lasso of {len(trace.steps) - trace.loop_at} steps"
            if trace.recurs is not None:
                always = in_words(system, trace.recurs)
                notes = (f"no state comes again; {always} whenever a round begins",)
            verdict = session.confirm(
                "recurrence", message, trace, loop.span, breaks, figure=figure, notes=notes
            )
            if isinstance(verdict, Refuted) and not overdue(system, verdict.trace):
                return verdict
    return None
