"""Deadlock, option to complete, coverage and fair cycles, read off the reachable graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ...dsl.errors import NOWHERE
from ...dsl.records import dataclass
from ...semantics.expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Scalar,
    and_,
    not_,
)
from ...semantics.system import (
    Obligation,
    RuleKind,
    TransitionSystem,
)
from ...semantics.trace import Step, Trace
from .fair import (
    Arc,
    Clock,
    Demands,
    View,
    asking,
    clock,
    demands,
    inside,
    met,
    of_graph,
    parts,
    ready,
)
from .inevitable import Game, cyclic
from .search_graph import CUT_OFF, SPLIT, Graph, counting, surely
from .search_threads import Threads, ended
from .search_trace import final_state, realize, violates

ROUNDS = 6  # of one component, that are tried


@dataclass(frozen=True, slots=True)
class Stuck:
    """After `trace`, the threads in `dead` are not at their end and can never move again."""

    trace: Trace
    dead: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NeverEnds:
    """After `trace`, no run reaches the end of all instances."""

    trace: Trace
    instances: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Free:
    """What was looked for is nowhere in the graph, which is complete."""

    states: int


@dataclass(frozen=True, slots=True)
class Undecided:
    """`timing`: it holds in the untimed view, but may fail in time."""

    reason: str
    timing: bool = False


def deadlocks(graph: Graph) -> Stuck | Free | Undecided:
    """Is there a reachable state in which unfinished threads can never go on?

    Refuted by a state from which on a thread always waits for resources and never moves, or by
    one from which on a whole instance never moves and never ends.  Free when from every state
    every unfinished thread must be able to move, to be released (ended, cancelled, or control
    goes on past its fork), or to have threads below it that can move.  A crash need not come, so
    it releases nobody.
    """
    graph = calm(graph)
    threads = Threads(graph)
    doubt = ""
    dead = _dead_threads(graph, threads) + _dead_instances(graph, threads)
    # A thread that waits says more than that its instance cannot end.
    for node in sorted({n for n, _ in dead} - graph.uncertain)[:50]:
        blamed = sorted({t for n, t in dead if n == node})
        trace = graph.trace(node)
        if trace is not None and (graph.concrete or _stay_dead(graph.system, trace, blamed)):
            return Stuck(trace, tuple(blamed))
        doubt = "a possible deadlock could not be made a run"
    if dead:
        return Undecided(doubt or CUT_OFF)
    if graph.frontier:
        return Undecided("the graph is not complete")
    doubt = _doubt(graph, threads)
    if doubt:
        return Undecided(doubt)
    late = _late(graph, threads)
    return Undecided(late, True) if late else Free(len(graph.nodes))


def calm(graph: Graph) -> Graph:
    """The same states, of which no step is a crash."""
    crashes = {r.index for r in graph.system.rules if r.kind is RuleKind.CRASH}
    if not crashes:
        return graph
    edges = [[e for e in out if e.rule not in crashes] for out in graph.edges]
    kept = graph.nodes, edges, graph.frontier, graph.path, graph.first
    return Graph(graph.system, graph.space, *kept)


def _dead_threads(graph: Graph, threads: Threads) -> list[tuple[int, int]]:
    """(node, thread): it waits for resources, from here on for ever."""
    out: list[tuple[int, int]] = []
    for thread in graph.system.threads:
        still = set(range(len(graph.nodes))) - threads.moving(thread.id)
        waiting = threads.waits(thread, still)
        released = {n for n in range(len(graph.nodes)) if n not in waiting}
        # What may leave the explored part may do anything.
        may = counting(graph, released | graph.frontier)
        out.extend((n, thread.id) for n in range(len(graph.nodes)) if n not in may)
    return out


def _dead_instances(graph: Graph, threads: Threads) -> list[tuple[int, int]]:
    """(node, thread): the instance has not ended, and none of its threads ever moves again."""
    out: list[tuple[int, int]] = []
    for instance in graph.system.instances:
        good: set[int] = set()
        for thread in {r.thread for r in graph.system.rules if r.instance == instance.id}:
            good |= threads.moving(thread)
        good |= threads.over(instance)[1]
        may = counting(graph, good | graph.frontier)
        mine = [t for t in graph.system.threads if t.instance == instance.id]
        for node in range(len(graph.nodes)):
            if node not in may:
                waiting = [t.id for t in mine if threads.waits(t, (node,))]
                out.extend((node, t) for t in waiting or [instance.root])
    return out


def _doubt(graph: Graph, threads: Threads) -> str:
    """Why freedom from deadlock is not shown, or nothing."""
    count = range(len(graph.nodes))
    alive: dict[int, set[int]] = {}

    def able(thread: int) -> set[int]:
        if thread not in alive:
            rules = threads.rules_of(thread)
            if graph.concrete:
                alive[thread] = counting(graph, threads.moving(thread))
            else:
                alive[thread] = surely(graph, (), rules, True)
        return alive[thread]

    for thread in graph.system.threads:
        released = set(count) - threads.unfinished(thread, count)
        if graph.concrete:
            fine = counting(graph, released | threads.moving(thread.id))
        else:
            fine = surely(graph, released, threads.rules_of(thread.id), True)
        left = set(count) - fine
        for child in threads.below(thread.id) if left else ():
            left -= able(child)
        if left:
            return f"it was not decided whether {thread.name} can always go on"
    return ""


def _late(graph: Graph, threads: Threads) -> str:
    """Why the clocks may keep somebody from going on, or nothing.

    Without a cycle they cannot: each run ends where all threads do that it leads past.
    """
    view = of_graph(graph)
    if not cyclic(view):
        return ""
    count = range(len(graph.nodes))
    for thread in graph.system.threads:
        goal = set(count) - threads.unfinished(thread, count)
        for one in (thread.id, *threads.below(thread.id)):
            goal |= threads.moving(one)
        if len(goal) < len(count) and len(Game(view, goal, True).won()) < len(count):
            return f"{thread.name} can go on, but not shown is that the clocks let it"
    return ""


def _stay_dead(system: TransitionSystem, trace: Trace, dead: Collection[int]) -> bool:
    """Explores from the end of the run: do the threads really never move?"""
    from .search import Holds, explore

    goals = [
        Obligation("deadlock_free", r.name, FALSE, "", r.span, rule=r.index)
        for r in system.rules
        if r.thread in dead
    ]
    there = at_state(system, final_state(system, trace))
    result = explore(there, goals, max_states=20_000, seconds=3.0)
    return all(isinstance(f, Holds) for f in result.findings)


def at_state(system: TransitionSystem, state: Sequence[Scalar]) -> TransitionSystem:
    """The same rules, begun in the given state."""
    begun = tuple(
        replace(v, init=Expr(Op.CONST, (), v.sort, value))
        for v, value in zip(system.variables, state, strict=True)
    )
    return replace(system, variables=begun, initial=TRUE)


def can_finish(graph: Graph) -> NeverEnds | Free | Undecided:
    """From every reachable state, can all instances still end (completed or failed)?"""
    threads = Threads(graph)
    system = graph.system
    count = range(len(graph.nodes))
    over = [threads.over(i) for i in system.instances]
    done = set(count).intersection(*(surely for surely, _ in over))
    perhaps = set(count).intersection(*(maybe for _, maybe in over))
    may = counting(graph, perhaps | graph.frontier)
    must = counting(graph, done) if graph.concrete else surely(graph, done, (), False)
    doubt = ""
    for node in count:
        if node in must:
            continue
        if node in may:
            doubt = "whether every state can reach an end was not decided"
            continue
        if node in graph.uncertain:
            doubt = CUT_OFF
            continue
        trace = graph.trace(node)
        if trace is not None and (graph.concrete or _never_ends(system, trace)):
            left = [i.id for i in system.instances if not threads.ended(node, i.id)]
            return NeverEnds(trace, tuple(left))
        doubt = "a state without an end could not be reached by a run"
    if graph.frontier:
        return Undecided(doubt or "the graph is not complete")
    if doubt:
        return Undecided(doubt)
    view = of_graph(graph, crashes=True)
    if cyclic(view) and len(Game(view, done, False).won()) < len(count):
        return Undecided("an end can be reached, but not shown is that the clocks let it", True)
    return Free(len(graph.nodes))


def _never_ends(system: TransitionSystem, trace: Trace) -> bool:
    from .search import Holds, explore

    over = and_(*(ended(system, i) for i in system.instances))
    goal = Obligation("can_finish", "", not_(over), "", NOWHERE)
    there = at_state(system, final_state(system, trace))
    result = explore(there, [goal], max_states=20_000, seconds=3.0)
    return isinstance(result.findings[0], Holds)


def reachable_rules(graph: Graph) -> dict[int, Trace]:
    """For each rule that can fire, a run that ends with it (where one was found)."""
    out: dict[int, Trace] = {}
    for rule in sorted(graph.first):
        trace = witness(graph, rule)
        if trace is not None:
            out[rule] = trace
    return out


def witness(graph: Graph, rule: int) -> Trace | None:
    """A run that ends with this rule, or None if it does not fire or no run was found."""
    found = graph.first.get(rule)
    if found is None:
        return None
    node, move = found
    return realize(graph.system, graph.path(node).then(rule, move.inputs))


def fair_parts(
    graph: Graph, within: Collection[int] | None = None
) -> Iterator[tuple[list[int], bool]]:
    """Components of a concrete graph in which a fair run goes round for ever (`fair`), and
    whether no time passes then; `within`: never leaving these nodes.

    If a component has a fair cycle at all, then going everywhere in it is one.
    """
    view = of_graph(graph)
    nodes = range(len(graph.nodes)) if within is None else within
    for timeless in (False, True):
        todo: list[Collection[int]] = [nodes]
        while todo:
            found = parts(view, todo.pop(), timeless)
            for part in sorted(sorted(p) for p in found if not graph.frontier.intersection(p)):
                if not all(_somewhere(graph, part, e) for e, _ in graph.system.eventually):
                    continue  # `assume eventually`: it does not count
                cycle = inside(view, set(part), timeless)
                if not cycle or not met(view, demands(view, part, timeless), cycle):
                    continue
                wanted = demands(view, part, timeless, strong=True)
                if met(view, wanted, cycle):
                    yield part, timeless
                    continue
                # Where nobody who does not move here could be granted a claim.
                moved = {view.system.rules[a.rule].thread for _, a in cycle if a.rule != SPLIT}
                left = {n for n in part if asking(view, n) <= moved}
                if left:
                    todo.append(left)


def _somewhere(graph: Graph, part: Sequence[int], e: Expr) -> int | None:
    """A node of the part, counted from 1, at which a condition holds."""
    return next((k + 1 for k, n in enumerate(part) if graph.holds(n, e) is True), None)


def lassos(graph: Graph, within: Collection[int] | None = None) -> Iterator[Trace]:
    """Runs that go round for ever, in `fair_parts`."""
    if not graph.concrete:
        return
    view = of_graph(graph)
    for part, timeless in fair_parts(graph, within):
        cycle = inside(view, set(part), timeless)
        wanted = demands(view, part, timeless, strong=True)
        for through in _beginnings(graph, cycle, wanted):
            trace = _round(graph, view, part, through, cycle, timeless)
            if trace is not None:
                yield trace


def lasso(graph: Graph) -> Trace | None:
    """The first of `lassos`."""
    return next(lassos(graph), None)


def _beginnings(
    graph: Graph, cycle: list[tuple[int, Arc]], wanted: Demands
) -> Iterator[list[tuple[int, Arc]]]:
    """Steps that a round may have to take: all that has to move, or any one."""
    rules = graph.system.rules
    ticking = [c for c in cycle if rules[c[1].rule].delay is not None]
    todo = [next(c for c in cycle if rules[c[1].rule].thread == t) for t in sorted(wanted.threads)]
    todo += [
        next(c for c in ticking if clock(rules[c[1].rule]) == k) for k in sorted(wanted.clocks)
    ]
    if todo:
        yield todo
    else:
        # Not each is possible in time.
        firsts = {c[1].rule: c for c in reversed(cycle)}
        yield from ([firsts[rule]] for rule in sorted(firsts)[:ROUNDS])


def _round(
    graph: Graph,
    view: View,
    part: list[int],
    through: list[tuple[int, Arc]],
    cycle: list[tuple[int, Arc]],
    timeless: bool,
) -> Trace | None:
    """A closed walk that takes the given steps, with a rest for each one that does not move."""
    wanted = demands(view, part, timeless, strong=True)
    begin = part[0]
    around: dict[int, list[Arc]] = {}
    for node, arc in cycle:
        around.setdefault(node, []).append(arc)
    steps: list[Arc] = []
    at = begin

    def go(target: int) -> None:
        nonlocal at
        steps.extend(_way(around, at, target))
        at = target

    for node, arc in through:
        go(node)
        steps.append(arc)
        at = arc.target
    pressed = {n: ready(view, n) for n in part}
    for thread in sorted(set().union(*pressed.values()) - wanted.threads):
        if all(thread in pressed[n] for n in _walk(begin, steps)):
            rest = next((n for n in part if thread not in pressed[n]), None)
            if rest is not None:  # else nothing is promised to it
                go(rest)
    for e, _ in view.system.eventually:
        where = _somewhere(graph, part, e)
        assert where is not None
        go(part[where - 1])
    running = frozenset[Clock]() if timeless else frozenset().union(*(view.clocks[n] for n in part))
    for k in sorted(running - wanted.clocks - view.never_due):
        if all(k in view.clocks[n] for n in _walk(begin, steps)):
            go(next(n for n in part if k not in view.clocks[n]))
    go(begin)
    stem = graph.trace(begin)
    if stem is None:
        return None
    more = [Step(e.rule, tuple(v for v in e.inputs if v is not None)) for e in steps]
    trace = Trace(stem.initial, (*stem.steps, *more), len(stem.steps))
    closed = final_state(graph.system, trace) == final_state(graph.system, stem)
    return trace if closed and violates(graph.system, trace, None) else None


def _walk(begin: int, steps: list[Arc]) -> list[int]:
    return [begin, *(e.target for e in steps)]


def _way(around: Mapping[int, Sequence[Arc]], source: int, target: int) -> list[Arc]:
    """A shortest path inside a component."""
    back: dict[int, tuple[int, Arc]] = {}
    queue = deque([source])
    seen = {source}
    while queue and target not in seen:
        node = queue.popleft()
        for arc in around.get(node, ()):
            if arc.target not in seen:
                seen.add(arc.target)
                back[arc.target] = (node, arc)
                queue.append(arc.target)
    out: list[Arc] = []
    while target != source:
        target, arc = back[target]
        out.append(arc)
    out.reverse()
    return out


def doomed(graph: Graph, among: Collection[int] | None = None) -> list[int]:
    """Nodes, in breadth-first order, at which some unfinished thread (`among` these) can never
    move again."""
    graph = calm(graph)
    threads = Threads(graph)
    out: set[int] = set()
    for thread in graph.system.threads:
        if among is not None and thread.id not in among:
            continue
        mine = threads.rules_of(thread.id)
        moving = {n for n, edges in enumerate(graph.edges) if any(e.rule in mine for e in edges)}
        may = counting(graph, moving | graph.frontier)
        out |= threads.unfinished(thread, [n for n in range(len(graph.nodes)) if n not in may])
    return sorted(out - graph.uncertain)
