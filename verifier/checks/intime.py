"""`deadlock_free` and `can_finish` with clocks, for systems so small that the states and what their
clocks show can be enumerated (a zone graph, exact for closed intervals).

What no path of it reaches is reached at no times: that refutes.  That a path reaches it proves
nothing by itself, because a node stands for many readings of the clocks; `inevitable` says from
where it is reached whatever they show.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import field, replace
from itertools import chain, islice

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Scalar, and_, or_
from ...semantics.system import Obligation, PointKind, Rule, RuleKind, TransitionSystem
from ...semantics.trace import Step, Trace
from ...semantics.values import enabled, evaluate
from ..engines.confluence import Armed, Confluence, Node, deadline
from ..engines.environments import full_start
from ..engines.fair import Arc, View, clock
from ..engines.inevitable import Game
from ..engines.search_threads import ended, without_claims
from ..engines.timed_states import TimedStates
from ..engines.tracked import Move, State, Tracked, Unsupported
from ..engines.unreached import without
from ..engines.zones import covers
from ..session import Session
from ..verdict import Proved, Refuted, Verdict
from .order import order
from .waiters import stands

MOST_RULES = 1500
MOST_NODES = 20_000
MOST_RUNS = 20  # that are tried as witnesses of a race
SECONDS = 4.0
BY_CLOCK = (RuleKind.TIMEOUT, RuleKind.INTERRUPT)


@dataclass
class Timed:
    """`nodes` in breadth-first order; a step into a part of a node leads to that node."""

    tracked: Tracked
    nodes: list[Node] = field(default_factory=list)
    parents: list[tuple[int, Move] | None] = field(default_factory=list)
    arcs: list[list[Arc]] = field(default_factory=list)

    def view(self, crashes: bool = True) -> View:
        """`crashes`: they are among what can happen (they need not)."""
        clocks = [frozenset(c for c, _ in n.armed) for n in self.nodes]
        lows = [
            {(c, kind, error): lo for c, ends in n.armed for kind, error, lo, _ in ends}
            for n in self.nodes
        ]
        rules = self.tracked.system.rules

        def instant(node: int, index: int) -> bool:
            rule = rules[index]
            if rule.delay is None:
                return True
            return lows[node].get((clock(rule), rule.kind.value, rule.error), 0) <= 0

        arcs = self.arcs
        if not crashes:
            arcs = [[a for a in out if rules[a.rule].kind is not RuleKind.CRASH] for out in arcs]
        return View(self.tracked.system, arcs, clocks, instant, crashes)

    def reaching(self, goal: Collection[int]) -> set[int]:
        before: dict[int, list[int]] = {}
        for node, arcs in enumerate(self.arcs):
            for a in arcs:
                before.setdefault(a.target, []).append(node)
        out, queue = set(goal), list(goal)
        while queue:
            for source in before.get(queue.pop(), ()):
                if source not in out:
                    out.add(source)
                    queue.append(source)
        return out

    def witness(self, rules: Collection[int]) -> Trace | None:
        """A shortest run that takes one of the rules; it has times."""
        for node, arcs in enumerate(self.arcs):
            for a in arcs:
                inputs = tuple(x for x in a.inputs if x is not None)
                if a.rule in rules and len(inputs) == len(a.inputs):
                    trace = self.trace(node)
                    step = Step(a.rule, inputs)
                    return replace(trace, steps=(*trace.steps, step)) if trace else None
        return None

    def trace(self, node: int) -> Trace | None:
        """A run to a node; it has times."""
        steps: list[Step] = []
        at = node
        while (parent := self.parents[at]) is not None:
            at, move = parent
            steps.append(Step(move.rule.index, move.inputs))
        initial = full_start(self.tracked, self.nodes[at].state)
        return None if initial is None else Trace(initial, tuple(reversed(steps)))


def timed_graph(session: Session) -> Timed | None:
    """All of it, or None; it is made once."""
    if not session.may("search"):
        return None
    if session.timed_graph is None:
        session.timed_graph = (_timed_graph(session),)
    return session.timed_graph[0]


def never(session: Session) -> set[int] | None:
    """Rules that no run takes at any times; None: not known.  Where the graph is too large, those
    that are not taken though many ways to a place count as one, and limits that by structure never
    strike."""
    spared = _spared(session)
    graph = timed_graph(session)
    if graph is not None:
        taken: set[int] | None = {a.rule for arcs in graph.arcs for a in arcs}
    else:
        if session.timely is None:
            session.timely = (_merged(session),)
        taken = session.timely[0]
    if taken is None:
        return spared or None
    return spared | {r.index for r in session.system.rules if r.index not in taken}


def _spared(session: Session) -> set[int]:
    """Interrupts by a limit that is longer than all that it watches."""
    from .limits import lasting

    if session.spec is None or not session.may("structure"):
        return set()
    limits = {(d.instance, span) for d in lasting(session, session.spec) for span in d.spared}
    return {
        r.index
        for r in session.system.rules
        if r.kind is RuleKind.INTERRUPT and (r.instance, r.span) in limits
    }


def _merged(session: Session) -> set[int] | None:
    """The rules that are taken, and perhaps some others."""
    system = session.system
    seconds = session.share(0.2)
    if len(system.rules) > MOST_RULES or system.excluded is not FALSE or seconds <= 0:
        return None
    if not session.may("search") or not any(r.kind in BY_CLOCK for r in system.rules):
        return None
    try:
        anything = Obligation("", "", TRUE, "", system.instances[0].span)
        states = TimedStates(system, anything, frozenset())
        return states.taken if states.merged(time.monotonic() + seconds, 1) else None
    except Unsupported:
        return None


def reached(session: Session, rules: Collection[int]) -> tuple[bool, Trace | None]:
    """Whether one of the rules may be taken at some times (also where that is not known), and a run
    that takes it."""
    system = session.system
    seconds = session.share(0.1)
    if len(system.rules) > MOST_RULES or system.excluded is not FALSE or seconds <= 0:
        return True, None
    if not session.may("search"):
        return True, None
    try:
        anything = Obligation("", "", TRUE, "", system.instances[0].span)
        states = TimedStates(system, anything, frozenset(rules))
        found = states.apart(time.monotonic() + seconds)
    except Unsupported:
        return True, None
    if found is None:
        return True, None
    trace = None if found[1] is None else states.trace(found[1])
    if trace is None:
        return found[1] is not None, None
    end = next(k for k, step in enumerate(trace.steps, 1) if step.rule in rules)
    return True, replace(trace, steps=trace.steps[:end])


def races(
    session: Session, pairs: Sequence[tuple[Rule, Rule, Sequence[int]]]
) -> tuple[int, Iterator[tuple[int, Trace]]]:
    """Where two steps can be taken at one instant and their order may matter.

    (number of states, nothing) if nowhere; else (0, the first of these pairs that may, with a run
    there); (0, nothing) if it is not known.
    """
    graph = timed_graph(session)
    if graph is None:
        return 0, iter(())
    found = _races(session.system, graph, pairs)
    first = next(found, None)
    if first is None:
        return len(graph.nodes), iter(())
    runs = ((k, graph.trace(node)) for k, node in chain([first], islice(found, MOST_RUNS)))
    return 0, ((k, trace) for k, trace in runs if trace is not None)


def _races(
    system: TransitionSystem, graph: Timed, pairs: Sequence[tuple[Rule, Rule, Sequence[int]]]
) -> Iterator[tuple[int, int]]:
    clocks = Confluence(graph.tracked, True)
    asked = [(a, b, order(system, a, b, vs)) for a, b, vs in pairs]
    for number, node in enumerate(graph.nodes):
        view = graph.tracked.view(node.state)
        for k, (a, b, found) in enumerate(asked):
            if not (enabled(a, view) and enabled(b, view)):
                continue
            taken = {arc.rule for arc in graph.arcs[number]}
            if (
                (_may_hold(found.first_runs, view) and b.index in taken)
                or (_may_hold(found.second_runs, view) and a.index in taken)
                or (_may_hold(found.instant, view) and _at_once(clocks, node, a, b))
            ):
                yield k, number


def _at_once(clocks: Confluence, node: Node, a: Rule, b: Rule) -> bool:
    moves = clocks.tracked.moves(node.state)
    mine, others = ([m for m in moves if m.rule.index == r.index] for r in (a, b))
    if not mine or not others:
        return True  # kept back by an assumption, or the like
    return any(clocks.together(node, x, y) for x in mine for y in others)


def _may_hold(e: Expr, view: Sequence[Scalar]) -> bool:
    try:
        return evaluate(e, view) is not False
    except KeyError:  # of a variable that the graph does not keep
        return True


def in_time(session: Session) -> Session:
    """The system without what decides by the clock alone and comes at no times."""
    late = {r.index for r in session.system.rules if r.kind in BY_CLOCK and r.guard is not FALSE}
    out = (never(session) or set()) & late if late else set()
    if not out:
        return session
    return session.of(without(session.system, out))


def _timed_graph(session: Session) -> Timed | None:
    system = session.system
    until = time.monotonic() + min(SECONDS, session.share(0.2))
    if len(system.rules) > MOST_RULES or system.excluded is not FALSE:
        return None  # what an assumption cuts off would not be in the graph
    try:
        tracked = Tracked(system)
        graph = Confluence(tracked, True)
        out = Timed(tracked)
        places: dict[tuple[State, Armed], list[int]] = {}

        def add(node: Node, parent: tuple[int, Move] | None) -> int:
            known = places.setdefault((node.state, node.armed), [])
            for k in known:
                if covers(out.nodes[k].zone, node.zone):
                    return k
            known.append(len(out.nodes))
            out.nodes.append(node)
            out.parents.append(parent)
            return known[-1]

        for state in tracked.initial():
            add(graph.begin(state), None)
        while len(out.arcs) < len(out.nodes):
            if len(out.nodes) > MOST_NODES or time.monotonic() > until:
                return None
            at = len(out.arcs)
            node = out.nodes[at]
            calm = all(m.rule.delay is not None for m in tracked.moves(node.state))
            out.arcs.append(
                [
                    Arc(
                        move.rule.index,
                        move.inputs,
                        add(after, (at, move)),
                        True,
                        move.rule.delay is None or (calm and _always(node, move.rule)),
                    )
                    for move, after in graph.steps(node)
                ]
            )
        return out
    except Unsupported:
        return None


def _always(node: Node, rule: Rule) -> bool:
    """Whatever the clocks show, can time pass until it is possible, and no other has to ring?"""
    own = clock(rule)
    at = next((k for k, (c, _) in enumerate(node.armed, 1) if c == own), None)
    if at is None:
        return False
    ends = node.armed[at - 1][1]
    lows = [lo for kind, error, lo, _ in ends if (kind, error) == (rule.kind.value, rule.error)]
    return len(lows) == 1 and all(
        node.zone[k][at] <= deadline(bounds) - lows[0]
        for k, (_, bounds) in enumerate(node.armed, 1)
    )


def can_finish(session: Session, by_clocks: bool) -> Verdict | None:
    """`by_clocks`: the order of steps alone would allow it."""
    graph = timed_graph(session)
    if graph is None:
        return None
    over = and_(*(ended(session.system, i) for i in session.system.instances))
    views = [graph.tracked.view(n.state) for n in graph.nodes]
    done = {k for k, view in enumerate(views) if evaluate(over, view) is True}
    hopeless = _beyond(graph, done)
    if hopeless is not None:
        state = graph.tracked.view(graph.nodes[hopeless].state)
        left = [
            i
            for i in session.system.instances
            if evaluate(ended(session.system, i), state) is not True
        ]
        names = ", ".join(i.name for i in left)
        message = f"from here no end of {names} can be reached, whenever each step is taken"
        found = _shown(session, graph, hopeless, message, left[0].root, by_clocks)
        if found is not None:
            return found
    elif len(Game(graph.view(), done, False).won()) == len(graph.nodes):
        return Proved("search", PROVED, f"{len(graph.nodes)} states")
    return None


BY_CLOCKS = "the order of steps alone would allow it, the clocks do not"
PROVED = "whatever the clocks show, it can be reached; all states were visited with their clocks"


def deadlock_free(session: Session, by_clocks: bool) -> Verdict | None:
    """`by_clocks`: the order of steps alone would allow it."""
    graph = timed_graph(session)
    if graph is None:
        return None
    system = session.system
    views = [graph.tracked.view(n.state) for n in graph.nodes]
    moving: dict[int, set[int]] = {}
    for k, arcs in enumerate(graph.arcs):
        for a in arcs:
            moving.setdefault(system.rules[a.rule].thread, set()).add(k)
    below: dict[int, list[int]] = {t.id: [t.id] for t in system.threads}
    for t in system.threads:
        parent = t.parent
        while parent is not None:
            below[parent].append(t.id)
            parent = system.threads[parent].parent
    kinds = [v.kind for v in system.variables]
    proved = True
    for t in system.threads:
        rules = [r for r in system.rules if r.thread == t.id]
        if t.location not in graph.tracked.slots:
            continue  # it has no steps
        able = or_(*(without_claims(r, kinds) for r in rules))
        over = ended(system, system.instances[t.instance])
        above = None if t.parent is None else system.threads[t.parent].location
        released: set[int] = set()
        sure: set[int] = set()  # surely waiting
        for k, view in enumerate(views):
            kind = t.points[int(view[t.location])].kind
            if kind in (PointKind.END, PointKind.FAILED) or evaluate(over, view) is True:
                released.add(k)
            elif above is None or int(view[above]) == t.fork:
                if kind is not PointKind.ENTRY or above is None:
                    sure.add(k)
            elif evaluate(able, view) is not True:
                released.add(k)
        goal = released.union(*(moving.get(b, set()) for b in below[t.id]))
        stuck = _beyond(graph, goal)
        if stuck is not None:
            where = stands(t.points[int(views[stuck][t.location])])
            message = (
                f"{t.name} is {where} and can never go on, whenever the others take their steps"
            )
            if stuck in sure:
                found = _shown(session, graph, stuck, message, t.id, by_clocks)
                if found is not None:
                    return found
            proved = False
        proved = proved and len(Game(graph.view(crashes=False), goal, True).won()) == len(
            graph.nodes
        )
    return Proved("search", PROVED, f"{len(graph.nodes)} states") if proved else None


def _beyond(graph: Timed, goal: Collection[int]) -> int | None:
    """The first node from which the goal is not reached at any times."""
    may = graph.reaching(goal)
    return next((k for k in range(len(graph.nodes)) if k not in may), None)


def _shown(
    session: Session, graph: Timed, node: int, message: str, thread: int, by_clocks: bool
) -> Refuted | None:
    trace = graph.trace(node)
    if trace is None:
        return None
    steps = [s.rule for s in trace.steps]

    def same(_: Sequence[tuple[Scalar, ...]], other: Trace) -> bool:
        # What comes after it depends on the clocks, and so on the whole run.
        return [s.rule for s in other.steps] == steps

    replayed = session.replay(session.system, trace)
    if not replayed.ok:
        return None
    t = session.system.threads[thread]
    span = t.points[int(replayed.states[-1][t.location])].span
    verdict = session.confirm("search", message, trace, span, same, notes=(BY_CLOCKS,) * by_clocks)
    return verdict if isinstance(verdict, Refuted) else None
