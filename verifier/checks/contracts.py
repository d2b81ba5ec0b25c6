"""A contract that nobody can meet would prove anything: it is an error."""

from __future__ import annotations

from collections.abc import Iterator

from ...semantics.expr import TRUE, not_
from ...semantics.system import RuleKind
from ...semantics.trace import Trace
from ..session import Session
from ..verdict import Proved, Refuted, Result


def satisfiable(session: Session) -> Iterator[Result]:
    """One line for each activity whose `ensures` no state and no result satisfies."""
    from ...semantics.symbolic import is_valid

    system = session.system
    seen: set[str] = set()
    met = 0
    first = None
    for rule in system.rules:
        if rule.kind is not RuleKind.COMPLETE or rule.relation is TRUE:
            continue
        activity = rule.activity.split(".")[-1].split("#")[0].split("[")[0]
        if activity in seen:
            continue
        seen.add(activity)
        first = first or rule.span
        if not is_valid(not_(rule.relation)):
            met += 1
            continue
        message = f"nothing satisfies the `ensures` of {activity}: it could never complete"
        verdict = Refuted("smt", message, Trace(()), rule.span, "contradiction")
        yield Result("contracts", activity, verdict, rule.span)
    if met and first is not None and met == len(seen):
        how = "each `ensures` has a state and a result that satisfy it"
        yield Result("contracts", "", Proved("smt", how, f"{met} contracts"), first)
