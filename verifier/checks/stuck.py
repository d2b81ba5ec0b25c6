"""Is a set of threads stuck for ever in a given state, whatever the rest of the system does?

Used to confirm a deadlock that was found in a part of the system: no search, one state.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...semantics.expr import FALSE, Expr, Op, Scalar, const
from ...semantics.system import PointKind, Rule, RuleKind, TransitionSystem, VarKind
from ...semantics.values import reader
from ...semantics.walks import substitute, variables
from ..engines.mailbox import bringing
from ..engines.structure import Structure


def blocked_for_ever(
    structure: Structure, state: Sequence[Scalar], candidates: Collection[int]
) -> list[int]:
    """Of the candidates, the largest set of threads that only its members could release.

    A thread stays in the set while none of its rules, and no rule that would cancel it, can ever
    be taken unless a member moves first.  One that has ended waits for nobody, nor does one of an
    instance that there is not, or that is over.  A branch that control has not come to, or has
    left, may be a member (it would have to move first), but by itself it waits for nothing: the
    set is empty if it has no other members.
    """
    threads = structure.system.threads
    over = (PointKind.END, PointKind.FAILED)
    read = reader(state)
    absent = {i.id for i in structure.system.instances if read(i.active) is False}
    waiting = {
        t
        for t in candidates
        if threads[t].points[int(state[threads[t].location])].kind not in over
        and threads[t].instance not in absent
    }
    found = _Stuck(structure, state)
    core = found.core({t for t in waiting if not found.has_ended(t)})
    return core if any(found.under_way(t) for t in core) else []


def under_way(structure: Structure, state: Sequence[Scalar], threads: Collection[int]) -> list[int]:
    """Those of the threads that control has come to, of instances that are not over."""
    found = _Stuck(structure, state)
    return [t for t in threads if found.under_way(t)]


class _Stuck:
    def __init__(self, structure: Structure, state: Sequence[Scalar]) -> None:
        self.structure = structure
        self.system: TransitionSystem = structure.system
        self.state = state
        self.read = reader(state)
        self.thread_at = {t.location: t.id for t in self.system.threads}
        # A crash need not come.
        self.moving = {
            t: [r for r in rules if r.kind is not RuleKind.CRASH]
            for t, rules in structure.moving().items()
        }
        self.writers = structure.writers()
        self.holders: dict[int, list[int]] = {}  # USED variable -> threads that hold some now
        for r in self.system.resources:
            if r.kind == "rate":  # its tokens come again by themselves
                self.holders[r.used] = sorted(self.writers.get(r.used, ()))
        for t in self.system.threads:
            for used, _ in t.points[int(state[t.location])].holds:
                self.holders.setdefault(used, []).append(t.id)

    def core(self, members: set[int]) -> list[int]:
        while True:
            answers: dict[int, bool] = {}  # of rules, for these members
            leaving = set()
            for t in members:
                for rule in self.moving.get(t, ()):
                    if rule.index not in answers:
                        answers[rule.index] = self.hopeless(rule, members)
                    if not answers[rule.index]:
                        leaving.add(t)
                        break
            if not leaving:
                return sorted(members)
            members = members - leaving

    def hopeless(self, rule: Rule, members: set[int]) -> bool:
        """Disabled, and its guard stays false while no member moves."""
        return self.read(rule.guard) is False and self.lasting(rule, rule.guard, members)

    def lasting(self, rule: Rule, part: Expr, members: set[int]) -> bool:
        """A condition that is false now and can be made true by members only."""
        if part.op is Op.AND:
            return any(self.read(a) is False and self.lasting(rule, a, members) for a in part.args)
        if part.op is Op.OR:
            return all(self.lasting(rule, a, members) for a in part.args)
        return all(self.frozen(rule, part, v, members) for v in variables([part]))

    def under_way(self, thread: int) -> bool:
        """Control has come to it: it has begun, or where the others stand lets it begin."""
        if self.has_ended(thread):
            return False
        t = self.system.threads[thread]
        if t.points[int(self.state[t.location])].kind is not PointKind.ENTRY:
            return True
        mine = (r for r in self.moving.get(thread, ()) if r.thread == thread)
        return any(substitute(r.guard, self.standing) is not FALSE for r in mine)

    def standing(self, leaf: Expr) -> Expr:
        known = leaf.op is Op.VAR and leaf.index in self.thread_at
        return const(self.state[leaf.index]) if known else leaf

    def has_ended(self, thread: int) -> bool:
        """Its instance is over, or there is no such instance, so it takes no step any more.  (That
        of a channel has none.)"""
        instance = self.system.instances[self.system.threads[thread].instance]
        if not any(t == instance.root for t, _ in self.structure.ancestors(thread)):
            return False
        if self.read(instance.active) is False:
            return True
        root = self.state[self.system.threads[instance.root].location]
        return root in (instance.completed, instance.failed)

    def never_at(self, thread: int, part: Expr) -> bool:
        """The condition is that the thread is at a point which no step leads to."""
        if part.op is not Op.EQ:
            return False
        here, point = part.args
        entered = self.structure.entered(self.system.threads[thread])
        return here.op is Op.VAR and point.op is Op.CONST and point.value not in entered

    def frozen(self, rule: Rule, part: Expr, v: int, members: set[int]) -> bool:
        if v in self.thread_at:
            return self.thread_at[v] in members or self.never_at(self.thread_at[v], part)
        kind = self.system.variables[v].kind
        if kind is VarKind.CHANNEL:
            others = bringing(self.structure, rule, v)
            return all(t in members or self.has_ended(t) for t in others)
        if kind is VarKind.USED:
            held_by = self.holders.get(v, ())
            return _is_claim(rule, part, v) and all(t in members for t in held_by)
        return kind in (VarKind.ARG, VarKind.PARAM) or self.writers.get(v, set()) <= members


def _is_claim(rule: Rule, part: Expr, used: int) -> bool:
    """A conjunct that more use of the resource can only make false, never true."""
    if rule.kind not in (RuleKind.START, RuleKind.GRANT, RuleKind.RECOVER):
        return False
    if part.op is Op.EQ:
        return part.args[0].op is Op.VAR and part.args[1].value == 0
    if part.op not in (Op.LE, Op.LT):
        return False
    left, right = part.args
    if used in variables([right]):
        return False
    if left.op is not Op.ADD:
        return left.op is Op.VAR
    rest = [a for a in left.args if not (a.op is Op.VAR and a.index == used)]
    return len(left.args) - len(rest) == 1 and used not in variables(rest)
