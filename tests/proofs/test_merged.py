"""Relations between guarded terms: those of the engine are taken, those that say more are not."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from certified import certified
from wfverify.dsl import ast, load_text
from wfverify.proofs.check import Answer
from wfverify.proofs.facts import Wrong
from wfverify.proofs.merged import merged
from wfverify.proofs.solvers import Solvers
from wfverify.semantics.claimed import UNDER, Terms
from wfverify.semantics.evidence import Merged
from wfverify.semantics.lower import differing
from wfverify.verifier.equivalence.terms import specs, why
from wfverify.verifier.equivalence.terms.guarded import Same
from wfverify.verifier.equivalence.terms.machine import Machine

SPEC = """\
error E permanent
workflow w fails E {{
  var x: bool = false
  var y: bool = false
  var n: int = 0
  activity a {{ }}
  activity b(k: bool) {{ fails E }}
  activity c -> bool {{ }}
  run {{ {} }}
}}
"""
PAIRS = [  # with the finest that is shown
    ("a ; if (x) { a } else { a }", "a ; a", "bisimulation"),
    ("while (x) { a }", "if (x) { a ; while (x) { a } }", "bisimulation"),
    ("while (x) { a } ; while (x) { b(y) }", "while (x) { a }", "bisimulation"),
    ("if (n > 0) { a } else { b(x) }", "if (not (n <= 0)) { a } else { b(x) }", "bisimulation"),
    ("if (n > 5) { if (n > 3) { a } else { b(x) } }", "if (n > 5) { a }", "bisimulation"),
    ("if (n * n >= n or n < 0) { a }", "a", "bisimulation"),
    ("while (x) { if (y) { a } }", "while (x) { if (y) { a } else { skip } ; skip }", "failures"),
    ("while (x) { skip } ; a", "if (x) { wait until (false) } ; a", "trace"),
    (
        "while (x) { while (y) { x <- c() } ; a }",
        "while (x) { if (y) { x <- c() ; while (y) { x <- c() } } ; a }",
        "bisimulation",
    ),
]


def spec(text: str) -> ast.Spec:
    return load_text(SPEC.format(text), "w.wf")


def terms(left: str, right: str) -> Terms:
    """(Of which nobody knows what their steps do: tests may change at any time.)"""
    one, other = (spec(t).workflows[0].body for t in (left, right))
    return Terms(one, other, partial(differing.tests, spec(left), "w"), alone=True)


def shows(left: str, right: str, under: str, evidence: Merged) -> bool:
    try:
        merged(terms(left, right), under, evidence, Solvers(second=False))
    except (Wrong, IndexError, KeyError):
        return False
    return True


def evidence(left: str, right: str) -> Merged:
    found = why.merged(terms(left, right))
    assert found is not None
    return found


@pytest.mark.parametrize(("left", "right", "finest"), PAIRS)
def test_relations_of_the_engine_are_taken(left: str, right: str, finest: str) -> None:
    found = evidence(left, right)
    shown = [under for under in UNDER if shows(left, right, under, found)]
    assert shown == list(UNDER[UNDER.index(finest) :])
    for other, _, _ in PAIRS:
        assert other == left or not shows(other, right, "outcome", found)
    assert not shows(left, f"{{ {right} }} ; a", "outcome", found)


def test_a_relation_that_says_more_or_less_is_found() -> None:
    r = random.Random(1)
    for left, right, _ in PAIRS:
        found = evidence(left, right)
        assert found.pairs
        for n, (one, _) in enumerate(found.pairs):
            pairs = [*found.pairs[:n], *found.pairs[n + 1 :]]
            told = [replace(found, pairs=tuple(pairs))]
            for other in range(len(found.rests) + 1):
                if (one, other) not in found.pairs and one != other:
                    told.append(replace(found, pairs=((one, other), *found.pairs)))
            # Nothing is shown that is not so, and what is needed is needed.
            assert not shows(left, right, "outcome", told[0]) or len(found.pairs) > 1
            for wrong in told[1:]:
                if shows(left, right, "outcome", wrong):
                    assert _alike(left, right, wrong.pairs[0], found)
        for n, (label, name, how) in enumerate(found.meant):
            meant = (
                *found.meant[:n],
                (label, name, {"same": "opposite"}.get(how, "same")),
                *found.meant[n + 1 :],
            )
            assert not shows(left, right, "outcome", replace(found, meant=meant))
        op, label, kids = found.terms[found.left]
        changed = [*found.terms]
        changed[found.left] = op, label + "!", kids
        assert not shows(left, right, "outcome", replace(found, terms=tuple(changed)))
        at = r.randrange(len(found.rests))
        term, rest = found.rests[at]
        loop = replace(found, rests=(*found.rests[:at], (term, at + 1), *found.rests[at + 1 :]))
        assert not shows(left, right, "outcome", loop) and rest <= at


def _alike(left: str, right: str, pair: tuple[int, int], found: Merged) -> bool:
    """Whether two rests do the same by the engine, which had no need to say so."""
    from wfverify.verifier.equivalence.terms import guarded

    two = specs.Two(terms(left, right))
    s = two.store

    def term(rest: int) -> int:
        parts = []
        while rest:
            t, rest = found.rests[rest - 1]
            parts.append(t)
        return s.seq(*parts)

    known = two.conditions
    feasible = None if known is None else known.feasible
    one, other = map(term, pair)
    machine = Machine(s, (one, other), meant=two.meant)
    return isinstance(guarded.compare(s, one, other, feasible, machine), Same)


def test_a_test_that_says_something_else_is_found() -> None:
    left, right = "if (n > 0) { a } else { b(x) }", "if (n >= 0) { a } else { b(x) }"
    assert why.merged(terms(left, right)) is None
    found = evidence(*PAIRS[3][:2])
    swapped = tuple((op, label.replace("n <= 0", "n < 0"), kids) for op, label, kids in found.terms)
    meant = tuple((a.replace("n <= 0", "n < 0"), b, c) for a, b, c in found.meant)
    wrong = replace(found, terms=swapped, meant=meant)
    assert not shows(left, right.replace("n >= 0", "not (n < 0)"), "outcome", wrong)


TWO = """\
workflow old {{ {head} run {{ {old} }} }}
workflow new {{ {head} run {{ {new} }} }}
equivalent same : old, new under bisimulation
"""


def test_a_large_pair_is_certified_without_its_states(tmp_path: Path) -> None:
    part = "x <- a() ; if (n > {k}) {{ b }} else {{ n <- c() }}"
    head = "var x: bool = false var n: int = 0 activity a -> bool {} activity b {} "
    head += "activity c -> int {}"
    old = " ; ".join(part.format(k=k) for k in range(60))
    new = old.replace("if (n > 7)", "if (not (n <= 7))")
    made = certified(TWO.format(head=head, old=old, new=new), tmp_path, only=("equivalent",))
    certificate = made.of("equivalent", "same")
    assert [p["kind"] for p in certificate.evidence] == ["merged"]
    assert made.checker().check(certificate).answer is Answer.VALID
