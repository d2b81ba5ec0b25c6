"""Where a thread may go: its points, and the rules that lead from one to another.

Read off guards and updates, so there may be moves that no run makes, and there are no others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import field
from typing import NamedTuple

from ...dsl.records import dataclass
from ...semantics.expr import Op
from ...semantics.system import PointKind, Rule, Thread
from ...semantics.walks import postorder
from .cycles import find_cycle
from .structure import Structure

OVER = (PointKind.END, PointKind.FAILED)


class Move(NamedTuple):
    """From one point to another, by a rule (its index)."""

    begin: int
    end: int
    rule: int


def followed(moves: Iterable[tuple[int, int, int]], start: Iterable[int]) -> set[int]:
    """The points to which moves lead, those of the start among them."""
    following: dict[int, set[int]] = {}
    for p, q, _ in moves:
        following.setdefault(p, set()).add(q)
    seen: set[int] = set()
    todo = [*start]
    while todo:
        p = todo.pop()
        if p not in seen:
            seen.add(p)
            todo += following.get(p, ())
    return seen


@dataclass(slots=True)
class Moves:
    structure: Structure
    _known: dict[int, list[Move]] = field(default_factory=dict)  # by thread

    def of(self, thread: Thread) -> list[Move]:
        if thread.id not in self._known:
            self._known[thread.id] = [
                Move(p, q, r.index)
                for r in self.structure.writing(thread.location)
                for p in self.structure.standing(r.guard, thread)
                for q in targets(r, thread)
            ]
        return self._known[thread.id]

    def reached(
        self, thread: Thread, start: Iterable[int], without: Collection[int] = ()
    ) -> set[int]:
        """The points to which moves lead, those of the start among them, without some rules."""
        return followed((m for m in self.of(thread) if m[2] not in without), start)

    def never_over(self, thread: Thread) -> bool:
        """It does not end, nor fail, once it has begun."""
        return not any(thread.points[p].kind in OVER for p in self.reached(thread, [0]))

    def leave(self, thread: Thread, points: Collection[int], without: Collection[int] = ()) -> bool:
        """There is no round in these points without some rules, nor one of a branch forked there:
        so many moves, and the thread has left the points or taken one of the rules."""
        edges: dict[int, set[int]] = {}
        for p, q, rule in self.of(thread):
            if p in points and q in points and rule not in without:
                edges.setdefault(p, set()).add(q)
        if find_cycle(edges) is not None:
            return False
        return all(
            self.leave(child, range(len(child.points)))
            for p in points
            for child in self.structure.forks[thread.id].get(p, ())
        )


def targets(rule: Rule, thread: Thread) -> Iterator[int]:
    """Points to which a rule may lead the thread."""
    value = next((e for v, e in rule.updates if v == thread.location), None)
    for n in postorder([value]) if value is not None else ():
        if n.op is Op.CONST and type(n.value) is int:
            yield n.value


__all__ = ["OVER", "Move", "Moves", "targets"]
