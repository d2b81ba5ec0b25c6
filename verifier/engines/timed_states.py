"""States of a small system with what its clocks show: whether some step is possible at any times.

First many ways to a place (a state, and which clocks run) count as one, with the hull of what their
clocks may show: that has more runs, so what is not possible so is not possible.  Then ways are kept
apart, which is exact (a zone graph).  In both,

- what a clock shows beyond all that is asked of it is forgotten (`zones.extrapolated`);
- of the steps of one instant those come first that no other can tell or prevent: no time passes
  before they are taken, so each run has one with the same steps in which they are first (the ample
  sets of `search_reduce`, where they lead to new places only, so that nothing is put off for ever);
- alike branches and instances are exchanged (`timed_alike`).

What is looked for is a step of some rules, in states in which a condition holds; that no other
step of the instant may change, or the step would not be seen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from ...semantics.expr import TRUE
from ...semantics.system import Obligation, TransitionSystem
from ...semantics.trace import Step, Trace
from ...semantics.values import evaluate
from ...semantics.walks import variables
from .confluence import Armed, Confluence, Node
from .environments import full_start
from .search_reduce import Reducer
from .timed_alike import Alike
from .tracked import Move, State, Tracked, Unsupported
from .zones import INFINITE, Bound, Zone, apart, covers, extrapolated, hull

MOST_NODES = 60_000
# Until which part of the time so many zones of a place are kept apart.
MERGED = ((0.7, 1), (0.8, 8))

Option = tuple[Move, Node]
Place = tuple[State, Armed]


class TimedStates:
    """`goal` is a condition on states, `rules` those of which a step is looked for where it holds.
    `denominators` are those of all bounds that were met, `taken` the rules of which a step was
    possible.

    Raises `Unsupported` where what decides cannot be enumerated.
    """

    def __init__(self, system: TransitionSystem, goal: Obligation, rules: frozenset[int]) -> None:
        self.goal = goal.cond
        self.rules = rules
        self.tracked = Tracked(system, results=False)
        if not variables([goal.cond]) <= self.tracked.slots.keys():
            raise Unsupported("what is asked about is not tracked")
        self.graph = Confluence(self.tracked, True)
        self.reducer = Reducer(system, [goal])
        self.alike = Alike(self.tracked, goal, rules)
        self.denominators: set[int] = set()
        self.taken: set[int] = set()
        self._asked: dict[Armed, tuple[list[Bound | None], list[bool]]] = {}

    def merged(self, until: float, most: int) -> int:
        """The number of zones, at most so many for each place, if the step is not possible; else
        0: not known."""
        kept: dict[Place, list[Zone]] = {}
        waiting: dict[tuple[Place, int], None] = {}  # in order

        def add(node: Node) -> None:
            place = node.state, node.armed
            zones = kept.setdefault(place, [])
            if any(covers(z, node.zone) for z in zones):
                return
            at = len(zones)
            if at < most:
                zones.append(node.zone)
            else:
                at = min(range(most), key=lambda k: apart(zones[k], node.zone)) if most > 1 else 0
                zones[at] = hull(zones[at], node.zone)
            waiting.setdefault((place, at))

        for state in self.tracked.initial():
            add(self.plain(self.graph.begin(state)))
        many = 0
        while waiting:
            many += 1
            if many > MOST_NODES or time.monotonic() > until:
                return 0
            place, at = next(iter(waiting))
            del waiting[place, at]
            state, armed = place
            options = list(self.graph.steps(Node(state, armed, kept[place][at])))
            if self.found(state, options) is not None:
                return 0
            for node in self.following(state, options, kept):
                add(node)
        self.taken = self.alike.orbit(self.taken)
        return sum(map(len, kept.values()))

    def apart(self, until: float) -> tuple[int, Sequence[Node] | None] | None:
        """The number of nodes, and a path to where the step is possible, if it is; None: not
        known."""
        nodes: list[Node] = []
        parents: list[int | None] = []
        kept: dict[Place, list[Zone]] = {}

        def add(node: Node, parent: int | None) -> None:
            known = kept.setdefault((node.state, node.armed), [])
            if not any(covers(zone, node.zone) for zone in known):
                known.append(node.zone)
                nodes.append(node)
                parents.append(parent)

        for state in self.tracked.initial():
            add(self.plain(self.graph.begin(state)), None)
        for at, node in enumerate(nodes):  # (which grow)
            if len(nodes) > MOST_NODES or time.monotonic() > until:
                return None
            options = list(self.graph.steps(node))
            if self.found(node.state, options) is not None:
                path = []
                k: int | None = at
                while k is not None:
                    path.append(nodes[k])
                    k = parents[k]
                return len(nodes), path[::-1]
            for after in self.following(node.state, options, kept):
                add(after, at)
        return len(nodes), None

    def trace(self, path: Sequence[Node]) -> Trace | None:
        """A run through nodes that stand for these, with the step and one more if there is any;
        None where it is lost, because more than one node stands for alike ones."""
        begun = (self.graph.begin(s) for s in self.tracked.initial())
        node = next((n for n in begun if self.plain(n) == path[0]), None)
        initial = None if node is None else full_start(self.tracked, node.state)
        if node is None or initial is None:
            return None
        steps: list[Step] = []
        for wanted in path[1:]:
            options = self.graph.steps(node)
            taken = next((o for o in options if self.plain(o[1]) == wanted), None)
            if taken is None:
                return None
            steps.append(_step(taken[0]))
            node = taken[1]
        last = self.found(node.state, list(self.graph.steps(node)))
        if last is None:
            return None
        steps.append(_step(last[0]))
        others = (m for m, _ in self.graph.steps(last[1]) if m.rule.index not in self.rules)
        more = next(others, None)
        return Trace(initial, (*steps, *([_step(more)] if more is not None else [])))

    # --- nodes ------------------------------------------------------------------------------

    def found(self, state: State, options: Sequence[Option]) -> Option | None:
        """The step that is looked for."""
        self.taken.update(m.rule.index for m, _ in options)
        if not any(m.rule.index in self.rules for m, _ in options):
            return None
        if self.goal is not TRUE and evaluate(self.goal, self.tracked.view(state)) is not True:
            return None
        return next(o for o in options if o[0].rule.index in self.rules)

    def following(
        self, state: State, options: Sequence[Option], kept: dict[Place, list[Zone]]
    ) -> list[Node]:
        """Where it may go on: after the steps that come first, where there are any."""
        moves = [m for m, _ in options]
        for mine in self.reducer.ample(state, moves, self.tracked.slots):
            if all(m.rule.delay is None for m in mine):
                out = [self.plain(n) for m, n in options if m in mine]
                if not any((n.state, n.armed) in kept for n in out):
                    return out
                break
        return [self.plain(n) for _, n in options]

    def plain(self, node: Node) -> Node:
        """The node that stands for it, with all readings of its clocks that come to no more."""
        known = self._asked.get(node.armed)
        if known is None:
            known = self._asked[node.armed] = self._asks(node.armed)
        return self.alike.one(replace(node, zone=extrapolated(node.zone, *known)))

    def _asks(self, armed: Armed) -> tuple[list[Bound | None], list[bool]]:
        """Of each clock: at least how much it is asked to show, and whether at most something."""
        ends = [x for _, bounds in armed for *_, lo, hi in bounds for x in (lo, hi)]
        self.denominators |= {x.denominator for x in ends if not isinstance(x, float)}
        lows = [max((lo for *_, lo, _ in bounds if lo > 0), default=None) for _, bounds in armed]
        return lows, [any(hi != INFINITE for *_, hi in bounds) for _, bounds in armed]


def _step(move: Move) -> Step:
    return Step(move.rule.index, tuple(x for x in move.inputs if x is not None))


__all__ = ["MERGED", "TimedStates", "Unsupported"]
