"""What the rules show without evidence."""

from __future__ import annotations

from collections.abc import Sequence

from ..semantics.events import fold_updates
from ..semantics.expr import NUMBERS, TRUE, Op, and_, eq, var, variables
from ..semantics.system import Obligation, TransitionSystem, VarKind
from .facts import Prover, Wrong

# Shown rule by rule, or by runs: of any number of instances, and of any capacity.
RULE_BY_RULE = ("atomicity", "no_dead_code")


def some_only(
    system: TransitionSystem, check: str, goals: Sequence[Obligation], whole: bool
) -> str:
    """Of what only evidence on these rules speaks, where more is claimed; "" if it is all.

    Rules have a few of any number of instances (`w[*]`), and capacities that are set as parameters.
    """
    if check in RULE_BY_RULE or not (goals or whole):
        return ""
    if system.any_number:
        return "it is shown of a few instances, and claimed of any number"
    if system.controls and whole:
        return "it is shown of capacities that stay as they are"
    return ""


def atomic(prover: Prover) -> None:
    """The events of each rule, applied one by one, give what it writes."""
    system = prover.model.system
    for rule in system.rules:
        folded, updates = fold_updates(rule), dict(rule.updates)
        for v in folded.keys() | updates.keys():
            own = var(v, system.variables[v].sort)
            left, right = folded.get(v, own), updates.get(v, own)
            if prover.key(left) == prover.key(right):
                continue
            same = eq(left, right)
            if same.op is Op.EQ and left.sort in NUMBERS:
                if prover.zero([(1, left), (-1, right)], left.sort) is TRUE:
                    continue  # the same sum
            if not prover.implies([and_(rule.guard, rule.relation)], same):
                raise Wrong(f"the events of `{rule.name}` do not give what it writes")


def nobody_waits(system: TransitionSystem) -> None:
    """No guard looks at what is in use."""
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    for rule in system.rules:
        if variables([rule.guard]) & used:
            raise Wrong(f"`{rule.name}` may wait for a resource")
