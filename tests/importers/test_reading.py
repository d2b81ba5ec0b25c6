"""Bad files are refused with a place, never with a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wfverify.dsl.errors import Rejected
from wfverify.dsl.importers import import_text, load_foreign
from wfverify.dsl.importers.jsonpos import Hole, read_json
from wfverify.semantics.lower import lower

GOOD = json.dumps(
    {
        "StartAt": "T",
        "States": {
            "T": {
                "Type": "Task",
                "Resource": "arn",
                "Next": "C",
                "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 2}],
                "Catch": [{"ErrorEquals": ["E"], "ResultPath": "$.e", "Next": "M"}],
            },
            "C": {
                "Type": "Choice",
                "Choices": [
                    {"And": [{"Variable": "$.a.b[0]", "NumericLessThan": 1.5}], "Next": "M"}
                ],
                "Default": "W",
            },
            "W": {"Type": "Wait", "Seconds": 1, "Next": "M"},
            "M": {
                "Type": "Map",
                "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}},
                "End": True,
            },
        },
    },
    indent=1,
)


def refused(text):
    with pytest.raises(Rejected) as found:
        import_text(text, "m.json")
    return found.value.diagnostics


def state(fields):
    return json.dumps({"StartAt": "S", "States": {"S": fields}})


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", (1, 1), "ends in the middle"),
        ("{", (1, 2), "key in double quotes"),
        ('{\n "a": 1,\n}', (3, 1), "key in double quotes"),
        ('{"a" 1}', (1, 6), "`:` is missing"),
        ('{"a": [1 2]}', (1, 10), "`,` or `]`"),
        ('{"a": tru}', (1, 7), "no value begins with"),
        ("{\"a\": 'x'}", (1, 7), "double quotes"),
        ('{"a": "x\n"}', (1, 7), "does not end on its line"),
        ('{"a": "\\q"}', (1, 8), "no escape"),
        ('{"a": 1} x', (1, 10), "goes on"),
        ('{"a": 1e999999999}', (1, 7), "out of range"),
        ('// no\n{"a": 1}', (1, 1), "no comments"),
        ("[" * 100_000, (1, 122), "nested deeper"),
        ('{"a":' * 100_000, (1, 606), "nested deeper"),
        ('{"name": "x"}', (1, 1), "no state machine"),
        ('{"Resources": {}}', (1, 1), "no state machine"),
        ("[1]", (1, 1), "no state machine"),
    ],
)
def test_broken_json(text, place, words):
    (diagnostic,) = refused(text)
    assert words in diagnostic.message
    assert (diagnostic.span.line, diagnostic.span.col) == place
    assert diagnostic.fix


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"StartAt": "A"}', "no `States`"),
        ('{"StartAt": "A", "States": {}}', "no states"),
        ('{"States": {"A": {"Type": "Succeed"}}}', "`StartAt` is missing"),
        ('{"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}', 'no state "B"'),
        (state({"Type": "Nonsense"}), 'unknown type "Nonsense"'),
        (state({}), "no known type"),
        (state({"Type": "Pass"}), "does not say what follows"),
        (state({"Type": "Pass", "Next": "X"}), 'no state "X"'),
        (state({"Type": "Task", "End": True}), "no `Resource`"),
        (state({"Type": "Choice"}), "no rules"),
        (state({"Type": "Choice", "Choices": [{"Next": "S"}]}), "no comparison"),
        (state({"Type": "Choice", "Choices": [{"IsNull": True, "Next": "S"}]}), "no `Variable`"),
        (state({"Type": "Parallel", "End": True}), "no `Branches`"),
        (state({"Type": "Map", "End": True}), "no `ItemProcessor`"),
    ],
)
def test_broken_machines(text, words):
    assert any(words in d.message for d in refused(text))


def test_a_near_miss_is_pointed_out():
    text = '{"StartAt": "start", "States": {"Start": {"Type": "Succeed"}}}'
    (diagnostic,) = refused(text)
    assert diagnostic.fix == 'did you mean "Start"?'
    assert diagnostic.span.col == 13


def test_all_errors_at_once():
    text = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass"}, "B": {"Type": "Pass"}}})
    assert len(refused(text)) == 2


def test_what_files_really_contain():
    value, warnings = read_json('\ufeff{"a": ${Limit}, "b": "\\ud83d\\ude00\\ud800", "a": 2}', "f")
    assert value.text("b") == "\U0001f600\ufffd"
    assert value.number("a") == 2
    assert [w.code for w in warnings] == ["W0211"]
    value, _ = read_json("[${A.b}, {{ x }}, -1.5e2]", "f")
    assert [type(v.value) for v in value.items()[:2]] == [Hole, Hole]


def test_holes_in_a_machine():
    text = """{"StartAt": "T", "TimeoutSeconds": ${Limit}, "States": {
      "T": {"Type": "Task", "Resource": ${Arn}, "TimeoutSeconds": "${T}", "Next": "W",
            "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": ${N}}]},
      "W": {"Type": "Wait", "Seconds": ${S}, "End": true}}}"""
    spec = import_text(text, "m.json")
    assert {p.name for p in spec.workflows[0].params} >= {"timeout_T", "timeout_the_machine"}


def test_files(tmp_path: Path):
    assert load_foreign("spec.wf") is None
    path = tmp_path / "m.json"
    path.write_text(GOOD, encoding="utf-8")
    spec = load_foreign(str(path))
    assert spec is not None and spec.imported_from == "asl"
    assert spec.workflows[0].name == "m"
    with pytest.raises(Rejected):
        load_foreign(str(tmp_path / "missing.json"))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Rejected):
        load_foreign(str(path))


def survives(text):
    try:
        lower(import_text(text, "m.json"))
    except Rejected as refusal:
        assert refusal.diagnostics


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD)), st.integers(0, 6), st.text(max_size=4))
def test_damaged_texts(at, gone, extra):
    survives(GOOD[:at] + extra + GOOD[at + gone :])


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**9),
    st.floats(allow_nan=False),
    st.sampled_from(["T", "C", "M", "$", "$.a", "$.a.b", "$$.x", "$x", "{% 1 %}", "${X}", ""]),
)
VALUES = st.recursive(
    LEAVES,
    lambda v: st.one_of(
        st.lists(v, max_size=2),
        st.dictionaries(
            st.sampled_from(
                ["ErrorEquals", "Variable", "And", "Not", "Next", "a", "b.$", "IsNull"]
            ),
            v,
            max_size=3,
        ),
    ),
    max_leaves=6,
)


def _places(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _places(child, (*path, key))
    elif isinstance(value, list):
        for i, child in enumerate(value):
            yield from _places(child, (*path, i))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_values_of_the_wrong_kind(data):
    """Any part of a good machine replaced by any value."""
    machine = json.loads(GOOD)
    *way, last = data.draw(st.sampled_from([p for p in _places(machine) if p]))
    at = machine
    for key in way:
        at = at[key]
    at[last] = data.draw(VALUES)
    survives(json.dumps(machine))


FIELDS = [
    "InputPath",
    "OutputPath",
    "ResultPath",
    "Parameters",
    "ResultSelector",
    "Assign",
    "Result",
    "Output",
    "Arguments",
    "TimeoutSeconds",
    "HeartbeatSeconds",
    "ItemSelector",
    "ItemReader",
    "MaxConcurrency",
    "ToleratedFailureCount",
    "QueryLanguage",
    "Retry",
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from("TCWM"), st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3))
def test_fields_with_any_value(name, fields):
    machine = json.loads(GOOD)
    machine["States"][name].update(fields)
    survives(json.dumps(machine))


def test_a_large_machine(benchmark=None):
    """Linear work: a thousand states."""
    states = {
        f"s{i}": {"Type": "Task", "Resource": "arn", "Next": f"s{i + 1}"} for i in range(1000)
    }
    states["s1000"] = {"Type": "Succeed"}
    spec = import_text(json.dumps({"StartAt": "s0", "States": states}), "m.json")
    assert len(spec.workflows[0].activities) == 1000


def around(inner, name):
    states = {name: {"Type": "Parallel", "Branches": [inner], "End": True}}
    return {"StartAt": name, "States": states}


def test_deeply_nested_machines():
    inner = {"StartAt": "x", "States": {"x": {"Type": "Pass", "End": True}}}
    for depth in range(20):
        inner = around(inner, f"p{depth}")
    assert import_text(json.dumps(inner), "m.json").workflows
    for depth in range(20, 50):
        inner = around(inner, f"p{depth}")
    survives(json.dumps(inner))
