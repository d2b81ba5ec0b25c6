"""Whether guarded terms can part where a test keeps its value until a step changes what it reads,
and the runs on which they do, the shortest first.

To `guarded.compare` every test may change with every action.  Here an action says what it makes of
each test.  From where the terms begin, sets of values of the tests are taken through pairs of
states (`images`), first where the way to a difference is shortest if nothing stops it (Hart,
Nilsson and Raphael 1968, with sets in place of states).  So what no run reaches is no difference,
and a run that is found first is a shortest one.  All that is not known of tests is taken for
possible: that there is no difference is sure; a run is one of the workflows only if these have it
(`replaying`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from heapq import heappop, heappush

from ....dsl.records import dataclass
from .decide import Cube, TooMany
from .guarded import Differ, Taken
from .images import Change, Images
from .machine import ENDS, Machine
from .pairing import ALIKE, Pairs, Parting, Sides
from .sweeping import Leaf, Pair, Places, action, following, mattering, parted, sweep

MOST_PAIRS = 400_000
MOST_LEMMAS = 400
MOST_KEPT = 40_000
FEW, MANY = 4_000, 40_000  # ways to go on
AGAIN = 12  # how often the same values are taken on from one place, for other runs than the first
OF_ONE_KIND = 3  # of these, with the same end at one place


@dataclass(frozen=True, slots=True)
class Knowing:
    """What is known of tests and steps besides their names.  `feasible`: tests may have these
    values all at once; `start`: where a run begins; `weight`: how much is seen of a step."""

    change: Callable[[str], Change]
    feasible: Callable[[Cube], bool] = lambda cube: True
    start: Cube = ()
    weight: Callable[[str], int] = lambda action: 1


@dataclass(frozen=True, slots=True)
class Differs:
    """`least`: so much is seen of this run at least."""

    found: Differ
    least: int


@dataclass(frozen=True, slots=True)
class _Come:
    """To a pair with some values, by an action from where it was before."""

    pair: Pair
    values: int
    cost: int
    action: str = ""
    before: _Come | None = None


class Reaching:
    """Of one pair of states.  All methods may raise decide.TooMany."""

    def __init__(self, machine: Machine, left: int, right: int, known: Knowing) -> None:
        self.m, self.known = machine, known
        self.pairs = Pairs(machine)
        self.first: Pair = self.pairs.pair(left, right)
        self.bdd = machine.bdd
        self.images = Images(machine.bdd, machine.names, known.change)
        # By pair: how it is come to (the pair before, the action).
        self.before: dict[Pair, list[tuple[Pair, str]]] = {}
        self.alike = False
        self._leaves: dict[Pair, list[Leaf]] = {}
        self._tested: dict[Pair, int] = {}
        self._possible = self.bdd.true  # what tests may be at once, as far as was asked
        self._lemmas = 0
        self._when: dict[tuple[int, Leaf], int] = {}
        self._told: dict[tuple[object, ...], Differs] = {}
        self._going: Iterator[Differs] | None = None
        self._explore()
        self._away = self._distances()
        self._live = self._looked_at()

    # --- the pairs ---------------------------------------------------------------------------

    @property
    def mixed(self) -> bool:
        """One waits for ever where the other one goes round without a step."""
        return self.pairs.mixed

    @property
    def parted(self) -> bool:
        """Whether some run would part them if every test could change at any time."""
        return self.first in self._away

    @property
    def silent(self) -> bool:
        """One goes round without a step."""
        return self.m.silent or self.pairs.silent

    def _explore(self) -> None:
        before = self.before
        before[self.first] = []
        todo = deque([self.first])
        while todo:
            pair = todo.popleft()
            self._read(pair)
            for leaf in self._leaves[pair]:
                after = following(leaf)
                if after is None:
                    continue
                if after not in before:
                    before[after] = []
                    todo.append(after)
                before[after].append((pair, action(leaf)))
            if len(before) > MOST_PAIRS:
                raise TooMany(f"more than {MOST_PAIRS} pairs of states")

    def _read(self, pair: Pair) -> None:
        """What the two may do at once, each once, and which tests are looked at."""
        bdd = self.bdd
        first = self.pairs.start(pair)
        leaves: list[Leaf] = []
        tested = 0
        seen = {first}
        todo = [first]
        while todo:
            a = todo.pop()
            v = bdd.level[a]
            if v != bdd.LEAF:
                tested |= 1 << v
                for half in (bdd.low[a], bdd.high[a]):
                    if half not in seen:
                        seen.add(half)
                        todo.append(half)
                continue
            leaf = bdd.value[a]
            if leaf != ALIKE:
                assert isinstance(leaf, tuple | Parting)
                leaves.append(leaf)
        self._leaves[pair], self._tested[pair] = leaves, tested

    def _distances(self) -> dict[Pair, int]:
        """How much is seen on the way to a difference, where every test may change at any time."""
        away: dict[Pair, int] = {}
        queue: list[tuple[int, Pair]] = []
        for pair, leaves in self._leaves.items():
            own = [_last(leaf) for leaf in leaves if isinstance(leaf, Parting)]
            if own:
                heappush(queue, (min(own), pair))
        while queue:
            cost, pair = heappop(queue)
            if pair in away:
                continue
            away[pair] = cost
            for earlier, name in self.before[pair]:
                if earlier not in away:
                    heappush(queue, (cost + self.known.weight(name), earlier))
        return away

    def _looked_at(self) -> dict[Pair, int]:
        """The tests (bits) whose values matter on the way to a difference."""
        live = {pair: self._tested[pair] for pair in self._away}
        todo = [*live][::-1]  # the nearest ones first
        waiting = set(live)
        # By action: the tests that keep their values, and those whose value others get.
        known: dict[str, tuple[int, list[tuple[int, int]]]] = {}
        while todo:
            pair = todo.pop()
            waiting.discard(pair)
            after = live[pair]
            for earlier, name in self.before[pair]:
                if earlier not in live:
                    continue
                if name not in known:
                    changes = self.images.changes(name)
                    kept = ~sum(1 << v for v in changes)
                    got = [(v, 1 << o[0]) for v, o in changes.items() if isinstance(o, tuple)]
                    known[name] = kept, got
                kept, got = known[name]
                needed = after & kept
                for v, source in got:
                    if after >> v & 1:
                        needed |= source
                if needed & ~live[earlier]:
                    live[earlier] |= needed
                    if earlier not in waiting:
                        waiting.add(earlier)
                        todo.append(earlier)
        return live

    # --- runs --------------------------------------------------------------------------------

    def runs(self) -> Iterator[Differs]:
        """Runs that part them, the shortest first.  Where there is none, `alike` says whether that
        is sure.  (What was told before is told again.)"""
        yield from tuple(self._told.values())
        self._going = self._going or self._runs()
        while (found := next(self._going, None)) is not None:  # (it outlives this generator)
            yield found

    def same(self) -> bool:
        """Whether no run surely parts them."""
        return next(self.runs(), None) is None and self.alike

    def _runs(self) -> Iterator[Differs]:
        if self.first not in self._away:
            self.alike = True
            return
        try:
            yield from self._along(1, FEW)
        except TooMany:
            # Of so many runs the shortest is not found: is there one?
            found = self._swept() if not self._told else None
            if isinstance(found, Differ):
                yield from self._or_else(found)
        if not self._told:
            self.alike = True
            return
        yield from self._along(AGAIN, MANY)

    def _swept(self) -> Differ | Mapping[Pair, int]:
        while True:
            places = Places(
                self.first, self.known.start, self._leaves, self._live, self._at, self._possible
            )
            found = sweep(places, self.images)
            impossible = self._impossible(found) if isinstance(found, Differ) else None
            if impossible is None:
                return found
            self._learn(impossible)

    def why(self) -> tuple[list[Sides], list[tuple[Sides, Cube]]]:
        """Where they are alike: the pairs of states that do the same whatever tests are, and the
        others, with the values with which a run may come to them."""
        sides = self.pairs.sides
        sure = [sides(pair) for pair in self.before if pair not in self._away]
        if self.first not in self._away:
            return sure, []
        kept: list[tuple[Sides, Cube]] = []
        found = self._swept()
        assert not isinstance(found, Differ)
        for pair, values in found.items():
            for cube in self.images.cubes(values):
                kept.append((sides(pair), cube))
                if len(kept) > MOST_KEPT:
                    raise TooMany(f"more than {MOST_KEPT} sets of values")
        return sure, kept

    def _or_else(self, found: Differ) -> Iterator[Differs]:
        """A shorter one, or this."""
        cost = sum(self.known.weight(t.action) for t in found.run)
        cost += 0 if ENDS in (found.left, found.right) else 1
        try:
            yield from self._along(1, MANY)
        except TooMany:
            yield self._tell(found, cost)

    def _along(self, times: int, most: int) -> Iterator[Differs]:
        """Best first, each value at most so often from one place."""
        while (impossible := (yield from self._first(times, most))) is not None:
            self._learn(impossible)

    def _first(self, times: int, most: int) -> Generator[Differs, None, Cube | None]:
        """The same; ends with tests that cannot be so at once, if such are come to."""
        images, false = self.images, self.bdd.false
        queue: list[tuple[int, int, int, _Come, Leaf | None]] = []
        visited: dict[Pair, list[int]] = {}
        told: Counter[tuple[Pair, Leaf]] = Counter()
        order = 0

        def push(come: _Come, more: int, leaf: Leaf | None = None) -> None:
            nonlocal order
            order += 1
            if order > most:
                raise TooMany(f"more than {most} ways to go on")
            heappush(queue, (come.cost + more, -come.cost, order, come, leaf))

        push(_Come(self.first, images.cube(self.known.start), 0), self._away[self.first])
        while queue:
            least, _, _, come, parting = heappop(queue)
            pair = come.pair
            if parting is not None:
                told[pair, parting] += 1
                if told[pair, parting] <= OF_ONE_KIND:
                    found = self._differ(come, come.values, parting)
                    impossible = self._impossible(found)
                    if impossible is not None:
                        return impossible
                    if self._key(found) not in self._told:
                        yield self._tell(found, least)
                continue
            often = visited.setdefault(pair, [false] * times)
            here = images.without(come.values, often[-1])
            if here == false:
                continue
            for k in range(times - 1, 0, -1):
                often[k] = images.any(often[k], images.both(often[k - 1], here))
            often[0] = images.any(often[0], here)
            for leaf in self._leaves[pair]:
                after = following(leaf)
                if after is not None and after not in self._away:
                    continue
                now = images.both(images.both(here, self._at(pair, leaf)), self._possible)
                if now == false:
                    continue
                if after is None:
                    push(replace(come, values=now), _last(leaf), leaf)
                    continue
                taken = action(leaf)
                then = images.onto(self._live[after], images.after(taken, now))
                cost = come.cost + self.known.weight(taken)
                push(_Come(after, then, cost, taken, come), self._away[after])
        return None

    def _impossible(self, found: Differ) -> Cube | None:
        """Values of tests on a run that they cannot have at once."""
        cubes = (*(t.tests for t in found.run), found.tests)
        return next((c for c in cubes if not self.known.feasible(c)), None)

    def _key(self, found: Differ) -> tuple[object, ...]:
        return (*(t.action for t in found.run), found.left, found.right)

    def _tell(self, found: Differ, least: int) -> Differs:
        told = self._told[self._key(found)] = Differs(found, least)
        return told

    def _differ(self, come: _Come, values: int, leaf: Leaf) -> Differ:
        """The run that came so, with values of tests at each step."""
        images = self.images
        last = images.some(values)
        cube = mattering(images, self._live[come.pair], last)
        run: list[Taken] = []
        while come.before is not None:
            earlier, name = come.before, come.action
            could = images.both(earlier.values, images.before(name, cube))
            for taken in self._leaves[earlier.pair]:
                if following(taken) != come.pair or action(taken) != name:
                    continue
                here = images.both(
                    images.both(could, self._at(earlier.pair, taken)), self._possible
                )
                if here != self.bdd.false:
                    break
            else:
                raise AssertionError("no way back")
            chosen = images.some(here)
            cube = mattering(images, self._live[earlier.pair], chosen)
            run.append(Taken(tuple(chosen.items()), name))
            come = earlier
        left, right = parted(leaf)
        return Differ(tuple(reversed(run)), tuple(last.items()), left, right)

    def _at(self, pair: Pair, leaf: Leaf) -> int:
        """The values of tests under which the two do this."""
        bdd, when = self.bdd, self._when
        first = self.pairs.start(pair)
        todo = [first]
        while todo:
            a = todo[-1]
            if (a, leaf) in when:
                todo.pop()
                continue
            if bdd.level[a] == bdd.LEAF:
                when[a, leaf] = bdd.true if bdd.value[a] == leaf else bdd.false
                todo.pop()
                continue
            missing = [half for half in (bdd.low[a], bdd.high[a]) if (half, leaf) not in when]
            if missing:
                todo += missing
                continue
            yes, no = when[bdd.high[a], leaf], when[bdd.low[a], leaf]
            when[a, leaf] = bdd.node(bdd.level[a], yes, no)
            todo.pop()
        return when[first, leaf]

    def _learn(self, cube: Cube) -> None:
        """That tests cannot be so, with as few of them as show it."""
        self._lemmas += 1
        if self._lemmas > MOST_LEMMAS:
            raise TooMany(f"more than {MOST_LEMMAS} sets of tests that exclude each other")
        kept = list(cube)
        for one in cube:
            less = [c for c in kept if c != one]
            if not self.known.feasible(tuple(less)):
                kept = less
        self._possible = self.images.without(self._possible, self.images.cube(kept))


def _last(leaf: Leaf) -> int:
    """How much is seen of what they do where they part."""
    assert isinstance(leaf, Parting)
    # (That one ends is seen with its last step.)
    return 0 if ENDS in (leaf.left, leaf.right) else 1
