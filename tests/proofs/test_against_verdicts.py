"""The checker takes no evidence at all for what was refuted, and the golden cases' proofs hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden import CASES, names, one_in, outcome
from wfverify.cli.certifying import Certifier
from wfverify.dsl import load_text
from wfverify.proofs.check import Answer, claim_of
from wfverify.verifier.verdict import Proved, Refuted

# Each takes some seconds of searching for invariants: one in so many.
EVERY = 8


def certifier(name: str, folder: Path) -> Certifier | None:
    found = outcome(name)
    if found.system is None:
        return None
    file = f"{name}.wf"
    spec = load_text((CASES / file).read_text(), file)
    out = Certifier(spec, found.system, file, folder)
    out.patience, out.most_states = 1.0, 1000
    return out


@pytest.mark.parametrize("name", one_in(EVERY, names()))
def test_nothing_proves_what_was_refuted(name: str, tmp_path: Path) -> None:
    made = certifier(name, tmp_path)
    if made is None:
        return
    for result in outcome(name).results:
        if isinstance(result.verdict, Refuted):
            level = made.level(result)
            claim = claim_of(made.system, result.check, result.name, level, "PROVED")
            parts = list(made.parts(claim, Proved("test", "not so")))
            answer = made.checker.judged(claim, parts).answer
            assert answer is not Answer.VALID, f"{result.check} {result.name}"
            if made.system.room is not None and made.system.any_number:
                continue  # the command writes no certificate then
            again = made.one(result)
            assert again is None or again.answer is not Answer.INVALID, again


def test_most_proofs_of_a_spec_can_be_kept(tmp_path: Path) -> None:
    kept = lost = 0
    for name in ("parallel", "choice", "each_seq", "pool_waits", "at_most", "saga_order"):
        made = certifier(name, tmp_path) if name in names() else None
        if made is None:
            continue
        for result in outcome(name).results:
            if isinstance(result.verdict, Proved):
                checked = made.one(result)
                assert checked is not None and checked.answer is not Answer.INVALID, result
                kept += checked.answer is Answer.VALID
                lost += checked.answer is Answer.HOLEY
    assert kept > 6 * lost
