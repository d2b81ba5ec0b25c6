"""Two states of guarded terms side by side, as one state where they have much in common.

Two that do the same first and then differ are a context with a hole: in it both do what it says,
and the hole is the pair behind it (bisimulation up to context; Rot, Bonsangue and Rutten 2013,
"Coalgebraic bisimulation-up-to").  What a context does next is worked out once for both, and what
they do where nothing is in common once for each pair.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import field

from ....dsl.records import dataclass
from .machine import ROUND, WAITS, Machine

ALIKE = "alike"  # both do the same and are then the same, or do no more

Sides = tuple[int, int]  # states of the machine


@dataclass(frozen=True, slots=True)
class Parting:
    """What the two do where they do different things: leaves of the machine."""

    left: Hashable
    right: Hashable


@dataclass(slots=True)
class _Holes:
    """Pairs of states that have nothing on top in common, by their numbers and the other way."""

    pairs: dict[int, Sides] = field(default_factory=dict)
    number: dict[Sides, int] = field(default_factory=dict)


class Pairs(Machine):
    """States are pairs of states of `machine` after an action, by number: stacks of what both have
    on top, on a hole; 0 are two that are one.  Leaves of `start`: an action and the pair behind it,
    `Parting`, or `ALIKE`."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._share(machine)
        self._starts = {0: self.bdd.leaf(ALIKE)}
        self._holes = _Holes()
        self._paired: dict[Sides, int] = {}
        self.mixed = False  # one waits for ever where the other one goes round without a step

    def pair(self, one: int, other: int) -> int:
        """The number of two states of the machine (none of whose frames is fresh)."""
        frames = self.machine.frames
        met: list[tuple[Sides, int]] = []
        found = 0
        while one != other:
            known = self._paired.get((one, other))
            if known is not None:
                found = known
                break
            term, _, rest = frames[one]
            if not (one and other and frames[other][0] == term):
                found = self._paired[one, other] = self._hole(one, other)
                break
            met.append(((one, other), term))
            one, other = rest, frames[other][2]
        for two, term in reversed(met):
            found = self._paired[two] = self.state(term, False, found)
        return found

    def sides(self, pair: int) -> Sides:
        """The two states of the machine."""
        met: list[int] = []
        while pair and pair not in self._holes.pairs:
            met.append(self.frames[pair][0])
            pair = self.frames[pair][2]
        one, other = self._holes.pairs.get(pair, (0, 0))
        for term in reversed(met):
            one = self.machine.state(term, False, one)
            other = self.machine.state(term, False, other)
        return one, other

    def _hole(self, one: int, other: int) -> int:
        found = self._holes.number.get((one, other))
        if found is None:
            found = self._holes.number[one, other] = self.bottom()
            self._holes.pairs[found] = one, other
        return found

    # --- what they do next -------------------------------------------------------------------

    def start(self, state: int) -> int:
        if state in self._holes.pairs and state not in self._starts:
            self._starts[state] = self._side_by_side(*self._holes.pairs[state])
        return super().start(state)

    def passing_to(self, state: int) -> int | None:
        if state in self._holes.pairs:
            return self.start(state)
        return super().passing_to(state)

    def over(self, done: str) -> int:
        # (In a context both do it.)
        return self.bdd.leaf(ALIKE)

    def _side_by_side(self, one: int, other: int) -> int:
        """The diagram of both: what each does, wherever that is not the same."""
        bdd, machine = self.bdd, self.machine
        level, high, low = bdd.level, bdd.high, bdd.low
        first = machine.start(one), machine.start(other)
        done: dict[Sides, int] = {}
        todo = [first]
        while todo:
            here = todo[-1]
            if here in done:
                todo.pop()
                continue
            a, b = here
            v = min(level[a], level[b])
            if a == b or v == bdd.LEAF:
                done[here] = self._leaf(a, b)
                todo.pop()
                continue
            no = low[a] if level[a] == v else a, low[b] if level[b] == v else b
            yes = high[a] if level[a] == v else a, high[b] if level[b] == v else b
            missing = [half for half in (no, yes) if half not in done]
            if missing:
                todo += missing
                continue
            done[here] = bdd.node(v, done[yes], done[no])
            todo.pop()
        return done[first]

    def _leaf(self, a: int, b: int) -> int:
        if a == b:
            return self.bdd.leaf(ALIKE)
        x, y = self.bdd.value[a], self.bdd.value[b]
        if {x, y} == {WAITS, ROUND}:
            self.mixed = True
            return self.bdd.leaf(ALIKE)
        if isinstance(x, tuple) and isinstance(y, tuple) and x[0] == y[0]:
            return self.bdd.leaf((x[0], self.pair(x[1], y[1])))
        return self.bdd.leaf(Parting(x, y))
