"""What is shown of a counterexample: the steps that matter, and all of these."""

from __future__ import annotations

from dataclasses import replace

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.semantics.trace import Trace
from wfverify.semantics.values import evaluate
from wfverify.verifier.essential import essential, pieces
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Refuted

# One of several instances does what is wrong; the others move meanwhile, or their time would pass.
APART = """
workflow w {
  var x: int = 0
  activity a { takes 1s..2s  do { x := x + 1 } }
  activity b { takes 1s..2s }
  run { { a ; a } || { b ; b } }
  invariant small : x < 2
}
system { w[3] }
"""
TOGETHER = """
shared x: int = 0
workflow w {
  activity a { takes 1s..2s  do { x += 1 } }
  activity b { takes 1s..2s }
  run { a || b }
}
system { w[3] }
invariant small : x < 3
"""


@pytest.mark.parametrize(("source", "starts"), [(APART, 2), (TOGETHER, 3)])
def test_only_what_matters_is_left(source: str, starts: int) -> None:
    spec = load_text(source, "w.wf")
    system = lower(spec)
    options = Options(("invariant",), 20.0, 0)
    (result,) = verify(spec, system, options, replay=replay, schedule=schedule, simulate=simulator)
    verdict = result.verdict
    assert isinstance(verdict, Refuted) and verdict.core is not None
    names = [system.rules[s.rule].activity for s in verdict.core.steps]
    assert len(names) == 2 * starts and not any(".b" in n for n in names)
    all_steps = iter(verdict.trace.steps)
    assert all(step in all_steps for step in verdict.core.steps)  # in this order
    goals = [o.cond for o in system.obligations if o.check == "invariant"]

    def breaks(trace: Trace) -> bool:
        taken = replay(system, trace)
        return taken.ok and any(evaluate(g, taken.states[-1]) is False for g in goals)

    assert breaks(verdict.core)
    steps = verdict.core.steps
    for k in range(len(steps)):
        assert not breaks(replace(verdict.core, steps=(*steps[:k], *steps[k + 1 :])))


def test_all_of_it_matters() -> None:
    system = lower(load_text("workflow w { run { skip ; skip } }", "w.wf"))
    steps = simulator(system)(0, 0.0, {})
    assert steps is not None
    assert essential(system, steps, lambda t: False) is None
    left = essential(system, steps, lambda t: True)
    assert left is not None and not left.steps


def test_pieces_cover_every_step_alone() -> None:
    system = lower(load_text(APART, "w.wf"))
    trace = simulator(system)(0, 0.0, {})
    assert isinstance(trace, Trace)
    alone = {min(p) for p in pieces(system, trace) if len(p) == 1}
    assert alone == set(range(len(trace.steps)))
