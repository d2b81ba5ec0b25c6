"""Bisimilarity where no step leads back: from the ends on, each state and each edge once.

What a state can do is then known when all that is behind it has its class: states without steps are
one class, and so are those with the same steps into the same classes (Dovier, Piazza and Policriti
2004, "An efficient algorithm for computing bisimulation equivalence", section 4: the well-founded
part).  Partition refinement looks at such a system again for each step of its longest run.

Under branching bisimulation an internal step may stay in its class: a state belongs to the class of
one that it comes to internally if all else that it can do can be done there.  (The first state of a
class has no step that stays in it, and such steps lead to it from each other one: so what can be
done in a class is what its first state can do.)
"""

from __future__ import annotations

import gc

from .lts import TAU, Lts, adjacency
from .partition import refine


def bisimilar(lts: Lts, branching: bool) -> list[int]:
    """By state its class, numbered from 0 on.  With `branching` as in `partition.refine`, which is
    asked where there are cycles."""
    found = classes(lts, branching)
    return refine(lts, branching).block if found is None else found


def classes(lts: Lts, branching: bool) -> list[int] | None:
    """The same; None where some step leads back."""
    # Millions of sets are made, and none in a cycle: the collector would go through all of them.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _classes(lts, branching)
    finally:
        if collecting:
            gc.enable()


def _classes(lts: Lts, branching: bool) -> list[int] | None:
    n = lts.states
    out, into = adjacency(n, lts.source), adjacency(n, lts.target)
    start, before = out.start, into.start
    label = [lts.label[k] for k in out.edges]
    target = [lts.target[k] for k in out.edges]
    source = [lts.source[k] for k in into.edges]
    left = [start[s + 1] - start[s] for s in range(n)]  # steps into what has no class yet
    todo = [s for s in range(n) if not left[s]]
    of = [-1] * n
    known: dict[frozenset[int], int] = {}
    able: list[frozenset[int]] = []  # by class
    done = 0
    while todo:
        s = todo.pop()
        done += 1
        i, j = start[s], start[s + 1]
        steps = frozenset([a * n + of[t] for a, t in zip(label[i:j], target[i:j], strict=True)])
        found = None
        if branching:
            inner = {of[t] for a, t in zip(label[i:j], target[i:j], strict=True) if a == TAU}
            found = next((c for c in inner if steps - {c} <= able[c]), None)
        if found is None:
            found = known.setdefault(steps, len(able))
            if found == len(able):
                able.append(steps)
        of[s] = found
        for t in source[before[s] : before[s + 1]]:
            left[t] -= 1
            if not left[t]:
                todo.append(t)
    return of if done == n else None
