"""Choices: every comparison, what covers and what does not, and what is known about the data."""

from __future__ import annotations

import pytest

ENDS = {"a": {"Type": "Succeed"}, "b": {"Type": "Succeed"}, "c": {"Type": "Succeed"}}


def test_a_default_covers(run, choice):
    seen = run({"C": choice([({"Variable": "$.x", "StringEquals": "A"}, "a")], "b"), **ENDS})
    assert seen.visited == {"a", "b"}
    assert not seen.uncovered


def test_texts_never_cover_without_default(run, choice):
    rules = [
        ({"Variable": "$.x", "StringEquals": "A"}, "a"),
        ({"Variable": "$.x", "StringEquals": "B"}, "b"),
    ]
    seen = run({"C": choice(rules), **ENDS})
    assert seen.uncovered == {"C"}
    assert seen.errors == {"States.NoChoiceMatched"}  # the machine fails, it does not hang


@pytest.mark.parametrize(
    ("rules", "covers"),
    [
        ([{"NumericLessThan": 5}, {"NumericGreaterThanEquals": 5}], True),
        ([{"NumericLessThan": 5}, {"NumericGreaterThan": 5}], False),
        ([{"NumericLessThanEquals": 5}, {"NumericGreaterThan": 5}], True),
        ([{"NumericEquals": 5}], False),
        ([{"BooleanEquals": True}, {"BooleanEquals": False}], True),
        ([{"BooleanEquals": True}], False),
        ([{"IsPresent": True}, {"IsPresent": False}], True),
        ([{"IsPresent": True}], False),
        ([{"IsNull": True}, {"IsNull": False}], True),
        ([{"IsString": True}], False),
        ([{"StringLessThan": "m"}, {"StringGreaterThanEquals": "m"}], True),
        ([{"StringLessThan": "m"}, {"StringGreaterThan": "m"}], False),
        ([{"StringMatches": "*"}], True),
        ([{"StringMatches": "a*"}], False),
        (
            [
                {"TimestampLessThan": "2024-01-01T00:00:00Z"},
                {"TimestampGreaterThanEquals": "2024-01-01T00:00:00Z"},
            ],
            True,
        ),
        ([{"TimestampLessThan": "2024-01-01T00:00:00Z"}], False),
    ],
)
def test_covering_of_the_compared_kind(run, choice, rules, covers):
    """A value that is missing or of another kind is no matter of `exhaustive`."""
    targets = ("a", "b")
    listed = [({"Variable": "$.x", **r}, t) for r, t in zip(rules, targets, strict=False)]
    seen = run({"C": choice(listed), **ENDS})
    assert seen.uncovered == (set() if covers else {"C"})


def test_another_kind_ends_with_runtime(run, choice):
    rules = [
        ({"Variable": "$.x", "NumericLessThan": 5}, "a"),
        ({"Variable": "$.x", "NumericGreaterThanEquals": 5}, "b"),
    ]
    seen = run({"C": choice(rules), **ENDS})
    assert seen.errors == {"States.Runtime"}
    assert any("C has no Default" in a.what for a in seen.spec.abstractions)


def test_default_is_taken_by_a_value_of_another_kind(run, choice):
    rules = [
        ({"Variable": "$.x", "NumericLessThan": 5}, "a"),
        ({"Variable": "$.x", "NumericGreaterThanEquals": 5}, "b"),
    ]
    seen = run({"C": choice(rules, "c"), **ENDS})
    assert seen.visited == {"a", "b", "c"}


def test_and_or_not(run, choice):
    x_is = {t: {"Variable": "$.x", "StringEquals": t} for t in "AB"}
    seen = run(
        {
            "C": choice([({"And": [x_is["A"], x_is["B"]]}, "a"), ({"Not": x_is["A"]}, "b")], "D"),
            "D": choice([({"Or": [x_is["A"], x_is["B"]]}, "c")], "a"),
            **ENDS,
        }
    )
    # x cannot be A and B at once; where it is not different from A, it is A
    assert "C -> a" not in seen.steps
    assert "D -> c" in seen.steps
    assert "D -> a" not in seen.steps


