"""Outcome equivalence over data of any values, of systems that ask the environment only so often.

Each run is followed to its end with terms for what is answered; an answer has the same name on
both sides, for the n-th attempt of one activity with the same arguments.  Then each end must,
whatever the answers are, have an end of the other side with the same data among those that are
possible then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from itertools import product

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op, Sort, and_, const, eq, not_, or_, var
from ...semantics.observing import ENDS, VERBS
from ...semantics.symbolic import is_valid
from ...semantics.system import Input, RuleKind
from ...semantics.walks import fold, postorder, substitute, variables
from .beginnings import Beginning, beginnings, numbered
from .runs import OutOfReach
from .symbolic import Move, Moves, Place

MILLISECONDS = 2000
MOST_WITNESSES = 4  # for an answer
Question = tuple[str, tuple[int, ...]]  # a name, and its arguments by number of term
Counts = tuple[tuple[Question, int], ...]


@dataclass(frozen=True, slots=True)
class AlwaysSame:
    """`ends`: how many ends of runs there are on each side."""

    ends: tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Config:
    place: Place
    data: tuple[Expr, ...]
    counts: Counts
    cond: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class _End:
    how: tuple[str, ...]
    data: tuple[Expr, ...]
    cond: Expr


@dataclass(slots=True)
class Answering:
    """Compares; `most` configurations of each side."""

    left: Moves
    right: Moves
    seconds: float
    inclusion: bool = False
    most: int = 3000
    until: float = 0.0
    terms: dict[object, int] = field(default_factory=dict)  # the number of each term
    alive: list[Expr] = field(default_factory=list)
    symbols: dict[object, Expr] = field(default_factory=dict)
    texts: dict[str, int] = field(default_factory=dict)
    # By question and its number: where it is asked, and what answers are possible there.
    questions: dict[tuple[Question, int], list[tuple[Expr, Expr]]] = field(default_factory=dict)
    asked: dict[str, dict[tuple[int, ...], tuple[tuple[int, ...], tuple[Expr, ...]]]] = field(
        default_factory=dict
    )

    def run(self) -> AlwaysSame:
        """Raises OutOfReach: it is not known."""
        self.until = self.left.until = self.right.until = time.monotonic() + self.seconds
        ends = [0, 0]
        for begin in beginnings(self.left, self.right):
            self.questions.clear()
            found = [
                list(self._ends(side, begin, place))
                for side, place in zip((self.left, self.right), begin.places, strict=True)
            ]
            ends = [n + len(f) for n, f in zip(ends, found, strict=True)]
            self._within(found[0], found[1])
            if not self.inclusion:
                self._within(found[1], found[0])
        return AlwaysSame((ends[0], ends[1]))

    def _answered(self) -> Expr:
        """What is asked is answered, in a way that is possible where it is asked."""
        return and_(
            *(
                or_(not_(or_(*(c for c, _ in asked))), *(and_(c, p) for c, p in asked))
                for asked in self.questions.values()
            )
        )

    def _within(self, some: Sequence[_End], others: Sequence[_End]) -> None:
        unanswered = not_(self._answered())
        for end in some:
            self._tick()
            alike = [
                and_(o.cond, *(eq(a, b) for a, b in zip(end.data, o.data, strict=True)))
                for o in others
                if o.how == end.how
                and all(a.sort is b.sort for a, b in zip(end.data, o.data, strict=True))
            ]
            if not is_valid(or_(unanswered, not_(end.cond), *alike), MILLISECONDS):
                raise OutOfReach(f"an end of one side ({end.how[0]}) may be none of the other")

    def _tick(self) -> None:
        if time.monotonic() > self.until:
            raise OutOfReach("no more time")

    # --- runs --------------------------------------------------------------------------------

    def _ends(self, side: Moves, begin: Beginning, place: Place) -> Iterator[_End]:
        data = tuple(begin.values[numbered(side, self.left, v)] for v in side.data)
        first = _Config(place, data, (), tuple(_conjuncts(begin.cond)))
        seen = {self._key(first)}
        todo = [first]
        while todo:
            config = todo.pop()
            self._tick()
            moves = side.moves(config.place)
            self._answerable(side, config, moves)
            for move in moves:
                self._tick()
                for then in self._taken(side, move, config):
                    how = self._over(side, then.place)
                    if how is not None and self._over(side, config.place) is None:
                        yield _End(how, self._observed(side, then), and_(*then.cond))
                    key = self._key(then)
                    if key in seen:
                        continue
                    if len(seen) >= self.most:
                        raise OutOfReach(f"more than {self.most} states with their answers")
                    seen.add(key)
                    todo.append(then)

    def _taken(self, side: Moves, move: Move, config: _Config) -> Iterator[_Config]:
        """Where a move leads, for each choice that is not the environment's."""
        at = dict(zip(side.data, config.data, strict=True))
        counts = config.counts
        answered: list[Expr] = []
        key: tuple[Question, int] | None = None
        options: list[list[Expr]] = []
        name, ending = self._asks(side, move)
        if name:
            arguments = tuple(_read(e, at, {}) for e in move.arguments)
            question = (name, self._canonical(name, arguments))
            number = dict(counts).get(question, 0) + 1
            counts = tuple(sorted({**dict(counts), question: number}.items()))
            key = question, number
            how = self._symbol((key, "how"), Sort.INT)
            answered.append(eq(how, const(self.texts.setdefault(ending, len(self.texts)))))
            options = [[self._symbol((key, i.name, i.sort), i.sort)] for i in move.inputs]
        else:
            for i in move.inputs:
                if i.sort is not Sort.BOOL:
                    raise OutOfReach(f"`{i.name}` is neither seen nor a truth value")
                options.append([const(False), const(True)])
        for chosen in product(*options):
            inputs = dict(enumerate(chosen))
            more = [*_conjuncts(_read(move.cond, at, inputs)), *answered]
            if key is not None:
                reached = and_(*config.cond)
                self.questions.setdefault(key, []).append((reached, and_(*more)))
            known = {self._number(e) for e in config.cond}
            new = [e for e in more if self._number(e) not in known]
            cond = (*config.cond, *new)
            if any(e is FALSE for e in new):
                continue
            if new and is_valid(not_(and_(*cond)), MILLISECONDS // 4):
                continue
            after = {v: _read(e, at, inputs) for v, e in move.updates.items()}
            data = tuple(after.get(v, at[v]) for v in side.data)
            yield _Config(move.target, data, counts, cond)

    def _answerable(self, side: Moves, config: _Config, moves: Sequence[Move]) -> None:
        """Raises OutOfReach where an attempt might have no end at all: what is asked there is
        taken to be answered."""
        at = dict(zip(side.data, config.data, strict=True))
        possible: dict[object, list[Expr]] = {}
        for move in moves:
            name, _ = self._asks(side, move)
            if name:
                group = move.rule.activity if move.rule.group is None else move.rule.group
                some = possible.setdefault(group, [])
                for inputs in product(*(_witnesses(k, i, move) for k, i in enumerate(move.inputs))):
                    given = {k: _read(e, at, {}) for k, e in enumerate(inputs)}
                    some.append(_read(move.cond, at, given))
        reached = and_(*config.cond)
        for some in possible.values():
            if not is_valid(or_(not_(reached), *some), MILLISECONDS):
                raise OutOfReach("an attempt that may have no end")

    def _asks(self, side: Moves, move: Move) -> tuple[str, str]:
        """What the environment is asked, and how it answers; "" if it is not."""
        rule, observer = move.rule, side.observer
        name = observer.name(rule)
        if not name or name in observer.view.hide:
            return "", ""
        called = observer.view.rename.get(name, name)
        if rule.activity and rule.kind in ENDS:
            return called, observer.ending(rule)
        awaited = rule.kind in (RuleKind.RECEIVE, RuleKind.INTERRUPT) and rule.kind in VERBS
        if rule.channel and awaited and move.inputs:
            raise OutOfReach("messages of the environment")
        return "", ""

    def _over(self, side: Moves, place: Place) -> tuple[str, ...] | None:
        """How all instances have ended; None: one has not."""
        system = side.system
        values = dict(zip(side.plain, place, strict=True))
        out = []
        for i in system.instances:
            if i.active is not TRUE:
                raise OutOfReach("how many instances there are is not known")
            at = values[system.threads[i.root].location]
            if at not in (i.completed, i.failed):
                return None
            done = at == i.completed
            out.append("completes" if done else f"fails: {system.errors[int(values[i.error]) - 1]}")
        return tuple(out)

    def _observed(self, side: Moves, config: _Config) -> tuple[Expr, ...]:
        values: dict[int, Expr] = dict(zip(side.data, config.data, strict=True))
        values.update((v, const(x)) for v, x in zip(side.plain, config.place, strict=True))
        return tuple(values[v] for v in side.observer.observed)

    # --- terms -------------------------------------------------------------------------------

    def _symbol(self, key: object, sort: Sort) -> Expr:
        found = self.symbols.get(key)
        if found is None:
            first = len(self.left.system.variables) + len(self.right.system.variables)
            found = self.symbols[key] = var(first + len(self.symbols), sort)
        return found

    def _number(self, term: Expr) -> int:
        """The same for terms that are built alike."""
        self.alive.append(term)

        def build(node: Expr, args: Sequence[int]) -> int:
            key = (node.op, node.sort, type(node.value), node.value, tuple(args))
            return self.terms.setdefault(key, len(self.terms))

        return fold(term, build)

    def _canonical(self, name: str, arguments: tuple[Expr, ...]) -> tuple[int, ...]:
        """Numbers that are the same where the arguments surely are.  Raises OutOfReach where two
        are the same for some answers only."""
        key = tuple(map(self._number, arguments))
        known = self.asked.setdefault(name, {})
        if key not in known:
            for other, terms in list(known.values()):
                if len(terms) != len(arguments) or any(
                    a.sort is not b.sort for a, b in zip(arguments, terms, strict=True)
                ):
                    raise OutOfReach(f"`{name}` with other arguments")
                same = and_(*(eq(a, b) for a, b in zip(arguments, terms, strict=True)))
                if is_valid(same, MILLISECONDS):
                    known[key] = (other, terms)
                    return other
                if not is_valid(not_(same), MILLISECONDS):
                    raise OutOfReach(f"two attempts of `{name}` may have the same arguments")
            known[key] = (key, arguments)
        return known[key][0]

    def _key(self, config: _Config) -> object:
        data = tuple(map(self._number, config.data))
        return config.place, data, config.counts, frozenset(map(self._number, config.cond))


def _witnesses(number: int, declared: Input, move: Move) -> list[Expr]:
    """Values that an input might have: some of its type, and what it is compared with."""
    if declared.sort is Sort.BOOL:
        return [const(False), const(True)]
    found = [
        b
        for n in postorder([move.cond])
        if n.op in (Op.EQ, Op.LE)
        for a, b in (n.args, n.args[::-1])
        if a.op is Op.INPUT and a.index == number and not variables([b], Op.INPUT)
    ]
    some = {x for x in (declared.lo, declared.hi, 0) if x is not None}
    kind = Fraction if declared.sort is Sort.REAL else int
    return [*found[:MOST_WITNESSES], *(const(kind(x)) for x in sorted(some))]


def _conjuncts(cond: Expr) -> list[Expr]:
    if cond.op is Op.AND:
        return [c for a in cond.args for c in _conjuncts(a)]
    return [] if cond is TRUE else [cond]


def _read(term: Expr, data: Mapping[int, Expr], inputs: Mapping[int, Expr]) -> Expr:
    def leaf(node: Expr) -> Expr:
        if node.op is Op.VAR:
            return data[node.index]
        return inputs[node.index] if node.op is Op.INPUT else node

    return substitute(term, leaf)
