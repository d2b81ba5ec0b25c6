"""Why a loop ends: linear ranking functions, lexicographic where one is not enough.

A ranking function is `sum(a * x) + sum(b(t, p) * [thread t is at p])`, whole coefficients, over
features x: data that the loop changes, the distances between the two sides of its tests, and those
distances cut off at 0 (so that `|x|` is among them).  The offsets b let a decrease that is spread
over the body be seen where the round closes (Podelski and Rybalchenko 2004, on the control flow
graph as in Alias, Darte, Feautrier and Gonnord 2010).

Coefficients are found from examples: a first guess is shown to the solver, which answers with a
step that breaks it; the next guess must fit all steps so far (Ben-Amram and Genaim 2014 call this
the counterexample-guided way).  Whatever is found was shown by the solver, rule by rule:

- no step of the loop, nor one beside it, makes the function grow;
- some rules make it fall by 1 at least;
- it is not below some constant whenever the loop goes on.

A falling rule is then taken finitely often, and is left out; what can still go round without it
is ranked again.  When nothing can, the loop ends.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import Literal

from ...dsl.records import dataclass
from ...semantics.expr import (
    TRUE,
    Expr,
    Op,
    Scalar,
    Sort,
    add,
    and_,
    const,
    inp,
    ite,
    le,
    lt,
    mul,
    neg,
    or_,
    sub,
    to_real,
)
from ...semantics.system import Loop, Rule, RuleKind, TransitionSystem
from ...semantics.values import evaluate
from ...semantics.walks import postorder, variables
from ...semantics.words import in_words
from .common import conjuncts, input_condition, weakest
from .rank_terms import MOST_FEATURES, at_point, features, number, placed, scaled, zero_of
from .rounds import Rounds
from .structure import Structure

SIZES = (
    1,
    2,
    3,
    5,
    9,
    20,
    100,
    2000,
)  # the sum of the coefficients, without signs: small ones first
MOST_RULES = 160  # of a loop, for offsets
MOST_EXAMPLES = 80
MOST_LEVELS = 6
FLOOR = -1_000_000  # any bound would do

Example = tuple[dict[int, Scalar], dict[int, Scalar]]  # values of variables, and of a rule's inputs


@dataclass(frozen=True, slots=True)
class Level:
    """`rank` is a term of the state; `falling` are the rules that make it fall by 1 at least."""

    rank: Expr
    falling: frozenset[int]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Lexicographic, the most significant first."""

    levels: tuple[Level, ...]
    words: str


def ranking(
    structure: Structure,
    loop: Loop,
    invariants: Sequence[Expr] = (),
    seconds: float = 2.0,
    wide: bool = True,
) -> Ranking | None:
    """A ranking of the loop's rounds, or None.  `invariants` hold in every reachable state.

    `seconds` of processor time, so that a busy machine gives no other answer.  Without `wide`
    only what the loop's own test speaks of is tried.
    """
    made = _Ranking(structure, loop, invariants, seconds)
    if not wide:
        made.tries = made.tries[:1]
    return made.run()


def declared(
    structure: Structure, loop: Loop, invariants: Sequence[Expr] = (), seconds: float = 2.0
) -> Ranking | None:
    """The same made of the loop's `decreases` alone, which has to fall."""
    assert loop.decreases is not None
    made = _Ranking(structure, loop, invariants, seconds)
    made.tries = [([loop.decreases], False), ([loop.decreases], True)]
    made.only_falling = True
    return made.run()


