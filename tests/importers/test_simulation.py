"""How long imported tasks take when a machine is run: seconds, and well within its limits."""

from __future__ import annotations

import json

import pytest
from wfverify.dsl.importers import import_text
from wfverify.interpreter import replay, simulator
from wfverify.semantics.lower import lower

CALL = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke"}
JOB = {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync"}
TOKEN = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken"}


def times(states, failing=0.0, **more):
    """Of many runs: when they ended, and how many of them completed."""
    text = json.dumps({"StartAt": next(iter(states)), "States": states, **more})
    system = lower(import_text(text, "m.json"))
    simulate, (instance,) = simulator(system), system.instances
    ended, completed = [], 0
    for seed in range(100):
        trace = simulate(seed, failing, {}, ())
        assert trace is not None
        last = replay(system, trace).states[-1]
        completed += last[system.threads[instance.root].location] == instance.completed
        ended.append(float(trace.steps[-1].time))
    return sorted(ended), completed


def test_calls_take_seconds():
    ended, completed = times({"A": {**CALL, "Next": "B"}, "B": {**CALL, "End": True}})
    assert completed == 100
    assert 1 < ended[50] < 10


@pytest.mark.parametrize("work", [CALL, JOB, TOKEN])
def test_most_runs_stay_within_the_limits(work):
    states = {"A": {**work, "Next": "B"}, "B": {**work, "TimeoutSeconds": 20, "End": True}}
    _, completed = times(states, TimeoutSeconds=60)
    assert 80 <= completed <= 100


def test_a_time_limit_is_sometimes_exceeded():
    _, completed = times({"A": {**CALL, "TimeoutSeconds": 20, "End": True}})
    some = {f"S{i}": {**CALL, "Next": f"S{i + 1}"} for i in range(12)}
    _, late = times(some | {"S12": {**CALL, "End": True}}, TimeoutSeconds=20)
    assert late < completed


def test_proofs_see_all_durations():
    text = json.dumps({"StartAt": "A", "States": {"A": {**CALL, "End": True}}})
    (activity,) = import_text(text, "m.json").workflows[0].activities
    assert activity.takes is not None and activity.takes.hi is not None
    assert activity.takes.hi.value == 99_999_999
