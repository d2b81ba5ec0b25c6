"""What is held at two places, compared."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..expr import Expr, Op, add, const, sub
from ..walks import substitute, variables
from .builder import Holds, Update


def gained(
    held: Holds, then: Holds, updates: dict[int, Expr], lost: Collection[int]
) -> dict[int, Expr]:
    """By resource, how much more is held after a step.

    Read afterwards: a claim may take its amount with this step, and a lease may be `lost` with it.
    """
    if not held and not then:
        return {}
    before, after = _split(held, then, lost)
    return difference([(used, _after(amount, updates)) for used, amount in after], before)


def _after(amount: Expr, updates: dict[int, Expr]) -> Expr:
    if amount.op is Op.CONST:
        return amount
    return substitute(amount, lambda x: updates.get(x.index, x) if x.op is Op.VAR else x)


def _split(
    a: Holds, b: Holds, lost: Collection[int] = ()
) -> tuple[list[tuple[int, Expr]], list[tuple[int, Expr]]]:
    """Two lists of claims without what is in both: held before and after alike.  (Not so where it
    depends on what is `lost`.)"""
    rest = list(b)
    out = []
    for used, amount in a:
        for i, (other, same) in enumerate(rest):
            if other == used and same is amount and not (lost and variables([amount]) & {*lost}):
                del rest[i]
                break
        else:
            out.append((used, amount))
    return out, rest


def difference(a: Sequence[Update], b: Sequence[Update]) -> dict[int, Expr]:
    """By resource, how much more `a` holds than `b`; without what is surely nothing."""
    a, b = _split(tuple(a), tuple(b))
    plus, minus = total(tuple(a)), total(tuple(b))
    out = {}
    for used in {**plus, **minus}:
        amount = sub(plus.get(used, const(0)), minus.get(used, const(0)))
        if amount.op is not Op.CONST or amount.value != 0:
            out[used] = amount
    return out


def total(holds: Holds) -> dict[int, Expr]:
    out: dict[int, Expr] = {}
    for used, amount in holds:
        out[used] = add(out[used], amount) if used in out else amount
    return out
