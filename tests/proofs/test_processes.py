"""Certificates do not depend on how many processes found the proofs, and hold."""

from __future__ import annotations

import os
from pathlib import Path

import golden
import pytest
from certified import certified

# Measures, inductive invariants, peaks, runs.
SPECS = ("at_most_again", "borrow_given_back", "pool_waits", "try_dead_handler")


@pytest.mark.parametrize("name", SPECS)
def test_the_same_certificates(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (golden.CASES / f"{name}.wf").read_text()
    one, two = (certified(text, tmp_path / str(jobs), jobs=jobs) for jobs in (1, 2))
    monkeypatch.delattr(os, "fork")
    here = certified(text, tmp_path / "here")
    assert one.files
    assert one.files == two.files == here.files