def test_a_value_keeps_between_choices(run, choice):
    test = {"Variable": "$.x", "StringEquals": "A"}
    seen = run({"C": choice([(test, "D")], "c"), "D": choice([(test, "a")], "b"), **ENDS})
    assert "D -> a" in seen.steps
    assert "D -> b" not in seen.steps


def test_a_task_may_change_it(run, choice, task):
    test = {"Variable": "$.x", "StringEquals": "A"}
    states = {"C": choice([(test, "T")], "c"), "T": task("D"), "D": choice([(test, "a")], "b")}
    assert "D -> b" in run({**states, **ENDS}).steps
    for kept in ({"ResultPath": "$.y"}, {"ResultPath": None}):
        states["T"] = task("D", **kept)
        assert "D -> b" not in run({**states, **ENDS}).steps
    states["T"] = task("D", ResultPath="$.x")
    assert "D -> b" in run({**states, **ENDS}).steps
    states["T"] = task("D", ResultPath="$.x.y")  # makes an object of x
    seen = run({**states, **ENDS})
    assert "D -> a" not in seen.steps
    states["T"] = task("D", ResultPath=None, OutputPath="$.z")
    assert {"D -> a", "D -> b"} <= run({**states, **ENDS}).steps


def test_a_result_selector_fixes_what_it_writes(run, choice, task):
    test = {"Variable": "$.x", "StringEquals": "A"}
    states = {
        "T": task("D", ResultSelector={"x": "A", "y.$": "$.q"}),
        "D": choice([(test, "a"), ({"Variable": "$.y", "NumericEquals": 1}, "b")], "c"),
    }
    assert run({**states, **ENDS}).visited == {"D", "a"}


def test_pass_constants_copies_and_counts(run, choice):
    states = {
        "P": {"Type": "Pass", "Result": {"n": 0, "s": "A"}, "Next": "Q"},
        "Q": {
            "Type": "Pass",
            "Parameters": {"n.$": "States.MathAdd($.n, 1)", "t.$": "$.s", "s": "B"},
            "Next": "C",
        },
        "C": choice(
            [
                ({"Variable": "$.n", "NumericGreaterThan": 2}, "a"),
                ({"Variable": "$.t", "StringEquals": "Z"}, "b"),
            ],
            "Q",
        ),
    }
    seen = run({**states, **ENDS})
    assert "C -> a" in seen.steps  # after three rounds, exactly
    assert "C -> b" not in seen.steps
    assert seen.states < 20


def test_result_of_pass_goes_to_its_result_path(run, choice):
    states = {
        "P": {"Type": "Pass", "Result": True, "ResultPath": "$.flag", "Next": "C"},
        "C": choice([({"Variable": "$.flag", "BooleanEquals": True}, "a")], "b"),
    }
    assert run({**states, **ENDS}).visited == {"C", "a"}


def test_swapped_copies_are_not_mixed_up(run, choice):
    """Two values change places: in no order of assignments does this come out right."""
    x, y = ({"Variable": f"$.{v}", "StringEquals": "A"} for v in "xy")
    states = {
        "C": choice([({"And": [x, {"Not": y}]}, "P")], "c"),
        "P": {"Type": "Pass", "Parameters": {"x.$": "$.y", "y.$": "$.x"}, "Next": "D"},
        "D": choice([({"And": [y, {"Not": x}]}, "a")], "b"),
    }
    assert "D -> a" in run({**states, **ENDS}).steps


def test_numbers_of_two_paths_are_compared(run, choice):
    less = {"Variable": "$.n", "NumericLessThanPath": "$.limit"}
    more = {"Variable": "$.n", "NumericGreaterThanPath": "$.limit"}
    states = {"C": choice([(less, "a")], "D"), "D": choice([(less, "a"), (more, "b")], "c")}
    seen = run({**states, **ENDS})
    assert {"C -> a", "D -> b", "D -> c"} <= seen.steps
    assert "D -> a" not in seen.steps


