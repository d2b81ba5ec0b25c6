"""Every kind of state, and what Retry, Catch and time limits make of it."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import count

import pytest
from wfverify.dsl import ast
from wfverify.dsl.importers import import_text

ALL = "States.ALL"


def test_wait_pass_succeed_fail(run):
    seen = run(
        {
            "P": {"Type": "Pass", "Next": "W"},
            "W": {"Type": "Wait", "Seconds": 5, "Next": "F"},
            "F": {"Type": "Fail", "Error": "My.Error", "Cause": "because"},
        }
    )
    assert seen.errors == {"My.Error"}
    assert seen.workflow.fails == ("My.Error",)
    assert "wait" in seen.steps


@pytest.mark.parametrize(
    "how",
    [
        {"SecondsPath": "$.s"},
        {"TimestampPath": "$.t"},
        {"Timestamp": "2030-01-01T00:00:00Z"},
        {"Seconds": "${S}"},
    ],
)
def test_a_wait_of_unknown_length_ends(find, how):
    seen = find({"W": {"Type": "Wait", **how, "End": True}})
    takes = seen.activity("W").takes
    assert takes is not None and takes.hi is not None
    assert any("W waits" in a.what for a in seen.spec.abstractions)


def test_states_keep_their_names_and_places(find, task):
    seen = find({"Do it, now!": task("Fail"), "Fail": {"Type": "Succeed"}})
    flow = seen.workflow.body
    assert isinstance(flow, ast.Flow)
    assert [s.name for s in flow.states] == ["Do it, now!", "Fail"]
    assert flow.states[0].span.line == 4
    assert seen.activity("Do it, now!").doc.startswith("Do it, now!")


def test_what_is_shown_is_named_as_in_the_file(find, task):
    seen = find({"1. Do [it] #2": task(Retry=[{"ErrorEquals": ["Lambda.X"]}])})
    # but for what has a meaning in paths, such as `machine.activity[0]#2`
    (activity,) = seen.workflow.activities
    assert activity.name == "1_ Do _it_ _2"
    assert [c.error for c in activity.fails] == ["States.TaskFailed", "Lambda.X"]
    spec = import_text(
        json.dumps({"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}), "01x.json"
    )
    assert spec.workflows[0].name == "01x"


def test_a_task_fails_uncaught(run, task):
    seen = run({"T": task()})
    assert seen.errors == {"States.TaskFailed"}
    assert seen.workflow.fails == ()


def test_the_defaults_of_retry(find, task):
    seen = find({"T": task(Retry=[{"ErrorEquals": [ALL]}])})
    spec = seen.activity("T").retry
    assert spec is not None
    assert isinstance(spec.attempts, ast.IntLit) and spec.attempts.value == 3
    assert isinstance(spec.backoff, ast.DurationLit) and spec.backoff.value == 1
    assert isinstance(spec.factor, ast.RealLit) and spec.factor.value == 2
    assert spec.max is None and spec.jitter is None


def test_the_words_of_retry(find, task):
    words = {
        "IntervalSeconds": 3,
        "BackoffRate": 1.5,
        "MaxAttempts": 6,
        "MaxDelaySeconds": 10,
        "JitterStrategy": "FULL",
    }
    spec = find({"T": task(Retry=[{"ErrorEquals": [ALL], **words}])}).activity("T").retry
    assert spec is not None
    values = [
        getattr(e, "value", None)
        for e in (spec.backoff, spec.factor, spec.attempts, spec.max, spec.jitter)
    ]
    assert values == [3, Fraction(3, 2), 6, 10, 1]


def test_no_attempts_is_no_retry_but_still_takes_the_error(run, task):
    retry = [{"ErrorEquals": ["E"], "MaxAttempts": 0}, {"ErrorEquals": [ALL], "MaxAttempts": 1}]
    seen = run({"T": task(Retry=retry)})
    spec = seen.activity("T").retry
    assert spec is not None and spec.errors == ("States.TaskFailed",)
    assert seen.errors == {"E", "States.TaskFailed"}


def test_two_retriers_nest_and_are_noted(find, task):
    retry = [{"ErrorEquals": ["A"]}, {"ErrorEquals": ["B"], "MaxAttempts": 1}]
    seen = find({"T": task(Retry=retry)})
    flow = seen.workflow.body
    assert isinstance(flow, ast.Flow) and isinstance(flow.states[0].body, ast.Retry)
    assert flow.states[0].body.spec.errors == ("B",)
    assert any("2 retriers" in a.what for a in seen.spec.abstractions)


def test_errors_that_are_treated_alike_are_one(find, task):
    retry = [{"ErrorEquals": ["Lambda.A", "Lambda.B", "Lambda.C"]}]
    activity = find({"T": task(Retry=retry)}).activity("T")
    assert [c.error for c in activity.fails] == ["States.TaskFailed", "Lambda.A"]


def test_catches_in_order(run, task):
    catch = [{"ErrorEquals": ["Mine"], "Next": "a"}, {"ErrorEquals": [ALL], "Next": "b"}]
    seen = run({"T": task("c", Catch=catch), **{n: {"Type": "Succeed"} for n in "abc"}})
    assert seen.visited == {"a", "b", "c"}
    assert seen.errors == set()


def test_task_failed_leaves_out_timeouts(run, task):
    catch = [{"ErrorEquals": ["States.TaskFailed"], "Next": "a"}]
    seen = run({"T": task("a", Catch=catch, TimeoutSeconds=5), "a": {"Type": "Succeed"}})
    assert seen.errors == {"Timeout"}
    catch[0]["ErrorEquals"] = ["States.Timeout"]
    seen = run({"T": task("a", Catch=catch, TimeoutSeconds=5), "a": {"Type": "Succeed"}})
    assert seen.errors == {"States.TaskFailed"}


def test_a_heartbeat_is_one_more_way_to_fail(run, task):
    catch = [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "a"}]
    more = {"Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "HeartbeatSeconds": 9}
    seen = run(
        {"T": task("b", Catch=catch, **more), "a": {"Type": "Succeed"}, "b": {"Type": "Succeed"}}
    )
    assert seen.visited == {"a", "b"}
    assert any(a.bounds and "Heartbeat" in a.what for a in seen.spec.abstractions)


def test_time_limits(find, task):
    seen = find({"T": task(TimeoutSeconds=7)}, TimeoutSeconds=60)
    body = seen.workflow.body
    assert isinstance(body, ast.Within)
    assert isinstance(body.duration, ast.DurationLit) and body.duration.value == 60
    limit = seen.activity("T").timeout
    assert isinstance(limit, ast.DurationLit) and limit.value == 7
    assert seen.workflow.fails == ("Timeout",)


def test_a_time_limit_from_elsewhere_is_any(find, task):
    seen = find({"T": task(TimeoutSecondsPath="$.limit")})
    assert isinstance(seen.activity("T").timeout, ast.Name)
    assert any("timeout of T" in a.what for a in seen.spec.abstractions)


def test_a_token_may_never_come(find, task):
    seen = find({"T": task(Resource="arn:aws:states:::lambda:invoke.waitForTaskToken")})
    takes = seen.activity("T").takes
    assert takes is not None and takes.hi is None
    takes = find({"T": task(Resource="arn:aws:states:::glue:startJobRun.sync")}).activity("T").takes
    assert takes is not None and takes.hi is not None


NUMBERS = count(1)


def branch(state, **more):
    """A machine whose first state has a name of its own."""
    name = f"x{next(NUMBERS)}"
    return {"StartAt": name, "States": {name: state, **more}}


def test_parallel_runs_its_branches(run, task):
    branches = [branch(task()), branch(task())]
    one, two = (b["StartAt"] for b in branches)
    seen = run(
        {
            "P": {"Type": "Parallel", "Branches": branches, "Next": "a"},
            "a": {"Type": "Succeed"},
        }
    )
    assert {f"start machine.{one}", f"start machine.{two}", "P -> a"} <= seen.steps
    assert seen.errors == {"States.TaskFailed"}


def test_parallel_catches_what_its_branches_raise(run, task):
    fail = {"Type": "Fail", "Error": "Mine"}
    parallel = {"Type": "Parallel", "Branches": [branch(fail), branch(task())], "Next": "a"}
    catch = [{"ErrorEquals": ["Mine"], "Next": "b"}]
    ends = {"a": {"Type": "Succeed"}, "b": {"Type": "Succeed"}}
    seen = run({"P": {**parallel, "Catch": catch}, **ends})
    assert "P -> b" in seen.steps
    assert "P -> a" not in seen.steps
    assert seen.errors == {"States.TaskFailed"}


def test_parallel_is_tried_again(run, task):
    retry = [{"ErrorEquals": [ALL], "MaxAttempts": 1}]
    parallel = {"Type": "Parallel", "Branches": [branch(task()), branch(task())], "End": True}
    seen = run({"P": {**parallel, "Retry": retry}})
    assert any(s.startswith("retry") for s in seen.steps)


def test_branches_have_data_of_their_own(run, choice, task):
    """A branch starts with the data of the Parallel's input, and changes only its copy."""
    test = {"Variable": "$.x", "StringEquals": "A"}
    inner = {
        "StartAt": "I",
        "States": {
            "I": choice([(test, "J")], "J2"),
            "J": {"Type": "Pass", "Result": "B", "ResultPath": "$.x", "End": True},
            "J2": {"Type": "Succeed"},
        },
    }
    seen = run(
        {
            "C": choice([(test, "P")], "a"),
            "P": {"Type": "Parallel", "Branches": [inner], "ResultPath": "$.r", "Next": "D"},
            "D": choice([(test, "a")], "b"),
            "a": {"Type": "Succeed"},
            "b": {"Type": "Succeed"},
        }
    )
    assert "I -> J" in seen.steps
    assert "I -> J2" not in seen.steps
    assert "D -> b" not in seen.steps


