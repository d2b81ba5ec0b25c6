"""Specs that read the clock: what is proved holds in every run, and a run reads its own time."""

from __future__ import annotations

import os

import comparisons
import pytest

# A longer campaign: WFVERIFY_CLOCK=100..300 pytest tests/test_clock.py
FIRST, LAST = map(int, os.environ.get("WFVERIFY_CLOCK", "0..8").split(".."))


@pytest.mark.parametrize("seed", range(FIRST, LAST))
def test_what_is_proved_holds_in_runs(seed: int) -> None:
    compared = comparisons.clock(seed)
    assert compared.problems == [], compared.text
    assert compared.counts
