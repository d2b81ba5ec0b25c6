"""Steps side by side that conflict on data, by where their threads branch off.

Nearly linear: what each rule touches is gathered by class, and classes are compared, not rules.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...semantics.expr import Expr, Op, Sort, const, eq, var
from ...semantics.system import Rule, VarKind
from ...semantics.walks import variables
from ..session import Session
from .cancelling import cancellations, conditions, enters
from .footprints import at_place, commuting

STATE = (
    VarKind.DATA,
    VarKind.SHARED,
    VarKind.CHANNEL,
    VarKind.RECEIVED,
    VarKind.HIDDEN,
)

# read, add, write, or the reset on entering one fork; and the cancellation it is part of
Class = tuple[str, int, int]
Touches = dict[tuple[int, Class], list[Rule]]  # of one variable: by thread and class


class Conflicts:
    """Steps side by side that conflict on a variable, by where their threads branch off."""

    def __init__(self, session: Session, matters: set[int], urgent: bool) -> None:
        self.system = session.system
        self.rules = [r for r in session.system.rules if not urgent or r.delay is None]
        self.wanted = {
            v.index for v in self.system.variables if v.kind in STATE and v.index in matters
        }
        self.cancelling = {id(g[0].bundle) for g in cancellations(self.system)}
        self.location = {t.location for t in self.system.threads}
        self.structure = session.structure
        self._at: dict[tuple[int, tuple[int, int]], set[tuple[int, bool]]] = {}
        self._killed: dict[int, set[int]] = {}
        self._told: dict[int, set[int]] = {}  # bundle -> threads for which its updates were noted

    def first(self) -> str:
        found: dict[int, Touches] = {}
        for rule in self.rules:
            for v, kind in self._touches(rule):
                found.setdefault(v, {}).setdefault((rule.thread, kind), []).append(rule)
        for v, touches in found.items():
            pair = self._pair(touches) and self._pair(touches, v)
            if pair is not None:
                a, b = pair
                name = self.system.variables[v].name
                return f"`{a.name}` and `{b.name}` may come in either order and share {name}"
        return ""

    def _touches(self, rule: Rule) -> Iterator[tuple[int, Class]]:
        """The variables that the rule reads or writes, and how."""
        reads = conditions(rule) & self.wanted
        bundle = id(rule.bundle) if id(rule.bundle) in self.cancelling else 0
        entering = any(v in self.location and enters(self.system, rule, v, e) for v, e in rule.own)
        for v, e in rule.updates if self._first_of_bundle(rule) else rule.own:
            kind = self.system.variables[v].kind
            if kind is VarKind.GHOST:
                continue
            if v not in self.wanted:
                reads |= variables([e]) & self.wanted
                continue
            amount = commuting(v, e)
            if amount is not None:
                reads |= variables([amount]) & self.wanted
                yield v, ("add", 0, bundle)
            elif entering and _resets(v, e):
                reads |= (variables([e]) - {v}) & self.wanted
                yield v, ("enter", id(e), bundle)
            else:
                reads |= variables([e]) & self.wanted
                yield v, ("write", 0, bundle)
        for v in reads:
            yield v, ("read", 0, bundle)

    def _first_of_bundle(self, rule: Rule) -> bool:
        """Once for the branches that a bundle cancels (who is outside of them stands to all of
        them alike, and what they do themselves is `cancellation_matters`), and for each other
        thread that may take it."""
        if rule.bundle is None:
            return False
        told = self._told.setdefault(id(rule.bundle), set())
        who = -1 if self._inside(rule) else rule.thread
        if who in told:
            return False
        told.add(who)
        return True

    def _inside(self, rule: Rule) -> bool:
        assert rule.bundle is not None
        known = self._killed.get(id(rule.bundle))
        if known is None:
            known = {v for v, _ in rule.bundle.updates if v in self.location}
            self._killed[id(rule.bundle)] = known
        return self.system.threads[rule.thread].location in known

    def _touches_at(self, rule: Rule, v: int, reading: bool, place: tuple[int, int]) -> bool:
        """Does it read (or write) the variable when the branches of this fork are under way?

        The tests on the way to a fork are taken once for all its branches, with the first step
        of any of them; what entering sets is set by that step.
        """
        if rule.bundle is not None:
            return True
        key = (rule.index, place)
        if key not in self._at:
            location = self.system.threads[place[0]].location
            there = at_place(rule, eq(var(location, Sort.INT), const(place[1])))
            self._at[key] = {(w, kind[0] == "read") for w, kind in self._touches(there)}
        return (v, reading) in self._at[key]

    def _pair(self, touches: Touches, looked_at: int | None = None) -> tuple[Rule, Rule] | None:
        """Two of the rules that conflict.  With `looked_at`, the variable, also as seen from the
        fork where they branch off (which costs more)."""
        classes = {kind for _, kind in touches}
        if not any(_conflict(a, b) for a in classes for b in classes):
            return None
        threads = self.system.threads
        # By fork: class -> the branches with it, each with one rule.
        groups: dict[tuple[int, int], dict[Class, dict[int, Rule]]] = {}
        over: dict[int, list[tuple[Class, Rule]]] = {}
        below: dict[int, dict[Class, Rule]] = {}
        for (t, kind), rules in touches.items():
            rule = next((r for r in rules if r.over_children), rules[0])
            if rule.over_children:
                over.setdefault(t, []).append((kind, rule))
            thread = threads[t]
            while True:
                place = (
                    (-1, -1)
                    if thread.parent is None or thread.fork is None
                    else (thread.parent, thread.fork)
                )
                mine = rules
                if looked_at is not None and place[0] >= 0:
                    reading = kind[0] == "read"
                    mine = [r for r in rules if self._touches_at(r, looked_at, reading, place)]
                if mine:
                    groups.setdefault(place, {}).setdefault(kind, {}).setdefault(thread.id, mine[0])
                if thread.parent is None:
                    break
                thread = threads[thread.parent]
                below.setdefault(thread.id, {}).setdefault(kind, rule)
        for t, asking in over.items():
            for kind, rule in asking:
                for other, second in below.get(t, {}).items():
                    if _conflict(kind, other):
                        return rule, second
        for branches in groups.values():
            for a, ones in branches.items():
                for b, twos in branches.items():
                    if _conflict(a, b):
                        pair = self._unordered(ones, twos)
                        if pair is not None:
                            return pair
        return None

    def _unordered(self, ones: dict[int, Rule], twos: dict[int, Rule]) -> tuple[Rule, Rule] | None:
        for x, first in ones.items():
            for y, second in twos.items():
                if x != y and not self.structure.ordered(x, y):
                    return first, second
        return None


def _conflict(a: Class, b: Class) -> bool:
    if a[2] and a[2] == b[2]:
        return False  # causes of one cancellation have the same effect
    if a[0] == b[0] == "read" or a[0] == b[0] == "add":
        return False
    return not (a[0] == b[0] == "enter" and a[1] == b[1])


def _resets(v: int, e: Expr) -> bool:
    """`control is before the fork ? constant : v`: made once, by whoever enters first."""
    return (
        e.op is Op.ITE
        and e.args[1].op is Op.CONST
        and e.args[2].op is Op.VAR
        and e.args[2].index == v
        and v not in variables([e.args[0]])
    )
