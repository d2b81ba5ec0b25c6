"""What activities that are cut off while they run may leave behind, one after the other.

Where the order of two of these effects matters, the environment says it: each attempt is asked at
its start for a number, its `turn`; a smaller one comes first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import field

from ...dsl.records import dataclass
from ...dsl.types import Int
from ..expr import TRUE, Expr, Op, Sort, and_, const, eq, inp, ite, var
from ..system import Input, VarKind
from ..walks import substitute, variables
from .builder import Builder, ForkDraft, PointDraft, ThreadDraft, Turn, below
from .repeats import only_if, typed

TURN = "turn_if_cut_off"
Place = tuple[ThreadDraft, PointDraft]


@dataclass(eq=False, slots=True)
class Cut:
    """The effects of several points that are left in one step, in terms of the state before it.

    `own`: what the step does besides, which comes first.
    """

    own: Mapping[int, Expr]
    found: list[tuple[Expr, PointDraft]] = field(default_factory=list)

    def off(self, when: Expr, p: PointDraft) -> None:
        """A thread that stands at `p` leaves it, under a condition."""
        if p.cut:
            self.found.append((when, p))

    def values(self) -> dict[int, Expr]:
        """By variable, with what is done there besides."""
        out: dict[int, Expr] = {}
        groups: dict[int, list[tuple[Expr, PointDraft]]] = {}
        for when, p in self.found:
            if p.turn is None:
                self._then(out, when, p)
            else:
                groups.setdefault(p.turn.group, []).append((when, p))
        for group in groups.values():
            most = max(p.turn.most for _, p in group if p.turn is not None)
            for number in range(most):
                for when, p in group:
                    assert p.turn is not None
                    self._then(out, and_(when, eq(p.turn.number, const(number))), p)
        return out

    def _then(self, out: dict[int, Expr], when: Expr, p: PointDraft) -> None:
        before = {**self.own, **out}
        for index, value in p.cut.items():
            old = before.get(index, var(index, value.sort))
            new = substitute(value, lambda x: before.get(x.index, x) if x.op is Op.VAR else x)
            out[index] = ite(when, new, old)


def take_turns(b: Builder, crashing: Collection[int]) -> None:
    """Asks the attempts of each instance the order of whose effects may matter for their turns.

    `crashing`: instances all of whose attempts may be cut off at once.
    """
    killed = {t.id for r in b.rules if r.kills is not None for t in below(r.kills)}
    places: dict[int, list[Place]] = {}
    for t in b.threads:
        if t.id in killed or t.instance in crashing:
            places.setdefault(t.instance, []).extend((t, p) for p in t.points if p.cut)
    for mine in places.values():
        for group in _entangled(mine):
            most = len({t.id for t, _ in group})
            b.turns += 1
            for t, p in group:
                _ask(b, t, p, b.turns, most)


def _ask(b: Builder, t: ThreadDraft, p: PointDraft, group: int, most: int) -> None:
    start = p.begun
    assert start is not None, "it has an effect, so it is an attempt"
    name = f"{p.activity} {TURN}"
    number = b.variable(name, Int(0, most - 1), VarKind.HIDDEN, const(0), t.instance, p.span)
    said = inp(len(start.inputs), Sort.INT)
    start.inputs = (*start.inputs, Input(TURN, Sort.INT, Int(0, most - 1), 0, most - 1))
    happens = start.updates[p.happens.index] if p.happens is not None else TRUE
    turn = start.inputs[-1]
    start.relation = and_(start.relation, typed(turn, said), only_if(happens, turn, said))
    start.updates[number.index] = said
    p.turn = Turn(number, group, most)
    if p.redo:
        p.redo = (*p.redo, b.variables[number.index])


def _entangled(places: Iterable[Place]) -> list[list[Place]]:
    """Groups of places that may run at once, and the order of whose effects matters."""
    groups: list[list[Place]] = []
    for t, p in places:
        near = [g for g in groups if any(_beside(t, u) and not _apart(p.cut, q.cut) for u, q in g)]
        groups = [g for g in groups if g not in near]
        groups.append([*(x for g in near for x in g), (t, p)])
    return [g for g in groups if len(g) > 1]


def _beside(a: ThreadDraft, b: ThreadDraft) -> bool:
    """May both be running something at once?  Branches of one fork may, and what is below them."""
    if a is b:
        return False
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
