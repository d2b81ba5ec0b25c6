"""From which nodes a goal can be reached whatever the clocks decide.

A path of the untimed graph need not be one in time: which of the pending ends, time-outs and timers
comes first is for the clocks to say.  So the argument here is a game.  One side wants the goal; it
chooses a step that can come next whatever the clocks show, such as one without a delay (the
scheduler is free), and how an attempt ends (all its ends may come as late as each other, so each
is still possible when it must be over).  The other
side chooses which clock rings next, as far as it cannot put off one for ever that runs all the time
(`fair`).  Where the first side wins, the goal can be reached in the timed system from every state
of the node, whatever its clocks show; where it does not, nothing is known.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import field

from ...dsl.records import dataclass
from ...semantics.system import RuleKind
from .fair import EXCLUDED, Arc, Clock, View, clock, demands, inside, met, parts
from .search_graph import SPLIT


@dataclass
class _Clocked:
    """The ends that a clock may bring about: those to choose from, and what comes anyway."""

    free: list[Arc] = field(default_factory=list)
    forced: list[Arc] = field(default_factory=list)


class Game:
    """`excluded`: does a run that an assumption cuts off reach the goal?"""

    def __init__(self, view: View, goal: Collection[int], excluded: bool) -> None:
        self.view = view
        self.excluded = excluded
        self.good = set(goal)
        self._level = _levels(view)
        self._before: dict[int, list[int]] = {}
        for node, arcs in enumerate(view.arcs):
            for a in arcs:
                self._before.setdefault(a.target, []).append(node)

    def won(self) -> set[int]:
        """All nodes from which the goal is reached."""
        self._spread(range(len(self.view.arcs)))
        while True:
            more = self._escaping()
            if not more:
                return self.good
            self.good |= more
            self._spread({b for n in more for b in self._before.get(n, ())})

    def _spread(self, nodes: Collection[int]) -> None:
        queue = [n for n in nodes if n not in self.good]
        while queue:
            node = queue.pop()
            if node not in self.good and self._wins(node):
                self.good.add(node)
                queue += self._before.get(node, ())

    def _fine(self, arc: Arc) -> bool:
        return arc.target in self.good or (self.excluded and arc.target == EXCLUDED)

    def _chosen(self, arcs: Collection[Arc]) -> bool:
        """Is there a step that can surely be taken, and leads to the goal with each outcome?"""
        steps: dict[tuple[object, ...], set[int]] = {}
        for a in arcs:
            if a.sure:
                steps.setdefault((a.rule, a.inputs), set()).add(a.target)
        for targets in steps.values():
            if EXCLUDED in targets and not self.excluded:
                continue
            if targets <= self.good | {EXCLUDED}:
                return True
        return False

    def _wins(self, node: int) -> bool:
        arcs = self.view.arcs[node]
        if not any(a.sure and (self.excluded or a.target != EXCLUDED) for a in arcs):
            return False
        urgent, clocked = self._sorted(arcs)
        if not self.view.system.in_order:
            if self._chosen([a for a in arcs if a.free]):
                return True
            calm = all(map(self._fine, urgent))
        else:
            by_rule: dict[int, list[Arc]] = {}
            for a in urgent:
                by_rule.setdefault(a.rule, []).append(a)
            calm = all(self._chosen(x) or all(map(self._fine, x)) for x in by_rule.values())
        return calm and all(map(self._rings, clocked.values()))

    def _rings(self, ends: _Clocked) -> bool:
        """Whatever becomes of this clock, the goal is reached."""
        if not all(map(self._fine, ends.forced)):
            return False
        return all(map(self._fine, ends.free)) or self._chosen(ends.free)

    def _sorted(self, arcs: Collection[Arc]) -> tuple[list[Arc], dict[Clock, _Clocked]]:
        rules = self.view.system.rules
        urgent: list[Arc] = []
        clocked: dict[Clock, _Clocked] = {}
        for a in arcs:
            if a.rule == SPLIT or rules[a.rule].delay is None:
                urgent.append(a)
                continue
            rule = rules[a.rule]
            ends = clocked.setdefault(clock(rule), _Clocked())
            free = rule.kind is not RuleKind.TIMEOUT and clock(rule) in self._level
            (ends.free if free else ends.forced).append(a)
        return urgent, clocked

    def _escaping(self) -> set[int]:
        """Nodes from which a run cannot keep away from the goal for ever."""
        view = self.view
        rest = {n for n in range(len(view.arcs)) if n not in self.good}
        kept: list[list[Arc]] = [[] for _ in view.arcs]
        bad: set[int] = set()
        for node in rest:
            urgent, clocked = self._sorted(view.arcs[node])
            for ends in clocked.values():
                if not self._rings(ends):
                    urgent += ends.free + ends.forced
            kept[node] = [a for a in urgent if a.target in rest]
            if not any(a.sure for a in view.arcs[node]) or (
                not self.excluded and any(a.target == EXCLUDED for a in view.arcs[node])
            ):
                bad.add(node)  # it may end here
        staying = View(view.system, kept, view.clocks, view.instant, view.crashes)
        for timeless in (False, True):
            for part in parts(staying, rest, timeless):
                if bad.issuperset(part):
                    continue
                cycle = inside(staying, set(part), timeless)
                if cycle and met(view, demands(view, part, timeless), cycle):
                    bad |= set(part)
        before: dict[int, list[int]] = {}
        for node in rest:
            for a in kept[node]:
                before.setdefault(a.target, []).append(node)
        queue = list(bad)
        while queue:
            for source in before.get(queue.pop(), ()):
                if source not in bad:
                    bad.add(source)
                    queue.append(source)
        return rest - bad


def _levels(view: View) -> set[Clock]:
    """Attempts whose ends may all come equally late."""
    latest: dict[Clock, set[object]] = {}
    for rule in view.system.rules:
        if rule.delay is not None and rule.kind is not RuleKind.TIMEOUT:
            hi = rule.delay.hi
            latest.setdefault(clock(rule), set()).add(None if hi is None else hi)
    return {k for k, ends in latest.items() if len(ends) == 1}


def cyclic(view: View) -> bool:
    """Can any run be infinite?"""
    everything = range(len(view.arcs))
    return any(len(p) > 1 or inside(view, set(p), False) for p in parts(view, everything, False))
