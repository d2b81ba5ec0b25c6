"""`bench/anyn.py` measures what it says: pools are proved, crossed claims refuted."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted

BENCH = runpy.run_path(str(Path(__file__).parents[2] / "bench" / "anyn.py"))


@pytest.mark.parametrize("name", BENCH["MODELS"])
def test_any_number_of_workers(name: str) -> None:
    text = BENCH["MODELS"][name]
    spec = load_text(text, "w.wf")
    options = Options(only=("resources", "deadlock_free"), jobs=1)
    found = verify(spec, lower(spec), options, replay=replay, schedule=schedule, simulate=simulator)
    verdicts = {r.check: r.verdict for r in found}
    assert isinstance(verdicts["resources"], Proved)
    expected = Refuted if text in (BENCH["CROSSED"], BENCH["LATER"]) else Proved
    assert isinstance(verdicts["deadlock_free"], expected)