def test_map_works_on_two_items_or_none(run, task):
    inner = branch(task())
    seen = run(
        {"M": {"Type": "Map", "ItemProcessor": inner, "Next": "a"}, "a": {"Type": "Succeed"}}
    )
    start = f"start machine.{inner['StartAt']}"
    assert {f"{start}[0]", f"{start}[1]", "M -> a"} <= seen.steps
    assert any(a.bounds and "items of M" in a.what for a in seen.spec.abstractions)


def test_map_with_one_at_a_time(find, task):
    seen = find(
        {"M": {"Type": "Map", "Iterator": branch(task()), "MaxConcurrency": 1, "End": True}}
    )
    flow = seen.workflow.body
    assert isinstance(flow, ast.Flow) and isinstance(flow.states[0].body, ast.If)
    each = flow.states[0].body.then
    assert isinstance(each, ast.Each) and each.sequential


@pytest.mark.parametrize(
    ("words", "errors"),
    [
        ({}, {"States.TaskFailed"}),
        ({"ToleratedFailureCount": 0}, {"States.TaskFailed"}),
        ({"ToleratedFailureCount": 1}, {"States.TaskFailed"}),
        ({"ToleratedFailurePercentage": 100}, set()),
        ({"ToleratedFailurePercentage": 10}, {"States.TaskFailed"}),
    ],
)
def test_tolerated_failures(run, task, words, errors):
    seen = run({"M": {"Type": "Map", "ItemProcessor": branch(task()), **words, "End": True}})
    assert seen.errors == errors


