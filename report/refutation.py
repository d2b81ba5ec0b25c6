"""One refutation for people: place, source, run, state, lanes, notes, mend.

Lines of plain text with a style name each; `report.text` puts them on the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from ..dsl.errors import Span
from ..dsl.records import dataclass
from ..dsl.rendering import cells, excerpt
from ..semantics.system import RuleKind
from ..verifier.verdict import Refuted, Result
from .lanes import picture
from .mends import mend_of, shown_before
from .outcome import Report, place, title
from .runs import RunView, StepView, Value, of_result, parting

MAX_STEPS = 60  # of a run; the middle of a longer one is left out
CAUSE = "bold"
DIM = "dim"
_FIXED = "\u00a0"  # a blank at which no line is broken


@dataclass(frozen=True, slots=True)
class Styled:
    """One line; `style` is a style of `rich`."""

    text: str
    style: str = ""


def headline(result: Result, verdict: Refuted, width: int) -> Iterator[Styled]:
    """Which claim, where, and why it does not hold."""
    where = place(result)
    word = "REFUTED (warning)" if result.warning else "REFUTED"
    first = f"{word}  {title(result)}"
    if where and cells(first) + 3 + cells(where) > width:
        yield Styled(first, "bold red")
        yield Styled(f"  {where}", DIM)
    else:
        yield Styled(f"{first}   {where}".rstrip(), "bold red")
    yield from hanging("  ", verdict.message, width, CAUSE)


def refutation(
    report: Report,
    result: Result,
    verdict: Refuted,
    width: int,
    ascii_only: bool,
    whole: bool = False,
) -> Iterator[Styled]:
    """All lines about one refuted result; `whole`: with the steps that do not matter."""
    yield from headline(result, verdict, width)
    earlier = shown_before(report, result)
    if earlier:
        yield from hanging(
            "  ", f"this is the deadlock of `{earlier}`, which is shown there", width, ""
        )
        yield from _last_words(report, result, verdict, width)
        return
    span = verdict.span if verdict.span.line else result.span
    yield from _source(report, span)
    core = None if whole else verdict.core
    first = of_result(report.system, result, core or verdict.trace)
    second = of_result(report.system, result, verdict.second)
    if first is not None and second is not None:
        yield from two_runs(first, second, width)
    elif first is not None:
        beside = 0 if core is None else len(verdict.trace.steps) - len(core.steps)
        yield from run(first, width, beside=beside)
        yield from _last_step(report, first, span)
        yield from lane_picture(first, width, ascii_only)
    for note in verdict.notes:
        # What is set in belongs to the note before it.
        inside = len(note) - len(note.lstrip())
        label = " " * (6 + inside) if inside else "  note: "
        yield from hanging(label, note.strip(), width, "")
    yield from _last_words(report, result, verdict, width)


def _last_step(report: Report, shown: RunView, span: Span) -> Iterator[Styled]:
    """Where the last step is taken; that a workflow ends has no place but all of it."""
    steps = shown.steps
    which = "the last step"
    if shown.loop_at is None and steps and steps[-1].kind is RuleKind.END:
        steps, which = steps[:-1], "the last step before the end"
    if shown.loop_at is None and steps and steps[-1].span.line != span.line:
        yield Styled(f"  {which} is taken here:")
        yield from _source(report, steps[-1].span)


def _last_words(report: Report, result: Result, verdict: Refuted, width: int) -> Iterator[Styled]:
    for text in verdict.abstract:
        yield from hanging("  rests on an abstraction: ", text, width, "yellow")
    mend = mend_of(report, result)
    if mend:
        yield from hanging("  mend: ", mend, width, "cyan")


def _source(report: Report, span: Span) -> Iterator[Styled]:
    for text in excerpt(report.source(span.file), span):
        yield Styled(f"    {text}", DIM if "^" not in text else "red")


def run(
    shown: RunView, width: int, last: str = "at the violation", beside: int = 0
) -> Iterator[Styled]:
    """The numbered steps and the state after them, which `last` names; `beside`: how many steps
    that happen meanwhile are left out."""
    count = len(shown.steps)
    what = f"{count} step{'s' * (count != 1)}"
    if beside:
        matter = "does not matter" if beside == 1 else "do not matter"
        what += f"; {beside} beside {'it' if count == 1 else 'them'} that {matter}: -v"
    if shown.loop_at is not None:
        what += f", the last {count - shown.loop_at} for ever"
    yield Styled(f"  the run ({what}):" if count else "  already at the start:")
    yield from values("    start: ", shown.start, width)
    for step in kept(shown.steps):
        if step is None:
            yield Styled(f"         .. {count - MAX_STEPS} steps, see --format json ..", DIM)
            continue
        if shown.loop_at == step.number - 1:
            yield Styled("      -- from here again and again --", DIM)
        yield from _step(shown, step, width)
    if shown.loop_at is not None:
        yield Styled(f"      -- {_again(shown)} --", DIM)
    label = "    for ever: " if shown.loop_at is not None else f"    {last}: "
    yield from values(label, shown.end, width)


def _again(shown: RunView) -> str:
    assert shown.loop_at is not None
    if not shown.recurs:
        return f"back to step {shown.loop_at + 1}"
    return f"and so on: step {shown.loop_at + 1} again, from another state"


def kept(steps: Sequence[StepView]) -> Iterator[StepView | None]:
    """All steps, or the first and the last ones of a long run with None between them."""
    if len(steps) <= MAX_STEPS + 1:
        yield from steps
        return
    yield from steps[: MAX_STEPS // 2]
    yield None
    yield from steps[-(MAX_STEPS - MAX_STEPS // 2) :]


def values(label: str, shown: Sequence[Value], width: int) -> Iterator[Styled]:
    """`label name = value, ..`, nothing for no values."""
    if shown:
        text = listed(shown).replace(" = ", f"{_FIXED}={_FIXED}")
        for line in hanging(label, text, width, ""):
            yield Styled(line.text.replace(_FIXED, " "), line.style)


def listed(shown: Sequence[Value]) -> str:
    """`a = 1, b = 2`."""
    return ", ".join(f"{v.name} = {v.text}" for v in shown)


def details(step: StepView) -> str:
    """What a step was answered and what it changed."""
    given = listed(step.inputs)
    changed = ", ".join(f"{c.short}: {c.before} -> {c.after}" for c in step.changes)
    return "; ".join(part for part in (given, changed) if part)


def _step(shown: RunView, step: StepView, width: int) -> Iterator[Styled]:
    clock = f"[{step.time}] " if shown.timed else ""
    number = f"  {step.number:>5}. "
    head = f"{number}{clock}{shown.said(step)}"
    more = details(step)
    if not more:
        yield from hanging(number, head[len(number) :], width, "")
    elif cells(head) <= 46 and cells(more) <= width - 48:
        yield Styled(f"{head}{' ' * (46 - cells(head))}  {more}")
    else:
        yield from hanging(number, head[len(number) :], width, "")
        yield from hanging(" " * 12, more, width, "")


def lane_picture(shown: RunView, width: int, ascii_only: bool) -> Iterator[Styled]:
    """The picture, only for a run of several threads."""
    if len(shown.steps) > MAX_STEPS:
        return
    lines = picture(shown, width - 2, ascii_only)
    if lines:
        yield Styled("  who did what (time goes downwards):")
        for text in lines:
            yield Styled(f"  {text}", "cyan" if text is lines[0] else "")


def two_runs(first: RunView, second: RunView, width: int) -> Iterator[Styled]:
    """Two runs from the same start: what they share, then side by side."""
    common = parting(first, second)
    yield Styled("  two runs with the same inputs:")
    yield from values("    start: ", first.start, width)
    for step in kept(first.steps[:common]):
        if step is not None:
            yield from _step(first, step, width)
    half = max(20, (width - 9) // 2)
    yield Styled("    " + _pad("one", half) + " | " + "other", CAUSE)
    left, right = (list(_column(r, common, half)) for r in (first, second))
    for one, two in zip_longest(left, right, fillvalue=""):
        yield Styled(f"    {_pad(one, half)} | {two}".rstrip())


def _column(shown: RunView, common: int, width: int) -> Iterator[str]:
    import textwrap

    for step in shown.steps[common:]:
        more = details(step)
        clock = f"[{step.time}] " if shown.timed else ""
        text = f"{step.number}. {clock}{shown.said(step)}" + (f"   {more}" if more else "")
        yield from textwrap.wrap(text, width, subsequent_indent="   ") or [""]
    if shown.end:
        yield from textwrap.wrap(f"then: {listed(shown.end)}", width, subsequent_indent="   ")


def _pad(text: str, width: int) -> str:
    return text + " " * max(0, width - cells(text))


def hanging(label: str, text: str, width: int, style: str) -> Iterator[Styled]:
    """The text in lines of at most `width`, the later ones below where it begins."""
    import textwrap

    for line in textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_on_hyphens=False,
    ):
        yield Styled(line, style)
