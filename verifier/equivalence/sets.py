"""Sets of states that one run may lead to, and what such a set shows."""

from __future__ import annotations

from collections.abc import Iterable

from ...dsl.records import dataclass
from .internal import Contracted
from .lts import TAU, adjacency

States = frozenset[int]
Offers = frozenset[int]


@dataclass(frozen=True, slots=True)
class _State:
    internal: tuple[int, ...]
    visible: tuple[tuple[int, int], ...]  # (label, target)
    stable: bool


class Sets:
    """The determinised system, made on demand; the empty set is where a run is impossible."""

    def __init__(self, contracted: Contracted) -> None:
        lts = contracted.lts
        out = adjacency(lts.states, lts.source)
        self._states: list[_State] = []
        for s in range(lts.states):
            edges = [(lts.label[k], lts.target[k]) for k in out.of(s)]
            internal = tuple(t for a, t in edges if a == TAU)
            visible = tuple((a, t) for a, t in edges if a not in (TAU, contracted.divergence))
            diverges = any(a == contracted.divergence for a, _ in edges)
            self._states.append(_State(internal, visible, not internal and not diverges))

    def closure(self, states: Iterable[int]) -> States:
        """With what is reached by internal steps."""
        todo = list(states)
        seen = set(todo)
        while todo:
            for t in self._states[todo.pop()].internal:
                if t not in seen:
                    seen.add(t)
                    todo.append(t)
        return frozenset(seen)

    def steps(self, states: States) -> dict[int, set[int]]:
        """By visible label, where it leads (before internal steps)."""
        out: dict[int, set[int]] = {}
        for s in states:
            for a, t in self._states[s].visible:
                out.setdefault(a, set()).add(t)
        return out

    def offers(self, states: States) -> frozenset[Offers]:
        """Of the states among them that cannot move internally, the least sets of labels that one
        offers: it refuses what is outside of one of these."""
        found = {
            frozenset(a for a, _ in self._states[s].visible)
            for s in states
            if self._states[s].stable
        }
        return frozenset(o for o in found if not any(p < o for p in found))
