"""What activities that are cut off while they run may leave behind, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..expr import Expr, Op, ite, substitute, var, variables
from .builder import ForkDraft, PointDraft, ThreadDraft
from .refusals import not_supported


@dataclass(eq=False, slots=True)
class Cut:
    """The effects of several points that are left in one step, in terms of the state before it.

    `own`: what the step does besides, which comes first.  `values`: by variable, with what is
    done there besides.  Refused where the order of two effects would matter.
    """

    own: Mapping[int, Expr]
    values: dict[int, Expr] = field(default_factory=dict)
    seen: list[tuple[ThreadDraft, PointDraft]] = field(default_factory=list)

    def off(self, when: Expr, thread: ThreadDraft, p: PointDraft) -> None:
        """A thread that stands at `p` leaves it, under a condition."""
        if not p.cut:
            return
        others = [x for t, x in self.seen if _beside(t, thread) and not _apart(x.cut, p.cut)]
        if others or not _apart(self.own, p.cut):
            names = " and ".join(f"`{x.activity}`" for x in (*others[:1], p))
            raise not_supported(f"cutting off {names} where the order of effects matters", p.span)
        self.seen.append((thread, p))
        before = {**{i: self.own[i] for i in p.cut if i in self.own}, **self.values}
        for index, value in p.cut.items():
            old = before.get(index, var(index, value.sort))
            new = substitute(value, lambda x: before.get(x.index, x) if x.op is Op.VAR else x)
            self.values[index] = ite(when, new, old)


def _beside(a: ThreadDraft, b: ThreadDraft) -> bool:
    """May both be running something at once?  Branches of one fork may, and what is below them."""
    forks: dict[int, ForkDraft] = {}  # around `a`, by the thread that forks
    at = a
    while at.fork is not None:
        forks[at.fork.host.id] = at.fork
        at = at.fork.host
    if at is b or b.id in forks:
        return False
    at = b
    while at.fork is not None:
        if at.fork.host is a:
            return False
        if at.fork.host.id in forks:
            return forks[at.fork.host.id] is at.fork
        at = at.fork.host
    return a is not b


def _apart(a: Mapping[int, Expr], b: Mapping[int, Expr]) -> bool:
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
