"""Runs and logs are believed only where the environment could have answered so."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter.plan import build_plan
from wfverify.interpreter.rebuild import _Rules
from wfverify.interpreter.recorder import first_rows
from wfverify.interpreter.retrace import replay
from wfverify.semantics.lower import lower
from wfverify.semantics.system import RuleKind, TransitionSystem
from wfverify.semantics.trace import Step, Trace
from wfverify.semantics.values import fire, initial_state

ANSWERS = [(n,) for n in range(-1, 7)] + [(), (2, 2)]


def asked() -> TransitionSystem:
    text = """
workflow w {
  var x: int = 0
  var n: int = 2
  activity a -> int 0..4 { takes 1s  ensures result >= n and result != 3 }
  run { x <- a() }
}
system { w }
"""
    return lower(load_text(text, "w.wf"))


def possible(answer: tuple[int, ...]) -> bool:
    return answer in [(2,), (4,)]


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_run_with_an_answer_that_cannot_be_is_none(answer: tuple[int, ...]) -> None:
    system = asked()
    start, complete = (
        next(r for r in system.rules if r.kind is k) for k in (RuleKind.START, RuleKind.COMPLETE)
    )
    trace = Trace(initial_state(system), (Step(start.index, ()), Step(complete.index, answer)))
    found = replay(system, trace)
    assert found.ok == possible(answer)
    if not found.ok:
        assert (found.failed, len(found.states)) == (1, 2)
        assert "cannot answer" in found.why


@pytest.mark.parametrize("answer", [a for a in ANSWERS if len(a) == 1])
def test_a_log_with_an_answer_that_cannot_be_is_not_believed(answer: tuple[int, ...]) -> None:
    """Though all that it says of the step follows from the answer."""
    system = asked()
    plan = build_plan(system)
    state = list(initial_state(system))
    rules = _Rules(plan, state)
    rows = first_rows(plan, list(state))
    for row in rows:
        assert rules.check(row, ()) == ""
    seq = len(rows)
    for kind, inputs in ((RuleKind.START, ()), (RuleKind.COMPLETE, answer)):
        rule = next(r for r in system.rules if r.kind is kind)
        told: list[tuple] = []
        emit = plan.compiler.emitter(rule)
        emit(state, inputs, seq, str(Fraction(0)), json.dumps(list(inputs)), told.append)
        said = [rules.check(row, inputs) for row in told[:1]]
        if kind is RuleKind.COMPLETE:
            assert (said == [""]) == possible(answer)
            assert said == [""] or "cannot answer" in said[0]
            break
        said += [rules.check(row, inputs) for row in told[1:]]
        assert said == [""] * len(told)
        seq += len(told)
        state[:] = fire(rule, state, inputs)