def test_flags_of_two_paths_are_compared(run, choice):
    same = {"Variable": "$.p", "BooleanEqualsPath": "$.q"}
    p, q = ({"Variable": f"$.{v}", "BooleanEquals": True} for v in "pq")
    states = {"C": choice([(same, "D")], "c"), "D": choice([({"And": [p, {"Not": q}]}, "a")], "b")}
    seen = run({**states, **ENDS})
    assert "D -> b" in seen.steps
    assert "D -> a" not in seen.steps


def test_patterns_that_exclude_each_other(run, choice):
    like = {end: {"Variable": "$.key", "StringMatches": f"*.{end}"} for end in ("jpg", "png")}
    states = {"C": choice([({"And": [like["jpg"], like["png"]]}, "a"), (like["jpg"], "b")], "c")}
    seen = run({**states, **ENDS})
    assert seen.visited == {"b", "c"}


def test_a_pattern_is_tried_on_the_constants(run, choice):
    rules = [
        ({"Variable": "$.key", "StringEquals": "a.jpg"}, "D"),
    ]
    states = {
        "C": choice(rules, "c"),
        "D": choice([({"Variable": "$.key", "StringMatches": "*.jpg"}, "a")], "b"),
    }
    seen = run({**states, **ENDS})
    assert "D -> a" in seen.steps
    assert "D -> b" not in seen.steps


def test_jsonata_conditions_are_opaque(run):
    states = {
        "C": {
            "Type": "Choice",
            "Choices": [
                {"Condition": "{% $states.input.x = 1 %}", "Next": "a"},
                {"Condition": "{% $states.input.x = 2 %}", "Next": "b"},
            ],
            "Default": "c",
        }
    }
    seen = run({**states, **ENDS}, QueryLanguage="JSONata")
    assert seen.visited == {"a", "b", "c"}
    assert sum("condition" in a.what for a in seen.spec.abstractions) == 2


def test_jsonata_without_default_may_not_cover(run):
    rule = {"Condition": "{% $x %}", "Next": "a"}
    seen = run({"C": {"Type": "Choice", "Choices": [rule]}, **ENDS}, QueryLanguage="JSONata")
    assert seen.uncovered == {"C"}


def test_workflow_variables(run, choice):
    states = {
        "P": {"Type": "Pass", "Assign": {"mode": "fast", "again.$": "$.flag"}, "Next": "C"},
        "C": choice(
            [
                (
                    {
                        "And": [
                            {"Variable": "$mode", "StringEquals": "fast"},
                            {"Variable": "$again", "BooleanEquals": True},
                        ]
                    },
                    "a",
                ),
                ({"Variable": "$mode", "StringEquals": "fast"}, "b"),
            ],
            "c",
        ),
    }
    assert run({**states, **ENDS}).visited == {"C", "a", "b"}


def test_the_error_of_a_catch_replaces_the_document(run, choice, task):
    test = {"Variable": "$.x", "StringEquals": "A"}
    catch = {"ErrorEquals": ["States.ALL"], "Next": "D"}
    states = {
        "C": choice([(test, "T")], "c"),
        "T": task("b", Catch=[catch]),
        "D": choice([(test, "a")], "c"),
    }
    assert "D -> a" not in run({**states, **ENDS}).steps  # x is gone
    states["T"] = task("b", Catch=[{**catch, "ResultPath": "$.error"}])
    seen = run({**states, **ENDS})
    assert "D -> a" in seen.steps
    assert "D -> c" not in seen.steps


def test_input_path_of_a_choice(run, choice):
    test = {"Variable": "$.x", "StringEquals": "A"}
    inner = {**choice([({"Variable": "$.in.x", "StringEquals": "A"}, "a")], "b")}
    states = {"C": {**choice([(test, "D")], "c"), "InputPath": "$.in"}, "D": inner}
    seen = run({**states, **ENDS})
    assert "D -> c" not in seen.steps
