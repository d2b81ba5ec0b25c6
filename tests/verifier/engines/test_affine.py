"""Equations by Karr's analysis: true of every reachable state, and enough for linear loops."""

from __future__ import annotations

import naive
import pytest
from random_systems import random_system
from specgen import from_seed
from suggested import confirmed
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.semantics.expr import Expr
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Obligation, TransitionSystem
from wfverify.verifier.engines.affine import suggest
from wfverify.verifier.engines.common import Budget
from wfverify.verifier.engines.induction import NOTHING, Inductive, prove_invariants


def by_karr(system: TransitionSystem, goal: Obligation) -> list[Expr]:
    return suggest(system, goal, 5.0)


def test_suggestions_hold_of_random_systems() -> None:
    count = 0
    for seed in range(60):
        try:
            count += confirmed(random_system(seed, wide=False), 2500, by_karr)
        except naive.TooBig:
            continue
    assert count > 50


def test_suggestions_hold_of_random_specs() -> None:
    count = 0
    for seed in range(12):
        try:
            count += confirmed(lower(load_text(from_seed(seed, 3), "t.wf")), 600, by_karr)
        except (naive.TooBig, OverflowError, Rejected):
            continue
    assert count > 50


MOVE = """
  activity move(k: int) { takes 1s  do { left := left - k ; right := right + k } }
  activity twice { takes 1s  do { left := left - 2 ; right := right + 2 } }
"""
CASES = {
    "moved": ("while (i < n) { move(i) ; i := i + 1 }", "left + right == 100", True),
    "branches": (
        "while (i < n) { if (i % 2 == 0) { move(i) } else { twice } ; i := i + 1 }",
        "left + right == 100",
        True,
    ),
    "one is lost": (
        "while (i < n) { twice ; right := right - 1 ; i := i + 1 }",
        "left + right == 100 - i",
        True,
    ),
    "one is lost, and not counted": (
        "while (i < n) { twice ; right := right - 1 ; i := i + 1 }",
        "left + right == 100",
        False,
    ),
    "an equation as the way out": (
        "while (i != n) { left := left + 3 ; i := i + 1 }",
        "left == 100 + 3 * n",
        True,
    ),
    "side by side": (
        "{ while (i < n) { left := left + 2 ; i := i + 1 } } || { right := right + 7 }",
        "left == 100 + 2 * i and right == 7",
        True,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_linear_loops(name: str) -> None:
    body, ensures, true = CASES[name]
    spec = f"""workflow w(n: int) {{ requires n >= 0
      var i: int = 0  var left: int = 100  var right: int = 0 {MOVE}
      run {{ {body} }}  ensures {ensures} }}"""
    system = lower(load_text(spec, "t.wf"))
    goal = next(o for o in system.obligations if (o.check, o.name) == ("ensures", "w"))
    candidates = suggest(system, goal, 5.0)
    found = prove_invariants(system, candidates, [goal], Budget(10.0), guess=NOTHING)
    assert isinstance(found.answers[0], Inductive) is true


BESIDE = """
error Io transient
workflow etl {
  var rows: int[6]
  var total: int = 0
  activity extract(p: int 0..5) {
    takes 1m..5m  fails Io  retry 2 on Io backoff 10s  do { rows[p] := p * 10 }
  }
  activity load {
    takes 2m..4m  do { total := (sum p in 0..5: rows[p]) }  undo { total := 0 }
  }
  activity publish { takes 1s..2s  fails Io  undo skip }
  run {
    try {
      each p in 0..5 { extract(p) } ;
      saga { load ; publish }
    } catch * { skip }
  }
}
"""


@pytest.mark.parametrize("undone", ["0", "1"])
def test_a_thread_beside_many_places_of_others(undone: str) -> None:
    """Nothing is loaded when the saga begins, wherever the branches have been before."""
    system = lower(load_text(BESIDE.replace("total := 0 }", f"total := {undone} }}"), "t.wf"))
    goals = [g for g in system.obligations if "not restored" in g.message]
    assert len(goals) == 1
    candidates = by_karr(system, goals[0])
    found = prove_invariants(system, candidates, goals, Budget(20.0), NOTHING)
    assert isinstance(found.answers[0], Inductive) == (undone == "0")
