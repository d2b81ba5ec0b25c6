"""Random pairs of workflows under every equivalence, against the definitions.

WFVERIFY_PAIRS=300 compares so many (a sample without it).
"""

from __future__ import annotations

import os
from collections import Counter

import naive_lts as naive
import pytest
from equivgen import Pair
from formulas import where
from naive_workflows import Seen, TooLong, outcomes_differ, runs
from oracle import TooBig
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.verifier.equivalence.findings import (
    LEVELS,
    Asked,
    Comparison,
    Fails,
    Finding,
    Holds,
    Open,
)
from wfverify.verifier.equivalence.workflows import compare

PAIRS = int(os.environ.get("WFVERIFY_PAIRS", "24"))
STATES = 400
BISIMILAR = 45  # states of each, up to which bisimulations are computed from their definition
REFUSED = 9  # labels, up to which all sets of them are


def naively(left: Seen, right: Seen, level: str) -> bool | None:
    """None: that is too much."""
    one, other = left.system_of(), right.system_of()
    both, second = naive.disjoint(one, other)
    match level:
        case "bisimulation" | "branching":
            if max(one[0], other[0]) > BISIMILAR:
                return None
            if level == "bisimulation":
                return (both[1], second) in naive.strong(both)
            return naive.rooted(both, both[1], second)
        case "failures" if len(naive.labels(both)) > REFUSED:
            return None
        case "failures" | "trace":
            return naive.by_runs(both, both[1], second, level == "failures") is None
        case _:
            try:
                return not outcomes_differ(left, right)
            except TooLong:
                return None


@pytest.mark.parametrize("seed", range(PAIRS))
def test_pairs(seed: int) -> None:
    disagreements, _ = compared(seed)
    assert not disagreements


def compared(seed: int) -> tuple[list[str], Counter[str]]:
    """What is wrong, and how many verdicts of which kind were compared."""
    pair = Pair(seed)
    watched = seed % 3 == 0
    systems = [lower(load_text(t, "s.wf")) for t in (pair.old, pair.new)]
    counted: Counter[str] = Counter()
    try:
        left, right = (Seen(s, STATES, watched) for s in systems)
    except TooBig:
        return [], Counter({"too many states": 1})
    found = compare(systems[0], systems[1], Asked(watched=("x", "y") if watched else ()))
    wrong = []
    for level in LEVELS:
        finding = found.levels[level]
        holds = naively(left, right, level)
        if holds is None:
            counted[f"{level} not compared"] += 1
            continue
        counted[f"{level} {holds}"] += 1
        if not isinstance(finding, Holds if holds else Fails):
            wrong.append(f"{seed} {level}: {finding}\n{pair.old}{pair.new}")
        elif not holds:
            wrong += [f"{seed} {w}" for w in unfounded(left, right, finding)]
    return wrong, counted


def unfounded(left: Seen, right: Seen, finding: Finding) -> list[str]:
    """What is wrong with the evidence."""
    assert isinstance(finding, Fails)
    if finding.different is not None:
        found = finding.different
        mine = left if found.left else right
        good = runs(mine, found.run) and found.run[-1].endswith(found.outcome)
        theirs = right if found.left else left
        good = good and (not found.other or runs(theirs, found.other))
        return [] if good else [f"no such run: {found}"]
    assert finding.apart is not None
    apart = finding.apart
    both, second = naive.disjoint(left.system_of(), right.system_of())
    if apart.formula is not None:
        holds = where(both, apart.formula)
        return [] if both[1] in holds and second not in holds else [f"formula {apart}"]
    ends = [naive.after_run(both, s, apart.run) for s in (both[1], second)]
    mine_, yours = ends if apart.left else ends[::-1]
    if apart.refused is None:
        return [] if mine_ and not yours else [f"run {apart}"]
    among = sorted(apart.refused)
    refused = frozenset(among)
    good = refused in naive.refusals(both, mine_, among)
    return [] if good and refused not in naive.refusals(both, yours, among) else [f"{apart}"]


def test_the_sample_has_all_verdicts() -> None:
    """That is, most of them; so that a comparison that always says the same is noticed."""
    counted: Counter[str] = Counter()
    for seed in range(30):
        pair = Pair(seed)
        systems = [lower(load_text(t, "s.wf")) for t in (pair.old, pair.new)]
        found: Comparison = compare(systems[0], systems[1], Asked())
        counted.update(f"{n} {type(f).__name__}" for n, f in found.levels.items())
    for level in LEVELS:
        assert counted[f"{level} Holds"] >= 5 and counted[f"{level} Fails"] >= 5, counted


HALF = """\
workflow w(n: int) {{
  var x: int = 0
  activity half(k: int) -> int {{ ensures {} }}
  run {{ {} }}
}}
"""


@pytest.mark.parametrize(
    ("ensured", "verdict"),
    [
        ("true", Holds),
        # Any number of a few ends it, none of these for some arguments: no difference.
        ("result >= 2 * k", Holds),
        # It has no end for one argument, which is none of a few: nothing is proved.
        ("2 * k != 2468", Open),
        # .. and for one of these: it is one.
        ("k != 1", Fails),
    ],
)
def test_an_answer_may_be_one_of_many_or_none(ensured: str, verdict: type) -> None:
    old = lower(load_text(HALF.format(ensured, "x <- half(n) ; { x := 0 }"), "w.wf"))
    new = lower(load_text(HALF.format(ensured, "{ x := 0 }"), "w.wf"))
    for one, other in ((old, new), (new, old)):
        assert isinstance(compare(one, other, Asked(), ("outcome",)).levels["outcome"], verdict)
