"""Ctrl-C reaches Python also while Z3 works on a long question."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wfverify import cli
from wfverify.cli import terminal
from wfverify.interpreter.run import RunResult
from wfverify.verifier import portfolio
from wfverify.verifier.dispatch import Dispatch

LATE = """
import os, signal, sys, time
from wfverify.cli.interrupts import stopping_solver

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.setswitchinterval(1e-5)
lost = 0
for _ in range(200):
    try:
        with stopping_solver():
            os.kill(os.getpid(), signal.SIGINT)
        lost += 1
    except KeyboardInterrupt:
        pass
print(lost)
"""

SCRIPT = """
import os, signal, threading, time
import z3
from wfverify.cli.interrupts import stopping_solver

# A shell starts what runs in the background with interrupts ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
n = 13  # pigeons for one hole less: hours of work
rooms = [[z3.Bool(f"x{i}_{j}") for j in range(n - 1)] for i in range(n)]
solver = z3.Solver()
for i in range(n):
    solver.add(z3.Or(rooms[i]))
    for k in range(i):
        for j in range(n - 1):
            solver.add(z3.Or(z3.Not(rooms[i][j]), z3.Not(rooms[k][j])))
try:
    with stopping_solver():
        threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        solver.check()
        time.sleep(5)
        print("lost")
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_at_the_very_end_is_not_lost() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True)
    assert done.stdout.strip() == "0", done.stdout + done.stderr


def test_a_long_question_is_stopped_and_the_interrupt_is_not_lost() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "interrupted\n", done.stderr


# --- what is known by then is shown ----------------------------------------------------------

SPEC = """\
resource r : pool(2)
workflow w {
  var x: int 0..5 = 0
  activity a { uses r 1  takes 1s..2s  do { x := 1 } }
  run { a }
}
system { w[3] }
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "w.wf").write_text(SPEC)
    return str(tmp_path / "w.wf")


def no_tasks(self: object) -> Iterator[object]:
    raise KeyboardInterrupt
    yield


def test_ctrl_c_shows_what_is_sure_and_says_so(
    spec: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What structure decides comes before what has to be searched."""
    monkeypatch.setattr(Dispatch, "run", no_tasks)
    assert cli.main(["verify", spec]) == 130
    said = capsys.readouterr()
    for check in ("atomicity", "deadlock_free", "terminates", "can_finish", "handled"):
        assert re.search(rf"PROVED +{check}", said.out)
    assert "interrupted: " in said.out
    assert re.search(r"^wfverify: interrupted after .* results are sure$", said.err, re.M)


def test_when_the_pipe_is_gone_the_table_goes_to_stderr(
    spec: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(text: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(Dispatch, "run", no_tasks)
    monkeypatch.setattr(terminal, "write", gone)
    monkeypatch.setattr(terminal, "nobody_reads", lambda: None)
    assert cli.main(["verify", spec]) == 130
    said = capsys.readouterr()
    assert not said.out
    assert re.search(r"PROVED +deadlock_free", said.err)
    assert "wfverify: interrupted after" in said.err


def test_runs_that_are_over_are_shown(
    spec: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from wfverify.cli import running

    run_once, calls = running.run_once, iter(range(3))

    def stopped(*args: Any) -> RunResult:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return run_once(*args)

    monkeypatch.setattr(running, "run_once", stopped)
    assert cli.main(["run", spec, "--runs", "9"]) == 130
    said = capsys.readouterr()
    assert "3 runs, seeds 0 to 2" in said.out
    assert said.err == "wfverify: interrupted after 3 of 9 runs\n"


def test_before_anything_is_known(
    spec: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("wfverify.cli.arguments.command_of", no_command)
    assert cli.main([spec]) == 130
    assert capsys.readouterr().err == "wfverify: interrupted\n"


def no_command(argv: object) -> None:
    raise KeyboardInterrupt


def test_the_order_of_the_table_stays(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main([spec, "--format", "json"])
    names = [r["check"] for r in json.loads(capsys.readouterr().out)["results"]]
    whole = [n for n in names if n in portfolio.WHOLE]
    # (There is no channel in it.)
    assert whole == [c for c in portfolio.WHOLE if c != "messages"]
    assert names.index("resources") < names.index("handled") < names.index("atomicity")
