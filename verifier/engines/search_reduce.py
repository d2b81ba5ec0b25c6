"""Partial-order reduction: ample sets made of the steps of one thread (Peled 1993).

A thread's location is *local* when all its rules there commute with all rules of all other
threads, are not disabled or enabled by them, and change nothing that a goal reads.  At a local
location where the thread can move, its moves alone are explored, if all of them lead to states
that have not been expanded yet (the proviso for breadth-first search of Bosnacki, Leue and Lluch
Lafuente, 2006: otherwise a cycle might be closed on which other threads are put off for ever).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...semantics.expr import Expr, Op, Scalar, postorder, variables
from ...semantics.system import Obligation, Rule, TransitionSystem
from .common import concerns, conjuncts, fixed_by, is_state, read, touched, written
from .search_compile import Values
from .search_space import Move


class Reducer:
    """Precomputed from the syntax of the rules; sound for the goals it was made for."""

    def __init__(self, system: TransitionSystem, goals: Sequence[Obligation]) -> None:
        visible = variables([system.excluded])
        for goal in goals:
            if is_state(goal) or goal.every_step:
                visible |= touched(goal.cond)
        self._location = {t.id: t.location for t in system.threads}
        reads = {r.index: _reads(r, goals) for r in system.rules}
        self._rules: dict[int, list[Rule]] = {}
        for rule in system.rules:
            self._rules.setdefault(rule.thread, []).append(rule)
        self._readers: dict[int, set[int]] = {}
        self._writers: dict[int, set[int]] = {}
        for rule in system.rules:
            for v in reads[rule.index]:
                self._readers.setdefault(v, set()).add(rule.thread)
            for v in written(rule):
                self._writers.setdefault(v, set()).add(rule.thread)
        self._tests = _tests(system, goals)
        self.local: dict[int, frozenset[Scalar]] = {}  # by thread, where it may go first
        for thread in system.threads:
            self.local[thread.id] = self._local_points(thread.id, reads, visible)

    def _local_points(
        self, thread: int, reads: Mapping[int, set[int]], visible: set[int]
    ) -> frozenset[Scalar]:
        """Values of the thread's location at which it may go first."""
        location = self._location[thread]
        good: set[Scalar] = set()
        bad: set[Scalar] = set()
        for rule in self._rules.get(thread, ()):
            pin = fixed_by(conjuncts(rule.guard)).get(location)
            if pin is None or pin.value is None:
                return frozenset()  # this rule might fire anywhere
            if self._independent(rule, pin.value, reads[rule.index], visible):
                good.add(pin.value)
            else:
                bad.add(pin.value)
        return frozenset(good - bad)

    def _independent(self, rule: Rule, here: Scalar, reads: set[int], visible: set[int]) -> bool:
        own = {rule.thread}
        location = self._location[rule.thread]
        writes = written(rule)
        if writes & visible:
            return False
        for v in reads | writes:
            if not self._writers.get(v, set()) <= own:
                return False
        for v in writes:
            if v == location:
                if not self._unseen(rule, here):
                    return False
            elif not self._readers.get(v, set()) <= own:
                return False
        return True

    def _unseen(self, rule: Rule, here: Scalar) -> bool:
        """Whether no other thread can tell this move of the location."""
        tests = self._tests[rule.thread]
        if tests is None or here in tests:
            return False
        there = dict(rule.updates)[self._location[rule.thread]]
        return all(leaf.op is Op.CONST and leaf.value not in tests for leaf in _outcomes(there))

    def ample(
        self, values: Values, moves: Sequence[Move], slots: Mapping[int, int]
    ) -> Iterator[list[Move]]:
        """The choices of one thread whose steps may be taken first."""
        for thread, points in self.local.items():
            slot = slots.get(self._location[thread])
            if slot is None or values[slot] not in points:
                continue
            mine = [m for m in moves if m.rule.thread == thread]
            if mine and len(mine) < len(moves):
                yield mine


def _reads(rule: Rule, goals: Iterable[Obligation]) -> set[int]:
    out = read(rule)
    for goal in goals:
        if not is_state(goal) and concerns(goal, rule):
            out |= touched(goal.cond)
    return out


def _tests(system: TransitionSystem, goals: Sequence[Obligation]) -> dict[int, set[Scalar] | None]:
    """By thread: the constants that other threads compare its location with; None: they use it
    otherwise."""
    thread_at = {t.location: t.id for t in system.threads}
    out: dict[int, set[Scalar] | None] = {t.id: set() for t in system.threads}
    for rule in system.rules:
        roots = [rule.guard, rule.relation, *(e for _, e in rule.updates)]
        roots += [g.cond for g in goals if not is_state(g) and concerns(g, rule)]
        for node in postorder(roots):
            for k, arg in enumerate(node.args):
                if arg.op not in (Op.VAR, Op.POST):
                    continue
                thread = thread_at.get(arg.index)
                if thread is None or thread == rule.thread:
                    continue
                found = out[thread]
                other = node.args[1 - k] if node.op is Op.EQ else arg
                if other.op is not Op.CONST or other.value is None:
                    out[thread] = None
                elif found is not None:
                    found.add(other.value)
    return out


def _outcomes(expr: Expr) -> list[Expr]:
    """The values that a term may take, tests aside."""
    if expr.op is not Op.ITE:
        return [expr]
    return _outcomes(expr.args[1]) + _outcomes(expr.args[2])
