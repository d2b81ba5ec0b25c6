"""Why a loop ends: a bound, or a linear ranking function that a solver confirms."""

from __future__ import annotations

from collections.abc import Sequence

from ...semantics.expr import TRUE, Expr, Op, Sort, add, and_, const, le, var, variables
from ...semantics.symbolic import is_satisfiable
from ...semantics.system import Loop, Obligation, Rule
from ..engines.common import Budget, conjuncts, input_condition
from ..engines.induction import Prover
from ..engines.rank_terms import features
from ..engines.ranking import declared, ranking
from ..engines.rounds import Rounds
from ..engines.templates import templates
from ..session import Session

MOST_RULES = 400  # of a system, to look for invariants of its data


def always_answerable(rule: Rule) -> bool:
    """Whatever the state, the environment has an answer that the contract allows.

    An input that is only bounded from one side, or is equal to one term, has a value whatever that
    term is; what speaks of it is left out then.  The rest must not depend on the state.
    """
    if rule.relation is TRUE:
        return True
    left = conjuncts(input_condition(rule))
    if not variables(left):
        return is_satisfiable(and_(*left))
    open_ = set(range(len(rule.inputs)))
    while True:
        free = next((k for k in sorted(open_) if _can_be_chosen(k, left)), None)
        if free is None:
            break
        open_.discard(free)
        left = [part for part in left if free not in variables([part], Op.INPUT)]
    return not variables(left) and is_satisfiable(and_(*left))


def _can_be_chosen(k: int, parts: Sequence[Expr]) -> bool:
    """Do the parts that speak of input k leave it a value, whatever else they speak of is?"""
    sides = [_side(k, part) for part in parts if k in variables([part], Op.INPUT)]
    return sides == ["equal"] or set(sides) in ({"above"}, {"below"})


def _side(k: int, part: Expr) -> str:
    """Where a comparison puts input k with regard to a term without it; "" if it is none."""
    negated = part.op is Op.NOT
    core = part.args[0] if negated else part
    if core.op not in (Op.LE, Op.LT, Op.EQ) or (negated and core.op is Op.EQ):
        return ""
    for at, (mine, other) in enumerate((core.args, core.args[::-1])):
        if mine.op is Op.INPUT and mine.index == k and k not in variables([other], Op.INPUT):
            if mine.sort is not other.sort or mine.sort is Sort.BOOL:
                return ""
            if core.op is Op.EQ:
                return "equal"
            return "below" if (at == 0) != negated else "above"
    return ""


def _invariants(session: Session, loop: Loop) -> list[Expr]:
    """What always holds of the data that the loop's progress depends on."""
    system = session.system
    data = variables(features(system, loop, Rounds(session.structure, loop).heads))
    numbers = [v for v in map(system.variables.__getitem__, sorted(data)) if v.sort is Sort.INT]
    # Goals that say nothing, for the cone of what they speak of.
    goals = [
        Obligation("terminates", "", le(x, add(x, const(1))), "", loop.span)
        for x in (var(v.index, v.sort) for v in numbers)
    ]
    prover = Prover(system, Budget(session.share(0.3)))
    return list(prover.thin(templates(system, goals)).known.values())


def ends(session: Session, loop: Loop) -> str:
    """In words, why the loop ends; "" if that is not known."""
    if loop.bounded:
        return "bounded by at_most"
    if loop.graph:
        return ""
    key = str(id(loop))
    if key not in session.rankings:
        found = ranking(session.structure, loop, seconds=session.share(0.1), wide=False)
        if found is None:
            small = len(session.system.rules) <= MOST_RULES
            known = _invariants(session, loop) if small else []
            found = ranking(session.structure, loop, known, session.share(0.2))
        session.rankings[key] = found.words if found is not None else ""
    return session.rankings[key]


def unproved_measure(session: Session, loop: Loop) -> str:
    """What is wrong with the loop's `decreases`, with its place; "" where it is one, or none is
    given."""
    if loop.decreases is None or loop.graph:
        return ""
    key = f"decreases {id(loop)}"
    if key not in session.rankings:
        session.rankings[key] = _measure(session, loop)
    return session.rankings[key]


def _measure(session: Session, loop: Loop) -> str:
    assert loop.decreases is not None
    system = session.system
    said = f"the `decreases` of the loop at {loop.span}"
    changed = {v for r in system.rules for v, _ in r.own}
    if not variables([loop.decreases]) & changed:
        return f"{said} never falls: nothing changes it"
    if declared(session.structure, loop, seconds=session.share(0.05)) is not None:
        return ""
    if len(system.rules) <= MOST_RULES:
        known = _invariants(session, loop)
        if known and declared(session.structure, loop, known, session.share(0.05)) is not None:
            return ""
    return f"it was not shown that {said} falls with every round and is bounded from below"
