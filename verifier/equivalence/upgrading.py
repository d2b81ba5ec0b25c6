"""Can what runs under an old version go on under a new one?

A run in flight is known by its log: what an observer has seen of it.  The new version can go on
with it if it has a run that looks the same (after which it may do whatever it does).  All states of
the old one are looked at, each with the set of states of the new one in which the same log may end.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import field

from ...dsl.records import dataclass
from .behaviour import Behaviour, begin
from .lts import INTERNAL, adjacency
from .runs import Limits, OutOfReach

States = frozenset[int]
Path = tuple["Path | None", str, bool]  # before, a label, and whether the new one can follow


@dataclass(frozen=True, slots=True)
class Broken:
    """A log of the old version; the new one can follow the first `followed` of its steps."""

    log: tuple[str, ...]
    followed: int


@dataclass(slots=True)
class Place:
    """Where runs of the old version may stand; `broken`: the shortest that cannot go on."""

    where: str
    states: set[int] = field(default_factory=set)
    broken: Broken | None = None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The places of unfinished runs, as they are first come to.  `window`: only such answers and
    arguments were looked at.  `how`: all runs can go on, and why, where places are not known."""

    places: tuple[Place, ...]
    window: tuple[int, int] | None = None
    how: str = ""

    @property
    def broken(self) -> Broken | None:
        """The shortest of all."""
        found = [p.broken for p in self.places if p.broken is not None]
        return min(found, key=lambda b: len(b.log), default=None)


def upgrade(old: Behaviour, new: Behaviour, limits: Limits | None = None) -> Upgrade:
    """`old` with its `places`.  Raises OutOfReach."""
    return _Following(old, new, limits or Limits()).run()


class _Following:
    def __init__(self, old: Behaviour, new: Behaviour, limits: Limits) -> None:
        self.old, self.new, self.limits = old, new, limits
        self.out = adjacency(old.states, old.source)
        self.steps = adjacency(new.states, new.source)
        self.over = {
            t for t, a in zip(old.target, old.act, strict=True) if old.acts[a].outcome is not None
        }
        self.places: dict[str, Place] = {}

    def run(self) -> Upgrade:
        until = time.monotonic() + self.limits.seconds
        queue: deque[tuple[int, States, Path | None]] = deque()
        seen: set[tuple[int, States]] = set()

        def come(state: int, others: States, path: Path | None) -> None:
            if (state, others) not in seen:
                seen.add((state, others))
                queue.append((state, others, path))

        for values, state in self.old.starts:
            given = dict(values)
            others = self._closure(
                s for v, s in self.new.starts if all(given.get(n, x) == x for n, x in v)
            )
            first: Path | None = (None, begin(values), bool(others)) if values else None
            come(state, others, first)
        while queue:
            if len(seen) > self.limits.pairs or time.monotonic() > until:
                raise OutOfReach(f"{len(seen)} states of both were looked at")
            state, others, path = queue.popleft()
            if state in self.over:
                continue
            self._note(state, others, path)
            for k in self.out.of(state):
                act = self.old.acts[self.old.act[k]]
                if act.outcome is not None:
                    continue  # then it is finished
                if act.text == INTERNAL:
                    come(self.old.target[k], others, path)
                    continue
                then = self._after(others, act.text)
                come(self.old.target[k], then, (path, act.text, bool(then)))
        return Upgrade(tuple(self.places.values()))

    def _note(self, state: int, others: States, path: Path | None) -> None:
        where = self.old.places[state]
        place = self.places.setdefault(where, Place(where))
        place.states.add(state)
        if not others and place.broken is None:
            log: list[str] = []
            followed = 0
            while path is not None:
                path, label, can = path
                log.append(label)
                followed += can
            place.broken = Broken(tuple(reversed(log)), followed)

    def _closure(self, states: Iterable[int]) -> States:
        todo = list(states)
        found = set(todo)
        while todo:
            for k in self.steps.of(todo.pop()):
                t = self.new.target[k]
                if self.new.acts[self.new.act[k]].text == INTERNAL and t not in found:
                    found.add(t)
                    todo.append(t)
        return frozenset(found)

    def _after(self, states: States, text: str) -> States:
        return self._closure(
            self.new.target[k]
            for s in states
            for k in self.steps.of(s)
            if self.new.acts[self.new.act[k]].text == text
        )
