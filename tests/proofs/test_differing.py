"""What is told of two workflows that differ, and what must not be believed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from equivgen import Pair
from wfverify.dsl import load_text
from wfverify.proofs.behaviour import Behaviour, both
from wfverify.proofs.differing import differ
from wfverify.proofs.facts import Open, Wrong
from wfverify.semantics.claimed import Side
from wfverify.semantics.evidence import Differing
from wfverify.semantics.lower import lower
from wfverify.semantics.observing import View, in_both
from wfverify.verifier.equivalence.evidence import told
from wfverify.verifier.equivalence.findings import LEVELS, Asked, Fails
from wfverify.verifier.equivalence.workflows import compare

PAIRS = 40


def shown(level: str, sides: tuple[Behaviour, Behaviour], evidence: Differing) -> bool:
    try:
        differ("equivalent", level, *sides, evidence)
    except Wrong:
        return False
    return True


def test_what_differs_is_found_again_and_nothing_else() -> None:
    counted: Counter[str] = Counter()
    for seed in range(1, 2 * PAIRS, 2):
        pair = Pair(seed)
        systems = [lower(load_text(t, "s.wf")) for t in (pair.old, pair.new)]
        watched = ("x", "y") if seed % 3 == 0 else ()
        found = compare(systems[0], systems[1], Asked(watched=watched))
        view = View(in_both(*systems), watched)
        sides = both(*(Side(s, view) for s in systems))
        alike = [both(Side(s, view), Side(s, view)) for s in systems]
        for level in LEVELS:
            finding = found.levels[level]
            if not isinstance(finding, Fails):
                continue
            evidence = told(finding)
            assert evidence is not None
            try:
                assert shown(level, sides, evidence), (seed, level, evidence)
            except Open:
                assert evidence.again >= 0
                counted["open"] += 1
                continue
            counted[evidence.how] += 1
            for same in alike:
                assert not shown(level, same, evidence), (seed, level, evidence)
            for other in altered(evidence):
                assert not shown(level, sides, other), (seed, level, other)
    assert all(counted[how] >= 3 for how in ("run", "refusal", "outcome", "formula")), counted


def altered(e: Differing) -> list[Differing]:
    """Of which none shows anything."""
    turned = replace(e, whose="second" if e.whose == "first" else "first")
    match e.how:
        case "run":
            return [turned, replace(e, run=e.run[:-1]), replace(e, run=(*e.run, "start zz"))]
        case "refusal":
            return [replace(e, run=("start zz",))]
        case "outcome":
            return [turned, replace(e, outcome="completes"), replace(e, run=("start zz",))]
    return [replace(e, formula=(("all", "", ()),))]


@pytest.mark.parametrize("level", LEVELS)
def test_evidence_of_another_kind_is_no_evidence(level: str) -> None:
    old = lower(load_text("workflow w { activity a { } run { a } }", "s.wf"))
    new = lower(load_text("workflow w { activity b { } run { b } }", "s.wf"))
    sides = both(Side(old, View()), Side(new, View()))
    can = (("all", "", ()), ("can", "start a", (0,)))
    kinds = {
        "run": Differing("run", "first", ("start a",)),
        "refusal": Differing("refusal", "first", (), ("start b",)),
        "formula": Differing("formula", "first", formula=can),
        "outcome": Differing("outcome", "first", outcome="completes"),
    }
    good = {
        "bisimulation": {"run", "refusal", "formula"},
        "branching": {"run", "refusal", "formula"},
        "failures": {"run", "refusal"},
        "trace": {"run"},
        "outcome": set[str](),
    }
    assert {how for how, e in kinds.items() if shown(level, sides, e)} == good[level]


def test_steps_by_themselves_say_nothing_of_branching() -> None:
    old = lower(load_text("workflow w { var x: int = 0 run { { x := 1 } ; { x := 2 } } }", "s.wf"))
    new = lower(load_text("workflow w { var x: int = 0 run { { x := 2 } } }", "s.wf"))
    sides = both(Side(old, View()), Side(new, View()))
    formula = (("all", "", ()), ("can", "tau", (0,)), ("can", "tau", (1,)))
    evidence = Differing("formula", "first", formula=formula)
    assert shown("bisimulation", sides, evidence)
    assert not shown("branching", sides, evidence)
