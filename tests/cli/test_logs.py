"""The log that a run leaves by default, and logs in pipes."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from wfverify import cli
from wfverify.cli import logs

SPEC = """\
error Declined permanent
workflow w {
  var x: int = 0
  activity a { takes 1s..2s  do { x := x + 1 } }
  activity b { takes 1s..3s  fails Declined }
  run { try { a || b } catch * { } }
}
"""
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "w.wf").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*more: str, status: int = 0) -> None:
    assert cli.main(["run", "w.wf", *more]) == status


def _piped(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))


def _events(place: Path, capsys: Captured) -> int:
    """How many events of how many runs `replay` finds to agree."""
    assert cli.main(["replay", str(place)]) == 0
    said = capsys.readouterr().out
    assert "rules and events agree" in said
    return int(said.split(" events")[0].split()[-1])


def test_a_run_leaves_a_log_and_says_how_it_is_replayed(folder: Path, capsys: Captured) -> None:
    for more in ([], ["-q"]):
        _run("--seed", "3", *more)
        said = capsys.readouterr()
        names = sorted(p.name for p in Path(".wfverify").iterdir())
        assert names == [".gitignore", "w-seed3.db"]
        command = said.out.split("(wfverify ")[1].split(")")[0].split()
        assert said.err == ""
        assert command == ["replay", ".wfverify/w-seed3.db"]
        assert cli.main(command) == 0
        assert "seed 3" in capsys.readouterr().out
    assert sorted(p.name for p in folder.iterdir()) == [".wfverify", "w.wf"]
    assert sorted(p.name for p in Path(".wfverify").iterdir()) == [".gitignore", "w-seed3.db"]
    assert "\n*\n" in Path(".wfverify", ".gitignore").read_text()


def test_a_run_again_takes_the_place_of_its_log(folder: Path, capsys: Captured) -> None:
    place = Path(".wfverify", "w-seed0.db")
    _run()
    first = place.read_bytes()
    _run()
    assert place.read_bytes() == first
    _run("--until", "1")
    capsys.readouterr()
    assert place.read_bytes() != first
    assert cli.main(["replay", str(place)]) == 0
    assert "1 runs" not in capsys.readouterr().out


def test_a_gitignore_that_was_taken_away_stays_away(folder: Path) -> None:
    _run()
    Path(".wfverify", ".gitignore").unlink()
    _run("--seed", "1")
    assert sorted(p.name for p in Path(".wfverify").iterdir()) == ["w-seed0.db", "w-seed1.db"]


def test_many_runs_are_one_log(folder: Path, capsys: Captured) -> None:
    _run("--runs", "7", "--seed", "2")
    said = capsys.readouterr().out
    assert "(wfverify replay .wfverify/w-seed2-runs7.db)" in said
    assert "the first" not in said
    assert cli.main(["replay", ".wfverify/w-seed2-runs7.db"]) == 0
    assert ": 7 runs, " in capsys.readouterr().out


def test_of_very_many_runs_the_first_are_kept(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run("--runs", "3", "--log", "three.db")
    capsys.readouterr()
    monkeypatch.setattr(logs, "MOST_EVENTS", _events(Path("three.db"), capsys) - 1)
    _run("--runs", "9")
    said = capsys.readouterr().out
    assert "w-seed0-runs9.db, the first 3 of 9 runs (wfverify replay" in said
    assert "9 runs, seeds 0 to 8" in said
    assert cli.main(["replay", ".wfverify/w-seed0-runs9.db"]) == 0
    assert ": 3 runs, " in capsys.readouterr().out


def test_none_writes_no_log(folder: Path, capsys: Captured) -> None:
    _run("--log", "none")
    assert "log:" not in capsys.readouterr().out
    assert [p.name for p in folder.iterdir()] == ["w.wf"]


def test_a_log_that_is_asked_for_is_the_only_one(folder: Path, capsys: Captured) -> None:
    _run("--log", "my log.db")
    assert "(wfverify replay 'my log.db')" in capsys.readouterr().out
    assert not Path(".wfverify").exists()


@pytest.mark.parametrize("what", ["folder", "text", "empty", "database", "directory", "link"])
def test_what_is_not_ours_stays_and_the_run_is_not_lost(
    what: str, folder: Path, capsys: Captured
) -> None:
    place = Path(".wfverify", "w-seed0.db")
    if what == "folder":
        Path(".wfverify").write_text("mine")
        place = Path(".wfverify")
    else:
        Path(".wfverify").mkdir()
    if what == "text":
        place.write_text("mine")
    elif what == "empty":
        place.write_text("")
    elif what == "directory":
        place.mkdir()
    elif what == "link":
        place.symlink_to("nowhere")
    elif what == "database":
        import sqlite3

        with sqlite3.connect(place) as db:
            db.execute("create table meta (key text, value text)")
    before = None if what in ("directory", "link") else place.read_bytes()
    _run("--runs", "2", "--seed", "0") if what == "folder" else _run()
    said = capsys.readouterr()
    assert "seed" in said.out
    assert "log:" not in said.out
    assert said.err.startswith("wfverify: no log was kept in .wfverify: ")
    assert "--log none" in said.err
    assert said.err.count("\n") == 1
    if before is not None:
        assert place.read_bytes() == before
    assert place.is_symlink() == (what == "link")
    if what != "folder":
        assert [p.name for p in Path(".wfverify").iterdir()] == ["w-seed0.db"]


@pytest.mark.parametrize("step", ["begin", "append", "end", "close"])
def test_a_log_that_breaks_in_the_middle_does_not_lose_the_run(
    step: str, folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wfverify.interpreter.log_sqlite import SqliteLog

    _run()
    before = Path(".wfverify", "w-seed0.db").read_bytes()
    capsys.readouterr()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    if step == "close":
        monkeypatch.setattr(logs.os, "replace", full)
    else:
        monkeypatch.setattr(SqliteLog, step, full)
    _run()
    said = capsys.readouterr()
    assert "seed 0: ended" in said.out
    assert "log:" not in said.out
    assert "No space left on device" in said.err
    assert Path(".wfverify", "w-seed0.db").read_bytes() == before
    assert sorted(p.name for p in Path(".wfverify").iterdir()) == [".gitignore", "w-seed0.db"]


def test_a_seed_that_no_log_can_hold(folder: Path, capsys: Captured) -> None:
    _run("--seed", str(10**30))
    said = capsys.readouterr()
    assert f"seed {10**30}: ended" in said.out
    assert "no log was kept" in said.err


def test_a_call_that_runs_nothing_leaves_no_log(folder: Path, capsys: Captured) -> None:
    _run("--set", "nothing=1", status=2)
    assert not list(Path().glob(".wfverify/*.db"))
    assert not list(Path().glob(".wfverify/.w*"))


def test_replay_reads_a_pipe(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run("--runs", "3", "--log", "-")
    lines = capsys.readouterr().out
    _piped(monkeypatch, lines.encode())
    monkeypatch.chdir("/")  # the log knows where its spec is
    assert cli.main(["replay", "-"]) == 0
    assert capsys.readouterr().out.startswith("<stdin>: 3 runs, ")
    _piped(monkeypatch, lines.encode())
    assert cli.main(["replay", "-", "--run", "2"]) == 0
    assert capsys.readouterr().out.startswith("<stdin>: seed 1, ")
    first, *rest = lines.splitlines(keepends=True)
    _piped(monkeypatch, "".join([first, *rest[1:]]).encode())
    assert cli.main(["replay", "-"]) == 1
    assert "not a faithful record" in capsys.readouterr().out


def test_replay_reads_a_database_from_a_pipe(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run()
    capsys.readouterr()
    _piped(monkeypatch, Path(".wfverify", "w-seed0.db").read_bytes())
    assert cli.main(["replay", "-"]) == 0
    assert "rules and events agree" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "<stdin> holds no run"),
        (b"{}\n", "<stdin> is not a log"),
        (b"\xff\xfe\x00", "<stdin> is not a log"),
        (b"SQLite format 3\0 and then nothing", "<stdin> is not a log"),
        (b'{"run":1,"version":2}\n', "<stdin>:1: damaged"),
    ],
)
def test_a_pipe_without_a_log(
    data: bytes, says: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    _piped(monkeypatch, data)
    assert cli.main(["replay", "-"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert says in said.err
    assert "internal" not in said.err


def test_a_spec_from_stdin_is_logged_and_replayed_without_its_rules(
    folder: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    _piped(monkeypatch, SPEC.encode())
    assert cli.main(["run", "-"]) == 0
    assert ".wfverify/stdin-seed0.db" in capsys.readouterr().out
    assert cli.main(["replay", ".wfverify/stdin-seed0.db"]) == 0
    said = capsys.readouterr().out
    assert "note: the spec came from stdin: only the events are compared" in said
