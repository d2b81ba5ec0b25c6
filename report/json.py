"""A report as JSON, by the schema in `schema.json` (JSON Schema 2020-12).

Complete enough that a program can mend the spec in a loop: places, runs with inputs and changes,
what each result means and how it is usually mended.
"""

from __future__ import annotations

import json
from typing import Any

from .. import __version__
from ..dsl.errors import Diagnostic, Span
from ..semantics.trace import Trace
from ..verifier.verdict import Proved, Refuted, Result, Unknown
from . import explain
from .mends import mend_of, shown_before
from .outcome import Report, exit_status, fails, is_open, status, tally
from .runs import RunView, StepView, Value, of_result

FORMAT = 1  # grows when a program that reads the old format could misread the new one

Json = dict[str, Any]


def render(report: Report) -> str:
    """The text, ends with a line break."""
    return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"


def document(report: Report) -> Json:
    """The report as the objects of the JSON document."""
    count = tally(report.results)
    return {
        "format": FORMAT,
        "tool": {"name": "wfverify", "version": __version__},
        "file": report.file,
        "imported_from": report.imported_from,
        "exit_status": int(exit_status(report)),
        "interrupted": report.interrupted,
        "seconds": round(report.seconds, 3),
        "summary": {
            "proved": count.proved,
            "refuted": count.refuted,
            "refuted_as_expected": count.expected,
            "unknown": count.unknown,
            "skipped": count.skipped,
            "warnings": count.warnings,
        },
        "diagnostics": [diagnostic(d) for d in report.diagnostics],
        "unmatched": list(report.unmatched),
        "results": [result(report, r) for r in report.results],
        "abstractions": [{"message": a.message, "place": a.place} for a in report.abstractions],
    }


def span(where: Span) -> Json | None:
    """1-based, the end column exclusive; null where there is no place."""
    if not where.line:
        return None
    return {
        "file": where.file,
        "line": where.line,
        "column": where.col,
        "end_line": where.end_line,
        "end_column": where.end_col,
    }


def diagnostic(found: Diagnostic) -> Json:
    """One complaint about the input."""
    return {
        "code": found.code,
        "severity": found.severity.value,
        "message": found.message,
        "mend": found.fix,
        "span": span(found.span),
        "related": [{"span": span(where), "message": text} for where, text in found.related],
    }


def result(report: Report, found: Result) -> Json:
    """One result; the keys after `seconds` depend on the verdict."""
    about = explain.find(found.check)
    out: Json = {
        "check": found.check,
        "name": found.name,
        "verdict": status(found).value,
        "level": "warning" if found.warning else "error",
        "expected_refuted": found.expected,
        "fails": fails(found),
        "open": is_open(found),
        "meaning": about.meaning if about else "",
        "span": span(found.span),
        "others": list(found.others),
        "seconds": round(found.seconds, 3),
    }
    match found.verdict:
        case None:
            out["reason"] = found.skipped
        case Proved(engine, how, figure, warning, assumptions):
            out |= {
                "engine": engine,
                "figure": figure,
                "how": how,
                "trivial": warning,
                "assumptions": list(assumptions),
            }
        case Unknown(engine, why, figure):
            out |= {"engine": engine, "figure": figure, "why": why}
        case Refuted() as verdict:
            out |= {
                "engine": verdict.engine,
                "figure": verdict.figure,
                "message": verdict.message,
                "violation": span(verdict.span),
                "same_run_as": shown_before(report, found),
                "mend": mend_of(report, found),
                "notes": list(verdict.notes),
                "rests_on": list(verdict.abstract),
                "run": _run(report, found, verdict.trace),
                "second_run": _run(report, found, verdict.second),
            }
    return out


def _run(report: Report, found: Result, trace: Trace | None) -> Json | None:
    shown = of_result(report.system, found, trace)
    return None if shown is None else run(shown)


def run(shown: RunView) -> Json:
    """A run; `loop_from` is the number of the first step that is repeated for ever, `recurs` what
    holds before it each time, where no state comes again."""
    return {
        "threads": list(shown.lanes),
        "start": _values(shown.start),
        "steps": [_step(shown, step) for step in shown.steps],
        "end": _values(shown.end),
        "loop_from": None if shown.loop_at is None else shown.loop_at + 1,
        "recurs": shown.recurs or None,
    }


def _values(values: tuple[Value, ...]) -> Json:
    return {v.name: v.plain for v in values}


def _step(shown: RunView, step: StepView) -> Json:
    return {
        "number": step.number,
        "text": step.text,
        "kind": step.kind.value,
        "thread": shown.lanes[step.lane],
        "instance": step.instance,
        "activity": step.activity,
        "time": step.time,
        "inputs": _values(step.inputs),
        "changes": [{"name": c.name, "before": c.old, "after": c.new} for c in step.changes],
        "span": span(step.span),
    }
