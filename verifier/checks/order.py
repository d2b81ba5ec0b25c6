"""Does it matter which of two steps is taken first, because of the data that they touch?

A step is atomic, so two of them at one instant are taken one after the other.  Their order matters
in a state where both can be taken if what one writes keeps the other from being taken, changes
what the other does, or is not what is left when the order is turned round.  It is told exactly,
by putting the updates of one into the terms of the other (Hoare's assignment axiom); where the
environment's answer is part of that, by which variables the steps touch.

What an activity reads while it runs (`reads`, and bounds of `takes` that are data) counts whenever
the other step may come during the run, not only at the same instant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, Expr, Op, Scalar, Sort, and_, ne, not_, or_, same, var
from ...semantics.system import Rule, TransitionSystem, VarKind
from ...semantics.values import evaluate
from ...semantics.walks import variables
from ..engines.common import posted, put
from .footprints import against, changes, in_state, looked_at, looks, touched

DATA = (VarKind.DATA, VarKind.SHARED)
Updates = Mapping[int, Expr]


class _Answered(Exception):
    """The environment's answer decides."""


@dataclass(frozen=True, slots=True)
class Order:
    """The states in which the order of two steps matters: if they are taken at one instant; if the
    second is taken while the first runs; if the first is taken while the second runs.

    `exact`: at one instant nowhere else, and there surely.
    """

    instant: Expr
    first_runs: Expr
    second_runs: Expr
    exact: bool

    @property
    def anywhere(self) -> Expr:
        return or_(self.instant, self.first_runs, self.second_runs)


def order(system: TransitionSystem, a: Rule, b: Rule, touching: Sequence[int]) -> Order:
    """Of two steps that both touch these variables, one of them writing."""
    asked = looked_at(system)
    one, two = _while_running(system, a, b), _while_running(system, b, a)
    # A step without a delay does not run: it looks when it is taken.
    now = or_(one if a.delay is None else FALSE, two if b.delay is None else FALSE)
    one, two = (FALSE if r.delay is None else e for r, e in ((a, one), (b, two)))
    try:
        instant = or_(
            now,
            _changed(system, a, b, asked.get(b.index, ())),
            _changed(system, b, a, asked.get(a.index, ())),
            *_left(system, a, b),
        )
        return Order(instant, one, two, True)
    except _Answered:
        found = or_(now, *(_touching(system, a, b, v) for v in touching))
        return Order(found, one, two, False)


def _data(system: TransitionSystem, rule: Rule) -> dict[int, Expr]:
    return {v: e for v, e in rule.updates if system.variables[v].kind in DATA}


def _changed(system: TransitionSystem, first: Rule, then: Rule, asked: Sequence[Expr]) -> Expr:
    """Is `then` no longer possible, or another step, when `first` has been taken?"""
    data = _data(system, first)
    control = {
        v: e
        for v, e in first.updates
        if v not in data and system.variables[v].kind is not VarKind.GHOST
    }
    out = []
    if variables([then.guard]) & data.keys():
        # What control alone would do to it is no matter of data.
        still, lost = put(then.guard, control), not_(put(then.guard, control | data))
        if variables([still, lost], Op.INPUT):
            raise _Answered
        out.append(and_(still, lost))
    after = {v: e for v, e in then.updates if system.variables[v].kind is not VarKind.GHOST}
    terms = [then.relation, *(posted(t, after) for t in asked)]
    terms += [e for v, e in after.items() if system.variables[v].kind not in DATA]
    for t in terms:
        if variables([t]) & data.keys():
            out.append(_differ(t, put(t, data)))
    return or_(FALSE, *out)


def _left(system: TransitionSystem, a: Rule, b: Rule) -> Iterator[Expr]:
    """Is a variable left with another value in one order than in the other?"""
    one, two = _data(system, a), _data(system, b)
    for v in sorted(one.keys() | two.keys()):
        it = var(v, system.variables[v].sort)
        yield _differ(put(two.get(v, it), one), put(one.get(v, it), two))


def _while_running(system: TransitionSystem, runs: Rule, other: Rule) -> Expr:
    """May the other step change what this activity reads while it runs?"""
    reads = set(runs.reads)
    if runs.delay is not None:
        bounds = (runs.delay.lo,) if runs.delay.hi is None else (runs.delay.lo, runs.delay.hi)
        reads |= variables(bounds)
    written = _data(system, other)
    out = []
    for v in sorted(reads & written.keys()):
        try:
            out.append(_differ(var(v, system.variables[v].sort), written[v]))
        except _Answered:
            out.append(changes(other, v))
    return or_(FALSE, *out)


def _differ(a: Expr, b: Expr) -> Expr:
    if a is b:
        return FALSE
    # Before they are compared: the answers of two steps have the same numbers.
    if a.sort is Sort.STACK or variables([a, b], Op.INPUT) or variables([a, b], Op.POST):
        raise _Answered
    return FALSE if same(a, b) else ne(a, b)


def _touching(system: TransitionSystem, a: Rule, b: Rule, v: int) -> Expr:
    """The states in which one of the steps may change what the other touches."""
    asked = looked_at(system)
    x, y = changes(a, v), changes(b, v)
    read_a, read_b = (looks(r, v, asked.get(r.index, ())) for r in (a, b))
    return or_(and_(x, y), and_(x, read_b), and_(y, read_a))


# --- in one state -----------------------------------------------------------------------------


def matters(
    system: TransitionSystem, a: Rule, b: Rule, touching: Sequence[int], state: Sequence[Scalar]
) -> tuple[bool, bool, bool]:
    """Does the order matter in this state: at one instant; while a runs; while b runs?"""
    found = order(system, a, b, touching)
    at_once = evaluate(found.instant, state) is True
    if not found.exact:
        at_once = at_once and any(_clash(system, a, b, v, state) for v in touching)
    running = (found.first_runs, found.second_runs)
    return (at_once, *(evaluate(e, state) is True for e in running))  # type: ignore[return-value]


def _clash(system: TransitionSystem, a: Rule, b: Rule, v: int, state: Sequence[Scalar]) -> bool:
    """Do both steps, taken in this state, touch the variable so that their order matters?"""
    asked = looked_at(system)
    found = []
    for r in (a, b):
        there, terms = in_state(r, asked.get(r.index, ()), state, v)
        found.append(touched(system, there, {v}, terms).get(v))
    return found[0] is not None and found[1] is not None and against(found[0], found[1])
