"""The rounds of a loop: which points of its thread lie inside, which rules lie on a way round."""

from __future__ import annotations

from ...semantics.expr import Expr, Op, Sort, const, eq, or_, var
from ...semantics.system import Loop, Rule
from .structure import Structure


class Rounds:
    """The points of the loop's thread that lie inside, and which rules lie on a way round.

    `rules` are the loop's own and those that lead on from where they lead (a thread that keeps
    claims until a protected part has ended takes such a step).
    """

    def __init__(self, structure: Structure, loop: Loop) -> None:
        system = structure.system
        self.system = system
        self.loop = loop
        self.structure = structure
        self.location = system.threads[loop.thread].location
        self._all = frozenset(p.id for p in system.threads[loop.thread].points)
        self.edges: list[tuple[int, int, int]] = []  # from, to, rule
        self.still: list[tuple[int | None, int]] = []  # fork point, rule that stays there
        for i in loop.rules:
            r = system.rules[i]
            if all(v != self.location for v, _ in r.updates):
                self.still.append((self._fork(r.thread), i))
            else:
                self._edge(r)
        inside = {b for _, b, _ in self.edges}
        known = set(loop.rules)
        for r in structure.writing(self.location):
            if r.index not in known and self.at(r.guard) <= inside:
                self._edge(r)
        self.rules = known | {i for _, _, i in self.edges}
        self.points = frozenset(b for _, b, _ in self.edges)
        self.heads = self.at(loop.head) & self.points
        here = var(self.location, Sort.INT)
        self.inside = or_(*(eq(here, const(p)) for p in sorted(self.points)))

    def _edge(self, r: Rule) -> None:
        new = next(e for v, e in r.updates if v == self.location)
        targets = self._values(new)
        self.edges += [(a, b, r.index) for a in sorted(self.at(r.guard)) for b in sorted(targets)]

    def _values(self, e: Expr) -> frozenset[int]:
        """What the location may be set to."""
        if e.op is Op.CONST and isinstance(e.value, int):
            return frozenset((e.value,))
        if e.op is Op.ITE:
            return self._values(e.args[1]) | self._values(e.args[2])
        return self._all

    def at(self, cond: Expr) -> frozenset[int]:
        """The points at which a condition can hold: all, where it does not say."""
        return self.structure.standing(cond, self.system.threads[self.loop.thread])

    def _fork(self, thread: int) -> int | None:
        t = self.system.threads[thread]
        while t.parent is not None:
            if t.parent == self.loop.thread:
                return t.fork
            t = self.system.threads[t.parent]
        return None

    def where(self, rule: Rule) -> frozenset[int]:
        """The points inside at which the thread may be when the rule is taken."""
        at = self.at(rule.guard)
        fork = self._fork(rule.thread) if at == self._all and rule.index in self.rules else None
        return (at if fork is None else frozenset((fork,))) & self.points

    def live(self, gone: set[int]) -> set[int]:
        """Rules that can be taken for ever if those that are `gone` are not."""
        edges = [e for e in self.edges if e[2] not in gone]
        while True:
            sources, targets = {a for a, _, _ in edges}, {b for _, b, _ in edges}
            kept = [e for e in edges if e[0] in targets and e[1] in sources]
            if len(kept) == len(edges):
                break
            edges = kept
        nodes = {a for a, _, _ in edges}
        if not self.heads & nodes:
            return set()
        out = {i for _, _, i in edges}
        out |= {i for p, i in self.still if i not in gone and (p is None or p in nodes)}
        return out
