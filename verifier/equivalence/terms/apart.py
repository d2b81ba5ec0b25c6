"""Runs on which two guarded terms do different things, the shortest first, tests remembered.

To `guarded.compare` every test may change with every action.  Here a test keeps its value until an
action touches what it reads, so that a run is one of the workflows in most cases; whether it is one
is for the replay to find out (`following`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from .decide import TooMany
from .guarded import ROUND, WAITS, Cube, Differ, Machine, Taken, said
from .store import Op

Pair = tuple[int, int]
Memory = frozenset[tuple[str, bool]]
MOST_PAIRS = 400_000
# How much nearer to a difference counts, and how many places are looked at so.
HURRY = (1, 10_000), (4, 40_000)
OF_ONE_KIND = 3  # differences, after other runs
MOST_WAYS = 4_000  # through the tests of one instant


@dataclass(frozen=True, slots=True)
class Knowing:
    """What is known of tests besides their names.  `keeps`: a test has after an action the value
    that it had before; `start`: where a run begins."""

    keeps: Callable[[str, str], bool] = lambda action, test: False
    feasible: Callable[[Iterable[tuple[str, bool]]], bool] = lambda cube: True
    start: Cube = ()


def differences(machine: Machine, left: int, right: int, known: Knowing) -> Iterator[Differ]:
    """Between two states; with each step the values of all tests that are known then.  Raises
    decide.TooMany."""
    search = _Search(machine, known)
    told = False
    for weight, visits in HURRY:
        for found in search.run((left, right), weight, visits):
            told = True
            yield found
        if told:
            return


class _Search:
    def __init__(self, machine: Machine, known: Knowing) -> None:
        self.m, self.known = machine, known
        # How many actions away a difference is, where every test may change at any time.
        self.away: dict[Pair, int] = {}

    def run(self, first: Pair, weight: int, visits: int) -> Iterator[Differ]:
        self.away = self.away or self._away(first)
        if first not in self.away:
            return
        queue: list[tuple[int, int, int, Pair, Memory, object]] = []
        order = 0

        def push(depth: int, rest: int, pair: Pair, memory: Memory, path: object) -> None:
            nonlocal order
            order += 1
            heappush(queue, (depth + weight * rest, -depth, order, pair, memory, path))

        push(0, self.away[first], first, frozenset(self.known.start), ())
        seen: set[tuple[Pair, Memory]] = set()
        told: Counter[tuple[Pair, str, str]] = Counter()
        while queue and len(seen) < visits:
            _, depth, _, pair, memory, path = heappop(queue)
            if (pair, memory) in seen:
                continue
            seen.add((pair, memory))
            for cube, x, y in self._ways(pair, dict(memory)):
                after = _next(x, y)
                if after is not None and after not in self.away:
                    continue
                now = dict(memory) | dict(cube)
                if not self.known.feasible(now.items()):
                    continue
                if after is None:
                    one, other = said(x), said(y)
                    told[pair, one, other] += 1
                    if told[pair, one, other] <= OF_ONE_KIND:
                        yield Differ(_steps(path), tuple(now.items()), one, other)
                    continue
                action = x[0]  # type: ignore[index]
                kept = frozenset((n, v) for n, v in now.items() if self.known.keeps(action, n))
                if (after, kept) not in seen:
                    taken = Taken(tuple(now.items()), action)
                    push(1 - depth, self.away[after], after, kept, (path, taken))

    def _away(self, first: Pair) -> dict[Pair, int]:
        """Of the pairs from which a difference can be reached."""
        before: dict[Pair, list[Pair]] = {first: []}
        differing: list[Pair] = []
        todo = deque([first])
        while todo:
            pair = todo.popleft()
            apart = False
            for x, y in self._leaves(pair):
                after = _next(x, y)
                if after is None:
                    apart = True
                elif after in before:
                    before[after].append(pair)
                elif after[0] != after[1]:
                    before[after] = [pair]
                    todo.append(after)
            if apart:
                differing.append(pair)
            if len(before) > MOST_PAIRS:
                raise TooMany(f"more than {MOST_PAIRS} pairs of states")
        away = dict.fromkeys(differing, 0)
        todo = deque(differing)
        while todo:
            pair = todo.popleft()
            for earlier in before[pair]:
                if earlier not in away:
                    away[earlier] = away[pair] + 1
                    todo.append(earlier)
        return away

    def _leaves(self, pair: Pair) -> Iterator[tuple[object, object]]:
        """What the two may do at once, each once."""
        bdd = self.m.bdd
        seen: set[Pair] = set()
        todo = [(self.m.start(pair[0]), self.m.start(pair[1]))]
        while todo:
            a, b = todo.pop()
            if a == b or (a, b) in seen:
                continue
            seen.add((a, b))
            v = min(bdd.level[a], bdd.level[b])
            if v == bdd.LEAF:
                x, y = bdd.value[a], bdd.value[b]
                if {x, y} != {WAITS, ROUND}:
                    yield x, y
                continue
            todo += self._halves(a, b, v)

    def _ways(
        self, pair: Pair, memory: dict[str, bool]
    ) -> Iterator[tuple[list[tuple[str, bool]], object, object]]:
        """The same by the values of tests, those that are remembered given."""
        bdd, names = self.m.bdd, self.m.names
        todo: list[tuple[int, int, tuple[tuple[str, bool], ...]]] = [
            (self.m.start(pair[0]), self.m.start(pair[1]), ())
        ]
        ways = 0
        while todo and ways < MOST_WAYS:
            a, b, cube = todo.pop()
            if a == b:
                continue
            v = min(bdd.level[a], bdd.level[b])
            if v == bdd.LEAF:
                ways += 1
                x, y = bdd.value[a], bdd.value[b]
                if {x, y} != {WAITS, ROUND}:
                    yield list(cube), x, y
                continue
            low, high = self._halves(a, b, v)
            value = memory.get(names[v])
            if value is not True:
                todo.append((*low, (*cube, (names[v], False))))
            if value is not False:
                todo.append((*high, (*cube, (names[v], True))))

    def _halves(self, a: int, b: int, v: int) -> tuple[Pair, Pair]:
        bdd = self.m.bdd
        a1, a0 = (bdd.high[a], bdd.low[a]) if bdd.level[a] == v else (a, a)
        b1, b0 = (bdd.high[b], bdd.low[b]) if bdd.level[b] == v else (b, b)
        return (a0, b0), (a1, b1)


def reached(machine: Machine, root: int, found: Differ) -> dict[int, int]:
    """The compositions that a term goes through on a run, with the number of their parts."""
    s, out = machine.store, dict[int, int]()
    stack = [(root, 0)]
    for tests in (*(t.tests for t in found.run), found.tests):
        values = dict(tests)
        for _ in range(MOST_WAYS):
            if not stack:
                break
            t, part = stack.pop()
            kids = s.kids[t]
            match s.op[t]:
                case Op.SEQ if part < len(kids):
                    out[t] = max(out.get(t, 0), part + 1)
                    stack += ((t, part + 1), (kids[part], 0))
                case Op.IF:
                    out[t] = 1
                    stack.append((kids[1 if machine.true(kids[0], values) else 2], 0))
                case Op.WHILE:
                    out[t] = 1
                    if machine.true(kids[0], values):
                        stack += ((t, 0), (kids[1], 0))
                case Op.ACT | Op.FAIL | Op.STUCK:
                    break
    return out


def _next(x: object, y: object) -> Pair | None:
    """The states behind an action that both take; None: they do different things."""
    if isinstance(x, tuple) and isinstance(y, tuple) and x[0] == y[0]:
        return x[1], y[1]
    return None


def _steps(path: object) -> tuple[Taken, ...]:
    out: list[Taken] = []
    while path:
        assert isinstance(path, tuple)
        path, taken = path
        out.append(taken)
    return tuple(reversed(out))
