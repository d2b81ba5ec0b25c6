"""Is a set of threads stuck for ever in a given state, whatever the rest of the system does?

Used to confirm a deadlock that was found in a part of the system: no search, one state.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...semantics.expr import Expr, Op, Scalar, postorder, variables
from ...semantics.system import Rule, RuleKind, TransitionSystem, VarKind
from ...semantics.values import enabled, evaluate
from ..engines.structure import Structure


def blocked_for_ever(
    structure: Structure, state: Sequence[Scalar], candidates: Collection[int]
) -> list[int]:
    """Of the candidates, the largest set of threads that only its members could release.

    A thread stays in the set while none of its rules, and no rule that would cancel it, can ever
    be taken unless a member moves first.
    """
    return _Stuck(structure, state).core(set(candidates))


class _Stuck:
    def __init__(self, structure: Structure, state: Sequence[Scalar]) -> None:
        self.system: TransitionSystem = structure.system
        self.state = state
        self.thread_at = {t.location: t.id for t in self.system.threads}
        self.moving: dict[int, list[Rule]] = {}  # thread -> rules that write its location
        for rule in self.system.rules:
            for v, _ in rule.updates:
                if v in self.thread_at:
                    self.moving.setdefault(self.thread_at[v], []).append(rule)
            if not any(v == self.system.threads[rule.thread].location for v, _ in rule.updates):
                self.moving.setdefault(rule.thread, []).append(rule)
        self.holders: dict[int, list[int]] = {}  # USED variable -> threads that hold some now
        for t in self.system.threads:
            for used, _ in t.points[int(state[t.location])].holds:
                self.holders.setdefault(used, []).append(t.id)

    def core(self, members: set[int]) -> list[int]:
        while True:
            leaving = {
                t
                for t in members
                if not all(self.hopeless(r, members, deep=True) for r in self.moving.get(t, ()))
            }
            if not leaving:
                return sorted(members)
            members = members - leaving

    def hopeless(self, rule: Rule, members: set[int], deep: bool) -> bool:
        """Disabled, by a conjunct of the guard that stays false while no member moves."""
        if enabled(rule, self.state):
            return False
        parts = rule.guard.args if rule.guard.op is Op.AND else (rule.guard,)
        return any(
            evaluate(p, self.state) is False and self.lasting(rule, p, members, deep) for p in parts
        )

    def lasting(self, rule: Rule, part: Expr, members: set[int], deep: bool) -> bool:
        for v in variables([part]):
            if v in self.thread_at:
                t = self.thread_at[v]
                if t in members:
                    continue
                if not deep or not all(
                    self.hopeless(r, members, deep=False) for r in self.moving.get(t, ())
                ):
                    return False
            elif self.system.variables[v].kind is VarKind.USED:
                if not _is_claim(rule, part, v) or not self.kept(v, members, deep):
                    return False
            elif self.system.variables[v].kind not in (VarKind.ARG, VarKind.PARAM):
                writers = {r.thread for r in self.system.rules for u, _ in r.updates if u == v}
                if not writers <= members:
                    return False
        return True

    def kept(self, used: int, members: set[int], deep: bool) -> bool:
        """All that is held now is held by members, or by threads that wait for them."""
        return all(
            t in members
            or (deep and all(self.hopeless(r, members, deep=False) for r in self.moving.get(t, ())))
            for t in self.holders.get(used, ())
        )


def _is_claim(rule: Rule, part: Expr, used: int) -> bool:
    """A conjunct that more use of the resource can only make false, never true."""
    if rule.kind not in (RuleKind.START, RuleKind.GRANT):
        return False
    if part.op is Op.EQ:
        return part.args[0].op is Op.VAR and part.args[1].value == 0
    if part.op not in (Op.LE, Op.LT):
        return False
    left, right = part.args
    if used in variables([right]):
        return False
    grows = left.op is Op.VAR or (
        left.op is Op.ADD and sum(a.op is Op.VAR and a.index == used for a in left.args) == 1
    )
    return grows and not any(n.op in (Op.NEG, Op.MUL, Op.ITE) for n in postorder([left]))
