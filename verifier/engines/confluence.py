"""Does the order of steps that the environment does not decide matter?  By pairs of steps.

Fix an environment: its answers, and (in the timed view) how long everything takes.  What is left
is a graph of runs.  If any two steps that can be taken in one of its states can be joined again,
and no run is infinite, then all complete runs end in the same state (Newman 1942).  Steps that
join in a square (each can still be taken after the other, with the same state at the end) need no
such bound on runs (a square keeps the length of complete runs).  So it is enough to look, in every
reachable state, at the pairs of steps that one environment may leave open:

- *untimed*: any two enabled steps, time-outs included.  All schedules of one environment without
  durations are runs of this graph, so joining proves `timing_independent`, and with it
  `deterministic`.
- *timed* (a zone graph, exact for closed intervals): only steps that can be taken at the same
  instant.  An attempt's end and its time-out at the same instant are the environment's choice (it
  picks the end of an attempt when the attempt starts), and with `system.ties` so is every
  tie but that of two urgent steps (see `partings.tied`); all other ties are free.  Joining proves
  `deterministic`.  If the ties of time-outs with ends are joined as well, it also proves
  `timing_independent`: take the result as a function of the durations.  Where durations tie, every
  order of the tie is a run, so the limits of runs with nearby durations are runs of the tie
  (constraints are closed), and all of those have one result; so the function is locally constant,
  and on a product of intervals that means constant.  (Finitely many orders: no run is infinite.)

What must be the same where two paths join:
- the tracked state, with every variable that can reach control or a result, but the data in
  transit: no two steps of a square may clash on those, and no step of another join may write any;
- (timed) which clocks run, since when, and between which bounds;
- how often everything that the environment answers has been asked.  An attempt that was cut off on
  one path and had not begun on the other would be number one or number two when it is started
  again; unless nobody can start it again from there.

The sides of `+`: the environment names one among those that can move.  So a step beside an open
choice must not change which sides can move.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from fractions import Fraction

from ...dsl.records import dataclass
from ...semantics.expr import Op
from ...semantics.system import Rule, RuleKind
from ...semantics.values import evaluate
from .environments import alternatives
from .tracked import Move, State, Tracked
from .zones import INFINITE, Bound, Zone, between, covers, later, nothing, rearranged, whole

JOIN_DEPTH = 6
JOIN_STATES = 40
MOST_FORKS = 40

Clock = tuple[str, int]  # ("attempt", group) or ("rule", index)
Bounds = tuple[tuple[str, str, Bound, Bound], ...]  # of each end: kind, error, from, to
Armed = tuple[tuple[Clock, Bounds], ...]
Uses = tuple[tuple[object, int], ...]  # what was asked of the environment, how often


@dataclass(frozen=True, slots=True)
class Node:
    state: State
    armed: Armed = ()
    zone: Zone = nothing()


@dataclass(frozen=True, slots=True)
class Fork:
    """Two steps of one environment after which runs may part.  `path` leads there.
    `ends`: an attempt's end against its time-out."""

    start: State
    path: tuple[Move, ...]
    node: Node
    first: Move
    second: Move
    why: str
    ends: bool


@dataclass(slots=True)
class Finding:
    """`complete`: every reachable state was looked at."""

    complete: bool
    states: int
    forks: list[Fork] = field(default_factory=list)
    reason: str = ""
    loops: bool = False

    def independent(self, timed: bool) -> bool:
        """Is `timing_independent` proved?"""
        return self.complete and not self.forks and not (timed and self.loops)

    def deterministic(self) -> bool:
        return self.complete and not any(not f.ends for f in self.forks)


