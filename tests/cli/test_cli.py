"""The command as a user calls it, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

Run = subprocess.CompletedProcess[str]


def wfverify(*args: str, cwd: Path, stdin: str = "", **env: str) -> Run:
    return subprocess.run(
        [sys.executable, "-m", "wfverify", *args],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **env},
        timeout=120,
    )


def test_help_version_and_no_arguments(tmp_path: Path) -> None:
    done = wfverify("--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "examples:" in done.stdout
    assert "exit status:" in done.stdout
    done = wfverify("--version", cwd=tmp_path)
    assert done.stdout.startswith("wfverify 0.")
    done = wfverify(cwd=tmp_path)
    assert done.returncode == 2
    assert "examples:" in done.stderr
    for command in ("verify", "run", "replay", "fmt", "explain"):
        done = wfverify(command, "--help", cwd=tmp_path)
        assert done.returncode == 0
        assert "usage: wfverify" in done.stdout


@pytest.mark.parametrize(
    "args",
    [
        ["--nonsense"],
        ["x.wf", "--format", "yaml"],
        ["x.wf", "--timeout", "0"],
        ["x.wf", "--timeout", "nan"],
        ["x.wf", "--jobs", "0"],
        ["x.wf", "y.wf"],
        ["run", "x.wf", "--runs", "-1"],
        ["fmt"],
        ["explain", "a", "b"],
    ],
)
def test_a_wrong_call_is_status_2(tmp_path: Path, args: list[str]) -> None:
    done = wfverify(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_misspelt_command_is_recognised(tmp_path: Path) -> None:
    done = wfverify("explian", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "wfverify: there is no command and no file `explian`; did you mean `wfverify explain`?\n"
    )


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["check", "x.wf"], "did you mean `wfverify SPEC`?"),
        (["simulate", "x.wf"], "did you mean `wfverify run SPEC`?"),
        (["help"], "did you mean `wfverify --help`?"),
        (["format", "x.wf"], "did you mean `wfverify fmt FILE`?"),
        (["x"], "did you mean `wfverify x.wf`?"),
        (["x.wf", "run"], "the command comes first: `wfverify run x.wf`"),
        (["run", "x.wf", "--seed", "x"], "'x' is not a whole number"),
        (["x.wf", "--only", "smal"], "did you mean `small`?"),
    ],
)
def test_a_call_as_of_another_tool(tmp_path: Path, args: list[str], says: str) -> None:
    (tmp_path / "x.wf").write_text(
        "workflow w {\n  var n: int = 0\n  run { n := 1 }\n  invariant small : n < 2\n}\n"
    )
    done = wfverify(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr + done.stdout


def test_a_folder_may_be_called_like_a_command(tmp_path: Path) -> None:
    (tmp_path / "x.wf").write_text("workflow w { run { skip } }\n")
    assert wfverify("x.wf", "--cache", "run", cwd=tmp_path).returncode == 0


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary.wf").write_bytes(b"\x7fELF\xff\xfe")
    (tmp_path / "empty.wf").write_text("")
    for name in ("missing.wf", "folder", "binary.wf", "empty.wf"):
        done = wfverify(name, cwd=tmp_path)
        assert done.returncode == 2, name
        assert name in done.stderr
        assert "internal" not in done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
    for name in ("missing.wf", "folder"):
        assert wfverify(name, cwd=tmp_path).stderr.count("\n") == 1


def test_errors_of_a_spec_have_place_and_caret(tmp_path: Path) -> None:
    (tmp_path / "bad.wf").write_text("workflow w {\n  run { nothing }\n}\n")
    done = wfverify("bad.wf", cwd=tmp_path)
    assert done.returncode == 2
    assert "bad.wf:2:9: error[E" in done.stderr
    assert "        ^" in done.stderr
    done = wfverify("-", cwd=tmp_path, stdin="workflow w {\n  run { nothing }\n}\n")
    assert done.returncode == 2
    assert "<stdin>:2:9: error[E" in done.stderr
    assert "  run { nothing }" in done.stderr


@pytest.mark.parametrize("form", ["json", "junit", "sarif", "github"])
def test_errors_of_a_spec_in_every_format(tmp_path: Path, form: str) -> None:
    (tmp_path / "bad.wf").write_text("workflow w {\n  run { nothing }\n}\n")
    done = wfverify("bad.wf", "--format", form, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == ""
    assert "bad.wf" in done.stdout
    assert "nothing" in done.stdout


def test_explain(tmp_path: Path) -> None:
    assert "deadlock_free" in wfverify("explain", cwd=tmp_path).stdout
    done = wfverify("explain", "borrows", cwd=tmp_path)
    assert done.returncode == 0
    assert "Mend:" in done.stdout
    done = wfverify("explain", "borows", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean `borrows`?" in done.stderr


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "wfverify", "explain"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == 141


def test_an_internal_error_asks_to_report_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from wfverify import cli
    from wfverify.report import explain

    def broken() -> str:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(explain, "overview", broken)
    monkeypatch.delenv("WFVERIFY_DEBUG", raising=False)
    assert cli.main(["explain"]) == 70
    err = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: a mistake" in err
    assert "report it" in err
    assert "Traceback" not in err
    monkeypatch.setenv("WFVERIFY_DEBUG", "1")
    assert cli.main(["explain"]) == 70
    assert "Traceback" in capsys.readouterr().err
