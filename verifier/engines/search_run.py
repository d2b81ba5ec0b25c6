"""The breadth-first search itself: nodes, subsumption, goals, levels."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import field
from typing import Protocol

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, Expr, Op, Scalar, not_
from ...semantics.system import Obligation, Rule, TransitionSystem
from ...semantics.trace import Trace
from .common import concerns, is_state, touched, written
from .search_compile import StepTest, Test, compile_state, compile_step
from .search_graph import EXCLUDED, SPLIT, Edge, Graph
from .search_reduce import Reducer
from .search_space import Move, Space, State, Unsupported
from .search_terms import Condition
from .search_trace import Path, realize
from .slice import Slice

LOOK = 64  # states between two looks at what goes on beside
EARLY = 0.15  # of its time: before, there is no telling
ENOUGH = 2.0


@dataclass(slots=True)
class _Goals:
    """The open goals, and compiled tests for the parts that deal with plain values only."""

    space: Space
    goals: Sequence[Obligation]
    open: set[int] = field(default_factory=set)
    _states: dict[int, tuple[list[int], Test, list[int]]] = field(default_factory=dict)
    _steps: dict[int, tuple[list[int], StepTest, list[int]]] = field(default_factory=dict)

    def state(self, key: int, writes: set[int] | None) -> tuple[list[int], Test, list[int]]:
        """(plain goals, their joint test, symbolic goals) that a rule's writes can break."""
        found = self._states.get(key)
        if found is None:
            mine = [
                g
                for g in sorted(self.open)
                if is_state(self.goals[g])
                and (writes is None or touched(self.goals[g].cond) & writes)
            ]
            plain = [g for g in mine if not self.space.is_symbolic(self.goals[g].cond)]
            test = compile_state([self.goals[g].cond for g in plain], self.space.slots)
            found = (plain, test, [g for g in mine if g not in plain])
            self._states[key] = found
        return found

    def step(self, rule: Rule) -> tuple[list[int], StepTest, list[int]]:
        found = self._steps.get(rule.index)
        if found is None:
            mine = [
                g
                for g in sorted(self.open)
                if not is_state(self.goals[g]) and concerns(self.goals[g], rule)
            ]
            symbolic = self.space.symbolic
            plain = [
                g
                for g in mine
                if symbolic.isdisjoint(touched(self.goals[g].cond)) and not rule.inputs
            ]
            test = compile_step([self.goals[g] for g in plain], self.space.slots)
            found = (plain, test, [g for g in mine if g not in plain])
            self._steps[rule.index] = found
        return found

    def close(self, *goals: int) -> None:
        self.open.difference_update(goals)
        self._states.clear()
        self._steps.clear()


@dataclass(frozen=True, slots=True)
class Pace:
    """Tells early that there is no end in sight: those that wait, without what follows from
    them, would take more than ENOUGH times what is left.  (Code is made at the first visit of a
    place, so the beginning is slower.)  In seconds of this process, so that others beside it do
    not matter."""

    begin: float
    seconds: float

    def hopeless(self, expanded: int, waiting: int) -> bool:
        used = time.process_time() - self.begin
        if expanded == 0 or used < EARLY * self.seconds:
            return False
        return waiting * used / expanded > ENOUGH * (self.seconds - used)


class Beside(Protocol):
    """Makes the same graph in another way, if it can."""

    @property
    def begun(self) -> bool: ...

    def ready(self, states: int, /) -> Graph | None:
        """The graph, once it is there; this search is at so many states."""


