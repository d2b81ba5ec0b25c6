"""Unrolled runs against the oracle: each that is found is one, and short ones are found."""

from __future__ import annotations

import naive
import pytest
from random_systems import random_system
from symmetric_specs import Symmetric
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.engines.bounded import find
from wfverify.verifier.engines.slice import slice_for, steps_stutter, whole


def compare(system: TransitionSystem, most: int) -> int:
    """How many goals are broken."""
    try:
        graph = naive.explore(system, 2500)
    except naive.TooBig:
        pytest.skip("too big for the oracle")
    count = 0
    for goal in system.obligations:
        want = graph.broken(goal)
        cones = [whole(system)]
        if not goal.every_step or steps_stutter(goal):
            cones.append(slice_for(system, [goal]))
        for cone in cones:
            found = find(system, goal, cone, 3.0 if want is not None else 0.1)
            if found is not None:
                assert want is not None
                assert naive.replays(system, found, goal)
                assert len(found.steps) >= want
            else:
                assert want is None or want > most
        count += want is not None
    return count


@pytest.mark.parametrize("seed", range(4))
def test_random_systems(seed: int) -> None:
    compare(random_system(seed, wide=seed % 2 == 0, excluded=seed % 5 == 0), 6)


@pytest.mark.parametrize("seed", range(4))
def test_parallel_branches(seed: int) -> None:
    compare(lower(load_text(Symmetric(seed).spec(), "w.wf")), 10)


def test_many_paths_over_unbounded_data() -> None:
    text = """
    workflow w {
      var x: int = 0
      var t: int = 0
      activity pick -> int { takes 1s  ensures result >= 0 and result <= 100 }
      run { each i in 1..8 seq { t <- pick() ; if (t > 50) { x := x + t } else { x := x - t } } }
      ensures x != 377
    }"""
    system = lower(load_text(text, "w.wf"))
    (goal,) = [o for o in system.obligations if o.check == "ensures"]
    found = find(system, goal, slice_for(system, [goal]), 60.0)
    assert found is not None
    assert naive.replays(system, found, goal)
