"""Rules that no run takes, from which values each variable can have at all.

A least fixed point over sets of constants, variable by variable: a place is reached if a rule that
may be taken leads there, and a rule may be taken if each part of its guard may hold with some of
these values.  Runs have no more values than that, so what it rules out is never taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace

from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar
from ...semantics.system import Rule, TransitionSystem, VarKind
from ...semantics.walks import variables

MOST_VALUES = 64  # of one variable; with more it may have any (places may be as many as they are)


def taken(system: TransitionSystem) -> set[int]:
    """By number, the rules that may be taken; all others are taken by no run."""
    return _Values(system, ()).alive


def without(system: TransitionSystem, off: Collection[int]) -> TransitionSystem:
    """The system without these rules, which no run takes, and those that no run takes then: they
    keep their numbers, and do nothing."""
    if not off:
        return system
    alive = _Values(system, off).alive
    rules = tuple(r if r.index in alive else _nothing(r) for r in system.rules)
    return replace(system, rules=rules)


def _nothing(r: Rule) -> Rule:
    return replace(
        r,
        guard=FALSE,
        relation=TRUE,
        inputs=(),
        own=(),
        bundle=None,
        turn=TRUE,
        reads=(),
        gains=(),
        seen=(),
    )


class _Values:
    """`known`: by variable, what it may be (not in it: anything)."""

    def __init__(self, system: TransitionSystem, off: Collection[int]) -> None:
        self.places = {v.index for v in system.variables if v.kind is VarKind.LOCATION}
        self.known: dict[int, set[Scalar]] = {}
        for declared in system.variables:
            if declared.init is not None:
                found = self._values(declared.init)
                if found is not None:
                    self.known[declared.index] = found
        self.alive: set[int] = set()
        rules = [r for r in system.rules if r.index not in off and r.guard is not FALSE]
        readers: dict[int, list[Rule]] = defaultdict(list)
        for r in rules:
            for read in variables([r.guard, *(e for _, e in r.updates)]):
                readers[read].append(r)
        todo = rules
        while todo:
            again: dict[int, Rule] = {}
            for r in todo:
                if r.index not in self.alive and not self._may(r.guard):
                    continue
                self.alive.add(r.index)
                for v, e in r.updates:
                    if self._grows(v, self._values(e)):
                        again |= {x.index: x for x in readers[v]}
            todo = list(again.values())

    def _grows(self, v: int, values: set[Scalar] | None) -> bool:
        known = self.known.get(v)
        if known is None:
            return False
        if values is None or (len(known | values) > MOST_VALUES and v not in self.places):
            del self.known[v]
            return True
        if values <= known:
            return False
        known |= values
        return True

    def _values(self, e: Expr) -> set[Scalar] | None:
        """None: any."""
        match e.op:
            case Op.CONST if e.value is not None:
                return {e.value}
            case Op.VAR:
                found = self.known.get(e.index)
                return None if found is None else set(found)
            case Op.ITE:
                return self._all(e.args[1:])
        return None

    def _all(self, parts: Iterable[Expr]) -> set[Scalar] | None:
        out: set[Scalar] = set()
        for part in parts:
            values = self._values(part)
            if values is None:
                return None
            out |= values
        return out

    def _may(self, e: Expr) -> bool:
        """Whether it may hold."""
        match e.op:
            case Op.CONST:
                return e.value is not False
            case Op.AND:
                return all(map(self._may, e.args))
            case Op.OR:
                return any(map(self._may, e.args))
            case Op.EQ:
                a, b = (self._values(x) for x in e.args)
                return a is None or b is None or bool(a & b)
            case Op.VAR:
                return True in self.known.get(e.index, {True})
        return True


__all__ = ["taken", "without"]
