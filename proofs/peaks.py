"""How much of a resource can be in use at once, from the tree of threads."""

from __future__ import annotations

from ..semantics.evidence import Facts, Peaks
from ..semantics.expr import Expr, Op
from ..semantics.system import Obligation, TransitionSystem, VarKind
from .facts import Prover, Wrong
from .shapes import QUIET


def most(system: TransitionSystem, e: Expr) -> int:
    """An upper bound of an amount that is never changed and has a type with bounds."""
    if e.op is Op.CONST and isinstance(e.value, int):
        return e.value
    if e.op is Op.VAR:
        v = system.variables[e.index]
        fixed = v.kind in (VarKind.ARG, VarKind.PARAM)
        if fixed and v.init is None and v.hi is not None:
            if not any(v.index == w for r in system.rules for w, _ in r.updates):
                return v.hi
        if fixed and v.init is not None and v.init.op is Op.CONST:
            return most(system, v.init)
    raise Wrong("an amount has no bound")


def peaks(prover: Prover, evidence: Peaks, goal: Obligation) -> None:
    """`used <= capacity`: local inequalities, bottom-up, and the sum over the roots.

    What is in use is the sum of what threads hold (`linking`); a thread that is not at rest has
    its parent at its fork (`quiet`), and at rest it holds nothing.  So a thread and all below it
    hold at most the largest, over its points, of what it holds there and what its branches can.
    """
    system = prover.model.system
    name = system.variables[evidence.used].name
    if evidence.shape not in ("quiet", "fresh"):
        raise Wrong("peaks rest on `quiet` or on `fresh`, which is stronger")
    shapes = (evidence.shape, f"linking {name}")
    if not prover.tree.shows(shapes):
        prover.established(Facts((), shapes))
    best = dict(evidence.peaks)
    if any(p < 0 for p in best.values()):
        raise Wrong("a negative peak")
    held: dict[tuple[int, int], int] = {}  # by thread and point, where it is not nothing
    for v, points in prover.tree.holders.get(evidence.used, {}).items():
        t = prover.tree.thread[v]
        for p, amounts in points.items():
            held[t.id, p] = sum(most(system, a) for a in amounts)
            if t.points[p].kind in QUIET:
                raise Wrong(f"{t.name} holds something at rest")
    for t in system.threads:
        if t.parent is not None and t.fork is not None and t.id in best:
            here = t.parent, t.fork
            held[here] = held.get(here, 0) + best[t.id]
    for (t_id, _), amount in held.items():
        if amount > best.get(t_id, 0):
            raise Wrong(f"the peak of {system.threads[t_id].name} is larger")
    total = sum(best.get(t.id, 0) for t in system.threads if t.parent is None)
    match goal.cond.op, goal.cond.args:
        case Op.LE, (Expr(op=Op.VAR, value=used), Expr(op=Op.CONST, value=int(room))):
            if used == evidence.used and goal.rule is None and not goal.every_step:
                if total <= room:
                    return
                raise Wrong(f"{total} may be in use at once")
    raise Wrong("the claim is no bound on this resource")
