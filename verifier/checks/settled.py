"""Results that are settled from the start: no step changes what makes up the result of a run.

The result of a run is which instances completed, which failed and how, which never end, and the
observed data.  If no step writes data of it and none sets the error of an instance, and every run
ends, then all runs of an environment end alike, whatever is chosen, cut off or refused on the way.
That every run ends follows from `deadlock_free` where all loops end: it then takes finitely many
steps, and whoever is not over at its end would wait for ever.
"""

from __future__ import annotations

from collections.abc import Callable

from ...semantics.expr import FALSE, Sort, const, eq, not_, var
from ...semantics.system import Instance, Obligation, PointKind, TransitionSystem, VarKind
from ..engines.moves import Moves
from ..engines.structure import Structure
from ..session import Session
from ..verdict import Proved, Verdict
from . import otherwise
from .loops import ends
from .obligations import Claim

SHARE = 0.2  # of what is left, to see whether anybody fails
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
    if _changed(session.structure):
        return None
    failing = _failing(session.structure)
    # (Of any number of instances a few are looked at, which says nothing of the others.)
    if failing and (system.any_number or not _never(session, failing)):
        return None
    over = all(ends(session, x) for x in system.loops) if all_end is None else all_end()
    return Proved("structure", SETTLED) if over else None


def results(system: TransitionSystem) -> set[int]:
    """Variables that make up the results of the instances, and what they share."""
    out = {v for i in system.instances for v in (*i.observed, i.error)}
    return out | {v.index for v in system.variables if v.kind is VarKind.SHARED}


def _changed(structure: Structure) -> bool:
    """Whether a step changes observed data."""
    system = structure.system
    seen = results(system) - {i.error for i in system.instances}
    return any(_written(structure, v) for v in sorted(seen))


def _written(structure: Structure, v: int) -> bool:
    return any(r.guard is not FALSE for r in structure.writing(v))


def _failing(structure: Structure) -> list[Instance]:
    """Instances that may fail, as far as the moves of their threads say."""
    system = structure.system
    moves = Moves(structure)
    out = []
    for i in system.instances:
        root = system.threads[i.root]
        fails = any(root.points[p].kind is PointKind.FAILED for p in moves.reached(root, [0]))
        if fails or _written(structure, i.error):
            out.append(i)
    return out


def _never(session: Session, failing: list[Instance]) -> bool:
    """None of them ever fails."""
    system = session.system
    goals = []
    for i in failing:
        root = system.threads[i.root]
        for p in root.points:
            if p.kind is PointKind.FAILED:
                at = eq(var(root.location, Sort.INT), const(p.id))
                goals.append(Obligation("handled", i.name, not_(at), "it fails", i.span))
    with session.slot(SHARE):
        found = otherwise.decided(session, [Claim("handled", "", tuple(goals))])
    return isinstance(found[0], Proved)


__all__ = ["results", "settled"]
