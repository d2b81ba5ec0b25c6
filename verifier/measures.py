"""A lexicographic measure that every rule makes fall, put together from places and counters.

Threads above come before those below: who moves a thread may put the branches below anywhere.
Of a thread, places rank by the order in which control passes them (the components of the graph of
its moves); what goes round in a component must make a term fall, and the rules that do are then
left out, and so on (Podelski and Rybalchenko 2004 have the general theory).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from ..semantics.evidence import Rank
from ..semantics.expr import Expr, Op, Sort, add, const, sub
from ..semantics.system import Rule
from ..semantics.walks import substitute, variables
from .engines.common import conjuncts, fixed_by, placed
from .engines.linking import PlacesOf
from .engines.search_graph import strong
from .engines.structure import Structure

MOST_TERMS = 200
MOST_ROUNDS = 12


def components(structure: Structure, hints: Sequence[Rank], apart: bool = True) -> tuple[Rank, ...]:
    """The components found, also where some rule makes none of them fall; `apart`: rules are taken
    apart by what their guards say of places, which is slow."""
    out: list[Rank] = []
    system = structure.system
    cases = (c for r in system.rules for c in placed(system, r))
    left = dict(enumerate(cases if apart else system.rules))
    moves = _moves(structure, left) if apart else _moves_of_rules(structure)
    given = [h.term for h in hints if h.term is not None]
    for _ in range(MOST_ROUNDS):
        before = len(left)
        _places(structure, left, moves, out)
        if not left:
            break
        terms = _ready(left, given) or list(itertools.islice(_terms(left), 1))
        if not terms and given:
            terms = [given.pop(0)]  # whether it falls, a solver may see
        writing = _writing(left)
        for term in terms:
            out.append(Rank(term=term))
            for i in {i for v in variables([term]) for i in writing.get(v, ())}:
                if i in left and _falls(left[i], term):
                    del left[i]
        if not terms and len(left) == before:
            break
    return tuple(out)


def _ready(left: dict[int, Rule], given: list[Expr]) -> list[Expr]:
    """Those that some rule makes fall and none makes grow, as is plain; taken out of the list."""
    writing = _writing(left)
    out = []
    for term in list(given):
        mine = {i for v in variables([term]) for i in writing.get(v, ())}
        changes = [_change(left[i], term) for i in sorted(mine)]
        if all(d is not None and d <= 0 for d in changes) and any(changes):
            out.append(term)
            given.remove(term)
    return out


def _writing(left: dict[int, Rule]) -> dict[int, list[int]]:
    """Rules by what they write."""
    out: dict[int, list[int]] = {}
    for i, r in left.items():
        for v, _ in r.updates:
            out.setdefault(v, []).append(i)
    return out


Moves = dict[int, list[tuple[int, list[int], int]]]  # by location: rule, from where, to where


def _moves(structure: Structure, cases: dict[int, Rule]) -> Moves:
    moves: Moves = {}
    threads = {t.location: t for t in structure.system.threads}
    for i, r in cases.items():
        for v, e in r.updates:
            if v in threads and isinstance(e.value, int):
                at = sorted(structure.standing(r.guard, threads[v]))
                if at:
                    moves.setdefault(v, []).append((i, at, e.value))
    return moves


def _moves_of_rules(structure: Structure) -> Moves:
    """From where, as far as the tree of threads tells for the guard as a whole."""
    moves: Moves = {}
    threads = {t.location: t for t in structure.system.threads}
    places = PlacesOf(structure.system)
    for r in structure.system.rules:
        before = places(r)
        for v, e in r.updates:
            if v in threads and isinstance(e.value, int):
                points = before.get(v) or places.resting(v, before)
                at = sorted(points) if points else list(range(len(threads[v].points)))
                moves.setdefault(v, []).append((r.index, at, e.value))
    return moves


def _places(structure: Structure, left: dict[int, Rule], moves: Moves, out: list[Rank]) -> None:
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


def _terms(left: dict[int, Rule]) -> Iterator[Expr]:
    """What a guard bounds from below and its rule makes fall, and no other makes grow."""
    tried = 0
    for r in left.values():
        for part in conjuncts(r.guard):
            term = bounded(part)
            if term is None or not _falls(r, term):
                continue
            tried += 1
            if tried > MOST_TERMS:
                return
            reads = variables([term])
            others = (o for o in left.values() if any(v in reads for v, _ in o.updates))
            if all((d := _change(o, term)) is not None and d <= 0 for o in others):
                yield term


def bounded(part: Expr) -> Expr | None:
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
