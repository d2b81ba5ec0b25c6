"""Whether whoever is not over can go on, from guards and the tree of threads alone.

A branch is *through* where it has nothing to do any more: at its end, or where it stands no rule
can be taken of it, all below it are through, and the join above does not wait for it.  (Control
passes joins without a step of its own, so a branch that ends in a fork never comes to its end.)
From a root that is not over one gets, down the tree, to a thread that is not through, but all below
it are: of that one a rule can be taken, whatever the others do.  Who holds a resource is never
through, so what is held is given back by what is below its holder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field

from ..dsl.records import dataclass
from ..semantics.expr import FALSE, TRUE, Expr, Op, and_, not_, or_
from ..semantics.system import Point, PointKind, Rule, RuleKind, Thread
from ..semantics.walks import fold_early, rebuild, variables
from .facts import Prover
from .shapes import OVER
from .sums import sum_of
from .tree import Places

Below = Mapping[tuple[int, int], Sequence[Thread]]


@dataclass
class Going:
    """`later`: what is in use of the resources for which one may wait at a place."""

    prover: Prover
    below: Below
    later: Callable[[Thread, Point], frozenset[int]]
    rules: dict[tuple[int, int], list[Rule]] = field(default_factory=dict)  # by location and point
    # By location: the points at which the thread may be through, unless the condition holds.
    through: dict[int, list[tuple[int, Expr]]] = field(default_factory=dict)
    _passed: dict[tuple[int, int], bool] = field(default_factory=dict)
    _above: dict[int, Places | None] = field(default_factory=dict)  # by thread
    _fits: dict[tuple[int, frozenset[int]], bool] = field(default_factory=dict)  # (as terms stay)

    def __post_init__(self) -> None:
        self.tree, self.system = self.prover.tree, self.prover.model.system
        self.entered = {(v, 0) for v in self.tree.points}
        bundles: set[int] = set()
        for rule in self.system.rules:
            before, own = self.tree.before[rule.index], self.tree.sent[rule.index]
            if before is None or own is None:
                continue
            self.entered.update(own.items())
            if rule.bundle is not None and id(rule.bundle) not in bundles:
                bundles.add(id(rule.bundle))
                self.entered.update((self.tree.cancelled(rule.bundle) or {}).items())
            mine = self.system.threads[rule.thread].location
            if rule.relation is TRUE and rule.kind is not RuleKind.CRASH:  # any answer will do
                for v in {mine} | {v for v, p in own.items() if p not in self.tree.rest[v]}:
                    for p in before.get(v, ()):
                        self.rules.setdefault((v, p), []).append(rule)

    def all(self) -> bool:
        """Of every place; what a branch waits for is looked at before."""
        depth: list[int] = []
        for t in self.system.threads:
            depth.append(0 if t.parent is None else depth[t.parent] + 1)
        for t in sorted(self.system.threads, key=lambda t: (-depth[t.id], t.id)):
            ways = self.through.setdefault(t.location, [])
            for p in t.points:
                if (t.location, p.id) not in self.entered:
                    continue
                can = FALSE if p.kind in OVER else self.step(t, p)
                if can is TRUE:
                    continue
                if p.kind not in OVER and (t.parent is None or p.holds):
                    return False
                ways.append((p.id, can))
        return True

    def step(self, t: Thread, p: Point) -> Expr:
        """When some rule of it can be taken there, if those below it and before it are through."""
        mine = self.rules.get((t.location, p.id), ())
        free: frozenset[int] | None = None
        for rule in mine:
            guard = rule.guard
            for part in guard.args if guard.op is Op.AND else (guard,):
                match part.op, part.args:
                    case Op.EQ, (Expr(op=Op.VAR, value=v), Expr(op=Op.CONST, value=point)):
                        if v != t.location or point != p.id:
                            break
                    case Op.LE, _:
                        free = self.later(t, p) if free is None else free
                        if not self.fits(part, free):
                            break
                    case _:
                        break
            else:
                return TRUE  # no more is asked
        here = self.place(t, p.id)
        if here is None:
            return TRUE
        waits = [c.location for c in self.below.get((t.id, p.id), ())]
        if p.kind is PointKind.ENTRY:
            waits += [self.system.threads[a].location for a in t.after]
        if not all(self.through[v] for v in waits):
            return TRUE  # one of them never is
        if not mine:
            return FALSE
        read = self.reader(here, waits, self.later(t, p) if free is None else free)
        left: list[Expr] = []
        for rule in mine:
            if waits and self.ended(rule, t, p):
                continue
            guard = self.asked(rule.guard, read)
            if guard is TRUE:
                return TRUE
            left.append(guard)
        active = self.system.instances[t.instance].active if t.parent is None else TRUE
        given = [e for e in (active, not_(self.system.excluded)) if e is not TRUE]
        can = or_(*left)
        return TRUE if can is not FALSE and self.prover.implies(given, can) else can

    def asked(self, guard: Expr, read: Callable[[Expr], Expr]) -> Expr:
        """What is left of a guard; FALSE where it still asks where some thread is.  Part by part,
        the plain ones first: of most rules one of them says so."""
        left: list[Expr] = []
        for part in sorted(guard.args, key=_joined) if guard.op is Op.AND else (guard,):
            asked = read(part)
            if asked is TRUE:
                continue
            if asked is FALSE or variables([asked]) & self.tree.points.keys():
                return FALSE
            left.append(asked)
        return and_(*left)

    def ended(self, rule: Rule, t: Thread, p: Point) -> bool:
        """Is it a step of a branch below that asks that this be where it is not through?  (No more
        is asked of it then; so fewer ways to go on are found, not more.)"""
        mine = self.system.threads[rule.thread]
        before, ways = self.tree.before[rule.index] or {}, self.through.get(mine.location)
        if mine is t or ways is None or mine.location not in before:
            return False
        if any(point in before[mine.location] for point, _ in ways):
            return False
        while mine.parent is not None and mine.parent != t.id:
            mine = self.system.threads[mine.parent]
        return mine.parent is not None and mine.fork == p.id

    def place(self, t: Thread, point: int) -> Places | None:
        """With the threads above; a branch is looked at while its parent is at its fork."""
        if t.id not in self._above:
            up = {}
            if t.parent is not None and t.fork is not None:
                up = {self.system.threads[t.parent].location: frozenset((t.fork,))}
            self._above[t.id] = self.tree.above(up)
        above = self._above[t.id]
        return None if above is None else {**above, t.location: frozenset((point,))}

    def reader(
        self, here: Places, through: Sequence[int], free: frozenset[int] = frozenset()
    ) -> Callable[[Expr], Expr]:
        """Answers what is left of a condition where threads are at these places, some are through,
        and nothing is in use of what is free."""
        waiting = frozenset(through) - here.keys()
        located, resting = self.tree.points, self.tree.resting

        def leaf(e: Expr) -> Expr | None:
            op = e.op
            if op is Op.AND or op is Op.OR:
                return None
            if not e.args:
                return e
            a, b = e.args[0], e.args[-1]
            if op is Op.EQ and a.op is Op.VAR and b.op is Op.CONST:
                v = a.index
                if v not in located:
                    return e
                places = here.get(v) or resting(v, here)
                if places is not None and b.value not in places:
                    return FALSE
                if places is not None and len(places) == 1:
                    return TRUE
                return TRUE if v in waiting and self.passed(e, v) else e
            return TRUE if op is Op.LE and self.fits(e, free) else None

        def build(e: Expr, args: Sequence[Expr]) -> Expr:
            out = e if e.args == tuple(args) else rebuild(e, args)  # (equal: the same terms)
            if waiting and e.op in (Op.EQ, Op.OR) and out.op is not Op.CONST:
                some = variables([out]) & waiting
                if len(some) == 1 and self.passed(e, *some):
                    return TRUE
            return out

        memo: dict[int, Expr] = {}  # (It is asked about guards, which stay.)
        return lambda e: fold_early(e, leaf, build, memo)

    def fits(self, e: Expr, free: frozenset[int]) -> bool:
        """`used + n <= room`, where nothing is in use of what is free.  (Terms of rules stay.)"""
        if (asked := (id(e), free)) not in self._fits:
            most, room = e.args
            known = room.op is Op.CONST and isinstance(room.value, int)
            self._fits[asked] = known and fits(most, int(room.index), free)
        return self._fits[asked]

    def passed(self, e: Expr, v: int) -> bool:
        """Does the condition hold wherever the branch is through?"""
        if (id(e), v) not in self._passed:
            self._passed[id(e), v] = all(self._holds(e, v, *way) for way in self.through[v])
        return self._passed[id(e), v]

    def _holds(self, e: Expr, v: int, point: int, unless: Expr) -> bool:
        match e.op, e.args:
            case Op.EQ, (Expr(op=Op.VAR, value=w), Expr(op=Op.CONST, value=here)):
                if w == v and here == point:
                    return True  # that is what it says
        t = self.tree.thread[v]
        places = self.place(t, point)
        if places is None:
            return True
        waits = [c.location for c in self.below.get((t.id, point), ())]
        left = or_(self.reader(places, waits)(e), unless)
        return left is TRUE or (left is not FALSE and self.prover.implies([], left))


def _joined(e: Expr) -> bool:
    return e.op is Op.OR


def fits(most: Expr, room: int, free: Collection[int]) -> bool:
    """`used + n <= room`, where of what is used at most nothing is in use."""
    parts = sum_of(most, 1)
    units = sum(s * int(x.value or 0) for s, x in parts if x.op is Op.CONST)
    others = [(s, x) for s, x in parts if x.op is not Op.CONST]
    return units <= room and all(s == 1 and x.op is Op.VAR and x.index in free for s, x in others)
