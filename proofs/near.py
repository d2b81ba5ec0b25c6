"""Which premises a question needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..semantics.expr import Expr, Op
from ..semantics.walks import postorder


def about(premises: Sequence[Expr], goal: Expr) -> list[Expr]:
    """The premises that share variables with the goal, or with one another of these: mostly they
    are enough, and such questions are alike more often."""
    left = [(p, leaves([p])) for p in premises]
    known, size = leaves([goal]), -1
    near: set[int] = set()
    while size < len(near):
        size = len(near)
        for k, (_, mine) in enumerate(left):
            if k not in near and mine & known:
                near.add(k)
                known |= mine
    return [p for k, p in enumerate(premises) if k in near]


def leaves(terms: Iterable[Expr]) -> set[tuple[Op, int]]:
    """What terms speak of."""
    return {(n.op, n.index) for n in postorder(terms) if not n.args and n.op is not Op.CONST}
