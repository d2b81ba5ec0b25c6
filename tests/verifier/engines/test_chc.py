"""Spacer's suggestions: what they prove is shown by induction, and nothing false is proved."""

from __future__ import annotations

import pytest
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Obligation, TransitionSystem
from wfverify.verifier.engines.chc import suggest
from wfverify.verifier.engines.common import Budget
from wfverify.verifier.engines.induction import NOTHING, Inductive, prove_invariants

SUM = "while (i < n) { i := i + 1 ; s := s + 2 }"
MOVE = "x := n ; y := m ; while (x > 0) { x := x - 1 ; y := y + 1 }"
PICK = "while (i < n) { v <- r() ; if (v > best) { best := v } ; i := i + 1 }"
ASK = "activity r -> int { takes 1s  ensures 0 <= result and result <= 100 }"
CASES = {
    "sum": ("var i: int = 0  var s: int = 0", SUM, "s == 2 * n", True),
    "sum of too little": ("var i: int = 0  var s: int = 0", SUM, "s == 2 * n + 1", False),
    "moved": ("var x: int = 0  var y: int = 0", MOVE, "y == n + m", True),
    "moved and lost": ("var x: int = 0  var y: int = 0", MOVE, "y == n", False),
    "the best": (
        f"var i: int = 0  var best: int = 0  var v: int = 0  {ASK}",
        PICK,
        "best <= 100 and best >= 0",
        True,
    ),
    "better than best": (
        f"var i: int = 0  var best: int = 0  var v: int = 0  {ASK}",
        PICK,
        "best <= 99",
        False,
    ),
}


def made(variables: str, body: str, ensures: str) -> tuple[TransitionSystem, Obligation]:
    head = "workflow w(n: int, m: int) { requires n >= 0 and m >= 0"
    text = f"{head}  {variables}  run {{ {body} }}  ensures {ensures} }}"
    system = lower(load_text(text, "t.wf"))
    return system, next(o for o in system.obligations if (o.check, o.name) == ("ensures", "w"))


@pytest.mark.parametrize("name", CASES)
def test_suggestions(name: str) -> None:
    *spec, true = CASES[name]
    system, goal = made(*spec)
    candidates = suggest(system, goal, [], 20.0)
    found = prove_invariants(system, candidates, [goal], Budget(20.0), guess=NOTHING)
    assert isinstance(found.answers[0], Inductive) is true
    assert bool(candidates) is true


def test_a_wrong_suggestion_proves_nothing() -> None:
    """Whatever is suggested: only what every rule keeps counts."""
    *spec, _ = CASES["sum of too little"]
    system, goal = made(*spec)
    _, other = made(*CASES["sum"][:3])
    found = prove_invariants(system, [other.cond, goal.cond], [goal], Budget(10.0), guess=NOTHING)
    assert not isinstance(found.answers[0], Inductive)
