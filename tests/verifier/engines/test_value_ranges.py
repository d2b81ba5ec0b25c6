"""Ranges of numbers against all states that are reached."""

from __future__ import annotations

import naive
import pytest
from random_systems import random_system
from wfverify.dsl import load_text
from wfverify.dsl.errors import Span
from wfverify.semantics.expr import const, le, var
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Obligation
from wfverify.verifier.engines.common import Budget
from wfverify.verifier.engines.induction import (
    LITTLE,
    NOTHING,
    Inductive,
    NotInductive,
    prove_invariants,
)
from wfverify.verifier.engines.value_ranges import everywhere

NOWHERE = Span("w.wf", 1, 1, 1, 1)

SHIFTED = """
channel c : int capacity 3
workflow sender {
  activity weigh -> int { takes 1s..2s  ensures result >= 1 and result <= 25 }
  var w: int = 0
  run { w <- weigh() ; send w to c }
}
workflow hearer {
  var sum: int = 0
  run { receive a from c ; sum := sum + a ; receive b from c ; sum := sum + b }
}
system { sender[2] hearer }
"""


@pytest.mark.parametrize("seed", range(60))
def test_around_all_that_is_reached(seed: int) -> None:
    system = random_system(seed, wide=seed % 2 == 0)
    try:
        graph = naive.explore(system, 2500)
    except naive.TooBig:
        pytest.skip("too big for the oracle")
    for v, (lo, hi) in everywhere(system, system.rules).items():
        for state in graph.states:
            assert lo is None or lo <= state[v]
            assert hi is None or state[v] <= hi


def test_through_a_channel() -> None:
    system = lower(load_text(SHIFTED, "w.wf"))
    found = everywhere(system, system.rules)
    known = {v.name: found.get(v.index) for v in system.variables}
    assert known["c[0]"] == known["c[2]"] == known["hearer.a"] == (0, 25)
    assert known["hearer.sum"] == (0, None)


def test_bounds_help_induction() -> None:
    """Of the sum nothing can be shown without what the channel holds."""
    system = lower(load_text(SHIFTED, "w.wf"))
    total = next(v for v in system.variables if v.name == "hearer.sum")
    goal = Obligation("invariant", "", le(const(0), var(total.index, total.sort)), "", NOWHERE)
    assert all(
        isinstance(prove_invariants(system, [], [goal], Budget(20), guess).answers[0], answer)
        for guess, answer in ((NOTHING, NotInductive), (LITTLE, Inductive))
    )
