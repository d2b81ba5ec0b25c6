"""`deterministic`, `timing_independent` with placements left open: of the spec without them.

Every run is one of the spec whose activities are placed nowhere (`semantics.lower.anywhere`), but
for claims, which only put steps off.  So where the arguments of `independence` and of `parts` apply
to that spec they apply to this one: they ask of claims no more than that nobody is stuck and that
no choice depends on them, and the pool in place of all environments is waited for wherever one of
theirs may be.
"""

from __future__ import annotations

from ...dsl import ast
from ...semantics.lower import lower
from ...semantics.lower.anywhere import placed_anywhere
from ..session import Session
from ..verdict import Proved, Verdict
from . import parts
from .independence import obstacle

HOW = "where an activity is placed changes neither its answers nor any data, but for claims: "
COMMUTE = "without placements steps commute, so every schedule ends alike"


def without_placements(session: Session, spec: ast.Spec | None) -> Session | None:
    """Of the spec without placements; None where none is left open."""
    loose = None if spec is None else placed_anywhere(spec)
    return None if loose is None else session.of(lower(loose, room=session.system.room))


def anywhere(session: Session, deadlock: Verdict, timeouts: bool) -> Proved | None:
    """That all complete runs of one environment end alike; None: not known, or nothing is left
    open."""
    own = without_placements(session, session.spec)
    if own is None:
        return None
    if session.may("structure") and not obstacle(own, deadlock, timeouts):
        return Proved("structure", HOW + COMMUTE)
    if not session.may("search"):
        return None
    found = parts.alike(own, deadlock, timeouts)
    return None if found is None else Proved(found.engine, HOW + found.how, found.figure)
