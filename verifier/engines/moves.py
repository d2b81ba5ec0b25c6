"""Where a thread may go: its points, and the rules that lead from one to another.

Read off guards and updates, so there may be moves that no run makes, and there are no others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import field
from typing import NamedTuple

from ...dsl.records import dataclass
from ...semantics.expr import Expr, Op, const
from ...semantics.system import PointKind, Rule, Thread
from ...semantics.walks import postorder
from .common import put
from .cycles import find_cycle
from .structure import Structure

OVER = (PointKind.END, PointKind.FAILED)
ENTRY = 0


class Move(NamedTuple):
    """From one point to another, by a rule (its index)."""

    begin: int
    end: int
    rule: int


def followed(moves: Iterable[tuple[int, int, int]], start: Iterable[int]) -> set[int]:
    """The points to which moves lead, those of the start among them."""
    following: dict[int, set[int]] = {}
    for p, q, _ in moves:
        following.setdefault(p, set()).add(q)
    seen: set[int] = set()
    todo = [*start]
    while todo:
        p = todo.pop()
        if p not in seen:
            seen.add(p)
            todo += following.get(p, ())
    return seen


@dataclass(slots=True)
class Moves:
    structure: Structure
    _known: dict[int, list[Move]] = field(default_factory=dict)  # by thread
    _nested: dict[int, bool] = field(default_factory=dict)
    _guards: dict[tuple[int, int, int], Expr] = field(default_factory=dict)

    def of(self, thread: Thread) -> list[Move]:
        if thread.id not in self._known:
            moves = [
                Move(p, q, r.index)
                for r in self.structure.writing(thread.location)
                for p in self._begins(r, thread)
                for q in targets(r, thread)
            ]
            come_to = followed(moves, [ENTRY])
            self._known[thread.id] = [m for m in moves if m.begin in come_to]
        return self._known[thread.id]

    def _begins(self, r: Rule, thread: Thread) -> Iterator[int]:
        """Where the thread may be when the rule is taken.  A branch that has begun says so, and
        none is where it never comes."""
        branches = [(f, c) for f, of in self.structure.forks[thread.id].items() for c in of]
        for p in sorted(self.structure.standing(r.guard, thread)):
            if self._forked(r, thread, p):
                if all(self._fits(self._beside(r, thread, p, c), c, f == p) for f, c in branches):
                    yield p

    def standing(self, r: Rule, thread: Thread) -> frozenset[int]:
        """Where the thread may be when the rule is taken."""
        if thread.location in dict(r.updates):
            return frozenset(m.begin for m in self.of(thread) if m.rule == r.index)
        return self.structure.standing(r.guard, thread)

    def _forked(self, r: Rule, thread: Thread, at: int) -> bool:
        """Whether a branch may be there, with its parent where the rule wants it."""
        if thread.parent is None:
            return True
        parent = self.structure.system.threads[thread.parent]
        return any(
            at in self._beside(r, parent, p, thread)
            for p in self.structure.standing(r.guard, parent)
            if p == thread.fork or at == ENTRY or not self.nested(thread)
        )

    def _beside(self, r: Rule, thread: Thread, at: int, branch: Thread) -> frozenset[int]:
        """Where a branch may be when the rule is taken and the thread is there."""
        key = r.index, thread.id, at
        if key not in self._guards:
            self._guards[key] = put(r.guard, {thread.location: const(at)})
        return self.structure.standing(self._guards[key], branch)

    def _fits(self, there: frozenset[int], branch: Thread, forked: bool) -> bool:
        if there.isdisjoint(self.reached(branch, [ENTRY])):
            return False
        return forked or ENTRY in there or not self.nested(branch)

    def nested(self, child: Thread) -> bool:
        """Whether the branch is at its entry unless its parent is at the fork: no step takes it
        from there without the parent going to the fork, or the parent away without it."""
        if child.id not in self._nested:
            self._nested[child.id] = self._is_nested(child)
        return self._nested[child.id]

    def _is_nested(self, child: Thread) -> bool:
        assert child.parent is not None and child.fork is not None
        structure = self.structure
        parent = structure.system.threads[child.parent]
        at = {child.fork}
        for r in structure.writing(child.location):
            goes = set(targets(r, child)) - {ENTRY}
            if goes and ENTRY in structure.standing(r.guard, child):
                to = set(targets(r, parent)) or structure.standing(r.guard, parent)
                if not to <= at:
                    return False
        for r in structure.writing(parent.location):
            leaves = child.fork in structure.standing(r.guard, parent)
            if leaves and not set(targets(r, parent)) <= at:
                stays = structure.standing(r.guard, child) <= {ENTRY}
                to = set(targets(r, child))
                if to - {ENTRY} or not (to or stays):
                    return False
        return True

    def reached(
        self, thread: Thread, start: Iterable[int], without: Collection[int] = ()
    ) -> set[int]:
        """The points to which moves lead, those of the start among them, without some rules."""
        return followed((m for m in self.of(thread) if m[2] not in without), start)

    def never_over(self, thread: Thread) -> bool:
        """It does not end, nor fail, once it has begun."""
        return not any(thread.points[p].kind in OVER for p in self.reached(thread, [ENTRY]))

    def leave(self, thread: Thread, points: Collection[int], without: Collection[int] = ()) -> bool:
        """There is no round in these points without some rules, nor one of a branch forked there:
        so many moves, and the thread has left the points or taken one of the rules, or a branch of
        it has."""
        moves = self.of(thread)
        forks = {p: c for p, c in self.structure.forks[thread.id].items() if p in points}
        sure = {p: self._surely(thread, p, children, without) for p, children in forks.items()}
        edges: dict[int, set[int]] = {}
        for p, q, rule in moves:
            if p in points and q in points and rule not in without:
                # (Steps of a branch, and of the parent beside it, count where these move.)
                inside = self._inside(rule, forks.get(p, ())) or self._of_parent(rule, thread)
                if not (inside if p == q else sure.get(p)):
                    edges.setdefault(p, set()).add(q)
        if find_cycle(edges) is not None:
            return False
        staying = {m.rule for m in moves if m.begin == m.end}
        away = {m.rule for m in moves}.difference(staying).union(without)

        def goes(c: Thread) -> bool:
            return self.leave(c, range(len(c.points)), away)

        return all(
            any(self.never_over(c) and goes(c) for c in sure[p]) or all(map(goes, children))
            for p, children in forks.items()
        )

    def _of_parent(self, rule: int, thread: Thread) -> bool:
        """Whether the rule moves the parent, and is no step of the branch itself."""
        if thread.parent is None or self._inside(rule, (thread,)):
            return False
        location = self.structure.system.threads[thread.parent].location
        return any(v == location for v, _ in self.structure.system.rules[rule].updates)

    def _inside(self, rule: int, children: Iterable[Thread]) -> bool:
        """Whether it is a step of a branch, or of one below it."""
        above = self.structure.ancestors(self.structure.system.rules[rule].thread)
        return not {c.id for c in children}.isdisjoint(t for t, _ in above)

    def _surely(
        self, thread: Thread, fork: int, children: Sequence[Thread], rules: Collection[int]
    ) -> list[Thread]:
        """Branches that have taken one of the rules whenever the thread goes on from the fork."""
        leaving = [m.rule for m in self.of(thread) if m.begin == fork and m.end != fork]
        all_rules = self.structure.system.rules
        out = []
        for c in children:
            before = self.reached(c, [ENTRY], rules) if self.nested(c) else None
            if before is not None and all(
                before.isdisjoint(self._beside(all_rules[k], thread, fork, c)) for k in leaving
            ):
                out.append(c)
        return out


def targets(rule: Rule, thread: Thread) -> Iterator[int]:
    """Points to which a rule may lead the thread."""
    value = next((e for v, e in rule.updates if v == thread.location), None)
    for n in postorder([value]) if value is not None else ():
        if n.op is Op.CONST and type(n.value) is int:
            yield n.value


__all__ = ["OVER", "Move", "Moves", "targets"]
