"""What a ranking function is made of: data that a loop changes, and the distances in its tests."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction

from ...semantics.expr import (
    NUMBERS,
    Expr,
    Op,
    Sort,
    const,
    eq,
    ite,
    lt,
    mul,
    neg,
    sub,
    to_real,
    var,
)
from ...semantics.system import Loop, TransitionSystem, VarKind
from ...semantics.walks import postorder, substitute, variables

MOST_FEATURES = 16


def features(system: TransitionSystem, loop: Loop, heads: Collection[int]) -> list[Expr]:
    """Distances in the loop's tests, cut off at 0 and not, and the numbers that it changes.

    `heads` are the points inside the loop at which its test is taken: from outside it may read
    other values.
    """
    location = system.threads[loop.thread].location
    tests = [placed(loop.cond, location, p) for p in sorted(heads)]
    tests += [loop.cond, *(system.rules[i].guard for i in loop.rules)]
    distances: list[Expr] = []
    if loop.decreases is not None:
        distances.append(loop.decreases)
    for n in postorder(tests):
        if n.op in (Op.LE, Op.LT, Op.EQ) and n.args[0].sort in NUMBERS:
            a, b = n.args
            if all(_is_data(system, v) for v in variables([a, b])) and variables([a, b]):
                distances.append(sub(b, a))
    changed = {v for i in loop.rules for v, _ in system.rules[i].own}
    numbers = [
        var(v, system.variables[v].sort)
        for v in sorted(changed)
        if _is_data(system, v) and system.variables[v].sort in NUMBERS
    ]
    flags = [
        ite(var(v, Sort.BOOL), const(1), const(0))
        for v in sorted(changed)
        if _is_data(system, v) and system.variables[v].sort is Sort.BOOL
    ]
    shown: dict[str, Expr] = {}
    for e in [*distances, *numbers, *flags]:
        if variables([e]) & changed:
            shown.setdefault(repr(e), e)
    plain = list(shown.values())[:MOST_FEATURES]
    cut = []
    for e in [x for x in plain if x in distances][: MOST_FEATURES // 2]:
        cut += [_above(e), _above(neg(e))]
    real = any(e.sort is Sort.REAL for e in plain)
    return [to_real(e) if real else e for e in [*plain, *cut]]


def _above(e: Expr) -> Expr:
    zero = number(0, e.sort)
    return ite(lt(zero, e), e, zero)


def _is_data(system: TransitionSystem, v: int) -> bool:
    return system.variables[v].kind not in (VarKind.LOCATION, VarKind.GHOST, VarKind.USED)


def placed(e: Expr, location: int, point: int) -> Expr:
    """A term where a thread is known to be at a point."""
    here = const(point)
    return substitute(e, lambda n: here if n.op is Op.VAR and n.index == location else n)


def at_point(system: TransitionSystem, thread: int, point: int) -> Expr:
    here = var(system.threads[thread].location, Sort.INT)
    return ite(eq(here, const(point)), const(1), const(0))


def number(value: int, sort: Sort) -> Expr:
    return const(Fraction(value)) if sort is Sort.REAL else const(value)


def zero_of(terms: Sequence[Expr]) -> Expr:
    return number(0, Sort.REAL if any(t.sort is Sort.REAL for t in terms) else Sort.INT)


def scaled(c: int, x: Expr) -> Expr:
    return neg(x) if c == -1 else mul(number(c, x.sort), x)
