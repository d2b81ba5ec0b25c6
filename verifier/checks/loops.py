"""Why a loop ends: a bound, or a linear ranking function that a solver confirms."""

from __future__ import annotations

from ...semantics.expr import TRUE, Expr, Sort, add, const, le, var, variables
from ...semantics.system import Loop, Obligation, Rule
from ..engines.common import Budget
from ..engines.induction import Prover
from ..engines.rank_terms import features
from ..engines.ranking import ranking
from ..engines.templates import templates
from ..session import Session

MOST_RULES = 400  # of a system, to look for invariants of its data


def always_answerable(rule: Rule) -> bool:
    """Whatever the state, the environment has an answer that the contract allows."""
    if rule.relation is TRUE:
        return True
    if variables([rule.relation]):
        return False
    from ...semantics.symbolic import is_satisfiable

    return is_satisfiable(rule.relation)


def _invariants(session: Session, loop: Loop) -> list[Expr]:
    """What always holds of the data that the loop's progress depends on."""
    system = session.system
    data = variables(features(system, loop))
    numbers = [v for v in map(system.variables.__getitem__, sorted(data)) if v.sort is Sort.INT]
    # Goals that say nothing, for the cone of what they speak of.
    goals = [
        Obligation("terminates", "", le(x, add(x, const(1))), "", loop.span)
        for x in (var(v.index, v.sort) for v in numbers)
    ]
    prover = Prover(system, Budget(session.share(0.1)))
    return list(prover.thin(templates(system, goals)).known.values())


def ends(session: Session, loop: Loop) -> str:
    """In words, why the loop ends; "" if that is not known."""
    if loop.bounded:
        return "bounded by at_most"
    if loop.graph:
        return ""
    key = str(id(loop))
    if key not in session.rankings:
        found = ranking(session.structure, loop, seconds=session.share(0.1))
        if found is None and len(session.system.rules) <= MOST_RULES:
            known = _invariants(session, loop)
            found = ranking(session.structure, loop, known, session.share(0.1)) if known else None
        session.rankings[key] = found.words if found is not None else ""
    return session.rankings[key]
