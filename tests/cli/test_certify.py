"""`--certify`, `recheck`, and `replay` of counterexamples, from the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest
from wfverify import cli, proofs
from wfverify.proofs.certificate import Certificate, parse, write

SPEC = """\
resource r : pool(2)
workflow w {
  var x: int = 0
  activity a { uses r 1  do { x := x + 1 } }
  activity b { uses r 1 }
  run { a || b }
  invariant small : x <= 1
  invariant zero : x <= 0
}
"""
SCHEMA = json.loads(Path(proofs.__file__).with_name("certificate.schema.json").read_text())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where w.wf and its certificates (in kept/) are."""
    monkeypatch.chdir(tmp_path)
    Path("w.wf").write_text(SPEC)
    assert cli.main(["w.wf", "-q", "--certify", "kept"]) == 1
    return tmp_path


def test_what_was_written_checks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recheck", "kept"]) == 0
    out = capsys.readouterr().out
    assert "INVALID" not in out and "HOLEY" not in out
    assert "asked: Z3" in out
    # From anywhere, and from where the files were moved to.
    os.chdir("/")
    assert cli.main(["recheck", str(folder / "kept")]) == 0
    (folder / "kept").rename(folder / "moved")
    assert cli.main(["recheck", str(folder / "moved")]) == 0
    (folder / "far").mkdir()
    (folder / "moved").rename(folder / "far" / "moved")
    assert cli.main(["recheck", str(folder / "far" / "moved")]) == 1
    spec = str(folder / "w.wf")
    assert cli.main(["recheck", str(folder / "far" / "moved"), "--spec", spec]) == 0


def test_each_result_has_a_file_that_fits_the_schema(folder: Path) -> None:
    files = sorted((folder / "kept").glob("*.json"))
    claims = set()
    for path in files:
        content = json.loads(path.read_text())
        jsonschema.validate(content, SCHEMA)
        claims.add((content["claim"]["check"], content["claim"]["name"]))
    assert len(claims) == len(files) > 15


def test_a_changed_file_or_spec_is_status_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "kept" / "w.invariant-small.json"
    raw = path.read_text()
    path.write_text(raw.replace('"small"', '"smell"'))
    assert cli.main(["recheck", "kept"]) == 1
    assert "INVALID  w.invariant-small.json" in capsys.readouterr().out
    path.write_text(raw)
    assert cli.main(["recheck", "kept"]) == 0
    Path("w.wf").write_text(SPEC.replace("x + 1", "x + 2"))
    assert cli.main(["recheck", "kept"]) == 1
    assert "was changed" in capsys.readouterr().out
    Path("w.wf").write_text("workflow {")
    assert cli.main(["recheck", "kept"]) == 1
    Path("w.wf").unlink()
    assert cli.main(["recheck", "kept"]) == 1


# Room for one message is enough because of times, which evidence about states does not know.
QUICK = """\
channel ticks : int
workflow clock { run { while (true) { wait 1s ; send 1 to ticks } } }
workflow hand  { run { while (true) { receive t from ticks ; wait 900ms } } }
"""


def test_what_is_trusted_is_status_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.wf").write_text(QUICK)
    assert cli.main(["t.wf", "--only", "messages", "-q", "--certify", "kept"]) == 0
    assert "rest on an argument" in capsys.readouterr().err
    assert cli.main(["recheck", "kept", "-v"]) == 3
    out = capsys.readouterr().out
    assert (
        "HOLEY" in out
        and "never more than 1 message" in out
        and "trusted beside the checker" in out
    )


def test_counterexamples_are_replayed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "kept" / "w.invariant-zero.run.json"
    assert cli.main(["replay", str(path)]) == 0
    assert "accepted" in capsys.readouterr().out
    path.write_text(path.read_text().replace("[]", "[0]", 1))
    assert cli.main(["replay", str(path)]) == 1
    assert "rejected" in capsys.readouterr().out
    assert cli.main(["replay", str(folder / "kept" / "w.invariant-small.json")]) == 2
    assert "recheck" in capsys.readouterr().err


