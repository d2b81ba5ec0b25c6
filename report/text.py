"""A report for people: the table, then what needs more than a line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO
from typing import TYPE_CHECKING

from ..dsl.errors import Severity
from ..dsl.records import dataclass
from ..verifier.verdict import Proved, Refuted, Result, Unknown
from . import explain
from .mends import mend_of
from .outcome import Report, fails, tally, title, why_unmatched
from .refutation import Styled, hanging, headline, refutation
from .source import complaint

if TYPE_CHECKING:
    from rich.table import Table

MAX_RUNS = 10  # refutations shown in full without -v


@dataclass(frozen=True, slots=True)
class Style:
    """How to write: `width` in cells, colours, pure ASCII, everything (-v) or little (--quiet)."""

    width: int = 100
    color: bool = False
    ascii_only: bool = False
    verbose: bool = False
    quiet: bool = False


def render(report: Report, style: Style) -> str:
    """The whole text, ends with a line break (or is empty)."""
    parts: list[str] = []
    diagnostics = list(_diagnostics(report, style))
    if diagnostics:
        parts.append("\n".join(diagnostics) + "\n")
    if report.results and not style.quiet:
        parts.append(_paint(report, style))
    if report.results or not report.rejected:
        parts.append(_closing(report) + "\n")
    return "\n".join(parts)


def _diagnostics(report: Report, style: Style) -> Iterator[str]:
    for diagnostic in report.diagnostics:
        if style.quiet and diagnostic.severity is not Severity.ERROR:
            continue
        yield complaint(diagnostic, report.source(diagnostic.span.file))
    for name in report.unmatched:
        yield f"wfverify: {why_unmatched(report, name)}"


def _paint(report: Report, style: Style) -> str:
    from .table import table

    return paint(_sections(report, style), style, table(report.results, style.width))


def paint(sections: Iterable[list[Styled]], style: Style, head: Table | None = None) -> str:
    """Styled lines as text: a table, then the sections, a blank line before each but the first."""
    from rich.console import Console
    from rich.text import Text

    out = StringIO()
    console = Console(
        file=out,
        width=style.width,
        force_terminal=style.color,
        color_system="standard" if style.color else None,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )
    if head is not None:
        console.print(head)
    for number, section in enumerate(sections):
        if number or head is not None:
            console.print()
        for line in section:
            console.print(Text(line.text, line.style), soft_wrap=True)
    # `rich` fills its columns with blanks; they are of no use in a file.
    text = "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
    return text.encode("ascii", "replace").decode() if style.ascii_only else text


def _sections(report: Report, style: Style) -> Iterator[list[Styled]]:
    shown = 0
    for result in report.results:
        verdict = result.verdict
        if not isinstance(verdict, Refuted) or (result.expected and not style.verbose):
            continue
        full = style.verbose or (not result.warning and shown < MAX_RUNS)
        if full:
            shown += 1
            yield list(
                refutation(report, result, verdict, style.width, style.ascii_only, style.verbose)
            )
        else:
            lines = list(headline(result, verdict, style.width))
            mend = mend_of(report, result)
            if verdict.trace.initial:
                mend += "  (-v shows the run)"
            yield [*lines, *hanging("  mend: ", mend, style.width, "cyan")]
    brief = list(_brief(report, style.width))
    if brief:
        yield brief
    if style.verbose:
        yield list(_how(report, style.width))


def _brief(report: Report, width: int) -> Iterator[Styled]:
    for result in report.results:
        match result.verdict:
            case Unknown(why=why):
                yield from hanging(f"UNKNOWN  {title(result)}: ", why, width, "yellow")
            case Proved(warning=warning) if warning:
                yield from hanging(f"PROVED   {title(result)}, but ", warning, width, "yellow")
            case _:
                pass
        if result.expected and fails(result):
            text = f"{title(result)} was expected to be refuted, and is proved"
            yield Styled(f"{text}: {explain.mend('expect')}", "bold red")


def _how(report: Report, width: int) -> Iterator[Styled]:
    if any(isinstance(result.verdict, Proved) for result in report.results):
        yield Styled("How it was proved:", "bold")
    for result in report.results:
        if isinstance(result.verdict, Proved):
            first, *more = result.verdict.how.splitlines() or [""]
            yield Styled(f"  {title(result)} ({result.verdict.engine})")
            for text in (first, *more):
                yield from hanging("    ", text, width, "")
            for text in result.verdict.assumptions:
                yield from hanging("    assuming ", text, width, "")
    if report.abstractions:
        yield Styled("What the importer left out or made coarser:", "bold")
        for note in report.abstractions:
            where = f"{note.place}: " if note.place else ""
            yield from hanging(f"  {where}", note.message, width, "")


def _unexpected(result: Result) -> bool:
    return result.expected and isinstance(result.verdict, Proved)


def _closing(report: Report) -> str:
    count = tally(report.results)
    warnings = (
        count.warnings
        + count.trivial
        + sum(d.severity is Severity.WARNING for d in report.diagnostics)
    )
    unexpected = sum(map(_unexpected, report.results))
    parts = [
        f"{number} {word}"
        for number, word in (
            (count.proved - unexpected, "proved"),
            (unexpected, "proved though expected to be refuted"),
            (count.refuted, "refuted"),
            (count.expected, "refuted as expected"),
            (count.unknown, "unknown"),
            (count.skipped, "skipped"),
            (warnings, "warning" if warnings == 1 else "warnings"),
        )
        if number
    ]
    text = ", ".join(parts) or ("no result yet" if report.interrupted else "nothing to check")
    stop = "interrupted: " if report.interrupted else ""
    return f"{report.file}: {stop}{text} in {report.seconds:.1f} s"
