"""What is said of a number: that it is at most a constant, where every step shows so by itself."""

from __future__ import annotations

from ..semantics.expr import Expr, Op
from ..semantics.system import Rule
from .reading import conjuncts
from .sums import sum_of
from .tree import Tree


def bounded(tree: Tree, fact: Expr) -> bool:
    """Whether a fact says `x <= c` of an integer that begins so, and every step that adds to it
    has in its guard that there is room for that much."""
    match fact.op, fact.args:
        case Op.LE, (Expr(op=Op.VAR, value=int(v)), Expr(op=Op.CONST, value=int(most))):
            first = tree.system.variables[v].init
            if first is None or first.op is not Op.CONST or not isinstance(first.value, int):
                return False
            rules = tree.writing.get(v, ())
            return first.value <= most and all(_room(r, v, most) for r in rules)
    return False


def _room(rule: Rule, v: int, most: int) -> bool:
    for w, e in rule.updates:
        if w == v:
            more = grown(e, v)
            if more is None or (more > 0 and not _guarded(rule, v, most - more)):
                return False
    return True


def _guarded(rule: Rule, v: int, most: int) -> bool:
    """Does the guard say `x <= most`, or more?"""
    for p in conjuncts(rule.guard):
        match p.op, p.args:
            case Op.LE, (side, Expr(op=Op.CONST, value=int(room))):
                units = grown(side, v, exact=True)
                if units is not None and room - units <= most:
                    return True
    return False


def grown(e: Expr, v: int, exact: bool = False) -> int | None:
    """`e` is `x` and a constant; or, not `exact`, at most that."""
    own = total = 0
    for sign, part in sum_of(e, 1):
        match part.op, part.args:
            case Op.CONST, _ if isinstance(part.value, int):
                total += sign * part.value
            case Op.VAR, _ if part.value == v and sign == 1:
                own += 1
            case Op.ITE, (_, Expr(op=Op.CONST, value=int(a)), Expr(op=Op.CONST, value=int(b))):
                if exact:
                    return None
                total += max(sign * a, sign * b)
            case _:
                return None
    return total if own == 1 else None
