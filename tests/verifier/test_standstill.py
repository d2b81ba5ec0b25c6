"""Runs that come to a standstill: what they end in is stuck in the graph of all states, too."""

from __future__ import annotations

from dataclasses import replace

import message_specs
import pytest
from lowered import run
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.simulation import simulator
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.trace import Trace
from wfverify.verifier.checks import standstill
from wfverify.verifier.checks.blocking import refuted
from wfverify.verifier.checks.shortened import shortened
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.session import Session
from wfverify.verifier.verdict import Refuted

MANY = """
channel orders : int capacity 3
channel done : int capacity 2 optional
workflow seller {
  var n: int = 0
  run { while (n < 4) at_most 5 { n := n + 1 ; send n to orders } }
}
workflow packer {
  var o: int = 0
  var sum: int = 0
  activity pack { takes 1s..4s }
  run { while (o < 9) { receive o from orders ; pack() ; sum := sum * 3 + o ; send o to done } }
}
system { seller[2] packer[3] }
"""


def session(text: str) -> Session:
    system = lower(load_text(text, "w.wf"))
    return Session(system, Options(timeout=20), replay, schedule, simulator)


def test_a_state_without_a_step_is_one_in_the_graph() -> None:
    met = 0
    for seed in range(60):
        text = message_specs.from_seed(seed, "protocol wait request unordered").text()
        try:
            graph = run(text, 1_500)
        except OverflowError:
            continue  # too many states
        found = standstill.everybody(session(text))
        if found is not None:
            last = replay(graph.system, found.trace).states[-1]
            assert last in graph.steps, text
            assert not graph.steps[last], text
            met += 1
    assert met > 5


def test_who_is_stuck_is_told_in_few_steps() -> None:
    spec = load_text(MANY, "w.wf")
    options = Options(only=("deadlock_free", "can_finish"), timeout=20, max_states=1000)
    results = verify(
        spec, lower(spec), options, replay=replay, schedule=schedule, simulate=simulator
    )
    assert len(results) == 2
    for result in results:
        assert isinstance(result.verdict, Refuted), result
        assert result.verdict.engine == "simulation"


@pytest.mark.parametrize("seed", range(4))
def test_no_step_more_can_be_left_out(seed: int) -> None:
    at = session(MANY)
    found = standstill.somebody(at, lambda trace, dead: refuted(at, trace, dead))
    assert found is not None
    simulate = at.simulator()
    assert simulate is not None
    trace = simulate(seed, 0.0, {}, ())
    assert trace is not None

    def sold(states: object, run: Trace) -> bool:
        sends = [s for s in run.steps if at.system.rules[s.rule].channel == "orders"]
        return len(sends) >= 3

    short = shortened(at, trace, sold)
    assert sold((), short)
    assert replay(at.system, short).ok
    assert len(short.steps) < len(trace.steps)
    for k in range(len(short.steps)):
        less = replace(short, steps=short.steps[:k] + short.steps[k + 1 :])
        assert not (replay(at.system, less).ok and sold((), less)), f"step {k} is not needed"
