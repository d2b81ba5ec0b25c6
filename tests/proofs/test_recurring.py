"""A run without end: its set is closed, the run comes there, and nobody else is owed a step."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from certified import Certified, certified
from wfverify.proofs.certificate import Certificate, parse
from wfverify.proofs.check import Answer

GROWS = "workflow w { var x: int = 0  run { while (x >= 0) { x := x + 1 } } }"
BESIDE = "workflow w { var x: int = 0  activity a { takes 1h }\n"
BESIDE += "  run { a || { while (x >= 0) { x := x + 1 } } } }"
SAME = "workflow w { var x: int = 0  run { while (x < 2) { x := (x + 1) % 2 } } }"


def _terminates(made: Certified) -> Certificate:
    return next(c for c in map(parse, made.files.values()) if c.claim["check"] == "terminates")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(GROWS, tmp_path_factory.mktemp("grows"))


def _with(c: Certificate, recurs: str | None) -> Certificate:
    evidence = copy.deepcopy(list(c.evidence))
    run = evidence[0]["runs"][0]
    if recurs is None:
        del run["recurs"]
    else:
        run["recurs"] = recurs
    return Certificate(c.spec, c.claim, tuple(evidence))


def test_a_closed_set_is_accepted(made: Certified) -> None:
    assert made.checker().check(_terminates(made)).answer is Answer.VALID


@pytest.mark.parametrize(
    "wrong",
    [
        "true",  # the loop may be over
        "(<= |w.x| 10)",  # not kept
        "(< |w.x| 0)",  # never reached
        "(<= 1000 |w.x|)",
        "|w.x|",  # no condition
        None,  # no state comes twice
    ],
)
def test_any_other_is_refused(made: Certified, wrong: str | None) -> None:
    changed = _with(_terminates(made), wrong)
    assert made.checker().check(changed).answer is Answer.INVALID


def test_another_closed_set_will_do(made: Certified) -> None:
    changed = _with(_terminates(made), "(<= 1 |w.x|)")
    assert made.checker().check(changed).answer is Answer.VALID


def test_who_else_could_move_is_a_hole(tmp_path: Path) -> None:
    c = certified(BESIDE, tmp_path)
    assert c.checker().check(_terminates(c)).answer is Answer.HOLEY


def test_a_plain_round_is_accepted(tmp_path: Path) -> None:
    c = certified(SAME, tmp_path)
    found = _terminates(c)
    assert "recurs" not in found.evidence[0]["runs"][0]
    assert c.checker().check(found).answer is Answer.VALID
