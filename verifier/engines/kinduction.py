"""k-induction (Sheeran, Singh, Stalmarck 2000) for single state goals on small slices.

If a condition holds in the first k states of every run, and after any k steps through states in
which it holds, then it holds always.  One query over all rules per step, so for few rules only.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ...semantics.expr import FALSE, Expr, Op
from ...semantics.symbolic import Answer, Encoder, Smt, Term, any_of, negated, symbol
from ...semantics.system import Obligation, Rule, TransitionSystem
from ...semantics.walks import variables
from .common import Budget, initial_condition, input_condition
from .slice import slice_for

RULES = 60


def k_induction(
    system: TransitionSystem,
    goal: Obligation,
    invariants: Sequence[Expr] = (),
    largest: int = 3,
    budget: Budget | None = None,
) -> int | None:
    """The smallest k up to `largest` with which the goal is shown, or None.

    `invariants` must be known to hold in every reachable state.
    """
    limits = budget or Budget()
    deadline = time.monotonic() + limits.seconds
    cone = slice_for(system, [goal])
    if len(cone.system.rules) > RULES:
        return None
    known = [e for e in invariants if variables([e]) <= cone.variables]
    unrolled = _Unrolled(cone.system, sorted(cone.variables))
    for k in range(1, largest + 1):
        if time.monotonic() > deadline:
            return None
        # Every run's first k states, one depth at a time: the earlier ones are done.
        if not unrolled.base(goal.cond, k - 1, limits.query):
            return None
        if unrolled.step(goal.cond, known, k, limits.query):
            return k
    return None


class _Unrolled:
    """The system as formulas over the states 0, 1, 2, .."""

    def __init__(self, system: TransitionSystem, kept: Sequence[int]) -> None:
        self.system = system
        self.kept = kept
        self._encoders: dict[int, Encoder] = {}
        self._transitions: list[Term] = []

    def at(self, expr: Expr, step: int) -> Term:
        if step not in self._encoders:
            self._encoders[step] = Encoder(step)
        return self._encoders[step](expr)

    def value(self, v: int, step: int) -> Term:
        return symbol(f"v{v}@{step}", self.system.variables[v].sort)

    def transition(self, step: int) -> Term:
        """Some rule is taken from state `step`."""
        while len(self._transitions) <= step:
            at = len(self._transitions)
            self._transitions.append(any_of([self._rule(r, at) for r in self.system.rules]))
        return self._transitions[step]

    def _rule(self, rule: Rule, step: int) -> Term:
        def leaf(node: Expr) -> Term:
            if node.op is Op.INPUT:
                return symbol(f"i{rule.index}.{node.index}@{step}", node.sort)
            return self.value(node.index, step if node.op is Op.VAR else step + 1)

        encode = Encoder(step, leaf=leaf)
        updates = dict(rule.updates)
        parts = [encode(rule.guard), encode(input_condition(rule))]
        for v in self.kept:
            new = encode(updates[v]) if v in updates else self.value(v, step)
            parts.append(self.value(v, step + 1) == new)
        return negated(any_of([negated(p) for p in parts]))

    def _start(self) -> list[Term]:
        parts = [self.at(initial_condition(self.system, self.kept), 0)]
        for v in self.kept:
            init = self.system.variables[v].init
            if init is not None:
                parts.append(self.value(v, 0) == self.at(init, 0))
        return parts

    def _counted(self, last: int) -> list[Term]:
        """No state up to `last` is excluded."""
        if self.system.excluded is FALSE:
            return []
        return [negated(self.at(self.system.excluded, k)) for k in range(last + 1)]

    def base(self, condition: Expr, depth: int, seconds: float) -> bool:
        """The condition holds after exactly `depth` steps from the start."""
        solver = Smt(int(seconds * 1000))
        solver.add(*self._start(), *(self.transition(k) for k in range(depth)))
        solver.add(*self._counted(depth), negated(self.at(condition, depth)))
        return solver.check() is Answer.UNSAT

    def step(self, condition: Expr, known: Sequence[Expr], k: int, seconds: float) -> bool:
        """k steps through states in which the condition holds lead to one in which it does."""
        solver = Smt(int(seconds * 1000))
        for at in range(k):
            solver.add(self.at(condition, at), *(self.at(e, at) for e in known))
            solver.add(self.transition(at))
        solver.add(*self._counted(k), negated(self.at(condition, k)))
        return solver.check() is Answer.UNSAT
