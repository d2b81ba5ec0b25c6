"""Parts of a network of activities whose latest ends say when the whole ends at the latest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from ...semantics.network import Task
from .schedules import Latest


def restricted(tasks: Sequence[Task], mine: Sequence[int]) -> list[Task]:
    """Some of them, ascending, by themselves, with new numbers."""
    number = {k: n for n, k in enumerate(mine)}
    return [
        replace(tasks[k], before=tuple(number[b] for b in tasks[k].before if b in number))
        for k in mine
    ]


def in_sequence(tasks: Sequence[Task], mine: Sequence[int]) -> list[list[int]]:
    """Parts of which each begins when all that is before it has ended: each of its activities comes
    after all of these, so that it finds all units free."""
    among = set(mine)
    before: dict[int, set[int]] = {}
    for k in mine:
        direct = [b for b in tasks[k].before if b in among]
        before[k] = {x for b in direct for x in (b, *before[b])}
    out: list[list[int]] = []
    # Seen from the end: the fewest that all of the rest come before.
    common = set(mine)
    cuts = []
    for place in reversed(range(1, len(mine))):
        common &= before[mine[place]]
        if len(common) == place:
            cuts.append(place)
    begin = 0
    for end in (*reversed(cuts), len(mine)):
        out.append(list(mine[begin:end]))
        begin = end
    return out


def side_by_side(tasks: Sequence[Task], mine: Sequence[int]) -> list[list[int]]:
    """Parts that have neither an order nor a resource in common."""
    groups: list[tuple[set[object], list[int]]] = []
    for k in mine:
        keys: set[object] = {k, *tasks[k].before, *(r for r, q in tasks[k].asks if q)}
        members = [k]
        apart = []
        for others, part in groups:
            if others & keys:
                keys |= others
                members = [*part, *members]
            else:
                apart.append((others, part))
        groups = [*apart, (keys, members)]
    return [sorted(part) for _, part in groups]


def joined(
    mine: Sequence[int], parts: Sequence[Sequence[int]], found: Sequence[Latest], chained: bool
) -> Latest:
    """Of the whole: the sum of what follows each other, the latest of what does not."""
    begins: dict[int, Fraction] = {}
    takes: dict[int, Fraction] = {}
    rank = Fraction(0)
    for part, x in sorted(zip(parts, found, strict=True), key=lambda p: p[0][0]):
        for k, at, lasts in zip(part, x.begins, x.takes, strict=False):
            begins[k], takes[k] = rank + at, lasts
        rank += max(x.begins, default=Fraction(0)) + 1
    complete = len(begins) == len(mine)

    def whole(parts: list[Fraction]) -> Fraction:
        return sum(parts, Fraction(0)) if chained else max(parts)

    return Latest(
        whole([x.bound for x in found]),
        whole([x.seconds for x in found]) if complete else Fraction(0),
        tuple(begins[k] for k in mine) if complete else (),
        tuple(takes[k] for k in mine) if complete else (),
    )
