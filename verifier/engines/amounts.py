"""Amounts of resources as sums: multisets of terms, so that equal ones are seen to be equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...semantics.expr import Expr, Op

Amount = Counter[object]  # multiplicities of terms; the constant part under 1


def held(holds: Sequence[tuple[int, Expr]]) -> dict[int, Amount]:
    out: dict[int, Amount] = {}
    for used, amount in holds:
        out.setdefault(used, Counter()).update(sum_of(amount))
    return {u: clean(a) for u, a in out.items()}


def sum_of(e: Expr) -> Amount:
    """A sum as a multiset of terms; what a cancelled thread held is recognised by its form."""
    out: Amount = Counter()
    stack = [(e, 1)]
    while stack:
        x, sign = stack.pop()
        if x.op is Op.ADD:
            stack.extend((a, sign) for a in x.args)
        elif x.op is Op.NEG:
            stack.append((x.args[0], -sign))
        elif x.op is Op.CONST:
            assert isinstance(x.value, int)
            out[1] += sign * x.value
        elif x.op is Op.VAR:
            out[("var", x.index)] += sign
        elif _is_place(x):
            place, amount = x.args[0], x.args[1]
            key = ("at", place.args[0].index, place.args[1].value)
            out[(*key, frozenset(clean(sum_of(amount)).items()))] += sign
        else:
            out[id(x)] += sign
    return out


def _is_place(e: Expr) -> bool:
    """`amount if location = point else 0`."""
    return (
        e.op is Op.ITE
        and e.args[0].op is Op.EQ
        and e.args[0].args[0].op is Op.VAR
        and e.args[0].args[1].op is Op.CONST
        and e.args[2].op is Op.CONST
        and e.args[2].value == 0
    )


def clean(a: Amount) -> Amount:
    return Counter({k: n for k, n in a.items() if n})
