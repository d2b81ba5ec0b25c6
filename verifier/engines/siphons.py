"""Can some threads wait for units that only they hold? Asked of all places at once, by a solver.

Where nothing but claims is waited for, points of threads and free units of resources are places of
a Petri net, and a deadlock is a marking at which some waiting threads, with the units that they
lack, make up a siphon that is short of tokens for ever (Ezpeleta, Colom and Martinez 1995, "A Petri
net based deadlock prevention policy for flexible manufacturing systems"; Tricas, Garcia-Valles,
Colom and Ezpeleta 2005, for several units and resources at once).  There may be exponentially many
siphons.  So they are not listed: one formula says that a marking keeps the place invariants and
that the threads of a set, none of them empty, are blocked by what the set itself holds.  If it has
no solution, no siphon can become short, and each state can be reduced (Coffman, Elphick and
Shoshani 1971, "System deadlocks", section 4): of those who hold something one always can go on
until it lets go.

The markings are those of the invariants, more than can be reached.  A solution is a guess, no more.

Markings are counters, so the same formula asks about any number of instances: of a kind of which
there may be any number each point has as many threads as you like.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field

from ...dsl.records import dataclass
from ...semantics.expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    and_,
    const,
    eq,
    le,
    mul,
    not_,
    or_,
    var,
)
from ...semantics.symbolic import Answer, Encoder, Smt, is_valid
from ...semantics.system import PointKind, ResourceInfo, Rule, RuleKind, Thread, VarKind
from ...semantics.walks import variables
from .common import conjuncts, initial_condition, may_stand, put
from .linking import QUIET, Linking
from .structure import Structure

QUERY = 300  # milliseconds, for one rule
SPLITS = (PointKind.FORK, PointKind.UNWIND)

Place = tuple[int, int]  # thread, point


def never_short(
    structure: Structure,
    linking: Linking,
    seconds: float,
    many: Collection[int] = (),
    aside: Collection[int] = (),
) -> bool:
    """No set of waiting threads is ever blocked by what it holds itself.

    `many`: instances that stand for any number of instances like them; `aside`: those that are
    covered by that.  Whether anything but claims may block is for the caller to know.
    """
    if not _covered(structure, linking):
        return False
    asked = _Net(structure, frozenset(many), frozenset(aside)).formula()
    return asked is not None and is_valid(not_(asked), max(1, int(1000 * seconds)))


def short(structure: Structure, linking: Linking, seconds: float) -> Iterator[list[Rule]]:
    """Guesses: claims of threads, as few as may be, which would block each other where all others
    have not begun."""
    if not _covered(structure, linking):
        return
    net = _Net(structure, frozenset(), frozenset())
    asked = net.formula()
    if asked is None:
        return
    until = time.monotonic() + seconds
    encode = Encoder()
    solver = Smt(max(1, int(1000 * seconds)))
    solver.add(encode(asked), *map(encode, net.others_rest()))
    size = add(const(0), *net.stuck.values())
    most = 2
    while most <= 2 * len(net.threads) and time.monotonic() < until:
        solver.limit(max(1, int(1000 * (until - time.monotonic()))))
        solver.push()
        solver.add(encode(le(size, const(most))))
        if solver.check() is Answer.SAT:
            chosen = [
                place for place, count in net.stuck.items() if solver.value(encode(count), Sort.INT)
            ]
            solver.pop()
            yield [rule for place in chosen for rule in net.asking(place)[:1]]
            solver.add(encode(not_(and_(*(le(const(1), net.stuck[p]) for p in chosen)))))
        else:
            solver.pop()
            most += max(1, most // 2)


def _covered(structure: Structure, linking: Linking) -> bool:
    system = structure.system
    if system.controls or system.in_order or not linking.quiet:
        return False
    if any(r.kind is RuleKind.CRASH or r.turn is not TRUE for r in system.rules):
        return False
    claimed = {v for r in system.rules for v, _ in r.gains}
    return all(linking.linked.get(u) for u in claimed)


@dataclass
class _Net:
    structure: Structure
    many: frozenset[int]
    aside: frozenset[int]
    here: dict[Place, Expr] = field(default_factory=dict)  # how many threads are there
    stuck: dict[Place, Expr] = field(default_factory=dict)  # how many of these are in the set

    def __post_init__(self) -> None:
        self.system = self.structure.system
        self.threads = [
            t for t in self.system.threads if t.instance not in self.aside and len(t.points) > 1
        ]
        self.children: dict[int, list[Thread]] = {}
        for t in self.threads:
            if t.parent is not None:
                self.children.setdefault(t.parent, []).append(t)
        fresh = len(self.system.variables)
        for t in self.threads:
            for p in t.points:
                self.here[t.id, p.id] = var(fresh, Sort.INT)
                self.stuck[t.id, p.id] = var(fresh + 1, Sort.INT)
                fresh += 2

    def formula(self) -> Expr | None:
        """A marking, and a set of threads that nobody outside of it can release; None where what is
        held depends on data."""
        in_use = self._held(self.here)
        blocking = self._held(self.stuck)
        if in_use is None or blocking is None:
            return None
        parts = [initial_condition(self.system)]
        for r in self.system.resources:
            bounds = self._bounds(r)
            if bounds is not None:
                parts.append(put(bounds, in_use))
        for t in self.threads:
            parts += self._marking(t)
            parts += self._waiting(t, blocking)
        parts.append(le(const(1), add(const(0), *self.stuck.values())))
        return and_(*parts)

    def others_rest(self) -> Iterator[Expr]:
        """Who is not in the set has not begun, but for those that have forked somebody who is."""
        for t in self.threads:
            for p in t.points:
                if p.kind is not PointKind.ENTRY and p.kind not in SPLITS:
                    yield le(self.here[t.id, p.id], self.stuck[t.id, p.id])

    def asking(self, place: Place) -> list[Rule]:
        """Claims that a thread may make there."""
        t = self.system.threads[place[0]]
        places = [p.id for p in t.points]
        return [
            r
            for r in self.system.rules
            if r.thread == t.id and r.gains and place[1] in may_stand(r.guard, t.location, places)
        ]

    def _held(self, counts: Mapping[Place, Expr]) -> dict[int, Expr] | None:
        """By USED variable: the units that so many threads hold."""
        sums: dict[int, list[Expr]] = {
            v.index: [] for v in self.system.variables if v.kind is VarKind.USED
        }
        for t in self.threads:
            for p in t.points:
                for used, amount in p.holds:
                    if amount.op is not Op.CONST:
                        return None
                    sums[used].append(mul(amount, counts[t.id, p.id]))
        return {u: add(const(0), *terms) for u, terms in sums.items()}

    def _bounds(self, r: ResourceInfo) -> Expr | None:
        """What holds of a resource in each state, as the claims of each rule see to it."""
        if not r.enforced or r.kind == "rate":
            return None
        u = var(r.used, Sort.INT)
        if r.exclusive is None:
            bounds = le(u, r.capacity)
        else:
            e = var(r.exclusive, Sort.INT)
            bounds = and_(le(e, const(1)), or_(eq(e, const(0)), eq(u, const(0))))
        mine = [v for v in (r.used, r.exclusive) if v is not None]
        floor = [le(const(0), var(v, Sort.INT)) for v in mine]
        for rule in self.system.rules:
            new = {v: e for v, e in rule.updates if v in mine}
            if new and any(v in mine for v, _ in rule.gains):
                before = and_(*floor, bounds, rule.guard)
                if not is_valid(or_(not_(before), put(bounds, new)), QUERY):
                    return None
            elif any(not self._falls(v, e) for v, e in new.items()):
                return None
        return bounds

    def _falls(self, v: int, e: Expr) -> bool:
        return is_valid(or_(le(e, var(v, Sort.INT)), eq(e, const(0))), QUERY)

    def _marking(self, t: Thread) -> Iterator[Expr]:
        """The place invariants of a thread: it stands at one point; it has begun and is not over
        only while its parent is where it forks it."""
        for p in t.points:
            here, stuck = self.here[t.id, p.id], self.stuck[t.id, p.id]
            yield and_(le(const(0), stuck), le(stuck, here))
        counts = [self.here[t.id, p.id] for p in t.points]
        if t.instance not in self.many:
            yield eq(add(const(0), *counts), const(1))
        if t.parent is not None and t.fork is not None:
            above = self.here[t.parent, t.fork]
            under_way = [self.here[t.id, p.id] for p in t.points if p.kind not in QUIET]
            yield le(add(const(0), *under_way), above)
            yield le(add(const(0), *(self.stuck[t.id, p.id] for p in t.points)), above)

    def _waiting(self, t: Thread, blocking: Mapping[int, Expr]) -> Iterator[Expr]:
        """Who is in the set waits for what the set holds, for a branch that is in it, or (a branch
        that has not begun) for one that is to end before."""
        places = [p.id for p in t.points]
        claims: dict[int, list[Rule]] = {}
        for r in self.system.rules:
            if r.thread == t.id and r.gains:
                for p in may_stand(r.guard, t.location, places):
                    claims.setdefault(p, []).append(r)
        for point in t.points:
            why = []
            asked = claims.get(point.id, ())
            if asked:
                why.append(self._blocked(t, asked, blocking))
            if point.kind in SPLITS:
                why.append(self._any_of(self.children.get(t.id, ())))
            if point.kind is PointKind.ENTRY and t.after:
                why.append(self._any_of([x for x in self.threads if x.id in t.after]))
            yield or_(eq(self.stuck[t.id, point.id], const(0)), *why)

    def _any_of(self, threads: Sequence[Thread]) -> Expr:
        counts = [self.stuck[x.id, p.id] for x in threads for p in x.points]
        return le(const(1), add(const(0), *counts))

    def _blocked(self, t: Thread, rules: Sequence[Rule], blocking: Mapping[int, Expr]) -> Expr:
        """Of the steps that only claims keep back all are blocked, and of all some."""
        found = []
        surely = []
        kinds = self.system.variables
        for r in rules:
            claims = []
            plain = True
            for part in conjuncts(r.guard):
                seen = variables([part])
                if any(kinds[v].kind is VarKind.USED for v in seen):
                    claims.append(not_(put(part, blocking)))
                elif seen != {t.location}:
                    plain = False
            found.append(or_(FALSE, *claims))
            if plain:
                surely.append(found[-1])
        return and_(or_(*found), *surely)


__all__ = ["never_short"]
