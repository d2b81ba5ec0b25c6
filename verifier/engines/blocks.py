"""What one thread does between two places of it, as one step over the data that only it changes.

Cut points break every circle of the thread's control (the heads of its loops are among them).  A
block is a way from one to the next that passes no other: its conditions and its effect in terms of
the data at its beginning (large blocks: Beyer, Cimatti, Griggio, Keremoglu and Sebastiani 2009).
A variable that some step writes without moving the thread may change at any time: what is said of
it is left out, and what is computed from it is any value.  So every run of the whole system is,
seen from the thread, a sequence of blocks.

At the cut points hold facts that are so at the start and that no block breaks (Houdini: Flanagan
and Leino 2001).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op, Sort, and_, const, inp, not_, var
from ...semantics.symbolic import Answer, Encoder, Smt
from ...semantics.system import Rule, TransitionSystem
from ...semantics.walks import postorder, substitute, variables
from .common import conjuncts, in_domain, initial_condition, input_condition, may_stand, put
from .structure import Structure

MOST_PARTS = 1500  # of blocks
MOST_STEPS = 60  # of a block
QUERY = 500  # milliseconds
MOST_MODELS = 400


@dataclass(frozen=True)
class Block:
    """`values` are those of the variables that changed; inputs are numbered along the way."""

    begin: int
    end: int
    conditions: tuple[Expr, ...]
    values: Mapping[int, Expr]
    rules: tuple[int, ...]
    inputs: int = 0
    points: tuple[int, ...] = ()  # passed on the way

    def after(self, e: Expr) -> Expr:
        """A term at its end, in terms of its beginning."""
        return put(e, self.values)


class TooMany(Exception):
    """More ways than are looked at."""


class Blocks:
    """All blocks of a thread.  Raises `TooMany`."""

    def __init__(self, structure: Structure, thread: int, cuts: Collection[int]) -> None:
        self.system: TransitionSystem = structure.system
        self.structure = structure
        t = self.system.threads[thread]
        self.location = t.location
        self.points = frozenset(p.id for p in t.points)
        self.moving = structure.writing(self.location)
        mine = {r.index for r in self.moving}
        self.unstable = {
            v.index
            for v in self.system.variables
            if any(w.index not in mine for w in structure.writing(v.index))
        }
        self.edges = self._edges()
        begin = self.system.variables[self.location].init
        if begin is None or begin.op is not Op.CONST:
            raise TooMany
        assert isinstance(begin.value, int)
        self.begin = begin.value
        self.cuts = self._cuts({self.begin, *cuts})
        self.blocks = list(self._blocks())

    def _edges(self) -> dict[int, list[Rule]]:
        """By place, the rules that may move the thread from there."""
        memo: dict[int, frozenset[int]] = {}
        out: dict[int, list[Rule]] = {}
        for r in self.moving:
            for p in may_stand(r.guard, self.location, self.points, memo):
                out.setdefault(p, []).append(r)
        return out

    def _cuts(self, cuts: set[int]) -> frozenset[int]:
        """With more of them, so that each circle has one."""
        state: dict[int, int] = {}  # 1: on the way, 2: done
        for root in sorted(self.points):
            stack: list[tuple[int, Iterator[int]]] = []
            if root not in state:
                state[root] = 1
                stack.append((root, iter(sorted(self._targets_from(root)))))
            while stack:
                at, rest = stack[-1]
                to = next(rest, None)
                if to is None:
                    state[at] = 2
                    stack.pop()
                elif to not in state and to not in cuts:
                    state[to] = 1
                    stack.append((to, iter(sorted(self._targets_from(to)))))
                elif state.get(to) == 1 and to not in cuts:
                    cuts.add(to)
        return frozenset(cuts)

    def _targets_from(self, point: int) -> set[int]:
        out: set[int] = set()
        for r in self.edges.get(point, ()):
            new = next(e for v, e in r.updates if v == self.location)
            found = targets(new, point, self.location)
            out |= self.points if found is None else {p for p, _ in found}
        return out

    def _blocks(self) -> Iterator[Block]:
        for cut in sorted(self.cuts):
            todo = [Block(cut, cut, (), {}, ())]
            steps = 0
            while todo:
                for more in self._further(todo.pop()):
                    steps += 1
                    if steps > MOST_PARTS or len(more.rules) > MOST_STEPS:
                        raise TooMany
                    if more.end in self.cuts:
                        yield more
                    else:
                        todo.append(more)

    def _further(self, way: Block) -> Iterator[Block]:
        here = const(way.end)
        for r in self.edges.get(way.end, ()):
            count = way.inputs + len(r.inputs)

            def read(e: Expr, shift: int = way.inputs) -> Expr:
                def leaf(n: Expr) -> Expr:
                    if n.op is Op.INPUT:
                        return inp(n.index + shift, n.sort)
                    if n.op is not Op.VAR:
                        return n
                    if n.index == self.location:
                        return here
                    return way.values.get(n.index, n)

                return substitute(e, leaf)

            said = [
                read(c)
                for e in (r.guard, input_condition(r))
                for c in conjuncts(e)
                if not variables([c]) & self.unstable
            ]
            typed = [read(in_domain(d, inp(k, d.sort))) for k, d in enumerate(r.inputs)]
            values = dict(way.values)
            moves: list[tuple[int, Expr]] = []
            for v, e in r.updates:
                if v == self.location:
                    found = targets(read(e), way.end, self.location)
                    moves = [(p, TRUE) for p in self.points] if found is None else found
                elif v not in self.unstable:
                    if variables([e]) & self.unstable:
                        values[v] = inp(count, e.sort)
                        count += 1
                    else:
                        values[v] = read(e)
            for point, when in moves:
                tests = [] if variables([when]) & self.unstable else conjuncts(when)
                after = replace(
                    way,
                    end=point,
                    points=(*way.points, way.end) if way.rules else (),
                    conditions=(*way.conditions, *said, *typed, *tests),
                    values=values,
                    rules=(*way.rules, r.index),
                    inputs=count,
                )
                if not variables([self.system.excluded]) & self.unstable:
                    counts = not_(after.after(_placed(self.system.excluded, self.location, point)))
                    after = replace(after, conditions=(*after.conditions, counts))
                if FALSE not in after.conditions:
                    kept = tuple(c for c in after.conditions if c is not TRUE)
                    yield replace(after, conditions=kept)

    # --- facts -------------------------------------------------------------------------------

    def facts(self, candidates: Sequence[Expr], until: float) -> dict[int, list[Expr]] | None:
        """By cut point, those of the candidates that hold whenever the thread is there; None
        where time ran out before they were sure.

        Candidates speak of variables that only steps of the thread write.
        """
        given = self.structure.constants()
        known = {c: list(candidates) for c in self.cuts}
        known[self.begin] = self._beginning(candidates)
        todo = list(self.blocks)
        while todo:
            block = todo.pop()
            kept = _still(block, known[block.begin], known[block.end], given, until)
            if kept is None:
                return None
            if len(kept) < len(known[block.end]):
                known[block.end] = kept
                again = [b for b in self.blocks if b.begin == block.end and b not in todo]
                todo += again
        return known

    def _beginning(self, candidates: Sequence[Expr]) -> list[Expr]:
        """Those that hold before the first step."""
        values: dict[int, Expr] = {}

        for v in self.system.variables:
            values[v.index] = var(v.index, v.sort) if v.init is None else put(v.init, values)
        out = []
        smt, encode = Smt(QUERY), Encoder()
        smt.add(encode(put(initial_condition(self.system), values)))
        for c in candidates:
            smt.push()
            smt.add(encode(not_(put(c, values))))
            if smt.check() is Answer.UNSAT:
                out.append(c)
            smt.pop()
        return out


def _placed(e: Expr, location: int, point: int) -> Expr:
    here = const(point)
    return substitute(e, lambda n: here if n.op is Op.VAR and n.index == location else n)


def targets(e: Expr, point: int, location: int) -> list[tuple[int, Expr]] | None:
    """The points that a location may be set to, and when; None where it does not say."""
    if e.op is Op.CONST and isinstance(e.value, int):
        return [(e.value, TRUE)]
    if e.op is Op.VAR and e.index == location:
        return [(point, TRUE)]
    if e.op is not Op.ITE:
        return None
    test, then, other = e.args
    first, second = targets(then, point, location), targets(other, point, location)
    if first is None or second is None:
        return None
    return [(p, and_(test, c)) for p, c in first] + [(p, and_(not_(test), c)) for p, c in second]


def entered(structure: Structure, thread: int) -> set[int]:
    """The points that the thread may come to, as far as its own place decides what can be taken."""
    t = structure.system.threads[thread]
    begin = structure.system.variables[t.location].init
    points = frozenset(p.id for p in t.points)
    if begin is None or begin.op is not Op.CONST:
        return set(points)
    assert isinstance(begin.value, int)
    moves = []
    for r in structure.writing(t.location):
        new = next(e for v, e in r.updates if v == t.location)
        moves.append((may_stand(r.guard, t.location, points), new))
    found = {begin.value}
    todo = [begin.value]
    while todo:
        at = todo.pop()
        for places, new in moves:
            if at in places:
                to = targets(new, at, t.location)
                more = (points if to is None else {p for p, _ in to}) - found
                found |= more
                todo += more
    return found


def _still(
    block: Block,
    before: Sequence[Expr],
    after: Sequence[Expr],
    given: Sequence[Expr],
    until: float,
) -> list[Expr] | None:
    """Those of `after` that hold at the end of the block if all of `before` did at its beginning;
    what is not decided is left out."""
    left = [(c, block.after(c)) for c in after]
    left = [(c, e) for c, e in left if e is not TRUE]
    sure = {id(c) for c in after} - {id(c) for c, _ in left}
    smt, encode = Smt(QUERY), Encoder()
    smt.add(*map(encode, (*given, *before, *block.conditions)))
    lost: set[int] = set()
    for _ in range(MOST_MODELS):
        left = [(c, e) for c, e in left if id(c) not in lost]
        if not left:
            break
        if time.process_time() > until:
            return None
        smt.push()
        smt.add(encode(not_(and_(*(e for _, e in left)))))
        answer = smt.check()
        if answer is Answer.SAT:
            for c, e in left:
                if smt.value(encode(e), Sort.BOOL) is not True:
                    lost.add(id(c))
        smt.pop()
        if answer is Answer.UNSAT:
            break
        if answer is Answer.UNKNOWN:
            # One by one: some of them are easy.
            for c, e in left:
                smt.push()
                smt.add(encode(not_(e)))
                if smt.check() is not Answer.UNSAT:
                    lost.add(id(c))
                smt.pop()
            break
    else:
        lost |= {id(c) for c, _ in left}
    return [c for c in after if id(c) in sure or id(c) not in lost]


def atoms(blocks: Sequence[Block]) -> list[Expr]:
    """The comparisons in the conditions."""
    found: dict[str, Expr] = {}
    for n in postorder([c for b in blocks for c in b.conditions]):
        if n.sort is Sort.BOOL and n.op in (Op.LE, Op.LT, Op.EQ, Op.VAR):
            found.setdefault(repr(n), n)
    return list(found.values())


__all__ = ["Block", "Blocks", "TooMany", "atoms"]
