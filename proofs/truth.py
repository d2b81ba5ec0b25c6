"""What truth values alone decide, whatever the conditions inside are: no solver is asked.

All values of a few conditions are a table with a row for each; a column of it is one number, with
a bit for each row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from ..semantics.expr import FALSE, TRUE, Expr, Op, not_, or_
from ..semantics.walks import fold
from .near import leaves

MOST = 12  # conditions, so 4096 rows


def decided(key: Callable[[Expr], int], premises: Sequence[Expr], goal: Expr) -> bool | None:
    """Do the premises imply the goal?  None: that depends on what is compared.

    Conditions that are written alike (`key`) have one value; the others are taken to be free.
    """
    whole = or_(goal, *map(not_, premises))
    atoms: dict[int, int] = {}  # by key: the column
    inside: list[Expr] = []
    stack, seen = [whole], {id(TRUE), id(FALSE)}
    while stack:
        e = stack.pop()
        if id(e) not in seen:
            seen.add(id(e))
            if e.op in (Op.NOT, Op.AND, Op.OR):
                stack += e.args
            else:
                inside.append(e)
                if atoms.setdefault(key(e), len(atoms)) >= MOST:
                    return None
    every = (1 << (1 << len(atoms))) - 1
    table = {id(e): every // ((1 << (1 << atoms[key(e)])) + 1) for e in inside}
    table |= {id(TRUE): every, id(FALSE): 0}

    def build(e: Expr, args: Sequence[int]) -> int:
        if e.op is Op.NOT:
            return every ^ args[0]
        join, start = (int.__and__, every) if e.op is Op.AND else (int.__or__, 0)
        return reduce(join, args, start)

    if fold(whole, build, table) == every:
        return True
    # Conditions that compare one variable each, and each another, may indeed have any values.
    parts = [leaves([e]) for e in {key(e): e for e in inside}.values()]
    plain = all(len(p) == 1 for p in parts) and not any(a.args for e in inside for a in e.args)
    return False if plain and len(set().union(*parts)) == len(parts) else None
