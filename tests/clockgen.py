"""Random specs that read the clock, and what runs of them break."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from wfverify.interpreter.run import RunOptions, Status, run
from wfverify.semantics.system import Obligation, TransitionSystem
from wfverify.semantics.trace import Trace
from wfverify.semantics.values import evaluate, fire

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
    """What a run breaks.  It must have read its own times."""
    result = run(system, RunOptions(seed=seed))
    assert result.status is Status.ENDED
    assert reads_its_time(system, result.trace)
    state = result.trace.initial
    found = set()
    for step in result.trace.steps:
        after = fire(system.rules[step.rule], state, step.inputs)
        for o in system.obligations:
            if o.rule == step.rule and evaluate(o.cond, state, step.inputs, after) is False:
                found.add(o)
        state = after
    assert system.clock is None or Fraction(state[system.clock]) <= result.time
    return found


def reads_its_time(system: TransitionSystem, trace: Trace) -> bool:
    return all(
        value == step.time
        for step in trace.steps
        for given, value in zip(system.rules[step.rule].inputs, step.inputs, strict=True)
        if given.clock
    )
