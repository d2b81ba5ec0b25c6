"""Width, colour, and the progress line."""

from __future__ import annotations

import io
import sys

import pytest
from wfverify.cli import terminal


class Tty(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_progress_comes_after_a_second_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    out = Tty()
    progress = terminal.Progress(out)
    progress("deadlock_free")
    assert out.getvalue() == ""
    now[0] += 2.5
    progress("deadlock_free")
    assert "2 s  deadlock_free" in out.getvalue()
    progress.clear()
    assert out.getvalue().endswith("\r")
    assert "\n" not in out.getvalue()


def test_no_progress_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "QUIET_SECONDS", 0.0)
    out = io.StringIO()
    progress = terminal.Progress(out)
    progress("deadlock_free")
    progress.clear()
    assert out.getvalue() == ""


def test_style_of_a_pipe_and_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert not terminal.style().color
    assert terminal.style().width == 100
    monkeypatch.setenv("COLUMNS", "60")
    assert terminal.style().width == 60
    monkeypatch.setenv("COLUMNS", "many")
    assert terminal.style().width == 100
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(sys, "stdout", Tty())
    assert terminal.style().color
    monkeypatch.setenv("COLUMNS", "72")
    assert terminal.style().width == 72
    monkeypatch.setenv("NO_COLOR", "1")
    assert not terminal.style().color


def test_characters_that_the_terminal_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert terminal.style().ascii_only
    terminal.write("größer ●\n")
    assert raw.getvalue() == b"gr??er ?\n"
