"""`wfverify fmt`: the layout is the front end's; here, that no file is ever lost."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from wfverify import cli
from wfverify.cli import formatting

UGLY = "workflow   w{run{a;a} // twice\nactivity a{takes 1s..2s}}\n"
BROKEN = "workflow w { run { a ; } } }\n"


@pytest.fixture
def ugly(tmp_path: Path) -> Path:
    path = tmp_path / "w.wf"
    path.write_text(UGLY)
    return path


def test_a_file_is_changed_once(ugly: Path) -> None:
    assert cli.main(["fmt", str(ugly)]) == 0
    first = ugly.read_text()
    assert first != UGLY
    assert "// twice" in first
    assert cli.main(["fmt", str(ugly)]) == 0
    assert ugly.read_text() == first
    assert list(ugly.parent.iterdir()) == [ugly]


def test_check_changes_nothing(ugly: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fmt", "--check", str(ugly)]) == 1
    assert ugly.read_text() == UGLY
    assert "would be changed" in capsys.readouterr().out
    cli.main(["fmt", str(ugly)])
    assert cli.main(["fmt", "--check", str(ugly)]) == 0


def test_who_reads_the_answer_may_go(
    ugly: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def gone(text: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(formatting, "write", gone)
    monkeypatch.setattr(cli, "_closed", lambda: 141)
    assert cli.main(["fmt", "--check", str(ugly)]) == 141
    assert not capsys.readouterr().err


def test_a_file_with_errors_stays_and_the_others_are_done(ugly: Path) -> None:
    broken = ugly.parent / "broken.wf"
    broken.write_text(BROKEN)
    assert cli.main(["fmt", str(broken), "missing.wf", str(ugly)]) == 2
    assert broken.read_text() == BROKEN
    assert ugly.read_text() != UGLY


def test_a_layout_that_would_change_the_meaning_is_not_written(
    ugly: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(formatting, "format_spec", lambda spec: "workflow other { run { skip } }\n")
    assert cli.main(["fmt", str(ugly)]) == 70
    assert ugly.read_text() == UGLY
    assert "nothing was written" in capsys.readouterr().err


def test_a_failure_while_writing_leaves_the_old_file(
    ugly: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert cli.main(["fmt", str(ugly)]) == 2
    assert ugly.read_text() == UGLY
    assert list(ugly.parent.iterdir()) == [ugly]


def test_links_and_modes_stay(ugly: Path) -> None:
    ugly.chmod(0o640)
    link = ugly.parent / "link.wf"
    link.symlink_to(ugly.name)
    assert cli.main(["fmt", str(link)]) == 0
    assert link.is_symlink()
    assert ugly.read_text() != UGLY
    assert ugly.stat().st_mode & 0o777 == 0o640


def test_stdin_goes_to_stdout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UGLY.encode())))
    assert cli.main(["fmt", "-"]) == 0
    assert capsys.readouterr().out.startswith("workflow w")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BROKEN.encode())))
    assert cli.main(["fmt", "-"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "<stdin>:1:" in err
