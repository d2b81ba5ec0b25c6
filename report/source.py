"""Excerpts of the source with carets below the place that is meant."""

from __future__ import annotations

from ..dsl.errors import Diagnostic, Span
from ..dsl.rendering import cells

MAX_LINES = 3  # of a span over several lines


def excerpt(source: str, span: Span) -> tuple[str, ...]:
    """The lines of `span` with their numbers, carets below the first one; () when unknown.

    A span over more than `MAX_LINES` lines is cut; the carets of a span over several lines run
    to the end of its first line.
    """
    lines = source.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if not 1 <= span.line <= len(lines):
        return ()
    last = max(span.line, min(span.end_line, len(lines)))
    # `end_col` is exclusive: a span that ends at the start of a line does not show that line.
    if last > span.line and span.end_col <= 1:
        last -= 1
    shown = range(span.line, min(last, span.line + MAX_LINES - 1) + 1)
    gutter = len(str(shown[-1]))
    out = []
    for number in shown:
        text = lines[number - 1]
        out.append(f"{number:>{gutter}} | {_flat(text)}".rstrip())
        if number == span.line:
            end = span.end_col if span.end_line == span.line else len(text.rstrip()) + 1
            out.append(f"{'':>{gutter}} | {_carets(text, span.col, end)}")
    if last > shown[-1]:
        out.append(f"{'':>{gutter}} | ..")
    return tuple(out)


def _flat(text: str) -> str:
    """Tabs as four blanks and control characters made visible, so that columns can be counted."""
    return "".join("    " if c == "\t" else c if c.isprintable() else "\ufffd" for c in text)


def _carets(text: str, col: int, end: int) -> str:
    before = cells(_flat(text[: col - 1]))
    return " " * before + "^" * max(1, cells(_flat(text[col - 1 : max(end, col + 1) - 1])))


def complaint(diagnostic: Diagnostic, source: str) -> str:
    """The diagnostic as `dsl.render` has it; one line where there is no text to show."""
    if diagnostic.code == "E0001":  # the file itself is the matter: no line in it is
        return f"wfverify: {diagnostic.message}"
    if source.strip():
        from ..dsl import render

        return render(diagnostic, source)
    fix = f"; {diagnostic.fix}" if diagnostic.fix else ""
    where, severity = diagnostic.span, diagnostic.severity
    return f"{where}: {severity.value}[{diagnostic.code}]: {diagnostic.message}{fix}"
