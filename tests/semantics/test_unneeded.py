"""Declarations that nothing speaks of."""

from __future__ import annotations

from pathlib import Path

import pytest
from wfverify.dsl import ast, load, load_text
from wfverify.dsl.ast import Spec
from wfverify.dsl.changed import replace
from wfverify.dsl.errors import Rejected
from wfverify.dsl.types import BOOL
from wfverify.semantics.lower import lower
from wfverify.semantics.lower.alone import silent
from wfverify.semantics.lower.differing import differing
from wfverify.semantics.lower.unneeded import needed
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.equivalence.terms import specs

ROOT = Path(__file__).parents[2]
PLAIN = "workflow w() { var b: bool = false  activity a { writes b }  %s  run { %s } }  %s\n"


def made(run: str, inside: str = "", outside: str = "") -> Spec:
    return load_text(PLAIN % (inside, run, outside), "x.wf")


def declared(spec: Spec) -> list[str]:
    own = [a.name for w in spec.workflows for a in w.activities]
    lists = spec.activities, spec.resources, spec.errors, spec.constants, spec.types
    return [*own, *(d.name for kind in lists for d in kind)]


@pytest.mark.parametrize(
    ("run", "inside", "outside", "left"),
    [
        ("a", "activity spare { }", "", ["a"]),
        ("a", "activity spare { uses r }", "resource r : pool(1)", ["a"]),
        ("a ; spare", "activity spare { uses r }", "resource r : pool(1)", ["a", "spare", "r"]),
        ("saga { c ; a }", "activity back { }  activity c { undo back }", "", ["a", "back", "c"]),
        ("a", "", "error e permanent  const n = 3  type t = int 0..3", ["a"]),
        ("try { a ; fail e } catch e { a }", "", "error e permanent", ["a", "e"]),
        ("a", "var x: t = n", "const n = 3  type t = int 0..3", ["a", "n", "t"]),
    ],
)
def test_what_is_left(run: str, inside: str, outside: str, left: list[str]) -> None:
    spec = made(run, inside, outside)
    (found,) = needed(spec)
    assert declared(found) == left
    assert needed(found) == (found,)
    if len(left) == len(declared(spec)):
        assert found is spec


def test_what_one_of_two_needs_is_left_in_both() -> None:
    one, other = made("a", "activity c { }"), made("a ; c", "activity c { }  activity d { }")
    assert [declared(s) for s in needed(one, other)] == [["a", "c"], ["a", "c"]]


def said(system: TransitionSystem) -> list[tuple[object, ...]]:
    return [(r.kind, r.activity, r.error, r.channel, len(r.updates)) for r in system.rules]


def test_the_rules_are_the_same() -> None:
    """Of specs with one declaration more than they need, at least."""
    seen = 0
    for path in sorted([*ROOT.glob("examples/*.wf"), *ROOT.glob("tests/cases/*.wf")])[::4]:
        try:
            spec = silent(load(str(path)))
            spare = ast.Activity("spare_of_all", needs=(ast.BoolLit(False, type=BOOL),))
            spec = replace(spec, activities=(*spec.activities, spare), items=())
            whole = lower(spec)
        except Rejected:
            continue
        (found,) = needed(spec)
        assert said(lower(found)) == said(whole), path
        assert "spare_of_all" in declared(spec) and "spare_of_all" not in declared(found)
        seen += 1
    assert seen > 50


@pytest.mark.parametrize(
    ("inside", "outside", "same"),
    [
        ("activity spare { }", "", True),
        ("", "resource r : pool(2)", True),
        ("activity spare { uses r }", "resource r : pool(2)", True),
        ("", "channel c : int", False),
        ("var x: int 0..3 = 0", "", False),
    ],
)
def test_terms_are_compared_all_the_same(inside: str, outside: str, same: bool) -> None:
    run = "if (b) { a } else { a ; a }"
    old, new = made(run), made("if (not b) { a ; a } else { a }", inside, outside)
    assert (differing(old, new) is not None) is same
    assert (specs.said(old, new) is not None) is same
    other = made("if (not b) { a } else { a }", inside, outside)
    assert specs.said(old, other) is None
