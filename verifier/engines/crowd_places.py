"""What should hold in a system with a crowd; first of all place invariants (Lautenbach 1975).

Numbers that every step changes by constants: the counters of the crowd, for each place of any
other thread whether it is there, what is in use of resources, how many messages are under way, and
counters of the spec.  Weights such that no step changes the weighted sum: the kernel of the matrix
of changes (Murata 1989, "Petri nets: properties, analysis and applications", section VI).  All are
candidates for induction, none is taken for true.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from functools import partial
from itertools import product
from math import lcm, prod

from ...dsl.records import dataclass
from ...semantics.expr import (
    TRUE,
    Expr,
    Op,
    Scalar,
    Sort,
    add,
    and_,
    const,
    eq,
    ite,
    le,
    mul,
    or_,
    var,
)
from ...semantics.system import Rule, TransitionSystem, VarKind
from ...semantics.walks import substitute, variables
from .common import conjuncts, domain, in_domain, put
from .crowd_control import PLACE, Group, targets
from .linear import Span, form_of

MOST_NUMBERS = 300
MOST_RULES = 600
MOST_CASES = 64  # answers of one step that are told apart
NUMBERS = (VarKind.HIDDEN, VarKind.USED, VarKind.CHANNEL, VarKind.SHARED, VarKind.DATA)

Change = dict[Expr, Fraction]


def place_invariants(system: TransitionSystem, standing: Sequence[Group]) -> Iterator[Expr]:
    """Equations between numbers of this system, as many as are independent.

    `standing`: of instances that are not counted, what is looked at together.
    """
    if len(system.rules) > MOST_RULES:
        return
    made = _Places(system, standing)
    if len(made.start) > MOST_NUMBERS:
        return
    changes = [c for r in system.rules for c in made.changes(r)]
    kept = list(made.start)
    span = Span()
    for change in changes:
        span.add([change.get(x, Fraction(0)) for x in kept])
    for weights in span.annihilators(len(kept)):
        yield _equation(kept, weights, made.start)


@dataclass(slots=True)
class _Places:
    """The numbers, with what they are at the start; those that a step changes by what is not
    constant are left out."""

    system: TransitionSystem
    standing: Sequence[Group]
    start: dict[Expr, Expr] = field(default_factory=dict)
    at: list[tuple[Expr, ...]] = field(default_factory=list)  # by group, by place: it is there
    numbers: dict[int, Expr] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for group in self.standing:
            here = tuple(map(there, group.values))
            self.at.append(here)
            self.start |= {x: const(0 if k else 1) for k, x in enumerate(here)}
        for v in self.system.variables:
            if v.sort is Sort.INT and v.kind in NUMBERS and v.init is not None:
                if v.init.op in (Op.CONST, Op.VAR):
                    self.numbers[v.index] = var(v.index, v.sort)
                    self.start[self.numbers[v.index]] = v.init

    def changes(self, rule: Rule) -> Iterator[Change]:
        """By how much a step changes each, in all cases that are told apart."""
        looked_at = {v for g in self.standing for v in g.tracked} | self.numbers.keys()
        updates = {v: e for v, e in rule.updates if v in looked_at}
        moved: list[int] = []
        for n, group in enumerate(self.standing):
            if not updates.keys().isdisjoint(group.tracked):
                if group.instance == rule.instance:
                    moved.append(n)
                else:
                    self._leave_out(n)
        candidates = [self.standing[n].candidates(rule) for n in moved]
        answers = _answers(rule)
        while prod(map(len, (*candidates, *answers.values()))) > MOST_CASES and moved:
            self._leave_out(moved.pop())
            candidates.pop()
        for places in product(*candidates):
            known: dict[int, Expr] = {}
            for n, k in zip(moved, places, strict=True):
                known |= self.standing[n].values[k]
            for given in product(*answers.values()):
                values = dict(zip(answers, given, strict=True))
                after = {v: _said(put(e, known), values) for v, e in updates.items()}
                numbers = self._numbers(after)
                for to in product(*map(partial(self._to, after), moved, places)):
                    yield numbers | {x: n for part in to for x, n in part.items()}

    def _to(self, after: Mapping[int, Expr], n: int, k: int) -> list[Change]:
        """Where a group may go from one of its places."""
        group, at = self.standing[n], self.at[n]
        to = {v: e for v, e in after.items() if v in group.tracked}
        found = [j for j, _ in targets(group, k, to)]
        return [{} if j == k else {at[k]: Fraction(-1), at[j]: Fraction(1)} for j in found]

    def _numbers(self, after: Mapping[int, Expr]) -> Change:
        change: Change = {}
        for v, e in after.items():
            if v in self.numbers:
                form = form_of(e, {v: 1})
                if form is None or form.inputs or form.columns.get(1) != 1:
                    self.start.pop(self.numbers[v], None)
                elif form.columns.get(0):
                    change[self.numbers[v]] = form.columns[0]
        return change

    def _leave_out(self, n: int) -> None:
        for x in self.at[n]:
            self.start.pop(x, None)


def _answers(rule: Rule) -> dict[int, tuple[Scalar, ...]]:
    """The answers that are told apart: yes or no, and who of the crowd it is."""
    out = {
        k: values
        for k, given in enumerate(rule.inputs)
        if given.sort is Sort.BOOL or given.name == PLACE
        if (values := domain(given, MOST_CASES)) is not None
    }
    while prod(map(len, out.values())) > MOST_CASES:
        out.popitem()
    return out


def _said(e: Expr, values: Mapping[int, Scalar]) -> Expr:
    """With these answers."""
    if not values:
        return e

    def leaf(node: Expr) -> Expr:
        known = node.op is Op.INPUT and node.index in values
        return const(values[node.index]) if known else node

    return substitute(e, leaf)


def there(values: Mapping[int, Expr]) -> Expr:
    """Variables have these values."""
    return and_(*(eq(var(v, e.sort), e) for v, e in values.items()))


def _equation(
    kept: Sequence[Expr], weights: Sequence[Fraction], start: Mapping[Expr, Expr]
) -> Expr:
    scale = lcm(*(w.denominator for w in weights))
    now: list[Expr] = []
    then: list[Expr] = []
    for x, w in zip(kept, weights, strict=True):
        n = const(int(w * scale))
        if w:
            now.append(mul(n, x) if x.sort is Sort.INT else ite(x, n, const(0)))
            then.append(mul(n, start[x]))
    return eq(add(const(0), *now), add(const(0), *then))


def facts(
    system: TransitionSystem,
    mine: Collection[int],
    groups: Sequence[Group],
    counters: Sequence[Sequence[Expr]],
    many: Sequence[Expr],
    standing: Sequence[Group],
) -> Iterator[Expr]:
    """What should hold where those of the crowd are counted.

    `mine`: variables of its members.  By group: `counters` of its places, and how `many` there are
    in all.  `standing` as in `place_invariants`.
    """
    yield from (or_(*map(there, g.values)) for g in standing)
    for places, all_ in zip(counters, many, strict=True):
        yield from (le(const(0), c) for c in places)
        yield eq(add(const(0), *places), all_)
        yield from (eq(c, const(0)) for c in places[1:])  # where nobody ever comes
    for t in system.threads:
        if t.location not in mine:
            here = var(t.location, Sort.INT)
            yield or_(*(eq(here, const(p.id)) for p in t.points))
    for v in system.variables:
        here = var(v.index, v.sort)
        if v.index in mine:
            continue
        if v.kind is VarKind.USED:
            yield le(const(0), here)
            held = _held(system, groups, counters, v.index)
            if held is not None:
                yield eq(here, held)
        elif v.kind is VarKind.ARG and v.init is not None and v.init.op is Op.CONST:
            yield eq(here, v.init)
        elif v.kind in (VarKind.CHANNEL, VarKind.SHARED):
            yield from conjuncts(in_domain(v, here))
    for c in system.channels:
        yield from (le(const(0), var(n, Sort.INT)) for n in c.taken if n not in mine)
        # So many of each instance, in all.
        instances = add(const(1), *{n.index: n for n in many}.values())
        for length, taken in zip(c.lengths, c.taken, strict=bool(c.taken)):
            gone = var(taken, Sort.INT)
            if length not in mine:
                for total in (gone, add(var(length, Sort.INT), gone)):
                    yield from (le(total, mul(const(k), instances)) for k in (1, 2))
        for length in c.lengths:
            if length not in mine:
                yield le(const(0), var(length, Sort.INT))
                if c.capacity is not None:
                    yield le(var(length, Sort.INT), c.capacity)


def _held(
    system: TransitionSystem,
    groups: Sequence[Group],
    counters: Sequence[Sequence[Expr]],
    used: int,
) -> Expr | None:
    """What all threads hold where they are; None where that is data of a member."""
    counted = {v for g in groups for v in g.tracked}
    parts: list[Expr] = []
    holding: list[tuple[Expr, Expr]] = []  # of members: when, and how much
    for t in system.threads:
        for p in t.points:
            here = eq(var(t.location, Sort.INT), const(p.id))
            mine = [(here, amount) for v, amount in p.holds if v == used]
            if t.location in counted:
                holding += mine
            else:
                parts += (ite(here, amount, const(0)) for _, amount in mine)
    for group, places in zip(groups, counters, strict=True):
        for known, counter in zip(group.values, places, strict=True):
            for here, amount in holding:
                if variables([here]) <= known.keys() and put(here, known) is TRUE:
                    units = put(amount, known)
                    if units.op is not Op.CONST:
                        return None
                    parts.append(mul(units, counter))
    return add(const(0), *parts)
