"""From a file to every format, with the real verifier."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from wfverify import cli

ROOT = Path(__file__).parents[2]


@pytest.fixture
def booking(tmp_path: Path) -> str:
    """The example of the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```wf file=booking\.wf\n(.*?)```", text, re.S)
    assert found is not None
    path = tmp_path / "booking.wf"
    path.write_text(found[1], encoding="utf-8")
    return str(path)


def test_a_program_can_read_what_is_wrong(booking: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([booking, "--format", "json"]) == 1
    out = json.loads(capsys.readouterr().out)
    schema = json.loads(files("wfverify.report").joinpath("schema.json").read_text())
    jsonschema.validate(out, schema)
    (bad,) = (r for r in out["results"] if r["fails"])
    assert bad["check"] == "compensated"
    assert bad["violation"]["line"] == 12
    assert [c["name"] for s in bad["run"]["steps"] for c in s["changes"]] == ["trip.paid"]
    assert bad["run"]["end"]["trip.paid"] > 0
    assert bad["mend"]


def test_the_other_formats(booking: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([booking, "--format", "junit"]) == 1
    root = ElementTree.fromstring(capsys.readouterr().out)
    assert root.attrib["failures"] == "1"
    assert cli.main([booking, "--format", "sarif"]) == 1
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert [r["ruleId"] for r in run["results"]] == ["compensated"]
    assert cli.main([booking, "--format", "github"]) == 1
    assert "::error file=" in capsys.readouterr().out


def test_the_mend_mends(booking: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(booking)
    undo = "paid + price }  undo { paid := paid - price }"
    path.write_text(path.read_text().replace("paid + price }", undo))
    assert cli.main([booking]) == 0
    assert "REFUTED" not in capsys.readouterr().out


def test_ctrl_c(tmp_path: Path) -> None:
    """A long search is stopped at once, without a traceback."""
    path = tmp_path / "long.wf"
    activities = "\n".join(
        f"  activity a{i} {{ takes 1s..9s  do {{ x{i} := 1 }} }}" for i in range(12)
    )
    variables = "\n".join(f"  var x{i}: int = 0" for i in range(12))
    total = " + ".join(f"x{i} * {2**i}" for i in range(12))
    run = " || ".join(f"a{i}" for i in range(12))
    path.write_text(
        f"workflow w {{\n{variables}\n{activities}\n  run {{ {run} }}\n"
        f"  invariant i : {total} != 4096\n  ensures x0 * x1 * x2 == x3 * x4 * x5\n}}\n"
        "system { w[3] }\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "wfverify", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what runs in the background with interrupts ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(2.0)
    if process.poll() is not None:
        pytest.skip("decided before it could be interrupted")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "interrupted" in out
