"""Verdicts on small random specs, against the exhaustive graph of their states.

PROVED must never be contradicted, REFUTED must be real; UNKNOWN is allowed, but not too often.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable

import judge
import oracle
import specgen
from hypothesis import HealthCheck, assume, given, settings
from wfverify.dsl.errors import Rejected

# A longer campaign: WFVERIFY_SEEDS=2000..4000 pytest tests/test_verdicts.py -k seeds
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..30").split("..")))
MOST_UNKNOWN = 0.4


@settings(
    derandomize=True,
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(specgen.specs(size=4))
def test_verdicts_are_true(text: str) -> None:
    try:
        judged = judge.judge(text, timeout=4, limit=400)
    except oracle.TooBig:
        assume(False)
        raise
    except Rejected as error:
        assert all(d.code == "E0900" for d in error.diagnostics), f"{error}\n{text}"
        assume(False)
        raise
    assert judged.problems == [], text


def test_verdicts_are_true_for_seeds(record_property: Callable[[str, object], None]) -> None:
    """The same over plain seeds; also counts what stays open."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in SEEDS:
        try:
            judged = judge.judge(specgen.from_seed(seed), timeout=4, limit=400)
        except (oracle.TooBig, Rejected):
            continue
        counts += judged.counts
        wrong += [f"seed {seed}: {p}" for p in judged.problems]
    unknown = sum(n for k, n in counts.items() if k.endswith("UNKNOWN"))
    share = unknown / max(1, sum(counts.values()))
    record_property("unknown", f"{share:.1%}")
    print(f"unknown: {share:.1%} of {sum(counts.values())}", json.dumps(counts, indent=1))
    assert wrong == []
    assert share <= MOST_UNKNOWN
