"""`wfverify export`: a model, or what keeps it from being one."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from wfverify import cli

SPEC = """\
resource desk : pool(1)
workflow w {
  var x: int 0..3 = 0
  var y: bool
  activity a { uses desk 1  takes 1s  do { x := x + 1 } }
  run { a ; { y := true } }
  invariant small : x <= 1
  invariant never : not y
}
expect refuted never
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "s.wf"
    path.write_text(SPEC)
    return str(path)


def exported(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert cli.main(["export", *args, "--promela"]) == 0
    return capsys.readouterr().out


def test_the_whole_with_what_is_claimed(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = exported(capsys, spec)
    assert "small does not hold" in out
    assert "never does not hold" not in out  # expected to be refuted
    assert "/* desk */" in out and "/* w.x */" in out


def test_one_claim_has_what_matters_for_it(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = exported(capsys, spec, "--only", "never")
    assert "never does not hold" in out and "small" not in out
    assert "/* w.y */" in out and "/* w.x */" not in out


def test_deadlocks_need_no_claims(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = exported(capsys, spec, "--only", "deadlock_free")
    assert "/* desk */" in out and "does not hold" not in out


def test_a_module_has_the_name_of_its_file(spec: str, tmp_path: Path) -> None:
    model = tmp_path / "My-Model.tla"
    assert cli.main(["export", spec, "--tla", "--only", "never", "-o", str(model)]) == 0
    lines = model.read_text().splitlines()
    assert lines[0] == "---- MODULE My_Model ----" and lines[-1] == "===="
    assert any("never does not hold" in x for x in lines)


def test_one_language_at_a_time(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    for languages in ([], ["--promela", "--tla"]):
        assert cli.main(["export", spec, *languages]) == 2
        assert "--tla" in capsys.readouterr().err


def test_to_a_file(spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "m.pml"
    assert cli.main(["export", spec, "--promela", "-o", str(model)]) == 0
    assert capsys.readouterr().out == ""
    assert model.read_text() == exported(capsys, spec)


def test_from_stdin(
    spec: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(SPEC.encode())))
    assert "small does not hold" in exported(capsys, "-")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--only", "smal"], "there is no check and no property `smal`"),
        (["--only", "terminates"], "`terminates` cannot be exported"),
        (["-o", "/nowhere/m.pml"], "cannot use /nowhere/m.pml"),
    ],
)
def test_wrong_calls(
    spec: str, args: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["export", spec, "--promela", *args]) == 2
    out, err = capsys.readouterr()
    assert words in err and out == ""


def test_the_language_must_be_named(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["export", spec]) == 2
    assert "--promela" in capsys.readouterr().err


def test_what_is_not_finite_has_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.wf"
    path.write_text(
        SPEC.replace("y: bool", "y: real")
        .replace("y := true", "y := y + 0.5")
        .replace("not y", "y < 1.0")
    )
    assert cli.main(["export", str(path), "--promela", "--only", "never"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{path}:4:3: error[E0910]: not finite" in err
    assert "fix: " in err
    assert exported(capsys, str(path), "--only", "small")


def test_a_rejected_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.wf"
    path.write_text("workflow w { run { a } }")
    assert cli.main(["export", str(path), "--promela"]) == 2
    assert "error[" in capsys.readouterr().err
    assert cli.main(["export", str(tmp_path / "none.wf"), "--promela"]) == 2
