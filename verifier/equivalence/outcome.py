"""Outcome equivalence: from the same arguments and the same environment, the same results.

The environment is a function: how the n-th attempt of an activity with these arguments ends (in the
order in which they end), and what the n-th message of a channel is.  It is found out step by step:
both systems run as far as they come with what is known of it; then it answers, in every way that is
possible, all that they wait for.  The outcomes of a system are those of all its runs under one
environment, so that choices and schedules are the system's own.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from itertools import product

from ...dsl.records import dataclass
from .behaviour import Behaviour
from .lts import INTERNAL, Adjacency, adjacency
from .runs import OutOfReach

Key = tuple[str, int]  # what is asked, and for which time
Config = tuple[int, tuple[Key, ...]]  # a state, and how often each has been answered before
Answers = frozenset[tuple[Key, str]]
Found = frozenset[str]
CUT = ""  # no outcome: it is not known how a run goes on


@dataclass(frozen=True, slots=True)
class Environment:
    """What can be answered in several ways is answered so, in the runs that are shown.  `again`: it
    goes on for ever so, from the answer of this number on; None: no more is asked."""

    arguments: tuple[tuple[str, str], ...]
    answers: tuple[tuple[Key, str], ...]
    again: int | None = None


@dataclass(frozen=True, slots=True)
class Different:
    """`outcome` is one of the left side (or of the right one) only; `run` leads to it, and `other`
    to some outcome of the other side (empty where it has none)."""

    environment: Environment
    left: bool
    outcome: str
    run: tuple[str, ...]
    other: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Same:
    """`situations`: how many states of knowledge about the environment were looked at."""

    situations: int


@dataclass(frozen=True, slots=True)
class Bounds:
    situations: int = 20_000
    configurations: int = 200_000
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class _Node:
    """What is known, and where the two systems wait."""

    waiting: tuple[frozenset[Config], frozenset[Config]]
    answers: Answers
    found: tuple[Found, Found]


@dataclass(slots=True)
class _Side:
    behaviour: Behaviour
    out: Adjacency
    starts: Mapping[tuple[tuple[str, str], ...], list[int]]


def compare(
    left: Behaviour,
    right: Behaviour,
    bounds: Bounds | None = None,
    inclusion: bool = False,
) -> Different | Same:
    """Both with the same arguments (`behaviour.paired`).  With `inclusion`: is each outcome of the
    left side one of the right one?  Raises OutOfReach."""
    return _Comparing((_side(left), _side(right)), bounds or Bounds(), inclusion).run()


def _side(b: Behaviour) -> _Side:
    starts: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for values, state in b.starts:
        starts.setdefault(values, []).append(state)
    return _Side(b, adjacency(b.states, b.source), starts)


@dataclass(slots=True)
class _Comparing:
    sides: tuple[_Side, _Side]
    bounds: Bounds
    inclusion: bool
    until: float = 0.0
    looked: int = 0
    situations: int = 0
    # By node: the node before it, what was answered, and how the numbers were moved down then.
    before: dict[_Node, tuple[_Node | None, Answers, Mapping[str, int]]] = field(
        default_factory=dict
    )

    def run(self) -> Different | Same:
        self.until = time.monotonic() + self.bounds.seconds
        first, second = self.sides
        for values in sorted(first.starts.keys() | second.starts.keys()):
            found = self._from(values)
            if found is not None:
                return found
        return Same(self.situations)

    def _from(self, values: tuple[tuple[str, str], ...]) -> Different | None:
        self.before.clear()
        first, second = (
            frozenset((s, ()) for s in side.starts.get(values, ())) for side in self.sides
        )
        root, shift = self._advanced((first, second), frozenset(), (Found(), Found()))
        self.before[root] = (None, frozenset(), shift)
        queue = deque([root])
        edges: dict[_Node, list[_Node]] = {}
        while queue:
            node = queue.popleft()
            self.situations += 1
            if self.situations > self.bounds.situations:
                raise OutOfReach(f"more than {self.bounds.situations} situations")
            following = edges[node] = []
            asked = self._asked(node)
            if not asked and self._differs(node):
                return self._told(values, node, None)
            for chosen in product(*(sorted(asked[k]) for k in sorted(asked))):
                more = frozenset(zip(sorted(asked), chosen, strict=True))
                then, shift = self._advanced(node.waiting, node.answers | more, node.found)
                following.append(then)
                if then not in self.before:
                    self.before[then] = (node, more, shift)
                    queue.append(then)
        looping = self._looping(edges)
        return None if looping is None else self._told(values, *looping)

    def _differs(self, node: _Node) -> bool:
        left, right = node.found
        if CUT in left or CUT in right:
            return False  # a run goes on with an answer that is left out
        return not left <= right if self.inclusion else left != right

    def _looping(self, edges: Mapping[_Node, list[_Node]]) -> tuple[_Node, list[_Node]] | None:
        """A way round through situations in which the outcomes differ, for ever."""
        differing = {n for n in edges if self._differs(n)}
        # What cannot go on among them for ever is taken away, until nothing changes.
        counts = {n: sum(m in differing for m in edges[n]) for n in differing}
        into: dict[_Node, list[_Node]] = {}
        for n in differing:
            for m in edges[n]:
                if m in differing:
                    into.setdefault(m, []).append(n)
        ends = [n for n, c in counts.items() if not c]
        while ends:
            n = ends.pop()
            differing.discard(n)
            for m in into.get(n, ()):
                counts[m] -= 1
                if not counts[m]:
                    ends.append(m)
        for n in edges:  # in the order in which they were found
            if n in differing:
                return n, self._cycle(n, edges, differing)
        return None

    def _cycle(
        self, start: _Node, edges: Mapping[_Node, list[_Node]], inside: set[_Node]
    ) -> list[_Node]:
        path: dict[_Node, None] = {}
        node = start
        while node not in path:
            path[node] = None
            node = next(m for m in edges[node] if m in inside)
        return list(path)

    # --- running -----------------------------------------------------------------------------

    def _asked(self, node: _Node) -> dict[Key, set[str]]:
        """What is waited for, with the answers that are possible."""
        known = {k for k, _ in node.answers}
        asked: dict[Key, set[str]] = {}
        for side, configs in zip(self.sides, node.waiting, strict=True):
            for config in configs:
                for key, answer, _, _ in self._moves(side, config):
                    if key is not None and key not in known:
                        asked.setdefault(key, set()).add(answer)
        return asked

    def _moves(self, side: _Side, config: Config) -> Iterator[tuple[Key | None, str, Config, int]]:
        """What must have been answered, and how; where it leads; the edge."""
        state, counts = config
        b = side.behaviour
        for k in side.out.of(state):
            answered = b.acts[b.act[k]].answered
            if answered is None:
                yield None, "", (b.target[k], counts), k
            else:
                counted, number = _count(counts, answered[0])
                yield (answered[0], number), answered[1], (b.target[k], counted), k

    def _advanced(
        self,
        waiting: tuple[frozenset[Config], frozenset[Config]],
        answers: Answers,
        found: tuple[Found, Found],
    ) -> tuple[_Node, Mapping[str, int]]:
        """As far as both come; numbers that nobody can ask for any more are forgotten."""
        known = dict(answers)
        still: list[set[Config]] = []
        outcomes = [set(f) for f in found]
        for side, configs, out in zip(self.sides, waiting, outcomes, strict=True):
            still.append(self._closure(side, configs, known, out))
        lowest: dict[str, int] = {}
        left = [dict(counts) for each in still for _, counts in each]
        for name in {n for counts in left for n in counts}:
            lowest[name] = min(counts.get(name, 0) for counts in left)
        kept = frozenset(
            (_lower(key, lowest), answer)
            for key, answer in answers
            if left and key[1] > lowest.get(key[0], 0)
        )
        moved = [frozenset(_moved(c, lowest) for c in s) for s in still]
        node = _Node((moved[0], moved[1]), kept, (frozenset(outcomes[0]), frozenset(outcomes[1])))
        return node, lowest

    def _closure(
        self, side: _Side, configs: Iterable[Config], known: Mapping[Key, str], out: set[str]
    ) -> set[Config]:
        """Those that wait for an answer that is not known; outcomes on the way go to `out`."""
        todo = list(configs)
        seen = set(todo)
        waiting: set[Config] = set()
        while todo:
            config = todo.pop()
            self._tick()
            if config[0] in side.behaviour.cut:
                out.add(CUT)
            for key, answer, then, k in self._moves(side, config):
                if key is not None and key not in known:
                    waiting.add(config)
                elif key is None or known[key] == answer:
                    outcome = side.behaviour.acts[side.behaviour.act[k]].outcome
                    if outcome is not None:
                        out.add(outcome)
                    if then not in seen:
                        seen.add(then)
                        todo.append(then)
        return waiting

    def _tick(self) -> None:
        self.looked += 1
        if self.looked > self.bounds.configurations * 10 or (
            not self.looked % 256 and time.monotonic() > self.until
        ):
            raise OutOfReach(f"{self.situations} situations were looked at")

    # --- telling -----------------------------------------------------------------------------

    def _told(
        self, values: tuple[tuple[str, str], ...], node: _Node, cycle: list[_Node] | None
    ) -> Different:
        left, right = node.found
        mine = left - right
        first = bool(mine)
        outcome = min(mine or right - left)
        answers = list(self._answers(node))
        known = dict(answers)
        open_ = self._open()
        told = tuple(a for a in answers if a[0][0] in open_)
        runs = [self._run(side, values, known) for side in self.sides]
        run = runs[0 if first else 1][outcome]
        others = runs[1 if first else 0]
        other = min(others.values(), key=len) if others else ()
        again = None if cycle is None else len(told)
        return Different(Environment(values, told, again), first, outcome, run, other)

    def _open(self) -> set[str]:
        """What can be answered in several ways."""
        ways: dict[str, set[str]] = {}
        for side in self.sides:
            for act in side.behaviour.acts:
                if act.answered is not None:
                    ways.setdefault(act.answered[0], set()).add(act.answered[1])
        return {name for name, answers in ways.items() if len(answers) > 1}

    def _answers(self, node: _Node) -> Iterator[tuple[Key, str]]:
        """All that was answered, numbered from the start."""
        path = []
        at: _Node | None = node
        while at is not None:
            before, more, shift = self.before[at]
            path.append((more, shift))
            at = before
        moved: dict[str, int] = {}
        for more, shift in reversed(path):
            for (name, number), answer in sorted(more):
                yield (name, number + moved.get(name, 0)), answer
            for name, by in shift.items():
                moved[name] = moved.get(name, 0) + by

    def _run(
        self, side: _Side, values: tuple[tuple[str, str], ...], known: Mapping[Key, str]
    ) -> dict[str, tuple[str, ...]]:
        """By outcome, a shortest run to it under these answers."""
        b = side.behaviour
        queue: deque[tuple[Config, tuple[str, ...]]] = deque(
            ((s, ()), ()) for s in side.starts.get(values, ())
        )
        seen = {config for config, _ in queue}
        out: dict[str, tuple[str, ...]] = {}
        while queue:
            config, path = queue.popleft()
            self.until = time.monotonic() + 1
            for key, answer, then, k in self._moves(side, config):
                if key is not None and known.get(key) != answer:
                    continue
                act = b.acts[b.act[k]]
                longer = path if act.text == INTERNAL else (*path, act.text)
                if act.outcome is not None:
                    out.setdefault(act.outcome, longer)
                if then not in seen:
                    seen.add(then)
                    queue.append((then, longer))
        return out


def _count(counts: tuple[Key, ...], name: str) -> tuple[tuple[Key, ...], int]:
    known = dict(counts)
    known[name] = known.get(name, 0) + 1
    return tuple(sorted(known.items())), known[name]


def _lower(key: Key, by: Mapping[str, int]) -> Key:
    return key[0], key[1] - by.get(key[0], 0)


def _moved(config: Config, by: Mapping[str, int]) -> Config:
    fewer = (_lower(k, by) for k in config[1])
    return config[0], tuple(k for k in fewer if k[1])
