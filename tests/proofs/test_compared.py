"""The checker takes evidence for what is so, and no evidence at all for what is not.

Against the definitions (naive_lts, naive_workflows), on random pairs of workflows; of the evidence
that is offered some is made for this, some is for something else, and some is damaged.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from random import Random

import naive_lts as naive
import pytest
from equivgen import Pair
from naive_workflows import Seen, TooLong, outcomes_differ
from oracle import TooBig
from wfverify.dsl import load_text
from wfverify.proofs.behaviour import Behaviour, begun, both
from wfverify.proofs.compared import shown
from wfverify.proofs.facts import Wrong
from wfverify.semantics.claimed import UNDER, Side
from wfverify.semantics.evidence import Answered, Classes, Compared, Followed
from wfverify.semantics.lower import lower
from wfverify.semantics.observing import View
from wfverify.verifier.equivalence.evidence import candidates
from wfverify.verifier.equivalence.findings import Asked, Holds
from wfverify.verifier.equivalence.workflows import INCLUDED, compare

PAIRS = int(os.environ.get("WFVERIFY_PAIRS", "16"))
STATES = 150
BISIMILAR = 40  # states of each, up to which bisimulations are computed from their definition


def holds(left: Seen, right: Seen, level: str) -> bool | None:
    """By the definitions; None: that is too much."""
    one, other = left.system_of(), right.system_of()
    both_, second = naive.disjoint(one, other)
    if level in ("bisimulation", "branching"):
        if max(one[0], other[0]) > BISIMILAR:
            return None
        if level == "branching":
            return naive.rooted(both_, both_[1], second)
        return (both_[1], second) in naive.strong(both_)
    if level == "outcome":
        try:
            return not outcomes_differ(left, right)
        except TooLong:
            return None
    if level == "failures" and len(naive.labels(both_)) > 9:
        return None
    return naive.by_runs(both_, both_[1], second, level == "failures") is None


def offered(r: Random, kind: str, left: Behaviour, right: Behaviour) -> Iterator[Compared]:
    """Evidence for any level, and damaged evidence."""
    plain = [[[(a.text, t) for a, t in out] for out in b.edges] for b in (left, right)]
    starts = begun(left, right)
    size = len(left.edges) + len(right.edges)
    yield Classes((0,) * size)
    yield Classes(tuple(r.randrange(2) for _ in range(size)))
    yield Followed(((0, (0,)),), ((0, (0,)),))
    yield Answered()
    for under in UNDER:
        for e in candidates(kind, under, plain[0], plain[1], starts):
            yield e
            if isinstance(e, Classes):
                merged = r.sample(sorted(set(e.classes)), min(2, len(set(e.classes))))
                yield Classes(tuple(merged[0] if c in merged else c for c in e.classes))
            if isinstance(e, Followed):
                less = [(s, here[: max(1, len(here) - 1)]) for s, here in e.forth]
                yield Followed(tuple(less), e.back)
                yield Followed(e.forth[1:], e.back)
                yield Followed(e.forth, e.back[:-1])
                yield Followed(e.back, e.forth)


def accepted(kind: str, under: str, sides: tuple[Behaviour, Behaviour], e: Compared) -> bool:
    try:
        shown(kind, under, *sides, e)
    except Wrong:
        return False
    return True


@pytest.mark.parametrize("seed", range(PAIRS))
def test_what_is_shown_is_so(seed: int) -> None:
    _, wrong = judged(seed)
    assert not wrong


def judged(seed: int) -> tuple[Counter[str], list[str]]:
    pair, r = Pair(seed), Random(seed)
    watched = ("x", "y") if seed % 3 == 0 else ()
    systems = [lower(load_text(t, "s.wf")) for t in (pair.old, pair.new)]
    view = View(("x", "y"), watched)
    counted: Counter[str] = Counter()
    try:
        one, other = (Seen(s, STATES, bool(watched)) for s in systems)
    except TooBig:
        return counted, []
    sides = both(*(Side(s, view) for s in systems))
    wrong = []
    for under in UNDER:
        known = holds(one, other, under)
        if known is None:
            continue
        took = [
            e for e in offered(r, "equivalent", *sides) if accepted("equivalent", under, sides, e)
        ]
        counted[f"{under} {known} {bool(took)}"] += 1
        if took and not known:
            wrong.append(f"{seed} {under}: {took[0]}\n{pair.old}{pair.new}")
    within = compare(systems[0], systems[1], Asked(("x", "y"), watched), INCLUDED, True).levels
    for under in INCLUDED:
        took = [e for e in offered(r, "refines", *sides) if accepted("refines", under, sides, e)]
        known = isinstance(within[under], Holds)
        counted[f"within {under} {known} {bool(took)}"] += 1
        if took and not known:
            wrong.append(f"{seed} within {under}: {took[0]}\n{pair.old}{pair.new}")
    return counted, wrong