class Confluence:
    """Looks at the pairs of steps of a tracked system, in the untimed or in the timed view."""

    def __init__(self, tracked: Tracked, timed: bool) -> None:
        self.tracked = tracked
        self.timed = timed
        self._squares: dict[tuple[State, object, object, object], str] = {}
        self._loose = ""  # a join that is no square was used
        self._later: dict[tuple[State, frozenset[object]], None] = {}
        self._exact: dict[int, bool] = {}

    # --- exploration ------------------------------------------------------------------------

    def run(
        self, seconds: float, most: int, most_forks: int = MOST_FORKS, ends: bool = True
    ) -> Finding:
        """`ends`: also where durations decide, as between an attempt's end and its time-out."""
        until = time.monotonic() + seconds
        out = Finding(False, 0)
        nodes: list[Node] = []
        parents: list[tuple[int, Move] | None] = []
        zones: dict[tuple[State, Armed], list[Zone]] = {}
        edges: dict[State, dict[State, set[object]]] = {}

        def add(node: Node, parent: tuple[int, Move] | None) -> None:
            known = zones.setdefault((node.state, node.armed), [])
            if any(covers(z, node.zone) for z in known):
                return
            known.append(node.zone)
            nodes.append(node)
            parents.append(parent)

        for state in self.tracked.initial():
            add(self.begin(state), None)
        at = 0
        while at < len(nodes):
            if len(nodes) > most or time.monotonic() > until:
                out.reason = "there are too many states"
                out.states = len(nodes)
                return out
            node = nodes[at]
            options = list(self.steps(node))
            for move, after in options:
                add(after, (at, move))
                uses = {k for k, _ in self._uses(node.armed, move, after.armed)}
                edges.setdefault(node.state, {}).setdefault(after.state, set()).update(uses)
            for i, (a, _) in enumerate(options):
                if time.monotonic() > until:
                    break  # the next round says so
                for b, _ in options[i + 1 :]:
                    if alternatives(self.tracked, a, b, not ends):
                        continue
                    if self.timed and not self.together(node, a, b):
                        continue
                    why = self.parts(node, a, b)
                    if why:
                        decided = alternatives(self.tracked, a, b, True)
                        start, path = _path(nodes, parents, at)
                        out.forks.append(Fork(start, path, node, a, b, why, decided))
                        if len(out.forks) >= most_forks:
                            out.reason = why
                            out.states = len(nodes)
                            return out
            at += 1
        out.states = len(nodes)
        if time.monotonic() > until:
            out.reason = "there are too many states"
            return out
        out.complete = True
        out.loops = _cyclic(edges)
        if self._loose and out.loops:
            out.complete = False
            out.reason = self._loose + ", and runs may be infinite"
        for state, asked in self._later:
            if asked & _reached(edges, state):
                out.complete = False
                out.reason = "how often an activity has been started may differ"
        return out

    def begin(self, state: State) -> Node:
        if not self.timed:
            return Node(state)
        armed = self._arm(state, (), None)
        return Node(state, armed, rearranged(nothing(), [None] * len(armed)))

    def steps(self, node: Node) -> Iterator[tuple[Move, Node]]:
        """Moves from a node that are possible in time, and where they lead."""
        moves = self.tracked.moves(node.state)
        if not self.timed:
            for move in moves:
                yield move, Node(move.target)
            return
        passed = self.passed(node)
        for move in moves:
            zone = self._when(node, passed, move)
            if zone is None:
                continue
            armed = self._arm(move.target, node.armed, move.rule)
            place = {c: k for k, (c, _) in enumerate(node.armed, 1)}
            fired = clock_of(move.rule)
            kept = [None if c == fired else place.get(c) for c, _ in armed]
            yield move, Node(move.target, armed, rearranged(zone, kept))

    def passed(self, node: Node) -> Zone | None:
        """The readings when the next step is taken: no time passes while one is urgent."""
        able = [m.rule for m in self.tracked.moves(node.state)]
        if any(r.delay is None for r in (*able, *self.tracked.barred(node.state))):
            return node.zone
        return later(node.zone, [deadline(b) for _, b in node.armed])

    def together(self, node: Node, a: Move, b: Move) -> bool:
        """Can both be taken at the same instant?"""
        zone = self._when(node, self.passed(node), a)
        return zone is not None and self._when(node, zone, b) is not None

    def _when(self, node: Node, zone: Zone | None, move: Move) -> Zone | None:
        if move.rule.delay is None:
            return zone
        clock = clock_of(move.rule)
        for k, (c, bounds) in enumerate(node.armed, 1):
            if c == clock:
                for kind, error, lo, hi in bounds:
                    if (kind, error) == (move.rule.kind.value, move.rule.error):
                        return between(zone, k, lo, hi)
                # An end that was not possible at the start: at any time.
                return zone
        return zone

    # --- clocks -----------------------------------------------------------------------------

    def _arm(self, state: State, before: Armed, fired: Rule | None) -> Armed:
        """The clocks that run in `state`, after a step; those that run on keep their bounds."""
        old = dict(before)
        if fired is not None and fired.delay is not None:
            old.pop(clock_of(fired), None)
        enabled: dict[Clock, dict[int, Rule]] = {}
        for rule in self.tracked.delayed(state):
            enabled.setdefault(clock_of(rule), {})[rule.index] = rule
        out: list[tuple[Clock, Bounds]] = []
        for clock, rules in enabled.items():
            bounds = old.get(clock)
            if bounds is None:
                bounds = tuple(sorted(self._bounds(r, state) for r in rules.values()))
            out.append((clock, bounds))
        return tuple(sorted(out))

    def _bounds(self, rule: Rule, state: State) -> tuple[str, str, Bound, Bound]:
        """The interval of a delay: never negative, never empty."""
        assert rule.delay is not None
        values: list[Bound] = []
        view = None
        for e in (rule.delay.lo, rule.delay.hi):
            if e is None:
                values.append(INFINITE)
                continue
            if e.op is Op.CONST and e.value is not None:
                value = Fraction(e.value)
            else:
                view = view or self.tracked.view(state)
                value = Fraction(evaluate(e, view))
            values.append(whole(max(value, Fraction(0))))
        lo, hi = values
        if rule.index in self.tracked.late:
            hi = INFINITE  # it may have to wait until its answer is possible
        return rule.kind.value, rule.error, lo, max(lo, hi)

    # --- pairs ------------------------------------------------------------------------------

    def parts(self, node: Node, a: Move, b: Move) -> str:
        """Why runs may part after a and b; "" when they join."""
        known = (node.state, node.armed, a.key, b.key)
        if known not in self._squares:
            self._squares[known] = self._parts(node, a, b)
        return self._squares[known]

    def _parts(self, node: Node, a: Move, b: Move) -> str:
        for x, y in ((a, b), (b, a)):
            if self._turns(node.state, x, y):
                return f"which sides of a choice can move depends on `{x.rule.name}`"
        armed = tuple((c, (*b, ("", "", -1, -1))) for c, b in node.armed)  # since before
        if self._square(node.state, armed, a, b):
            return ""
        if not self._joined(node.state, armed, a, b):
            return f"`{a.rule.name}` and `{b.rule.name}` do not commute"
        self._loose = self._loose or f"`{a.rule.name}` may cut off `{b.rule.name}`"
        return ""

    def _turns(self, state: State, step: Move, side: Move) -> bool:
        """Does `step` change which sides of an open choice can move, one of which is `side`?"""
        its = {c for c, _ in self.tracked.answered(state, step)}
        for choice, number in self.tracked.answered(state, side):
            if choice in its:
                continue  # a step of the choice itself
            before = self.tracked.open_sides(state, choice)
            after = self.tracked.open_sides(step.target, choice)
            if after != before and not after <= {number}:
                return True
        return False

    def _square(self, state: State, armed: Armed, a: Move, b: Move) -> bool:
        b1 = self._same(a.target, b)
        a2 = self._same(b.target, a)
        if b1 is None or a2 is None or b1.target != a2.target:
            return False
        if any(self.tracked.clash(x.rule, y.rule) for x in (a, a2) for y in (b, b1)):
            return False
        if self.timed:
            ends = []
            for x, y in ((a, b1), (b, a2)):
                middle = self._arm(x.target, armed, x.rule)
                end = self._arm(y.target, middle, y.rule)
                uses = Counter(dict(self._uses(armed, x, middle)))
                ends.append((end, uses + Counter(dict(self._uses(middle, y, end)))))
            return ends[0] == ends[1]
        return True

    def _same(self, state: State, move: Move) -> Move | None:
        for other in self.tracked.moves(state):
            if other.key == move.key:
                return other
        return None

    def _joined(self, state: State, armed: Armed, a: Move, b: Move) -> bool:
        """Do paths of these two steps, and of urgent ones without an answer, meet again?"""
        left = self._reach(state, armed, a, b)
        right = self._reach(state, armed, b, a)
        asked: tuple[State, frozenset[object]] | None = None
        for place, uses in left.items():
            for other in right.get(place, ()):
                for mine in uses:
                    if mine == other:
                        return True
                    one, two = Counter(dict(mine)), Counter(dict(other))
                    asked = (place[0], frozenset((one - two) + (two - one)))
        if asked is not None:
            self._later[asked] = None
            return True
        return False

    def _reach(
        self, state: State, armed: Armed, first: Move, other: Move
    ) -> dict[tuple[State, Armed], set[Uses]]:
        out: dict[tuple[State, Armed], set[Uses]] = {}
        if self.tracked.touches[first.rule.index].writes:
            return out
        after = self._arm(first.target, armed, first.rule) if self.timed else ()
        # `open_`: the other step can still be taken, without a break since the beginning.
        todo = [(first.target, after, self._uses(armed, first, after), True, 0)]
        while todo and len(out) < JOIN_STATES:
            here, clocks, uses, open_, depth = todo.pop(0)
            open_ = open_ and self._same(here, other) is not None
            known = out.setdefault((here, clocks), set())
            if uses in known or depth > JOIN_DEPTH:
                continue
            known.add(uses)
            for move in self.tracked.moves(here):
                if self.tracked.touches[move.rule.index].writes:
                    continue
                last = open_ and move.key == other.key
                if not last and not self._quiet(move):
                    continue
                then = self._arm(move.target, clocks, move.rule) if self.timed else ()
                more = Counter(dict(uses)) + Counter(dict(self._uses(clocks, move, then)))
                todo.append((move.target, then, _sorted(more), open_ and not last, depth + 1))
        return out

    def _quiet(self, move: Move) -> bool:
        """An urgent step that every environment allows."""
        rule = move.rule
        return rule.delay is None and not rule.inputs and rule.index not in self.tracked.sides

    def _uses(self, before: Armed, move: Move, after: Armed) -> Uses:
        """What the step asks of the environment, by occurrence."""
        out: Counter[object] = Counter()
        rule = move.rule
        if rule.kind is RuleKind.START:
            out["start", rule.occurrence] += 1
        elif rule.inputs and rule.group is None:
            out["answer", rule.index] += 1
        for choice in self.tracked.decides(rule):
            out["choice", choice] += 1
        running = dict(before)
        if rule.delay is not None:
            running.pop(clock_of(rule), None)
        for clock, bounds in after:
            if clock[0] == "rule" and clock not in running and bounds[0][2] != bounds[0][3]:
                out["wait", clock[1]] += 1
        return _sorted(out)


