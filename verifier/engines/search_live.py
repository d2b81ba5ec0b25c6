"""Deadlock, option to complete, coverage and fair cycles, read off the reachable graph."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ...dsl.errors import NOWHERE
from ...semantics.expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Scalar,
    Sort,
    and_,
    const,
    eq,
    not_,
    or_,
    postorder,
    var,
)
from ...semantics.system import (
    Instance,
    Obligation,
    PointKind,
    Rule,
    Thread,
    TransitionSystem,
    VarKind,
)
from ...semantics.trace import Step, Trace
from .common import conjuncts
from .search_graph import EXCLUDED, Edge, Graph, components, reaching, surely
from .search_trace import final_state, realize, violates


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
    reason: str


class Threads:
    """Which threads are waiting at a node, from their points and the rules' guards."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.system = graph.system
        rules: dict[int, list[Rule]] = {}
        for rule in self.system.rules:
            rules.setdefault(rule.thread, []).append(rule)
        kinds = [v.kind for v in self.system.variables]
        self._claims: dict[int, Expr] = {}
        self._control: dict[int, Expr] = {}
        self.children: dict[int, list[int]] = {}
        for thread in self.system.threads:
            mine = rules.get(thread.id, [])
            self._claims[thread.id] = or_(*(_control(r.guard, kinds, True) for r in mine))
            self._control[thread.id] = or_(*(_control(r.guard, kinds, False) for r in mine))
            if thread.parent is not None:
                self.children.setdefault(thread.parent, []).append(thread.id)
        self._ended = [_ended(self.system, i) for i in self.system.instances]

    def kind(self, thread: Thread, node: int) -> PointKind:
        return thread.points[self.graph.at(node, thread.location)].kind

    def ended(self, node: int, instance: int) -> bool | None:
        """Whether an instance is over, or does not exist."""
        return self.graph.holds(node, self._ended[instance])

    def waiting(self, node: int, thread: Thread) -> tuple[bool, bool]:
        """(surely, perhaps) unfinished.

        A thread at its entry waits when control has reached it: surely when some rule of it
        would be enabled but for resources; perhaps, when but for resources and data.
        """
        kind = self.kind(thread, node)
        if kind in (PointKind.END, PointKind.FAILED):
            return False, False
        ended = self.ended(node, thread.instance)
        if ended is True:
            return False, False
        if kind is PointKind.ENTRY and thread.parent is not None:
            surely = self.graph.holds(node, self._claims[thread.id]) is True
            perhaps = self.graph.holds(node, self._control[thread.id]) is not False
        else:
            surely = perhaps = True
        return surely and ended is False, perhaps

    def below(self, thread: int) -> set[int]:
        """The threads that a thread may fork, and theirs."""
        out: set[int] = set()
        todo = [thread]
        while todo:
            for child in self.children.get(todo.pop(), ()):
                out.add(child)
                todo.append(child)
        return out

    def rules_of(self, thread: int) -> frozenset[int]:
        return frozenset(r.index for r in self.system.rules if r.thread == thread)


def _ended(system: TransitionSystem, instance: Instance) -> Expr:
    location = var(system.threads[instance.root].location, Sort.INT)
    return or_(
        not_(instance.active),
        eq(location, const(instance.completed)),
        eq(location, const(instance.failed)),
    )


def _control(guard: Expr, kinds: Sequence[VarKind], data: bool) -> Expr:
    """A guard without its claims; without `data`, what it says about locations only."""
    parts: list[Expr] = []
    for part in conjuncts(guard):
        read = {kinds[n.index] for n in postorder([part]) if n.op is Op.VAR}
        if VarKind.USED in read or (not data and read - {VarKind.LOCATION}):
            continue
        parts.append(part)
    return and_(*parts)


WAITS_FOR_CHILDREN = (PointKind.FORK, PointKind.UNWIND)


def deadlocks(graph: Graph) -> Stuck | Free | Undecided:
    """Is there a reachable state in which an unfinished thread can never move again?

    A thread that waits for threads which it forked is not blamed while one of them can move.
    """
    threads = Threads(graph)
    system = graph.system
    may: dict[int, set[int]] = {}
    must: dict[int, set[int]] = {}
    for thread in system.threads:
        mine = threads.rules_of(thread.id)
        moving = {n for n, edges in enumerate(graph.edges) if any(e.rule in mine for e in edges)}
        # What may leave the explored part, or the runs that count, may do anything.
        may[thread.id] = reaching(graph, moving | graph.frontier | {EXCLUDED})
        must[thread.id] = may[thread.id] if graph.concrete else surely(graph, (), mine, True)
    doubt = ""
    for node in range(len(graph.nodes)):
        dead: list[int] = []
        for thread in system.threads:
            if node in must[thread.id]:
                continue
            surely_waiting, perhaps = threads.waiting(node, thread)
            if not perhaps:
                continue
            children = (
                threads.below(thread.id)
                if threads.kind(thread, node) in WAITS_FOR_CHILDREN
                else set()
            )
            if any(node in must[c] for c in children):
                continue
            gone = node not in may[thread.id] and not any(node in may[c] for c in children)
            if gone and surely_waiting:
                dead.append(thread.id)
            else:
                doubt = f"whether thread {thread.name} can always go on was not decided"
        if dead:
            trace = graph.trace(node)
            if trace is not None and (graph.concrete or _stay_dead(system, trace, dead)):
                return Stuck(trace, tuple(dead))
            doubt = "a possible deadlock could not be made a run"
    if doubt:
        return Undecided(doubt)
    return Free(len(graph.nodes)) if graph.complete else Undecided("the graph is not complete")


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
    answers = [[threads.ended(n, i.id) for i in system.instances] for n in count]
    done = {n for n in count if all(a is True for a in answers[n])}
    perhaps = {n for n in count if all(a is not False for a in answers[n])}
    may = reaching(graph, perhaps | graph.frontier | {EXCLUDED})
    must = surely(graph, done, (), False)
    doubt = ""
    for node in count:
        if node in must:
            continue
        if node in may:
            doubt = "whether every state can reach an end was not decided"
            continue
        trace = graph.trace(node)
        if trace is not None and (graph.concrete or _never_ends(system, trace)):
            left = [i.id for i, a in zip(system.instances, answers[node], strict=True) if not a]
            return NeverEnds(trace, tuple(left))
        doubt = "a state without an end could not be reached by a run"
    if graph.frontier:
        return Undecided(doubt or "the graph is not complete")
    return Undecided(doubt) if doubt else Free(len(graph.nodes))


