"""Branches that begin only under a condition, as those of an `each` whose range is computed.

*admitted*: such a branch is at its entry, or its parent is at the fork and the condition holds.
A condition is a conjunct of the guard of every rule that lets the branch begin.  The invariant is
shown inductive by comparing terms: after each rule the condition is the very same term, once the
parent is known to be where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ...semantics.expr import Expr, Op
from ...semantics.system import Rule, Thread, TransitionSystem
from ...semantics.walks import postorder, variables
from .common import conjuncts, weakest
from .rank_terms import placed

Places = Mapping[int, frozenset[int]]  # location variable -> points
MOST_PAIRS = 100_000  # of a branch and a rule; beyond that nothing is said

ENTRY = 0


class Numbers:
    """Equal numbers for terms that are built alike."""

    def __init__(self) -> None:
        self._table: dict[tuple[object, ...], int] = {}

    def __call__(self, e: Expr) -> int:
        found: dict[int, int] = {}
        for n in postorder([e]):
            key = (n.op, n.sort, n.value, *(found[id(a)] for a in n.args))
            found[id(n)] = self._table.setdefault(key, len(self._table))
        return found[id(e)]


def admitted(
    system: TransitionSystem,
    numbers: Numbers,
    at: Callable[[Rule], Places],
    after: Callable[[Rule], Mapping[int, int] | None],
) -> dict[int, frozenset[int]]:
    """By the number of a condition: the locations of the branches that it admits.

    `at` says where threads can be when a rule fires, `after` where it sends them (by id; None if
    that is not known).  Both may count on parents of running branches being at their forks.
    """
    asked = _asked(system, numbers)
    if not asked:
        return {}
    return _Admission(system, numbers, at, after, asked).run()


def _asked(system: TransitionSystem, numbers: Numbers) -> dict[int, Expr]:
    """Conditions of which a guard has an alternative that they do not hold."""
    out: dict[int, Expr] = {}
    seen: set[int] = set()
    for rule in system.rules:
        for n in postorder([rule.guard]):
            if n.op is not Op.OR or id(n) in seen:
                continue
            seen.add(id(n))
            for a in n.args:
                if a.op is Op.NOT:
                    out.update((numbers(part), part) for part in conjuncts(a.args[0]))
    return out


class _Admission:
    def __init__(
        self,
        system: TransitionSystem,
        numbers: Numbers,
        at: Callable[[Rule], Places],
        after: Callable[[Rule], Mapping[int, int] | None],
        asked: Mapping[int, Expr],
    ) -> None:
        self.system, self.numbers, self.asked = system, numbers, asked
        self.at = {r.index: at(r) for r in system.rules}
        self.after = {r.index: after(r) for r in system.rules}
        self.writing: dict[int, list[Rule]] = {}
        for r in system.rules:
            for v, _ in r.updates:
                self.writing.setdefault(v, []).append(r)

    def run(self) -> dict[int, frozenset[int]]:
        if None in self.after.values():
            return {}
        out: dict[int, set[int]] = {}
        pairs = 0
        for thread in self.system.threads:
            if thread.parent is None or thread.fork is None:
                continue
            conditions = self.conditions(thread)
            if not conditions:
                continue
            parent = self.system.threads[thread.parent]
            read = variables(conditions.values()) | {thread.location, parent.location}
            rules = {r.index: r for v in read for r in self.writing.get(v, ())}
            pairs += len(rules)
            if pairs > MOST_PAIRS:
                return {}
            for r in rules.values():
                self.keep(thread, parent, conditions, r)
            for k in conditions:
                out.setdefault(k, set()).add(thread.location)
        return {k: frozenset(v) for k, v in out.items()}

    def conditions(self, thread: Thread) -> dict[int, Expr]:
        """What every rule that lets the branch begin has in its guard."""
        common: set[int] | None = None
        for r in self.writing.get(thread.location, ()):
            if self.sent(r, thread) != ENTRY and self.begins(r, thread):
                mine = {self.numbers(part) for part in conjuncts(r.guard)} & self.asked.keys()
                common = mine if common is None else common & mine
        return {k: self.asked[k] for k in sorted(common or ())}

    def sent(self, r: Rule, thread: Thread) -> int | None:
        """Where the rule sends the thread; None if it leaves it where it is."""
        after = self.after[r.index]
        return after.get(thread.id) if after is not None else None

    def begins(self, r: Rule, thread: Thread) -> bool:
        """May the branch be at its entry when the rule moves it?"""
        before = self.at[r.index].get(thread.location)
        return before is None or ENTRY in before

    def keep(self, thread: Thread, parent: Thread, conditions: dict[int, Expr], r: Rule) -> None:
        """Drops the conditions of which the rule may not keep *admitted*."""
        assert thread.fork is not None
        to = self.sent(r, thread)
        if to == ENTRY:
            return
        at = self.at[r.index]
        before: Iterable[int] = at.get(parent.location, range(len(parent.points)))
        if to is None or not self.begins(r, thread):
            # Whoever has begun was admitted, and then the parent is at the fork.
            waits = at.get(thread.location) == frozenset((ENTRY,))
            if waits or thread.fork not in before:
                return
            before = (thread.fork,)
        there = self.sent(r, parent)
        if any((p if there is None else there) != thread.fork for p in before):
            conditions.clear()
        for k, cond in list(conditions.items()):
            then = weakest(r, cond)
            if any(self.differ(then, cond, parent.location, p) for p in before):
                del conditions[k]

    def differ(self, a: Expr, b: Expr, location: int, point: int) -> bool:
        """Are they not surely the same where a thread is at this point?"""
        return self.numbers(placed(a, location, point)) != self.numbers(placed(b, location, point))
