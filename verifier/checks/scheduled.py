"""`deterministic` under `scheduler fifo` or `priority`: where the scheduler leaves nothing open.

It takes, of the steps that are ready, that of the highest rank, of these the one that has been
ready the longest, of these one of the instance that comes first in the spec; and of what is due at
one instant what was started first, before anything that takes no time.  So of what an environment
does not decide there is left only which of two steps of one instance is first that are ready since
the same step, and which of two clocks rings first that were started by the same step and are due
at once.  Where there are no such pairs, an environment has one run.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

from ...semantics.expr import FALSE, Op, Scalar, and_, not_
from ...semantics.symbolic import is_valid
from ...semantics.system import Delay, Rule, TransitionSystem, VarKind
from ...semantics.values import evaluate
from ...semantics.walks import variables
from ..engines.common import conjuncts, fixed_by
from ..engines.partings import clock_of
from ..session import Session
from ..verdict import Proved

IN_ORDER = ("fifo", "priority")
MOST_RULES = 400
HOW = (
    "`scheduler {}` says which step is next whenever the durations do not: no two steps of one "
    "instance are ready since the same step, no two clocks that start together are due together"
)
Interval = tuple[Fraction, Fraction | None]


def decided(session: Session) -> Proved | None:
    """One run for each environment; None: not known."""
    system = session.system
    if system.scheduler not in IN_ORDER or system.choices or len(system.rules) > MOST_RULES:
        return None
    by_instance: dict[int, list[Rule]] = {}
    for r in system.rules:
        if r.guard is not FALSE:
            by_instance.setdefault(r.instance, []).append(r)
    clocks = _Clocks(system)
    if not _apart(system, by_instance, clocks):
        return None
    for rules in by_instance.values():
        for a, b in combinations(rules, 2):
            if (a.delay is None) is not (b.delay is None):
                continue
            if a.delay is not None and clocks.disjoint(a, b):
                continue
            if session.left() <= 0 or _may_meet(session, a, b):
                return None
    return Proved("structure", HOW.format(system.scheduler))


def _may_meet(session: Session, a: Rule, b: Rule) -> bool:
    """May both be ready at once, as far as it is known?"""
    if a.thread != b.thread:
        return session.structure.beside(a, b)
    one, two = fixed_by(conjuncts(a.guard)), fixed_by(conjuncts(b.guard))
    if any(v in two and two[v].value != c.value for v, c in one.items()):
        return False
    return not is_valid(not_(and_(a.guard, b.guard)))


class _Clocks:
    """By when what clocks measure is over, where that is known."""

    def __init__(self, system: TransitionSystem) -> None:
        self._values: list[Scalar] = [0] * len(system.variables)
        self._arguments: set[int] = set()
        for v in system.variables:
            if v.kind in (VarKind.ARG, VarKind.PARAM) and v.init is not None:
                if v.init.op is Op.CONST and v.init.value is not None:
                    self._values[v.index] = v.init.value
                    self._arguments.add(v.index)
        self._ends: dict[tuple[str, int], list[Interval | None]] = {}
        for r in system.rules:
            if r.delay is not None:
                self._ends.setdefault(clock_of(r), []).append(self._interval(r.delay))

    def disjoint(self, a: Rule, b: Rule) -> bool:
        """Are they of one clock, or of two that, started together, are never due together?"""
        mine, its = self._ends[clock_of(a)], self._ends[clock_of(b)]
        return clock_of(a) == clock_of(b) or all(
            x is not None and y is not None and _before(x, y) for x in mine for y in its
        )

    def _interval(self, delay: Delay) -> Interval | None:
        ends = [e for e in (delay.lo, delay.hi) if e is not None]
        if variables(ends) - self._arguments:
            return None
        values = [max(Fraction(0), Fraction(evaluate(e, self._values))) for e in ends]
        return values[0], None if delay.hi is None else max(values)


def _before(x: Interval, y: Interval) -> bool:
    return (x[1] is not None and x[1] < y[0]) or (y[1] is not None and y[1] < x[0])


def _apart(system: TransitionSystem, by_instance: dict[int, list[Rule]], clocks: _Clocks) -> bool:
    """Does no step start clocks of two instances, but at the beginning such as are never due
    together?"""
    writers: dict[int, set[int]] = {}
    for r in system.rules:
        for v, _ in r.updates:
            writers.setdefault(v, set()).add(r.instance)
    first: list[Rule] = []
    for instance, rules in by_instance.items():
        for r in rules:
            if r.delay is None:
                continue
            if any(writers.get(v, set()) - {instance} for v in variables([r.guard])):
                return False
            if not _is_later(system, r):
                first.append(r)
    return all(clocks.disjoint(a, b) for a, b in combinations(first, 2) if a.instance != b.instance)


def _is_later(system: TransitionSystem, rule: Rule) -> bool:
    """Is the rule surely not ready at the beginning?"""
    for v, value in fixed_by(conjuncts(rule.guard)).items():
        variable = system.variables[v]
        init = variable.init
        if variable.kind is VarKind.LOCATION and init is not None and init.op is Op.CONST:
            if init.value != value.value:
                return True
    return False


__all__ = ["decided"]
