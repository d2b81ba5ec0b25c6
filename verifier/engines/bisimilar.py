"""States of a tracked system from which the same can be seen: the coarsest bisimulation.

What is left behind and never looked at again, as an error that was caught, tells states apart and
changes nothing.  Two states are alike if they allow the same steps, to states that are alike, and
if nothing can be taken, show the same results (Kanellakis and Smolka 1990, by signatures).  They
hold the same values of what data in transit are computed from, so that these are alike as well.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable

from ...semantics.walks import variables
from .tracked import State, Tracked, observed


def merge(tracked: Tracked, seconds: float) -> bool:
    """From now on, each step of `tracked` leads to one state that stands for all that are like it.

    Assumptions are not looked at.  False: it was not done within that time.
    """
    until = time.monotonic() + seconds
    states = list(_reached(tracked, until))
    told = sorted(_told(tracked))
    enabled = {
        s: (tuple(s[k] for k in told), frozenset(r.index for r in tracked.delayed(s)))
        for s in states
    }
    ends = {s: _result(tracked, s) for s in states if not tracked.moves(s)}
    classes = _numbered((s, (enabled[s], ends.get(s))) for s in states)
    count = 0
    while count != (now := len(set(classes.values()))):
        if time.monotonic() > until:
            return False
        count = now
        classes = _numbered((s, (classes[s], _steps(tracked, s, classes))) for s in states)
    if not states:
        return False
    chosen: dict[int, State] = {}
    for s in states:
        chosen.setdefault(classes[s], s)
    tracked.lead({s: chosen[classes[s]] for s in states})
    return True


def _told(tracked: Tracked) -> set[int]:
    """Where a state says what data in transit are computed from, or how long something takes."""
    read: set[int] = set()
    for rule in tracked.rules:
        read |= tracked.touches[rule.index].reads
        if rule.delay is not None:
            read |= variables([e for e in (rule.delay.lo, rule.delay.hi) if e is not None])
    return {tracked.slots[v] for v in read if v in tracked.slots}


def _steps(tracked: Tracked, state: State, classes: dict[State, int]) -> object:
    return frozenset((m.key, m.rule.index, classes[m.target]) for m in tracked.moves(state))


def _result(tracked: Tracked, state: State) -> object:
    """What can be observed of a run that stops here."""
    view = tracked.view(state)
    ends = []
    for i in tracked.system.instances:
        at = view[tracked.system.threads[i.root].location]
        ends.append(at if at in (i.completed, i.failed) else -1)
    return tuple(ends), tuple(
        view[v] for v in sorted(observed(tracked.system)) if v in tracked.slots
    )


def _reached(tracked: Tracked, until: float) -> Collection[State]:
    seen = dict.fromkeys(tracked.initial())
    todo = list(seen)
    while todo and time.monotonic() < until:
        for move in tracked.moves(todo.pop()):
            if move.target not in seen:
                seen[move.target] = None
                todo.append(move.target)
    return seen if not todo else {}


def _numbered(keys: Iterable[tuple[State, object]]) -> dict[State, int]:
    numbers: dict[object, int] = {}
    return {state: numbers.setdefault(key, len(numbers)) for state, key in keys}


__all__ = ["merge"]
