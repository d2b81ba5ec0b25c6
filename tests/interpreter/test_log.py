"""Logs: exact, the same for the same seed, and damage is found."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest
from pools import pool_system
from wfverify.interpreter import LogError, LogReplay, RunOptions, open_log, replay_log, snapshot
from wfverify.interpreter.log import events
from wfverify.interpreter.run import RunResult, run
from wfverify.semantics.events import events_of
from wfverify.semantics.system import TransitionSystem

SYSTEM = pool_system(4, 3, 2, takes=("1", "7/3"), fails=True, timeout="2")
FORMS = ["run.db", "run.jsonl"]


def load(source: str) -> TransitionSystem:
    assert source == "pool.wf"
    return SYSTEM


def write(path: Path, seed: int = 3) -> RunResult:
    log = open_log(path)
    result = run(SYSTEM, RunOptions(seed=seed, source="pool.wf", spec_sha256="00"), log)
    log.close()
    return result


@pytest.fixture(params=FORMS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def test_a_log_holds_the_events_of_the_run(path: Path) -> None:
    result = write(path)
    log = open_log(path)
    assert log.runs() == [1]
    assert list(events(log, 1)) == list(events_of(SYSTEM, result.trace))
    info, end = log.info(1), log.final(1)
    log.close()
    assert (info.source, info.seed, info.scheduler) == ("pool.wf", 3, "any")
    assert info.variables[0] == "agents"
    assert end is not None
    assert (end.state, end.time, end.status) == (result.final, result.time, "ended")


def test_the_state_is_rebuilt_from_the_events_alone(path: Path) -> None:
    result = write(path)
    for loader in (None, load):
        rebuilt = replay_log(path, loader)
        assert rebuilt.ok, rebuilt.problem
        assert rebuilt.state == result.final
        assert rebuilt.events == result.events
        assert rebuilt.checked_rules == (loader is not None)


def test_a_snapshot_is_the_state_at_that_moment(path: Path) -> None:
    result = write(path)
    log = open_log(path)
    assert snapshot(log, 1, 0) == result.trace.initial
    assert snapshot(log, 1, 10**9) == result.final
    log.close()


def test_several_runs_in_one_log(path: Path) -> None:
    first, second = write(path, 1), write(path, 2)
    assert replay_log(path, load).state == second.final
    assert replay_log(path, load, run=1).state == first.final
    with pytest.raises(LogError, match="no run 3"):
        replay_log(path, load, run=3)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl")
    write(tmp_path / "b.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    dumps = []
    for name in ("a.db", "b.db"):
        write(tmp_path / name)
        db = sqlite3.connect(tmp_path / name)
        dumps.append(list(db.iterdump()))
        db.close()
    assert dumps[0] == dumps[1]


def test_sqlite_leaves_one_plain_file(tmp_path: Path) -> None:
    write(tmp_path / "run.db")
    assert [p.name for p in tmp_path.iterdir()] == ["run.db"]


def test_a_log_tells_changes_by_name(tmp_path: Path) -> None:
    write(tmp_path / "run.db")
    db = sqlite3.connect(tmp_path / "run.db")
    query = "select name, value from changes where kind = 'ResourceAllocated' limit 1"
    assert db.execute(query).fetchall() == [("agents", 1)]
    db.close()


def test_fractions_are_exact(path: Path) -> None:
    result = write(path)
    assert any(s.time.denominator > 1 for s in result.trace.steps)
    log = open_log(path)
    times = {e.time for e in events(log, 1)}
    log.close()
    assert times == {s.time for s in result.trace.steps} | {Fraction(0)}


# --- damage ----------------------------------------------------------------------------------


def in_database(path: Path, statement: str) -> None:
    db = sqlite3.connect(path)
    with db:
        assert db.execute(statement).rowcount == 1
    db.close()


def in_lines(path: Path, seq: int, change: Callable[[dict], None]) -> None:
    lines = path.read_text().splitlines(keepends=True)
    for i, line in enumerate(lines):
        entry = json.loads(line)
        if entry.get("seq") == seq:
            change(entry)
            lines[i] = json.dumps(entry) + "\n"
    path.write_text("".join(lines))


def assert_found(path: Path, event: int | None, text: str) -> LogReplay:
    assert not replay_log(path).ok
    found = replay_log(path, load)
    assert not found.ok
    assert text in found.problem
    assert found.event == event
    return found


def test_an_edited_value_is_found_and_named(tmp_path: Path) -> None:
    db, lines = tmp_path / "run.db", tmp_path / "run.jsonl"
    write(db)
    write(lines)
    in_database(db, "update events set changes = '[[0,2]]' where seq = 5")
    assert_found(db, 5, "event 5: its changes is [[0,2]], but the rule gives [[0,1]]")
    in_lines(lines, 5, lambda e: e.update(changes=[[0, 2]]))
    assert_found(lines, 5, "event 5")


@pytest.mark.parametrize(
    "edit",
    [
        "instance = 77",
        "subject = 'else'",
        "detail = 'else'",
        "kind = 'TaskFailed'",
        "rule = rule + 1",
        "inputs = '[1]'",
        "changes = '[[0,\"1/0\"]]'",
        "changes = '[[999,1]]'",
        "changes = 'no'",
        "kind = 'Nothing'",
    ],
)
def test_any_edited_field_is_found(tmp_path: Path, edit: str) -> None:
    path = tmp_path / "run.db"
    write(path)
    in_database(path, f"update events set {edit} where seq = 5")
    assert_found(path, 5, "event 5")


def test_an_edited_time_is_found(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    write(path)
    in_database(path, "update events set time = '999' where seq = 5")
    assert "its time is" in replay_log(path, load).problem
    assert "checksum" in replay_log(path).problem


def test_times_that_cannot_be_are_found(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    write(path)
    db = sqlite3.connect(path)
    with db:  # all events of the last step, so that they agree with one another
        last = db.execute("select rule, time from events order by seq desc limit 1").fetchone()
        db.execute("update events set time = '999' where rule = ? and time = ?", last)
    db.close()
    assert "cannot happen at 999 seconds" in replay_log(path, load).problem


def test_an_edited_final_state_names_the_variable(path: Path) -> None:
    write(path)
    if path.suffix == ".db":
        in_database(path, "update state set value = '99' where variable = 0")
    else:
        path.write_text(path.read_text().replace('"state":[0,', '"state":[99,'))
    assert_found(path, None, "agents is 0 after the events, but the log ends with 99")


def test_a_missing_event_is_found(path: Path) -> None:
    write(path)
    if path.suffix == ".db":
        in_database(path, "delete from events where seq = 7")
    else:
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(x for x in lines if not x.startswith('{"seq":7,')))
    assert_found(path, 7, "event 7 is missing")


def test_a_log_that_is_cut_off_is_found(tmp_path: Path) -> None:
    lines = tmp_path / "run.jsonl"
    write(lines)
    whole = lines.read_text()
    lines.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    assert_found(lines, None, "cut off")
    lines.write_text(whole[: len(whole) // 2])
    assert not replay_log(lines).ok
    db = tmp_path / "run.db"
    write(db)
    in_database(db, "update runs set status = null")
    assert_found(db, None, "cut off")
    db.write_bytes(db.read_bytes()[: db.stat().st_size // 2])
    with suppress(LogError):
        assert not replay_log(db).ok


def test_what_is_no_log_is_refused(path: Path) -> None:
    with pytest.raises(LogError, match="no file"):
        replay_log(path)
    path.write_text("hello, world\n" * 100)
    with pytest.raises(LogError, match="not a log"):
        replay_log(path)


def test_another_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    db = sqlite3.connect(path)
    db.execute("create table meta (key, value)")
    db.commit()
    db.close()
    with pytest.raises(LogError, match="not a log"):
        replay_log(path)


def test_another_spec_is_noticed(path: Path) -> None:
    write(path)
    found = replay_log(path, lambda _: pool_system(5))
    assert "the initial state has 9 variables, the spec has 11" in found.problem
