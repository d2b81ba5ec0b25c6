"""What the test of a loop says of the places inside of it: it holds there until the data change.

Read off the guards alone, so that it scales; whoever keeps a certificate has it checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..semantics.expr import Expr, Op, Sort, const, eq, not_, or_, var
from ..semantics.system import Loop, VarKind
from ..semantics.walks import fold, variables
from .engines.common import conjuncts
from .engines.structure import Structure

MOST_POINTS = 100_000  # of all facts together


def tests_inside(structure: Structure) -> list[Expr]:
    """For each part of each loop's test, that it holds at some points of the loop's thread."""
    out: list[Expr] = []
    left = MOST_POINTS
    for loop in structure.system.loops:
        for test in conjuncts(loop.cond):
            points = _where(structure, loop, test)
            left -= len(points)
            if points and left > 0:
                here = var(structure.system.threads[loop.thread].location, Sort.INT)
                out.append(or_(not_(or_(*(eq(here, const(p)) for p in points))), test))
    return out


def _where(structure: Structure, loop: Loop, test: Expr) -> list[int]:
    """The points that are entered only after the test, or from one another."""
    system = structure.system
    thread = system.threads[loop.thread]
    said = variables([test])
    if any(system.variables[v].kind in (VarKind.LOCATION, VarKind.USED) for v in said):
        return []
    bad = {0}
    from_: dict[int, set[int]] = {}  # without the test: to where
    memo: dict[int, frozenset[int]] = {}
    everywhere = frozenset(p.id for p in thread.points)
    key = repr(test)
    below = _below(structure, loop.thread)

    def untested(e: Expr, args: Sequence[frozenset[int]]) -> frozenset[int]:
        """Where the thread may be when the term holds and the test was not made."""
        match e.op:
            case Op.EQ if e.args[0].op is Op.VAR and e.args[0].index == thread.location:
                return frozenset((int(e.args[1].value or 0),))
            case Op.EQ if e.args[0].op is Op.VAR and e.args[0].index in below and e.args[1].value:
                return frozenset((below[e.args[0].index],))
            case Op.AND if args:
                return args[0].intersection(*args[1:])
            case Op.OR if args:
                return args[0].union(*args[1:])
        return frozenset() if _is(e, test, key) else everywhere

    for rule in structure.writing(thread.location):
        target = next(e for v, e in rule.updates if v == thread.location)
        if target.op is not Op.CONST:
            return []
        to = int(target.value or 0)
        if said & {v for v, _ in rule.updates}:
            bad.add(to)
        for p in fold(rule.guard, untested, memo):
            from_.setdefault(p, set()).add(to)
    for v in said:
        for rule in structure.writing(v):
            if not any(w == thread.location for w, _ in rule.updates):
                bad |= structure.standing(rule.guard, thread)
    todo = list(bad)
    while todo:
        for q in from_.get(todo.pop(), ()):
            if q not in bad:
                bad.add(q)
                todo.append(q)
    # (Also where nobody ever is: so the tests of guards need not be looked at there.)
    return sorted(everywhere - bad) if structure.entered(thread) - bad else []


def _below(structure: Structure, thread: int) -> dict[int, int]:
    """By the location of a thread below: the fork from which it comes."""
    out: dict[int, int] = {}
    todo = [(c, fork) for fork, group in structure.forks[thread].items() for c in group]
    while todo:
        t, fork = todo.pop()
        out[t.location] = fork
        todo += ((c, fork) for group in structure.forks[t.id].values() for c in group)
    return out


def _is(e: Expr, test: Expr, key: str) -> bool:
    return e is test or (e.op is test.op and len(e.args) == len(test.args) and repr(e) == key)


def terms_of(structure: Structure) -> Iterator[Expr]:
    """What falls where a test bounds it from below."""
    from .measures import bounded

    for loop in structure.system.loops:
        for part in conjuncts(loop.cond):
            term = bounded(part)
            if term is not None:
                yield term
