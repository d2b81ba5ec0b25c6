"""`no_dead_code`: every activity, branch and handler can run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from ...dsl.errors import Span
from ...dsl.records import dataclass
from ...semantics.evidence import Part, Runs
from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar, and_, not_
from ...semantics.system import Obligation, Place, TransitionSystem
from ...semantics.trace import Trace
from ..engines.common import conjuncts
from ..engines.search_graph import Graph
from ..engines.unreached import taken
from ..session import Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from . import intime
from .graph import full_graph

LARGE = 4_000  # rules
FEW = 6  # rules of a place that are searched for one by one


@dataclass(frozen=True, slots=True)
class Source:
    """A place of the spec.  Each round of an `each`, each call of a child workflow and each
    instance has a copy of it of its own; it is alive if one of them can run."""

    what: str
    span: Span
    copies: tuple[Place, ...]

    def among(self, rules: set[int]) -> bool:
        return any(r in rules for c in self.copies for r in c.rules)


def sources(places: Iterable[Place]) -> list[Source]:
    """The places of the spec, in the order of their first copies."""
    groups: dict[object, list[Place]] = {}
    for k, place in enumerate(places):
        # What has no place in the file is a copy of nothing.
        key = (place.what, place.span) if place.span.line else k
        groups.setdefault(key, []).append(place)
    return [Source(g[0].what, g[0].span, tuple(g)) for g in groups.values()]


def no_dead_code(session: Session) -> Verdict:
    """From the whole graph where there is one; otherwise walks at random first, in which most
    places are seen at once; the rest is searched for."""
    system = session.system
    if not system.places:
        return Proved("structure", "there is nothing that could be dead")
    wanted = sources(system.places)
    graph, _ = session.graph if session.graph is not None else (None, "")
    if graph is not None and graph.complete:
        seen, engine = _of_graph(session, graph, wanted), "search"
        if system.in_order:
            seen |= _walks(session, [s for s in wanted if not s.among(seen)])
    else:
        seen, engine = _walks(session, wanted), "simulation"
    doubt: list[Source] = []
    missing = [s for s in wanted if not s.among(seen)]
    able = taken(system) if missing and session.may("structure") else set(range(len(system.rules)))
    for source in missing:
        if not source.among(able):
            message = f"{source.what} can never run: no step that may be taken leads to where it is"
            return Refuted("structure", message, Trace(()), source.span, "dead")
    for n, source in enumerate(missing):
        if session.left() <= 0 or len(doubt) > 8:
            doubt += missing[n:]
            break
        if source.among(seen):
            continue
        found = _runs(session, source, seen)
        if isinstance(found, Refuted):
            return found
        if found is None:
            doubt.append(source)
        engine = "search"
    if doubt:
        found = _by_clocks(session, doubt, seen)
        if found is not None:
            return found
        doubt = [s for s in doubt if not s.among(seen)]
    if doubt:
        first = doubt[0]
        return Unknown(
            "search",
            f"no run was found in which {first.what} at {first.span} runs"
            + (f", nor {len(doubt) - 1} others" if len(doubt) > 1 else ""),
        )
    count = len(wanted)
    runs = (Part(Runs(tuple(session.witnesses))),)
    if count == 1:
        how = f"a run was found in which {wanted[0].what} runs"
        return Proved(engine, how, "1 place", evidence=runs)
    how = f"a run was found for each of {count} places"
    return Proved(engine, how, f"{count} places", evidence=runs)


def walked(session: Session) -> int | None:
    """How many places there are, where random timed runs come to each of them."""
    wanted = sources(session.system.places)
    seen = _walks(session, wanted)
    return len(wanted) if all(s.among(seen) for s in wanted) else None


def _by_clocks(session: Session, doubt: Sequence[Source], seen: set[int]) -> Refuted | None:
    """REFUTED, if one of them is reached at no times.  Runs to the others are added to `seen`."""
    graph = intime.timed_graph(session)
    never = intime.never(session)
    if never is None:
        return None
    for source in doubt:
        rules = {r for c in source.copies for r in c.rules}
        if rules <= never:
            message = f"{source.what} can never run: no clock allows it"
            return Refuted("search", message, Trace(()), source.span, "dead")
        if source.among(seen):
            continue
        if graph is not None:
            trace = graph.witness(rules)
        else:
            possible, trace = intime.reached(session, rules)
            if not possible:
                message = f"{source.what} can never run: no clock allows it"
                return Refuted("search", message, Trace(()), source.span, "dead")
        if trace is not None and session.replay(session.system, trace).ok:
            wanted = trace.steps[-1].rule
            timed = session.timed(trace, _takes(wanted))
            if timed is not None:
                seen |= {s.rule for s in timed.steps}
                session.witnesses.append(timed)
    return None


def _of_graph(session: Session, graph: Graph, wanted: Sequence[Source]) -> set[int]:
    """Rules of timed runs to the places, those far from the start first: they pass by others."""
    from ..engines.search_live import witness

    seen: set[int] = set()
    until = time.monotonic() + session.share(0.5)
    far: list[tuple[int, int, list[int]]] = []
    for k, source in enumerate(wanted):
        able = [r for c in source.copies for r in c.rules if r in graph.first]
        able.sort(key=lambda r: graph.first[r][0])
        if able:
            far.append((-graph.first[able[0]][0], k, able))
    for _, k, able in sorted(far, key=lambda f: f[:2]):
        if time.monotonic() > until:
            break
        if wanted[k].among(seen):
            continue
        for rule in able[:3]:
            trace = witness(graph, rule)
            timed = session.timed(trace, _takes(rule)) if trace is not None else None
            if timed is not None:
                seen |= {s.rule for s in timed.steps}
                session.witnesses.append(timed)
                break
    return seen


def _walks(session: Session, wanted: Sequence[Source]) -> set[int]:
    """Rules fired in timed runs that head for places not seen yet, as long as new ones come."""
    system = session.system
    seen: set[int] = set()
    simulate = session.simulator()
    if simulate is None:
        return seen
    missing = list(wanted)
    ends = {r.index for r in system.rules if r.group is not None}
    quiet = number = 0
    # Where searching for single places is hopeless, walking is all there is.
    large = len(system.rules) > LARGE
    until = time.monotonic() + session.share(0.6 if large else 0.2)
    while missing and quiet < (60 if large else 20) and time.monotonic() < until:
        chosen = _towards(system, [c for s in missing for c in s.copies])
        # Nothing fails, so that all of the ordinary way is seen; then what was not seen to fail
        # does, wherever it can; later anything may happen together.
        failing, aimed = ((0.0, False), (0.0, True), (0.3, True), (0.7, False))[number % 4]
        aims = ends - seen if aimed else ()
        trace = simulate(session.options.seed * 1000 + number, failing, chosen, aims)
        number += 1
        fresh = {s.rule for s in trace.steps} - seen if trace is not None else set()
        quiet = 0 if fresh else quiet + 1
        if trace is not None and fresh:
            session.witnesses.append(trace)
        seen |= fresh
        missing = [s for s in missing if not s.among(fresh)]
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


def _runs(session: Session, source: Source, seen: set[int]) -> Verdict | bool | None:
    """True: a run exists; REFUTED: no copy can run; None: not known."""
    whys: list[str] = []
    unsure = 0
    for copy in source.copies:
        found = _search(session, copy, seen) if session.left() > 0 else None
        if isinstance(found, str):
            whys.append(found)
        elif found:
            return True
        else:
            unsure += 1
        if unsure >= 3:
            break
    if unsure:
        return None
    why = whys[0]
    if len(set(whys)) > 1:
        why = "none of the copies of it (rounds, calls, instances) can"
    message = f"{source.what} can never run: {why}"
    return Refuted("search", message, Trace(()), source.span, "dead")


def _search(session: Session, place: Place, seen: set[int]) -> str | bool | None:
    """True: a run exists; why it is dead; None: not known."""
    from ..engines.search import Holds, Violated, explore
    from ..engines.slice import slice_for

    system = session.system
    if all(system.rules[r].guard is FALSE for r in place.rules):
        return "no step leads there"
    if place.path is not TRUE and _contradictory(and_(system.initial, place.path)):
        return "the tests on the way there contradict each other"
    goals = [
        Obligation("no_dead_code", "", FALSE, "", place.span, rule=r)
        for r in list(place.rules)[:FEW]
    ]
    graph, _ = session.graph if session.graph is not None else (None, "")
    if graph is not None and graph.complete and not any(r in graph.first for r in place.rules):
        return "it is in no reachable state"
    if len(system.rules) > LARGE or not session.may("search"):
        return None
    cone = slice_for(system, goals)
    result = explore(
        system,
        goals,
        max_states=session.options.max_states,
        seconds=session.share(0.1),
        cone=cone,
        reduce=True,
    )
    for finding in result.findings:
        if isinstance(finding, Violated):
            wanted = finding.trace.steps[-1].rule if finding.trace.steps else -1
            timed = session.timed(finding.trace, _takes(wanted))
            if timed is not None:
                seen |= {s.rule for s in timed.steps}
                session.witnesses.append(timed)
                return True
    if not all(isinstance(f, Holds) for f in result.findings):
        return None
    if len(place.rules) <= FEW:
        return "its guard holds in no reachable state"
    graph, _ = full_graph(session)
    if graph is not None and graph.complete and not any(r in graph.first for r in place.rules):
        return "it is in no reachable state"
    return None


def _takes(rule: int) -> Callable[[Sequence[tuple[Scalar, ...]], Trace], bool]:
    return lambda _, trace: any(s.rule == rule for s in trace.steps)


def _contradictory(cond: Expr) -> bool:
    from ...semantics.symbolic import is_valid

    return is_valid(not_(cond))