class _Ranking:
    only_falling = False  # no feature may count with a minus

    def __init__(
        self, structure: Structure, loop: Loop, invariants: Sequence[Expr], seconds: float
    ) -> None:
        self.system: TransitionSystem = structure.system
        self.structure = structure
        self.loop = loop
        self.until = time.process_time() + seconds
        self.rounds = Rounds(structure, loop)
        self.given = [*structure.constants(), *invariants]
        self.features = features(self.system, loop, self.rounds.heads)
        # Most loops need no more than the sides of their own test.
        tested = variables([loop.cond]) - {self.rounds.location}
        near = [f for f in self.features if variables([f]) <= tested]
        # What a function is made of, and whether with offsets by place.
        self.tries = [(near, False), (self.features, False), (self.features, True)]

    def run(self) -> Ranking | None:
        if self.loop.graph or not self.features:
            return None
        levels: list[Level] = []
        gone: set[int] = set()
        while len(levels) < MOST_LEVELS:
            live = self.rounds.live(gone)
            if not live:
                names = ", then ".join(in_words(self.system, lv.rank, 120) for lv in levels)
                how = (
                    "falls with every round, never grows, and is bounded"
                    if len(levels) == 1
                    else "fall in turn; the first never grows, the next only when one before it "
                    "falls, and all are bounded"
                )
                words = f"{names} {how} while the loop goes on"
                return Ranking(tuple(levels), words)
            level = None
            for terms, offsets in self.tries:
                level = level or self.level(live, terms, offsets)
            if level is None:
                return None
            levels.append(level)
            gone |= level.falling
        return None

    # --- one function ------------------------------------------------------------------------

    def level(self, live: set[int], features: Sequence[Expr], offsets: bool) -> Level | None:
        """A function that no live rule makes grow and some make fall."""
        data = {v for f in features for v in variables([f])}
        places = self._places(live) if offsets else []
        if offsets and (len(live) > MOST_RULES or not places):
            return None
        where = {self.system.threads[t].location for t, _ in places}
        rules: dict[int, Rule] = {}
        for v in sorted(data | where):
            for r in self.structure.writing(v):
                beside = r.index not in self.rounds.rules and self._beside(r)
                if r.index in live or beside:
                    rules[r.index] = r
        # Only a rule that moves the loop's thread takes ways round with it.
        moving = {i for _, _, i in self.rounds.edges}
        falling = [i for i in rules if i in live and i in moving]
        if not falling:
            return None
        terms = [*features, *(at_point(self.system, t, p) for t, p in places)]
        return _Guesses(self, terms, len(features), [*rules.values()], falling).run()

    def _beside(self, r: Rule) -> bool:
        """May a rule that is no part of the loop be taken while it runs?"""
        return r.thread != self.loop.thread or r.kind is RuleKind.INTERRUPT

    def _places(self, live: set[int]) -> list[tuple[int, int]]:
        """Points of threads that live rules move to or from, but one for each thread."""
        out: dict[int, set[int]] = {}
        by_location = {t.location: t.id for t in self.system.threads}
        for index in live:
            for v, e in self.system.rules[index].own:
                if v in by_location:
                    t = self.system.threads[by_location[v]]
                    for n in postorder([e]):
                        if n.op is Op.CONST and isinstance(n.value, int) and n.value:
                            out.setdefault(t.id, set()).add(n.value)
        out[self.loop.thread] = out.get(self.loop.thread, set()) & self.rounds.points
        found = [(t, p) for t in sorted(out) for p in sorted(out[t])]
        return found if len(found) <= 3 * MOST_FEATURES else []


