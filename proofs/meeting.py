"""All steps of a system, two by two: of alike branches of a fork, one stands for the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from ..semantics.expr import TRUE, Expr, Op
from ..semantics.walks import variables
from .apart import MOST_PAIRS, Apart, Step
from .facts import Prover, Wrong
from .reading import conjuncts


class Meetings(Apart):
    """By what they touch."""

    def pairs(self) -> Iterator[tuple[Step, Step]]:
        """Pairs of different threads of which one writes what the other touches: by variable, and
        by the points at which a thread can be; of those that differ in their branches only, one."""
        seen: set[tuple[int, int]] = set()
        shapes: dict[int, tuple[object, ...]] = {}
        for (v, _), found in self._buckets().items():
            if not any(v in s.sends or v in s.writes for s in found):
                continue
            classes: dict[object, list[Step]] = {}
            for s in found:
                if s.rule.index not in shapes:
                    shapes[s.rule.index] = self._shape(s)
                classes.setdefault(shapes[s.rule.index], []).append(s)
            groups = [*classes.values()]
            both = [*combinations(groups, 2), *((g, g) for g in groups if len(g) > 1)]
            for a, b in (pair for x, y in both for pair in self._of(x, y)):
                if a.own == b.own or not (self._writes(a, v) or self._writes(b, v)):
                    continue
                key = min(a.rule.index, b.rule.index), max(a.rule.index, b.rule.index)
                if key not in seen:
                    seen.add(key)
                    if len(seen) > MOST_PAIRS:
                        raise Wrong("too many pairs of steps")
                    yield a, b

    def _of(self, first: list[Step], second: list[Step]) -> Iterator[tuple[Step, Step]]:
        """Pairs of steps of two shapes: those in which one looks at the other's thread, and one of
        all the others."""
        if len(first) == len(second) == 1:
            yield first[0], second[0]
            return
        x, y = self._touched(first), self._touched(second)
        near = [[a for a in first if a.own in y], [b for b in second if b.own in x]]
        yield from ((a, b) for a in near[0] for b in second)
        yield from ((a, b) for a in first for b in near[1])
        ends = [a for a in first if a.own not in y][:1], [b for b in second if b.own not in x][:2]
        yield from [(a, b) for a in ends[0] for b in ends[1] if a.own != b.own][:1]

    def _touched(self, alike: list[Step]) -> set[int]:
        """By all of them, but for their own places."""
        s = alike[0]
        own = {s.own} if len(alike) > 1 else set()
        return {*s.reads, *s.sends, *s.writes} - own

    def _writes(self, s: Step, v: int) -> bool:
        return v in s.sends or v in s.writes

    def _buckets(self) -> dict[tuple[int, int], list[Step]]:
        """Steps by a variable that they touch, of threads by place."""
        out: dict[tuple[int, int], list[Step]] = {}
        for s in self.steps:
            for v in s.reads | s.writes.keys() | s.sends.keys():
                if v in self.tree.points:
                    points = s.before.get(v) or self.tree.resting(v, s.before)
                    for p in points or self.tree.points[v]:
                        out.setdefault((v, p), []).append(s)
                elif v not in self.added:
                    out.setdefault((v, 0), []).append(s)
        return out

    def _shape(self, s: Step) -> tuple[object, ...]:
        """What it does, but for which branch of a fork takes it; of itself only, where others may
        look at its thread in more ways than at their own."""
        t = self.system.threads[s.rule.thread]
        parts = conjuncts(s.guard)
        others = [p for p in parts if not _at(p, s.own)]
        alone = t.parent is None or t.location in self.tree.forks or s.rule.relation is not TRUE
        if alone or s.own in variables([*others, *s.writes.values()]):
            return (s.rule.index,)
        key = self.prover.key
        places = frozenset(p.args[1].value for p in parts if _at(p, s.own))
        guard = frozenset(key(p) for p in others)
        sends = frozenset((v if v != s.own else -1, p) for v, p in s.sends.items())
        writes = frozenset((v, key(e)) for v, e in s.writes.items() if v not in self.added)
        return (t.parent, t.fork, places, guard, sends, writes, s.reads - {s.own} - self.added)


def persistent(prover: Prover, put_off: bool) -> None:
    """Steps of different threads that meet commute; of one thread, only ends of one attempt meet.
    `put_off`: every run comes to an end, where all is over."""
    system = prover.model.system
    if system.reads_clock or system.choices:
        raise Wrong("a clock or a choice may decide")
    apart = Meetings(prover, put_off)
    places: dict[tuple[int, int], list[Step]] = {}
    for s in apart.steps:
        for p in (
            s.before.get(s.own) or apart.tree.resting(s.own, s.before) or apart.tree.points[s.own]
        ):
            places.setdefault((s.own, p), []).append(s)
    for mine in places.values():
        if len(mine) ** 2 > MOST_PAIRS:
            raise Wrong("too many pairs of steps")
        for a, b in combinations(mine, 2):
            one = a.rule.group is not None and a.rule.group == b.rule.group
            alike = one and prover.key(a.rule.guard) == prover.key(b.rule.guard)
            if not alike and not apart.never(a, b):
                raise Wrong(f"`{a.rule.name}` and `{b.rule.name}` may meet")
    for a, b in apart.pairs():
        if not apart.commute(a, b):
            raise Wrong(f"`{a.rule.name}` and `{b.rule.name}` may meet and do not commute")
    if apart.left_out:
        ends = {
            system.threads[i.root].location: frozenset((i.completed, i.failed))
            for i in system.instances
        }
        for s in apart.steps:
            if not any(v in ends and not points & ends[v] for v, points in s.before.items()):
                raise Wrong(f"`{s.rule.name}` may be taken when all is over")


def _at(e: Expr, v: int) -> bool:
    match e.op, e.args:
        case Op.EQ, (Expr(op=Op.VAR) as a, Expr(op=Op.CONST)):
            return a.index == v
    return False
