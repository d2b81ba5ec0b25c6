"""Time limits by all states and what their clocks show, for systems small enough (a zone graph).

A rule that only watches is added: its clock runs while something is owed, and it may fire when that
has been so for longer than it may.  All bounds are multiples of one `grain` and closed, so the
longest that something can be owed is such a multiple or not bounded; `longer than d` is therefore
`at least d + grain`, which is closed as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm

from ...dsl.types import Bool
from ...semantics.expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Scalar,
    Sort,
    add,
    and_,
    const,
    not_,
    postorder,
    var,
)
from ...semantics.system import (
    Delay,
    Rule,
    RuleKind,
    TimeLimit,
    TransitionSystem,
    Variable,
    VarKind,
)
from ...semantics.trace import Step, Trace
from .confluence import Armed, Confluence, Node
from .environments import full_start
from .tracked import Move, State, Tracked, Unsupported
from .zones import INFINITE, covers

MOST_RULES = 1500
MOST_NODES = 30_000


@dataclass(frozen=True, slots=True)
class Watched:
    """The system with its watching rule, the last one."""

    system: TransitionSystem
    rule: int
    grain: Fraction


@dataclass(frozen=True, slots=True)
class Found:
    """`trace`: a run of the watched system that goes beyond the limit (None: there is none, or no
    start was found for it); `beyond`: there is such a run."""

    states: int
    beyond: bool
    trace: Trace | None = None


def watched(system: TransitionSystem, limit: TimeLimit, grain: Fraction) -> Watched:
    late = Variable(
        len(system.variables), "late", Sort.BOOL, Bool(), VarKind.GHOST, FALSE, limit.instance
    )
    rule = Rule(
        index=len(system.rules),
        name="too late",
        kind=RuleKind.TIMER,
        thread=system.instances[limit.instance or 0].root,
        instance=limit.instance or 0,
        guard=and_(limit.owed, not_(var(late.index, Sort.BOOL))),
        own=((late.index, TRUE),),
        span=limit.span,
        delay=Delay(add(limit.within, const(grain)), None),
    )
    whole = replace(
        system, variables=(*system.variables, late), rules=(*system.rules, rule), limits=()
    )
    return Watched(whole, rule.index, grain)


def search(
    system: TransitionSystem, limit: TimeLimit, seconds: float
) -> tuple[Watched, Found] | None:
    """None where not all of it was looked at."""
    if len(system.rules) > MOST_RULES:
        return None
    until = time.monotonic() + seconds
    grain = _grain(system, limit)
    while True:
        one = watched(system, limit, grain)
        try:
            found, seen = _explore(one, until)
        except Unsupported:
            return None
        if found is None:
            return None
        if (finer := Fraction(1, lcm(grain.denominator, seen))) == grain:
            return one, found
        grain = finer


def _grain(system: TransitionSystem, limit: TimeLimit) -> Fraction:
    terms: list[Expr] = [limit.within]
    for rule in system.rules:
        if rule.delay is not None:
            terms += [rule.delay.lo, *([rule.delay.hi] if rule.delay.hi is not None else [])]
    values = [n.value for n in postorder(terms) if n.op is Op.CONST]
    whole = (x.denominator for x in values if isinstance(x, Fraction))
    return Fraction(1, lcm(1, *whole))


def _explore(one: Watched, until: float) -> tuple[Found | None, int]:
    """What was found, and the denominator of all bounds that were seen."""
    tracked = Tracked(one.system)
    graph = Confluence(tracked, True)
    nodes: list[Node] = []
    parents: list[tuple[int, Move] | None] = []
    places: dict[tuple[State, Armed], list[int]] = {}
    denominators: set[int] = set()
    armed: set[Armed] = set()

    def add_node(node: Node, parent: tuple[int, Move] | None) -> None:
        known = places.setdefault((node.state, node.armed), [])
        if any(covers(nodes[k].zone, node.zone) for k in known):
            return
        known.append(len(nodes))
        nodes.append(node)
        parents.append(parent)
        if node.armed not in armed:
            armed.add(node.armed)
            for _, bounds in node.armed:
                for _, _, lo, hi in bounds:
                    denominators.update(
                        x.denominator
                        for x in (lo, hi)
                        if x != INFINITE and not isinstance(x, float)
                    )

    for state in tracked.initial():
        add_node(graph.begin(state), None)
    at = 0
    found: Found | None = None
    while at < len(nodes) and found is None:
        if len(nodes) > MOST_NODES or time.monotonic() > until:
            return None, 1
        node = nodes[at]
        options = list(graph.steps(node))
        for move, after in options:
            if move.rule.index == one.rule:
                trace = _trace(tracked, graph, nodes, parents, at, move, after)
                found = Found(len(nodes), True, trace)
                break
            add_node(after, (at, move))
        at += 1
    return found or Found(len(nodes), False), lcm(1, *denominators)


def _trace(
    tracked: Tracked,
    graph: Confluence,
    nodes: Sequence[Node],
    parents: Sequence[tuple[int, Move] | None],
    at: int,
    late: Move,
    after: Node,
) -> Trace | None:
    """There, with the watching step, and one more if there is any."""
    steps: list[Step] = []
    k = at
    while (parent := parents[k]) is not None:
        k, move = parent
        steps.append(Step(move.rule.index, _inputs(move)))
    steps.reverse()
    steps.append(Step(late.rule.index, ()))
    more = next(_next(graph, after, late.rule.index), None)
    if more is not None:
        steps.append(Step(more.rule.index, _inputs(more)))
    initial = full_start(tracked, nodes[k].state)
    return None if initial is None else Trace(initial, tuple(steps))


def _inputs(move: Move) -> tuple[Scalar, ...]:
    return tuple(x for x in move.inputs if x is not None)


def _next(graph: Confluence, node: Node, watching: int) -> Iterator[Move]:
    for move, _ in graph.steps(node):
        if move.rule.index != watching:
            yield move
