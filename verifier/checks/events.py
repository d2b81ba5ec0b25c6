"""`atomicity`: every step is all or nothing: the fold of its events equals its updates."""

from __future__ import annotations

from ...semantics.events import fold_updates
from ...semantics.expr import Expr, Op, and_, eq, not_, or_, same, var
from ...semantics.system import Rule, TransitionSystem
from ..session import InternalError, Session
from ..verdict import Proved, Unknown, Verdict


def atomicity(session: Session) -> Verdict:
    """Rule by rule, syntactically where the terms are shared, otherwise by the solver."""
    system = session.system
    for rule in system.rules:
        folded = fold_updates(rule)
        updates = dict(rule.updates)
        for v in {*folded, *updates}:
            sort = system.variables[v].sort
            left = folded.get(v, var(v, sort))
            right = updates.get(v, var(v, sort))
            if not _equal(left, right) and not _valid(rule, left, right):
                raise InternalError(
                    f"the events of `{rule.name}` do not rebuild {system.variables[v].name}"
                )
    return Proved(
        "structure",
        "for every rule, applying its events one by one to the state before gives exactly the "
        "state after: a log cut between two steps is always a state of the run",
        f"{len(system.rules)} rules",
    )


def _equal(a: Expr, b: Expr) -> bool:
    if same(a, b):
        return True
    if a.op is not b.op or a.value != b.value or len(a.args) != len(b.args):
        return _linear(a, b)
    return all(_equal(x, y) for x, y in zip(a.args, b.args, strict=True)) or _linear(a, b)


def _linear(a: Expr, b: Expr) -> bool:
    """Sums with the same parts, in whatever order and however negated."""
    if Op.ADD not in (a.op, b.op):
        return False
    return _parts(a) == _parts(b)


def _parts(e: Expr) -> tuple[dict[object, int], object]:
    counts: dict[object, int] = {}
    total: object = 0
    stack = [(e, 1)]
    while stack:
        x, sign = stack.pop()
        if x.op is Op.ADD:
            stack.extend((arg, sign) for arg in x.args)
        elif x.op is Op.NEG:
            stack.append((x.args[0], -sign))
        elif x.op is Op.CONST:
            total = total + sign * x.value  # type: ignore[operator]
        else:
            key = (x.op, x.value) if not x.args else id(x)
            counts[key] = counts.get(key, 0) + sign
    return {k: n for k, n in counts.items() if n}, total


def _valid(rule: Rule, left: Expr, right: Expr) -> bool:
    from ...semantics.symbolic import is_valid

    return is_valid(or_(not_(and_(rule.guard, rule.relation)), eq(left, right)))


__all__ = ["TransitionSystem", "Unknown", "atomicity"]
