"""Guarded terms: `;`, `if` and `while` over actions, skip, stuck and fail, which are deterministic.

Such a term is a coalgebra of guarded Kleene algebra with tests (Smolka, Foster, Hsu, Kappé, Kozen
and Silva 2020, "Guarded Kleene algebra with tests"): in each state, the values of the tests at that
instant decide what comes next.  Here the tests are decided by a diagram, as in Pous 2015
("Symbolic algorithms for language equivalence and Kleene algebra with tests"), and two states are
compared by merging them and whatever must then be merged (Hopcroft and Karp 1971), nearly linear.

What an answer means.  Actions and atomic tests are uninterpreted: between two actions every test
may change.  So YES holds whatever the activities do, and whether or not they fail.  What it says:
- neither `rounds` nor `silent`: the two are bisimilar, also where something beside them writes what
  the tests read, for deterministic terms with the same runs that take no internal steps are;
- `rounds`: a round of some loop may end without a step, and then a step of its own ends it.  The
  two are branching bisimilar where nothing beside them changes the tests: here what is tested after
  such a step is tested in the instant before it;
- `silent`: a loop may even go round without any other step;
- `mixed`: one may do that where the other one waits for ever, which here is the same: the same
  traces and outcomes, not the same divergence.
NO is about uninterpreted activities and tests: the run that it gives is a run of one term only if
the tests may have these values, which is for the caller to check (`feasible`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import field

from ....dsl.records import dataclass
from .decide import Cube, TooMany
from .machine import ROUND, WAITS, Machine, Meant
from .store import TESTS, Op, Store

_OPS = TESTS | {Op.SKIP, Op.STUCK, Op.FAIL, Op.ACT, Op.SEQ, Op.IF, Op.WHILE}


@dataclass(frozen=True, slots=True)
class Taken:
    """Under `tests` an action is taken."""

    tests: Cube
    action: str


@dataclass(frozen=True, slots=True)
class Same:
    """Equivalent; `related` are the pairs of states that were merged, the others as above."""

    related: int
    rounds: bool
    silent: bool
    mixed: bool = False
    # What is left to do, as a term and another rest (by number from 1 on; 0: nothing), and which
    # of that does the same.
    rests: tuple[tuple[int, int], ...] = field(default=(), compare=False, repr=False)
    pairs: tuple[tuple[int, int], ...] = field(default=(), compare=False, repr=False)
    meant: Meant = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Differ:
    """A shortest run after which, under `tests`, one does `left` and the other `right`.

    What is done is the label of an action, `fail E`, "ends", "waits" or "goes round"."""

    run: tuple[Taken, ...]
    tests: Cube
    left: str
    right: str


def guarded(store: Store, *roots: int) -> bool:
    """Whether terms are in the fragment."""
    return all(store.op[t] in _OPS for t in store.below(*roots))


def compare(
    store: Store,
    left: int,
    right: int,
    feasible: Callable[[Cube], bool] | None = None,
    machine: Machine | None = None,
) -> Same | Differ:
    """Whether two guarded terms are equivalent.  Raises decide.TooMany.

    `feasible` says whether tests can have these values all at once; without it, all can.
    `machine`: of these two terms, where there is one already.
    """
    ends = left != right and rounds(store, left, right)
    machine = machine or Machine(store, (left, right))
    return _Merging(machine, feasible, ends).run(machine.state(left), machine.state(right))


def same(
    store: Store,
    left: int,
    right: int,
    ends: bool | None = None,
    machine: Machine | None = None,
) -> Same | None:
    """Whether two guarded terms are equivalent, as far as it takes few pairs to see.  Raises
    decide.TooMany.  None: they may be, or not.  `ends`: what `rounds` says, where that is known;
    `machine`: of these two terms, where there is one already.

    Two that do the same first and are then alike are alike, so of such a pair only what differs
    is looked at: bisimulation up to equivalence and context (Rot, Bonsangue and Rutten 2013,
    "Coalgebraic bisimulation-up-to").  It is no evidence by itself: `pairs` are not all there are.
    """
    if ends is None:
        ends = left != right and rounds(store, left, right)
    machine = machine or Machine(store, (left, right))
    merging = _Merging(machine, None, ends, context=True)
    found = merging.run(machine.state(left), machine.state(right))
    # (What comes first may have no end, and what then differs does not matter.)
    return found if isinstance(found, Same) else None


def rounds(s: Store, *roots: int) -> bool:
    """Whether the body of some loop may end without a step of its own."""
    ends: dict[int, bool] = {}
    found = False
    for t in s.below(*roots):
        kids = s.kids[t]
        match s.op[t]:
            case Op.SEQ:
                ends[t] = not kids or ends[kids[-1]]
            case Op.IF:
                ends[t] = ends[kids[1]] or ends[kids[2]]
            case Op.WHILE:
                ends[t] = True
                found = found or ends[kids[1]]
            case op:
                ends[t] = op is Op.SKIP
    return found


class _Merging:
    """States that must be equivalent, merged as they are found, breadth first.

    The run found is a shortest one: a pair that is left out since its states were merged already
    is a chain of pairs met before it, and a run that tells it apart tells one of those apart.
    """

    def __init__(
        self,
        machine: Machine,
        feasible: Callable[[Cube], bool] | None,
        rounds: bool,
        context: bool = False,
    ) -> None:
        self.m, self.feasible, self.rounds, self.context = machine, feasible, rounds, context
        self.parent: dict[int, int] = {}
        # How a pair was come to: the pair before, the values of the tests, the action.
        self.came: dict[tuple[int, int], tuple[tuple[int, int], object, str]] = {}
        self.todo: deque[tuple[int, int]] = deque()
        self.merged: list[tuple[int, int]] = []
        self.mixed = False

    def find(self, x: int) -> int:
        parent = self.parent
        while (up := parent.get(x, x)) != x:
            parent[x] = x = parent.get(up, up)
        return x

    def merge(self, x: int, y: int) -> bool:
        a, b = self.find(x), self.find(y)
        if a == b:
            return False
        self.parent[max(a, b)] = min(a, b)
        self.merged.append((x, y))
        return True

    def run(self, left: int, right: int) -> Same | Differ:
        if left != right and self.merge(left, right):
            self.todo.append((left, right))
        seen: set[tuple[int, int]] = set()
        while self.todo:
            pair = self.todo.popleft()
            found = self._differ(pair, seen)
            if found is not None:
                return found
        rests, pairs = self.m.rests(self.merged)
        rounds, silent = self.rounds, self.m.silent
        return Same(len(pairs), rounds, silent, self.mixed, rests, pairs, self.m.meant)

    def _differ(self, pair: tuple[int, int], seen: set[tuple[int, int]]) -> Differ | None:
        """Compare what two states do next; what must then be equivalent is merged."""
        bdd, possible = self.m.bdd, self.feasible
        level, high, low = bdd.level, bdd.high, bdd.low
        todo: list[tuple[int, int, object]] = [(self.m.start(pair[0]), self.m.start(pair[1]), ())]
        paths = 0
        while todo:
            a, b, path = todo.pop()
            if a == b or (a, b) in seen:
                continue
            v = min(level[a], level[b])
            if v != bdd.LEAF:
                if possible is None:
                    seen.add((a, b))  # else another path may be possible where this one is not
                a1, a0 = (high[a], low[a]) if level[a] == v else (a, a)
                b1, b0 = (high[b], low[b]) if level[b] == v else (b, b)
                todo.append((a0, b0, (path, v, False)))
                todo.append((a1, b1, (path, v, True)))
                continue
            x, y = bdd.value[a], bdd.value[b]
            if {x, y} == {WAITS, ROUND}:
                self.mixed = True
                continue
            if possible is not None:
                paths += 1
                if paths > 100_000:
                    raise TooMany("more than 100000 ways through the tests of one instant")
                if not possible(self._cube(path)):
                    continue
            if isinstance(x, tuple) and isinstance(y, tuple) and x[0] == y[0]:
                after = self.m.apart(x[1], y[1]) if self.context else (x[1], y[1])
                if self.merge(*after):
                    self.came[after] = (pair, path, x[0])
                    self.todo.append(after)
                continue
            return self._because(pair, self._cube(path), x, y)
        return None

    def _cube(self, path: object) -> Cube:
        out: list[tuple[str, bool]] = []
        while path:
            assert isinstance(path, tuple)
            path, v, value = path
            out.append((self.m.names[v], value))
        return tuple(reversed(out))

    def _because(self, pair: tuple[int, int], tests: Cube, x: object, y: object) -> Differ:
        run: list[Taken] = []
        while pair in self.came:
            pair, path, action = self.came[pair]
            run.append(Taken(self._cube(path), action))
        return Differ(tuple(reversed(run)), tests, said(x), said(y))


def said(done: object) -> str:
    return str(done[0]) if isinstance(done, tuple) else str(done)
