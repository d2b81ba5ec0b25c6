"""A report as SARIF 2.1.0, for code scanning and editors.

Refuted and unknown results are results, with the run as a code flow, and so are those that hold
for a trivial reason; other proved and skipped ones are left out (viewers show every result as a
finding).  What the spec expects is suppressed.
"""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from .. import __version__
from ..dsl.codes import CODES
from ..dsl.errors import Diagnostic, Severity, Span
from ..verifier.verdict import Proved, Refuted, Result, Unknown
from . import explain
from .mends import mend_of
from .outcome import Report, exit_status, fails, is_open, shown_path, title, why_unmatched
from .refutation import details
from .runs import of_result

Json = dict[str, Any]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def render(report: Report) -> str:
    """The text, ends with a line break."""
    return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"


def document(report: Report) -> Json:
    """The log with its one run."""
    results = [_diagnostic(d) for d in report.diagnostics]
    results += [r for found in report.results if (r := _result(report, found)) is not None]
    rules = list(dict.fromkeys(r["ruleId"] for r in results))
    for found in results:
        found["ruleIndex"] = rules.index(found["ruleId"])
    invocation: Json = {
        "executionSuccessful": not (report.rejected or report.unmatched or report.interrupted),
        "exitCode": int(exit_status(report)),
    }
    if report.unmatched:
        invocation["toolConfigurationNotifications"] = [
            {"level": "error", "message": {"text": why_unmatched(report, name)}}
            for name in report.unmatched
        ]
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "wfverify",
                        "version": __version__,
                        "rules": [_rule(name) for name in rules],
                    }
                },
                "invocations": [invocation],
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }


def _rule(name: str) -> Json:
    found = explain.find(name)
    if found is None:
        return {"id": name, "shortDescription": {"text": CODES.get(name, name)}}
    return {
        "id": name,
        "shortDescription": {"text": found.meaning},
        "help": {"text": f"{found.meaning}\nMend: {found.mend}"},
    }


def _diagnostic(found: Diagnostic) -> Json:
    text = found.message + (f"\nfix: {found.fix}" if found.fix else "")
    out: Json = {
        "ruleId": found.code,
        "level": "error" if found.severity is Severity.ERROR else "warning",
        "message": {"text": text},
        "locations": _locations(found.span),
    }
    if found.related:
        out["relatedLocations"] = [
            {**location, "message": {"text": text}}
            for where, text in found.related
            for location in _locations(where)
        ]
    return out


def _result(report: Report, result: Result) -> Json | None:
    match result.verdict:
        case Refuted() as verdict:
            mend = mend_of(report, result)
            text = f"{title(result)}: {verdict.message}" + (f"\nMend: {mend}" if mend else "")
            out: Json = {
                "ruleId": result.check,
                "kind": "fail",
                "level": "warning" if result.warning else "error",
                "message": {"text": text},
                "locations": _locations(verdict.span if verdict.span.line else result.span),
            }
            if result.expected:
                out["suppressions"] = [{"kind": "inSource", "justification": "expect refuted"}]
            flows = _flows(report, result, verdict)
            if flows:
                out["codeFlows"] = flows
            return out
        case Unknown(why=why):
            return {
                "ruleId": result.check,
                "kind": "open",
                # The standard allows no other level for a result that is not a failure.
                "level": "none",
                "message": {"text": f"{title(result)}: unknown: {why}"},
                "locations": _locations(result.span),
                "properties": {"decidesExitStatus": is_open(result)},
            }
        case Proved() if fails(result):
            return {
                "ruleId": "expect",
                "kind": "fail",
                "level": "error",
                "message": {"text": f"{title(result)} was expected to be refuted, and is proved"},
                "locations": _locations(result.span),
            }
        case Proved(warning=why) if why:
            return {
                "ruleId": result.check,
                "kind": "review",
                "level": "none",  # as above
                "message": {"text": f"{title(result)}: proved, but {why}"},
                "locations": _locations(result.span),
            }
        case _:
            return None


def _flows(report: Report, result: Result, verdict: Refuted) -> list[Json]:
    out = []
    for trace in (verdict.core or verdict.trace, verdict.second):
        shown = of_result(report.system, result, trace)
        if shown is None or not shown.steps:
            continue
        places = []
        for step in shown.steps:
            more = details(step)
            text = f"{step.number}. {step.text}" + (f"   {more}" if more else "")
            location = (_locations(step.span) or [{}])[0]
            places.append({"location": {**location, "message": {"text": text}}})
        out.append({"threadFlows": [{"locations": places}]})
    return out


def _locations(span: Span) -> list[Json]:
    if not span.line:
        return []
    region = {
        "startLine": span.line,
        "startColumn": span.col,
        "endLine": span.end_line,
        "endColumn": span.end_col,
    }
    artifact = {"uri": _uri(span.file)}
    return [{"physicalLocation": {"artifactLocation": artifact, "region": region}}]


def _uri(file: str) -> str:
    path = PurePath(shown_path(file))
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
