"""A loop that has times for a few rounds is not a loop that has times for all."""

from __future__ import annotations

from fractions import Fraction

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.semantics.trace import Step, Trace
from wfverify.semantics.values import enabled, fire, initial_state

TWO = """
workflow a {{ run {{ while (true) {{ wait {a} }} }} }}
workflow b {{ run {{ wait {begin} ; while (true) {{ wait {b} }} }} }}
"""


def _system(a: str, b: str, begin: str = "0s") -> TransitionSystem:
    return lower(load_text(TWO.format(a=a, b=b, begin=begin), "two.wf"))


def _lasso(system: TransitionSystem, order: str, at: int) -> Trace:
    """The steps by the workflow that takes them."""
    initial = tuple(initial_state(system))
    state, steps = initial, []
    for name in order:
        (rule,) = (
            r
            for r in system.rules
            if system.instances[r.instance].name == name and enabled(r, state)
        )
        steps.append(Step(rule.index))
        state = fire(rule, state, ())
    return Trace(initial, tuple(steps), at)


@pytest.mark.parametrize(
    ("a", "b", "fits"),
    [
        ("1s", "1s", True),
        ("1s", "1100ms", False),  # three rounds have times, the eleventh has none
        ("1100ms", "1s", False),
        ("1s", "2s", False),
    ],
)
def test_in_turns(a: str, b: str, fits: bool) -> None:
    system = _system(a, b)
    assert (schedule(system, _lasso(system, "bab", 1)) is not None) is fits


def test_two_rounds_of_one_in_one_of_the_other() -> None:
    system = _system("1s", "2s")
    found = schedule(system, _lasso(system, "baab", 1))
    assert found is not None and found.steps[-1].time == Fraction(2)