def _sorted(uses: Counter[object]) -> Uses:
    return tuple(sorted(uses.items(), key=repr))


def clock_of(rule: Rule) -> Clock:
    """Which clock shows when it is due: one for all ends of an attempt."""
    return ("attempt", rule.group) if rule.group is not None else ("rule", rule.index)


def deadline(bounds: Bounds) -> Bound:
    """By when an attempt is over: the longest of its ends, or a time-out that comes first."""
    ends = [hi for kind, _, _, hi in bounds if kind != RuleKind.TIMEOUT.value]
    limits = [hi for kind, _, _, hi in bounds if kind == RuleKind.TIMEOUT.value]
    return min([max(ends, default=INFINITE), *limits])


def _path(
    nodes: list[Node], parents: list[tuple[int, Move] | None], at: int
) -> tuple[State, tuple[Move, ...]]:
    out: list[Move] = []
    while (parent := parents[at]) is not None:
        at, move = parent
        out.append(move)
    return nodes[at].state, tuple(reversed(out))


def _cyclic(edges: dict[State, dict[State, set[object]]]) -> bool:
    state: dict[State, int] = {}
    for root in edges:
        if root in state:
            continue
        state[root] = 1
        path = [root]
        stack = [iter(edges[root])]
        while stack:
            for to in stack[-1]:
                if state.get(to) == 1:
                    return True
                if to not in state:
                    state[to] = 1
                    path.append(to)
                    stack.append(iter(edges.get(to, ())))
                    break
            else:
                stack.pop()
                state[path.pop()] = 2
    return False


def _reached(edges: dict[State, dict[State, set[object]]], start: State) -> set[object]:
    """What may still be asked of the environment after `start`."""
    out: set[object] = set()
    seen, todo = {start}, [start]
    while todo:
        for to, uses in edges.get(todo.pop(), {}).items():
            out |= uses
            if to not in seen:
                seen.add(to)
                todo.append(to)
    return out


__all__ = ["Confluence", "Finding", "Fork", "Node"]
