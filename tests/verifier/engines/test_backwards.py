"""Preconditions of goals: what they say, and that they are enough where nothing goes round."""

from __future__ import annotations

from random import Random

import naive
import pytest
from random_systems import random_system
from wfverify.dsl import load_text
from wfverify.semantics.expr import Op
from wfverify.semantics.lower import lower
from wfverify.semantics.walks import variables
from wfverify.verifier.engines.backwards import preconditions
from wfverify.verifier.engines.common import Budget, is_state
from wfverify.verifier.engines.induction import NOTHING, Inductive, NotInductive, prove_invariants

SAGA = """
shared booked: int = 0
error E permanent
workflow p fails E {
  activity count_it { takes 1s..2s do { booked += 1 } undo { booked += -1 } }
  activity attend { takes 1s..3s fails E }
  run { saga { count_it() ; attend() } }
}
system { p[2] }
"""


def test_a_saga_that_counts() -> None:
    """What others count meanwhile is nobody's fault; without preconditions it is not inductive."""
    system = lower(load_text(SAGA, "w.wf"))
    goals = [o for o in system.obligations if o.check == "compensated"]
    alone = prove_invariants(system, [], goals, Budget(20, 2), guess=NOTHING)
    assert any(isinstance(a, NotInductive) for a in alone.answers)
    helped = prove_invariants(system, preconditions(system, goals), goals, Budget(20, 2), NOTHING)
    assert all(isinstance(a, Inductive) for a in helped.answers)


def test_an_undo_that_takes_back_too_much_is_not_shown() -> None:
    system = lower(load_text(SAGA.replace("+= -1", "+= -2"), "w.wf"))
    goals = [o for o in system.obligations if "restored" in o.message]
    found = prove_invariants(system, preconditions(system, goals), goals, Budget(20, 2), NOTHING)
    assert goals and all(isinstance(a, NotInductive) for a in found.answers)


@pytest.mark.parametrize("seed", range(30))
def test_where_a_goal_always_holds_so_do_they(seed: int) -> None:
    """Each says what has to hold so that a goal is not broken some steps later."""
    system = random_system(seed, wide=seed % 2 == 0)
    try:
        graph = naive.explore(system, 2500)
    except naive.TooBig:
        pytest.skip("too big for the oracle")
    rng = Random(seed)
    goals = [g for g in system.obligations if graph.broken(g) is None]
    rng.shuffle(goals)
    for goal in goals[:4]:
        for cond in preconditions(system, [goal]):
            assert not variables([cond], Op.INPUT) and not variables([cond], Op.POST)
            # (A rule that asks the environment goes on only where it has an answer.)
            if all(not r.inputs for r in system.rules) and is_state(goal):
                assert all(naive.value(cond, s) for s in graph.states)


def test_terms_that_grow_with_each_round_are_left_out() -> None:
    """What is shared in them would be written out again and again."""
    text = """
    param B: int 1..50
    workflow w(n: int 0..10000) {
      var left: int = n
      var sent: int = 0
      activity ship(k: int) { takes 1s..2s  do { sent := sent + k } }
      run { while (left > 0) { ship(min(left, B)) ; left := left - min(left, B) } }
      ensures sent == n
    }
    """
    system = lower(load_text(text, "w.wf"))
    goals = [o for o in system.obligations if o.check == "ensures"]
    found = preconditions(system, goals)
    assert found and all(len(repr(c)) < 10_000 for c in found)
