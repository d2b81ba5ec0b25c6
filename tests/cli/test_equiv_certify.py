"""`equiv --certify`: what it writes is checked again, from the two files and by itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import jsonschema
import pytest
from wfverify import cli, proofs

OLD = """\
error F permanent
workflow w(n: int 0..1) fails F {
  var x: int 0..3 = 0
  activity a() -> int 0..1 { fails F }
  activity b(k: int 0..3) { do { x := k } }
  activity audit { }
  run { x <- a() ; (b(n) || audit) }
}
"""
SCHEMA = json.loads(Path(proofs.__file__).with_name("certificate.schema.json").read_text())
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("old.wf").write_text(OLD)
    return tmp_path


def certified(change: tuple[str, str], *options: str) -> list[str]:
    """Compares with a changed spec; the files that were written."""
    Path("new.wf").write_text(OLD.replace(*change))
    cli.main(["equiv", "old.wf", "new.wf", *options, "--certify", "kept"])
    return sorted(p.name for p in Path("kept").iterdir())


@pytest.mark.parametrize(
    ("change", "options", "files"),
    [
        (("b(n) || audit", "audit || b(n)"), (), ["bisimulation", "outcome"]),
        (("b(n) || audit", "b(n) ; audit"), (), ["outcome", "trace.run"]),
        (("b(n) || audit", "b(1) || audit"), (), ["outcome.run"]),
        (("b(n) || audit", "b(n)"), ("--hide", "audit"), ["branching", "outcome"]),
        (("audit", "note"), ("--rename", "audit=note"), ["bisimulation", "outcome"]),
        (("b(n) || audit", "b(n) ; audit"), ("--refines", "--under", "trace"), ["failures.run"]),
        (("b(n) || audit", "b(1) ; audit"), ("--observing", "x"), ["outcome.run"]),
        (("b(n) || audit", "b(n) ; audit"), ("--workflow", "w"), ["outcome", "trace.run"]),
    ],
)
def test_what_was_written_checks(
    folder: Path,
    capsys: Capture,
    change: tuple[str, str],
    options: tuple[str, ...],
    files: list[str],
) -> None:
    written = certified(change, *options)
    assert {f"old-new.{f}.json" for f in files} <= set(written)
    for name in written:
        jsonschema.validate(json.loads(Path("kept", name).read_text()), SCHEMA)
    capsys.readouterr()
    assert cli.main(["recheck", "kept"]) == 0
    assert capsys.readouterr().out.count("VALID") == len(written)
    os.chdir("/")
    assert cli.main(["recheck", str(folder / "kept")]) == 0
    for name in written:
        status = cli.main(["replay", str(folder / "kept" / name)])
        assert status == (0 if ".run." in name else 2), name


@pytest.mark.parametrize("file", ["old.wf", "new.wf"])
def test_both_texts_are_those_that_were_compared(folder: Path, capsys: Capture, file: str) -> None:
    certified(("b(n) || audit", "b(n) ; audit"))
    Path(file).write_text(Path(file).read_text() + "// later\n")
    assert cli.main(["recheck", "kept"]) == 1
    assert f"its spec {file} is another one" in capsys.readouterr().out
    assert cli.main(["replay", "kept/old-new.trace.run.json"]) == 1
    Path(file).unlink()
    assert cli.main(["recheck", "kept"]) == 1


def test_evidence_for_another_question_is_no_evidence(folder: Path, capsys: Capture) -> None:
    """Sealed anew, as whoever lies can."""
    certified(("b(n) || audit", "b(n) ; audit"))
    path = Path("kept", "old-new.trace.run.json")
    told = proofs.certificate.parse(path.read_bytes())
    for spec, claim in [
        ({**told.spec, "under": "outcome"}, {**told.claim, "name": "outcome"}),
        ({**told.spec, "hide": "audit"}, told.claim),
        ({**told.spec, "file": told.spec["against"]}, told.claim),
        (told.spec, {**told.claim, "verdict": "PROVED"}),
        (told.spec, {**told.claim, "check": "refines"}),
        (told.spec, {**told.claim, "check": "invariant"}),
        ({**told.spec, "workflow": "w,w,w"}, told.claim),
        ({**told.spec, "workflow": "nobody"}, told.claim),
        ({**told.spec, "rename": "audit"}, told.claim),
    ]:
        lie = proofs.certificate.Certificate(spec, claim, told.evidence)
        path.write_text(proofs.certificate.write(lie))
        assert cli.main(["recheck", str(path)]) == 1, (spec, claim)
    # A run that both have tells nothing apart.
    (evidence,) = told.evidence
    run = {**evidence, "run": evidence["run"][:1]}
    lie = proofs.certificate.Certificate(told.spec, told.claim, (run,))
    path.write_text(proofs.certificate.write(lie))
    assert cli.main(["replay", str(path)]) == 1
    assert "rejected" in capsys.readouterr().out


def test_only_files_of_specs_are_certified(folder: Path, capsys: Capture) -> None:
    Path("a.aut").write_text('des (0, 1, 2)\n(0, "a", 1)\n')
    assert cli.main(["equiv", "a.aut", "a.aut", "--certify", "kept"]) == 2
    assert "--certify is for specs" in capsys.readouterr().err
    assert cli.main(["equiv", "old.wf", "-", "--certify", "kept"]) == 2
    assert not Path("kept").exists()


KEEPS = """\
error F permanent
workflow w fails F {
  var x: int = 0
  activity a -> int { fails F }
  activity b(k: int) { }
  run { x <- a() ; while (x > 0) { b(x) ; BODY } ; b(0) }
}
"""


def test_values_that_tests_keep_are_certified(folder: Path, capsys: Capture) -> None:
    """Of data with any values; and what is told of them otherwise is found."""
    Path("old.wf").write_text(KEEPS.replace("BODY", "if (not (x <= 0)) { x <- a() } else { b(1) }"))
    Path("new.wf").write_text(KEEPS.replace("BODY", "x <- a()"))
    cli.main(["equiv", "old.wf", "new.wf", "--under", "bisimulation", "--certify", "kept"])
    path = Path("kept", "old-new.bisimulation.json")
    jsonschema.validate(json.loads(path.read_text()), SCHEMA)
    assert cli.main(["recheck", str(path)]) == 0
    told = proofs.certificate.parse(path.read_bytes())
    (evidence,) = told.evidence
    assert evidence["kind"] == "merged" and evidence["kept"]
    for n, (one, other, true, false) in enumerate(evidence["kept"]):
        for lie in ([], [[one, other, false, true]]):
            kept = [*evidence["kept"][:n], *lie, *evidence["kept"][n + 1 :]]
            if kept == list(evidence["kept"]):
                continue
            wrong = proofs.certificate.Certificate(
                told.spec, told.claim, ({**evidence, "kept": kept},)
            )
            path.write_text(proofs.certificate.write(wrong))
            assert cli.main(["recheck", str(path)]) == 1, (n, lie)


def test_that_data_without_bounds_differ_is_certified(folder: Path, capsys: Capture) -> None:
    Path("old.wf").write_text(KEEPS.replace("BODY", "x <- a()"))
    Path("new.wf").write_text(KEEPS.replace("BODY", "x <- a()").replace("x > 0", "x > 1"))
    for under in ("bisimulation", "failures", "outcome"):
        cli.main(["equiv", "old.wf", "new.wf", "--under", under, "--certify", "kept"])
    assert len(list(Path("kept").iterdir())) == 3
    assert cli.main(["recheck", "kept"]) == 0
    for path in Path("kept").iterdir():
        assert cli.main(["replay", str(path)]) == 0
    # Of the same two texts it shows nothing.
    told = proofs.certificate.parse(Path("kept", "old-new.outcome.run.json").read_bytes())
    spec = {**told.spec, "against": "old.wf", "against_sha256": told.spec["sha256"]}
    lie = proofs.certificate.Certificate(spec, told.claim, told.evidence)
    Path("kept", "lie.json").write_text(proofs.certificate.write(lie))
    assert cli.main(["recheck", "kept/lie.json"]) == 1
