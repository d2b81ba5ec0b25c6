"""Specs that read the clock: what is proved holds in every run, and a run reads its own time."""

from __future__ import annotations

import os
from collections import Counter
from fractions import Fraction
from random import Random

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.run import RunOptions, Status, run
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Obligation, TransitionSystem
from wfverify.semantics.values import evaluate, fire
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted

# A longer campaign: WFVERIFY_CLOCK=100..300 pytest tests/test_clock.py
FIRST, LAST = map(int, os.environ.get("WFVERIFY_CLOCK", "0..8").split(".."))
RUNS = 40


def term(r: Random, size: int) -> str:
    if size <= 1:
        simple = ["a", "b", "t := now", "u := now", "s := now", "wait 1s", "u := now - t"]
        return r.choice([*simple, "assert t <= now", f"assert now - t <= {r.randint(1, 6)}s"])
    k = r.randint(1, size - 1)
    one, two = term(r, k), term(r, size - k)
    limit = f"{r.randint(1, 6)}s"
    match r.randrange(6):
        case 0 | 1 | 2:
            return f"{{ {one} ; {two} }}"
        case 3:
            return f"{{ {{ {one} }} || {{ {two} }} }}"
        case 4:
            return f"if (now - t > {limit}) {{ {one} }} else {{ {two} }}"
    return f"{{ while (now < {limit}) at_most 9 {{ wait 1s ; {one} }} ; {two} }}"


def spec(seed: int) -> str:
    r = Random(seed)
    return f"""
shared s: duration = 0s
workflow w fails TooMany {{
  var t: duration = 0s
  var u: duration = 0s
  activity a {{ takes 1s..3s  do {{ t := now }} }}
  activity b {{ takes 1s..2s }}
  run {{ {term(r, r.randint(2, 5))} }}
  ensures t <= now
  ensures now >= {r.randint(0, 4)}s
  ensures u <= {r.randint(2, 9)}s
  ensures s <= t
}}
system {{ w[{r.randint(1, 2)}] }}
"""


def broken(system: TransitionSystem, seed: int) -> set[Obligation]:
    """What a run breaks; that it reads the time that it is."""
    result = run(system, RunOptions(seed=seed))
    assert result.status is Status.ENDED
    state = result.trace.initial
    found = set()
    for step in result.trace.steps:
        rule = system.rules[step.rule]
        for given, value in zip(rule.inputs, step.inputs, strict=True):
            assert not given.clock or value == step.time
        after = fire(rule, state, step.inputs)
        for o in system.obligations:
            if o.rule == step.rule and evaluate(o.cond, state, step.inputs, after) is False:
                found.add(o)
        state = after
    assert system.clock is None or Fraction(state[system.clock]) <= result.time
    return found


@pytest.mark.parametrize("seed", range(FIRST, LAST))
def test_what_is_proved_holds_in_runs(seed: int) -> None:
    parsed = load_text(spec(seed), "w.wf")
    system = lower(parsed)
    options = Options(timeout=6, only=("ensures", "assert", "arithmetic"))
    results = verify(parsed, system, options, replay=replay, schedule=schedule)
    verdicts = {(r.check, r.name): r.verdict for r in results}
    seen = Counter(o for k in range(RUNS) for o in broken(system, k))
    for o in seen:
        verdict = verdicts.get((o.check, o.name))
        assert not isinstance(verdict, Proved), f"{o}\n{spec(seed)}"
    for verdict in verdicts.values():
        if isinstance(verdict, Refuted):
            trace = verdict.trace
            for step in trace.steps:
                given = zip(system.rules[step.rule].inputs, step.inputs, strict=True)
                assert all(value == step.time for i, value in given if i.clock)
