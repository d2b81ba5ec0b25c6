"""Derivations are taken for the terms of the spec, and for what their laws say, only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from certified import certified
from wfverify.dsl import load_text
from wfverify.proofs.check import Answer
from wfverify.proofs.derived import derived
from wfverify.proofs.facts import Wrong
from wfverify.semantics.claimed import Terms
from wfverify.semantics.evidence import Derivation
from wfverify.verifier.equivalence.terms.why import derivation

SPEC = """\
error E permanent
workflow w fails E {{
  var x: bool = false
  var y: bool = false
  activity a {{ }}
  activity b(k: bool) {{ fails E }}
  activity c -> bool {{ }}
  run {{ {} }}
}}
"""


def terms(*texts: str) -> Terms:
    left, right = (load_text(SPEC.format(t), "w.wf").workflows[0].body for t in texts)
    return Terms(left, right)


def shows(left: str, right: str, under: str, evidence: Derivation) -> bool:
    try:
        derived(terms(left, right), under, evidence)
    except Wrong:
        return False
    return True


PAIRS = [
    ("a ; b(x) || x <- c()", "x <- c() || { a ; { b(x) } }", "bisimulation"),
    ("if (not x) { a } else { b(y) } ; skip", "if (x) { b(y) } else { a }", "branching"),
    ("while (x and y) { if (x and y) { x <- c() } }", "while (x and y) { x <- c() }", "branching"),
    ("a ; (a + fail E)", "a ; fail E + a ; a", "trace"),
    ("wait until (false) ; a", "wait until (false)", "bisimulation"),
]


@pytest.mark.parametrize(("left", "right", "under"), PAIRS)
def test_derivations_of_the_engine_are_taken(left: str, right: str, under: str) -> None:
    found = derivation(terms(left, right), under)
    assert found is not None and shows(left, right, under, found)
    assert shows(left, right, "outcome", found)
    # Of other terms it says nothing.
    for other, _, _ in PAIRS:
        assert other == left or not shows(other, right, under, found)
    assert not shows(left, f"{{ {right} }} ; a", under, found)


def test_a_law_counts_where_it_holds() -> None:
    left, right, _ = PAIRS[3]
    found = derivation(terms(left, right), "trace")
    assert found is not None
    assert not shows(left, right, "failures", found)
    left, right = "{ a || a } ; skip", "a || a"
    found = derivation(terms(left, right), "branching")
    assert found is not None and not shows(left, right, "bisimulation", found)


def test_wide_joins_take_a_step() -> None:
    left, right = " || ".join(["a"] * 12 + ["b(x)"] * 6), " || ".join(["b(x)"] * 6 + ["a"] * 12)
    found = derivation(terms(left, right), "bisimulation")
    assert found is not None and shows(left, right, "branching", found)
    assert not shows(left, right, "bisimulation", found)
    # It may be the first one of all.
    none = " || ".join(["skip"] * 17)
    left, right = f"{{ {none} }} ; a ; if (true) {{ c }}", f"{{ {none} }} ; {{ a ; c }}"
    left, right = (t.replace("c", "b(x)") for t in (left, right))
    found = derivation(terms(left, right), "branching")
    assert found is not None and shows(left, right, "failures", found)
    assert not shows(left, right, "branching", found)


def test_what_is_not_of_the_core_is_not_taken() -> None:
    left, right = "try { a || b(x) } catch E { a }", "try { b(x) || a } catch E { a }"
    found = derivation(terms(left, right), "bisimulation")
    assert found is not None and not shows(left, right, "bisimulation", found)


def test_a_step_that_is_no_law_is_found() -> None:
    random = Random(3)
    for left, right, under in PAIRS:
        found = derivation(terms(left, right), under)
        assert found is not None
        for n, (law, before, after) in enumerate(found.steps):
            other = random.randrange(len(found.terms))
            for step in (("if-same", before, after), (law, before, other), (law, other, after)):
                steps = (*found.steps[:n], step, *found.steps[n + 1 :])
                if step not in found.steps:
                    assert not shows(left, right, under, replace(found, steps=steps)), step
        if found.steps:
            assert not shows(left, right, under, replace(found, steps=()))


def test_a_law_of_one_term_is_shown_in_any_form(tmp_path: Path) -> None:
    law = "shared b: bool = false\nlaw l forall p : saga {{ while (b) {{ p }} }} == {}\n"
    law += "workflow w {{ run {{ skip }} }}\n"
    made = certified(law.format("saga { while (b) { p } }"), tmp_path, only=("law",))
    found = made.of("law", "l")
    assert made.checker().check(found).answer is Answer.VALID
    # Of two it shows nothing.
    other = certified(law.format("saga { while (b) { skip } }"), tmp_path / "other", only=("law",))
    evidence = [made.checker().codec.decode(e) for e in found.evidence]
    claim = other.checker().claim("law", "l", "error", "PROVED")
    assert other.checker().judged(claim, evidence).answer is Answer.INVALID
