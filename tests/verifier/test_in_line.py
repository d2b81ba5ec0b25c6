"""What `scheduler fifo` promises: in its runs nobody is overtaken for ever.

Between the moment from which somebody waits for a claim that stands in one line with others, and
its grant, each of the others is granted one at most.
"""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter.run import RunOptions, run
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem, VarKind
from wfverify.semantics.values import evaluate, fire
from wfverify.semantics.walks import variables
from wfverify.verifier.engines.fair import in_line

BODIES = (
    "while (true) { a }",
    "while (true) { a ; b }",
    "while (true) { { a || b } }",
    "a ; b",
    "while (true) { using (r) { wait 1s } }",
    "wait 5s ; a",
)


def spec(seed: int, scheduler: str) -> str:
    rng = random.Random(seed)
    lines = [f"resource r : pool({rng.randint(1, 2)})", "resource l : lock"]
    for name in "uvw":
        other = rng.choice(("r", "l exclusive", "l shared", "r, l exclusive", "r 1"))
        lines += [
            f"workflow {name} {{",
            "  activity a { uses r  takes 0s..2s }",
            f"  activity b {{ uses {other}  takes {rng.choice(('0s', '1s', '1s..2s'))} }}",
            f"  run {{ {rng.choice(BODIES)} }}",
            "}",
        ]
    return "\n".join([*lines, f"system {{ u[2] v w scheduler {scheduler} }}"])


def overtaken(system: TransitionSystem, served: frozenset[int], seed: int) -> int:
    """How often one thread was granted something, at most, while another waited in its line."""
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    trace = run(system, RunOptions(seed=seed, max_steps=300, until=Fraction(60))).trace
    passed: dict[int, dict[int, int]] = {}  # by rule that waits: grants, by thread
    state, most = trace.initial, 0
    for step in trace.steps:
        free = tuple(0 if v in used else x for v, x in enumerate(state))
        waiting = {i for i in served if evaluate(system.rules[i].guard, free)}
        passed = {i: passed.get(i, {}) for i in waiting}
        taken = system.rules[step.rule]
        for i in waiting - {step.rule}:
            rule = system.rules[i]
            same = used & variables([rule.guard]) & {v for v, _ in taken.gains}
            if same and taken.thread != rule.thread:
                passed[i][taken.thread] = passed[i].get(taken.thread, 0) + 1
                most = max(most, passed[i][taken.thread])
        passed.pop(step.rule, None)
        state = fire(taken, state, step.inputs)
    return most


@pytest.mark.parametrize("seed", range(12))
def test_nobody_is_overtaken_twice(seed: int) -> None:
    system = lower(load_text(spec(seed, "fifo"), "f.wf"))
    served = in_line(system)
    assert all(overtaken(system, served, s) <= 1 for s in range(6))


def test_there_is_something_to_promise() -> None:
    """Some claims stand in line, and any order overtakes them."""
    often = 0
    for seed in range(12):
        served = in_line(lower(load_text(spec(seed, "fifo"), "f.wf")))
        system = lower(load_text(spec(seed, "any"), "f.wf"))
        often += any(overtaken(system, served, s) > 1 for s in range(6))
    assert often >= 3