def test_a_distributed_map_fails_in_its_own_way(run, task):
    inner = {**branch(task()), "ProcessorConfig": {"Mode": "DISTRIBUTED"}}
    catch = [
        {"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "a"},
        {"ErrorEquals": ["States.ItemReaderFailed"], "Next": "b"},
    ]
    seen = run(
        {
            "M": {
                "Type": "Map",
                "ItemProcessor": inner,
                "ItemReader": {"Resource": "s3"},
                "Catch": catch,
                "End": True,
            },
            "a": {"Type": "Succeed"},
            "b": {"Type": "Succeed"},
        }
    )
    assert {"M -> a", "M -> b"} <= seen.steps
    assert seen.errors == set()


def test_the_items_of_a_map_have_data_of_their_own(run, choice, task):
    test = {"Variable": "$.x", "StringEquals": "A"}
    inner = {
        "StartAt": "T",
        "States": {
            "T": task("C"),
            "C": choice([(test, "D")], "e"),
            "D": choice([(test, "e")], "f"),
            "e": {"Type": "Succeed"},
            "f": {"Type": "Succeed"},
        },
    }
    seen = run({"M": {"Type": "Map", "ItemProcessor": inner, "End": True}})
    assert "D -> e" in seen.steps
    assert "D -> f" not in seen.steps  # the other item's task does not change this item's x


def test_a_map_gives_its_items_what_the_selector_says(run, choice):
    test = {"Variable": "$.kind", "StringEquals": "A"}
    inner = {
        "StartAt": "C",
        "States": {
            "C": choice([(test, "e")], "f"),
            "e": {"Type": "Succeed"},
            "f": {"Type": "Succeed"},
        },
    }
    seen = run(
        {
            "M": {
                "Type": "Map",
                "ItemProcessor": inner,
                "End": True,
                "ItemSelector": {"kind": "A", "item.$": "$$.Map.Item.Value"},
            }
        }
    )
    assert "C -> e" in seen.steps
    assert "C -> f" not in seen.steps


def test_a_batch_is_not_an_item(run, choice):
    test = {"Variable": "$.kind", "StringEquals": "A"}
    inner = {
        "StartAt": "C",
        "States": {
            "C": choice([(test, "e")], "f"),
            "e": {"Type": "Succeed"},
            "f": {"Type": "Succeed"},
        },
    }
    states = {
        "M": {
            "Type": "Map",
            "ItemProcessor": inner,
            "End": True,
            "ItemSelector": {"kind": "A"},
            "ItemBatcher": {"MaxItemsPerBatch": 5},
        }
    }
    assert {"C -> e", "C -> f"} <= run(states).steps


def test_a_loop_goes_round(run, choice, task):
    test = {"Variable": "$.done", "BooleanEquals": True}
    seen = run(
        {
            "T": task("C"),
            "C": choice([(test, "a")], "W"),
            "W": {"Type": "Wait", "Seconds": 1, "Next": "T"},
            "a": {"Type": "Succeed"},
        }
    )
    assert {"C -> a", "C -> W", "W -> T"} <= seen.steps


def test_a_choice_inside_a_map_inside_a_map(run, choice):
    test = {"Variable": "$.x", "BooleanEquals": True}
    deep = {
        "StartAt": "C",
        "States": {
            "C": choice([(test, "e")], "f"),
            "e": {"Type": "Succeed"},
            "f": {"Type": "Succeed"},
        },
    }
    outer = {
        "StartAt": "N",
        "States": {"N": {"Type": "Map", "ItemProcessor": deep, "MaxConcurrency": 1, "End": True}},
    }
    seen = run({"M": {"Type": "Map", "ItemProcessor": outer, "MaxConcurrency": 1, "End": True}})
    assert {"C -> e", "C -> f"} <= seen.steps
