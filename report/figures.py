"""The summary of runs: a table of the activities and one of the resources."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

from ..dsl.rendering import cells
from ..interpreter import Summary
from ..interpreter.summary import ActivityFigures
from ..semantics.values import show_duration
from .refutation import DIM, Styled

MOST_LINES = 40  # of a table; what takes least time is put together in one line

_COLUMNS = ("started", "completed", "failed", "timed out", "retries", "cancelled")
_ALWAYS = ("started", "completed", "failed")
_SHORTEST = 12  # of a name


def figures(summary: Summary, width: int) -> Iterator[Styled]:
    """Per activity how often, and how long an attempt took; per resource how much was in use."""
    if summary.activities:
        yield from _table(_activities(summary.activities), width)
    if summary.resources:
        rows = [["resource", "capacity", "peak", "mean"]]
        for r in summary.resources:
            capacity = "lock" if r.kind == "lock" else "any" if r.capacity is None else r.capacity
            rows.append([r.name, str(capacity), str(r.peak), f"{float(r.mean):.2f}"])
        yield from _table(_shortened(rows), width)


def rounded(time: Fraction) -> str:
    """To a thousandth of a second."""
    return show_duration(round(time * 1000) / Fraction(1000))


def _activities(all_: Sequence[ActivityFigures]) -> list[list[str]]:
    shown = list(all_)
    if len(shown) > MOST_LINES:
        longest = sorted(shown, key=lambda of: of.total, reverse=True)[: MOST_LINES - 1]
        kept = {of.name for of in longest}
        rest = [of for of in shown if of.name not in kept]
        shown = [*(of for of in shown if of.name in kept), _together(rest)]
    columns = [c for c in _COLUMNS if c in _ALWAYS or any(_count(of, c) for of in all_)]
    rows = [["activity", *columns, "total", "mean", "longest"]]
    for of in shown:
        times = [rounded(t) if of.ended else "-" for t in (of.total, of.mean, of.longest)]
        rows.append([of.name, *(str(_count(of, c)) for c in columns), *times])
    return rows


def _count(of: ActivityFigures, column: str) -> int:
    return int(getattr(of, column.replace(" ", "_")))


def _together(rest: Sequence[ActivityFigures]) -> ActivityFigures:
    made = ActivityFigures(f"{len(rest)} others")
    for of in rest:
        for column in _COLUMNS:
            setattr(made, column.replace(" ", "_"), _count(made, column) + _count(of, column))
        made.total += of.total
        made.longest = max(made.longest, of.longest)
        made.ended += of.ended
    return made


def _shortened(rows: list[list[str]]) -> list[list[str]]:
    if len(rows) <= MOST_LINES + 1:
        return rows
    return [*rows[:MOST_LINES], [f"{len(rows) - MOST_LINES} others", "", "", ""]]


_DROPPED = ("longest", "total", "mean")  # in this order, where the terminal is narrow


def _table(rows: list[list[str]], width: int) -> Iterator[Styled]:
    widths = [max(cells(row[k]) for row in rows) for k in range(len(rows[0]))]
    for column in _DROPPED:
        if 2 + _SHORTEST + sum(w + 2 for w in widths[1:]) > width and column in rows[0]:
            k = rows[0].index(column)
            rows = [row[:k] + row[k + 1 :] for row in rows]
            widths = widths[:k] + widths[k + 1 :]
    room = width - 2 - sum(w + 2 for w in widths[1:])
    widths[0] = max(_SHORTEST, min(widths[0], room))
    for number, (name, *numbers) in enumerate(rows):
        if cells(name) > widths[0]:
            name = ".." + name[len(name) - widths[0] + 2 :]
        line = name + " " * (widths[0] - cells(name))
        line += "".join(f"  {n:>{w}}" for n, w in zip(numbers, widths[1:], strict=True))
        yield Styled(f"  {line}".rstrip(), DIM if number == 0 else "")
