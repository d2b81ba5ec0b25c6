"""What some few instances refute at once, of any number of them.

A run of n instances of a kind is a run of any number of them, and it says how many there are: in
the lowered system the number is a parameter (decision 13).  With the number open, and then with 1,
2, .. of each, all states are looked at where these are soon seen, before anything is tried that
could prove the claim: most of what is wrong is wrong with few, and a proof that cannot be found
takes long.  Where there are too many states, the searches of the whole system have their turn
later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ...semantics.expr import const
from ..engines.search import Violated, explore
from ..engines.search_graph import Graph
from ..session import InternalError, Session, breaks_obligation
from ..verdict import Refuted, Unknown, Verdict
from . import blocking, ending, liveness
from .graph import SMALL_RULES, SMALL_SECONDS, SMALL_STATES
from .obligations import Claim

NOBODY = Unknown("search", "nobody was found to be stuck")


class Few:
    """`claims` are those of the whole, by position."""

    def __init__(self, session: Session, claims: Sequence[Claim]) -> None:
        self.session = session
        self.claims = claims
        self.found: dict[int, Refuted] = {}  # claims that a run breaks
        self._made: dict[int, tuple[Session, Graph] | None] = {}  # by how many; 0: that is open

    def systems(self, *numbers: int) -> Iterator[tuple[Session, Graph]]:
        """Those of which all states are at hand, in order; where all are with the number open,
        nothing is left for the others to say."""
        for number in numbers:
            if number not in self._made:
                self._made[number] = self._explored(number)
            made = self._made[number]
            if made is not None:
                yield made
            if (made is None) == (number > 0):
                return  # with more there are more states

    def refuted(self) -> dict[int, Refuted]:
        """The claims about states and steps that few instances break."""
        for _ in self.systems(0, *self._numbers()):
            pass
        return self.found

    def whole(self, check: str) -> Refuted | None:
        """One of the checks of the whole."""
        match check:
            case "deadlock_free":
                return self._first(self._stuck, 0, *self._numbers())
            case "terminates":
                return self._first(lambda s, g: ending.endless_in(s, g, self._stuck(s, g)))
            case "can_finish":
                return self._first(ending.hopeless_in)
            case "starvation_free":
                return self._first(lambda s, g: liveness.starved_in(s, g, self._stuck(s, g)))
        return None

    def comes(self, name: str) -> Refuted | None:
        """A property of what comes at last."""
        return self._first(lambda session, graph: liveness.owed_in(session, graph, name))

    def _stuck(self, session: Session, graph: Graph) -> Verdict | None:
        if "deadlock_free" not in session.results:
            session.results["deadlock_free"] = blocking.stuck_in(session, graph) or NOBODY
        found = session.results["deadlock_free"]
        return None if found is NOBODY else found

    def _first(
        self, by: Callable[[Session, Graph], Verdict | None], *numbers: int
    ) -> Refuted | None:
        """Of these numbers the first that does; of a run that goes round for ever, the fewest."""
        for session, graph in self.systems(*(numbers or (*self._numbers(), 0))):
            verdict = by(session, graph)
            if isinstance(verdict, Refuted):
                return self._lifted(verdict)
        return None

    def _lifted(self, verdict: Refuted) -> Refuted:
        """The run is one of the whole."""
        replayed = self.session.replay(self.session.system, verdict.trace)
        if not replayed.ok:
            raise InternalError(f"a run of a few instances is none of many: {replayed.why}")
        return verdict

    def _numbers(self) -> Iterator[int]:
        yield from range(1, max(len(g.members) for g in self.session.system.any_number))

    def _explored(self, number: int) -> tuple[Session, Graph] | None:
        session = _of_so_many(self.session, number)
        system = session.system
        if len(system.rules) > SMALL_RULES or not session.may("search") or session.left() <= 0:
            return None
        left = [i for i in range(len(self.claims)) if i not in self.found]
        goals = [(i, g) for i in left for g in self.claims[i].goals]
        result = explore(
            system,
            [g for _, g in goals],
            max_states=min(SMALL_STATES, session.options.max_states),
            seconds=min(SMALL_SECONDS, session.share(0.05)),
            want_graph=True,
            resigns=True,
        )
        for (i, goal), finding in zip(goals, result.findings, strict=False):
            if isinstance(finding, Violated) and i not in self.found:
                breaks = breaks_obligation(system, goal)
                verdict = session.confirm("search", goal.message, finding.trace, goal.span, breaks)
                if isinstance(verdict, Refuted):
                    self.found[i] = self._lifted(verdict)
        if result.graph is None or not (result.complete and result.graph.concrete):
            return None
        session.graph = (result.graph, "")
        return session, result.graph


def _of_so_many(session: Session, number: int) -> Session:
    if number == 0:
        return session
    system = session.system
    sizes = {g.number: len(g.members) for g in system.any_number if g.number is not None}
    declared = tuple(
        replace(v, init=const(min(number, sizes[v.index]))) if v.index in sizes else v
        for v in system.variables
    )
    return session.of(replace(system, variables=declared))
