"""Machines from the field: every one is imported and has a meaning."""

from __future__ import annotations

from pathlib import Path

import pytest
from wfverify.dsl.importers import load_foreign
from wfverify.semantics.lower import lower

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "asl"
FILES = sorted(CORPUS.glob("*.json")) if CORPUS.is_dir() else []


@pytest.mark.skipif(not FILES, reason=f"no corpus at {CORPUS}")
def test_every_machine_of_the_corpus():
    for path in FILES:
        spec = load_foreign(str(path))
        assert spec is not None
        system = lower(spec)
        assert system.rules or len(spec.workflows) == 1
