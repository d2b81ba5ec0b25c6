"""Partition refinement: the coarsest bisimulation, round by round.

After round k two states share a block if no formula of depth k tells them apart (Hennessy and
Milner 1985).  A round looks only at states with an edge into what has just been split off, and of a
block that is split the largest part keeps its number: each edge is looked at again at most log n
times for each edge beside it (Jacobs and Wissmann 2023, section 4, O(k m log n) with at most k
edges of one state).

Branching bisimulation reads an edge of whatever is reached by internal steps inside a block as an
edge of its own (Blom and van de Pol 2009, section 4); it wants internal steps without cycles, see
`internal.contract`.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush

from ...dsl.records import dataclass
from .lts import TAU, Lts, adjacency

Signature = frozenset[int]
# By block and signature (as a key and itself), the states that were looked at.
Found = dict[int, dict[Signature, tuple[Signature, list[int]]]]
_NONE: Signature = frozenset()
FEW = 64  # of so many states fewer than one


@dataclass(frozen=True, slots=True)
class Partition:
    """`block[s]` is the block of state s.  Block b was split off block `parent[b]` in round
    `born[b]`; those of round 0 are no part of another (`parent` -1)."""

    block: list[int]
    parent: list[int]
    born: list[int]
    branching: bool

    @property
    def blocks(self) -> int:
        return len(self.born)

    def at(self, state: int, rounds: int) -> int:
        """The block of a state after so many rounds."""
        b = self.block[state]
        while self.born[b] > rounds:
            b = self.parent[b]
        return b

    def parted(self, left: int, right: int) -> int | None:
        """In which round two states came apart; None: never."""
        a, b = self.block[left], self.block[right]
        if a == b:
            return None
        last = 0
        while a != b:
            # The younger of the two is a part of something else.
            if (self.born[a], a) > (self.born[b], b):
                last, a = self.born[a], self.parent[a]
            else:
                last, b = self.born[b], self.parent[b]
        return last


def refine(lts: Lts, branching: bool) -> Partition:
    """Strong bisimulation, or branching bisimulation of an `lts` in which internal steps lead to
    smaller numbers."""
    # Millions of sets are made, and none in a cycle: the collector would go through all of them.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _Refinement(lts, branching).run()
    finally:
        if collecting:
            gc.enable()


class _Refinement:
    def __init__(self, lts: Lts, branching: bool) -> None:
        n = lts.states
        self.states, self.branching = n, branching
        # The edges of state s are those from start[s] to start[s + 1].
        out, into = adjacency(n, lts.source), adjacency(n, lts.target)
        self.start, self.before = out.start, into.start
        self.label = [lts.label[k] for k in out.edges]
        self.target = [lts.target[k] for k in out.edges]
        self.source = [lts.source[k] for k in into.edges]
        self.silent = [lts.label[k] == TAU for k in into.edges] if branching else []
        self.block = [0] * n
        self.parent, self.born = [-1], [0]
        # The states of a block stand in a row: elements[first[b]:first[b] + size[b]].
        self.elements, self.place = list(range(n)), list(range(n))
        self.first, self.size = [0], [n]
        self.shared: list[Signature] = [_NONE]  # of all states of a block that are not looked at
        self.own: list[Signature] = [_NONE] * n if branching else []

    def run(self) -> Partition:
        look = self._inert if self.branching else self._strong
        dirty: _Marks = _Many(self.states)
        dirty.update(range(self.states))
        rounds = 0
        while True:
            rounds += 1
            found = look(dirty, rounds == 1)
            if not found:
                break
            moved = [s for b, new in found.items() for s in self._split(b, new, rounds)]
            few = len(moved) * FEW < self.states
            dirty = _Few() if few else _Many(self.states)
            self._touched(moved, dirty)
        return Partition(self.block, self.parent, self.born, self.branching)

    # --- signatures --------------------------------------------------------------------------

    def _strong(self, dirty: _Marks, _: bool) -> Found:
        block, label, target, n = self.block, self.label, self.target, self.states
        start = self.start
        found: Found = {}
        for s in dirty.ascending():
            i, j = start[s], start[s + 1]
            signature = frozenset(
                [a * n + block[t] for a, t in zip(label[i:j], target[i:j], strict=True)]
            )
            found.setdefault(block[s], {}).setdefault(signature, (signature, []))[1].append(s)
        return found

    def _inert(self, dirty: _Marks, first: bool) -> Found:
        """The same; where what a state shows has changed, so may what leads to it internally."""
        block, own, label, target = self.block, self.own, self.label, self.target
        start, before, source, silent = self.start, self.before, self.source, self.silent
        n = self.states
        found: Found = {}
        for s in dirty.ascending():
            here = block[s]
            seen: set[int] = set()
            i, j = start[s], start[s + 1]
            for a, t in zip(label[i:j], target[i:j], strict=True):
                b = block[t]
                if a:
                    seen.add(a * n + b)
                elif b == here:
                    seen |= own[t]
                else:
                    seen.add(b)
            signature = frozenset(seen)
            entry = found.setdefault(here, {}).setdefault(signature, (signature, []))
            entry[1].append(s)
            if not first and signature != own[s]:
                for k in range(before[s], before[s + 1]):
                    if silent[k] and block[source[k]] == here:
                        dirty.add(source[k])
            own[s] = entry[0]
        return found

    # --- splitting ---------------------------------------------------------------------------

    def _split(
        self, b: int, found: dict[Signature, tuple[Signature, list[int]]], rounds: int
    ) -> Iterator[int]:
        """Splits a block by what was found of some of its states; yields those that moved."""
        first, size = self.first[b], self.size[b]
        rest = size - sum(len(group) for _, group in found.values())
        if rest and self.shared[b] in found:
            rest += len(found.pop(self.shared[b])[1])
        if not rest and len(found) == 1:
            (self.shared[b],) = found
            return
        if not found:
            return
        stays, largest = max(found.values(), key=lambda entry: len(entry[1]))
        parts = [entry for entry in found.values() if entry[0] is not stays]
        if len(largest) <= rest:
            parts.append((stays, largest))
        else:
            if rest:
                listed = {s for _, group in found.values() for s in group}
                row = self.elements[first : first + size]
                parts.append((self.shared[b], [s for s in row if s not in listed]))
            self.shared[b] = stays
        for signature, part in parts:
            self._move(b, part, signature, rounds)
            yield from part

    def _move(self, b: int, part: list[int], signature: Signature, rounds: int) -> None:
        """A new block of these states, at the end of the row of the old one."""
        elements, place, block = self.elements, self.place, self.block
        new = len(self.born)
        last = self.first[b] + self.size[b]
        for s in part:
            last -= 1
            at, other = place[s], elements[last]
            elements[at], elements[last] = other, s
            place[other], place[s] = at, last
            block[s] = new
        self.size[b] -= len(part)
        self.first.append(last)
        self.size.append(len(part))
        self.shared.append(signature)
        self.parent.append(b)
        self.born.append(rounds)

    def _touched(self, moved: list[int], dirty: _Marks) -> None:
        """Marks those whose signature may be another one now; who is alone needs none."""
        source, before, block, size = self.source, self.before, self.block, self.size
        for s in moved:
            dirty.update([t for t in source[before[s] : before[s + 1]] if size[block[t]] > 1])
        if self.branching:
            start, label = self.start, self.label
            for s in moved:
                if size[block[s]] > 1 and TAU in label[start[s] : start[s + 1]]:
                    dirty.add(s)


class _Few:
    """Marked states, in ascending order; while one goes through them, only larger ones are
    added."""

    def __init__(self) -> None:
        self.marked: set[int] = set()
        self.heap: list[int] | None = None

    def add(self, state: int) -> None:
        if state not in self.marked:
            self.marked.add(state)
            if self.heap is not None:
                heappush(self.heap, state)

    def update(self, states: Iterable[int]) -> None:
        self.marked.update(states)

    def ascending(self) -> Iterator[int]:
        self.heap = list(self.marked)
        heapify(self.heap)
        while self.heap:
            yield heappop(self.heap)


class _Many:
    """The same, where nearly each state is marked."""

    def __init__(self, states: int) -> None:
        self.marks = bytearray(states)

    def add(self, state: int) -> None:
        self.marks[state] = 1

    def update(self, states: Iterable[int]) -> None:
        marks = self.marks
        for s in states:
            marks[s] = 1

    def ascending(self) -> Iterator[int]:
        at = self.marks.find(1)
        while at >= 0:
            yield at
            at = self.marks.find(1, at + 1)


_Marks = _Few | _Many
