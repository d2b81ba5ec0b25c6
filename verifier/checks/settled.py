"""Results that are settled from the start: no step changes what makes up the result of a run.

The result of a run is which instances completed, which failed and how, which never end, and the
observed data.  If no step writes data of it and none sets the error of an instance, and every run
ends, then all runs of an environment end alike, whatever is chosen, cut off or refused on the way.
That every run ends follows from `deadlock_free` where all loops end: it then takes finitely many
steps, and whoever is not over at its end would wait for ever.
"""

from __future__ import annotations

from collections.abc import Callable

from ...semantics.expr import FALSE
from ...semantics.system import PointKind, TransitionSystem, VarKind
from ..engines.moves import Moves
from ..engines.structure import Structure
from ..session import Session
from ..verdict import Proved, Verdict
from .loops import ends

SETTLED = (
    "no step changes what makes up the result, nothing fails, and every run ends: so all runs end "
    "alike"
)


def settled(
    session: Session, deadlock: Verdict | None, all_end: Callable[[], bool] | None = None
) -> Proved | None:
    """`all_end`: do the loops?"""
    system = session.system
    if not isinstance(deadlock, Proved) or not session.may("structure"):
        return None
    if any(g.between is not None for g in system.any_number):
        return None  # (of infinitely many one may be kept waiting by those that come)
    if not _unchanged(session.structure):
        return None
    over = all(ends(session, x) for x in system.loops) if all_end is None else all_end()
    return Proved("structure", SETTLED) if over else None


def results(system: TransitionSystem) -> set[int]:
    """Variables that make up the results of the instances, and what they share."""
    out = {v for i in system.instances for v in (*i.observed, i.error)}
    return out | {v.index for v in system.variables if v.kind is VarKind.SHARED}


def _unchanged(structure: Structure) -> bool:
    system = structure.system
    result = results(system)
    for r in system.rules:
        if r.guard is not FALSE and any(v in result for v, _ in r.updates):
            return False
    moves = Moves(structure)
    for i in system.instances:
        root = system.threads[i.root]
        if any(root.points[p].kind is PointKind.FAILED for p in moves.reached(root, [0])):
            return False
    return True


__all__ = ["results", "settled"]
