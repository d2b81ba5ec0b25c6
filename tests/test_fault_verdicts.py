"""Verdicts on random specs with stores, leases, busy claims, effects had unseen and crashes."""

from __future__ import annotations

import os
from collections import Counter

import comparisons
import pytest

# A longer campaign: WFVERIFY_FAULTS=1000..2000 pytest tests/test_fault_verdicts.py
FIRST, LAST = map(int, os.environ.get("WFVERIFY_FAULTS", "0..40").split(".."))
STEP = 10


@pytest.mark.parametrize("first", range(FIRST, LAST, STEP))
def test_verdicts_are_true(first: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(first, first + STEP):
        try:
            found = comparisons.faults(seed)
        except comparisons.LeftOut:
            continue
        assert found.problems == [], f"seed {seed}\n{found.text}"
        counts += found.counts
    assert sum(n for k, n in counts.items() if k.endswith("UNKNOWN")) < 0.1 * sum(counts.values())
