"""What a workflow with data of any values can do, as an observer sees it: steps with conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from ..dsl.records import dataclass
from ..semantics.claimed import Side
from ..semantics.expr import FALSE, Expr, Op, Sort, and_, const, inp, not_, var
from ..semantics.observing import Observer, plain
from ..semantics.shown import Unknown, shown
from ..semantics.system import Input, Rule
from ..semantics.walks import substitute
from .behaviour import FREE, kept
from .facts import Wrong
from .reading import of_type

Values = Mapping[int, Expr]  # by variable of one system, over the data of both


@dataclass(frozen=True, slots=True)
class Move:
    """`seen` says what kind of step it is (nothing: an internal one), with `values`; over the data
    and `inputs`.  `shown` are the terms of `rule.seen`, such as the arguments of an activity."""

    cond: Expr
    after: Values
    seen: tuple[str, ...]
    values: tuple[Expr, ...]
    inputs: tuple[Input, ...]
    rule: Rule
    shown: tuple[Expr, ...]


class Moving:
    """One of the two; its variables are numbered from `first` on."""

    def __init__(self, side: Side, shared: frozenset[str], first: int) -> None:
        self.system, self.observer = side.system, Observer(side.system, side.view)
        self.kept = kept(side, shared)
        self.own = {v.index: var(v.index + first, v.sort) for v in side.system.variables}

    def moves(self, now: Values) -> Iterator[Move]:
        for rule in self.system.rules:
            guard = put_in(rule.guard, now)
            if guard is not FALSE:
                yield from self._of(rule, guard, now)

    def _of(self, rule: Rule, guard: Expr, now: Values) -> Iterator[Move]:
        new = {v: put_in(e, now) for v, e in rule.updates if v in self.kept}
        after = {**now, **new}
        typed = [p for k, d in enumerate(rule.inputs) for p in of_type(d, inp(k, d.sort))]
        counts = not_(put_in(self.system.excluded, after))
        cond = and_(guard, put_in(rule.relation, now, after), *typed, counts)
        terms = tuple(put_in(s.term, now) for s in rule.seen)
        try:
            parts = [*shown(self.observer, rule, now, after, terms)]
        except Unknown as error:
            raise Wrong(f"`{rule.name}`: {error}") from None
        for part in parts:
            met = and_(cond, part.cond)
            yield Move(met, after, part.seen, part.values, rule.inputs, rule, terms)

    def beginning(self, given: Mapping[str, Expr]) -> tuple[Expr, Values]:
        """What arguments must be like, and the first values."""
        values: dict[int, Expr] = {}
        typed: list[Expr] = []
        for v in self.system.variables:
            if v.init is not None:
                values[v.index] = put_in(v.init, values)
                continue
            if v.kind not in FREE:
                raise Wrong(f"{v.name} may begin with anything")
            name = plain(self.system, v.name)
            values[v.index] = given.get(name, self.own[v.index])
            if values[v.index].sort is not v.sort:
                raise Wrong(f"{name} is of two types")
            typed += of_type(v, values[v.index])
        allowed = not_(put_in(self.system.excluded, values))
        return and_(*typed, put_in(self.system.initial, values), allowed), values


def given(move: Move, way: Move) -> Iterator[Move]:
    """The answer to a step, with its inputs: those of the step by name, else either truth value."""
    if way.seen != move.seen or len(way.values) != len(move.values):
        return
    if any(a.sort is not b.sort for a, b in zip(move.values, way.values, strict=True)):
        return
    options: list[list[Expr]] = []
    for i in way.inputs:
        same = [
            inp(k, j.sort)
            for k, j in enumerate(move.inputs)
            if (j.name, j.sort) == (i.name, i.sort)
        ]
        options.append(same[:1] or ([const(False), const(True)] if i.sort is Sort.BOOL else []))
    for chosen in product(*options):

        def put(e: Expr, chosen: Sequence[Expr] = chosen) -> Expr:
            return substitute(e, lambda n: chosen[n.index] if n.op is Op.INPUT else n)

        after = {v: put(e) for v, e in way.after.items()}
        values = tuple(map(put, way.values))
        yield Move(put(way.cond), after, way.seen, values, (), way.rule, way.shown)


def put_in(e: Expr, now: Values, after: Values | None = None) -> Expr:
    """With values for the variables, before the step and after it."""

    def leaf(n: Expr) -> Expr:
        if n.op is Op.VAR:
            return now[n.index]
        return after[n.index] if n.op is Op.POST and after is not None else n

    return substitute(e, leaf)
