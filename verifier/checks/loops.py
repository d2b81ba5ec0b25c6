"""Why a loop ends: a bound, or a linear ranking function that a solver confirms."""

from __future__ import annotations

from typing import NamedTuple

from ...semantics.evidence import Rank
from ...semantics.expr import TRUE, Expr, Op, Sort, add, and_, const, le, lt, var
from ...semantics.symbolic import is_satisfiable
from ...semantics.system import Loop, Obligation, Rule, TransitionSystem
from ...semantics.walks import variables
from ..engines.block_ranking import block_ranking
from ..engines.common import Budget, conjuncts, input_condition
from ..engines.induction import Prover
from ..engines.rank_terms import features
from ..engines.ranking import declared, ranking
from ..engines.rounds import Rounds
from ..engines.templates import templates
from ..session import Session

MOST_RULES = 400  # of a system, to look for invariants of its data
SOON, LATER, MOST = 1.5, 4.0, 6.0  # seconds: for the test alone, all data, whole rounds


def answerable(rule: Rule) -> Expr | None:
    """When the environment has an answer that the contract allows, as a condition on the state;
    None where that is not known.

    Inputs that are compared with terms are eliminated one by one (Fourier and Motzkin; exact also
    for integers, which stand alone on their side): a value exists if no lower bound is above an
    upper one.  What then still speaks of inputs must not depend on the state.
    """
    if rule.relation is TRUE:
        return TRUE
    left = conjuncts(input_condition(rule))
    for k, answer in enumerate(rule.inputs):
        mine = [part for part in left if k in variables([part], Op.INPUT)]
        bounds = [_bounds(k, part) for part in mine]
        if answer.sort is Sort.BOOL or any(not b for b in bounds):
            continue
        rest = [part for part in left if k not in variables([part], Op.INPUT)]
        flat = [b for group in bounds for b in group]
        lower = [b for b in flat if b.lower]
        left = rest + [
            lt(x.term, y.term) if x.strict or y.strict else le(x.term, y.term)
            for x in lower
            for y in flat
            if not y.lower
        ]
    asking = [part for part in left if variables([part], Op.INPUT)]
    if variables(asking) or (asking and not is_satisfiable(and_(*asking))):
        return None
    return and_(*(part for part in left if not variables([part], Op.INPUT)))


class _Bound(NamedTuple):
    lower: bool
    term: Expr
    strict: bool  # of real numbers only


def _bounds(k: int, part: Expr) -> list[_Bound]:
    """What a comparison of input k with a term without it says; [] if it is none."""
    negated = part.op is Op.NOT
    core = part.args[0] if negated else part
    if core.op not in (Op.LE, Op.LT, Op.EQ) or (negated and core.op is Op.EQ):
        return []
    for at, (mine, other) in enumerate((core.args, core.args[::-1])):
        if mine.op is Op.INPUT and mine.index == k and k not in variables([other], Op.INPUT):
            if mine.sort is not other.sort or mine.sort is Sort.BOOL:
                return []
            if core.op is Op.EQ:
                return [_Bound(True, other, False), _Bound(False, other, False)]
            lower = (at == 0) == negated
            strict = (core.op is Op.LT) != negated
            if strict and mine.sort is Sort.INT:
                return [_Bound(lower, add(other, const(1 if lower else -1)), False)]
            return [_Bound(lower, other, strict)]
    return []


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
    if loop.graph or not session.may("ranking"):
        return ""
    key = str(id(loop))
    if key not in session.rankings:
        found = ranking(session.structure, loop, seconds=min(SOON, session.share(0.1)), wide=False)
        if found is None:
            small = len(session.system.rules) <= MOST_RULES
            known = _invariants(session, loop) if small else []
            found = ranking(session.structure, loop, known, min(LATER, session.share(0.2)))
        if found is not None:
            session.measures.extend(Rank(term=level.rank) for level in found.levels)
            session.rankings[key] = found.words
        else:
            seconds = min(MOST, session.share(0.2))
            session.rankings[key] = block_ranking(session.structure, loop, seconds)
    return session.rankings[key]


def by_messages(system: TransitionSystem, loop: Loop) -> bool:
    """Its rounds send or receive: then it seldom has a ranking function, and a look at all states
    is the better beginning."""
    return any(system.rules[i].channel for i in loop.rules)


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
    chosen = session.may("ranking")
    if chosen and declared(session.structure, loop, seconds=session.share(0.05)) is not None:
        return ""
    if chosen and len(system.rules) <= MOST_RULES:
        known = _invariants(session, loop)
        if known and declared(session.structure, loop, known, session.share(0.05)) is not None:
            return ""
    return f"it was not shown that {said} falls with every round and is bounded from below"
