"""Classes from the ends on, beside partition refinement and the naive checker."""

from __future__ import annotations

import random
from array import array

import pytest
from wfverify.verifier.equivalence.acyclic import bisimilar, classes
from wfverify.verifier.equivalence.lts import Lts
from wfverify.verifier.equivalence.minimise import minimise
from wfverify.verifier.equivalence.partition import refine
from wfverify.verifier.equivalence.spectrum import Alike, Under, equivalent


def system(rng: random.Random, states: int, back: int = 0) -> Lts:
    """Each step leads to a smaller number, but for so many that do not."""
    edges = []
    for _ in range(rng.randint(0, 3 * states)):
        s = rng.randrange(1, states)
        edges.append((s, rng.randrange(3), rng.randrange(s)))
    for _ in range(back):
        t = rng.randrange(states)
        edges.append((rng.randrange(t + 1), 1 + rng.randrange(2), t))
    rng.shuffle(edges)
    source, label, target = (array("i", (e[k] for e in edges)) for k in range(3))
    return Lts(states, states - 1, ("tau", "a", "b"), source, label, target)


def parts(block: list[int]) -> set[frozenset[int]]:
    found: dict[int, set[int]] = {}
    for s, b in enumerate(block):
        found.setdefault(b, set()).add(s)
    return {frozenset(p) for p in found.values()}


@pytest.mark.parametrize("branching", [False, True])
def test_classes_are_those_of_refinement(branching: bool) -> None:
    rng = random.Random(7)
    merged = inner = 0
    for _ in range(1_500):
        lts = system(rng, rng.randint(2, 9))
        found = classes(lts, branching)
        assert found is not None
        assert parts(found) == parts(refine(lts, branching).block)
        assert sorted({*found}) == list(range(max(found) + 1))
        merged += max(found) + 1 < lts.states
        inner += any(
            a == 0 and found[s] == found[t]
            for s, a, t in zip(lts.source, lts.label, lts.target, strict=True)
        )
    assert merged > 600 and (inner > 300 if branching else not inner)


def leads_back(lts: Lts) -> bool:
    """Whether some state comes to itself."""
    come = {*zip(lts.source, lts.target, strict=True)}
    for _ in range(lts.states):
        come |= {(s, u) for s, t in come for t1, u in come if t == t1}
    return any(s == t for s, t in come)


def test_where_steps_lead_back_it_is_refined() -> None:
    rng = random.Random(8)
    seen = {True: 0, False: 0}
    for _ in range(200):
        lts = system(rng, rng.randint(2, 7), back=1)
        back = leads_back(lts)
        assert (classes(lts, False) is None) is back
        assert parts(bisimilar(lts, False)) == parts(refine(lts, False).block)
        seen[back] += 1
    assert min(seen.values()) > 10, seen


def test_what_was_minimised_is_equivalent_and_the_smallest() -> None:
    rng = random.Random(9)
    smaller = 0
    for _ in range(300):
        lts = system(rng, rng.randint(2, 9))
        for under in (Under.STRONG, Under.BRANCHING):
            small = minimise(lts, under)
            assert isinstance(equivalent(lts, small, under), Alike)
            assert minimise(small, under).states == small.states <= lts.states + 1
            smaller += small.states < lts.states
    assert smaller > 300
