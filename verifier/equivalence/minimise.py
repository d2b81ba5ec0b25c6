"""The smallest system that is equivalent, or a normal form of it."""

from __future__ import annotations

from collections.abc import Iterator

from .acyclic import bisimilar
from .internal import contract
from .lts import INTERNAL, Lts, distinct, made, reachable
from .runs import Limits, OutOfReach
from .sets import Sets, States
from .spectrum import Under, quotient


def minimise(lts: Lts, under: Under, limits: Limits | None = None) -> Lts:
    """States numbered from the initial one, breadth first.

    The fewest states under both bisimulations; under trace equivalence the fewest of all in which a
    run leads to one state.  Under failures equivalence one state for each set of states that the
    same runs lead to, and one below it for each of the least sets of labels that these offer.
    Raises OutOfReach (failures and traces).
    """
    lts = reachable(lts)
    match under:
        case Under.STRONG:
            return _merged(lts, bisimilar(lts, False))
        case Under.BRANCHING:
            return _branching(lts)
        case Under.FAILURES | Under.TRACE:
            failures = under is Under.FAILURES
            normal = made(*_determinised(lts, failures, limits or Limits()), labels=lts.labels)
            return reachable(_merged(normal, bisimilar(normal, False)))


def _merged(lts: Lts, block: list[int]) -> Lts:
    count, width = max(block, default=0) + 1, len(lts.labels)
    keys = (
        (block[s] * width + a) * count + block[t]
        for s, a, t in zip(lts.source, lts.label, lts.target, strict=True)
    )
    edges = distinct(keys, width, count)
    return reachable(Lts(count, block[lts.initial], lts.labels, *edges))


def _branching(lts: Lts) -> Lts:
    contracted = contract(lts)
    small, block = quotient(contracted, bisimilar(contracted.lts, True))
    part, names = contracted.part, contracted.lts.labels
    edges = [
        (s, INTERNAL if a == contracted.divergence else names[a], t)
        for s, a, t in zip(small.lts.source, small.lts.label, small.lts.target, strict=True)
    ]
    # The first step counts though it be internal: what begins with one inside its own block
    # needs a state of its own before it.
    root = block[part[lts.initial]]
    first = {
        (lts.labels[a], block[part[t]])
        for s, a, t in zip(lts.source, lts.label, lts.target, strict=True)
        if s == lts.initial
    }
    states, initial = small.lts.states, root
    if first != {(a, t) for s, a, t in edges if s == root}:
        initial, states = states, states + 1
        edges += [(initial, a, t) for a, t in sorted(first)]
    return reachable(made(states, initial, edges, lts.labels))


def _determinised(
    lts: Lts, failures: bool, limits: Limits
) -> tuple[int, int, list[tuple[int, str, int]]]:
    contracted = contract(lts)
    small, block = quotient(contracted, bisimilar(contracted.lts, True))
    sets = Sets(small)
    start = sets.closure([block[contracted.part[lts.initial]]])
    number: dict[States, int] = {start: 0}
    order = [start]
    edges: list[tuple[int, str, int]] = []
    names = lts.labels
    for n, states in enumerate(order):
        if n > limits.pairs:
            raise OutOfReach(f"more than {limits.pairs} sets of states")
        for a, targets in sorted(sets.steps(states).items()):
            after = sets.closure(targets)
            if after not in number:
                number[after] = len(order)
                order.append(after)
            edges.append((n, names[a], number[after]))
    if not failures:
        return len(order), 0, edges
    return _with_offers(sets, order, edges)


def _with_offers(
    sets: Sets, order: list[States], edges: list[tuple[int, str, int]]
) -> tuple[int, int, list[tuple[int, str, int]]]:
    count = len(order)
    steps: dict[int, list[tuple[str, int]]] = {}
    for s, a, t in edges:
        steps.setdefault(s, []).append((a, t))
    more: list[tuple[int, str, int]] = []
    for n, states in enumerate(order):
        mine = steps.get(n, [])
        offers = [
            frozenset(a for a, t in mine if a in named) for named in _named(sets, states, mine)
        ]
        if offers == [frozenset(a for a, _ in mine)]:
            continue  # it offers all that it can do
        if not offers:
            more.append((n, INTERNAL, n))  # it never stops
        for offer in sorted(offers, key=sorted):
            more.append((n, INTERNAL, count))
            more += [(count, a, t) for a, t in mine if a in offer]
            count += 1
    return count, 0, edges + more


def _named(sets: Sets, states: States, mine: list[tuple[str, int]]) -> Iterator[frozenset[str]]:
    """The least offers, by name; the steps of a set are in the order of their labels."""
    numbers = sorted(sets.steps(states))
    names = dict(zip(numbers, (a for a, _ in mine), strict=True))
    for offer in sets.offers(states):
        yield frozenset(names[a] for a in offer)
