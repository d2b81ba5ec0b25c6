"""The picture of a run with several threads: one column each, time downwards."""

from __future__ import annotations

from ..dsl.records import dataclass
from ..dsl.rendering import cells
from ..semantics.system import PointKind
from .runs import RunView

GUTTER = 6  # step number and a gap
MIN_COLUMN = 18  # below this the texts go to the right of the picture
MAX_LANES = 24


@dataclass(frozen=True, slots=True)
class _Marks:
    step: str
    running: str
    waiting: str  # for another attempt
    idle: str
    cut: str


UNICODE = _Marks("●", "┃", "┆", "│", "…")
ASCII = _Marks("*", "#", ":", "|", "~")


def picture(run: RunView, width: int, ascii_only: bool = False) -> tuple[str, ...]:
    """The lines of the picture; () for a run of one thread or of more than fit."""
    count = len(run.lanes)
    if count < 2 or count > MAX_LANES:
        return ()
    marks = ASCII if ascii_only else UNICODE
    column = (width - GUTTER) // count
    return _wide(run, column, marks) if column >= MIN_COLUMN else _narrow(run, width, marks)


def _cut(text: str, width: int, marks: _Marks) -> str:
    """Exactly `width` cells."""
    if cells(text) <= width:
        return text + " " * (width - cells(text))
    while cells(text) > width - 1:
        text = text[:-1]
    return text + marks.cut + " " * (width - 1 - cells(text))


def _mark(stand: PointKind, marks: _Marks) -> str:
    match stand:
        case PointKind.RUN:
            return marks.running
        case PointKind.BACKOFF:
            return marks.waiting
        case PointKind.ENTRY | PointKind.END | PointKind.FAILED:
            return " "
        case PointKind.READY | PointKind.FORK | PointKind.UNWIND:
            return marks.idle


def _wide(run: RunView, column: int, marks: _Marks) -> tuple[str, ...]:
    column = min(column, 3 + max(cells(t) for t in (*run.lanes, *(s.brief for s in run.steps))) + 2)
    heads = (_cut(name, column - 2, marks) + "  " for name in run.lanes)
    out = [(" " * GUTTER + "".join(heads)).rstrip()]
    for step in run.steps:
        parts = []
        for lane, stand in enumerate(step.stand):
            if lane == step.lane:
                parts.append(
                    _cut(f"{marks.step} {_short(step.brief, run, lane)}", column - 2, marks) + "  "
                )
            else:
                parts.append(_mark(stand, marks).ljust(column))
        out.append(f"{step.number:>4}  {''.join(parts)}".rstrip())
    return tuple(out)


def _short(text: str, run: RunView, lane: int) -> str:
    """Without the lane's own name in front, which stands above the column."""
    name = run.lanes[lane]
    for prefix in (name + ".", name + " "):
        if text.startswith(prefix) and len(text) > len(prefix):
            return text[len(prefix) :]
    return text


def _narrow(run: RunView, width: int, marks: _Marks) -> tuple[str, ...]:
    letters = [chr(ord("A") + lane) for lane in range(len(run.lanes))]
    out = [f"{'':>4}  {' '.join(letters)}"]
    for step in run.steps:
        row = " ".join(
            marks.step if lane == step.lane else _mark(stand, marks)
            for lane, stand in enumerate(step.stand)
        )
        text = f"{step.number:>4}  {row}  {run.said(step)}"
        out.append(_cut(text, max(width, GUTTER + 2 * len(letters) + 20), marks).rstrip())
    legend = (f"{letter} = {name}" for letter, name in zip(letters, run.lanes, strict=True))
    out.append(f"{'':>4}  " + "\n      ".join(_fill(list(legend), width - GUTTER)))
    return tuple("\n".join(out).split("\n"))


def _fill(items: list[str], width: int) -> list[str]:
    """Items joined by two blanks into lines of at most `width`."""
    lines = [""]
    for item in items:
        if lines[-1] and len(lines[-1]) + 2 + len(item) > width:
            lines.append("")
        lines[-1] += ("  " if lines[-1] else "") + item
    return lines
