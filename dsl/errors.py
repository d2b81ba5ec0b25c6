"""Places in a source text and what is said about them.

Every complaint of the tool about its input is a `Diagnostic`: a place, a code from a closed
list, what is wrong, and the mend.  `Rejected` carries all diagnostics of a file at once.
"""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import NamedTuple

from .records import dataclass


class Span(NamedTuple):
    """A stretch of source: 1-based lines and columns, the end column exclusive.

    `file` is the path as the user gave it; for an imported machine the span points into the
    foreign file.  (A tuple, since every node of a tree has one: a third of the time to make.)
    """

    file: str
    line: int
    col: int
    end_line: int
    end_col: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col}"

    def to(self, other: Span) -> Span:
        """From the start of this one to the end of the other."""
        return Span(self.file, self.line, self.col, other.end_line, other.end_col)


NOWHERE = Span("", 0, 0, 0, 0)


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One complaint.  `code` is stable (`E....` error, `W....` warning); `fix` is the mend."""

    code: str
    span: Span
    message: str
    fix: str = ""
    severity: Severity = Severity.ERROR
    related: tuple[tuple[Span, str], ...] = field(default=())


class Rejected(Exception):
    """The input cannot be used; `diagnostics` holds at least one error, in source order."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...]) -> None:
        super().__init__("; ".join(f"{d.span}: {d.code}: {d.message}" for d in diagnostics))
        self.diagnostics = diagnostics
