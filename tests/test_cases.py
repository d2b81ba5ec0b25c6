"""Golden pairs: for each operator and each check, what the design says against what the tool says.

The expectations were written before the tool was run; where it was wrong, the case is an xfail.
"""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import golden
import pytest
from wfverify.cli import main


def _cases() -> list[object]:
    out = []
    for name in golden.names():
        reason = golden.expected(name).xfail
        marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
        out.append(pytest.param(name, marks=marks))
    return out


@pytest.mark.parametrize("name", _cases())
def test_case(name: str) -> None:
    assert golden.mismatches(name) == []


def test_there_are_enough_cases() -> None:
    assert len(golden.names()) >= 70
    for name in golden.names():
        assert golden.expected(name).exit in (0, 1, 2) or "scheduler" in name, name


@pytest.mark.parametrize("name", ["sequence", "switch_misses", "wrong_name", "expect_refuted"])
def test_the_command_line_gives_the_same_exit_status(name: str) -> None:
    with redirect_stdout(io.StringIO()):
        code = main([str(golden.CASES / f"{name}.wf"), "--timeout", "20"])
    assert code == golden.expected(name).exit
