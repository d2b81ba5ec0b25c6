"""A run of the runner under a scheduler is one that this scheduler may take."""

from __future__ import annotations

from dataclasses import replace

import golden
import pytest
from wfverify.dsl import load_text
from wfverify.interpreter.following import follows
from wfverify.interpreter.plan import build_plan
from wfverify.interpreter.run import RunOptions, run
from wfverify.semantics.lower import lower

POOL = """
resource r : pool(1)
workflow w(k: int) { activity a { uses r 1 takes 1s priority k } run { wait 2s ; a ; a } }
workflow h { activity c { uses r 1 takes 5s } run { c } }
system { h w(1) w(2) w(3) }
"""


@pytest.mark.parametrize("name", ["fifo", "priority"])
@pytest.mark.parametrize("text", [POOL, *(
    (golden.CASES / f"{n}.wf").read_text()
    for n in ("choice_of_resources", "each_parallel", "within_cuts", "scheduler_fifo")
    if (golden.CASES / f"{n}.wf").exists()
)])  # fmt: skip
def test_runs_follow_their_scheduler(name: str, text: str) -> None:
    system = replace(lower(load_text(text, "s.wf")), scheduler=name)
    plan = build_plan(system)
    for seed in range(8):
        trace = run(system, RunOptions(seed=seed, max_steps=80), plan=plan).trace
        assert follows(plan, trace)


def test_another_order_does_not_follow() -> None:
    system = lower(load_text(POOL, "s.wf"))
    by_priority = build_plan(replace(system, scheduler="priority"))
    by_age = build_plan(replace(system, scheduler="fifo"))
    trace = run(replace(system, scheduler="fifo"), RunOptions(), plan=by_age).trace
    assert follows(by_age, trace)
    assert not follows(by_priority, trace)
