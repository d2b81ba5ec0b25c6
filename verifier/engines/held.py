"""What is in use of a resource is the sum of what all threads hold where they are: shown step by
step, by the solver, where bookkeeping (`linking`) cannot follow a step, as where a crash gives back
what is held wherever the instance is.

A step changes what its threads hold by as much as it changes what is in use, whatever else is so.
That is about the threads that it moves only, so it holds for any number of instances.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ...semantics.expr import Expr, Op, Sort, add, const, eq, implies, ite, sub, var
from ...semantics.symbolic import is_valid
from ...semantics.system import Rule, Thread, TransitionSystem, VarKind
from ...semantics.walks import variables
from .common import weakest
from .linking import Linking

QUERY = 300  # milliseconds


def with_steps(system: TransitionSystem, known: Linking) -> Linking:
    """The same, with more of `linked`."""
    left = [
        v.index
        for v in system.variables
        if v.kind is VarKind.USED and not known.linked.get(v.index)
        if v.init is not None and v.init.op is Op.CONST and v.init.value == 0
    ]
    found = {u: True for u in left if _linked(system, u)}
    return replace(known, linked={**known.linked, **found}) if found else known


def _linked(system: TransitionSystem, used: int) -> bool:
    holders = [
        (t, terms)
        for t in system.threads
        if (terms := [(p.id, e) for p in t.points for v, e in p.holds if v == used])
    ]
    if any(p == 0 for _, terms in holders for p, _ in terms):
        return False
    begins = (system.variables[t.location].init for t, _ in holders)
    if any(e is None or e.op is not Op.CONST or e.value != 0 for e in begins):
        return False
    return all(_follows(r, used, holders) for r in system.rules)


def _follows(
    rule: Rule, used: int, holders: Iterable[tuple[Thread, list[tuple[int, Expr]]]]
) -> bool:
    written = {v for v, _ in rule.updates}
    changes: list[Expr] = []
    for t, terms in holders:
        here = var(t.location, Sort.INT)
        held = add(const(0), *(ite(eq(here, const(p)), e, const(0)) for p, e in terms))
        if variables([held]) & written:
            changes.append(sub(weakest(rule, held), held))
    total = var(used, Sort.INT)
    if not changes and used not in written:
        return True
    same = eq(sub(weakest(rule, total), total), add(const(0), *changes))
    return is_valid(implies(rule.guard, same), QUERY)


__all__ = ["with_steps"]
