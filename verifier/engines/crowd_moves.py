"""When somebody can take a step, in a system whose instances are counted (`crowd`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ...semantics.expr import (
    FALSE,
    Expr,
    Op,
    Sort,
    add,
    and_,
    const,
    eq,
    le,
    not_,
    or_,
    substitute,
    var,
    variables,
)
from ...semantics.system import Thread, TransitionSystem, Variable, VarKind
from .common import conjuncts, fixed_by


def moving(
    system: TransitionSystem,
    mine: Collection[int],
    members: Collection[int],
    threads: Mapping[int, Thread],
    counters: Mapping[int, Sequence[Expr]],
    declared: list[Variable],
) -> Expr | None:
    """Somebody can take a step, or all have ended; None where that cannot be said.

    At each place of the crowd where there is a member: one whose data is any value, a variable that
    is free and stays (added to `declared`).  Where the condition holds in every state that can be
    reached, whatever these values are, in none of them are all stuck before the end.  Only where a
    member is one thread: of several it is not known who belongs to whom.
    """
    alone = {t.instance for t in threads.values()}
    if len(threads) > len(alone) or system.excluded is not FALSE:
        return None
    can: list[Expr] = []
    able: dict[tuple[int, int], list[Expr]] = {}  # by location and point of the crowd
    data: dict[tuple[int, int, int], Expr] = {}
    for r in system.rules:
        if r.instance not in members:
            if variables([r.guard]) & set(mine):
                return None
            can.append(r.guard)
            continue
        pins = {v: e for v, e in fixed_by(conjuncts(r.guard)).items() if v in threads}
        if len(pins) != 1 or any(declared[v].sort is Sort.STACK for v in variables([r.guard])):
            return None
        ((location, at),) = pins.items()
        place = location, point_of(at)

        def leaf(
            node: Expr, place: tuple[int, int] = place, pins: Mapping[int, Expr] = pins
        ) -> Expr:
            if node.op is not Op.VAR or node.index not in mine:
                return node
            return pins.get(node.index) or _of_one(node, place, data, declared)

        able.setdefault(place, []).append(substitute(r.guard, leaf))
    over: list[Expr] = []
    for location, places in counters.items():
        ends = ends_of(system, threads[location])
        over.append(nobody_but(places, ends))
        for p, c in enumerate(places):
            if p not in ends:
                can.append(and_(le(const(1), c), or_(*able.get((location, p), ()))))
    for i in system.instances:
        if i.id not in members:
            here = var(system.threads[i.root].location, Sort.INT)
            ended = (eq(here, const(p)) for p in (i.completed, i.failed))
            over.append(or_(not_(i.active), *ended))
    return or_(*can, and_(*over))


def _of_one(
    node: Expr,
    place: tuple[int, int],
    data: dict[tuple[int, int, int], Expr],
    declared: list[Variable],
) -> Expr:
    key = (*place, node.index)
    if key not in data:
        v, index = declared[node.index], len(declared)
        name = f"{v.name} of one there"
        declared.append(Variable(index, name, v.sort, v.type, VarKind.PARAM, None))
        data[key] = var(index, v.sort)
    return data[key]


def ends_of(system: TransitionSystem, thread: Thread) -> tuple[int, int]:
    """The places of a root thread where its instance is over."""
    (i,) = (i for i in system.instances if i.root == thread.id)
    return i.completed, i.failed


def nobody_but(counters: Sequence[Expr], ends: Collection[int]) -> Expr:
    """All of the crowd are at these places."""
    elsewhere = (c for p, c in enumerate(counters) if p not in ends)
    return eq(add(const(0), *elsewhere), const(0))


def point_of(at: Expr) -> int:
    assert type(at.value) is int
    return at.value
