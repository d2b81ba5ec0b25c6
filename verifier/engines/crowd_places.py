"""What should hold in a system with a crowd; first of all place invariants (Lautenbach 1975).

Numbers that every step changes by constants: the counters of the crowd, for each place of any
other thread whether it is there, what is in use of resources, how many messages are under way, and
counters of the spec.  Weights such that no step changes the weighted sum: the kernel of the matrix
of changes (Murata 1989, "Petri nets: properties, analysis and applications", section VI).  All are
candidates for induction, none is taken for true.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import lcm

from ...semantics.expr import (
    Expr,
    Op,
    Sort,
    add,
    const,
    eq,
    inp,
    ite,
    le,
    mul,
    or_,
    substitute,
    var,
)
from ...semantics.system import Rule, TransitionSystem, VarKind
from .common import conjuncts, fixed_by, in_domain
from .linear import Span, form_of

MOST_NUMBERS = 300
MOST_RULES = 600
MOST_CASES = 2  # answers yes or no of one step that are told apart
NUMBERS = (VarKind.HIDDEN, VarKind.USED, VarKind.CHANNEL, VarKind.SHARED, VarKind.DATA)

Change = dict[Expr, Fraction]


def place_invariants(system: TransitionSystem) -> Iterator[Expr]:
    """Equations between numbers of this system, as many as are independent."""
    if len(system.rules) > MOST_RULES:
        return
    at = {
        t.location: {p.id: eq(var(t.location, Sort.INT), const(p.id)) for p in t.points}
        for t in system.threads
        if any(v == t.location for r in system.rules for v, _ in r.updates)
    }
    start: dict[Expr, Expr] = {}  # by quantity, what it is at the start
    numbers: dict[int, Expr] = {}
    for places in at.values():
        start |= {here: const(1 if p == 0 else 0) for p, here in places.items()}
    for v in system.variables:
        if v.sort is Sort.INT and v.kind in NUMBERS and v.init is not None:
            if v.init.op in (Op.CONST, Op.VAR):
                numbers[v.index] = var(v.index, v.sort)
                start[numbers[v.index]] = v.init
    if len(start) > MOST_NUMBERS:
        return
    changes = [c for r in system.rules for c in _changes(r, at, numbers, start)]
    kept = list(start)
    span = Span()
    for change in changes:
        span.add([change.get(x, Fraction(0)) for x in kept])
    for weights in span.annihilators(len(kept)):
        yield _equation(kept, weights, start)


def _changes(
    rule: Rule,
    at: Mapping[int, Mapping[int, Expr]],
    numbers: Mapping[int, Expr],
    start: dict[Expr, Expr],
) -> Iterator[Change]:
    """By how much a step changes each; what it changes otherwise is left out (of `start`, too)."""
    pins = fixed_by(conjuncts(rule.guard))
    bools = [k for k, given in enumerate(rule.inputs) if given.sort is Sort.BOOL]
    asked = [inp(k, Sort.BOOL) for k in bools[:MOST_CASES]]
    for answers in product((False, True), repeat=len(asked)):
        given = dict(zip(bools, answers, strict=False))

        def leaf(node: Expr, given: Mapping[int, bool] = given) -> Expr:
            known = node.op is Op.INPUT and node.index in given
            return const(given[node.index]) if known else node

        change: Change = {}
        for v, term in rule.updates:
            e = substitute(term, leaf)
            if v in at:
                here = pins.get(v)
                places = at[v]
                if here is None or here.op is not Op.CONST or e.op is not Op.CONST:
                    for p in places.values():
                        start.pop(p, None)
                elif here.value != e.value:
                    assert isinstance(here.value, int) and isinstance(e.value, int)
                    change[places[here.value]] = Fraction(-1)
                    change[places[e.value]] = Fraction(1)
            elif v in numbers:
                form = form_of(e, {v: 1})
                if form is None or form.inputs or form.columns.get(1) != 1:
                    start.pop(numbers[v], None)
                elif form.columns.get(0):
                    change[numbers[v]] = form.columns[0]
        yield change


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
    counters: Mapping[int, Sequence[Expr]],
    many: Mapping[int, Expr],
) -> Iterator[Expr]:
    """What should hold where those of the crowd are counted.

    `mine`: variables of its members.  By location: `counters` of its places, and how `many` they
    are in all.
    """
    for location, places in counters.items():
        yield from (le(const(0), c) for c in places)
        yield eq(add(const(0), *places), many[location])
        yield from (eq(c, const(0)) for c in places[1:])  # where nobody ever comes
    for t in system.threads:
        if t.location not in counters:
            here = var(t.location, Sort.INT)
            yield or_(*(eq(here, const(p.id)) for p in t.points))
    for v in system.variables:
        here = var(v.index, v.sort)
        if v.index in mine:
            continue
        if v.kind is VarKind.USED:
            yield le(const(0), here)
            held = _held(system, counters, v.index)
            if held is not None:
                yield eq(here, held)
        elif v.kind is VarKind.ARG and v.init is not None and v.init.op is Op.CONST:
            yield eq(here, v.init)
        elif v.kind in (VarKind.CHANNEL, VarKind.SHARED):
            yield from conjuncts(in_domain(v, here))
    for c in system.channels:
        for length in c.lengths:
            if length not in mine:
                yield le(const(0), var(length, Sort.INT))
                if c.capacity is not None:
                    yield le(var(length, Sort.INT), c.capacity)


def _held(
    system: TransitionSystem, counters: Mapping[int, Sequence[Expr]], used: int
) -> Expr | None:
    """What all threads hold where they are; None where that is data of a member."""
    parts: list[Expr] = []
    for t in system.threads:
        here = var(t.location, Sort.INT)
        for p in t.points:
            for v, amount in p.holds:
                if v != used:
                    continue
                if t.location not in counters:
                    parts.append(ite(eq(here, const(p.id)), amount, const(0)))
                elif amount.op is Op.CONST and isinstance(amount.value, int):
                    parts += [counters[t.location][p.id]] * amount.value
                else:
                    return None
    return add(const(0), *parts)
