"""A labelled transition system as plain data.

States are 0..states-1, labels indices into `labels`, of which number 0 is the internal step.  Edge
k leads from `source[k]` to `target[k]` under `label[k]`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from ...dsl.records import dataclass
from ...semantics.observing import INTERNAL as INTERNAL

TAU = 0


@dataclass(frozen=True, slots=True)
class Lts:
    states: int
    initial: int
    labels: tuple[str, ...]
    source: Sequence[int]
    label: Sequence[int]
    target: Sequence[int]

    @property
    def transitions(self) -> int:
        return len(self.source)


@dataclass(frozen=True, slots=True)
class Adjacency:
    """Edges by one of their ends: those of state s are `edges[start[s]:start[s + 1]]`."""

    start: list[int]
    edges: list[int]

    def of(self, state: int) -> list[int]:
        return self.edges[self.start[state] : self.start[state + 1]]


def made(
    states: int, initial: int, edges: Iterable[tuple[int, str, int]], labels: Iterable[str] = ()
) -> Lts:
    """From edges with their labels written out; `tau` is the internal step.

    `labels` are those that are known though perhaps no edge has them.
    """
    numbers = {INTERNAL: TAU}
    for name in labels:
        numbers.setdefault(name, len(numbers))
    source, label, target = array("i"), array("i"), array("i")
    for s, name, t in edges:
        source.append(s)
        label.append(numbers.setdefault(name, len(numbers)))
        target.append(t)
    return Lts(states, initial, tuple(numbers), source, label, target)


def adjacency(states: int, ends: Sequence[int]) -> Adjacency:
    """The edges sorted by `ends` (their sources, or their targets); order is kept."""
    start = [0] * (states + 1)
    for s in ends:
        start[s + 1] += 1
    for s in range(states):
        start[s + 1] += start[s]
    at = start[:-1]
    edges = [0] * len(ends)
    for k, s in enumerate(ends):
        edges[at[s]] = k
        at[s] += 1
    return Adjacency(start, edges)


def union(left: Lts, right: Lts) -> tuple[Lts, int]:
    """Both side by side, with the labels of both; and the initial state of the right one.

    The initial state of the union is that of the left one.
    """
    numbers = {name: k for k, name in enumerate(left.labels)}
    renamed = [numbers.setdefault(name, len(numbers)) for name in right.labels]
    shift = left.states
    source, label, target = array("i", left.source), array("i", left.label), array("i", left.target)
    source.extend(s + shift for s in right.source)
    label.extend(renamed[a] for a in right.label)
    target.extend(t + shift for t in right.target)
    both = Lts(left.states + right.states, left.initial, tuple(numbers), source, label, target)
    return both, right.initial + shift


def reachable(lts: Lts) -> Lts:
    """Without what cannot be reached; states numbered breadth first, the initial one 0."""
    out = adjacency(lts.states, lts.source)
    start, edges, to, names = out.start, out.edges, lts.target, lts.label
    number = [-1] * lts.states
    number[lts.initial] = 0
    order = [lts.initial]
    source, label, target = array("i"), array("i"), array("i")
    for n, s in enumerate(order):
        for k in edges[start[s] : start[s + 1]]:
            t = to[k]
            if number[t] < 0:
                number[t] = len(order)
                order.append(t)
            source.append(n)
            label.append(names[k])
            target.append(number[t])
    return Lts(len(order), 0, lts.labels, source, label, target)


def distinct(keys: Iterable[int], labels: int, states: int) -> tuple[array[int], ...]:
    """Source, label and target of edges that are given as numbers, (source, label, target) by their
    digits in bases `labels` and `states`: each once, in ascending order."""
    once = sorted(set(keys))
    width = labels * states
    return (
        array("i", [k // width for k in once]),
        array("i", [k // states % labels for k in once]),
        array("i", [k % states for k in once]),
    )


def relabelled(lts: Lts, names: Sequence[str]) -> Lts:
    """With other names of the labels, `tau` for those that become internal."""
    numbers = {INTERNAL: TAU}
    renamed = array("i", (numbers.setdefault(name, len(numbers)) for name in names))
    label = array("i", (renamed[a] for a in lts.label))
    return Lts(lts.states, lts.initial, tuple(numbers), lts.source, label, lts.target)
