"""Answers, logs and paths that are wrong: a clear complaint and status 2, never a traceback."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wfverify import cli

SPEC = """\
error Declined permanent
type P = {a: int, b: bool}
enum C { red, green }
workflow w(n: int) fails Declined {
  requires 0 <= n and n <= 9
  var x: int 0..9 = 0
  var r: real = 0
  var c: C = red
  var p: P = {a: 1, b: true}
  activity a -> int { takes 1s..2s  writes r, c, p  ensures result >= 0 }
  activity b { takes 1s..3s  fails Declined  retry 2 on Declined  timeout 2s }
  run { try { x <- a() || b } catch * { } }
}
"""
ANSWERS = {
    "a": {"result": 3, "writes": {"r": 1.5, "c": "green", "p": {"a": 2, "b": False}}},
    "w[0].b": [{"fails": "Declined", "takes": "1s"}, {"attempt": 3, "times_out": True}],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("bad")
    (made / "w.wf").write_text(SPEC)
    for name in ("run.db", "run.jsonl"):
        assert cli.main(["run", str(made / "w.wf"), "--runs", "2", "--log", str(made / name)]) == 0
    return made


def complaint(capsys: pytest.CaptureFixture[str], *call: object) -> str:
    """What is said on stderr by a call that is wrong."""
    assert cli.main([str(part) for part in call]) == 2
    err = capsys.readouterr().err
    assert err.startswith("wfverify: ")
    assert "internal" not in err
    return err


@pytest.mark.parametrize("name", ["missing/x.db", "missing/x.jsonl", ".", "w.wf", "folder.jsonl"])
def test_a_log_that_cannot_be_written(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "folder.jsonl").mkdir(exist_ok=True)
    assert str(folder) in complaint(capsys, "run", folder / "w.wf", "--log", folder / name)
    assert (folder / "w.wf").read_text() == SPEC


def test_a_seed_that_a_log_cannot_hold(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = folder / "seed.db"
    said = complaint(capsys, "run", folder / "w.wf", "--seed", 10**30, "--log", log)
    assert str(log) in said


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("[]", "expected an object"),
        ("{", "1:2: not JSON"),
        ("\x00", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": {}, "a": {}}', "`a` stands twice"),
        ('{"aa": {}}', "did you mean `a`"),
        ('{"a": 5}', "expected an object such as"),
        ('{"a": {"take": "1s"}}', "did you mean `takes`"),
        ('{"a": {"writes": [1]}}', "`writes` is an object"),
        ('{"a": {"writes": null}}', "`writes` is an object"),
        ('{"a": {"writes": {"r": "1e999999999"}}}', "not a value of `r`"),
        ('{"a": {"writes": {"c": "gren"}}}', "did you mean `green`"),
        ('{"a": {"writes": {"p": 1}}}', "did you mean `p.b`"),
        ('{"a": {"writes": {"p": {"a": true}}}}', "not a value of `p`"),
        ('{"a": {"writes": {"p": {"c": 1}}}}', "does not answer `p.c`"),
        ('{"a": {"takes": "1e999999999"}}', "not a duration"),
        ('{"a": {"takes": true}}', "`takes` is a duration"),
        ('{"a": {"takes": "9s"}}', "outside 1..2 seconds"),
        ('{"a": {"result": -1}}', "does not allow the answer"),
        ('{"a": {"attempt": true}}', "counts from 1"),
        ('{"b": {"fails": ["Declined"]}}', "name of an error"),
        ('{"b": {"fails": "Decline"}}', "did you mean `Declined`"),
        ('{"b": {"completes": "yes"}}', "true or false"),
        ('{"b": [{"attempt": 2}, {}]}', "second entry for attempt 2"),
        ('{"b": {"times_out": true, "completes": true}}', "exclude each other"),
        ('{"a": {"times_out": true}}', "no timeout"),
    ],
)
def test_answers_that_are_wrong(
    folder: Path, document: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "answers.json"
    path.write_text(document)
    said = complaint(capsys, "run", folder / "w.wf", "--answers", path)
    assert str(path) in said
    assert says in said


def test_answers_that_are_no_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "answers.json"
    path.write_bytes(b'{"a": "\xff"}')
    assert str(path) in complaint(capsys, "run", folder / "w.wf", "--answers", path)
    assert str(folder) in complaint(capsys, "run", folder / "w.wf", "--answers", folder)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "b", "r", "p", "takes", "fails"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@st.composite
def documents(draw: st.DrawFn) -> object:
    """Answers with one value put in somewhere."""
    document = json.loads(json.dumps(ANSWERS))
    at: object = document
    while True:
        if isinstance(at, dict):
            key: object = draw(st.sampled_from([*at, "result", "takes"]))
        elif isinstance(at, list):
            key = draw(st.integers(0, len(at) - 1))
        inner = at.get(key) if isinstance(at, dict) else at[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
            at[key] = draw(VALUES)  # type: ignore[index]
            return document
        at = inner


FUZZ = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZ
@given(document=documents())
def test_any_answers(folder: Path, document: object) -> None:
    path = folder / "any.json"
    path.write_text(json.dumps(document))
    assert cli.main(["run", str(folder / "w.wf"), "--answers", str(path), "-q"]) in (0, 2)


# --- logs ------------------------------------------------------------------------------------


def changed(folder: Path, statement: str, *values: object) -> Path:
    """A copy of the log with two runs in which something was changed."""
    path = folder / "changed.db"
    shutil.copy(folder / "run.db", path)
    db = sqlite3.connect(path)
    with db:
        db.execute(statement, values)
    db.close()
    return path


@pytest.mark.parametrize(
    "edit",
    [
        "runs set source = 'else.wf'",
        "runs set spec_sha256 = 'aa'",
        "runs set seed = 99",
        "runs set scheduler = 'fifo'",
        """runs set options = '{"until": "5"}'""",
        "runs set options = '['",
        "runs set status = 'deadlock'",
        "runs set status = 5",
        "runs set steps = 1",
        "runs set steps = 'x'",
        "runs set events = 1",
        "runs set time = '9999'",
        "runs set time = '0'",
        "runs set time = '1e999999999'",
        "runs set checksum = checksum + 1",
        "runs set checksum = x'00'",
        "variables set name = 'y' where variable = 0",
        "variables set variable = 99 where variable = 0",
        "state set variable = 99 where variable = 0",
        "state set value = 'x\"'",
        "state set value = '\"x'",
        "state set value = '[1]'",
        "state set value = null",
        "events set changes = '[[-1, 1]]' where seq = 3",
        "events set rule = 'x' where seq = 3",
        "events set time = '1/0' where seq = 3",
        "events set inputs = '{}' where seq = 3",
        "events set seq = 'x' where seq = 3",
    ],
)
def test_whatever_is_changed_in_a_log_is_found(
    folder: Path, edit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the first run too: not only the last one is looked at."""
    where = "and run = 1" if "where" in edit else "where run = 1"
    path = changed(folder, f"update {edit} {where}")
    assert cli.main(["replay", str(path)]) == 1
    said = capsys.readouterr().out
    assert "run 1: not a faithful record" in said
    assert "run 2" not in said
    assert cli.main(["replay", str(path), "--run", "1"]) == 1
    assert cli.main(["replay", str(path), "--run", "2"]) == 0


