"""Partitions of the states of two workflows: what one state of a class can do, all can.

van Glabbeek and Weijland 1996 (branching bisimulation), van Glabbeek, Luttik and Trcka 2009 (with
explicit divergence).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..semantics.claimed import UNDER
from ..semantics.observing import INTERNAL
from .behaviour import Edges, Starts
from .facts import Wrong


def bisimilar(
    left: Edges, right: Edges, classes: Sequence[int], starts: Starts, under: str
) -> None:
    """The partition is a bisimulation in which both begin alike: strong under `bisimulation`,
    else branching, rooted and with explicit divergence."""
    shift = len(left)
    steps = [[(a.text, t) for a, t in edges] for edges in left]
    steps += [[(a.text, t + shift) for a, t in edges] for edges in right]
    if len(classes) != len(steps):
        raise Wrong("a state has no class")
    for mine, yours in starts.values():
        if {classes[s] for s in mine} != {classes[s + shift] for s in yours}:
            raise Wrong("they do not begin alike")
    signed = [{(a, classes[t]) for a, t in edges} for edges in steps]
    if under == UNDER[0]:
        _uniform(classes, signed)
        return
    inert = [
        [t for a, t in edges if a == INTERNAL and classes[t] == c]
        for c, edges in zip(classes, steps, strict=True)
    ]
    seen = [{x for x in s if x != (INTERNAL, c)} for c, s in zip(classes, signed, strict=True)]
    _uniform(classes, _reached(inert, seen))
    _uniform(classes, [{("for ever", 0)} if d else set() for d in _endless(inert)])
    for mine, yours in (starts[n] for n in starts if not n):
        # Else the arguments are a first step of their own.
        if any(signed[s] != signed[t + shift] for s in mine for t in yours):
            raise Wrong("their first steps are not alike")


Signature = set[tuple[str, int]]


def _uniform(classes: Sequence[int], signed: Sequence[Signature]) -> None:
    known: dict[int, Signature] = {}
    for c, s in zip(classes, signed, strict=True):
        if known.setdefault(c, s) != s:
            raise Wrong("two states of one class do not the same")


def _reached(inert: Sequence[Sequence[int]], seen: Sequence[Signature]) -> list[Signature]:
    """What is seen behind steps inside of a class."""
    before: list[list[int]] = [[] for _ in inert]
    for s, targets in enumerate(inert):
        for t in targets:
            before[t].append(s)
    out = [set(s) for s in seen]
    todo = list(range(len(inert)))
    while todo:
        t = todo.pop()
        for s in before[t]:
            if not out[t] <= out[s]:
                out[s] |= out[t]
                todo.append(s)
    return out


def _endless(inert: Sequence[Sequence[int]]) -> list[bool]:
    """Who can go round inside of its class for ever: who is left when those that cannot go on are
    taken away, one after the other."""
    left = [len(targets) for targets in inert]
    before: list[list[int]] = [[] for _ in inert]
    for s, targets in enumerate(inert):
        for t in targets:
            before[t].append(s)
    todo = [s for s, n in enumerate(left) if not n]
    for t in todo:  # grows while it is gone through
        for s in before[t]:
            left[s] -= 1
            if not left[s]:
                todo.append(s)
    return [n > 0 for n in left]
