"""What a person, or a program, gets to read: a `Report` goes in, text comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .outcome import Report
    from .text import Style

FORMATS = ("text", "json", "junit", "sarif", "github")


def render(report: Report, form: str, style: Style | None = None) -> str:
    """The report in one of `FORMATS`; `style` matters for text only.

    Each renderer is imported when it is used: `rich` alone costs more than the rest.
    """
    if form == "text":
        from . import text

        return text.render(report, style or text.Style())
    if form == "json":
        from . import json

        return json.render(report)
    if form == "junit":
        from . import junit

        return junit.render(report)
    if form == "sarif":
        from . import sarif

        return sarif.render(report)
    if form == "github":
        from . import github

        return github.render(report)
    raise ValueError(f"no such format: {form}")
