"""Suggested invariants against all reachable states."""

from __future__ import annotations

from collections.abc import Callable

import naive
from wfverify.semantics.expr import Expr
from wfverify.semantics.system import Obligation, TransitionSystem
from wfverify.semantics.words import in_words

Suggest = Callable[[TransitionSystem, Obligation], list[Expr]]


def confirmed(system: TransitionSystem, limit: int, suggest: Suggest) -> int:
    """How many suggestions there are for the goals; all hold of all reachable states."""
    graph = naive.explore(system, limit)
    count = 0
    for goal in system.obligations:
        for candidate in suggest(system, goal):
            count += 1
            wrong = next((s for s in graph.states if not naive.value(candidate, s)), None)
            assert wrong is None, f"{in_words(system, candidate)} is false of {wrong}"
    return count
