"""The table: one line per check, and a line for each result that needs one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from ..dsl.records import dataclass
from ..dsl.rendering import cells
from ..verifier.verdict import Proved, Refuted, Result, Unknown
from .outcome import Status, fails, status, title, trivial

STYLES = {
    Status.PROVED: "green",
    Status.REFUTED: "bold red",
    Status.UNKNOWN: "yellow",
    Status.SKIPPED: "dim",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    verdict: str
    style: str
    name: str
    figure: str
    engine: str
    seconds: float


def lines(results: Iterable[Result]) -> tuple[Line, ...]:
    """Results of one check that are plainly proved fold to one line; order is kept."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.check, []).append(result)
    out: list[Line] = []
    for check, group in groups.items():
        plain = [r for r in group if _plain(r)]
        if len(plain) > 1:
            out.append(_folded(check, plain, len(group)))
            out += [line(r) for r in group if not _plain(r)]
        else:
            out += [line(r) for r in group]
    return tuple(out)


def _plain(result: Result) -> bool:
    return isinstance(result.verdict, Proved) and not result.expected and not result.verdict.warning


def _folded(check: str, group: Sequence[Result], total: int) -> Line:
    engines = dict.fromkeys(name for r in group for name in engine(r).split(", "))
    count = f"all {len(group)}" if len(group) == total else f"{len(group)} of {total}"
    return Line(
        verdict=Status.PROVED.value,
        style=STYLES[Status.PROVED],
        name=check,
        figure=count,
        engine=", ".join(engines),
        seconds=sum(r.seconds for r in group),
    )


CAUTIONS = ("deadlock_free",)  # proved with a warning that does not say that it is trivial


def line(result: Result) -> Line:
    """The line of one result."""
    state = status(result)
    style = STYLES[state]
    word = state.value
    if result.expected:
        word += " (unexpected)" if fails(result) else " (expected)"
        if state in (Status.PROVED, Status.REFUTED):
            style = "bold red" if fails(result) else "green"
    elif result.warning and state in (Status.REFUTED, Status.UNKNOWN):
        word += " (warning)"
        style = "yellow"
    elif trivial(result):
        word += " (warning)" if result.check in CAUTIONS else " (trivial)"
        style = "yellow"
    return Line(word, style, title(result), figure(result), engine(result), result.seconds)


def engine(result: Result) -> str:
    """What found the verdict, "" where it was skipped."""
    return result.verdict.engine if result.verdict is not None else ""


def figure(result: Result) -> str:
    """One figure: the engine's, else the length of the run or the reason."""
    match result.verdict:
        case None:
            return result.skipped
        case Proved(figure=text):
            return text
        case Refuted(figure=text, trace=trace):
            count = len(trace.steps)
            return text or (
                f"{count}-step run" if count else "at the start" if trace.initial else ""
            )
        case Unknown(figure=text):
            return text


def table(results: Iterable[Result], width: int) -> Table:
    """For `rich`; without borders, so that it can be searched and copied.

    In a narrow terminal the engine, the time and the figure give way, in this order.
    """
    shown = lines(results)
    longest = max((cells(item.name) for item in shown), default=0)
    most = max(24, width // 2)
    out = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0), width=None)
    out.add_column(no_wrap=True)
    out.add_column(overflow="fold", min_width=min(longest, most), max_width=most)
    figures, engines, times = _columns(shown, width - min(longest, most) - 2)
    if figures:
        out.add_column(overflow="fold")
    if engines:
        out.add_column(overflow="fold")
    if times:
        out.add_column(no_wrap=True, justify="right")
    for item in shown:
        dim = "dim" if item.verdict == Status.SKIPPED else ""
        cell = [Text(item.verdict, item.style), Text(item.name, dim)]
        if figures:
            cell.append(Text(item.figure, "dim"))
        if engines:
            cell.append(Text(item.engine, "dim"))
        if times:
            cell.append(Text(_seconds(item), "dim"))
        out.add_row(*cell)
    return out


def _columns(shown: Sequence[Line], room: int) -> tuple[bool, bool, bool]:
    """Whether figures, engines and times have a place beside the verdict and the name."""

    def widest(texts: Iterable[str], most: int) -> int:
        return min(max(map(cells, texts), default=0), most) + 2

    room -= widest((i.verdict for i in shown), room)
    figure = widest((i.figure for i in shown), 20)
    engine = widest((i.engine for i in shown), 11)
    seconds = widest(map(_seconds, shown), 20)
    return figure <= room, figure + engine + seconds <= room, figure + seconds <= room


def _seconds(item: Line) -> str:
    return f"{item.seconds:.2f} s" if item.engine else ""
