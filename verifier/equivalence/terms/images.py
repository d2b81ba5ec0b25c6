"""Sets of values of tests, as decision diagrams, and what steps make of them.

A step says what it makes of each test (`Change`): images and pre-images of sets under steps, as in
symbolic model checking (Burch, Clarke, McMillan, Dill and Hwang 1992).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import pairwise, product

from ....dsl.records import dataclass
from .decide import Cube, Diagrams

EITHER = -1  # of a test, what is no diagram: it may come out either way
MOST_SOURCES = 6  # tests that a step writes, and other tests are then what these were

Values = Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class Change:
    """What a step makes of tests: those that may come out either way, and those whose value is
    then a known one, or that of another test (or its not) before.  All others keep theirs."""

    lost: frozenset[str] = frozenset()
    given: Mapping[str, bool | tuple[str, bool]] = field(default_factory=dict)


class Images:
    """`names` of the tests by level.  All methods may raise decide.TooMany."""

    def __init__(
        self, bdd: Diagrams, names: Sequence[str], change: Callable[[str], Change]
    ) -> None:
        self.bdd, self.names, self._change = bdd, names, change
        self.number = {name: n for n, name in enumerate(names)}
        self._changes: dict[str, dict[int, bool | tuple[int, bool] | None]] = {}
        self._memo: dict[tuple[object, int], int] = {}

    # --- sets --------------------------------------------------------------------------------

    def both(self, a: int, b: int) -> int:
        return self.bdd.ite(a, b, self.bdd.false)

    def any(self, a: int, b: int) -> int:
        return self.bdd.ite(a, self.bdd.true, b)

    def without(self, a: int, b: int) -> int:
        return self.bdd.ite(b, self.bdd.false, a)

    def cube(self, values: Iterable[tuple[str, bool]]) -> int:
        bdd, made = self.bdd, self.bdd.true
        named = [(self.number[n], value) for n, value in values if n in self.number]
        for v, value in sorted(named, reverse=True):
            made = bdd.node(v, made, bdd.false) if value else bdd.node(v, bdd.false, made)
        return made

    def some(self, values: int) -> dict[str, bool]:
        """Values that are in a set (which is not empty), whatever the other tests are."""
        bdd = self.bdd
        path = [values]
        while path[-1] != bdd.true:
            # (Every node but `false` leads to `true`.)
            high, low = bdd.high[path[-1]], bdd.low[path[-1]]
            path.append(low if low != bdd.false else high)
        return {self.names[bdd.level[n]]: m != bdd.low[n] for n, m in pairwise(path)}

    def cubes(self, values: int) -> Iterator[Cube]:
        """A set in parts that exclude each other."""
        bdd = self.bdd
        todo: list[tuple[int, Cube]] = [(values, ())]
        while todo:
            node, path = todo.pop()
            if node == bdd.true:
                yield path
            elif node != bdd.false:
                name = self.names[bdd.level[node]]
                todo.append((bdd.low[node], (*path, (name, False))))
                todo.append((bdd.high[node], (*path, (name, True))))

    def onto(self, kept: int, values: int) -> int:
        """What a set says of some tests (bits by number)."""
        lost = {v: EITHER for v in self._support(values) if not kept >> v & 1}
        return self._put(("onto", frozenset(lost)), lost, values)

    def _support(self, values: int) -> set[int]:
        bdd = self.bdd
        seen = {values}
        todo = [values]
        out: set[int] = set()
        while todo:
            node = todo.pop()
            if bdd.level[node] == bdd.LEAF:
                continue
            out.add(bdd.level[node])
            for half in (bdd.high[node], bdd.low[node]):
                if half not in seen:
                    seen.add(half)
                    todo.append(half)
        return out

    # --- steps -------------------------------------------------------------------------------

    def changes(self, action: str) -> Mapping[int, bool | tuple[int, bool] | None]:
        """By test that an action may change: a value, another test (or its not), None: either."""
        found = self._changes.get(action)
        if found is None:
            change = self._change(action)
            found = {self.number[n]: None for n in change.lost if n in self.number}
            for name, other in change.given.items():
                if name not in self.number:
                    continue
                found[self.number[name]] = None
                if isinstance(other, bool):
                    found[self.number[name]] = other
                elif other[0] in self.number:
                    found[self.number[name]] = self.number[other[0]], other[1]
            sources = {o[0] for o in found.values() if isinstance(o, tuple)}
            if len(sources & found.keys()) > MOST_SOURCES:
                found = {v: None if isinstance(o, tuple) else o for v, o in found.items()}
            self._changes[action] = found
        return found

    def before(self, action: str, values: int) -> int:
        """The values before an action after which tests can have some of these."""
        moves = {v: self._term(other) for v, other in self.changes(action).items()}
        return self._put(("before", action), moves, values) if moves else values

    def after(self, action: str, values: int) -> int:
        """The values that tests can have after an action, if they have some of these before."""
        changes = self.changes(action)
        if not changes:
            return values
        bdd = self.bdd
        sources = {o[0] for o in changes.values() if isinstance(o, tuple)}
        inside = sorted(sources & changes.keys())
        made = bdd.false
        for chosen in product((False, True), repeat=len(inside)):
            known = dict(zip(inside, chosen, strict=True))
            moves = dict.fromkeys(changes, EITHER)
            moves |= {v: bdd.true if x else bdd.false for v, x in known.items()}
            # (Of those that are looked at only what they were; all that change are then free.)
            part = self._put(("after", action, chosen), moves, values)
            for v, other in changes.items():
                if other is None:
                    continue
                if isinstance(other, tuple) and other[0] in known:
                    other = known[other[0]] is other[1]
                here = bdd.variable(v)
                same = bdd.ite(here, self._term(other), bdd.not_(self._term(other)))
                part = self.both(part, same)
            made = self.any(made, part)
        return made

    def _term(self, other: bool | tuple[int, bool] | None) -> int:
        bdd = self.bdd
        if other is None:
            return EITHER
        if isinstance(other, bool):
            return bdd.true if other else bdd.false
        same = bdd.variable(other[0])
        return same if other[1] else bdd.not_(same)

    def _put(self, key: object, moves: Mapping[int, int], values: int) -> int:
        """Diagrams in place of some tests; EITHER: for some value of it."""
        bdd, memo = self.bdd, self._memo
        todo = [values]
        while todo:
            node = todo[-1]
            if (key, node) in memo:
                todo.pop()
                continue
            v = bdd.level[node]
            if v == bdd.LEAF:
                memo[key, node] = node
                todo.pop()
                continue
            halves = bdd.high[node], bdd.low[node]
            missing = [h for h in halves if (key, h) not in memo]
            if missing:
                todo += missing
                continue
            yes, no = (memo[key, h] for h in halves)
            term = moves.get(v)
            if term == EITHER:
                memo[key, node] = self.any(yes, no)
            else:
                memo[key, node] = bdd.ite(bdd.variable(v) if term is None else term, yes, no)
            todo.pop()
        return memo[key, values]
