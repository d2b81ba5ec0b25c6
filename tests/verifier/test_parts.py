"""Parts of a system that only wait for each other: verdicts against all of their timed runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from contended_specs import Contended
from test_outcomes_naive import differences
from wfverify.dsl.errors import Rejected


@pytest.mark.parametrize("seed", range(40))
def test_proofs_against_all_runs(seed: int) -> None:
    text = Contended(seed).spec()
    try:
        wrong, _ = differences(text)
    except Rejected:
        return
    assert not wrong, f"{wrong}\n{text}"
