"""What the rules show of the tree of threads: each is looked at once, and no solver is asked.

`Tree` reads off a guard where threads can be when it holds (`where`), and shows by induction over
the steps that a branch is at rest or its parent is at its fork (*quiet*; or *fresh*: it has not
begun, or its parent is there), and that what is in use of a resource is the sum of what threads
hold where they are (*linking*).  These are place invariants of the net of points (Lautenbach 1973).
A rule that this cannot follow leaves it undecided (`steady`, `linked`): the facts may still hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from ..semantics.expr import Expr, Op
from ..semantics.system import Bundle, Rule, Thread, TransitionSystem
from .shapes import QUIET

Places = Mapping[int, frozenset[int]]  # by location: where its thread can be
ENTRY = frozenset((0,))


def children(system: TransitionSystem) -> dict[tuple[int, int], list[Thread]]:
    """By thread and fork."""
    out: dict[tuple[int, int], list[Thread]] = {}
    for t in system.threads:
        if t.parent is not None and t.fork is not None:
            out.setdefault((t.parent, t.fork), []).append(t)
    return out


class Tree:
    """`fresh`: at rest is who has not begun; otherwise also who is over."""

    def __init__(self, system: TransitionSystem, key: Callable[[Expr], int], fresh: bool) -> None:
        self.system, self.key, self.fresh = system, key, fresh
        self.thread = {t.location: t for t in system.threads}
        self.points = {t.location: frozenset(p.id for p in t.points) for t in system.threads}
        self.rest = {
            t.location: ENTRY if fresh else frozenset(p.id for p in t.points if p.kind in QUIET)
            for t in system.threads
        }
        self.forks: dict[int, dict[int, list[int]]] = {}  # by location and fork: of the branches
        for (parent, fork), group in children(system).items():
            below = self.forks.setdefault(system.threads[parent].location, {})
            below[fork] = [t.location for t in group]
        self._where: dict[int, Places | None] = {}
        self._bundles: dict[int, Mapping[int, int] | None] = {}
        self._ups: dict[int, Places | None] = {}
        self.before = [self.above(self.where(r.guard)) for r in system.rules]
        self.sent = [self._sent(r) for r in system.rules]

    # --- where a guard can hold -----------------------------------------------------------

    def where(self, e: Expr) -> Places | None:
        """Of threads about which a condition says something, at which points they can be when it
        holds; None: it never does.  (The terms of rules live as long as the system.)"""
        known = self._where
        stack = [e]
        while stack:
            node = stack[-1]
            # (Only what is joined is looked into.)
            inside = node.args if node.op is Op.AND or node.op is Op.OR else ()
            missing = [a for a in inside if id(a) not in known]
            if missing:
                stack += missing
                continue
            stack.pop()
            if id(node) not in known:
                known[id(node)] = self._place(node, [known[id(a)] for a in inside])
        return known[id(e)]

    def _place(self, e: Expr, args: Sequence[Places | None]) -> Places | None:
        if e.op is Op.EQ:
            a, b = e.args
            here = a.op is Op.VAR and b.op is Op.CONST and a.index in self.points
            return {a.index: frozenset((b.index,))} if here else {}
        match e.op, e.args:
            case Op.NOT, (Expr(op=Op.EQ, args=(Expr(op=Op.VAR) as a, Expr(op=Op.CONST, value=p))),):
                return {a.index: self.points[a.index] - {p}} if a.index in self.points else {}
            case Op.CONST, _:
                return None if e.value is False else {}
            case Op.AND, _:
                both: dict[int, frozenset[int]] = {}
                for at in args:
                    if at is None:
                        return None
                    for v, points in at.items():
                        both[v] = points & both[v] if v in both else points
                return both if all(both.values()) else None
            case Op.OR, (_, *_):
                closed = [self.above(part) for part in args]
                able = [part for part in closed if part is not None]
                if len(able) < 2:
                    return able[0] if able else None
                either: dict[int, frozenset[int]] = {}
                for v in {v for part in able for v in part}:
                    found = [part[v] if v in part else self.resting(v, part) for part in able]
                    known = [f for f in found if f is not None]
                    if len(known) == len(found):
                        either[v] = frozenset().union(*known)
                return either
        return {}

    def above(self, at: Places | None) -> Places | None:
        """With the parents of branches that are not at rest, which are at their forks."""
        if at is None:
            return None
        if len(at) == 1:  # (as most guards say)
            ((v, points),) = at.items()
            if points & self.rest[v]:
                return at
            ups = self._up(v)
            return None if ups is None else {**ups, v: points}
        out, todo = dict(at), list(at)
        while todo:
            v = todo.pop()
            t = self.thread[v]
            if t.parent is None or t.fork is None or out[v] & self.rest[v]:
                continue
            up = self.system.threads[t.parent].location
            here = out.get(up, self.points[up]) & {t.fork}
            if not here:
                return None
            if out.get(up) != here:
                out[up] = here
                todo.append(up)
        return out

    def _up(self, v: int) -> Places | None:
        """Where those above a branch are that is not at rest; None: it always is."""
        path: list[tuple[int, int, frozenset[int]]] = []
        ups: Places | None = {}
        while v not in self._ups:
            t = self.thread[v]
            if t.parent is None or t.fork is None:
                break
            up = self.system.threads[t.parent].location
            here = self.points[up] & {t.fork}
            path.append((v, up, here))
            if not here or here & self.rest[up]:
                ups = {} if here else None
                break
            v = up
        else:
            ups = self._ups[v]
        for v, up, here in reversed(path):
            ups = self._ups[v] = None if ups is None else {**ups, up: here}
        return ups

    def resting(self, v: int, at: Places) -> frozenset[int] | None:
        """Where a branch rests, if the place of some thread above says that it is at rest."""
        t = self.thread[v]
        while t.parent is not None:
            up = self.system.threads[t.parent]
            here = at.get(up.location)
            if here is not None:
                return self.rest[v] if t.fork not in here else None
            if t.fork in self.rest[up.location]:
                return None
            t = up
        return None

    def sources(self, rule: Rule, v: int) -> frozenset[int]:
        """Where a thread can be when a rule is taken, as far as that is known."""
        before = self.before[rule.index] if self.steady else None
        if before is None:
            return self.points[v]
        return before.get(v) or self.resting(v, before) or self.points[v]

    # --- rules ------------------------------------------------------------------------------

    def _sent(self, rule: Rule) -> Mapping[int, int] | None:
        """Where the rule itself sends threads; None if that depends on more."""
        out = _constants(rule.own, self.points)
        more = self.cancelled(rule.bundle)
        return None if out is None or more is None or out.keys() & more.keys() else out

    def cancelled(self, bundle: Bundle | None) -> Mapping[int, int] | None:
        """Threads that it puts to rest, with all below them."""
        if bundle is None:
            return {}
        if id(bundle) not in self._bundles:
            out = _constants(bundle.updates, self.points)
            if out is not None and any(
                p not in self.rest[v]
                or any(c not in out for group in self.forks.get(v, {}).values() for c in group)
                for v, p in out.items()
            ):
                out = None
            self._bundles[id(bundle)] = out
        return self._bundles[id(bundle)]

    @cached_property
    def writing(self) -> dict[int, list[Rule]]:
        """Rules by what they write."""
        out: dict[int, list[Rule]] = {}
        for r in self.system.rules:
            for v, _ in r.updates:
                out.setdefault(v, []).append(r)
        return out

    @cached_property
    def asked(self) -> dict[int, list[Expr]]:
        """What obligations say of single rules, by rule."""
        out: dict[int, list[Expr]] = {}
        for o in self.system.obligations:
            if o.rule is not None:
                out.setdefault(o.rule, []).append(o.cond)
        return out

    @cached_property
    def steady(self) -> bool:
        """Every branch is at rest, or its parent is at its fork."""
        begins = (self.system.variables[v].init for v in self.points)
        if any(e is None or e.op is not Op.CONST or e.value != 0 for e in begins):
            return False
        return all(self._steady(r) for r in self.system.rules)

    def _steady(self, rule: Rule) -> bool:
        at, own = self.before[rule.index], self.sent[rule.index]
        if at is None:
            return True
        gone = self.cancelled(rule.bundle)
        if own is None or gone is None:
            return False
        for v, p in own.items():
            t = self.thread[v]
            if p not in self.rest[v] and t.parent is not None:
                up = self.system.threads[t.parent].location
                then = frozenset((own[up],)) if up in own else at.get(up)
                if then is None or then - {t.fork} or up in gone:
                    return False
            old = at.get(v)
            for fork, group in self.forks.get(v, {}).items():
                if fork == p or (old is not None and fork not in old):
                    continue
                for c in group:
                    then = frozenset((own[c],)) if c in own else at.get(c)
                    if c not in gone and (then is None or not then <= self.rest[c]):
                        return False
        return True


def _constants(
    updates: Iterable[tuple[int, Expr]], locations: Mapping[int, object]
) -> dict[int, int] | None:
    out = {}
    for v, e in updates:
        if v in locations:
            if e.op is not Op.CONST or not isinstance(e.value, int):
                return None
            out[v] = e.value
    return out
