"""Internal steps that are taken at once: where exactly one step is possible and it is internal, the
state before it and the one behind it are branching bisimilar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

from ...semantics.expr import FALSE, TRUE, Expr, Op, and_, not_, or_
from ...semantics.symbolic import is_valid
from ...semantics.walks import substitute
from .symbolic import Move, Moves, Place

MILLISECONDS = 500
MOST = 20  # internal steps behind one move


class Settled(Moves):
    """The same system up to branching bisimulation: its steps lead to where there is a choice, or
    something to see.  (Where it begins it is left as it is.)"""

    def moves(self, place: Place) -> list[Move]:
        """Raises OutOfReach."""
        return [n for m in super().moves(place) for n in self._on(m, MOST)]

    def _on(self, m: Move, left: int) -> list[Move]:
        silent = self.silent(m.target)
        if not silent or not left:
            return [m]
        out: list[Move] = []
        for then in silent:
            cond = and_(m.cond, _put(then.cond, m.updates))
            if cond is FALSE:
                continue
            updates = {**m.updates, **{v: _put(e, m.updates) for v, e in then.updates.items()}}
            out += self._on(replace(m, cond=cond, target=then.target, updates=updates), left - 1)
        return out

    def silent(self, place: Place) -> list[Move]:
        """The moves there, if in each state exactly one is possible and is internal."""
        known = self._settling.get(place)
        if known is None:
            moves = super().moves(place)
            good = bool(moves) and all(not m.seen and not m.inputs for m in moves)
            good = good and all(
                _surely(not_(and_(a.cond, b.cond))) for a, b in combinations(moves, 2)
            )
            good = good and _surely(or_(*(m.cond for m in moves)))
            known = self._settling[place] = moves if good else []
        return known


def _surely(cond: Expr) -> bool:
    return cond is TRUE or is_valid(cond, MILLISECONDS)


def _put(term: Expr, values: Mapping[int, Expr]) -> Expr:
    return substitute(term, lambda n: values.get(n.index, n) if n.op is Op.VAR else n)
