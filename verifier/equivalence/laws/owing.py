"""Which run of an open process is undone: the numbers of runs in the labels of a law's sides.

Several runs of one process may have something to undo, in several places.  A run gets a number at
its first step: the smallest that no other has which runs or has something to undo on this side.
The step says it, and so does each step of the undo: equal labels then are of equal runs, for the
last run that began with a number is the same on both sides (docs/decisions/0025-open-undos.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....dsl.errors import Span
from ....semantics.expr import Sort
from ....semantics.lower.open import IN_SAGA, TO_UNDO, Open
from ....semantics.system import Rule, TransitionSystem

Values = tuple[Any, ...]
Where = tuple[int, Span]  # a thread's location, and a call there
OF_RUN = ", of run"  # in the label of a step that undoes
Runs = tuple[int, ...]  # of each place: the number of its last run; 0: nothing is left of it


class Owing:
    """The places of a system at which open processes may leave something to undo."""

    def __init__(
        self, system: TransitionSystem, slots: Mapping[int, int], open_: Mapping[str, Open]
    ) -> None:
        named = {v.name: slots[v.index] for v in system.variables if v.name.endswith(TO_UNDO)}
        calls = (r for r in system.rules if ": start " in r.name)
        found = {r.activity: r for r in calls if f"{r.activity}{TO_UNDO}" in named}
        self.places = tuple(found)
        self.flags = [named[f"{place}{TO_UNDO}"] for place in found]
        self.names = [r.name.split(":")[0] for r in found.values()]
        # Where the token of a place is, as long as it runs (copies of one `each` share it).
        self.around: list[Where] = [
            (system.threads[r.thread].location, r.span) for r in found.values()
        ]
        self.numbered = {p for p, o in open_.items() if o.undo}
        self.stacked = bool(found) and any(v.sort is Sort.STACK for v in system.variables)

    @property
    def none(self) -> Runs:
        return (0,) * len(self.places)

    def said(self, rule: Rule, token: str, runs: Runs) -> tuple[str, Runs]:
        """What a token's step says of the run that it is of, and the numbers after it."""
        if token not in self.numbered:
            return "", runs
        at = self.places.index(rule.activity) if rule.activity in self.places else None
        if rule.name.startswith(f"{token}: undo "):
            assert at is not None and runs[at]
            return f"{OF_RUN} {runs[at]}", runs
        if not rule.name.startswith(f"{token}: start "):
            return "", runs
        taken = {n for i, n in enumerate(runs) if self.names[i] == token and i != at}
        number = next(n for n in range(1, len(runs) + 2) if n not in taken)
        if at is not None:
            runs = (*runs[:at], number, *runs[at + 1 :])
        return f", run {number}", runs

    def kept(self, runs: Runs, values: Values, running: frozenset[Where]) -> Runs:
        """Without runs that are over and have nothing to undo."""
        return tuple(
            n if n and (values[flag] or where in running) else 0
            for n, flag, where in zip(runs, self.flags, self.around, strict=True)
        )


def in_sagas(system: TransitionSystem, token: str) -> frozenset[bool]:
    """Whether calls of a token stand in a saga: of none, of all, or of some."""
    calls = (r for r in system.rules if r.name.startswith(f"{token}: "))
    return frozenset(r.activity.endswith(IN_SAGA) for r in calls)
