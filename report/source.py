"""Complaints about the input, with or without the text that they speak of."""

from __future__ import annotations

from ..dsl.errors import Diagnostic
from ..dsl.rendering import render


def complaint(diagnostic: Diagnostic, source: str) -> str:
    """The diagnostic as `dsl.render` has it; one line where there is no text to show."""
    if diagnostic.code == "E0001":  # the file itself is the matter: no line in it is
        return f"wfverify: {diagnostic.message}"
    if source.strip():
        return render(diagnostic, source)
    fix = f"; {diagnostic.fix}" if diagnostic.fix else ""
    where, severity = diagnostic.span, diagnostic.severity
    return f"{where}: {severity.value}[{diagnostic.code}]: {diagnostic.message}{fix}"
