"""When somebody can take a step, in a system whose instances are counted (`crowd`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod

from ...semantics.expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Scalar,
    Sort,
    add,
    and_,
    const,
    eq,
    le,
    not_,
    or_,
    var,
)
from ...semantics.system import Rule, RuleKind, TransitionSystem, Variable, VarKind
from ...semantics.walks import substitute, variables
from .common import domain, input_condition, put
from .crowd_control import Group
from .crowd_terms import TYPES

MOST_ANSWERS = 64


def moving(
    system: TransitionSystem,
    mine: Collection[int],
    members: Collection[int],
    groups: Sequence[Group],
    counters: Sequence[Sequence[Expr]],
    declared: list[Variable],
    ranged: Mapping[int, Variable],
) -> Expr | None:
    """Somebody can take a step that is no crash, or all have ended; None where that cannot be said.

    At each place of the crowd where there is a member: one whose data is any value, a variable that
    is free and stays (added to `declared`), within the range in `ranged` where it has one.  Where
    the condition holds in every state that can be reached, whatever these values are, in none of
    them are all stuck before the end.  Only where the threads of a member are counted together: of
    several it is not known who belongs to whom.
    """
    if len(groups) > len(members) or system.excluded is not FALSE:
        return None
    can: list[Expr] = []
    able: dict[tuple[int, int], list[Expr]] = {}  # by group and place
    data: dict[tuple[int, int, int], Expr] = {}
    for r in system.rules:
        if r.kind is RuleKind.CRASH:
            continue
        # Where an answer is asked for, there has to be one: of completions that is known.
        answered = TRUE if r.kind is RuleKind.COMPLETE else _answered(r)
        if answered is None or r.turn is not TRUE:
            return None
        guard = and_(r.guard, answered)
        if r.instance not in members:
            if variables([guard]) & set(mine):
                return None
            can.append(guard)
            continue
        if any(declared[v].sort is Sort.STACK for v in variables([guard])):
            return None
        (n,) = (n for n, g in enumerate(groups) if g.instance == r.instance)
        for k in groups[n].candidates(r):

            def leaf(node: Expr, place: tuple[int, int] = (n, k)) -> Expr:
                if node.op is not Op.VAR or node.index not in mine:
                    return node
                return _of_one(node, place, data, declared, ranged)

            here = substitute(put(guard, groups[n].values[k]), leaf)
            able.setdefault((n, k), []).append(here)
    over: list[Expr] = []
    for n, group in enumerate(groups):
        ends = group.over(system)
        over.append(nobody_but(counters[n], ends))
        for k, c in enumerate(counters[n]):
            if k not in ends:
                can.append(and_(le(const(1), c), or_(*able.get((n, k), ()))))
    for i in system.instances:
        if i.id not in members:
            at = var(system.threads[i.root].location, Sort.INT)
            ended = (eq(at, const(p)) for p in (i.completed, i.failed))
            over.append(or_(not_(i.active), *ended))
    return or_(*can, and_(*over))


def _of_one(
    node: Expr,
    place: tuple[int, int],
    data: dict[tuple[int, int, int], Expr],
    declared: list[Variable],
    ranged: Mapping[int, Variable],
) -> Expr:
    key = (*place, node.index)
    if key not in data:
        v, index = declared[node.index], len(declared)
        name = f"{v.name} of one there"
        new = Variable(index, name, v.sort, TYPES[v.sort], VarKind.PARAM, None)
        if node.index in ranged:
            new = replace(new, type=v.type, lo=v.lo, hi=v.hi)
        declared.append(new)
        data[key] = var(index, v.sort)
    return data[key]


def _answered(rule: Rule) -> Expr | None:
    """That some answer is possible, by trying all of them; None where there are too many."""
    if rule.relation is TRUE:
        return TRUE
    values = [domain(given) for given in rule.inputs]
    if any(v is None for v in values) or prod(len(v or ()) for v in values) > MOST_ANSWERS:
        return None
    condition = input_condition(rule)

    def given(answers: Sequence[Scalar]) -> Expr:
        return substitute(condition, lambda n: const(answers[n.index]) if n.op is Op.INPUT else n)

    return or_(*(given(answers) for answers in product(*(v or () for v in values))))


def nobody_but(counters: Sequence[Expr], ends: Collection[int]) -> Expr:
    """All of the crowd are at these places."""
    elsewhere = (c for p, c in enumerate(counters) if p not in ends)
    return eq(add(const(0), *elsewhere), const(0))
