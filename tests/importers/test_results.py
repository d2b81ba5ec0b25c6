"""What counts as the result of a machine, and what decides it."""

from __future__ import annotations

import json

import pytest
from wfverify.dsl.importers import import_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.report.explain import mend
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import verify
from wfverify.verifier.session import Options
from wfverify.verifier.verdict import Proved, Refuted

TASK = {"Type": "Task", "Resource": "arn"}
ALL = [{"ErrorEquals": ["States.ALL"], "Next": "B"}]
# the checks that an imported machine has something of
CHECKED = (
    *("exhaustive", "deadlock_free", "can_finish", "terminates", "handled", "no_dead_code"),
    *("race_free", "timing_independent", "deterministic", "atomicity", "arithmetic", "contracts"),
)
DONE = {"Variable": "$.status", "StringEquals": "DONE"}


@pytest.fixture
def results():
    def one(states, **more):
        text = json.dumps({"StartAt": next(iter(states)), "States": states, **more})
        spec = import_text(text, "m.json")
        options = Options(jobs=1, only=("deterministic", "timing_independent"))
        found = verify(
            spec, lower(spec), options, replay=replay, schedule=schedule, simulate=simulator
        )
        return {r.check: r.verdict for r in found if r.warning}

    return one


def branch(**states):
    return {"StartAt": next(iter(states)), "States": states}


def test_a_machine_with_a_time_limit(results):
    found = results({"A": {**TASK, "Next": "B"}, "B": {**TASK, "End": True}}, TimeoutSeconds=10)
    assert isinstance(found["deterministic"], Proved)
    late = found["timing_independent"]
    assert isinstance(late, Refuted) and "Timeout" in late.message  # if it is late: true


def test_a_task_with_a_time_limit_whose_catch_leads_elsewhere(results):
    states = {"A": {**TASK, "TimeoutSeconds": 5, "Catch": ALL, "End": True}, "B": {"Type": "Fail"}}
    found = results(states)
    assert isinstance(found["deterministic"], Proved)
    assert isinstance(found["timing_independent"], Refuted)


def test_a_task_with_a_time_limit_whose_catch_leads_on(results):
    states = {
        "A": {**TASK, "TimeoutSeconds": 5, "Catch": ALL, "Next": "B"},
        "B": {"Type": "Succeed"},
    }
    found = results(states)
    assert all(isinstance(verdict, Proved) for verdict in found.values())


def test_data_of_items_that_were_cut_off_are_no_result(results):
    body = branch(
        T={**TASK, "Next": "C"},
        C={"Type": "Choice", "Choices": [{**DONE, "Next": "U"}], "Default": "S"},
        U={**TASK, "End": True},
        S={"Type": "Succeed"},
    )
    found = results({"M": {"Type": "Map", "ItemProcessor": body, "End": True}})
    assert all(isinstance(verdict, Proved) for verdict in found.values())


def test_which_branch_fails_first_matters_if_the_errors_lead_elsewhere(results):
    first = branch(
        T={**TASK, "Catch": [{"ErrorEquals": ["E"], "Next": "F"}], "End": True},
        F={"Type": "Fail", "Error": "Mine"},
    )
    second = branch(U={**TASK, "End": True})
    found = results({"P": {"Type": "Parallel", "Branches": [first, second], "End": True}})
    assert isinstance(found["timing_independent"], Refuted)
    assert not isinstance(found["deterministic"], Refuted)


def test_a_task_that_ends_with_its_own_time_limit_is_no_tie(results):
    """Once two runs were found that `tied` then took for runs of no environment."""
    again = [{"ErrorEquals": ["A"], "MaxAttempts": 1}]
    body = branch(
        T={**TASK, "TimeoutSeconds": 8, "Retry": again, "Next": "U"},
        U={**TASK, "TimeoutSeconds": 9, "Next": "F"},
        F={"Type": "Fail", "Error": "A"},
    )
    states = {
        "S": {**TASK, "TimeoutSeconds": 4, "Next": "M"},
        "M": {"Type": "Map", "ItemProcessor": body, "Retry": again, "Next": "E"},
        "E": {"Type": "Succeed"},
    }
    results(states, TimeoutSeconds=10)


def test_two_branches_that_fail_at_once(results):
    fails = [branch(**{name: {"Type": "Fail", "Error": name}}) for name in ("One", "Two")]
    found = results({"P": {"Type": "Parallel", "Branches": fails, "End": True}})
    assert isinstance(found["deterministic"], Refuted)  # a warning


@pytest.mark.parametrize("check", CHECKED)
def test_mends_are_told_in_the_words_of_the_file(check):
    told = mend(check, "asl")
    words = ("`;`", "`||`", "`within", "`using", "`assume", "`after`", "`at_most", "`atomic`")
    assert not any(word in told for word in words), told
