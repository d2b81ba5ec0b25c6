"""Facts about the tree of threads that are written out instead of being listed, and facts found
by what they mention."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

from ..dsl.records import dataclass
from ..semantics.expr import NUMBERS, Expr, Op, Sort, add, const, eq, ite, or_, var
from ..semantics.system import PointKind, Thread, TransitionSystem
from ..semantics.walks import postorder, variables
from .reading import Step

OVER = (PointKind.END, PointKind.FAILED)
QUIET = (PointKind.ENTRY, *OVER)
Kinds = tuple[PointKind, ...]
RESTS: dict[str, Kinds] = {"quiet": QUIET, "fresh": (PointKind.ENTRY,)}


def at(thread: Thread, points: Iterable[int]) -> Expr:
    here = var(thread.location, Sort.INT)
    return or_(*(eq(here, const(p)) for p in points))


def below(system: TransitionSystem, threads: Iterable[Thread], rest: Kinds) -> list[Expr]:
    """A thread that is not at rest has its parent at its fork."""
    return [
        or_(
            at(t, (p.id for p in t.points if p.kind in rest)),
            at(system.threads[t.parent], (t.fork,)),
        )
        for t in threads
        if t.parent is not None and t.fork is not None
    ]


def linking(system: TransitionSystem, used: int) -> Expr:
    """What is in use is the sum of what the threads hold where they are."""
    held = [
        ite(at(t, (p.id,)), amount, const(0))
        for t in system.threads
        for p in t.points
        for v, amount in p.holds
        if v == used
    ]
    return eq(var(used, Sort.INT), add(const(0), *held))


Place = tuple[int, object]  # a variable that is compared with a constant


def mentions(e: Expr) -> tuple[set[Place], set[int]]:
    """The places that a term asks for, and variables that it looks at in another way."""
    places: set[Place] = set()
    other: set[int] = set()
    inside: set[int] = set()
    nodes = postorder([e])
    for n in nodes:
        if n.op is Op.EQ and n.args[0].op is Op.VAR and n.args[1].op is Op.CONST:
            places.add((n.args[0].index, n.args[1].value))
            inside.add(id(n.args[0]))
    for n in nodes:
        for a in n.args:
            plain = n.op is Op.EQ and n.args[1].op is Op.CONST and a is n.args[0]
            if a.op is Op.VAR and not plain:
                other.add(a.index)
    if e.op is Op.VAR:
        other.add(e.index)
    return {p for p in places if p[0] not in other}, other


@dataclass
class Index:
    """Terms by what they mention: those that a change of a variable can concern."""

    places: dict[Place, list[int]] = field(default_factory=dict)
    other: dict[int, list[int]] = field(default_factory=dict)
    all: dict[int, list[int]] = field(default_factory=dict)

    def add(self, k: int, e: Expr) -> None:
        places, other = mentions(e)
        for p in places:
            self.places.setdefault(p, []).append(k)
        for v in other:
            self.other.setdefault(v, []).append(k)
        for v in {p[0] for p in places} | other:
            self.all.setdefault(v, []).append(k)

    def concerned(self, pins: dict[int, Expr], updates: dict[int, Expr]) -> set[int]:
        """Terms whose value a step may change: a move from one place to another matters only to
        terms that ask for one of the two."""
        out: set[int] = set()
        for v, new in updates.items():
            old = pins.get(v)
            if old is None or new.op is not Op.CONST:
                out.update(self.all.get(v, ()))
            else:
                out.update(self.other.get(v, ()))
                out.update(self.places.get((v, old.value), ()))
                out.update(self.places.get((v, new.value), ()))
        return out


class Known:
    """Facts, and how they are found."""

    def __init__(self, facts: Sequence[Expr], system: TransitionSystem) -> None:
        self.facts = list(facts)
        self.index = Index()
        self.sums: dict[int, tuple[list[tuple[int, Expr]], Index]] = {}
        for k, f in enumerate(self.facts):
            self.index.add(k, f)
            if f.op is Op.EQ and f.args[0].sort in NUMBERS:
                parts = [
                    (sign, part)
                    for sign, side in ((1, f.args[0]), (-1, f.args[1]))
                    for part in (side.args if side.op is Op.ADD else (side,))
                ]
                index = Index()
                for n, (_, part) in enumerate(parts):
                    index.add(n, part)
                self.sums[k] = parts, index
        # What a thread's place says of its parent's: few facts, by its location.
        self.above: dict[int, list[int]] = {}
        for t in system.threads:
            if t.parent is not None and t.location in self.index.all:
                up = system.threads[t.parent].location
                both = set(self.index.all[t.location]) & set(self.index.all.get(up, ()))
                self.above[t.location] = sorted(both - self.sums.keys())
        self.placed: dict[int, Step | None] = {}  # by identity: steps with what follows fixed

    def about(self, terms: Iterable[Expr]) -> list[Expr]:
        """The facts that share a variable with the terms."""
        near = {k for v in variables(terms) for k in self.index.all.get(v, ())}
        return [self.facts[k] for k in sorted(near)]

    def above_of(self, terms: Iterable[Expr]) -> list[Expr]:
        """What places of threads in the terms say of their parents'."""
        near = {k for v in variables(terms) for k in self.above.get(v, ())}
        return [self.facts[k] for k in sorted(near)]