class Search:
    def __init__(
        self,
        system: TransitionSystem,
        cone: Slice,
        goals: Sequence[Obligation],
        max_states: int,
        deadline: float,
        want_graph: bool,
        reduce: bool,
        together: Sequence[int] | None = None,
    ) -> None:
        self.together = together
        self.system = system
        self.cone = cone
        self.goals = goals
        self.space = Space(cone.system, cone.variables)
        self.open = _Goals(self.space, goals, set(range(len(goals))))
        self.max_states = max_states
        self.deadline = deadline
        self.nodes: list[State] = []
        self.origin: list[tuple[int, Move | None]] = []
        self.tests: dict[int, Expr] = {}  # of nodes split off by a condition on the state
        self.seen: dict[State, int] = {}
        self.conditions: dict[tuple[object, ...], list[int]] = {}
        self.edges: list[list[Edge]] | None = [] if want_graph else None
        self.found: dict[int, Trace] = {}
        self.failed: dict[int, str] = {}
        self.depth = 0
        self.transitions = 0
        self.stop = ""
        self.expanded: set[int] = set()
        self.rules_seen: dict[int, tuple[int, Move]] = {}
        self.reducer = Reducer(cone.system, goals) if reduce and not want_graph else None
        self.pace: Pace | None = None
        self.visited = 0
        self.beside: Beside | None = None
        self.graph: Graph | None = None  # from elsewhere

    # --- nodes ------------------------------------------------------------------------------

    def add(self, state: State, source: int, move: Move | None) -> tuple[int, bool]:
        """The node that covers a state; whether it is new."""
        found = self.seen.get(state)
        if found is not None:
            return found, False
        if self.space.symbolic:
            same = self.conditions.setdefault(state.values, [])
            for other in same:
                if self._covers(self.nodes[other].condition, state.condition):
                    self.seen[state] = other
                    return other, False
            same.append(len(self.nodes))
        return self._create(state, source, move), True

    def _create(self, state: State, source: int, move: Move | None) -> int:
        node = len(self.nodes)
        self.seen[state] = node
        self.nodes.append(state)
        self.origin.append((source, move))
        if self.edges is not None:
            self.edges.append([])
        return node

    def _covers(self, weaker: Condition, stronger: Condition) -> bool:
        """Whether each concrete state of the second is one of the first (same store)."""
        if weaker <= stronger:
            return True
        terms = self.space.terms
        known = frozenset().union(*(terms.symbols(t) for t in stronger))
        if len(weaker) > 12 or len(stronger) > 12:
            return False
        for part in weaker - stronger:
            # A symbol that only the weaker condition has would need a quantifier.
            if not terms.symbols(part) <= known:
                return False
            extended = terms.extend(stronger, terms.negate(part))
            if extended is not None and terms.possible(extended) is not False:
                return False
        return True

    def path(self, node: int, last: Move | None = None) -> Path:
        """The rules from an initial state to a node, then `last`."""
        moves: list[Move] = [] if last is None else [last]
        tests: list[tuple[int, Expr]] = []  # counted from the end
        while True:
            source, move = self.origin[node]
            if source < 0:
                break
            if move is not None:
                moves.append(move)
            elif node in self.tests:
                tests.append((len(moves), self.tests[node]))
            node = source
        moves.reverse()
        first = self.nodes[node].values
        initial: dict[int, Scalar] = {}
        for i in self.space.kept:
            value = first[self.space.slots[i]]
            if self.system.variables[i].init is None and not isinstance(value, Expr):
                initial[i] = value
        return Path(
            initial,
            tuple(m.rule.index for m in moves),
            tuple(m.inputs for m in moves),
            tuple((len(moves) - back, test) for back, test in tests),
        )

    # --- goals ------------------------------------------------------------------------------

    def report(self, goal: int, node: int, last: Move | None = None) -> None:
        """A possible violation: make a run of the whole system of it."""
        trace = None
        if self.cone.exact:
            left = max(0.2, min(5.0, self.deadline - time.monotonic()))
            trace = realize(
                self.system, self.path(node, last), self.goals[goal], None, int(left * 1000)
            )
        if trace is not None:
            self.found[goal] = trace
            self.open.close(goal)
            if self.together is not None:
                others = [g for g in self.open.open if self.together[g] == self.together[goal]]
                self.failed.update(dict.fromkeys(others, "another goal of the claim is broken"))
                self.open.close(*others)
        elif goal not in self.failed:
            self.failed[goal] = (
                "a possible violation could not be made a run"
                if self.cone.exact
                else "not shown by the slice"
            )
            if not self.cone.exact:
                self.open.close(goal)

    def check_state(self, node: int, key: int, writes: set[int] | None) -> None:
        plain, test, symbolic = self.open.state(key, writes)
        state = self.nodes[node]
        if not test(state.values):
            for goal in plain:
                if not compile_state([self.goals[goal].cond], self.space.slots)(state.values):
                    self.report(goal, node)
        for goal in symbolic:
            self.check_term(goal, self.space.term(self.goals[goal].cond, state), node, None)

    def check_term(self, goal: int, term: Expr, node: int, last: Move | None) -> None:
        if term.op is Op.CONST and term.value:
            return
        terms = self.space.terms
        condition = self.nodes[node].condition if last is None else last.during
        broken = terms.extend(condition, terms.negate(term))
        if broken is not None and terms.possible(broken) is not False:
            self.report(goal, node, last)

    def check_step(self, node: int, move: Move) -> None:
        plain, test, symbolic = self.open.step(move.rule)
        state = self.nodes[node]
        if plain and not test(state.values, (), move.target.values):
            for goal in plain:
                single = compile_step([self.goals[goal]], self.space.slots)
                if not single(state.values, (), move.target.values):
                    self.report(goal, node, move)
        for goal in symbolic:
            answers = move.answers or tuple(
                self.space.terms.const(v) for v in move.inputs if v is not None
            )
            term = self.space.term(self.goals[goal].cond, state, answers, move.target)
            self.check_term(goal, term, node, move)

    # --- the loop ---------------------------------------------------------------------------

    def allowed(self, state: State) -> tuple[State | None, bool]:
        """The part of a state that is not excluded, and whether some of it is."""
        space = self.space
        if space.excluded is FALSE:
            return state, False
        if space.excluded_plain is not None:
            return (None, True) if space.excluded_plain(state.values) else (state, False)
        term = space.term(space.excluded, state)
        if term.op is Op.CONST:
            return (None, True) if term.value else (state, False)
        rest = space.terms.extend(state.condition, space.terms.negate(term))
        if rest is None or space.terms.possible(rest) is False:
            return None, True
        return State(state.values, rest), True

    def run(self) -> None:
        """Explores level by level."""
        try:
            self._explore()
        except Unsupported as reason:
            self.stop = str(reason)

    def _explore(self) -> None:
        frontier: list[int] = []
        for first in self.space.initial():
            state, _ = self.allowed(first)
            if state is not None:
                node, new = self.add(state, -1, None)
                if new:
                    frontier.append(node)
                    self.check_state(node, -1, None)
        while frontier and not self.stop:
            following: list[int] = []
            for node in frontier:
                if not self.open.open and self.edges is None:
                    return
                if len(self.nodes) > self.max_states:
                    self.stop = f"more than {self.max_states} states"
                elif time.monotonic() > self.deadline:
                    self.stop = "out of time"
                elif self.beside is not None and self.visited % LOOK == 0:
                    self.graph = self.beside.ready(len(self.nodes))
                    if self.graph is not None:
                        return
                elif self.pace is not None and not (self.beside is not None and self.beside.begun):
                    waiting = len(self.nodes) - self.visited
                    if self.pace.hopeless(self.visited, waiting):
                        self.stop = "too many states for the time"
                if self.stop:
                    return
                self.expand(node, following)
                self.visited += 1
                if self.edges is not None:
                    self.expanded.add(node)
            frontier = following
            if frontier:
                self.depth += 1

    def expand(self, node: int, following: list[int]) -> None:
        state = self.nodes[node]
        if self.edges is not None and state.condition and self.split(node, following):
            return
        moves = self.space.moves(state)
        if self.reducer is not None:
            for small in self.reducer.ample(state.values, moves, self.space.slots):
                if any(self.seen.get(m.target, node + 1) <= node for m in small):
                    continue
                # What is put off stays enabled there.  If those nodes are all expanded later
                # (numbers are in order of expansion), it is not put off for ever.
                later = [self.take(node, move, following) for move in small]
                if all(later):
                    return
                moves = [m for m in moves if m not in small]
                break
        for move in moves:
            self.take(node, move, following)

    def take(self, node: int, move: Move, following: list[int]) -> bool:
        """Follows one step; whether it leads to a node that will be expanded after this one."""
        self.transitions += 1
        target, partly = self.allowed(move.target)
        if partly and self.edges is not None:
            self.edges[node].append(Edge(move.rule.index, move.inputs, EXCLUDED, move.sure))
        if target is None:
            return False
        if partly:
            during = move.during | target.condition
            move = move._replace(target=target, during=during)
        if move.rule.index not in self.rules_seen:
            self.rules_seen[move.rule.index] = (node, move)
        if self.open.open:
            self.check_step(node, move)
        found, new = self.add(target, node, move)
        if new:
            following.append(found)
            if self.open.open:
                self.check_state(found, move.rule.index, written(move.rule))
        if self.edges is not None:
            self.edges[node].append(Edge(move.rule.index, move.inputs, found, move.sure))
        return found > node

    def split(self, node: int, following: list[int]) -> bool:
        """Splits a node by the first guard that holds in one part of it only."""
        assert self.edges is not None
        terms = self.space.terms
        state = self.nodes[node]
        for part, term in self.space.guards(state):
            halves = [
                (test, terms.extend(state.condition, term if yes else terms.negate(term)))
                for yes, test in ((True, part), (False, not_(part)))
            ]
            real = [(t, c) for t, c in halves if c is not None and terms.possible(c) is not False]
            if len(real) == 1 and real[0][1] == state.condition:
                continue
            for test, condition in real:
                assert condition is not None
                one = State(state.values, condition)
                found = self.seen.get(one)
                if found is None or found == node:
                    found = self._create(one, node, None)
                    self.tests[found] = test
                    following.append(found)
                self.edges[node].append(Edge(SPLIT, (), found, True))
            return True
        return False
