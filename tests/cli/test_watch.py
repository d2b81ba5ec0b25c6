"""`wfverify watch` and `--cache`."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from wfverify import cli

SPEC = "workflow w { activity a { takes 1s }  run { a } }\n"


def wait_for(path: Path, text: str, seconds: float = 120.0) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if text in path.read_text():
            return path.read_text()
        time.sleep(0.1)
    raise AssertionError(f"never said {text!r}: {path.read_text()}")


def test_watch_verifies_again_after_a_change(tmp_path: Path) -> None:
    spec, said = tmp_path / "s.wf", tmp_path / "said"
    spec.write_text(SPEC)
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "wfverify", "watch", str(spec), "-q"],
            stdout=out,
            stderr=subprocess.STDOUT,
            # A shell starts what runs in the background with interrupts ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            wait_for(said, "proved in")
            spec.write_text(SPEC + "oops")
            wait_for(said, "error[E0110]")
            spec.write_text(SPEC + "// mended\n")
            assert wait_for(said, "proved in").count("has changed") >= 1
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(120) in (0, 2)


def test_watch_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["watch", "-"]) == 2
    assert "needs a file" in capsys.readouterr().err


def test_a_cache_is_made_and_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, cache = tmp_path / "s.wf", tmp_path / "kept"
    spec.write_text(SPEC)
    assert cli.main([str(spec), "--cache", str(cache), "--format", "json"]) == 0
    first = capsys.readouterr().out
    files = [p for p in cache.rglob("*") if p.is_file()]
    assert files
    assert cli.main([str(spec), "--cache", str(cache), "--format", "json"]) == 0
    assert [p for p in cache.rglob("*") if p.is_file()] == files
    assert len(capsys.readouterr().out.splitlines()) == len(first.splitlines())


def test_a_cache_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, blocked = tmp_path / "s.wf", tmp_path / "file"
    spec.write_text(SPEC)
    blocked.write_text("")
    assert cli.main([str(spec), "--cache", str(blocked / "x")]) == 2
    assert "--cache" in capsys.readouterr().err
