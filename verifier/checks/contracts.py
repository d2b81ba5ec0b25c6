"""A contract that nobody can meet would prove anything: it is an error."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from ...semantics.expr import TRUE, not_
from ...semantics.system import Rule, RuleKind
from ...semantics.trace import Trace
from ..session import Session
from ..verdict import Proved, Refuted, Result, Unknown

INSTANCE = re.compile(r"\[\d+\]|#\d+")  # one contract has many occurrences


def satisfiable(session: Session) -> Iterator[Result]:
    """One line for each activity whose `ensures` no state and no result satisfies, or for which
    the solver does not know; one line for all others together."""
    from ...semantics.symbolic import is_satisfiable, is_valid

    system = session.system
    met = 0
    first = None
    contracts: dict[str, Rule] = {}
    for rule in system.rules:
        if rule.kind is RuleKind.COMPLETE and rule.relation is not TRUE:
            contracts.setdefault(INSTANCE.sub("", rule.activity), rule)
    short = Counter(path.rpartition(".")[2] for path in contracts)
    for path, rule in contracts.items():
        last = path.rpartition(".")[2]
        activity = last if short[last] == 1 else path
        first = first or rule.span
        if is_satisfiable(rule.relation):
            met += 1
        elif is_valid(not_(rule.relation)):
            message = f"nothing satisfies the `ensures` of {activity}: it could never complete"
            verdict = Refuted("smt", message, Trace(()), rule.span, "contradiction")
            yield Result("contracts", activity, verdict, rule.span)
        else:
            why = f"the solver does not know whether the `ensures` of {activity} can be met"
            yield Result("contracts", activity, Unknown("smt", why), rule.span)
    if met and first is not None:
        how = "each `ensures` has a state and a result that satisfy it"
        # (What `needs` and claims ask for is a line of its own.)
        name = "ensures" if met == len(contracts) else "other ensures"
        yield Result(
            "contracts", name, Proved("smt", how, f"{met} contract{'s' * (met > 1)}"), first
        )
