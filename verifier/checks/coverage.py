"""`no_dead_code`: every activity, branch and handler can run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar, and_, not_
from ...semantics.system import Obligation, Place, TransitionSystem
from ...semantics.trace import Trace
from ..engines.common import conjuncts
from ..engines.search_graph import Graph
from ..session import Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from .graph import full_graph

LARGE = 4_000  # rules


def no_dead_code(session: Session) -> Verdict:
    """From the whole graph where there is one; otherwise walks at random first, in which most
    places are seen at once; the rest is searched for."""
    system = session.system
    if not system.places:
        return Proved("structure", "there is nothing that could be dead")
    graph, _ = session.graph if session.graph is not None else (None, "")
    if graph is not None and graph.complete:
        seen, engine = _of_graph(session, graph), "search"
    else:
        seen, engine = _walks(session), "simulation"
    missing = [p for p in system.places if not any(r in seen for r in p.rules)]
    doubt: list[Place] = []
    for n, place in enumerate(missing):
        if session.left() <= 0 or len(doubt) > 8:
            doubt += missing[n:]
            break
        if any(r in seen for r in place.rules):
            continue
        found = _search(session, place, seen)
        if isinstance(found, Refuted):
            return found
        if found is None:
            doubt.append(place)
        engine = "search"
    if doubt:
        first = doubt[0]
        return Unknown(
            "search",
            f"no run was found in which {first.what} at {first.span} runs"
            + (f", nor {len(doubt) - 1} others" if len(doubt) > 1 else ""),
        )
    count = len(system.places)
    return Proved(engine, f"a run was found for each of {count} places", f"{count} places")


def _of_graph(session: Session, graph: Graph) -> set[int]:
    """Rules of timed runs to the places, those far from the start first: they pass by others."""
    from ..engines.search_live import witness

    seen: set[int] = set()
    until = time.monotonic() + session.share(0.5)
    far: list[tuple[int, int, Place]] = []
    for k, place in enumerate(session.system.places):
        reached = [graph.first[r][0] for r in place.rules if r in graph.first]
        if reached:
            far.append((-min(reached), k, place))
    for _, _, place in sorted(far, key=lambda f: f[:2]):
        if time.monotonic() > until:
            break
        if any(r in seen for r in place.rules):
            continue
        able = sorted((r for r in place.rules if r in graph.first), key=lambda r: graph.first[r][0])
        for rule in able[:3]:
            trace = witness(graph, rule)
            timed = session.timed(trace, _takes(rule)) if trace is not None else None
            if timed is not None:
                seen |= {s.rule for s in timed.steps}
                break
    return seen


def _walks(session: Session) -> set[int]:
    """Rules fired in timed runs that head for places not seen yet, as long as new ones come."""
    system = session.system
    seen: set[int] = set()
    if session.simulate is None:
        return seen
    simulate = session.simulate(system)
    missing = list(system.places)
    ends = {r.index for r in system.rules if r.group is not None}
    quiet = number = 0
    # Where searching for single places is hopeless, walking is all there is.
    large = len(system.rules) > LARGE
    until = time.monotonic() + session.share(0.6 if large else 0.2)
    while missing and quiet < (60 if large else 20) and time.monotonic() < until:
        chosen = _towards(system, missing)
        # Nothing fails, so that all of the ordinary way is seen; then what was not seen to fail
        # does, wherever it can; later anything may happen together.
        failing, aimed = ((0.0, False), (0.0, True), (0.3, True), (0.7, False))[number % 4]
        wanted = ends - seen if aimed else ()
        trace = simulate(session.options.seed * 1000 + number, failing, chosen, wanted)
        number += 1
        fresh = {s.rule for s in trace.steps} - seen if trace is not None else set()
        quiet = 0 if fresh else quiet + 1
        seen |= fresh
        missing = [p for p in missing if not any(r in fresh for r in p.rules)]
    return seen


def _towards(system: TransitionSystem, missing: Sequence[Place]) -> dict[int, Scalar]:
    """Boolean arguments that lead to many of the places: argument by argument, those first on
    which most depends, the value that more of the places still in reach ask for."""
    asking: dict[int, list[tuple[int, bool]]] = {}
    for k, place in enumerate(missing):
        for part in conjuncts(place.path):
            leaf = part.args[0] if part.op is Op.NOT else part
            if leaf.op is Op.VAR and system.variables[leaf.index].init is None:
                asking.setdefault(leaf.index, []).append((k, part.op is not Op.NOT))
    lost: set[int] = set()
    chosen: dict[int, Scalar] = {}
    for variable in sorted(asking, key=lambda v: -len(asking[v])):
        votes = [value for k, value in asking[variable] if k not in lost]
        chosen[variable] = 2 * sum(votes) >= len(votes)
        lost |= {k for k, value in asking[variable] if value != chosen[variable]}
    return chosen


def _search(session: Session, place: Place, seen: set[int]) -> Verdict | bool | None:
    """True: a run exists; REFUTED: proved dead; None: not known."""
    from ..engines.search import Holds, Violated, explore
    from ..engines.slice import slice_for

    system = session.system
    if not place.rules:
        return _dead(system, place, "no step leads there")
    if place.path is not TRUE and _contradictory(and_(system.initial, place.path)):
        return _dead(system, place, "the tests on the way there contradict each other")
    goals = [
        Obligation("no_dead_code", "", FALSE, "", place.span, rule=r) for r in list(place.rules)[:6]
    ]
    graph, _ = session.graph if session.graph is not None else (None, "")
    if graph is not None and graph.complete and not any(r in graph.first for r in place.rules):
        return _dead(system, place, "it is in no reachable state")
    if len(system.rules) > LARGE:
        return None
    cone = slice_for(system, goals)
    result = explore(
        system,
        goals,
        max_states=session.options.max_states,
        seconds=session.share(0.1),
        cone=cone,
    )
    for finding in result.findings:
        if isinstance(finding, Violated):
            wanted = finding.trace.steps[-1].rule if finding.trace.steps else -1
            timed = session.timed(finding.trace, _takes(wanted))
            if timed is not None:
                seen |= {s.rule for s in timed.steps}
                return True
    if len(place.rules) <= 6 and all(isinstance(f, Holds) for f in result.findings):
        return _dead(system, place, "its guard holds in no reachable state")
    if len(place.rules) > 6 and all(isinstance(f, Holds) for f in result.findings):
        graph, _ = full_graph(session)
        if graph is not None and graph.complete and not any(r in graph.first for r in place.rules):
            return _dead(system, place, "it is in no reachable state")
    return None


def _takes(rule: int) -> Callable[[Sequence[tuple[Scalar, ...]], Trace], bool]:
    return lambda _, trace: any(s.rule == rule for s in trace.steps)


def _contradictory(cond: Expr) -> bool:
    from ...semantics.symbolic import is_valid

    return is_valid(not_(cond))


def _dead(system: TransitionSystem, place: Place, why: str) -> Verdict:
    nothing: Sequence[Scalar] = ()
    del system
    return Refuted(
        "search",
        f"{place.what} can never run: {why}",
        Trace(tuple(nothing)),
        place.span,
        "dead",
    )
