"""Random systems: every equivalence, every piece of evidence, against the definitions."""

from __future__ import annotations

from random import Random

import naive_lts as naive
import pytest
from formulas import depth, where
from wfverify.verifier.equivalence.lts import Lts, made
from wfverify.verifier.equivalence.minimise import minimise
from wfverify.verifier.equivalence.spectrum import Alike, Apart, Under, equivalent, included


def lts(system: naive.System) -> Lts:
    return made(system[0], system[1], sorted(system[2]))


def systems(seed: int) -> tuple[naive.System, naive.System]:
    """Two that differ, or that are alike by and large."""
    random = Random(seed)
    states = random.randint(1, 6)
    sizes = states, random.randint(1, 3), random.randint(0, 2 * states + 1)
    left = naive.random_system(random, *sizes, random.choice((0.0, 0.3, 0.6)))
    if random.random() < 0.4:
        return left, naive.random_system(random, *sizes, 0.4)
    # The same with its states doubled, or with small changes.
    edges = set(left[2])
    copies = [(s, a, t + states) for s, a, t in edges] + [(s + states, a, t) for s, a, t in edges]
    if random.random() < 0.5:
        edges |= {e for e in copies if random.random() < 0.5}
        edges |= {(s + states, a, t + states) for s, a, t in left[2]}
    for _ in range(random.randint(0, 2)):
        s, t = random.randrange(2 * states), random.randrange(2 * states)
        change = random.randrange(3)
        if change == 0 and edges:
            edges.discard(random.choice(sorted(edges)))
        elif change == 1:
            edges.add((s, naive.TAU, t))
        else:
            edges.add((s, "a", t))
    return left, (2 * states, 0, frozenset(edges))


def naively(left: naive.System, right: naive.System, under: Under) -> bool:
    both, second = naive.disjoint(left, right)
    match under:
        case Under.STRONG:
            return (both[1], second) in naive.strong(both)
        case Under.BRANCHING:
            return naive.rooted(both, both[1], second)
        case Under.FAILURES | Under.TRACE:
            return naive.by_runs(both, both[1], second, under is Under.FAILURES) is None


@pytest.mark.parametrize("under", list(Under))
def test_verdicts_and_evidence(under: Under) -> None:
    verdicts = set()
    for seed in range(250):
        left, right = systems(seed)
        answer = equivalent(lts(left), lts(right), under)
        verdicts.add(isinstance(answer, Alike))
        assert isinstance(answer, Alike) == naively(left, right, under), (seed, left, right)
        if isinstance(answer, Apart):
            check(left, right, under, answer)
        elif answer.classes:
            both, _ = naive.disjoint(left, right)
            related = naive.strong(both) if under is Under.STRONG else naive.branching(both)
            alike = answer.classes
            assert {
                (p, q) for p in range(both[0]) for q in range(both[0]) if alike[p] == alike[q]
            } == related
    assert verdicts == {True, False}


def check(left: naive.System, right: naive.System, under: Under, answer: Apart) -> None:
    both, second = naive.disjoint(left, right)
    if answer.formula is not None:
        holds = where(both, answer.formula)
        assert both[1] in holds and second not in holds
        if under is Under.STRONG:
            assert depth(answer.formula) == first_difference(both, second)
        return
    shortest = naive.by_runs(both, both[1], second, under is Under.FAILURES)
    assert shortest is not None and len(answer.run) == len(shortest)
    ends = [naive.after_run(both, s, answer.run) for s in (both[1], second)]
    mine, yours = ends if answer.left else ends[::-1]
    if answer.refused is None:
        assert mine and not yours
    else:
        among = naive.labels(both)
        assert frozenset(answer.refused) in naive.refusals(both, mine, among)
        assert frozenset(answer.refused) not in naive.refusals(both, yours, among)
        assert not set(answer.refused) & set(answer.offers)


def first_difference(both: naive.System, second: int) -> int:
    """In which round of Kanellakis and Smolka the two initial states come apart."""
    classes = [0] * both[0]
    for rounds in range(both[0] + 1):
        if classes[both[1]] != classes[second]:
            return rounds
        keys = [frozenset((a, classes[t]) for a, t in naive.steps(both, s)) for s in range(both[0])]
        numbers: dict[object, int] = {}
        classes = [numbers.setdefault((classes[s], keys[s]), len(numbers)) for s in range(both[0])]
    raise AssertionError


@pytest.mark.parametrize("under", [Under.TRACE, Under.FAILURES])
def test_inclusion(under: Under) -> None:
    verdicts = set()
    for seed in range(200):
        left, right = systems(seed)
        both, second = naive.disjoint(left, right)
        shortest = naive.by_runs(both, both[1], second, under is Under.FAILURES, inclusion=True)
        answer = included(lts(left), lts(right), under)
        verdicts.add(shortest is None)
        assert isinstance(answer, Alike) == (shortest is None), seed
        if isinstance(answer, Apart):
            assert shortest is not None and len(answer.run) == len(shortest) and answer.left
            ends = [naive.after_run(both, s, answer.run) for s in (both[1], second)]
            if answer.refused is None:
                assert ends[0] and not ends[1]
            else:
                among = naive.labels(both)
                refused = frozenset(answer.refused)
                assert refused in naive.refusals(both, ends[0], among)
                assert refused not in naive.refusals(both, ends[1], among)
    assert verdicts == {True, False}


@pytest.mark.parametrize("under", list(Under))
def test_what_is_minimised_is_equivalent_and_small(under: Under) -> None:
    for seed in range(120):
        left, _ = systems(seed)
        small = minimise(lts(left), under)
        names = small.labels
        edges = frozenset(
            (s, names[a], t)
            for s, a, t in zip(small.source, small.label, small.target, strict=True)
        )
        plain = (small.states, small.initial, edges)
        assert naively(left, plain, under), seed
        again = minimise(small, under)
        assert again.states == small.states and again.transitions == small.transitions
        if under in (Under.STRONG, Under.BRANCHING):
            related = naive.strong(plain) if under is Under.STRONG else naive.branching(plain)
            # Only the first state may have its like: that of a root.
            assert not any(p < q and p > 0 for p, q in related), seed


def test_finer_equivalences_imply_coarser_ones() -> None:
    for seed in range(150):
        left, right = map(lts, systems(seed))
        holds = [isinstance(equivalent(left, right, under), Alike) for under in Under]
        assert holds == sorted(holds), seed
