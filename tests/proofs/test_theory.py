"""The theory of the core (proofs/theory): its table, its page, the catalogue of laws; and Coq."""

from __future__ import annotations

import re
import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from wfverify.proofs.laws import derivation
from wfverify.proofs.laws.catalogue import LAWS

ROOT = Path(__file__).parents[2]
theory = SimpleNamespace(**runpy.run_path(str(ROOT / "bench" / "theory.py")))

LEVELS = ["bisimulation", "branching", "failures", "trace", "outcome"]  # from fine to coarse
VERDICTS = {"holds", "alone", "fails"}
KNOWN = theory.table()
THEOREMS = KNOWN["theorem"]
needs_coq = pytest.mark.skipif(shutil.which("coqc") is None, reason="there is no coqc")


def test_every_theorem_of_the_sources_is_in_the_table_and_the_other_way_round() -> None:
    names = theory.named(KNOWN)
    assert len(names) == len(set(names))
    assert set(names) == set(theory.statements())


def test_every_file_is_compiled() -> None:
    assert {f"{name}.v" for name in theory.files()} == {
        path.name for path in theory.SOURCES.glob("*.v")
    }


def test_the_sources_have_no_gaps() -> None:
    """Coq says so as well, where it is installed."""
    gap = re.compile(
        r"\b(Admitted|admit|give_up|Axioms?|Parameters?|Conjecture|Hypothes[ie]s|Abort)\b"
    )
    for path in theory.SOURCES.glob("*.v"):
        text = path.read_text(encoding="utf-8")
        assert not gap.search(text), f"{path.name}: {gap.search(text)}"
        assert text.count("\n") < 400, path.name


def test_no_law_both_holds_and_fails() -> None:
    """What holds of a finer equivalence holds of a coarser one, and so may not fail there."""
    for t in THEOREMS:
        assert t["equivalence"] in LEVELS and t["verdict"] in VERDICTS, t
    for holding in THEOREMS:
        for failing in THEOREMS:
            if holding["law"] != failing["law"] or failing["verdict"] != "fails":
                continue
            if holding["verdict"] != "fails" and "needs" not in holding:
                assert LEVELS.index(holding["equivalence"]) > LEVELS.index(
                    failing["equivalence"]
                ), holding["law"]


def test_the_laws_are_those_of_the_catalogue() -> None:
    families = {law.name: law.family for law in LAWS}
    proved = {t["law"] for t in THEOREMS}
    without = {w["law"] for w in KNOWN["without"] if "law" in w}
    outside = {w["family"] for w in KNOWN["without"] if "family" in w}
    assert proved | without <= set(families), "laws that are in no catalogue"
    assert outside <= set(families.values())
    assert not proved & without
    for law, family in families.items():
        assert (law in proved or law in without) != (family in outside), law


def test_the_laws_of_derivations_are_theorems() -> None:
    """Normal forms use them anywhere in a term; left distributivity for runs only."""
    sure = {t["law"] for t in THEOREMS if t["verdict"] == "holds" and "needs" not in t}
    assert set(derivation._LAWS) <= sure
    strong = {t["law"] for t in THEOREMS if t["equivalence"] == "bisimulation"}
    assert set(derivation._LAWS) - strong == {"choice-seq-left"}


def test_what_is_found_of_the_rules_contradicts_no_theorem() -> None:
    """Under bisimulation internal steps count, of which the rules have some more (docs/theory.md):
    there a law may fail in the rules alone; and of loops under all of them, where a round may end
    without a step."""
    table = pytest.importorskip("wfverify.proofs.laws.table")
    found = table.proved()
    for t in THEOREMS:
        entry, level = found[t["law"]], LEVELS.index(t["equivalence"])
        if t["verdict"] == "fails":
            # Bisimulations of the model are those of a process in any surroundings.
            known = entry["holds"][0]["anywhere" if level < 2 else "alone"]
            assert known not in LEVELS[: level + 1], t
        elif "needs" not in t and not _of_rounds_that_end_with_a_step(entry):
            refuted = {LEVELS.index(name) for name in entry["fails"]}
            assert not refuted & set(range(max(level, 1), len(LEVELS))), t


def _of_rounds_that_end_with_a_step(entry: dict[str, Any]) -> bool:
    return any("moves p" in h["needs"] and h["anywhere"] == "branching" for h in entry["holds"])


def test_the_page_has_the_tables() -> None:
    text = theory.PAGE.read_text(encoding="utf-8")
    assert theory.with_page(text) == text, "run `python bench/theory.py --page`"


@needs_coq
def test_the_theorems_rest_on_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert theory.check() == 0, capsys.readouterr().err
    assert "none rests on an axiom" in capsys.readouterr().out


GAPS = {
    "Axiom": "Axiom magic : False.\nTheorem t : 0 = 1.\nProof. destruct magic. Qed.\n",
    "Admitted": "Theorem t : 0 = 1.\nProof. Admitted.\n",
    "by another": (
        "Lemma gap : 0 = 1.\nProof. Admitted.\nTheorem t : 0 = 1.\nProof. exact gap. Qed.\n"
    ),
}


@needs_coq
@pytest.mark.parametrize("text", GAPS.values(), ids=GAPS)
def test_a_gap_is_found(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "_CoqProject").write_text("-Q . Theory\nGap.v\n")
    (sources / "theorems.toml").write_text('[[general]]\nname = "t"\nsays = "nonsense"\n')
    (sources / "Gap.v").write_text(text)
    assert theory.check(sources, tmp_path / "build") == 1
    assert "t is not closed under the global context" in capsys.readouterr().err


@needs_coq
def test_what_does_not_compile_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "_CoqProject").write_text("-Q . Theory\nWrong.v\n")
    (tmp_path / "theorems.toml").write_text('[[general]]\nname = "t"\nsays = "nonsense"\n')
    (tmp_path / "Wrong.v").write_text("Theorem t : 0 = 1.\nProof. reflexivity. Qed.\n")
    assert theory.check(tmp_path, tmp_path / "build") == 1
    assert "Wrong.v does not compile" in capsys.readouterr().err


def test_without_coq_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert theory.main([]) == 2
    assert "please install Coq 8.16" in capsys.readouterr().err
