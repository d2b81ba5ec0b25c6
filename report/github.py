"""A report as GitHub workflow commands: annotations at the lines of a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from ..dsl.errors import Severity, Span
from ..verifier.verdict import Proved, Refuted, Unknown
from .outcome import Report, fails, is_open, mend_of, shown_path, title, why_unmatched


def render(report: Report) -> str:
    """One line for each thing to say; "" when all is proved."""
    return "".join(f"{line}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    for found in report.diagnostics:
        level = "error" if found.severity is Severity.ERROR else "warning"
        text = found.message + (f"\nfix: {found.fix}" if found.fix else "")
        yield command(level, found.span, found.code, text)
    for name in report.unmatched:
        yield f"::error title=wfverify::{_data(why_unmatched(report, name))}"
    for result in report.results:
        match result.verdict:
            case Refuted() as verdict if not result.expected:
                level = "error" if fails(result) else "warning"
                where = verdict.span if verdict.span.line else result.span
                mend = mend_of(report, result)
                text = verdict.message + (f"\nmend: {mend}" if mend else "")
                yield command(level, where, f"REFUTED {title(result)}", text)
            case Proved() if fails(result):
                text = "expected to be refuted, and is proved"
                yield command("error", result.span, f"PROVED {title(result)}", text)
            case Proved(warning=why) if why:
                yield command("warning", result.span, f"PROVED {title(result)}", f"but {why}")
            case Unknown(why=why):
                level = "warning" if is_open(result) else "notice"
                yield command(level, result.span, f"UNKNOWN {title(result)}", why)
            case _:
                pass
    if report.interrupted:
        yield "::error title=wfverify::interrupted, results are missing"


def command(level: str, span: Span, heading: str, text: str) -> str:
    """`::error file=..,line=..::text`; without a place where there is none."""
    properties = []
    if span.line:
        properties = [f"file={_property(shown_path(span.file))}", f"line={span.line}"]
        if span.end_line == span.line:
            # GitHub takes both columns as included, and only within one line.
            properties += [f"col={span.col}", f"endColumn={max(span.col, span.end_col - 1)}"]
        else:
            properties.append(f"endLine={span.end_line}")
    properties.append(f"title={_property(heading)}")
    return f"::{level} {','.join(properties)}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