class _Guesses:
    """Coefficients that fit the examples, and the solver's answers to them."""

    def __init__(
        self,
        of: _Ranking,
        terms: Sequence[Expr],
        features: int,
        rules: Sequence[Rule],
        falling: Sequence[int],
    ) -> None:
        from ...semantics.symbolic import Encoder, Smt, flag, implication

        self.of = of
        self.terms = terms
        self.data = features
        self.rules = rules
        self.smt = Smt(1000)
        self.encode = Encoder()
        size = len(terms)
        self.unknowns = [inp(k, Sort.INT) for k in range(size)]
        self.falls = {r: inp(size + k, Sort.BOOL) for k, r in enumerate(falling)}
        self.add(or_(*self.falls.values()))
        zero = const(0)
        sizes = []
        for k, x in enumerate(self.unknowns):
            if k < features and of.only_falling:
                self.add(le(const(1), x))
                sizes.append(x)
            elif k < features:
                sizes.append(ite(lt(x, zero), neg(x), x))
            else:
                self.add(le(zero, x))
                sizes.append(x)
        self.limits = []
        for most in SIZES:
            self.limits.append(flag(f"size {most}"))
            small = self.encode(le(add(zero, *sizes), const(most)))
            self.smt.add(implication(self.limits[-1], small))

    def add(self, cond: Expr) -> None:
        self.smt.add(self.encode(cond))

    def run(self) -> Level | None:
        from ...semantics.symbolic import Answer

        found = self.likely()
        if found is not None:
            return found
        limits = list(self.limits)
        for _ in range(MOST_EXAMPLES):
            while limits and self.smt.check(limits[:1]) is not Answer.SAT:
                del limits[0]
            if not limits or time.process_time() > self.of.until:
                return None

            def value(x: Expr) -> Scalar:
                found = self.smt.value(self.encode(x), x.sort)
                assert found is not None
                return found

            guess = [int(value(x)) for x in self.unknowns]
            falls = frozenset(r for r, x in self.falls.items() if value(x) is True)
            rank = add(
                zero_of(self.terms),
                *(scaled(c, x) for c, x in zip(guess, self.terms, strict=True) if c),
            )
            answer = self.refute(rank, guess, falls)
            if answer is True:
                more = (r for r in self.rules if r.index in self.falls and r.index not in falls)
                return Level(rank, falls | {r.index for r in more if self.drops(r, rank)})
            if answer is False:
                return None
        return None

    def likely(self) -> Level | None:
        """What most loops need: how far the test is from false, one less with each round.  Where
        it is not, the steps that show it are examples for the others."""
        if self.of.only_falling or self.data == 0:
            return None
        guess = [1] + [0] * (len(self.terms) - 1)
        falls = frozenset(self.falls)
        rank = self.terms[0]
        return Level(rank, falls) if self.refute(rank, guess, falls) is True else None

    def refute(self, rank: Expr, guess: Sequence[int], falls: frozenset[int]) -> bool | None:
        """True: the guess is right; None: it is wrong, and why has been noted; False: the solver
        does not know."""
        rounds = self.of.rounds
        goes_on = and_(self.of.loop.head, self.of.loop.cond)
        data = add(
            zero_of(self.terms),
            *(scaled(c, x) for c, x in zip(guess[: self.data], self.terms, strict=False) if c),
        )
        bad = self.example([goes_on, lt(data, number(FLOOR, data.sort))], rounds.heads)
        if bad is False:
            return False
        if bad is not None:
            state, inputs = bad
            now = [self.value(x, state, inputs) for x in self.terms[: self.data]]
            self.add(le(const(Fraction(FLOOR)), self.sum(now)))
            return None
        wrong = False
        for r in self.rules:
            bad = self.broken(r, rank, 1 if r.index in falls else 0)
            if bad is False:
                return False
            if bad is not None:
                wrong = True
                self.note(r, *bad)
        return None if wrong else True

    def broken(self, r: Rule, rank: Expr, drop: int) -> Example | Literal[False] | None:
        """A step that does not make the rank fall by `drop`."""
        rounds = self.of.rounds
        grows = lt(sub(rank, number(drop, rank.sort)), weakest(r, rank))
        # Who comes in or goes out begins or ends the loop; what counts is who stays.
        stays = weakest(r, rounds.inside)
        taken = [stays, *conjuncts(r.guard), input_condition(r)]
        return self.example([*taken, grows], rounds.where(r))

    def drops(self, r: Rule, rank: Expr) -> bool:
        return self.broken(r, rank, 1) is None

    def note(self, r: Rule, state: Mapping[int, Scalar], inputs: Mapping[int, Scalar]) -> None:
        """The step as a condition on the coefficients."""
        difference = []
        for x in self.terms:
            before = self.value(x, state, inputs)
            difference.append(self.value(weakest(r, x), state, inputs) - before)
        drop = const(Fraction(0))
        if r.index in self.falls:
            drop = ite(self.falls[r.index], const(Fraction(1)), drop)
        self.add(le(add(self.sum(difference), drop), const(Fraction(0))))

    def sum(self, values: Sequence[Fraction]) -> Expr:
        return add(
            const(Fraction(0)),
            *(mul(const(v), to_real(x)) for v, x in zip(values, self.unknowns, strict=False) if v),
        )

    def value(self, x: Expr, state: Mapping[int, Scalar], inputs: Mapping[int, Scalar]) -> Fraction:
        return Fraction(evaluate(x, state, inputs))  # type: ignore[arg-type]

    def example(
        self, parts: Sequence[Expr], points: Collection[int]
    ) -> Example | Literal[False] | None:
        """Values for which all parts hold at one of the points of the loop's thread; None: there
        are none; False: not known."""
        unsure = False
        for p in sorted(points):
            # With the place put in, little is left of conditions that look far back.
            here = [placed(x, self.of.rounds.location, p) for x in parts]
            given = [placed(x, self.of.rounds.location, p) for x in self.of.given]
            found = self._example(here, [g for g in given if g is not TRUE])
            if found is False:
                unsure = True
            elif found is not None:
                found[0][self.of.rounds.location] = p
                return found
        return False if unsure else None

    def _example(
        self, parts: Sequence[Expr], given: Sequence[Expr]
    ) -> Example | Literal[False] | None:
        from ...semantics.symbolic import Answer, Encoder, Smt

        cond = and_(*parts, *_about(given, parts))
        if cond.op is Op.CONST and cond.value is False:
            return None
        smt = Smt(500, resources=2_000_000)
        encode = Encoder()
        smt.add(encode(cond))
        answer = smt.check()
        if answer is not Answer.SAT:
            return None if answer is Answer.UNSAT else False
        state, inputs = _Total(), _Total()
        for n in postorder([cond]):
            if n.op in (Op.VAR, Op.INPUT):
                found = smt.value(encode(n), n.sort)
                if found is None:
                    return False
                (state if n.op is Op.VAR else inputs)[n.index] = found
        return state, inputs


class _Total(dict[int, Scalar]):
    """A state, or answers, of which only some matter; the others are 0."""

    def __missing__(self, key: int) -> Scalar:
        return 0


def _about(given: Sequence[Expr], parts: Sequence[Expr]) -> list[Expr]:
    """Those that speak of what the parts mention, directly or through others."""
    seen = variables(parts)
    out: list[Expr] = []
    rest = [(g, variables([g])) for g in given]
    while True:
        more = [g for g in rest if g[1] & seen]
        if not more:
            return out
        out += [g for g, _ in more]
        seen = seen.union(*(v for _, v in more))
        rest = [g for g in rest if not any(g[0] is m for m, _ in more)]
