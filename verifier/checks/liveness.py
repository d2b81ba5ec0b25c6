"""`q leads_to p`, `eventually p`, `starvation_free`: what comes at last, in every fair run.

Where every run ends, nothing is left open but what is owed at the end: a question of safety.
Otherwise the reachable graph tells: a run that ends, or goes round for ever fairly, while it owes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace

from ...dsl.errors import Span
from ...semantics.expr import FALSE, TRUE, Expr, or_
from ...semantics.system import Liveness, RuleKind, Thread, TransitionSystem, VarKind
from ...semantics.trace import Trace
from ...semantics.values import enabled, evaluate
from ...semantics.walks import variables
from ..engines.search_graph import SPLIT, Graph
from ..engines.search_threads import without_claims
from ..session import Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from . import obligations
from .graph import full_graph
from .kept_waiting import Owing, kept_waiting
from .lassos import States, goes_round
from .stuck import blocked_for_ever
from .waiters import waiting_in

FOR_EVER = "somebody waits for a resource for ever"
MAY_WAIT = "{} may wait for {} for ever"
NOBODY = "nobody ever waits for a resource"


Otherwise = Callable[[], Verdict | None]  # another proof, before all states are looked at


def property_holds(
    session: Session,
    goals: Sequence[Liveness],
    terminates: Verdict,
    otherwise: Otherwise = lambda: None,
) -> Verdict:
    """One property, of all the instances that have it."""
    if not isinstance(terminates, Proved) and (found := otherwise()) is not None:
        return found
    return obligations.together([_one(session, g, terminates) for g in goals])


def _one(session: Session, goal: Liveness, terminates: Verdict) -> Verdict:
    claim = obligations.Claim("property", goal.name, (goal.at_end,))
    at_end = obligations.decide(session, [claim])[0]
    if isinstance(at_end, Refuted):
        return at_end
    if isinstance(terminates, Proved) and isinstance(at_end, Proved):
        how = f"every run ends (`terminates`), and then nothing is owed: {at_end.how}"
        return Proved(at_end.engine, how, at_end.figure)
    graph, why = full_graph(session)
    if graph is None:
        return Unknown("search", why)
    found = _owed(session, graph, goal)
    if found is None and not graph.complete:
        found = kept_waiting(session, list(owing(session.system, goal)))
    return found or _settled(graph, "nothing is owed for ever")


def owing(system: TransitionSystem, goal: Liveness) -> Iterator[Owing]:
    """Who may have to wait for it for ever, if served last; of those who are alike, one."""
    whose = _whose(system, goal)
    ones = _ones(system)
    if whose and not whose & ones:
        return
    for one in whose & ones or (None, *sorted(ones)):
        last = frozenset(() if one is None else (one,))
        yield Owing(goal.owed, last, goal.at_end.message, goal.at_end.span, True)


def _owed(session: Session, graph: Graph, goal: Liveness) -> Verdict | None:
    owing = {n for n in range(len(graph.nodes)) if graph.holds(n, goal.owed) is not False}
    return _stops(session, graph, owing, goal) or _goes_round(
        session, graph, owing, goal.owed, goal.at_end.message, goal.at_end.span
    )


def owed_in(session: Session, graph: Graph, name: str) -> Verdict | None:
    """A property: what a graph of all states says at once."""
    others = _like_others(session.system)
    goals = [g for g in session.system.liveness if g.name == name]
    goals = [g for g in goals if not _whose(session.system, g) & others]
    found = (_owed(session, graph, g) for g in goals)
    return next((v for v in found if isinstance(v, Refuted)), None)


def _settled(graph: Graph, what: str) -> Verdict:
    if not graph.complete:
        return Unknown("search", "the graph is not complete")
    if not graph.concrete:
        return Unknown("search", "the data is symbolic: whether a run goes round was not decided")
    states = len(graph.nodes)
    how = f"all {states} states were visited; in no fair run that goes round among them, {what}"
    return Proved("search", how, f"{states} states")


def _stops(
    session: Session, graph: Graph, owing: Collection[int], goal: Liveness
) -> Verdict | None:
    """A run after which nothing can happen any more, though something is owed."""
    # (A crash need not come.)
    rules = [r for r in session.system.rules if r.kind is not RuleKind.CRASH]

    def over(states: States, _: Trace) -> bool:
        last = states[-1]
        return bool(evaluate(goal.owed, last)) and not any(enabled(r, last) for r in rules)

    for node in sorted(owing):
        if not _at_rest(graph, node):
            continue
        trace = graph.trace(node)
        if trace is None:
            return Unknown("search", "a run that stops could not be made")
        message = f"{goal.at_end.message}: nothing more happens"
        return session.confirm("search", message, trace, goal.at_end.span, over)
    return None


def _at_rest(graph: Graph, node: int) -> bool:
    """No step can be taken there but a crash, which need not come."""
    rules = graph.system.rules
    only = all(e.rule != SPLIT and rules[e.rule].kind is RuleKind.CRASH for e in graph.edges[node])
    return only and node not in graph.frontier


def _goes_round(
    session: Session,
    graph: Graph,
    within: Collection[int],
    owed: Expr,
    message: str,
    span: Span,
) -> Verdict | None:
    """A fair run that goes round for ever among these nodes."""
    from ..engines.search_live import lassos

    return goes_round(
        session,
        graph,
        lassos(graph, within),
        f"{message}: this run goes round for ever",
        lambda _: span,
        within,
        lambda state: bool(evaluate(owed, state)),
    )


# --- starvation ------------------------------------------------------------------------------


def starvation_free(
    session: Session,
    deadlock: Verdict,
    terminates: Verdict,
    otherwise: Otherwise = lambda: None,
) -> Verdict:
    """Whoever waits for a resource gets it, or need not wait any more."""
    waits = list(waits_for_claims(session.system))
    if not waits and session.may("structure"):
        return Proved("structure", NOBODY)
    if isinstance(deadlock, Refuted):
        if stuck_asking(session, deadlock):
            return replace(deadlock, message=FOR_EVER)
    if isinstance(terminates, Proved) and session.may("structure"):
        how = "every run ends (`terminates`), so nobody waits for ever"
        return Proved("structure", how, evidence=terminates.evidence)
    if (found := otherwise()) is not None:
        return found
    graph, why = full_graph(session)
    if graph is None:
        return Unknown("search", why)
    found = _starved(session, graph)
    if found is None and not graph.complete:
        found = kept_waiting(session, list(asking(session.system)))
    return found or _settled(graph, "somebody waits all the time")


def asking(system: TransitionSystem) -> Iterator[Owing]:
    """The same of who waits for a resource."""
    ones = _ones(system)
    for thread, cond, names in waits_for_claims(system):
        if thread.instance in ones:
            last = frozenset((thread.instance,))
            yield Owing(cond, last, MAY_WAIT.format(thread.name, names), thread.span, False)


def _whose(system: TransitionSystem, goal: Liveness) -> set[int]:
    """The instances of which it speaks."""
    found = {system.variables[v].instance for v in variables([goal.owed])}
    return {i for i in found if i is not None}


def _like_others(system: TransitionSystem) -> frozenset[int]:
    """Of any number that are alike all but the first: what one of them may suffer, it may."""
    if system.in_order:
        return frozenset()  # (of those that are ready at one instant the first in the spec is next)
    groups = [g.members[1:] for g in system.any_number if g.between is None]
    return frozenset(i for members in groups for i in members)


def _ones(system: TransitionSystem) -> set[int]:
    """Of each workflow the last instance, who comes last if they come one after the other."""
    return set({i.workflow: i.id for i in system.instances}.values())


def starved_in(session: Session, graph: Graph, stuck: Verdict | None) -> Verdict | None:
    """`starvation_free`: what a graph of all states says at once; `stuck`: of `deadlock_free`."""
    if isinstance(stuck, Refuted):
        return replace(stuck, message=FOR_EVER) if stuck_asking(session, stuck) else None
    return _starved(session, graph)


def stuck_asking(session: Session, deadlock: Refuted) -> bool:
    """Whether one of those who are stuck for ever would have a step but for a resource."""
    session = session.of_run(deadlock)
    last = session.replay(session.system, deadlock.trace).states[-1]
    core = blocked_for_ever(session.structure, last, waiting_in(session.system, last))
    waits = waits_for_claims(session.system)
    return any(t.id in core and evaluate(cond, last) for t, cond, _ in waits)


def _starved(session: Session, graph: Graph) -> Verdict | None:
    others = _like_others(session.system)
    for thread, cond, names in waits_for_claims(session.system):
        if thread.instance in others:
            continue
        nodes = {n for n in range(len(graph.nodes)) if graph.holds(n, cond) is not False}
        if any(_at_rest(graph, n) for n in nodes):
            return Unknown("search", f"{thread.name} may be stuck where it waits for {names}")
        message = MAY_WAIT.format(thread.name, names)
        found = _goes_round(session, graph, nodes, cond, message, thread.span)
        if found is not None:
            return found
    return None


def anybody_waits(system: TransitionSystem) -> bool:
    """For a resource, in some run."""
    return any(True for _ in waits_for_claims(system))


def waits_for_claims(system: TransitionSystem) -> Iterator[tuple[Thread, Expr, str]]:
    """For each thread: when it has a step but for resources, and for which."""
    kinds = [v.kind for v in system.variables]
    of_thread: dict[int, list[Expr]] = {}
    names: dict[int, dict[str, None]] = {}
    resource = {v: r.name for r in system.resources for v in (r.used, r.exclusive) if v is not None}
    for r in system.rules:
        if r.turn is TRUE and not any(kinds[v] is VarKind.USED for v in variables([r.guard])):
            continue
        free = without_claims(r, kinds)
        of_thread.setdefault(r.thread, []).append(free)
        claimed = names.setdefault(r.thread, {})
        for v, _ in r.gains:
            if v in resource:
                claimed[resource[v]] = None
    for thread in system.threads:
        if thread.id in of_thread:
            words = ", ".join(names[thread.id]) or "a resource"
            yield thread, or_(FALSE, *of_thread[thread.id]), words
