"""Verdicts on random small specs with channels: against all states of the rules (`judge`), and
against an exploration that knows no rules (`message_specs.Explorer`)."""

from __future__ import annotations

import os

import comparisons
import pytest

# A longer campaign: WFVERIFY_SEEDS=0..1000 pytest tests/verifier/test_messages.py
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..8").split("..")))


@pytest.mark.parametrize("forms", comparisons.FORMS)
def test_verdicts_are_true(forms: str) -> None:
    compared = 0
    for seed in SEEDS:
        try:
            found = comparisons.messages(seed, forms=forms)
        except comparisons.LeftOut:
            continue
        assert found.problems == [], f"seed {seed}\n{found.text}"
        compared += 1
    assert compared >= len(SEEDS) // 2


def test_verdicts_are_true_in_time() -> None:
    """Messages grow too old, and who comes too late waits for ever."""
    compared = 0
    proved = 0
    for seed in SEEDS:
        try:
            found = comparisons.messages_in_time(seed)
        except comparisons.LeftOut:
            continue
        assert found.problems == [], f"seed {seed}\n{found.text}"
        proved += found.counts["messages PROVED"]
        compared += 1
    assert compared >= len(SEEDS) // 2 and proved
