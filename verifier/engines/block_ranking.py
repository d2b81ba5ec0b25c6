"""Why a loop ends, seen from its rounds: a measure on the data where a round begins.

`ranking` asks each single step; here a step is a block (`blocks`), so that what matters is what a
whole round does, however it is spread over the body.  Blocks that can follow each other for ever
(a strongly connected component of "may come next") get a linear function, one for each cut point,
that none makes grow and some make fall by 1 at least, and only where it is not below a constant;
those are then left out.  Where there is none, a distance cut off at 0 that never grows and
sometimes falls will do: from some time on it does not fall, and that is then known of every block
(the phases of a loop; Bradley, Manna and Sipma 2005 on polyranking, Ben-Amram and Genaim 2014).
What is left is ranked again.  When nothing can go round any more, the loop ends.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import field
from fractions import Fraction
from itertools import combinations

from ...dsl.records import dataclass
from ...semantics.expr import (
    NUMBERS,
    Expr,
    Op,
    Scalar,
    Sort,
    add,
    const,
    inp,
    ite,
    le,
    lt,
    mul,
    neg,
    not_,
    or_,
    sub,
    to_real,
    var,
)
from ...semantics.symbolic import Answer, Encoder, Smt, flag, implication
from ...semantics.system import Loop
from ...semantics.walks import postorder, substitute, variables
from ...semantics.words import in_words
from .blocks import Block, Blocks, TooMany, atoms
from .rank_terms import features, number, scaled, zero_of
from .ranking import FLOOR, SIZES
from .rounds import Rounds
from .search_graph import strong
from .structure import Structure

MOST_LEVELS = 8
MOST_EXAMPLES = 60
MOST_CANDIDATES = 400
MOST_NUMBERS = 8  # that are compared in pairs
QUERY = 500


def block_ranking(structure: Structure, loop: Loop, seconds: float) -> str:
    """In words, why the loop ends; "" if that is not known.  `seconds` of processor time."""
    if loop.graph:
        return ""
    until = time.process_time() + seconds
    rounds = Rounds(structure, loop)
    heads = {
        p
        for x in structure.system.loops
        if x.thread == loop.thread and not x.graph
        for p in Rounds(structure, x).heads
    }
    try:
        blocks = Blocks(structure, loop.thread, heads | rounds.heads)
    except TooMany:
        return ""
    inside = [b for b in blocks.blocks if _stays(blocks, b, rounds.points)]
    return _Ranking(structure, loop, rounds, blocks, inside, until).run()


def _stays(blocks: Blocks, block: Block, points: frozenset[int]) -> bool:
    """Can it be part of a round?  All of its points lie inside of the loop."""
    return block.begin in points and block.end in points and set(block.points) <= points


@dataclass
class _Ranking:
    structure: Structure
    loop: Loop
    rounds: Rounds
    blocks: Blocks
    inside: Sequence[Block]
    until: float
    known: dict[int, list[Expr]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.given = self.structure.constants()

    def run(self) -> str:
        system = self.structure.system
        stable = [
            f
            for f in features(system, self.loop, self.rounds.heads)
            if not variables([f]) & (self.blocks.unstable | {self.blocks.location})
        ]
        more = {repr(f): f for f in (*stable, *self._distances())}
        self.terms = list(more.values())[:12]
        if not self.terms:
            return ""
        candidates = self._candidates()
        known = self.blocks.facts(candidates, self.until)
        if known is None:
            return ""
        self.known = known
        if not self.ends(list(self.inside), [], 0):
            return ""
        told = ", then ".join(dict.fromkeys(self.words))
        how = "falls from round to round" if len(set(self.words)) == 1 else "fall in turn"
        return f"{told} {how}, bounded from below, while the loop goes on"

    def _distances(self) -> list[Expr]:
        """Between the sides of the comparisons that a round makes, where it begins."""
        out: list[Expr] = []
        changed = {v for b in self.inside for v in b.values}
        for a in atoms(self.inside):
            if a.op in (Op.LE, Op.LT, Op.EQ) and a.args[0].sort in NUMBERS:
                d = sub(a.args[1], a.args[0])
                if variables([d]) & changed and not variables([d], Op.INPUT):
                    out.append(d)
        real = any(d.sort is Sort.REAL for d in out)
        return [to_real(d) if real else d for d in out]

    # --- facts -------------------------------------------------------------------------------

    def _candidates(self) -> list[Expr]:
        """Signs and bounds of what the thread computes, and who is larger."""
        system, blocks = self.structure.system, self.blocks
        out: dict[str, Expr] = {}

        def say(e: Expr) -> None:
            if e.op is not Op.CONST and len(out) < MOST_CANDIDATES:
                out.setdefault(repr(e), e)

        read = variables([c for b in blocks.blocks for c in b.conditions])
        read |= {v for b in blocks.blocks for v in b.values}
        read |= variables(self.terms)
        data = [
            system.variables[v]
            for v in sorted(read - blocks.unstable - {blocks.location})
            if system.variables[v].sort is not Sort.STACK
        ]
        numbers = [v for v in data if v.sort in NUMBERS]
        flags = [v for v in data if v.sort is Sort.BOOL]
        tests = [a for a in atoms(blocks.blocks) if not variables([a], Op.INPUT)]
        tests = [a for a in tests if not variables([a]) & blocks.unstable and a.op is not Op.VAR]
        ends = self._ends()
        for v in numbers:
            x = var(v.index, v.sort)
            for c in (0, 1):
                say(le(number(c, v.sort), x))
            say(le(x, number(0, v.sort)))
            for e in ends.get(v.sort, ()):
                say(le(x, const(e)))
        for a in tests:
            say(a)
            say(not_(a))
            if a.op in (Op.LE, Op.LT) and a.args[0].sort is Sort.INT:
                say(le(a.args[0], add(a.args[1], const(1))))
        for v, w in combinations(numbers[:MOST_NUMBERS], 2):
            if v.sort is w.sort:
                x, y = var(v.index, v.sort), var(w.index, w.sort)
                say(le(x, y))
                say(le(y, x))
        for f in flags:
            x = var(f.index, Sort.BOOL)
            for a in list(out.values())[: MOST_CANDIDATES // 4]:
                if x not in postorder([a]):
                    say(or_(not_(x), a))
                    say(or_(x, a))
        return list(out.values())

    def _ends(self) -> dict[Sort, list[Scalar]]:
        """Constants of comparisons, and those with what is added to something."""
        at: dict[Sort, set[Scalar]] = {}
        steps: dict[Sort, set[Scalar]] = {}
        for b in self.blocks.blocks:
            for n in postorder([*b.conditions, *b.values.values()]):
                into = steps if n.op is Op.ADD else at if n.op in (Op.LE, Op.LT, Op.EQ) else None
                if into is not None:
                    for a in n.args:
                        if a.op is Op.CONST and a.value is not None and a.sort in NUMBERS:
                            into.setdefault(a.sort, set()).add(a.value)
        out = {}
        for sort, values in at.items():
            more = {a + s for a in values for s in steps.get(sort, ())}
            out[sort] = sorted(values | more)[:12]
        return out

    # --- levels ------------------------------------------------------------------------------

    def ends(self, live: list[Block], still: list[Expr], depth: int) -> bool:
        """Does no run go round by these blocks for ever?  `still`: terms that fall no more."""
        if depth > MOST_LEVELS or time.process_time() > self.until:
            return False
        for part in self._circles(live, still):
            if not any(b.begin in self.rounds.heads for b in part):
                continue  # an inner loop's own affair
            found = _Guesses(self, part, still).run()
            if found is not None:
                gone, words = found
                self.words.append(words)
                if not self.ends([b for b in part if b not in gone], still, depth + 1):
                    return False
                continue
            if not any(
                self.ends(part, [*still, term], depth + 1) for term in self._falling(part, still)
            ):
                return False
        return True

    def _circles(self, live: list[Block], still: list[Expr]) -> list[list[Block]]:
        """Blocks that can come one after the other for ever."""
        able = [b for b in live if self._possible(b, still)]
        following = []
        for a in able:
            to = []
            for k, b in enumerate(able):
                if b.begin == a.end and self._possible(a, still, b):
                    to.append(k)
            following.append(to)
        out = []
        for part in strong(following):
            if len(part) > 1 or part[0] in following[part[0]]:
                out.append([able[k] for k in sorted(part)])
        return out

    def premises(self, block: Block, still: Sequence[Expr]) -> list[Expr]:
        """What is known where the block is taken."""
        stays = []
        for term in still:
            fell = le(add(block.after(term), number(1, term.sort)), term)
            stays.append(not_(fell))
        return [*self.given, *self.known[block.begin], *block.conditions, *stays]

    def _possible(self, block: Block, still: list[Expr], then: Block | None = None) -> bool:
        smt, encode = Smt(QUERY), Encoder()
        smt.add(*map(encode, self.premises(block, still)))
        if then is not None:
            # Its answers are its own.
            shifted = [block.after(_apart(c)) for c in self.premises(then, still)]
            smt.add(*map(encode, shifted))
        return smt.check() is not Answer.UNSAT

    def _falling(self, part: list[Block], still: list[Expr]) -> list[Expr]:
        """Distances cut off at 0 that no block makes grow and some block can make fall."""
        out = []
        used = {repr(t) for t in still}
        for e in self.terms:
            zero = number(0, e.sort)
            for x in (e, neg(e), add(e, number(1, e.sort)), add(neg(e), number(1, e.sort))):
                term = ite(lt(zero, x), x, zero)
                if repr(term) in used:
                    continue
                falls = False
                for b in part:
                    grows = lt(term, b.after(term))
                    if not self._never(b, still, grows):
                        break
                    fell = le(add(b.after(term), number(1, e.sort)), term)
                    falls = falls or not self._never(b, still, fell)
                else:
                    if falls:
                        self.words.append(in_words(self.structure.system, term, 80))
                        out.append(term)
                        return out
        return out

    def _never(self, block: Block, still: list[Expr], cond: Expr) -> bool:
        smt, encode = Smt(QUERY), Encoder()
        smt.add(*map(encode, (*self.premises(block, still), cond)))
        return smt.check() is Answer.UNSAT


def _apart(e: Expr) -> Expr:
    return substitute(e, lambda n: inp(n.index + 10_000, n.sort) if n.op is Op.INPUT else n)


class _Guesses:
    """Coefficients for each cut point that fit the examples, and the solver's answers to them."""

    def __init__(self, of: _Ranking, part: Sequence[Block], still: Sequence[Expr]) -> None:
        self.of = of
        self.part = part
        self.terms = of.terms
        self.smt = Smt(1000)
        self.cuts = sorted({b.begin for b in part})
        offset = [const(Fraction(1)) if of.terms[0].sort is Sort.REAL else const(1)]
        self.basis = [*self.terms, *(offset if len(self.cuts) > 1 else [])]
        self.encode = Encoder()
        size = len(self.basis)
        self.unknowns = {
            c: [var(k * size + j, Sort.INT) for j in range(size)] for k, c in enumerate(self.cuts)
        }
        self.falls = [var(size * len(self.cuts) + k, Sort.BOOL) for k in range(len(part))]
        self.add(or_(*self.falls))
        zero = const(0)
        sizes = [ite(lt(x, zero), neg(x), x) for xs in self.unknowns.values() for x in xs]
        self.limits = []
        for most in SIZES:
            self.limits.append(flag(f"size {most}"))
            small = self.encode(le(add(zero, *sizes), const(most)))
            self.smt.add(implication(self.limits[-1], small))
        self.questions = []
        for b in part:
            ask, encode = Smt(QUERY), Encoder()
            ask.add(*map(encode, of.premises(b, still)))
            self.questions.append((ask, encode, [b.after(x) for x in self.basis]))

    def add(self, cond: Expr) -> None:
        self.smt.add(self.encode(cond))

    def run(self) -> tuple[list[Block], str] | None:
        """The blocks that make a function fall, and the function in words."""
        limits = list(self.limits)
        for _ in range(MOST_EXAMPLES):
            while limits and self.smt.check(limits[:1]) is not Answer.SAT:
                del limits[0]
            if not limits or time.process_time() > self.of.until:
                return None
            guess = {c: [int(self.value(x)) for x in xs] for c, xs in self.unknowns.items()}
            falls = [self.value(x) is True for x in self.falls]
            right = self.examined(guess, falls)
            if right is None:
                return None
            if right:
                gone = [b for b, f in zip(self.part, falls, strict=True) if f]
                shown = [self.rank(guess[c], self.basis) for c in self.cuts]
                system = self.of.structure.system
                return gone, " / ".join(dict.fromkeys(in_words(system, r, 100) for r in shown))
        return None

    def value(self, x: Expr) -> Scalar:
        found = self.smt.value(self.encode(x), x.sort)
        assert found is not None
        return found

    def rank(self, coefficients: Sequence[int], basis: Sequence[Expr]) -> Expr:
        pairs = zip(coefficients, basis, strict=True)
        return add(zero_of(basis), *(scaled(c, x) for c, x in pairs if c))

    def examined(self, guess: dict[int, list[int]], falls: Sequence[bool]) -> bool | None:
        """True: right; False: wrong, and why has been noted; None: not known."""
        wrong = False
        for k, b in enumerate(self.part):
            ask, encode, after = self.questions[k]
            now = self.rank(guess[b.begin], self.basis)
            then = self.rank(guess[b.end], after)
            drop = number(1 if falls[k] else 0, now.sort)
            bad = [lt(sub(now, drop), then)]
            if falls[k]:
                bad.append(lt(now, number(FLOOR, now.sort)))
            for number_, cond in enumerate(bad):
                ask.push()
                ask.add(encode(cond))
                answer = ask.check()
                if answer is Answer.SAT:
                    wrong = True
                    old = [ask.value(encode(x), x.sort) for x in self.basis]
                    new = [ask.value(encode(x), x.sort) for x in after]
                    if None in old or None in new:
                        ask.pop()
                        return None
                    self.note(k, b, old, new, bool(number_))
                ask.pop()
                if answer is Answer.UNKNOWN:
                    return None
        return not wrong

    def note(
        self,
        k: int,
        block: Block,
        old: Sequence[Scalar | None],
        new: Sequence[Scalar | None],
        low: bool,
    ) -> None:
        """A step as a condition on the coefficients."""
        now = self.sum(block.begin, old)
        if low:
            self.add(or_(not_(self.falls[k]), le(const(Fraction(FLOOR)), now)))
            return
        then = self.sum(block.end, new)
        drop = ite(self.falls[k], const(Fraction(1)), const(Fraction(0)))
        self.add(le(add(then, drop), now))

    def sum(self, cut: int, values: Sequence[Scalar | None]) -> Expr:
        parts = [
            mul(const(Fraction(v)), to_real(x))
            for v, x in zip(values, self.unknowns[cut], strict=True)
            if v
        ]
        return add(const(Fraction(0)), *parts)