def _never_ends(system: TransitionSystem, trace: Trace) -> bool:
    from .search import Holds, explore

    ended = and_(*(_ended(system, i) for i in system.instances))
    goal = Obligation("can_finish", "", not_(ended), "", NOWHERE)
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


def lasso(graph: Graph) -> Trace | None:
    """A run that goes round for ever under weak fairness; concrete graphs only.

    Each thread moves in the cycle, or is disabled somewhere on it.  If a component has a fair
    cycle at all, then going everywhere in it is one.
    """
    if not graph.concrete:
        return None
    owner = {r.index: r.thread for r in graph.system.rules}
    parts = [p for p in components(graph) if not graph.frontier.intersection(p)]
    for part in sorted(map(sorted, parts)):
        inside = set(part)
        cycle = [(n, e) for n in part for e in graph.edges[n] if e.target in inside]
        if not cycle:
            continue
        moving = {owner[e.rule] for _, e in cycle}
        always = set.intersection(*({owner[e.rule] for e in graph.edges[n]} for n in part))
        if not always <= moving:
            continue
        trace = _round(graph, part, cycle, owner, always)
        if trace is not None:
            return trace
    return None


def _round(
    graph: Graph,
    part: list[int],
    cycle: list[tuple[int, Edge]],
    owner: dict[int, int],
    always: set[int],
) -> Trace | None:
    """A closed walk with a move of each thread in `always` and a rest for each other one."""
    begin = part[0]
    inside = set(part)
    steps: list[Edge] = []
    at = begin

    def go(target: int) -> None:
        nonlocal at
        steps.extend(_way(graph, inside, at, target))
        at = target

    first = cycle[0]
    todo = [next(c for c in cycle if owner[c[1].rule] == t) for t in sorted(always)] or [first]
    for node, edge in todo:
        go(node)
        steps.append(edge)
        at = edge.target
    for thread in sorted(set(owner.values()) - always):
        if any(thread not in {owner[e.rule] for e in graph.edges[n]} for n in _walk(begin, steps)):
            continue
        go(next(n for n in part if thread not in {owner[e.rule] for e in graph.edges[n]}))
    go(begin)
    stem = graph.trace(begin)
    if stem is None:
        return None
    more = [Step(e.rule, tuple(v for v in e.inputs if v is not None)) for e in steps]
    trace = Trace(stem.initial, (*stem.steps, *more), len(stem.steps))
    closed = final_state(graph.system, trace) == final_state(graph.system, stem)
    return trace if closed and violates(graph.system, trace, None) else None


def _walk(begin: int, steps: list[Edge]) -> list[int]:
    return [begin, *(e.target for e in steps)]


def _way(graph: Graph, inside: set[int], source: int, target: int) -> list[Edge]:
    """A shortest path inside a component."""
    back: dict[int, tuple[int, Edge]] = {}
    queue = deque([source])
    seen = {source}
    while queue and target not in seen:
        node = queue.popleft()
        for edge in graph.edges[node]:
            if edge.target in inside and edge.target not in seen:
                seen.add(edge.target)
                back[edge.target] = (node, edge)
                queue.append(edge.target)
    out: list[Edge] = []
    while target != source:
        target, edge = back[target]
        out.append(edge)
    out.reverse()
    return out


def doomed(graph: Graph) -> list[int]:
    """Nodes, in breadth-first order, at which some unfinished thread can never move again."""
    threads = Threads(graph)
    out: set[int] = set()
    for thread in graph.system.threads:
        mine = threads.rules_of(thread.id)
        moving = {n for n, edges in enumerate(graph.edges) if any(e.rule in mine for e in edges)}
        may = reaching(graph, moving | graph.frontier | {EXCLUDED})
        for node in range(len(graph.nodes)):
            if node not in may and threads.waiting(node, thread)[1]:
                out.add(node)
    return sorted(out)