def test_no_certificates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for where in (tmp_path, tmp_path / "nowhere", tmp_path / "none.json"):
        assert cli.main(["recheck", str(where)]) == 2
        assert "--certify" in capsys.readouterr().err
    (tmp_path / "bad.json").write_text("{")
    assert cli.main(["recheck", str(tmp_path)]) == 1
    (tmp_path / "w.wf").write_text(SPEC)
    assert cli.main([str(tmp_path / "w.wf"), "-q", "--certify", str(tmp_path / "w.wf")]) == 2


def test_a_round_that_only_counts_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.wf").write_text(
        "workflow s { var n: int = 0  activity a { takes 1s }\n"
        "run { while (true) { a ; n := n + 1 } } }\n"
    )
    assert cli.main(["s.wf", "-q", "--certify", "kept"]) == 1
    capsys.readouterr()
    cli.main(["recheck", "kept"])
    out = capsys.readouterr().out
    assert "terminates" in out and "INVALID" not in out
    cli.main(["replay", "kept/s.terminates.run.json"])
    assert "accepted: terminates" in capsys.readouterr().out


KEPT = """\
workflow old(n: int) {
  activity a { }
  activity b { }
  activity c { }
  run { if (n > 3) { b ; if (n > 3) { c } else { a } } else { a ; while (n > 3) { b } } ; c }
}
workflow new(n: int) {
  activity a { }
  activity b { }
  activity c { }
  run { if (n > 3) { b ; c ; c } else { a ; c } }
}
equivalent same : old, new under bisimulation
equivalent ends : old, new
"""


def test_terms_that_are_alike_since_tests_keep_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The values that the tests keep are evidence."""
    monkeypatch.chdir(tmp_path)
    Path("k.wf").write_text(KEPT)
    assert cli.main(["k.wf", "--only", "equivalent", "-v", "--certify", "kept"]) == 0
    assert "as far as what is tested can change" in capsys.readouterr().out
    assert cli.main(["recheck", "kept"]) == 0
    lines = [tuple(line.split()[::2]) for line in capsys.readouterr().out.splitlines()[:2]]
    assert sorted(lines) == [("VALID", "ends"), ("VALID", "same")]


LAWS = """\
error Busy transient
shared n: int = 0
law late forall a, b, c : a ; (b + c) == a ; b + a ; c under bisimulation
law tried forall a, b, h : try { a ; b } catch Busy { h } == a ; try { b } catch Busy { h }
law asked forall a, b : a ; if (n > 3) { b } == if (n > 3) { a ; b } else { a } under trace
workflow w { run { skip } }
"""


def test_what_refutes_a_law_is_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("laws.wf").write_text(LAWS)
    assert cli.main(["laws.wf", "--only", "law", "--certify", "kept"]) == 1
    written = sorted(Path("kept").iterdir())
    assert [p.name for p in written] == [
        f"laws.law-{name}.run.json" for name in ("asked", "late", "tried")
    ]
    for path in written:
        jsonschema.validate(json.loads(path.read_text()), SCHEMA)
        assert cli.main(["replay", str(path)]) == 0
    said = capsys.readouterr().out
    assert "with a = fail Busy, b = skip, h = skip: the run of 1 step is possible" in said
    assert "with a = a1, b = skip, c = c1: tells the two apart" in said
    assert cli.main(["recheck", "kept"]) == 0
    # Sealed anew, as whoever lies can.
    told = [parse(p.read_bytes()) for p in written]
    for k, one in enumerate(told):
        put, how = one.evidence
        says = {**one.claim, "says": one.claim["says"].replace("a", "b")}
        skips = {**put, "terms": [[n, "skip"] for n, _ in put["terms"]]}
        lies = [
            Certificate(one.spec, claim, one.evidence)
            for claim in (told[k - 1].claim, says, {**one.claim, "verdict": "PROVED"})
        ]
        lies += [Certificate(one.spec, one.claim, e) for e in ((how,), (put,), (skips, how))]
        lies.append(Certificate(one.spec, one.claim, told[k - 1].evidence))
        for number, lie in enumerate(lies):
            Path("lie.json").write_text(write(lie))
            assert cli.main(["recheck", "lie.json"]) == 1, (one.claim["name"], number)
    Path("laws.wf").write_text(LAWS.replace("a ; b + a ; c", "a ; c + a ; b"))
    for path in written:
        assert cli.main(["replay", str(path)]) == 1
