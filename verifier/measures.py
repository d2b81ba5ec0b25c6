"""A lexicographic measure that every rule makes fall, put together from places and counters.

Threads above come before those below: who moves a thread may put the branches below anywhere.
Of a thread, places rank by the order in which control passes them (the components of the graph of
its moves); what goes round in a component must make a term fall, and the rules that do are then
left out, and so on (Podelski and Rybalchenko 2004 have the general theory).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..semantics.evidence import Rank
from ..semantics.expr import (
    FALSE,
    Expr,
    Op,
    Sort,
    add,
    and_,
    const,
    eq,
    fold,
    rebuild,
    sub,
    substitute,
    var,
    variables,
)
from ..semantics.system import Rule, Thread
from .engines.common import conjuncts, fixed_by
from .engines.search_graph import strong
from .engines.structure import Structure

MOST_TERMS = 200
MOST_ROUNDS = 12
MOST_CASES = 16  # of one rule


def components(structure: Structure, hints: Sequence[Rank]) -> tuple[Rank, ...]:
    """The components found, also where some rule makes none of them fall."""
    out: list[Rank] = []
    left = dict(enumerate(_cases(structure)))
    given = list(hints)
    for _ in range(MOST_ROUNDS):
        before = len(left)
        _places(structure, left, out)
        if not left:
            break
        term = next(iter(_terms(left)), None) or (given.pop(0).term if given else None)
        if term is not None:
            out.append(Rank(term=term))
            for i, r in list(left.items()):
                if _falls(r, term):
                    del left[i]
        elif len(left) == before:
            break
    return tuple(out)


def _cases(structure: Structure) -> Iterator[Rule]:
    """The rules, taken apart where a guard says `or` about places that the rule changes; what a
    branch that is under way says of the threads above it is added."""
    threads = structure.system.threads
    locations = {t.location: t for t in threads}
    for r in structure.system.rules:
        moved = {v for v, _ in r.updates} & locations.keys()
        todo, done = [conjuncts(r.guard)], 0
        while todo:
            parts = todo.pop()
            k = next(
                (
                    k
                    for k, p in enumerate(parts)
                    if p.op is Op.OR
                    and len(p.args) + len(todo) + done <= MOST_CASES
                    and variables([p]) & moved
                ),
                None,
            )
            if k is not None:
                todo += ([*parts[:k], *parts[k + 1 :], *conjuncts(a)] for a in parts[k].args)
                continue
            done += 1
            pins = fixed_by(parts)
            for t in reversed(threads):
                here = pins.get(t.location)
                if here is not None and here.value and t.parent is not None and t.fork is not None:
                    up = threads[t.parent].location
                    if up not in pins:
                        pins[up] = const(t.fork)
                        parts.append(eq(var(up, Sort.INT), const(t.fork)))
            guard = and_(*parts)
            if guard is not FALSE:
                yield replace(r, guard=guard)


def _places(structure: Structure, left: dict[int, Rule], out: list[Rank]) -> None:
    moves: dict[int, list[tuple[int, list[int], int]]] = {}
    threads = {t.location: t for t in structure.system.threads}
    for i, r in left.items():
        for v, e in r.updates:
            if v in threads and isinstance(e.value, int):
                at = _sources(r, threads[v])
                if at:
                    moves.setdefault(v, []).append((i, at, e.value))
    for t in structure.system.threads:
        mine = [m for m in moves.get(t.location, ()) if m[0] in left]
        if not mine:
            continue
        edges: list[list[int]] = [[] for _ in t.points]
        for _, at, to in mine:
            for p in at:
                edges[p].append(to)
        ranks = [0] * len(t.points)
        for number, part in enumerate(strong(edges)):
            for p in part:
                ranks[p] = number
        fallen = {i for i, at, to in mine if min(ranks[p] for p in at) > ranks[to]}
        if fallen:
            out.append(Rank(t.id, tuple(ranks)))
            for i in fallen:
                del left[i]


def _sources(r: Rule, t: Thread) -> list[int]:
    """The points of a thread at which the guard can hold."""
    pin = fixed_by(conjuncts(r.guard)).get(t.location)
    if pin is not None:
        return [pin.value] if isinstance(pin.value, int) else []
    if t.location not in variables([r.guard]):
        return list(range(len(t.points)))
    return [p.id for p in t.points if _at(r.guard, t.location, p.id) is not FALSE]


def _at(guard: Expr, location: int, point: int) -> Expr:
    """The guard where the thread is at the point, junctions that are constant then included."""

    def build(node: Expr, args: Sequence[Expr]) -> Expr:
        if node.op is Op.VAR and node.index == location:
            return const(point)
        return rebuild(node, args) if node.args else node

    return fold(guard, build)


def _terms(left: dict[int, Rule]) -> Iterator[Expr]:
    """What a guard bounds from below and its rule makes fall, and no other makes grow."""
    tried = 0
    for r in left.values():
        for part in conjuncts(r.guard):
            term = _bounded(part)
            if term is None or not _falls(r, term):
                continue
            tried += 1
            if tried > MOST_TERMS:
                return
            reads = variables([term])
            others = (o for o in left.values() if any(v in reads for v, _ in o.updates))
            if all((d := _change(o, term)) is not None and d <= 0 for o in others):
                yield term


def _bounded(part: Expr) -> Expr | None:
    """`term >= 0` said by a comparison of integers."""
    negated = part.op is Op.NOT
    core = part.args[0] if negated else part
    if core.op not in (Op.LE, Op.LT) or core.args[0].sort is not Sort.INT:
        return None
    low, high = core.args[::-1] if negated else core.args
    strict = (core.op is Op.LT) != negated
    return sub(high, low) if not strict else add(sub(high, low), const(-1))


def _falls(r: Rule, term: Expr) -> bool:
    change = _change(r, term)
    return change is not None and change < 0


def _change(r: Rule, term: Expr) -> int | None:
    """By how much the rule changes a term, where that is plain."""
    new = dict(r.updates)
    pins = fixed_by(conjuncts(r.guard))

    def put(e: Expr, values: dict[int, Expr]) -> Expr:
        return substitute(e, lambda n: values.get(n.index, n) if n.op is Op.VAR else n)

    total: dict[object, int] = {}
    fixed = 0
    after = put(term, {**pins, **{v: put(e, pins) for v, e in new.items()}})
    for sign, e in ((1, after), (-1, put(term, pins))):
        stack = [(sign, e)]
        while stack:
            s, x = stack.pop()
            if x.op is Op.ADD:
                stack += ((s, a) for a in x.args)
            elif x.op is Op.NEG:
                stack.append((-s, x.args[0]))
            elif x.op is Op.CONST and isinstance(x.value, int):
                fixed += s * x.value
            else:
                key = (x.op, x.value) if not x.args else id(x)
                total[key] = total.get(key, 0) + s
    return None if any(total.values()) else fixed
