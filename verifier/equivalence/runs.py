"""Trace and failures equivalence: pairs of sets of states, up to congruence.

Bonchi and Pous 2013: where X is already compared with Y and X' with Y', X | X' need not be compared
with Y | Y'.  What a set shows (that it is not empty; the least of what its states offer) is a
homomorphism of unions, so that the same holds for failures.  Pairs are looked at breadth first, and
one is left out for pairs that are no further from the start only: what is found first is shortest.
"""

from __future__ import annotations

import time
from collections import deque

from ...dsl.records import dataclass
from .internal import Contracted
from .sets import Offers, Sets, States


class OutOfReach(Exception):
    """Too many pairs, or no more time."""


@dataclass(frozen=True, slots=True)
class Limits:
    pairs: int = 200_000
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Parted:
    """After `run` (labels) only one side can be there; or the one on the `left` (or right) may
    stop where it offers no more than `offers`, and the other one always offers something that
    `refused` holds, or has no such state."""

    run: tuple[int, ...]
    left: bool
    refused: Offers | None = None
    offers: Offers = frozenset()


@dataclass(frozen=True, slots=True)
class Related:
    """The pairs of sets that were compared; what follows from them by union is left out."""

    pairs: tuple[tuple[States, States], ...]


def compare(
    contracted: Contracted,
    left: int,
    right: int,
    failures: bool,
    inclusion: bool = False,
    limits: Limits | None = None,
) -> Parted | Related:
    """Have two states the same runs (and failures)?  With `inclusion`: has `right` all of `left`?

    Labels are those of `contracted`.  Raises OutOfReach.
    """
    limits = limits or Limits()
    until = time.monotonic() + limits.seconds
    sets = Sets(contracted)
    first, second = sets.closure([left]), sets.closure([right])
    if inclusion:  # X is within Y if X | Y is no more than Y
        first |= second
    known = _Congruence()
    known.add(first, second)
    queue: deque[tuple[States, States, tuple[object, ...]]] = deque([(first, second, ())])
    pairs: list[tuple[States, States]] = []
    while queue:
        x, y, path = queue.popleft()
        pairs.append((x, y))
        if len(pairs) > limits.pairs or (not len(pairs) % 64 and time.monotonic() > until):
            raise OutOfReach(f"{len(pairs)} pairs of sets of states were compared")
        if bool(x) != bool(y):
            return Parted(_run(path), bool(x))
        if failures:
            parted = _refusal(sets.offers(x), sets.offers(y), path)
            if parted is not None:
                return parted
        one, other = sets.steps(x), sets.steps(y)
        for a in sorted(one.keys() | other.keys()):
            x_, y_ = sets.closure(one.get(a, ())), sets.closure(other.get(a, ()))
            if x_ != y_ and not known.holds(x_, y_):
                known.add(x_, y_)
                queue.append((x_, y_, (path, a)))
    return Related(tuple(pairs))


def _run(path: tuple[object, ...]) -> tuple[int, ...]:
    labels: list[int] = []
    while path:
        path, label = path  # type: ignore[assignment]
        labels.append(label)  # type: ignore[arg-type]
    return tuple(reversed(labels))


def _refusal(x: frozenset[Offers], y: frozenset[Offers], path: tuple[object, ...]) -> Parted | None:
    for one, other, left in ((x, y, True), (y, x, False)):
        for offers in sorted(one, key=lambda o: (len(o), sorted(o))):
            if not any(o <= offers for o in other):
                refused = frozenset(min(o - offers) for o in other)
                return Parted(_run(path), left, refused, offers)
    return None


class _Congruence:
    """What follows from compared pairs: by equivalence (union-find), and by union of sets."""

    MOST = 1500  # rules; beyond, union-find alone

    def __init__(self) -> None:
        self._parent: dict[States, States] = {}
        self._rules: list[tuple[States, States, States]] = []

    def _root(self, x: States) -> States:
        parent = self._parent
        while (up := parent.get(x, x)) != x:
            parent[x] = parent.get(up, up)
            x = up
        return x

    def add(self, x: States, y: States) -> None:
        a, b = self._root(x), self._root(y)
        if a != b:
            self._parent[a] = b
        if len(self._rules) < self.MOST:
            self._rules.append((x, y, x | y))

    def holds(self, x: States, y: States) -> bool:
        if self._root(x) == self._root(y):
            return True
        if len(x) <= 1 and len(y) <= 1:
            return False
        return y <= self._normal(x, y) and x <= self._normal(y, x)

    def _normal(self, x: States, goal: States) -> States:
        """All that the rules add to a set; enough of it to hold `goal`, where it does."""
        rules = self._rules
        while not goal <= x:
            left = []
            before = len(x)
            for rule in rules:
                if rule[0] <= x or rule[1] <= x:
                    x |= rule[2]
                else:
                    left.append(rule)
            if len(x) == before:
                break
            rules = left
        return x
