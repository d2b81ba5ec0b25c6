"""Which values of tests are come to at all, in whatever order: a place is left only when everything
before it has been looked at, so that sets of values from many ways are one (chaotic iteration in
the order of a depth-first search; Bourdoncle 1993).

Where runs by their length are too many, this decides whether there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import heappop, heappush

from ....dsl.records import dataclass
from .decide import Cube
from .guarded import Differ, Taken, said
from .images import Images
from .pairing import Parting

Pair = int  # one of `pairing.Pairs`
Leaf = tuple[str, Pair] | Parting  # what the two do next


@dataclass(frozen=True, slots=True)
class Places:
    """What may be come to on the way to a difference.  `leaves`: what the two may do at each;
    `at`: under which values of tests; `live`: the tests (bits) whose values matter then."""

    first: Pair
    start: Cube
    leaves: Mapping[Pair, Sequence[Leaf]]
    live: Mapping[Pair, int]
    at: Callable[[Pair, Leaf], int]
    possible: int


def following(leaf: Leaf) -> Pair | None:
    """The pair behind an action that both take; None: they do different things."""
    return None if isinstance(leaf, Parting) else leaf[1]


def action(leaf: Leaf) -> str:
    """The one that both take."""
    assert not isinstance(leaf, Parting)
    return leaf[0]


def parted(leaf: Leaf) -> tuple[str, str]:
    """What the two do where they do different things."""
    assert isinstance(leaf, Parting)
    return said(leaf.left), said(leaf.right)


def sweep(places: Places, images: Images) -> Differ | Mapping[Pair, int]:
    """A run to a difference; or if there is none, with which values places are come to.  May raise
    decide.TooMany."""
    return _Sweep(places, images).run()


class _Sweep:
    def __init__(self, places: Places, images: Images) -> None:
        self.p, self.images = places, images
        self.ahead = {p: list(self._ways(p)) for p in places.live}
        # In the order in which they were come to: with which new values.
        self.batches: list[tuple[Pair, int]] = []

    def _ways(self, pair: Pair) -> Iterator[tuple[Leaf, Pair | None]]:
        for leaf in self.p.leaves[pair]:
            after = following(leaf)
            if after is None or after in self.p.live:
                yield leaf, after

    def _order(self) -> dict[Pair, int]:
        done: list[Pair] = []
        seen = {self.p.first}
        stack = [(self.p.first, iter(self.ahead[self.p.first]))]
        while stack:
            pair, ways = stack[-1]
            for _, after in ways:
                if after is not None and after not in seen:
                    seen.add(after)
                    stack.append((after, iter(self.ahead[after])))
                    break
            else:
                done.append(pair)
                stack.pop()
        return {pair: n for n, pair in enumerate(reversed(done))}

    def run(self) -> Differ | Mapping[Pair, int]:
        images, p = self.images, self.p
        none = images.bdd.false
        order = self._order()
        waiting = {p.first: images.cube(p.start)}
        known: dict[Pair, int] = {}
        queue = [(0, p.first)]
        while queue:
            _, pair = heappop(queue)
            here = images.without(waiting.pop(pair, none), known.get(pair, none))
            if here == none:
                continue
            known[pair] = images.any(here, known.get(pair, none))
            self.batches.append((pair, here))
            for leaf, after in self.ahead[pair]:
                now = images.both(images.both(here, p.at(pair, leaf)), p.possible)
                if now == none:
                    continue
                if after is None:
                    return self._back(pair, now, leaf)
                then = images.onto(p.live[after], images.after(action(leaf), now))
                if after not in waiting:
                    heappush(queue, (order[after], after))
                waiting[after] = images.any(then, waiting.get(after, none))
        return known

    def _back(self, pair: Pair, values: int, leaf: Leaf) -> Differ:
        """A way back from the last batch; each step to one that was before."""
        images = self.images
        last = images.some(values)
        cube = mattering(images, self.p.live[pair], last)
        run: list[Taken] = []
        before = len(self.batches) - 1
        numbers: dict[Pair, list[int]] = {}
        for k, (earlier, _) in enumerate(self.batches):
            numbers.setdefault(earlier, []).append(k)
        into: dict[Pair, list[tuple[Pair, Leaf]]] = {}
        for earlier in numbers:
            for taken, after in self.ahead[earlier]:
                if after is not None:
                    into.setdefault(after, []).append((earlier, taken))
        while before:  # (the first one is where a run begins)
            before, taken, cube, chosen = self._earlier(before, into[pair], numbers, cube)
            pair = self.batches[before][0]
            run.append(Taken(tuple(chosen.items()), action(taken)))
        left, right = parted(leaf)
        return Differ(tuple(reversed(run)), tuple(last.items()), left, right)

    def _earlier(
        self,
        before: int,
        into: Sequence[tuple[Pair, Leaf]],
        numbers: Mapping[Pair, Sequence[int]],
        cube: int,
    ) -> tuple[int, Leaf, int, dict[str, bool]]:
        images = self.images
        for earlier, taken in into:
            could = images.both(images.before(action(taken), cube), self.p.possible)
            could = images.both(could, self.p.at(earlier, taken))
            for k in numbers[earlier]:
                here = images.both(could, self.batches[k][1])
                if k < before and here != images.bdd.false:
                    chosen = images.some(here)
                    return k, taken, mattering(images, self.p.live[earlier], chosen), chosen
        raise AssertionError("no way back")


def mattering(images: Images, live: int, values: Mapping[str, bool]) -> int:
    """Of other tests nothing was kept on the way."""
    number = images.number
    return images.cube((n, v) for n, v in values.items() if live >> number[n] & 1)
