"""`deterministic` under `scheduler fifo` or `priority`: where the scheduler leaves nothing open.

It takes, of the steps that are ready, that of the highest rank, of these the one that has been
ready the longest, of these one of the instance that comes first in the spec; and of what is due at
one instant what was started first, before anything that takes no time.  So of what an environment
does not decide there is left only which of two steps of one instance is first that are ready since
the same step, and which of two clocks rings first that were started by the same step and are due
at once.  Where there are no such pairs, an environment has one run.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

from ...semantics.expr import FALSE, Op, and_, not_, variables
from ...semantics.symbolic import is_valid
from ...semantics.system import Rule, TransitionSystem, VarKind
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
    if not _apart(system, by_instance):
        return None
    for rules in by_instance.values():
        for a, b in combinations(rules, 2):
            if (a.delay is None) is not (b.delay is None):
                continue
            if a.delay is not None and (clock_of(a) == clock_of(b) or _disjoint(rules, a, b)):
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


def _disjoint(rules: Sequence[Rule], a: Rule, b: Rule) -> bool:
    """Can clocks that start together never be due together?"""
    mine = [_interval(r) for r in rules if r.delay is not None and clock_of(r) == clock_of(a)]
    its = [_interval(r) for r in rules if r.delay is not None and clock_of(r) == clock_of(b)]
    return all(x is not None and y is not None and _before(x, y) for x in mine for y in its)


def _before(x: Interval, y: Interval) -> bool:
    return (x[1] is not None and x[1] < y[0]) or (y[1] is not None and y[1] < x[0])


def _interval(rule: Rule) -> Interval | None:
    assert rule.delay is not None
    lo, hi = rule.delay.lo, rule.delay.hi
    if lo.op is not Op.CONST or (hi is not None and hi.op is not Op.CONST):
        return None
    least = max(Fraction(0), Fraction(lo.value or 0))
    return least, None if hi is None else max(least, Fraction(hi.value or 0))


def _apart(system: TransitionSystem, by_instance: dict[int, list[Rule]]) -> bool:
    """Does no step start clocks of two instances?  At the beginning one may run."""
    writers: dict[int, set[int]] = {}
    for r in system.rules:
        for v, _ in r.updates:
            writers.setdefault(v, set()).add(r.instance)
    first: set[object] = set()
    for instance, rules in by_instance.items():
        for r in rules:
            if r.delay is None:
                continue
            if any(writers.get(v, set()) - {instance} for v in variables([r.guard])):
                return False
            if not _is_later(system, r):
                first.add(clock_of(r))
    return len(first) <= 1


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
