"""What the rules show without a question: that a number stays below a bound, and what is said of a
place, that a condition holds while a thread is at some points."""

from __future__ import annotations

from collections.abc import Sequence

from ..semantics.expr import Expr, Op
from ..semantics.walks import fold, variables
from .bounded import bounded
from .tree import Places, Tree


def stays(tree: Tree, fact: Expr) -> bool:
    """Whether the rules show by themselves that a fact always holds."""
    return bounded(tree, fact) or _at_points(tree, fact)


def _at_points(tree: Tree, fact: Expr) -> bool:
    """Whether a fact says of a thread that something holds while it is at some points, and
    every step that brings it there finds it so, or it was there before."""
    parts = fact.args if fact.op is Op.OR else ()
    here = [p for p in parts if p.op is Op.NOT and _exactly(tree, p.args[0])]
    if len(here) != 1 or not tree.steady:
        return False
    ((v, points),) = _exactly(tree, here[0].args[0]).items()
    claims = {tree.key(p) for p in parts if p is not here[0]}
    said = variables(p for p in parts if p is not here[0])
    if 0 in points or said & tree.points.keys():
        return False
    memo: dict[int, bool] = {}
    rules = {r.index: r for x in (v, *said) for r in tree.writing.get(x, ())}
    for rule in rules.values():
        before, own = tree.before[rule.index], tree.sent[rule.index]
        if before is None or (own is not None and v in own and own[v] not in points):
            continue  # it is never taken, or leads elsewhere
        gone = tree.cancelled(rule.bundle)
        assert own is not None and gone is not None
        old = before.get(v) or tree.resting(v, before) or tree.points[v]
        new = {own[v]} if v in own else {gone[v]} if v in gone else old
        if not points & new:
            continue
        if said & {w for w, _ in rule.updates}:
            return False
        if not old <= points and not _says(tree, rule.guard, claims, v, points, memo):
            return False
    return True


def _exactly(tree: Tree, e: Expr) -> Places:
    """The points of the one thread, if the term says that it is at one of them, and no more."""
    out: dict[int, frozenset[int]] = {}
    for p in e.args if e.op is Op.OR else (e,):
        here = tree._place(p, ()) if p.op is Op.EQ else None
        if not here:
            return {}
        for v, points in here.items():
            out[v] = out.get(v, frozenset()) | points
    return out if len(out) == 1 else {}


def _says(
    tree: Tree, guard: Expr, claims: set[int], v: int, points: frozenset[int], memo: dict[int, bool]
) -> bool:
    """Whether one of the claims holds whenever the guard does, if they hold at the points."""

    def build(e: Expr, args: Sequence[bool]) -> bool:
        if tree.key(e) in claims:
            return True
        match e.op:
            case Op.AND:
                return any(args)
            case Op.OR:
                return bool(args) and all(args)
            case Op.EQ:
                at = tree.above(tree.where(e))
                return at is None or (v in at and at[v] <= points)
        return False

    return fold(guard, build, memo)
