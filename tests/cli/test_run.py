"""`wfverify run` and `replay`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from wfverify import cli

SPEC = """\
error Declined permanent
workflow w(n: int) fails Declined {
  requires 0 <= n and n <= 9
  var x: int = 0
  activity a { takes 1s..2s  do { x := x + n } }
  activity b { takes 3s..3s  fails Declined }
  run { a || b }
}
"""
STUCK = """\
workflow w {
  var flag: bool = false
  activity a { takes 1s..1s }
  run { skip ; a ; wait until (flag) }
}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "w.wf"
    path.write_text(SPEC)
    return str(path)


def test_one_run_shows_its_steps_and_its_end(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", spec, "--seed", "1", "--set", "n=4"]) == 0
    out = capsys.readouterr().out
    assert "a completes" in out
    assert "x: 0 -> 4" in out
    assert "who did what" in out
    assert "seed 1: ended" in out


def test_the_same_seed_gives_the_same_run(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    outs = []
    for seed in ("5", "5", "6"):
        cli.main(["run", spec, "--seed", seed, "--log", "-"])
        outs.append(capsys.readouterr().out)
    assert outs[0] == outs[1] != outs[2]
    first, *_, last = (json.loads(line) for line in outs[0].splitlines())
    assert first["seed"] == 5
    assert last["end"] == "ended"


def test_many_runs_are_summarised(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["run", spec, "--runs", "50"]) == 0
    out = capsys.readouterr().out
    assert "w: 1 completed" in out
    assert "w: 1 failed with Declined" in out
    assert "50 runs, seeds 0 to 49" in out
    assert cli.main(["run", spec, "--runs", "50", "-q"]) == 0
    assert capsys.readouterr().out == out  # it has no steps to leave out


def test_answers(spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text('{"b": {"fails": "Declined"}}')
    assert cli.main(["run", spec, "--answers", str(answers), "-q"]) == 0
    assert "failed with Declined" in capsys.readouterr().out


def test_a_stuck_run_is_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "stuck.wf"
    path.write_text(STUCK)
    assert cli.main(["run", str(path)]) == 1
    assert "waits at" in capsys.readouterr().out
    assert cli.main(["run", str(path), "--runs", "3", "--seed", "7"]) == 1
    assert "--seed 7 shows it" in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    [
        ["--set", "m=1"],
        ["--set", "n=twelve"],
        ["--set", "n"],
        ["--until", "soon"],
        ["--until", "-3"],
        ["--until=-1h"],
        ["--answers", "missing.json"],
    ],
)
def test_impossible_values_are_status_2(
    spec: str, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", spec, *wrong]) == 2
    err = capsys.readouterr().err
    assert err.startswith("wfverify: ")
    assert "internal" not in err


def test_a_log_replays_until_it_is_altered(
    spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.jsonl"
    assert cli.main(["run", spec, "--seed", "2", "--log", str(log), "-q"]) == 0
    capsys.readouterr()
    assert cli.main(["replay", str(log)]) == 0
    assert "rules and events agree" in capsys.readouterr().out

    whole = log.read_text()
    lines = whole.splitlines(keepends=True)
    log.write_text("".join(lines[:5] + lines[6:]))
    assert cli.main(["replay", str(log)]) == 1
    assert "not a faithful record" in capsys.readouterr().out

    log.write_text(whole)
    Path(spec).write_text(SPEC + "// changed\n")
    assert cli.main(["replay", str(log)]) == 0
    assert "was changed since" in capsys.readouterr().out


def test_what_is_no_log_is_status_2(
    spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (spec, str(tmp_path), str(tmp_path / "missing.db")):
        assert cli.main(["replay", path]) == 2
        assert "internal" not in capsys.readouterr().err


def test_what_is_not_executed_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.wf"
    path.write_text(
        'activity top { takes 1s  runs http GET "http://x" }\n'
        'workflow w {\n  activity a { takes 1s  runs shell "touch f" }\n'
        "  activity b { takes 1s }\n  run { a ; b ; top }\n}\n"
    )
    note = "note: simulated, not executed: top (runs http), a (runs shell)"
    for more in ([], ["-q"], ["--runs", "9"]):
        assert cli.main(["run", str(path), *more]) == 0
        assert capsys.readouterr().out.count(note) == 1
    assert cli.main(["run", str(path), "--log", "-"]) == 0
    said = capsys.readouterr()
    assert note not in said.out
    assert note in said.err


def test_replay_leaves_what_is_no_log_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.wf"
    empty.write_bytes(b"")
    assert cli.main(["replay", str(empty)]) == 2
    assert "holds no run" in capsys.readouterr().err
    assert empty.read_bytes() == b""
    assert [p.name for p in tmp_path.iterdir()] == ["empty.wf"]
    assert cli.main(["replay", str(tmp_path)]) == 2
    assert "is no file" in capsys.readouterr().err
    assert cli.main(["replay", str(tmp_path / "none.db")]) == 2
    assert "there is no file" in capsys.readouterr().err


def test_so_many_instances_run_and_replay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, log = tmp_path / "w.wf", tmp_path / "w.db"
    text = "workflow w { activity a { takes 1s }  run { a } }\nsystem { w[*] arrive every 2s }\n"
    spec.write_text(text)
    assert cli.main(["run", str(spec), "--instances", "4", "--log", str(log)]) == 0
    out = capsys.readouterr().out
    assert "[6s] arrival of w[3]" in out and "w[4]" not in out
    assert cli.main(["replay", str(log)]) == 0
    assert "rules and events agree" in capsys.readouterr().out


def test_they_arrive_until_the_run_is_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, log = tmp_path / "w.wf", tmp_path / "w.db"
    text = "workflow w { activity a { takes 1s }  run { a } }\nsystem { w arrive every 2s }\n"
    spec.write_text(text)
    assert cli.main(["run", str(spec), "--until", "11s", "--log", str(log)]) == 0
    out = capsys.readouterr().out
    assert "[10s] arrival of w[5]" in out and "w[6]" not in out
    assert cli.main(["replay", str(log)]) == 0


FULL = """\
channel ticks : int
workflow clock { run { while (true) { wait 1s ; send 1 to ticks } } }
workflow hand { run { while (true) { receive t from ticks ; wait 3s } } }
"""


def test_a_channel_without_a_bound_has_the_room_that_a_run_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, log = tmp_path / "full.wf", tmp_path / "full.jsonl"
    path.write_text(FULL)
    assert cli.main(["run", str(path), "--until", "60s", "--log", str(log)]) == 0
    assert "len(ticks): 38 -> 39" in capsys.readouterr().out
    assert cli.main(["replay", str(log)]) == 0
    assert "agree" in capsys.readouterr().out
    assert cli.main(["run", str(path), "--until", "20m", "--log", "none"]) == 2
    assert "more than 512 messages in ticks" in capsys.readouterr().err
    folder = tmp_path / "certificates"
    found = cli.main([str(path), "--only", "messages", "--timeout", "20", "--certify", str(folder)])
    assert found == 1 and not [*folder.iterdir()]
    assert "no certificate" in capsys.readouterr().err
