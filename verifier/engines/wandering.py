"""Pairs of complete runs of a large system that part at two steps which do not commute.

Not all runs can be looked at there, so one walks at random to its end, and where two steps did not
commute on the way another walk takes the other one and then goes on as like the first as it can.
It finds runs and proves nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from random import Random

from ...dsl.records import dataclass
from ...semantics.system import RuleKind
from .confluence import Confluence, Node
from .environments import alternatives
from .partings import MOST_STEPS, Answers, End, Record, Runs, agree
from .tracked import Key, Move, State

MOST_TURNS = 8  # of one walk
FAILED = (RuleKind.FAIL, RuleKind.TIMEOUT)
ATTEMPTED = (*FAILED, RuleKind.COMPLETE)


@dataclass(frozen=True, slots=True)
class Walk:
    """A run: its moves, and where it was, with what it had asked, before each and at the end."""

    moves: tuple[Move, ...]
    nodes: tuple[Node, ...]
    records: tuple[Record, ...]

    def end(self) -> End:
        return End(self.moves, self.nodes[-1].state, dict(self.records[-1].answers))


class Failing:
    """How often attempts fail in a walk: all alike, or each thread in its own way.  (What is tried
    again and again fails at last only if nearly all of its attempts do, and who else does then?)"""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.all = rng.choice([0.05, 0.3, 0.6, 0.9, None])
        self.known: dict[int, float] = {}

    def now(self, thread: int) -> bool:
        """Whether an attempt of it is to fail, if one ends next."""
        if thread not in self.known:
            self.known[thread] = (
                self.rng.choice([0.05, 0.5, 0.97]) if self.all is None else self.all
            )
        return self.rng.random() < self.known[thread]


class Wanderer:
    """Walks in a timed graph from one state in which runs begin.  `ends`: an attempt's end and its
    time-out are both of one environment (durations may differ)."""

    def __init__(self, graph: Confluence, start: State, seed: int, until: float, *, ends: bool):
        self.graph = graph
        self.runs = Runs(graph, exact=False, timeouts=not ends)
        self.start = graph.begin(start)
        self.rng = Random(seed)
        self.until = until
        self.ends = ends

    def pairs(self) -> Iterator[tuple[End, End, Move, Move]]:
        """Runs of one environment, as far as their answers tell, and the steps that part them."""
        while time.monotonic() < self.until:
            failing = Failing(self.rng)
            walk = self._on(Walk((), (self.start,), (Record(),)), (), {}, failing)
            if walk is None:
                continue
            places = list(range(len(walk.moves)))
            self.rng.shuffle(places)
            turns = ((at, other) for at in places for other in self._turns(walk, at))
            for at, other in islice(turns, MOST_TURNS):
                turned = self._turned(walk, at, other, failing)
                if turned is not None:
                    yield walk.end(), turned.end(), walk.moves[at], other

    def _turns(self, walk: Walk, at: int) -> Iterator[Move]:
        """Steps at the same instant as one of the walk that lead elsewhere."""
        node, taken = walk.nodes[at], walk.moves[at]
        for other, _ in self.graph.steps(node) if time.monotonic() < self.until else ():
            if other.key == taken.key or alternatives(
                self.graph.tracked, taken, other, not self.ends
            ):
                continue
            if self.graph.together(node, taken, other) and self.graph.parts(node, taken, other):
                yield other

    def _turned(self, walk: Walk, at: int, other: Move, failing: Failing) -> Walk | None:
        """The walk with another step at one place; half of the time the thread of the step that
        was taken there comes last from then on."""
        here = Walk(walk.moves[:at], walk.nodes[: at + 1], walk.records[: at + 1])
        given = dict(walk.records[-1].answers)
        first = self._step(
            here, [s for s in self.graph.steps(here.nodes[-1]) if s[0] == other], given
        )
        if first is None:
            return None
        last = walk.moves[at].rule.thread if self.rng.random() < 0.5 else None
        return self._on(first, walk.moves[at:], given, failing, last)

    def _step(self, walk: Walk, able: Sequence[tuple[Move, Node]], given: Answers) -> Walk | None:
        """Further by the first step that does not contradict what was given."""
        here, record = walk.nodes[-1], walk.records[-1]
        for move, after in able:
            noted = self.runs.take(here, record, move)
            if noted is not None and agree(dict(noted.answers), given):
                return Walk((*walk.moves, move), (*walk.nodes, after), (*walk.records, noted))
        return None

    def _on(
        self,
        walk: Walk | None,
        plan: Sequence[Move],
        given: Answers,
        failing: Failing,
        last: int | None = None,
    ) -> Walk | None:
        """To the end: by the steps of `plan` that can be taken, the first of them first, those of
        the thread `last` last, and otherwise by any that do not contradict what was given."""
        todo = list(plan)
        tracked = self.graph.tracked
        while walk is not None and len(walk.moves) < MOST_STEPS and time.monotonic() < self.until:
            here = walk.nodes[-1]
            able = list(self.graph.steps(here))
            if not able:
                over = not tracked.moves(here.state) and not tracked.barred(here.state)
                return walk if over else None
            ranks = {m.key: k for k, m in reversed(list(enumerate(todo)))}

            fails = {m.rule.thread: failing.now(m.rule.thread) for m, _ in able}

            def late(
                step: tuple[Move, Node],
                ranks: Mapping[Key, int] = ranks,
                fails: Mapping[int, bool] = fails,
            ) -> tuple[bool, int, float]:
                move, none = step[0], len(ranks) + len(plan)
                otherwise = move.rule.kind in ATTEMPTED and fails[move.rule.thread] is not (
                    move.rule.kind in FAILED
                )
                draw = self.rng.random() + otherwise
                return move.rule.thread == last, ranks.get(move.key, none), draw

            walk = self._step(walk, sorted(able, key=late), given)
            if walk is not None and walk.moves[-1].key in ranks:
                del todo[ranks[walk.moves[-1].key]]
        return None


__all__ = ["Walk", "Wanderer"]
