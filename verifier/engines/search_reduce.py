"""Partial-order reduction: ample sets made of the steps of one thread (Peled 1993).

A thread's location is *local* when what others may do while it stays there neither enables nor
disables its steps, nor the other way round, in any order with the same result; and when its steps
change nothing that a goal reads.  At a local location where the thread can move, its moves alone
are explored, if all of them lead to states that have not been expanded yet (the proviso for
breadth-first search of Bosnacki, Leue and Lluch Lafuente, 2006: otherwise a cycle might be closed
on which other threads are put off for ever).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from ...semantics.expr import Expr, Op, Scalar
from ...semantics.system import Obligation, Rule, TransitionSystem
from ...semantics.walks import postorder, variables
from .common import (
    concerns,
    conjuncts,
    fixed_by,
    is_state,
    read,
    touched,
    written,
)
from .search_compile import Values


class Taken(Protocol):
    """A step, of whichever search."""

    @property
    def rule(self) -> Rule: ...


M = TypeVar("M", bound=Taken)


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
        self._reads = reads
        self._readers: dict[int, list[Rule]] = {}  # by variable
        self._writers: dict[int, list[Rule]] = {}
        for rule in system.rules:
            for v in reads[rule.index]:
                self._readers.setdefault(v, []).append(rule)
            for v in written(rule):
                self._writers.setdefault(v, []).append(rule)
        self._values = _values(system)
        self._ways: dict[int, list[dict[int, Scalar]]] = {}  # of a guard: what each way pins
        self._compared: dict[tuple[int, int], set[Scalar] | None] = {}
        self._goals = goals
        self.local: dict[int, frozenset[Scalar]] = {}  # by thread, where it may go first
        for thread in system.threads:
            self.local[thread.id] = self._local_points(thread.id, visible)

    def _local_points(self, thread: int, visible: set[int]) -> frozenset[Scalar]:
        """Values of the thread's location at which it may go first."""
        location = self._location[thread]
        good: set[Scalar] = set()
        bad: set[Scalar] = set()
        for rule in self._rules.get(thread, ()):
            pin = fixed_by(conjuncts(rule.guard)).get(location)
            if pin is None or type(pin.value) is not int:
                return frozenset()  # this rule might fire anywhere
            if pin.value not in bad and self._independent(rule, pin.value, visible):
                good.add(pin.value)
            else:
                bad.add(pin.value)
        return frozenset(good - bad)

    def _independent(self, rule: Rule, here: int, visible: set[int]) -> bool:
        writes = written(rule)
        if writes & visible:
            return False
        location = self._location[rule.thread]
        # A rule of another thread that is not possible while this one is here cannot come first.
        return all(
            self._apart(rule, other, location, here)
            for others in self._met(rule)
            for other in others
            if other.thread != rule.thread and self._may_stand(other, location, here)
        )

    def _met(self, rule: Rule) -> Iterator[Sequence[Rule]]:
        """The rules that write what this one touches, or read what it writes."""
        mine = written(rule)
        for v in sorted(self._reads[rule.index] | mine):
            yield self._writers.get(v, ())
        for v in sorted(mine):
            yield self._readers.get(v, ())

    def _apart(self, rule: Rule, other: Rule, location: int, here: int) -> bool:
        """Whether the other step may come before or after this one all the same."""
        mine, theirs = written(rule), written(other)
        if theirs & (mine | self._reads[rule.index]):
            return False
        seen = self._reads[other.index] & mine
        if not seen <= {location}:
            return False
        return not seen or self._unseen(rule, other, location, here)

    def _unseen(self, rule: Rule, other: Rule, location: int, here: int) -> bool:
        """Whether the other cannot tell this move of the location."""
        tests = self._tests(other, location)
        if tests is None or here in tests:
            return False
        there = dict(rule.updates)[location]
        return all(leaf.op is Op.CONST and leaf.value not in tests for leaf in _outcomes(there))

    def _may_stand(self, rule: Rule, location: int, here: int) -> bool:
        """Whether the rule can be taken while the location is here."""
        found = self._ways.get(rule.index)
        if found is None:
            guard = rule.guard
            ways = [
                {v: e.value for v, e in fixed_by(conjuncts(part)).items() if e.value is not None}
                for part in (guard.args if guard.op is Op.OR else (guard,))
            ]
            found = [
                way
                for way in ways
                if all(v not in self._values or x in self._values[v] for v, x in way.items())
            ]
            self._ways[rule.index] = found
        return any(way.get(location, here) == here for way in found)

    def _tests(self, rule: Rule, location: int) -> set[Scalar] | None:
        """The constants that the rule compares a location with; None: it uses it otherwise."""
        key = (rule.index, location)
        if key not in self._compared:
            goals = [g.cond for g in self._goals if not is_state(g) and concerns(g, rule)]
            self._compared[key] = _tests(rule, goals, location)
        return self._compared[key]

    def ample(
        self, values: Values, moves: Sequence[M], slots: Mapping[int, int]
    ) -> Iterator[list[M]]:
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


def _values(system: TransitionSystem) -> dict[int, set[Scalar]]:
    """Where locations may be at all: where they begin, and where some step puts them."""
    out: dict[int, set[Scalar]] = {}
    for t in system.threads:
        init = system.variables[t.location].init
        if init is not None and init.value is not None:
            out[t.location] = {init.value}
    for rule in system.rules:
        for v, e in rule.updates:
            if v in out:
                leaves = _outcomes(e)
                others = [leaf for leaf in leaves if leaf.op is not Op.CONST]
                if any(leaf.op is not Op.VAR or leaf.index != v for leaf in others):
                    del out[v]
                else:
                    out[v] |= {x.value for x in leaves if x.op is Op.CONST and x.value is not None}
    return out


def _tests(rule: Rule, goals: Sequence[Expr], location: int) -> set[Scalar] | None:
    out: set[Scalar] = set()
    for node in postorder([rule.guard, rule.relation, *(e for _, e in rule.updates), *goals]):
        for k, arg in enumerate(node.args):
            if arg.op in (Op.VAR, Op.POST) and arg.index == location:
                other = node.args[1 - k] if node.op is Op.EQ else arg
                if other.op is not Op.CONST or other.value is None:
                    return None
                out.add(other.value)
    return out


def _outcomes(expr: Expr) -> list[Expr]:
    """The values that a term may take, tests aside."""
    if expr.op is not Op.ITE:
        return [expr]
    return _outcomes(expr.args[1]) + _outcomes(expr.args[2])
