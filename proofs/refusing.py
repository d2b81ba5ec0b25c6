"""What the negation of a condition would mean, followed from fact to fact."""

from __future__ import annotations

from collections.abc import Set

from ..semantics.expr import FALSE, Expr, not_
from .reading import pinned, settled, split
from .shapes import Known


def refuses(cond: Expr, known: Known, locations: Set[int]) -> bool:
    """Where the condition is false, what that fixes, and what the facts say then, and so on,
    contradicts itself: without a solver, in the size of the facts."""
    cases = split(not_(cond), locations)
    return all(_absurd(parts, known) for parts in cases)


def _absurd(supposed: list[Expr], known: Known) -> bool:
    pins = pinned(supposed)
    todo = list(pins)
    while todo:
        for k in known.index.all.get(todo.pop(), ()):
            if k in known.sums:
                continue
            said = settled(known.facts[k], pins)
            if said is FALSE:
                return True
            for v, e in pinned([said]).items():
                pins[v] = e
                todo.append(v)
    sums = (known.facts[k] for k in known.sums)
    for v, e in pinned(settled(f, pins) for f in sums).items():
        pins.setdefault(v, e)
    return any(settled(e, pins) is FALSE for e in supposed)
