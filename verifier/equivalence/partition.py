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

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from .lts import TAU, Lts, adjacency

Signature = frozenset[int]
_NONE: Signature = frozenset()


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
    return _Refinement(lts, branching).run()


class _Refinement:
    def __init__(self, lts: Lts, branching: bool) -> None:
        n = lts.states
        self.lts, self.branching = lts, branching
        self.out = adjacency(n, lts.source)
        self.into = adjacency(n, lts.target)
        self.block = [0] * n
        self.parent, self.born = [-1], [0]
        # The states of a block stand in a row: elements[first[b]:first[b] + size[b]].
        self.elements, self.place = list(range(n)), list(range(n))
        self.first, self.size = [0], [n]
        self.shared: list[Signature] = [_NONE]  # of all states of a block that are not looked at
        self.own: list[Signature] = [_NONE] * n if branching else []

    def run(self) -> Partition:
        dirty: list[int] = list(range(self.lts.states))
        rounds = 0
        while dirty:
            rounds += 1
            found = self._inert(dirty, rounds == 1) if self.branching else self._strong(dirty)
            moved = [s for b, new in found.items() for s in self._split(b, new, rounds)]
            dirty = self._touched(moved)
        return Partition(self.block, self.parent, self.born, self.branching)

    # --- signatures --------------------------------------------------------------------------

    def _strong(self, dirty: list[int]) -> dict[int, dict[Signature, list[int]]]:
        """By block and signature, the states that were looked at."""
        lts, block = self.lts, self.block
        label, target, n = lts.label, lts.target, lts.states
        start, edges = self.out.start, self.out.edges
        found: dict[int, dict[Signature, list[int]]] = {}
        for s in dirty:
            signature = frozenset(
                [label[k] * n + block[target[k]] for k in edges[start[s] : start[s + 1]]]
            )
            found.setdefault(block[s], {}).setdefault(signature, []).append(s)
        return found

    def _inert(self, dirty: list[int], all_: bool) -> dict[int, dict[Signature, list[int]]]:
        """The same; where what a state shows has changed, so may what leads to it internally."""
        lts, block, own = self.lts, self.block, self.own
        label, target, source, n = lts.label, lts.target, lts.source, lts.states
        start, edges = self.out.start, self.out.edges
        found: dict[int, dict[Signature, list[int]]] = {}
        waiting = set(dirty)
        heap = dirty if all_ else list(waiting)
        if not all_:
            heapify(heap)
        order = iter(heap) if all_ else _ascending(heap)
        same: dict[Signature, Signature] = {}
        for s in order:
            here = block[s]
            seen: set[int] = set()
            for k in edges[start[s] : start[s + 1]]:
                t = target[k]
                if label[k] == TAU:
                    if block[t] == here:
                        seen |= own[t]
                    else:
                        seen.add(block[t])
                else:
                    seen.add(label[k] * n + block[t])
            signature = frozenset(seen)
            signature = same.setdefault(signature, signature)
            if not all_ and signature != own[s]:
                for k in self.into.of(s):
                    before = source[k]
                    if label[k] == TAU and block[before] == here and before not in waiting:
                        waiting.add(before)
                        heappush(heap, before)
            own[s] = signature
            found.setdefault(here, {}).setdefault(signature, []).append(s)
        return found

    # --- splitting ---------------------------------------------------------------------------

    def _split(self, b: int, found: dict[Signature, list[int]], rounds: int) -> Iterator[int]:
        """Splits a block by what was found of some of its states; yields those that moved."""
        first, size = self.first[b], self.size[b]
        rest = size - sum(map(len, found.values()))
        if rest and self.shared[b] in found:
            rest += len(found.pop(self.shared[b]))
        if not rest and len(found) == 1:
            (self.shared[b],) = found
            return
        if not found:
            return
        stays = max(found, key=lambda signature: len(found[signature]))
        if len(found[stays]) > rest:
            parts = [group for signature, group in found.items() if signature is not stays]
            old, self.shared[b] = self.shared[b], stays
            signatures = [signature for signature in found if signature is not stays]
            if rest:
                listed = {s for group in found.values() for s in group}
                row = self.elements[first : first + size]
                parts.append([s for s in row if s not in listed])
                signatures.append(old)
        else:
            parts, signatures = list(found.values()), list(found)
        for part, signature in zip(parts, signatures, strict=True):
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

    def _touched(self, moved: list[int]) -> list[int]:
        """Whose signature may be another one now."""
        source, label, out = self.lts.source, self.lts.label, self.out
        start, edges = self.into.start, self.into.edges
        touched = {source[k] for s in moved for k in edges[start[s] : start[s + 1]]}
        if self.branching:
            touched.update(s for s in moved if any(label[k] == TAU for k in out.of(s)))
        return list(touched)


def _ascending(heap: list[int]) -> Iterator[int]:
    """What is added meanwhile is larger than what comes next."""
    while heap:
        yield heappop(heap)
