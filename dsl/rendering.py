"""A diagnostic as text: place, code, message, source line with carets, mend."""

from __future__ import annotations

import unicodedata

from .errors import Diagnostic, Span
from .text import lines_of

MAX_LINES = 3  # of a span over several lines
_WIDTH = 160  # a longer source line is shown around the caret only


def render(diagnostic: Diagnostic, source: str) -> str:
    """Lines without a final line break; `source` is the text that the span speaks of."""
    d = diagnostic
    head = f"{d.span}: {d.severity.value}[{d.code}]: {d.message}"
    lines = [head, *_first_line(source, d.span)]
    if d.fix:
        lines.append(f"  fix: {d.fix}")
    for span, text in d.related:
        lines.append(f"  {span}: {text}")
        lines += _first_line(source, span)
    return "\n".join(lines)


def _first_line(source: str, span: Span) -> list[str]:
    lines = lines_of(source)
    if not 1 <= span.line <= len(lines):
        return []
    return [f"  {text}" for text in _marked(lines[span.line - 1], span)]


def excerpt(source: str, span: Span) -> tuple[str, ...]:
    """The lines of `span` with their numbers, carets below the first one; () when unknown.

    A span over more than `MAX_LINES` lines is cut; the carets of a span over several lines run
    to the end of its first line.
    """
    lines = lines_of(source)
    if not 1 <= span.line <= len(lines):
        return ()
    last = max(span.line, min(span.end_line, len(lines)))
    # `end_col` is exclusive: a span that ends at the start of a line does not show that line.
    if last > span.line and span.end_col <= 1:
        last -= 1
    shown = range(span.line, min(last, span.line + MAX_LINES - 1) + 1)
    gutter = len(str(shown[-1]))
    first, carets = _marked(lines[span.line - 1], span)
    out = [f"{span.line:>{gutter}} | {first}".rstrip(), f"{'':>{gutter}} | {carets}"]
    for number in shown[1:]:
        out.append(f"{number:>{gutter}} | {_flat(lines[number - 1][:_WIDTH])}".rstrip())
    if last > shown[-1]:
        out.append(f"{'':>{gutter}} | ..")
    return tuple(out)


def _marked(line: str, span: Span) -> tuple[str, str]:
    """The first line of the span, and the carets below it."""
    start = span.col - 1
    stop = span.end_col - 1 if span.end_line == span.line else len(line.rstrip())
    if len(line) > _WIDTH:
        cut = max(0, start - 40)
        line, start, stop = line[cut : cut + _WIDTH], start - cut, min(stop - cut, _WIDTH)
    meant = cells(_flat(line[start : max(stop, start + 1)]))
    return _flat(line), " " * cells(_flat(line[:start])) + "^" * max(1, meant)


def _flat(text: str) -> str:
    """Tabs as four blanks and control characters made visible, so that columns can be counted."""
    return "".join("    " if c == "\t" else c if c.isprintable() else "\ufffd" for c in text)


def cells(text: str) -> int:
    """The width on a terminal: wide East Asian characters take two cells, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
