"""A diagnostic as text: place, code, message, source line with carets, mend."""

from __future__ import annotations

import unicodedata

from .errors import Diagnostic, Span

_WIDTH = 160  # a longer source line is shown around the caret only


def render(diagnostic: Diagnostic, source: str) -> str:
    """Lines without a final line break; `source` is the text that the span speaks of."""
    d = diagnostic
    head = f"{d.span}: {d.severity.value}[{d.code}]: {d.message}"
    lines = [head, *_excerpt(d.span, source)]
    if d.fix:
        lines.append(f"  fix: {d.fix}")
    for span, text in d.related:
        lines.append(f"  {span}: {text}")
        lines += _excerpt(span, source)
    return "\n".join(lines)


def _excerpt(span: Span, source: str) -> list[str]:
    lines = source.removeprefix("\ufeff").split("\n")
    if not 1 <= span.line <= len(lines):
        return []
    line = lines[span.line - 1].rstrip("\r")
    start = span.col - 1
    stop = span.end_col - 1 if span.end_line == span.line else len(line)
    if len(line) > _WIDTH:
        cut = max(0, start - 40)
        line, start, stop = line[cut : cut + _WIDTH], start - cut, min(stop - cut, _WIDTH)
    shown = "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line)
    # Tabs stay tabs, so that the caret stands right whatever their width is.
    indent = "".join("\t" if c == "\t" else " " * cells(c) for c in shown[:start])
    return [f"  {shown}", f"  {indent}{'^' * max(1, cells(shown[start:stop]))}"]


def cells(text: str) -> int:
    """The width on a terminal: wide East Asian characters take two cells, combining ones none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )
