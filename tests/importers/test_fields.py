"""Fields and values that the service would refuse or ignore are told, with place and mend."""

from __future__ import annotations

import json

import pytest
from wfverify.dsl.errors import Rejected
from wfverify.dsl.importers import import_text

END = {"Type": "Succeed"}
TASK = {"Type": "Task", "Resource": "arn", "End": True}
CATCH = {"ErrorEquals": ["E"], "Next": "End"}


def text_of(states, **more):
    return json.dumps({"StartAt": next(iter(states)), "States": states, **more}, indent=1)


def refused(states, **more):
    with pytest.raises(Rejected) as found:
        import_text(text_of(states, **more), "m.json")
    return found.value.diagnostics


def warned(states, **more):
    return import_text(text_of(states, **more), "m.json").warnings


def task(**more):
    return {"T": {**TASK, **more}, "End": END}


def choice(**test):
    rule = {"Variable": "$.a", **test, "Next": "End"}
    return {"C": {"Type": "Choice", "Choices": [rule], "Default": "End"}, "End": END}


BAD = {
    "a catch that is an object": (task(Catch=CATCH), "`Catch` is an object", "[{"),
    "a catch of a number": (task(Catch=[5]), "a number is no entry of a `Catch`", "[{"),
    "a catch for nothing": (task(Catch=[{"Next": "End"}]), "for which errors", "ErrorEquals"),
    "a catch for no error": (task(Catch=[{**CATCH, "ErrorEquals": []}]), "names no error", "ALL"),
    "a retry that is an object": (task(Retry={}), "`Retry` is an object", "[{"),
    "an empty retrier": (task(Retry=[{}]), "for which errors", "ErrorEquals"),
    "one name without a list": (
        task(Retry=[{"ErrorEquals": "States.ALL"}]),
        "`ErrorEquals` is a string",
        "[ ]",
    ),
    "attempts in quotes": (
        task(Retry=[{"ErrorEquals": ["E"], "MaxAttempts": "3"}]),
        "`MaxAttempts` is a string",
        "without quotes",
    ),
    "less than no attempts": (
        task(Retry=[{"ErrorEquals": ["E"], "MaxAttempts": -1}]),
        "from 0 to",
        "write 0",
    ),
    "waits that shrink": (
        task(Retry=[{"ErrorEquals": ["E"], "BackoffRate": 0.5}]),
        "`BackoffRate` must be from 1",
        "write 1",
    ),
    "no interval": (
        task(Retry=[{"ErrorEquals": ["E"], "IntervalSeconds": 0}]),
        "`IntervalSeconds` must be from 1",
        "write 1",
    ),
    "a time limit that is text": (task(TimeoutSeconds="x"), "`TimeoutSeconds`", "a number"),
    "no time at all": (task(TimeoutSeconds=0), "`TimeoutSeconds` must be from 1", "write 1"),
    "half a second": (task(TimeoutSeconds=1.5), "a whole number", "write 2"),
    "a heartbeat before the start": (task(HeartbeatSeconds=-1), "`HeartbeatSeconds`", "write 1"),
    "a limit twice": (
        task(TimeoutSeconds=5, TimeoutSecondsPath="$.t"),
        "exclude each other",
        "one of them",
    ),
    "a resource that is a number": (task(Resource=5), "`Resource` is no string", "arn"),
    "two ways on": (
        {"T": {**TASK, "Next": "End"}, "End": END},
        'state "T" has both `Next` and `End`',
        "remove",
    ),
    "a next that is a number": (
        {"T": {"Type": "Pass", "Next": 5}, "End": END},
        "`Next` is a number",
        '"Next"',
    ),
    "a wait for nothing": (
        {"W": {"Type": "Wait", "End": True}},
        "does not say how long",
        "Seconds",
    ),
    "a wait twice": (
        {"W": {"Type": "Wait", "Seconds": 1, "SecondsPath": "$.s", "End": True}},
        "both `Seconds` and `SecondsPath`",
        "one of them",
    ),
    "a wait back in time": (
        {"W": {"Type": "Wait", "Seconds": -1, "End": True}},
        "`Seconds` must be from 0",
        "write 0",
    ),
    "a number that is text": (choice(NumericEquals="a"), "compares with a number", "write 1"),
    "a flag that is text": (choice(IsNull="true"), "compares with a flag", "write true"),
    "a text that is a number": (choice(StringEquals=1), "compares with a string", '".."'),
    "a path that is none": (choice(NumericEqualsPath="a"), "compares with a path", "$"),
    "a variable that is none": (choice(IsNull=True, Variable=5), "`Variable` is no path", "$"),
    "two tests in one": (
        choice(IsNull=True, IsPresent=True),
        "both `IsNull` and `IsPresent`",
        '"And"',
    ),
    "a branch that is a number": (
        {"P": {"Type": "Parallel", "Branches": [5], "End": True}},
        "this is not a machine",
        "object",
    ),
    "choices that are an object": (
        {"C": {"Type": "Choice", "Choices": {}}},
        "`Choices` is no list",
        "[",
    ),
    "a machine that lasts no time": (
        {"T": TASK},
        "`TimeoutSeconds` must be from 1",
        "write 1",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_the_service_refuses(name):
    states, words, mend = BAD[name]
    more = {"TimeoutSeconds": 0} if "machine that" in name else {}
    found = [d for d in refused(states, **more) if words in d.message]
    assert len(found) == 1
    assert mend in found[0].fix
    assert found[0].span.line > 1


def test_all_of_them_are_told_at_once():
    states = task(TimeoutSeconds="x", Resource=5, Catch=[5], Retry={})
    assert len(refused(states)) == 4


def test_the_place_is_that_of_the_value():
    (found,) = refused({"T": {"Type": "Task", "Resource": 5, "End": True}})
    line = text_of({"T": {"Type": "Task", "Resource": 5, "End": True}}).splitlines()[
        found.span.line - 1
    ]
    assert line[found.span.col - 1 :].startswith("5")


@pytest.mark.parametrize(
    ("states", "name", "meant"),
    [
        (task(Rety=[]), "Rety", "Retry"),
        (task(Ctch=[]), "Ctch", "Catch"),
        (task(timeoutSeconds=5), "timeoutSeconds", "TimeoutSeconds"),
        (task(Retry=[{"ErrorEquals": ["E"], "MaxAttempt": 1}]), "MaxAttempt", "MaxAttempts"),
        (task(Catch=[{**CATCH, "Resultpath": "$"}]), "Resultpath", "ResultPath"),
        ({"F": {"Type": "Fail", "Eror": "E"}}, "Eror", "Error"),
    ],
)
def test_a_misspelt_field(states, name, meant):
    found = [d for d in warned(states) if d.code == "W0213"]
    assert len(found) == 1
    assert f'no field "{name}"' in found[0].message
    assert found[0].fix == f'did you mean "{meant}"?'


def test_a_field_of_another_kind_of_state():
    found = warned({"W": {"Type": "Wait", "Seconds": 1, "End": True, "Retry": []}})
    assert [d.code for d in found] == ["W0213"]
    assert found[0].fix == 'remove "Retry"'


@pytest.mark.parametrize(
    ("states", "fix"),
    [
        ({"A": {"Type": "Pass", "Next": "Bee"}, "Be": END}, 'did you mean "Be"?'),
        ({"A": {"Type": "Tsk", "Resource": "arn", "End": True}}, 'did you mean "Task"?'),
        (choice(StringEqual="x"), 'did you mean "StringEquals"?'),
    ],
)
def test_a_misspelt_name(states, fix):
    assert fix in [d.fix for d in refused(states)]


def test_a_name_twice_in_machines_inside_each_other():
    inner = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    states = {"P": {"Type": "Parallel", "Branches": [inner], "End": True}}
    (found,) = refused(states)
    assert 'two states "P"' in found.message
    assert found.related[0][1] == "the first one"


def test_what_a_template_fills_in_is_left_alone():
    text = """{"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": ${Arn},
     "TimeoutSeconds": "${T}", "Retry": ${Retry}, "End": true, "HeartbeatSeconds": "{% $h %}",
     "Catch": [{"ErrorEquals": ${Names}, "Next": "S"}]}, "S": {"Type": "Succeed"}}}"""
    assert not [d for d in import_text(text, "m.json").warnings if d.code == "W0213"]
