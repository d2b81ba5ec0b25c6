"""Series-parallel terms, `;` and `||` over actions, as pomsets (Gischer 1988).

Two such terms are the same pomset exactly when associativity of both, commutativity of `||` and
the unit laws make them equal (Gischer 1988, Theorem 4.3), so the normal form decides.  YES holds
under branching bisimulation and all that is coarser, whatever the activities do, and under
bisimulation where the derivation uses no unit at an end or beside `||` (`seq-skip-right`,
`par-skip`).  NO is about what is ordered before what: the runs of two different pomsets may still
end alike, when activities commute.
"""

from __future__ import annotations

from ....dsl.records import dataclass
from .normal import Derivation, Normaliser
from .store import Op, Store

_OPS = frozenset((Op.SKIP, Op.ACT, Op.SEQ, Op.PAR))
_LAWS = ("seq-assoc", "seq-skip-left", "seq-skip-right", "par-assoc", "par-skip", "par-comm")


@dataclass(frozen=True, slots=True)
class Apart:
    """The smallest parts that differ, in place of one another, as text."""

    left: str
    right: str


def series_parallel(store: Store, *roots: int) -> bool:
    return all(store.op[t] in _OPS for t in store.below(*roots))


def compare(store: Store, left: int, right: int) -> Derivation | Apart:
    """Whether two series-parallel terms are one pomset."""
    n = Normaliser(store, _LAWS)
    a, b = n.of(left), n.of(right)
    if a == b:
        return Derivation(left, right, a, tuple(n.steps))
    return Apart(*(store.show(t) for t in _apart(store, a, b)))


def _apart(s: Store, a: int, b: int) -> tuple[int, int]:
    """Down to where two normal forms differ in one place only."""
    while s.op[a] is s.op[b] and s.op[a] in (Op.SEQ, Op.PAR):
        x, y = list(s.kids[a]), list(s.kids[b])
        if s.op[a] is Op.PAR:
            common = set(x) & set(y)
            x = [k for k in x if k not in common]
            y = [k for k in y if k not in common]
            differ = list(zip(x, y, strict=True)) if len(x) == len(y) else []
        else:
            differ = [(k, m) for k, m in zip(x, y, strict=False) if k != m]
            differ = differ if len(x) == len(y) else []
        if len(differ) != 1:
            break
        a, b = differ[0]
    return a, b
