"""Which run of an open process is undone: the numbers of runs in the labels of a law's sides.

Several runs of one process may have something to undo, in several places.  A run gets a number at
its first step: the smallest that no other has which runs or has something to undo on this side.
The step says it, and so does each step of the undo: equal labels then are of equal runs, for the
last run that began with a number is the same on both sides (docs/decisions/0025-open-undos.md).
What a retry or a counted loop has on its log of earlier rounds keeps its numbers there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....dsl.errors import Span
from ....semantics.expr import Op, Sort
from ....semantics.lower.open import IN_SAGA, TO_UNDO, Open
from ....semantics.system import Rule, TransitionSystem

Values = tuple[Any, ...]
Where = tuple[int, Span]  # a thread's location, and a call there
OF_RUN = ", of run"  # in the label of a step that undoes
Numbers = tuple[int, ...]  # of places, each of its last run; 0: nothing is left of it
# Of all places, and on each log of rounds: of the places that it keeps, the earlier rounds first.
Runs = tuple[Numbers, tuple[tuple[Numbers, ...], ...]]
ROUNDS = 6  # on one log, at most: a loop without bounds has more


class Endless(Exception):
    """A log of rounds grows on and on."""


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
        by_flag = {v.index: v.name for v in system.variables if v.name.endswith(TO_UNDO)}
        at = {i: self.places.index(n.removesuffix(TO_UNDO)) for i, n in by_flag.items()}
        of, self.moves = _logs(system, at) if found else ({}, {})
        self.stacks = tuple(of.items())

    @property
    def none(self) -> Runs:
        return (0,) * len(self.places), ((),) * len(self.stacks)

    def said(self, rule: Rule, token: str, runs: Runs) -> tuple[str, Runs]:
        """What a token's step says of the run that it is of, and the numbers after it."""
        if token not in self.numbered:
            return "", runs
        numbers, logs = runs
        at = self.places.index(rule.activity) if rule.activity in self.places else None
        if rule.name.startswith(f"{token}: undo "):
            assert at is not None and numbers[at]
            return f"{OF_RUN} {numbers[at]}", runs
        if not rule.name.startswith(f"{token}: start "):
            return "", runs
        taken = {n for i, n in enumerate(numbers) if self.names[i] == token and i != at}
        for (_, of), log in zip(self.stacks, logs, strict=True):
            for record in log:
                taken |= {n for i, n in zip(of, record, strict=True) if self.names[i] == token}
        number = next(n for n in range(1, len(taken) + 2) if n not in taken)
        if at is not None:
            numbers = (*numbers[:at], number, *numbers[at + 1 :])
        return f", run {number}", (numbers, logs)

    def after(
        self, runs: Runs, rule: Rule, before: Values, then: Values, running: frozenset[Where]
    ) -> Runs:
        """After a step: a round has gone to its log, or come back from it; and without runs that
        are over and have nothing to undo.  Raises Endless."""
        numbers, logs = list(runs[0]), list(runs[1])
        for k, (log, of) in enumerate(self.stacks):
            match self.moves.get((rule.index, log)):
                case None:
                    pass
                case Op.PUSH:
                    record = tuple(numbers[i] if before[self.flags[i]] else 0 for i in of)
                    logs[k] = (*logs[k], record)
                    if len(logs[k]) > ROUNDS:
                        raise Endless
                case Op.POP:
                    for i, n in zip(of, logs[k][-1], strict=True):
                        numbers[i] = n
                        assert bool(n) == then[self.flags[i]]
                    logs[k] = logs[k][:-1]
                case _:
                    logs[k] = ()
        left = zip(numbers, self.flags, self.around, strict=True)
        return tuple(n if n and (then[f] or w in running) else 0 for n, f, w in left), tuple(logs)


def _logs(
    system: TransitionSystem, places: Mapping[int, int]
) -> tuple[dict[int, tuple[int, ...]], dict[tuple[int, int], Op]]:
    """The logs of rounds, by variable: the places that a record keeps, in its order; and what
    rules do to which.  `places`: by the variable of their flag."""
    logs = {v.index for v in system.variables if v.sort is Sort.STACK}
    of: dict[int, tuple[int, ...]] = dict.fromkeys(logs, ())
    moves: dict[tuple[int, int], Op] = {}
    for rule in system.rules:
        for log, value in rule.updates:
            if log not in logs:
                continue
            moves[rule.index, log] = value.op
            kept: list[int] = []
            while value.op is Op.PUSH:
                value, item = value.args
                kept.append(item.index)
            if kept:
                of[log] = tuple(places[i] for i in reversed(kept) if i in places)
            elif value.op is not Op.CONST and value.op is not Op.POP:
                raise Endless
    return of, moves


def in_sagas(system: TransitionSystem, token: str) -> frozenset[bool]:
    """Whether calls of a token stand in a saga: of none, of all, or of some."""
    calls = (r for r in system.rules if r.name.startswith(f"{token}: "))
    return frozenset(r.activity.endswith(IN_SAGA) for r in calls)
