"""As many messages as are taken out are put in: read off the rules, for any number of instances.

Somebody waits for a message, and there is none: so many have been taken out as were put in.  If the
instances put in at least as many, each in every run to its end, as they may take out, somebody has
one left to put in.  The same of room, the other way round.  Both count whole instances: of those of
which there may be any number each by itself has to be in balance, of the others all together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import field

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op
from ...semantics.system import ChannelInfo, PointKind, Rule, RuleKind, Thread
from ...semantics.walks import fold, rebuild, variables
from ..engines.cycles import find_cycle
from ..engines.moves import OVER, followed, targets
from ..engines.structure import Structure
from .answers import kept

Edges = list[tuple[int, int, int]]  # from a point to another, by a rule


@dataclass(frozen=True, slots=True)
class Owed:
    """A thread that surely takes one of the rules, once: `waits` are the rules that it, and what is
    before it, may wait at until then."""

    thread: int
    waits: tuple[int, ...]


def owed(
    structure: Structure, c: ChannelInfo, doing: Collection[Rule], undoing: Collection[Rule]
) -> list[Owed] | None:
    """Who surely takes the steps `doing`, where these are at least as many as `undoing`; None where
    that is not known."""
    system = structure.system
    if len(c.lengths) != 1 or not kept(structure, c):
        return None
    if any(r.kind is RuleKind.CRASH for r in system.rules):
        return None
    many = {i for g in system.any_number for i in g.members}
    out: list[Owed] = []
    left = 0
    for i in system.instances:
        lives = [
            _Life(structure, t, system.threads[i.root])
            for t in system.threads
            if t.instance == i.id
        ]
        mine = [x.owed(doing) for x in lives]
        sure = [x for x in mine if x is not None]
        most = [x.most(undoing) for x in lives]
        if None in most:
            return None
        balance = len(sure) - sum(m or 0 for m in most)
        if i.id in many:
            if balance < 0:
                return None
        else:
            left += balance if i.active is TRUE else -sum(m or 0 for m in most)
        out += sure
    return out if left >= 0 and out else None


@dataclass(slots=True)
class _Life:
    """Of one thread: a root, or a branch that is forked by one."""

    structure: Structure
    thread: Thread
    root: Thread
    _places: dict[tuple[int, int], frozenset[int]] = field(default_factory=dict)

    def most(self, rules: Collection[Rule]) -> int | None:
        """How often it takes one of the rules at most; None: not known."""
        mine = [r for r in rules if r.thread == self.thread.id]
        if not mine:
            return 0
        own = self._own()
        again = followed(own, {p for r in mine for p in targets(r, self.thread)})
        if any(p in again and k in {r.index for r in mine} for p, _, k in own):
            return None
        return 1 if self._runs_once() else None

    def owed(self, rules: Collection[Rule]) -> Owed | None:
        """If it takes one of the rules in every run to the end of the instance."""
        mine = {r.index for r in rules if r.thread == self.thread.id}
        if not mine or not self._runs_once():
            return None
        own = [m for m in self._own() if m[2] not in mine]
        before = followed(own, {0})
        if any(self.thread.points[p].kind in OVER for p in before):
            return None
        if not _acyclic([m for m in own if m[0] in before]):
            return None
        system = self.structure.system
        waits = [
            r.index
            for r in system.rules
            if r.thread == self.thread.id and not before.isdisjoint(self._at(r, self.thread))
        ]
        if self.thread.id != self.root.id:
            joins = {r.index for r in self._joins()}
            rest = [m for m in self._all(self.root) if m[2] not in joins]
            if any(self.root.points[p].kind in OVER for p in followed(rest, {0})):
                return None
            if not _acyclic(rest):
                return None
            beside = {
                t.id
                for t in system.threads
                if t.instance == self.root.instance
                and not (t.parent == self.root.id and t.fork == self.thread.fork)
            }
            if beside != {self.root.id}:
                return None  # (other branches, before it or below)
            waits += [r.index for r in system.rules if r.thread == self.root.id]
        return Owed(self.thread.id, tuple(waits))

    def _runs_once(self) -> bool:
        """It is begun once, and nobody else moves it before it is over."""
        if self.thread.id == self.root.id:
            return all(r.thread == self.thread.id for r in self._writing())
        if self.thread.parent != self.root.id or self.thread.after:
            return False
        mine = [r for r in self.structure.system.rules if r.thread == self.thread.id]
        places = {self.thread.location, self.root.location}
        locations = {t.location for t in self.structure.system.threads}
        if any((variables([r.guard]) & locations) - places for r in mine):
            return False
        begins = {p for r in mine if 0 in self._at(r, self.thread) for p in self._at(r, self.root)}
        moves = self._all(self.root)
        ends = {p.id for p in self.thread.points if p.kind is PointKind.END}
        for r in self._joins():
            # (When its parent goes on it is where it began.)
            if not self._at(r, self.thread) <= ends or set(targets(r, self.thread)) != {0}:
                return False
            after = set(targets(r, self.root))
            if not after or not begins.isdisjoint(followed(moves, after)):
                return False
        return True

    def _writing(self) -> list[Rule]:
        return self.structure.writing(self.thread.location)

    def _joins(self) -> list[Rule]:
        return [r for r in self._writing() if r.thread != self.thread.id]

    def _own(self) -> Edges:
        return [
            (p, q, r.index)
            for r in self._writing()
            if r.thread == self.thread.id
            for p in self._at(r, self.thread)
            for q in targets(r, self.thread)
        ]

    def _all(self, thread: Thread) -> Edges:
        """But for steps that leave it where it is."""
        return [
            (p, q, r.index)
            for r in self.structure.writing(thread.location)
            for p in self._at(r, thread)
            for q in targets(r, thread)
            if p != q
        ]

    def _at(self, r: Rule, thread: Thread) -> frozenset[int]:
        """Where a thread may be when a rule is taken; nobody is at a point that is not entered."""
        key = r.index, thread.id
        if key not in self._places:
            self._places[key] = self.structure.standing(self._told(r.guard), thread)
        return self._places[key]

    def _told(self, guard: Expr) -> Expr:
        entered = {
            t.location: self.structure.entered(t)
            for t in self.structure.system.threads
            if t.instance == self.root.instance
        }

        def build(node: Expr, args: Sequence[Expr]) -> Expr:
            if node.op is Op.EQ and node.args[0].op is Op.VAR and node.args[1].op is Op.CONST:
                places = entered.get(node.args[0].index)
                if places is not None and node.args[1].value not in places:
                    return FALSE
            return rebuild(node, args) if node.args else node

        return fold(guard, build)


def _acyclic(moves: Edges) -> bool:
    edges: dict[int, set[int]] = {}
    for p, q, _ in moves:
        edges.setdefault(p, set()).add(q)
    return find_cycle(edges) is None


__all__ = ["Owed", "owed"]
