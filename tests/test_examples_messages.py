"""The examples of messages: each claim with its verdict."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.report.outcome import status, title
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import Options, verify

EXAMPLES = Path(__file__).parents[1] / "examples"
CLAIMED = {
    "dead_letter_queue": ("invariant: not_both", "ensures: system", "deterministic"),
    "two_phase_commit": (
        "invariant: agreement",
        "ensures: participant",
        "always: no_way_back",
    ),
}
OF_ALL = ("arithmetic", "deadlock_free", "terminates", "can_finish", "messages", "race_free")


@pytest.mark.parametrize("name", CLAIMED)
def test_example(name: str) -> None:
    file = f"{name}.wf"
    spec = load_text((EXAMPLES / file).read_text(encoding="utf-8"), file)
    found = verify(spec, lower(spec), Options(timeout=40), replay=replay, schedule=schedule)
    said = {title(r): str(status(r)) for r in found}
    assert {said[t] for t in (*CLAIMED[name], *OF_ALL)} == {"PROVED"}
    skipped = {t for t, s in said.items() if s == "SKIPPED"}
    assert {t: s for t, s in said.items() if s != "PROVED" and t not in skipped} == {}
    # What is skipped says why in the spec.
    assert skipped == {s.name for s in spec.properties if type(s).__name__ == "SkipCheck"}
    assert Counter(said.values())["PROVED"] >= 18
