"""`wfverify coverage`: the steps that proofs rest on, and those that none does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from wfverify import cli
from wfverify.dsl import load_text
from wfverify.semantics.evidence import Facts, Inductive, Part
from wfverify.semantics.expr import Sort, const, le, var
from wfverify.semantics.lower import lower
from wfverify.verifier.used import rests, steps
from wfverify.verifier.verdict import Proved, Result

LEDGER = """\
workflow ledger {
  var booked: int = 0
  activity book { takes 1s  do { booked := booked + 1 } }
  run { each i in 1..3 { book } }
  invariant few : booked <= 3
}
workflow audit {
  activity count { takes 1s }
  run { count }
}
system { ledger audit }
"""

NAMES = ["activity book", "the body of `each`", "activity count"]


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "w.wf"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_bare_steps_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["coverage", write(tmp_path, LEDGER)]) == 1
    out = capsys.readouterr().out
    assert "activity count" in out
    assert "run { count }" in out
    assert "activity book" not in out
    assert "2 of 3 steps in the proofs of 1 property" in out


def test_everything_is_in_a_proof(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = LEDGER.replace("run { count }", "run { count }\n  ensures done(count)")
    assert cli.main(["coverage", write(tmp_path, text), "-v"]) == 0
    out = capsys.readouterr().out
    assert "no property" not in out
    assert "activity book" in out


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["coverage", write(tmp_path, LEDGER), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [s["what"] for s in found["steps"]] == NAMES
    assert found["bare"] == [2]
    assert {p["name"]: p["steps"] for p in found["proofs"]} == {"few": [0, 1]}


def test_a_refuted_claim_covers_nothing(tmp_path: Path) -> None:
    assert cli.main(["coverage", write(tmp_path, LEDGER.replace("<= 3", "<= 2"))]) == 1


def test_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["coverage", write(tmp_path, "workflow w { run { a } }")]) == 2
    assert cli.main(["coverage", str(tmp_path / "none.wf")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_invariant_narrows_it_down() -> None:
    system = lower(load_text(LEDGER, "w.wf"))
    booked = next(v for v in system.variables if v.name.endswith("booked"))
    goal = next(o for o in system.obligations if o.name == "few")
    facts = Facts((le(var(booked.index, Sort.INT), const(3)),))
    for evidence in ((), (Part(Inductive(facts), (0,)),)):
        verdict = Proved("induction", "", evidence=evidence)
        (found,) = rests(system, [Result("invariant", "few", verdict, goal.span)], ["invariant"])
        writers = {r.index for r in system.rules if booked.index in dict(r.updates)}
        assert writers <= found.rules
        assert (found.rules == writers) == bool(evidence)
    assert [s.what for s in steps(system)] == NAMES
