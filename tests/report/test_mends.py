"""What is suggested is right for what was found, is accepted by the tool, and mends it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from wfverify import cli
from wfverify.dsl import load_text
from wfverify.report import explain

CASES = Path(__file__).parents[1] / "cases"
CROSSED = """\
resource a : lock
resource b : lock
resource p : pool(2)
workflow w {{
  activity s {{ takes 1s..2s }}
  activity t {{ takes 1s..2s }}
  run {{ {run} }}
}}
"""


def refuted(path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    cli.main([str(path), "--format", "json", "--timeout", "20"])
    results = json.loads(capsys.readouterr().out)["results"]
    return {r["check"]: r for r in results if r["verdict"] == "REFUTED"}


@pytest.mark.parametrize(
    ("run", "claims"),
    [
        (
            "using (a exclusive) { using (b exclusive) { s } }"
            " || using (b exclusive) { using (a exclusive) { t } }",
            "a exclusive, b exclusive",
        ),
        (
            "using (a shared) { using (b exclusive) { s } }"
            " || using (b exclusive) { using (a exclusive) { t } }",
            "a shared, b exclusive",
        ),
        (
            "using (p 1) { using (p 1) { s } } || using (p 1) { using (p 1) { t } }",
            "p 2",
        ),
    ],
)
def test_the_mend_of_a_deadlock_is_one(
    run: str, claims: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.wf"
    path.write_text(CROSSED.format(run=run))
    found = refuted(path, capsys)
    assert {"deadlock_free", "terminates", "can_finish"} <= found.keys()
    for check in found:
        assert f"`using ({claims})`" in found[check]["mend"], check
        assert found[check]["same_run_as"] == ("deadlock_free" if check != "deadlock_free" else "")
    path.write_text(CROSSED.format(run=f"using ({claims}) {{ s }} || using ({claims}) {{ t }}"))
    assert cli.main([str(path), "--only", "deadlock_free"]) == 0


def test_a_deadlock_is_shown_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([str(CASES / "lock_twice.wf")])
    out = capsys.readouterr().out
    assert out.count("the run (") == 1
    assert out.count("this is the deadlock of `deadlock_free`") == 2
    assert "claimed again where it is held" in out


def test_alone_each_shows_its_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "w.wf"
    left, right = (
        f"using ({x} exclusive) {{ using ({y} exclusive) {{ s }} }}" for x, y in ("ab", "ba")
    )
    path.write_text(CROSSED.format(run=f"{left} || {right}"))
    for check in ("terminates", "can_finish"):
        cli.main([str(path), "--only", check])
        out = capsys.readouterr().out
        assert "the run (" in out
        assert "claim everything at once" in out


def test_a_wait_for_a_condition_is_not_mended_by_claims(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for found in refuted(CASES / "wait_until_never.wf", capsys).values():
        assert "using" not in found["mend"]


def test_a_loop_has_the_mend_of_a_loop(capsys: pytest.CaptureFixture[str]) -> None:
    found = refuted(CASES / "while_for_ever.wf", capsys)
    assert "at_most" in found["terminates"]["mend"]
    assert not found["terminates"]["same_run_as"]


def test_an_assignment_that_survives(capsys: pytest.CaptureFixture[str]) -> None:
    found = refuted(CASES / "saga_assignment_survives.wf", capsys)
    assert "assignment" in found["compensated"]["mend"]
    assert "give the activity" not in found["compensated"]["mend"]


def test_no_mend_of_a_check_that_is_built_speaks_of_what_is_not() -> None:
    later = re.compile(r"not supported yet")
    for name in explain.known():
        assert not later.search(explain.mend(name)), name


def test_the_example_of_a_deadlock_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    found = explain.find("deadlock_free")
    assert found is not None
    term = found.refuted.split("//")[0].replace("{ p }", "{ s }").replace("{ q }", "{ t }")
    load_text(CROSSED.format(run=term), "w.wf")


def machine(limit: int | None, seconds: int | None) -> str:
    """Task A again and again, for as long as the data say so."""
    again = "A" if seconds is None else "W"
    states: dict[str, object] = {
        "A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:1:function:x", "Next": "C"},
        "C": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.s", "StringEquals": "MORE", "Next": again}],
            "Default": "D",
        },
        "D": {"Type": "Succeed"},
    }
    if seconds is not None:
        states["W"] = {"Type": "Wait", "Seconds": seconds, "Next": "A"}
    return json.dumps(
        {"StartAt": "A", "States": states} | ({"TimeoutSeconds": limit} if limit else {})
    )


@pytest.mark.parametrize("seconds", [None, 5])
def test_a_machine_without_a_limit_is_told_to_have_one(
    seconds: int | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.json"
    path.write_text(machine(None, seconds))
    assert 'give the machine "TimeoutSeconds"' in refuted(path, capsys)["terminates"]["mend"]


def test_a_machine_that_has_a_limit_is_told_of_the_circle_without_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.json"
    path.write_text(machine(3600, None))
    mend = refuted(path, capsys)["terminates"]["mend"]
    assert mend.startswith("in this circle (A) no time passes")
    assert "put a Wait state in it" in mend
    assert "give the machine" not in mend
    path.write_text(machine(3600, 5))
    assert "terminates" not in refuted(path, capsys)


TIES = {
    "activity": "activity a { takes 1s..5s  timeout %s  do { x := 1 } }"
    " run { try { a } catch * { } }",
    "within": "activity a { takes 1s..5s  do { x := 1 } } run { within %s { a } else { skip } }",
}


@pytest.mark.parametrize("kind", TIES)
def test_the_mend_of_a_tie_with_a_time_out_is_one(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.wf"
    text = f"workflow w {{ var x: int = 0 {TIES[kind]} }}\n"
    path.write_text(text % "5s")
    found = refuted(path, capsys)
    assert "timing_independent" in found
    for check in found:
        assert "leave more time than what is watched can take" in found[check]["mend"], check
    path.write_text(text % "6s")
    assert not refuted(path, capsys).keys() & {"timing_independent", "deterministic"}


@pytest.mark.parametrize(
    ("claims", "run", "named"),
    [
        ("uses r 1  ", "a(1) || a(2)", "`r`"),
        ("", "each i in 1..2 at_most 1 at once { a(i) }", "a slot (`at_most`)"),
    ],
)
def test_the_mend_where_a_contended_claim_decides(
    claims: str, run: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.wf"
    text = (
        "resource r : pool(1)\nworkflow w {\n  var last: int = 0\n"
        f"  activity a(k: int) {{ {claims}takes 1s  do {{ last := k }} }}\n"
        f"  run {{ {run} }}\n%s}}\n"
    )
    path.write_text(text % "")
    found = refuted(path, capsys)
    accepted = ""
    for check in ("deterministic", "timing_independent"):
        assert f"who is granted {named} first decides" in found[check]["mend"]
        accepted += f'  skip_check {check} "whoever is first"\n'
        assert f'skip_check {check} "reason"' in found[check]["mend"]
    path.write_text(text % accepted)
    assert not refuted(path, capsys)


def test_the_two_runs_show_their_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "w.wf"
    path.write_text(f"workflow w {{ var x: int = 0 {TIES['within'] % '5s'} }}\n")
    cli.main([str(path), "--only", "deterministic"])
    columns = capsys.readouterr().out.split("other\n")[1]
    assert re.search(r"2\. \[5s\] the time is over +\| 2\. \[5s\] a completes", columns)


@pytest.mark.parametrize(("param", "mended"), [("1..8", "4..8"), ("3..3", "4..4")])
def test_the_mend_of_a_claim_that_is_larger_than_its_pool(
    param: str, mended: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.wf"
    text = (
        "param n: int %s\nresource cpu : pool(n)\nworkflow w {\n"
        "  activity a { uses cpu 4  takes 1s }\n  run { a }\n}\n"
    )
    path.write_text(text % param)
    found = refuted(path, capsys)
    assert {"deadlock_free", "terminates", "can_finish"} <= found.keys()
    for check in found.keys() - {"no_dead_code"}:
        assert "and 4 are claimed" in found[check]["mend"], check
        assert "its capacity (n) be 4 at least" in found[check]["mend"], check
    assert found["deadlock_free"]["span"]["line"] == 5
    path.write_text(text % mended)
    assert not refuted(path, capsys)


def test_the_last_step_is_shown_where_it_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.wf"
    path.write_text(
        "workflow w {\n  var x: int = 0\n  activity a { takes 1s  do { x := x + 1 } }\n"
        "  run {\n    a ;\n    a\n  }\n  ensures x == 3\n}\n"
    )
    cli.main([str(path), "--only", "ensures"])
    out = capsys.readouterr().out
    assert "the last step before the end is taken here:\n    6 |     a\n" in out


def test_an_undo_of_what_may_not_have_been_done(capsys: pytest.CaptureFixture[str]) -> None:
    found = refuted(CASES / "at_least_once_saga.wf", capsys)
    assert "cut off" in found["compensated"]["mend"]
    found = refuted(CASES / "undo_none_too_early.wf", capsys)
    assert "cut off" not in found["compensated"]["mend"]
