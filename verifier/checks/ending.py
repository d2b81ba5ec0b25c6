"""`terminates` and `can_finish`: does every run end, and can it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from ...dsl.errors import Span
from ...semantics.evidence import Facts, Measure, Part
from ...semantics.expr import FALSE, TRUE, Scalar, and_
from ...semantics.trace import Trace
from ..engines.blocks import entered
from ..engines.search_graph import Graph, counting
from ..engines.search_threads import ended
from ..engines.search_trace import Path, realize
from ..engines.turns import inescapable
from ..session import InternalError, Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from . import intime, loops, standstill
from .graph import full_graph
from .lassos import goes_round, never_again

if TYPE_CHECKING:
    from ..engines.search_live import NeverEnds

NEVER_ENDS = "this run goes round for ever"
STUCK = "a run never ends: some branches are stuck for ever"
NO_END = "from here no end of {} can be reached"
NO_WAY_ON = "once this run goes round, there is no other way on"


def can_finish(session: Session, deadlock: Verdict, terminates: Verdict) -> Verdict:
    """From every reachable state an end can be reached."""
    from ..engines.search_live import Free, NeverEnds
    from ..engines.search_live import can_finish as by_graph

    # (What `assume eventually` leaves out may be all that there is from some state on.)
    sure = isinstance(terminates, Proved) and not (
        session.system.eventually and terminates.engine == "search"
    )
    if sure and isinstance(deadlock, Proved) and session.may("structure"):
        assert isinstance(terminates, Proved)
        how = "every run ends (`terminates`), and nobody is ever stuck on the way"
        return Proved("structure", how, evidence=terminates.evidence)
    if isinstance(terminates, Refuted) and inescapable(
        session.of_run(terminates).system, terminates.trace
    ):
        return replace(terminates, message=NO_WAY_ON)
    hopeless = _without_end(session)
    if hopeless is not None:
        return hopeless
    if session.graph is None:
        still = standstill.everybody(session)
        if still is not None:
            return still
    graph, why = full_graph(session)
    if graph is None:
        return Unknown("search", why)
    answer = by_graph(graph)
    match answer:
        case NeverEnds():
            lost = _Lost(session, graph)
            found = _never_ends(session, answer, lost)
            if not isinstance(found, Unknown):
                return found
            timed = intime.can_finish(session, False)
            if isinstance(timed, Refuted):
                end = session.replay(session.system, timed.trace).states[-1]
                if end not in lost:
                    return replace(timed, notes=(*timed.notes, intime.BY_CLOCKS))
            return timed or found
        case Free(states):
            return Proved("search", f"all {states} states were visited", f"{states} states")
        case _:
            timed = intime.can_finish(session, True) if answer.timing else None
            still = standstill.everybody(session) if timed is None else None
            return timed or still or Unknown("search", answer.reason)


def _never_ends(session: Session, answer: NeverEnds, lost: _Lost) -> Verdict:
    names = ", ".join(session.system.instances[i].name for i in answer.instances)
    span = session.system.instances[answer.instances[0]].span if answer.instances else None
    assert span is not None
    replayed = session.replay(session.system, answer.trace)
    if not replayed.ok:
        raise InternalError(f"a run of the search does not replay: {replayed.why}")
    last = replayed.states[-1]
    return session.confirm(
        "search",
        NO_END.format(names),
        answer.trace,
        span,
        # Another order of the same steps may end somewhere else.
        lambda states, _: last in states or states[-1] in lost,
    )


def hopeless_in(session: Session, graph: Graph) -> Verdict | None:
    """`can_finish`: what a graph of all states says at once."""
    from ..engines.search_live import NeverEnds
    from ..engines.search_live import can_finish as by_graph

    answer = by_graph(graph)
    if not isinstance(answer, NeverEnds):
        return None
    return _never_ends(session, answer, _Lost(session, graph))


def endless_in(session: Session, graph: Graph, stuck: Verdict | None) -> Verdict | None:
    """`terminates`: what a graph of all states says at once; `stuck`: of `deadlock_free`."""
    if isinstance(stuck, Refuted):
        return replace(stuck, message=STUCK)
    return _endless(session, graph, None)


def _without_end(session: Session) -> Verdict | None:
    """Refuted at the start, where no step at all leads to an end of some instance."""
    if session.system.excluded is not FALSE:
        return None
    for i in session.system.instances:
        over = (i.completed, i.failed)
        if i.active is not TRUE or entered(session.structure, i.root).intersection(over):
            continue
        # (A start that the arguments allow; there may be none.)
        trace = realize(session.system, Path({}))
        if trace is not None:
            message = f"no step leads to an end of {i.name}"
            return session.confirm("structure", message, trace, i.span, lambda states, _: True)
    return None


class _Lost:
    """States from which, by the order of steps alone, not all can end, in no run that counts."""

    def __init__(self, session: Session, graph: Graph) -> None:
        kept = graph.space.kept
        self.shown = [(k, v) for k, v in enumerate(kept) if v not in session.idle]
        over = and_(*(ended(session.system, i) for i in session.system.instances))
        done = {n for n in range(len(graph.nodes)) if graph.holds(n, over) is not False}
        may = counting(graph, done | graph.frontier) | graph.uncertain
        self.nodes = {
            tuple(node.values[k] for k, _ in self.shown)
            for n, node in enumerate(graph.nodes)
            if n not in may and graph.concrete
        }

    def __contains__(self, state: Sequence[Scalar]) -> bool:
        return tuple(state[v] for _, v in self.shown) in self.nodes


def terminates(session: Session, deadlock: Verdict) -> Verdict:
    """Every run ends: no deadlock, and every loop has a ranking function or a bound."""
    system = session.system
    if isinstance(deadlock, Refuted):
        # Who is stuck for ever does not end.
        return replace(deadlock, message=STUCK)
    seen = _seen(session, deadlock)
    if seen is not None:
        return seen
    proofs: list[str] = []
    open_loops = []
    for loop in system.loops:
        how = loops.ends(session, loop)
        if how:
            proofs.append(f"{loop.span}: {how}")
        else:
            open_loops.append(loop)
    ends = not open_loops and isinstance(deadlock, Proved)
    if ends and session.may("ranking" if proofs else "structure"):
        how = "; ".join(proofs) if proofs else "there is no loop; every retry is bounded"
        falling = (Part(Measure(Facts(), tuple(session.measures))),)
        figure = f"{len(proofs)} loops" if proofs else ""
        return Proved("ranking" if proofs else "structure", how, figure, evidence=falling)
    if open_loops and session.may("recurrence"):
        # First: what such a run counts makes the graph endless.
        never = never_again(session, open_loops, NEVER_ENDS)
        if never is not None:
            return never
    graph, why = full_graph(session)
    if graph is None:
        return Unknown("search", why)
    named = open_loops and not open_loops[0].graph
    endless = _endless(session, graph, open_loops[0].span if named else None)
    if isinstance(endless, Refuted):
        return endless
    if not open_loops and not ends:
        return Unknown("structure", "the loops end, but whether somebody is stuck is open")
    if endless is not None:
        return endless
    if graph.concrete and graph.complete and isinstance(deadlock, Proved):
        states = len(graph.nodes)
        return Proved("search", f"no cycle among all {states} states", f"{states} states")
    if not open_loops:
        return Unknown("search", "not all states were visited")
    where = ", ".join(str(x.span) for x in open_loops[:3])
    return Unknown("ranking", f"no linear ranking function was found for the loop at {where}")


def _seen(session: Session, deadlock: Verdict) -> Verdict | None:
    """Loops that go on by messages seldom have a ranking function: where all states are at hand,
    they are looked at first."""
    system = session.system
    if not isinstance(deadlock, Proved) or not session.may("search"):
        return None
    if not any(loops.by_messages(system, loop) for loop in system.loops):
        return None
    graph, _ = full_graph(session)
    if graph is None or not (graph.concrete and graph.complete):
        return None
    endless = _endless(session, graph, None)
    if endless is None:
        states = len(graph.nodes)
        return Proved("search", f"no cycle among all {states} states", f"{states} states")
    return endless if isinstance(endless, Refuted) else None


def _endless(session: Session, graph: Graph, span: Span | None) -> Verdict | None:
    """A run that goes round for ever; or one that was found, and why it is not sure."""
    from ..engines.search_live import lassos
    from ..engines.search_round import exact_lasso

    traces = lassos(graph)
    if not (graph.concrete and graph.complete):
        exact = exact_lasso(graph, session.share(0.4))
        traces = chain(traces, (exact,) if exact is not None else ())

    def place(trace: Trace) -> Span:
        around = {s.rule for s in trace.steps[trace.loop_at or 0 :]}
        loop = next((x for x in session.system.loops if around.intersection(x.rules)), None)
        if loop is not None and not loop.graph:
            return span or loop.span
        return span or session.system.rules[trace.steps[trace.loop_at or 0].rule].span

    return goes_round(session, graph, traces, NEVER_ENDS, place)
