"""Time limits by all states and what their clocks show, for systems small enough (a zone graph).

A rule that only watches is added: its clock runs while something is owed, and it may fire when that
has been so for longer than it may.  All bounds are multiples of one `grain` and closed, so the
longest that something can be owed is such a multiple or not bounded; `longer than d` is therefore
`at least d + grain`, which is closed as well.

First all ways to a place (a state, and which clocks run) count as one, with the hull of what their
clocks may show: that has more runs, so what is not reached so is not reached.  Then ways are kept
apart, which is exact.  In both,

- what a clock shows beyond all that is asked of it is forgotten (`zones.extrapolated`): of the
  watching clock, that something is owed for less; so a later way stands for earlier ones;
- of the steps of one instant those come first that no other can tell or prevent: no time passes
  before they are taken, so each run has one with the same steps in which they are first (the ample
  sets of `search_reduce`; without a proviso, because whether the watching rule may fire is looked
  at before any of them);
- alike branches and instances are exchanged (`timed_alike`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import lcm

from ...dsl.types import Bool
from ...semantics.expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
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
    Obligation,
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
from .search_reduce import Reducer
from .timed_alike import Alike
from .tracked import Move, State, Tracked, Unsupported
from .zones import INFINITE, Bound, Zone, apart, covers, extrapolated, hull

MOST_RULES = 1500
MOST_NODES = 60_000
# Until which part of the time so many zones of a place are kept apart.
MERGED = ((0.7, 1), (0.8, 8))

Option = tuple[Move, Node]


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
    since = time.monotonic()
    try:
        for share, most in MERGED:
            found = _with(system, limit, partial(_Graph.merged, most=most), since + share * seconds)
            if found is not None:
                return found
        return _with(system, limit, _Graph.apart, since + seconds)
    except Unsupported:
        return None


def _with(
    system: TransitionSystem,
    limit: TimeLimit,
    explored: Callable[[_Graph, float], Found | None],
    until: float,
) -> tuple[Watched, Found] | None:
    """With a grain that is fine enough for all bounds that are met."""
    grain = _grain(system, limit)
    while True:
        one = watched(system, limit, grain)
        graph = _Graph(one)
        found = explored(graph, until)
        if found is None:
            return None
        finer = Fraction(1, lcm(grain.denominator, *graph.denominators))
        if finer == grain:
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


Place = tuple[State, Armed]


class _Graph:
    """Of a watched system.  `denominators` are those of all bounds that were met."""

    def __init__(self, one: Watched) -> None:
        self.one = one
        rule = one.system.rules[one.rule]
        owed = Obligation("deadline", "", rule.guard, "", rule.span)
        self.tracked = Tracked(one.system, results=False)
        self.graph = Confluence(self.tracked, True)
        self.reducer = Reducer(one.system, [owed])
        self.alike = Alike(self.tracked, owed)
        self.denominators: set[int] = set()
        self._armed: set[Armed] = set()

    # --- many ways to a place as one --------------------------------------------------------

    def merged(self, until: float, most: int) -> Found | None:
        """A proof, or None; with at most so many zones for each place."""
        kept: dict[Place, list[Zone]] = {}
        waiting: dict[tuple[Place, int], None] = {}  # in order

        def add(node: Node) -> None:
            node = self.plain(node)
            place = node.state, node.armed
            zones = kept.setdefault(place, [])
            if any(covers(z, node.zone) for z in zones):
                return
            at = len(zones)
            if at < most:
                zones.append(node.zone)
            else:
                at = min(range(most), key=lambda k: apart(zones[k], node.zone))
                zones[at] = hull(zones[at], node.zone)
            waiting.setdefault((place, at))

        for state in self.tracked.initial():
            add(self.graph.begin(state))
        many = 0
        while waiting:
            many += 1
            if many > MOST_NODES or time.monotonic() > until:
                return None
            place, at = next(iter(waiting))
            del waiting[place, at]
            state, armed = place
            options = list(self.graph.steps(Node(state, armed, kept[place][at])))
            if self.late(options) is not None:
                return None
            for _, after in self.first(state, options):
                add(after)
        return Found(sum(map(len, kept.values())), False)

    # --- ways apart -------------------------------------------------------------------------

    def apart(self, until: float) -> Found | None:
        nodes: list[Node] = []
        parents: list[int | None] = []
        places: dict[Place, list[Zone]] = {}

        def add(node: Node, parent: int | None) -> None:
            node = self.plain(node)
            known = places.setdefault((node.state, node.armed), [])
            if not any(covers(zone, node.zone) for zone in known):
                known.append(node.zone)
                nodes.append(node)
                parents.append(parent)

        for state in self.tracked.initial():
            add(self.graph.begin(state), None)
        for at, node in enumerate(nodes):  # (which grow)
            if len(nodes) > MOST_NODES or time.monotonic() > until:
                return None
            options = list(self.graph.steps(node))
            if self.late(options) is not None:
                path = []
                k: int | None = at
                while k is not None:
                    path.append(nodes[k])
                    k = parents[k]
                return Found(len(nodes), True, self.trace(path[::-1]))
            for _, after in self.first(node.state, options):
                add(after, at)
        return Found(len(nodes), False)

    def trace(self, path: Sequence[Node]) -> Trace | None:
        """A run through nodes that stand for these, with the watching step and one more if there is
        any; None where it is lost, because more than one node stands for alike ones."""
        begun = (self.graph.begin(s) for s in self.tracked.initial())
        node = next((n for n in begun if self.plain(n) == path[0]), None)
        if node is None:
            return None
        initial = full_start(self.tracked, node.state)
        steps: list[Step] = []
        for wanted in path[1:]:
            options = self.first(node.state, list(self.graph.steps(node)))
            taken = next((o for o in options if self.plain(o[1]) == wanted), None)
            if taken is None:
                return None
            steps.append(_step(taken[0]))
            node = taken[1]
        late = self.late(list(self.graph.steps(node)))
        if late is None or initial is None:
            return None
        steps.append(_step(late[0]))
        others = (m for m, _ in self.graph.steps(late[1]) if m.rule.index != self.one.rule)
        more = next(others, None)
        return Trace(initial, (*steps, *([_step(more)] if more is not None else [])))

    # --- nodes ------------------------------------------------------------------------------

    def late(self, options: Sequence[Option]) -> Option | None:
        return next((o for o in options if o[0].rule.index == self.one.rule), None)

    def first(self, state: State, options: Sequence[Option]) -> Sequence[Option]:
        """Those that come first without a loss."""
        moves = [m for m, _ in options]
        for mine in self.reducer.ample(state, moves, self.tracked.slots):
            if all(m.rule.delay is None for m in mine):
                return [o for o in options if o[0] in mine]
        return options

    def plain(self, node: Node) -> Node:
        """The node that stands for it, with all readings of its clocks that come to no more."""
        lows: list[Bound | None] = []
        limited: list[bool] = []
        for _, bounds in node.armed:
            lows.append(max((lo for _, _, lo, _ in bounds if lo > 0), default=None))
            limited.append(any(hi != INFINITE for *_, hi in bounds))
        if node.armed not in self._armed:
            self._armed.add(node.armed)
            ends = [x for _, bounds in node.armed for *_, lo, hi in bounds for x in (lo, hi)]
            self.denominators |= {x.denominator for x in ends if not isinstance(x, float)}
        return self.alike.one(replace(node, zone=extrapolated(node.zone, lows, limited)))


def _step(move: Move) -> Step:
    return Step(move.rule.index, tuple(x for x in move.inputs if x is not None))
