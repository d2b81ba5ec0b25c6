"""How long terms keep things busy, where claims have to wait for each other.

Steps are granted as soon as they can be.  So while a chain of activities, each of which begins when
the one before has ended, waits for units of a resource, others hold all but fewer than it asks for.
Let W be the units of a resource that all activities of the system ask for, each times how long it
runs at most, and k = capacity - asked + 1.  Then the chain waits for it W / k in all at most, less
what it asks for itself; which bounds how long it lasts (Graham 1966, for lists; Garey and Graham
1975, for resources).  And at any time somebody works, where claims cannot deadlock; so nothing
lasts longer than all work together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from ...dsl import ast
from ...dsl.records import dataclass

Amounts = Mapping[str, int]  # units asked for, by the name of the resource


class Unmeasured(Exception):
    """Nothing is known of how long this keeps others waiting."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is added up: of how long an activity runs as much as `weight` says of its claims, and of
    waits and backoffs the part `idle`.  `work`: of all branches; otherwise of the longest one.
    `blocks`: claims of blocks are looked through."""

    weight: Callable[[Amounts], Fraction]
    idle: Fraction
    work: bool
    blocks: bool = False


def plain(r: ast.Resource) -> bool:
    """Whoever asks for it waits until it is free, and is not told when it is taken back."""
    return r.on_busy == "wait" and _kept(r)


def refusing(r: ast.Resource) -> bool:
    """The same, but that a claim which would have to wait fails at once."""
    return r.on_busy == "fail" and _kept(r)


def _kept(r: ast.Resource) -> bool:
    return r.kind in ("pool", "lock") and (r.lease is None or r.silent)
