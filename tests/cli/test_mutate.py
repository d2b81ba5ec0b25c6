"""`wfverify mutate`: what is noticed, and what is not, with places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from wfverify import cli

SPEC = """\
resource pool : pool(1)
workflow w {
  var x: int = 0
  activity a { uses pool 1  takes 1s  do { x := x + 1 }  undo { x := x - 1 } }
  activity b { takes 1s  fails E }
  run { saga { a ; b } }
  CLAIM
}
error E permanent
"""


def spec(tmp_path: Path, claim: str) -> str:
    path = tmp_path / "s.wf"
    path.write_text(SPEC.replace("CLAIM", claim))
    return str(path)


def test_what_nothing_notices_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = spec(tmp_path, "")
    assert cli.main(["mutate", path]) == 1
    out = capsys.readouterr().out
    assert f"{path}:4:21: a does not claim pool: not noticed" in out
    assert "    4 |   activity a { uses pool 1" in out
    assert "a has no undo" not in out
    assert "mutants," in out.splitlines()[-1]


def test_a_property_notices_more(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def missed(claim: str) -> list[str]:
        cli.main(["mutate", spec(tmp_path, claim), "--format", "json"])
        found = json.loads(capsys.readouterr().out)
        return [m["what"] for m in found["mutants"] if not m["noticed"]]

    assert "a has no effect" in missed("")
    assert "a has no effect" not in missed("invariant i : done(b) => x == 1")


def test_verbose_says_what_notices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["mutate", spec(tmp_path, ""), "-v"])
    assert "a has no undo: noticed by compensated" in capsys.readouterr().out


def test_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["mutate", str(tmp_path / "none.wf")]) == 2
    bad = tmp_path / "bad.wf"
    bad.write_text("workflow w { run { a } }")
    assert cli.main(["mutate", str(bad)]) == 2
    assert "error[" in capsys.readouterr().err
