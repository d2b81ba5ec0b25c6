"""From nodes of a packed search to runs: which goals are broken there, and how to get there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import field

from ....dsl.records import dataclass
from ....semantics.expr import Scalar, Sort
from ....semantics.system import Obligation, TransitionSystem
from ....semantics.trace import Trace
from ..common import concerns, is_state
from ..search_compile import compile_state, compile_step
from ..search_space import Space, State
from ..search_terms import NOTHING
from ..search_trace import Path, realize
from ..slice import Slice
from .layout import Layout


@dataclass(slots=True)
class Outcome:
    """As `search_run.Search` keeps it: runs that break goals, and why others were not decided.

    `by`: why it went slowly, if it did; `machine`: seconds in machine code, the compiler aside."""

    found: dict[int, Trace] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    stop: str = ""
    states: int = 0
    transitions: int = 0
    depth: int = 0
    by: str = ""
    machine: float = 0.0


@dataclass(slots=True)
class Nodes:
    """What a search has found: the packed state of each node (canonical, if states are exchanged)
    and the node before it (-1: it is an initial state)."""

    layout: Layout
    states: Sequence[int]
    parent: Callable[[int], int]
    canonical: Callable[[int], int]


class Reports:
    """The goals of one search: those that are still `open`, and what became of the others."""

    def __init__(
        self,
        system: TransitionSystem,
        cone: Slice,
        goals: Sequence[Obligation],
        space: Space,
        moved: frozenset[int],
        deadline: float,
        together: Sequence[int] | None,
    ) -> None:
        self.system, self.cone, self.goals, self.space = system, cone, goals, space
        self.moved, self.deadline, self.together = moved, deadline, together
        kept = space.kept
        self.booleans = frozenset(v for v in kept if cone.system.variables[v].sort is Sort.BOOL)
        self.open = set(range(len(goals)))
        self.out = Outcome()

    def report_state(self, nodes: Nodes, node: int) -> None:
        path, values = self.concrete(nodes, node)
        as_stored = nodes.layout.unpack(nodes.states[node], self.space.kept, self.booleans)
        for state in (values, as_stored):
            for goal in sorted(self.open):
                if is_state(self.goals[goal]):
                    test = compile_state([self.goals[goal].cond], self.space.slots)
                    if not test(state):
                        self.report(goal, path if state is values else None)

    def report_step(self, nodes: Nodes, suspect: int, node: int) -> None:
        """A step from here breaks a goal."""
        path, values = self.concrete(nodes, node)
        for goal in sorted(self.open):
            if is_state(self.goals[goal]):
                continue
            test = compile_step([self.goals[goal]], self.space.slots)
            for move in self.space.moves(State(values, NOTHING)):
                if concerns(self.goals[goal], move.rule) and not test(
                    values, move.inputs, move.target.values
                ):
                    self.report(goal, path.then(move.rule.index, move.inputs))
                    break
        if suspect in self.open:
            self.report(suspect, None)

    def report(self, goal: int, path: Path | None) -> None:
        """Closes a goal: with a run, or where its mirror image has one, without."""
        trace = None
        if self.cone.exact and path is not None:
            left = max(0.2, min(5.0, self.deadline - time.monotonic()))
            trace = realize(self.system, path, self.goals[goal], None, int(left * 1000))
        self.open.discard(goal)
        if trace is None:
            self.out.failed[goal] = (
                "a possible violation could not be made a run"
                if self.cone.exact
                else "not shown by the slice"
            )
        else:
            self.out.found[goal] = trace
            if self.together is not None:
                mates = {g for g in self.open if self.together[g] == self.together[goal]}
                self.give_up(mates, "another goal of the claim is broken")
        if goal in self.moved:
            # What is left must be symmetric, so images are looked for no longer.
            self.give_up(self.open & self.moved, "its mirror image is broken")

    def give_up(self, goals: set[int], why: str) -> None:
        """Also of all that an exchange may make one of these goals."""
        if goals & self.moved:
            goals = goals | (self.open & self.moved)
        self.out.failed.update(dict.fromkeys(goals, why))
        self.open -= goals

    def concrete(self, found: Nodes, node: int) -> tuple[Path, tuple[Scalar, ...]]:
        """A run to a state of this orbit, step by step from an initial state."""

        def stored(state: State) -> int:
            values = dict(zip(self.space.kept, state.values, strict=True))
            return found.canonical(found.layout.pack(values))

        nodes = [node]
        while found.parent(nodes[-1]) >= 0:
            nodes.append(found.parent(nodes[-1]))
        wanted = [found.states[n] for n in reversed(nodes)]
        values = next(s.values for s in self.space.initial() if stored(s) == wanted[0])
        path = Path(
            {
                v: value
                for v, value in zip(self.space.kept, values, strict=True)
                if self.system.variables[v].init is None
            }
        )
        for state in wanted[1:]:
            moves = self.space.moves(State(values, NOTHING))
            move = next(m for m in moves if stored(m.target) == state)
            path = path.then(move.rule.index, move.inputs)
            values = move.target.values
        return path, values
