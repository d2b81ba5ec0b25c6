"""What one call of the tool has to say, as plain data; the renderers turn it into text."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum, StrEnum

from ..dsl.errors import NOWHERE, Diagnostic, Severity
from ..dsl.records import dataclass
from ..semantics.system import TransitionSystem
from ..verifier.verdict import Proved, Refuted, Result, Unknown
from . import explain


class Exit(IntEnum):
    """Exit statuses of `wfverify` (docs/checks.md)."""

    PROVED = 0
    REFUTED = 1
    USAGE = 2
    UNKNOWN = 3
    INTERNAL = 70
    INTERRUPTED = 130


class Status(StrEnum):
    """A result's verdict as one word."""

    PROVED = "PROVED"
    REFUTED = "REFUTED"
    UNKNOWN = "UNKNOWN"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class Note:
    """Something an importer abstracted: shown with -v and in the machine-readable formats."""

    message: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """`system` is None when the input was rejected; then `diagnostics` says why.

    `sources` maps the files that spans point into to their text.
    """

    file: str
    sources: tuple[tuple[str, str], ...] = ()
    results: tuple[Result, ...] = ()
    system: TransitionSystem | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    abstractions: tuple[Note, ...] = ()
    imported_from: str = ""
    seconds: float = 0.0
    interrupted: bool = False
    unmatched: tuple[str, ...] = ()  # names given with --only that nothing in the spec answers to

    def source(self, file: str) -> str:
        """The text of `file`, "" when it is not known."""
        return dict(self.sources).get(file, "")

    @property
    def rejected(self) -> bool:
        return any(d.severity is Severity.ERROR for d in self.diagnostics)


def status(result: Result) -> Status:
    """The verdict's name."""
    match result.verdict:
        case Proved():
            return Status.PROVED
        case Refuted():
            return Status.REFUTED
        case Unknown():
            return Status.UNKNOWN
        case None:
            return Status.SKIPPED


def fails(result: Result) -> bool:
    """True where the result alone makes the exit status 1."""
    state = status(result)
    if result.expected:
        return state is Status.PROVED  # the spec says that it must be refuted
    return state is Status.REFUTED and not result.warning


def is_open(result: Result) -> bool:
    """True where the result alone makes the exit status 3."""
    return status(result) is Status.UNKNOWN and (result.expected or not result.warning)


def trivial(result: Result) -> str:
    """The trivial reason for which it is proved; "" where there is none."""
    return result.verdict.warning if isinstance(result.verdict, Proved) else ""


def exit_status(report: Report) -> Exit:
    """The exit status: what is wrong with the call first, then refuted, then unknown."""
    if report.rejected or report.unmatched:
        return Exit.USAGE
    if report.interrupted:
        return Exit.INTERRUPTED
    if any(map(fails, report.results)):
        return Exit.REFUTED
    if any(map(is_open, report.results)):
        return Exit.UNKNOWN
    return Exit.PROVED


def why_unmatched(report: Report, name: str) -> str:
    """What is wrong with a name given with --only."""
    own = sorted({o.name for o in report.system.obligations if o.name} if report.system else ())
    near = explain.suggest(name) or next(iter(get_close_matches(name, own, 1)), "")
    hint = f"; did you mean `{near}`?" if near else ""
    return f"--only {name}: nothing in {report.file} is called so{hint}"


def title(result: Result) -> str:
    """`check: name`, or the check alone."""
    return f"{result.check}: {result.name}" if result.name else result.check


def place(result: Result) -> str:
    """`file:line:col` of the violation, or of the claim; "" when there is none."""
    span = result.verdict.span if isinstance(result.verdict, Refuted) else result.span
    if span == NOWHERE or not span.line:
        span = result.span
    return str(span) if span.line else ""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many results of each kind; `warnings` are refuted or unknown ones at warning level,
    `trivial` those of the proved ones that hold for a trivial reason."""

    proved: int = 0
    refuted: int = 0
    unknown: int = 0
    skipped: int = 0
    warnings: int = 0
    expected: int = 0
    trivial: int = 0


def tally(results: Iterable[Result]) -> Tally:
    """Counts by verdict; a warning counts as a warning only, an expected refutation as expected."""
    count = dict.fromkeys(
        ("proved", "refuted", "unknown", "skipped", "warnings", "expected", "trivial"), 0
    )
    for result in results:
        state = status(result)
        count["trivial"] += bool(trivial(result))
        if result.expected and state is Status.REFUTED:
            count["expected"] += 1
        elif result.warning and state in (Status.REFUTED, Status.UNKNOWN):
            count["warnings"] += 1
        else:
            count[state.value.lower()] += 1
    return Tally(**count)


def shown_path(file: str) -> str:
    """The path relative to the working directory when it lies below it (for CI annotations)."""
    if not os.path.isabs(file):
        return file
    relative = os.path.relpath(file)
    return file if relative.startswith("..") else relative
