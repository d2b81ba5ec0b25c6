"""Whether a state or a step of a kind is ever reached: an answer within a small budget, or none."""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import Enum, auto

from ...semantics.expr import FALSE
from ...semantics.system import Obligation
from ...semantics.trace import Trace
from ..engines.common import is_state, touched
from ..engines.search_graph import Graph
from ..session import Session
from .simulated import broken_at

LARGE = 4_000  # rules
STATES = 20_000
RUNS = 16
SIMULATED = 0.2  # seconds
PATIENCE = 3  # searches in a row without an answer


class Reached(Enum):
    """NEVER holds of the timed system too; a run that was SEEN may have no times."""

    SEEN = auto()
    NEVER = auto()
    OPEN = auto()


class Reach:
    """A question is an obligation: is it ever broken?  Cheap means first."""

    def __init__(self, session: Session, seconds: float) -> None:
        self.session = session
        self.until = time.monotonic() + min(seconds, session.left())
        self.large = len(session.system.rules) > LARGE

    def left(self) -> float:
        return max(0.0, min(self.until - time.monotonic(), self.session.left()))

    def ask(self, questions: Sequence[Obligation]) -> list[Reached]:
        """An answer for each question."""
        answers = [self._at_once(q) for q in questions]
        open_ = [k for k, a in enumerate(answers) if a is Reached.OPEN]
        graph, _ = self.session.graph if self.session.graph is not None else (None, "")
        if graph is not None and graph.complete:
            for k in open_:
                answers[k] = self._in(graph, questions[k])
        elif not self.large:
            for k in self._simulated([(k, questions[k]) for k in open_]):
                answers[k] = Reached.SEEN
        failed = 0
        for k in open_:
            if self.large or failed >= PATIENCE or self.left() <= 0:
                break
            if answers[k] is Reached.OPEN:
                answers[k], _ = self.search(questions[k])
                failed = failed + 1 if answers[k] is Reached.OPEN else 0
        return answers

    def _at_once(self, q: Obligation) -> Reached:
        impossible = q.rule is not None and self.session.system.rules[q.rule].guard is FALSE
        return Reached.NEVER if impossible else Reached.OPEN

    def _in(self, graph: Graph, q: Obligation) -> Reached:
        """In the graph of all states."""
        if q.rule is not None and q.rule not in graph.first:
            return Reached.NEVER
        if q.rule is not None and q.cond is FALSE:
            return Reached.SEEN
        known = set(graph.space.slots)
        if graph.system is not self.session.system:
            known -= self.session.idle  # left out of the graph: there they stay as they begin
        if is_state(q) and touched(q.cond) <= known:
            found = {graph.holds(n, q.cond) for n in range(len(graph.nodes))}
            if False in found:
                return Reached.SEEN
            return Reached.OPEN if None in found else Reached.NEVER
        return Reached.OPEN

    def _simulated(self, questions: Sequence[tuple[int, Obligation]]) -> set[int]:
        """Those answered by a few timed runs."""
        session = self.session
        seen: set[int] = set()
        simulate = session.simulator() if questions else None
        if simulate is None:
            return seen
        until = time.monotonic() + min(SIMULATED, self.left())
        for number in range(RUNS):
            if len(seen) == len(questions) or time.monotonic() > until:
                break
            trace = simulate(session.options.seed * 1000 + number, (0.0, 0.5)[number % 2], {}, ())
            if trace is None:
                continue
            trace = Trace(trace.initial, trace.steps[:500])
            states = session.replay(session.system, trace).states
            seen |= {
                k for k, q in questions if k not in seen and broken_at(q, states, trace) is not None
            }
        return seen

    def search(self, q: Obligation) -> tuple[Reached, Trace | None]:
        """By a search of its cone; with the run, where there is one."""
        if not self.session.may("search"):
            return Reached.OPEN, None
        from ..engines.search import Holds, Violated, explore
        from ..engines.slice import slice_for

        system = self.session.system
        result = explore(
            system,
            [q],
            max_states=STATES,
            seconds=min(0.5, self.left()),
            cone=slice_for(system, [q]),
            reduce=True,
        )
        match result.findings[0]:
            case Violated(trace):
                return Reached.SEEN, trace
            case Holds():
                return Reached.NEVER, None
            case _:
                return Reached.OPEN, None
