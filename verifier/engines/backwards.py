"""Candidate invariants from the goals, backwards: what has to hold before a step for a goal to hold
behind it (Dijkstra's weakest preconditions, of one step after the other).

Guesses only: Houdini keeps what is inductive.  Where no way back goes round a loop for ever, and
other instances do not break what is asked, the preconditions of all steps together are inductive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from ...semantics.expr import TRUE, Expr, Op, not_, or_
from ...semantics.system import Obligation, Rule, TransitionSystem
from ...semantics.walks import fold, postorder, variables
from .common import after, conjuncts, fixed_by, is_state, put, touched, weakest, written

MOST = 40  # candidates, of one goal
MOST_OF_ALL = 400
MOST_VARIABLES = 10
MOST_NODES = 250  # written out


def preconditions(system: TransitionSystem, goals: Sequence[Obligation]) -> list[Expr]:
    """The nearest ones first, of each goal."""
    rules = {r.index: r for r in system.rules}
    writers: dict[int, list[Rule]] = {}
    for rule in rules.values():
        for v in written(rule):
            writers.setdefault(v, []).append(rule)
    found: dict[str, Expr] = {}
    for goal in goals:
        if len(found) >= MOST_OF_ALL:
            break
        if is_state(goal):
            start = goal.cond
        elif not goal.every_step and goal.rule in rules:
            rule = rules[goal.rule]
            start = or_(not_(rule.guard), after(rule, goal.cond))
            if not _small(start):
                continue
            found.setdefault(repr(start), start)
        else:
            continue
        _back(system, start, writers, found)
    return [c for c in found.values() if c.op is not Op.CONST and _small(c)]


def _back(
    system: TransitionSystem,
    start: Expr,
    writers: Mapping[int, Sequence[Rule]],
    found: dict[str, Expr],
) -> None:
    """Before steps of the instances that a condition speaks of, breadth first."""
    left = MOST
    todo = deque([start])
    while todo and left > 0:
        cond = todo.popleft()
        mentioned = variables([cond])
        owners = {system.variables[v].instance for v in mentioned} - {None}
        for rule in {r.index: r for v in sorted(mentioned) for r in writers.get(v, ())}.values():
            if owners and rule.instance not in owners:
                continue
            then = put(weakest(rule, cond), fixed_by(conjuncts(rule.guard)))
            before = TRUE if then is TRUE else or_(not_(rule.guard), then)
            # (Written out, a term of shared terms may be as long as you like.)
            if before.op is Op.CONST or not _small(before) or repr(before) in found:
                continue
            found[repr(before)] = before
            todo.append(before)
            left -= 1


def _small(cond: Expr) -> bool:
    if any(n.op in (Op.INPUT, Op.POST) for n in postorder([cond])):
        return False

    def size(node: Expr, args: Sequence[int]) -> int:
        return 1 + sum(args)

    return fold(cond, size) <= MOST_NODES and len(touched(cond)) <= MOST_VARIABLES
