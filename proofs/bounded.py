"""What is said of a number: that it is at most a constant, where every step shows so by itself."""

from __future__ import annotations

from collections.abc import Iterator

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
            room = _Room(v, most)
            return first.value <= most and all(map(room.kept, tree.writing.get(v, ())))
    return False


class _Room:
    """Below a bound; the terms of rules stay, and many rules share them."""

    def __init__(self, v: int, most: int) -> None:
        self.v, self.most = v, most
        self.more: dict[int, int | None] = {}  # by identity: by how much it grows at most
        self.most_before: dict[int, int | None] = {}  # what a condition says it is at most

    def kept(self, rule: Rule) -> bool:
        for w, e in rule.updates:
            if w == self.v:
                if id(e) not in self.more:
                    self.more[id(e)] = grown(e, w)
                more = self.more[id(e)]
                if more is None or (more > 0 and not self._guarded(rule, self.most - more)):
                    return False
        return True

    def _guarded(self, rule: Rule, most: int) -> bool:
        """Does the guard say `x <= most`, or more?"""
        for p in _parts(rule.guard):
            if p.op is not Op.LE:  # (one that is stays: nothing is made anew but negations)
                continue
            if id(p) not in self.most_before:
                self.most_before[id(p)] = self._says(p)
            before = self.most_before[id(p)]
            if before is not None and before <= most:
                return True
        return False

    def _says(self, part: Expr) -> int | None:
        match part.args:
            case side, Expr(op=Op.CONST, value=int(room)):
                units = grown(side, self.v, exact=True)
                return None if units is None else room - units
        return None


def _parts(guard: Expr) -> Iterator[Expr]:
    """Of a conjunction, those on top first: mostly one of them says so."""
    if guard.op is Op.AND:
        yield from guard.args
    yield from conjuncts(guard)


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
