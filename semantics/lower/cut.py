"""What activities that are cut off while they run may leave behind, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..expr import Expr, Op, ite, substitute, var, variables
from .builder import PointDraft
from .refusals import not_supported


@dataclass(eq=False, slots=True)
class Cut:
    """The effects of several points that are left at once, in terms of the state before.

    `values`: by variable.  Refused where the order of two of them would matter.
    """

    values: dict[int, Expr] = field(default_factory=dict)
    seen: list[PointDraft] = field(default_factory=list)

    def off(self, when: Expr, p: PointDraft) -> None:
        """A thread that stands at `p` leaves it, under a condition."""
        if not p.cut:
            return
        for other in self.seen:
            if other is not p and not _apart(other.cut, p.cut):
                names = f"`{other.activity}` and `{p.activity}`"
                raise not_supported(f"cutting off {names} at once, which change the same", p.span)
        self.seen.append(p)
        before = dict(self.values)
        for index, value in p.cut.items():
            old = before.get(index, var(index, value.sort))
            new = substitute(value, lambda x: before.get(x.index, x) if x.op is Op.VAR else x)
            self.values[index] = ite(when, new, old)


def _apart(a: dict[int, Expr], b: dict[int, Expr]) -> bool:
    """Does the order of two effects not matter, by what they touch?"""
    for mine, other in ((a, b), (b, a)):
        for index, value in mine.items():
            looks = variables([value]) - ({index} if _adds(index, value) else set())
            if looks & other.keys() - {index}:
                return False
            if index in other and not (_adds(index, value) and _adds(index, other[index])):
                return False
    return True


def _adds(index: int, value: Expr) -> bool:
    """`x`, or `x + e` where `e` does not read `x`, perhaps under conditions that do not either."""
    if value.op is Op.VAR:
        return value.index == index
    if value.op is Op.ITE:
        cond, then, other = value.args
        apart = index not in variables([cond])
        return apart and _adds(index, then) and _adds(index, other)
    if value.op is not Op.ADD:
        return False
    own = [x for x in value.args if x.op is Op.VAR and x.index == index]
    rest = [x for x in value.args if not (x.op is Op.VAR and x.index == index)]
    return len(own) == 1 and index not in variables(rest)
