"""Where runs of an old version can go on under a new one: against all logs of a few steps."""

from __future__ import annotations

import os
from collections import Counter

import naive_lts as naive
import pytest
from equivgen import Pair
from naive_workflows import Seen
from oracle import TooBig
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.verifier.equivalence.findings import Asked
from wfverify.verifier.equivalence.workflows import upgrading

# A longer campaign: WFVERIFY_UPGRADES=300 pytest tests/verifier/equivalence/test_upgrading.py
PAIRS = int(os.environ.get("WFVERIFY_UPGRADES", "40"))
LONGEST = 6


def shortest(left: Seen, right: Seen) -> int | None:
    """Of the logs of `left`, up to LONGEST steps, that `right` does not have."""
    other = right.system_of()
    ends = {a for steps in left.steps for a, _, outcome, _ in steps if outcome is not None}
    mine = left.system_of()
    runs: dict[tuple[str, ...], frozenset[int]] = {(): naive.closed(mine, {mine[1]})}
    for length in range(LONGEST + 1):
        for run in runs:
            if not naive.after_run(other, other[1], run):
                return length
        following: dict[tuple[str, ...], frozenset[int]] = {}
        for run, states in runs.items():
            offered = {a for s in states for a, _ in naive.steps(mine, s)} - {naive.TAU} - ends
            for a in offered:
                following[(*run, a)] = naive.after(mine, states, a)
        runs = following
    return None


def compared(seed: int, counts: Counter[str]) -> None:
    pair = Pair(seed)
    old, new = (lower(load_text(t, "s.wf")) for t in (pair.old, pair.new))
    try:
        left, right = Seen(old, 400, False), Seen(new, 400, False)
    except TooBig:
        counts["too big"] += 1
        return
    found = upgrading(old, new, Asked())
    length = shortest(left, right)
    counts["broken" if length is not None else "safe"] += 1
    broken = found.broken
    if broken is None:
        assert length is None, pair.old + pair.new
        return
    assert length == len(broken.log) or (length is None and len(broken.log) > LONGEST)
    # The run is one of the old version, and the new one follows it just as far as it says.
    mine, other = left.system_of(), right.system_of()
    assert naive.after_run(mine, mine[1], broken.log)
    assert naive.after_run(other, other[1], broken.log[: broken.followed])
    assert not naive.after_run(other, other[1], broken.log[: broken.followed + 1])
    for place in found.places:
        if place.broken is not None:
            assert not naive.after_run(other, other[1], place.broken.log)


@pytest.mark.parametrize("part", range(4))
def test_against_all_logs(part: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(part * PAIRS // 4, (part + 1) * PAIRS // 4):
        compared(seed, counts)
    assert counts["broken"] and counts["safe"]