@pytest.mark.parametrize(
    "edit",
    [
        "update meta set value = '1' where key = 'version'",
        "update runs set run = 7 where run = 1",
        "delete from runs where run = 1",
        "delete from runs where run = 2",
        "delete from runs",
        "drop table state",
    ],
)
def test_a_log_that_is_not_whole(
    folder: Path, edit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed(folder, edit)
    status = cli.main(["replay", str(path)])
    said = capsys.readouterr()
    assert status in (1, 2)
    assert "internal" not in said.err


def test_a_run_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = complaint(capsys, "replay", folder / "run.db", "--run", 3)
    assert "has no run 3; it has runs 1 to 2" in said


CELLS = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text() | st.binary()


@FUZZ
@given(data=st.data())
def test_any_cell_of_a_log(folder: Path, data: st.DataObject) -> None:
    table, key = data.draw(
        st.sampled_from([("runs", "run"), ("variables", ""), ("events", ""), ("state", "")])
    )
    db = sqlite3.connect(folder / "run.db")
    columns = [row[1] for row in db.execute(f"pragma table_info({table})")]
    column = data.draw(st.sampled_from([c for c in columns if c != key]))
    rows = [row[0] for row in db.execute(f"select run from {table}")]
    db.close()
    try:
        path = changed(
            folder,
            f"update or ignore {table} set {column} = ? where run = ?"
            + (" and seq = 4" if table == "events" else ""),
            data.draw(CELLS | st.text('[]{}",:0123456789.e-/', max_size=8)),
            data.draw(st.sampled_from(rows)),
        )
    except sqlite3.IntegrityError:
        return
    assert cli.main(["replay", str(path)]) in (0, 1, 2)


@FUZZ
@given(at=st.integers(0, 10**6), byte=st.binary(max_size=3), cut=st.integers(0, 3))
def test_any_byte_of_a_log(folder: Path, at: int, byte: bytes, cut: int) -> None:
    """One that says something else is never called faithful."""
    whole = (folder / "run.jsonl").read_bytes()
    at %= len(whole)
    path = folder / "any.jsonl"
    path.write_bytes(whole[:at] + byte + whole[at + cut :])
    status = cli.main(["replay", str(path)])
    assert status in (0, 1, 2)

    def said(text: bytes) -> object:
        return [json.loads(line) for line in text.splitlines()]

    if status == 0:
        assert said(path.read_bytes()) == said(whole)
