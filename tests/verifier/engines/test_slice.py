"""A slice has every run of the system, as far as its variables tell, whatever was cut away."""

from __future__ import annotations

import naive
import pytest
from random_systems import random_system
from wfverify.semantics.expr import Op
from wfverify.semantics.walks import variables
from wfverify.verifier.engines.slice import slice_for


@pytest.mark.parametrize("seed", range(120))
def test_no_state_is_lost(seed: int) -> None:
    system = random_system(seed, wide=False, excluded=seed % 5 == 0)
    reached = naive.explore(system).states
    data = [v.index for v in system.variables if v.name in ("flag", "colour", "x", "y")]
    for goal in system.obligations:
        for severed in data:
            cone = slice_for(system, [goal], [severed])
            kept = sorted(cone.variables)
            try:
                sliced = naive.explore(cone.system).states
            except naive.TooBig:
                continue  # what became an input may be any number
            inside = {tuple(s[v] for v in kept) for s in sliced}
            assert {tuple(s[v] for v in kept) for s in reached} <= inside


def test_a_condition_that_is_cut_away_leaves_two_values() -> None:
    """Of `x := if c then 1 else 2` it is known that x is 1 or 2, whatever c reads."""
    found = 0
    for seed in range(200):
        system = random_system(seed, wide=False)
        for goal in system.obligations:
            for v in system.variables:
                cone = slice_for(system, [goal], [v.index])
                for rule in cone.system.rules:
                    before = dict(system.rules[rule.index].updates)
                    for w, e in rule.updates:
                        assert not cone.cut & variables([e])
                        old = before[w]
                        if old.op is Op.ITE and cone.cut & variables([old.args[0]]):
                            assert e.op is Op.ITE and e.args[0].op is Op.INPUT
                            assert e.args[0].index >= len(system.rules[rule.index].inputs)
                            found += 1
    assert found > 20
