"""The places that those of a crowd may be at: where all threads of one stand, and what its finite
data is; as many as can be reached.  Where there are too many, the threads are counted apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from math import prod

from ...dsl.records import dataclass
from ...dsl.types import Int
from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar, Sort, const, eq, inp, ite
from ...semantics.system import Input, Rule, TransitionSystem, VarKind
from .common import domain, put
from .crowd_terms import serves

MOST_PLACES = 48
PLACE = "place of one of the others"  # the name of an input
DATA = (VarKind.DATA, VarKind.HIDDEN, VarKind.RECEIVED)

Place = tuple[Scalar, ...]


@dataclass(frozen=True)
class Group:
    """Variables of one member that are looked at together, and the values that they may have.

    `root`: the position of where the root thread stands, if that is among them.
    """

    instance: int
    tracked: tuple[int, ...]
    places: tuple[Place, ...]
    root: int | None

    @cached_property
    def index(self) -> Mapping[Place, int]:
        return {p: k for k, p in enumerate(self.places)}

    @cached_property
    def values(self) -> tuple[dict[int, Expr], ...]:
        """By place: the variables."""
        return tuple(dict(zip(self.tracked, map(const, p), strict=True)) for p in self.places)

    def candidates(self, rule: Rule) -> list[int]:
        """The places at which a rule of the member may be taken."""
        return [k for k, known in enumerate(self.values) if put(rule.guard, known) is not FALSE]

    def over(self, system: TransitionSystem) -> frozenset[int]:
        """The places at which the instance has ended."""
        (i,) = (i for i in system.instances if i.id == self.instance)
        at = self.root
        ends = (i.completed, i.failed)
        return frozenset(k for k, p in enumerate(self.places) if at is not None and p[at] in ends)


def groups(system: TransitionSystem, member: int, data: bool) -> list[Group]:
    """All threads together, with `data` its finite data as well; or each thread by itself."""
    threads = [t for t in system.threads if t.instance == member and not serves(t)]
    root = system.threads[next(i.root for i in system.instances if i.id == member)].location
    rules = [r for r in system.rules if r.instance == member]
    at = [t.location for t in threads]
    found: tuple[list[int], list[Place]] | None = None
    if data:
        kept = [
            v.index
            for v in system.variables
            if v.instance == member and v.kind in DATA and domain(v) is not None
        ]
        found = _reached(system, rules, at, kept)
    found = found or _reached(system, rules, at, [])
    if found is not None:
        tracked, places = found
        return [Group(member, tuple(tracked), tuple(places), tracked.index(root))]
    return [
        Group(
            member,
            (t.location,),
            tuple((p.id,) for p in t.points),
            0 if t.location == root else None,
        )
        for t in threads
    ]


def _reached(
    system: TransitionSystem, rules: Sequence[Rule], at: Sequence[int], data: Sequence[int]
) -> tuple[list[int], list[Place]] | None:
    """What is tracked and the places, the first one first; None: too many.  Data of which a step
    does not say what it will be is not tracked."""
    data = [v for v in data if _starts(system, v)]
    while True:
        tracked = [*at, *data]
        if not all(_starts(system, v) for v in at):
            return None
        start = tuple(_value(system.variables[v].init) for v in tracked)
        seen = {start: None}
        todo = [start]
        lost: int | None = None
        while todo and lost is None:
            place = todo.pop()
            known = dict(zip(tracked, map(const, place), strict=True))
            for r in rules:
                after = _after(r, tracked, place, known)
                if isinstance(after, int):
                    lost = after
                    break
                for p in after:
                    if p not in seen:
                        seen[p] = None
                        todo.append(p)
            if len(seen) > MOST_PLACES:
                return None
        if lost is None:
            return tracked, list(seen)
        if lost in at:
            return None
        data = [v for v in data if v != lost]


def _after(
    rule: Rule, tracked: Sequence[int], place: Place, known: Mapping[int, Expr]
) -> Sequence[Place] | int:
    """Where a step may lead; or a variable of which that is not known."""
    if put(rule.guard, known) is FALSE:
        return ()
    updates = dict(rule.updates)
    options: list[Sequence[Scalar]] = []
    for v, value in zip(tracked, place, strict=True):
        if v not in updates:
            options.append((value,))
            continue
        found = _possible(put(updates[v], known), rule.inputs)
        if found is None:
            return v
        options.append(tuple(found))
    if prod(map(len, options)) > MOST_PLACES:
        return next(v for v, o in zip(reversed(tracked), reversed(options), strict=True) if o[1:])
    return list(product(*options))


def _possible(e: Expr, inputs: Sequence[Input]) -> dict[Scalar, None] | None:
    """The values that a term may have; None: not known."""
    if e.op is Op.CONST:
        return {_value(e): None}
    if e.sort is Sort.BOOL:
        return {False: None, True: None}
    if e.op is Op.ITE:
        one, other = (_possible(x, inputs) for x in e.args[1:])
        return None if one is None or other is None else one | other
    if e.op is Op.INPUT:
        values = domain(inputs[e.index])
        return None if values is None else dict.fromkeys(values)
    return None


def _starts(system: TransitionSystem, v: int) -> bool:
    init = system.variables[v].init
    return init is not None and init.op is Op.CONST


def _value(e: Expr | None) -> Scalar:
    assert e is not None and e.value is not None
    return e.value


def targets(
    group: Group, place: int, to: Mapping[int, Expr]
) -> Iterator[tuple[int, dict[int, Expr]]]:
    """Where a step from a place leads: places, each with what its variables are to be then, as far
    as that is not sure.  `to`: new values, terms."""
    before = group.places[place]
    sure = {v: e.value for v, e in to.items() if e.op is Op.CONST}
    for j, after in enumerate(group.places):
        open_: dict[int, Expr] = {}
        for v, old, new in zip(group.tracked, before, after, strict=True):
            if v in to and v not in sure:
                open_[v] = const(new)
            elif new != (sure.get(v, old)):
                break
        else:
            yield j, open_


def which(candidates: Sequence[int], inputs: list[Input]) -> list[tuple[int, Expr]]:
    """Places, and when it is each: one more input says so."""
    if len(candidates) < 2:
        return [(k, TRUE) for k in candidates]
    last = len(candidates) - 1
    inputs.append(Input(PLACE, Sort.INT, Int(0, last), 0, last))
    said = inp(len(inputs) - 1, Sort.INT)
    return [(k, eq(said, const(n))) for n, k in enumerate(candidates)]


def value_at(v: int, group: Group, places: Sequence[tuple[int, Expr]]) -> Expr:
    """A variable, by place."""
    (last, _), *others = reversed(places)
    out = group.values[last][v]
    for k, is_ in others:
        out = ite(is_, group.values[k][v], out)
    return out
