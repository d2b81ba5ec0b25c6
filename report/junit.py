"""A report as JUnit XML: one test case per result.

Refuted is a failure, unknown an error (never a pass), skipped is skipped; warnings pass with
their text as output.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..dsl.errors import Severity
from ..verifier.verdict import Proved, Refuted, Result, Unknown
from .outcome import Report, fails, is_open, place, title, trivial, why_unmatched
from .refutation import refutation
from .source import complaint

# Characters that XML 1.0 does not allow.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def render(report: Report) -> str:
    """The text, ends with a line break."""
    errors = [d for d in report.diagnostics if d.severity is Severity.ERROR]
    opened = sum(map(is_open, report.results)) + len(errors) + len(report.unmatched)
    suite = Element(
        "testsuite",
        name=_clean(report.file),
        tests=str(len(report.results) + len(errors) + len(report.unmatched)),
        failures=str(sum(map(fails, report.results))),
        errors=str(opened + report.interrupted),
        skipped=str(sum(r.verdict is None for r in report.results)),
        time=f"{report.seconds:.3f}",
    )
    for found in errors:
        case = SubElement(suite, "testcase", classname="input", name=f"{found.code} {found.span}")
        case.set("file", _clean(found.span.file))
        message = SubElement(case, "error", message=_clean(found.message), type=found.code)
        message.text = _clean(complaint(found, report.source(found.span.file)))
    for name in report.unmatched:
        case = SubElement(suite, "testcase", classname="input", name=_clean(f"--only {name}"))
        SubElement(case, "error", message=_clean(why_unmatched(report, name)), type="usage")
    for result in report.results:
        _case(suite, report, result)
    if report.interrupted:
        SubElement(suite, "system-err").text = "interrupted: results are missing"
    root = Element("testsuites", {k: v for k, v in suite.attrib.items() if k != "skipped"})
    root.set("name", "wfverify")
    root.append(suite)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return _CONTROL.sub("\ufffd", text)


def _case(suite: Element, report: Report, result: Result) -> None:
    case = SubElement(
        suite,
        "testcase",
        classname=_clean(result.check),
        name=_clean(result.name or result.check),
        time=f"{result.seconds:.3f}",
    )
    if result.span.line:
        case.set("file", _clean(result.span.file))
        case.set("line", str(result.span.line))
    match result.verdict:
        case None:
            SubElement(case, "skipped", message=_clean(result.skipped))
        case Refuted() as verdict:
            text = _clean("\n".join(s.text for s in refutation(report, result, verdict, 100, True)))
            if fails(result):
                found = SubElement(case, "failure", message=_clean(verdict.message), type="REFUTED")
                found.text = f"{place(result)}\n{text}"
            else:
                SubElement(case, "system-out").text = text
        case Unknown(why=why):
            if is_open(result):
                SubElement(case, "error", message=_clean(why), type="UNKNOWN")
            else:
                SubElement(case, "system-out").text = _clean(f"UNKNOWN: {why}")
        case Proved(how=how):
            if fails(result):
                text = f"{title(result)} was expected to be refuted, and is proved"
                SubElement(case, "failure", message=_clean(text), type="PROVED").text = _clean(how)
            elif trivial(result):
                text = f"PROVED, but {trivial(result)}"
                SubElement(case, "system-out").text = _clean(text)
