"""Two workflows with data of any values have the same outcomes, whatever the environment answers.

It answers the n-th attempt of an activity with the same arguments in one way, so a term stands for
that answer on both sides.  All runs of both are followed to their ends; then, whatever is answered,
each end of one must be one of the other.  Nothing is believed: there is no evidence but the claim.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from fractions import Fraction
from itertools import product

from ..dsl.records import dataclass
from ..semantics.claimed import Side
from ..semantics.expr import FALSE, TRUE, Expr, Op, Sort, and_, const, eq, not_, or_, var
from ..semantics.observing import ENDS, plain
from ..semantics.system import Input
from ..semantics.walks import fold, postorder, substitute, variables
from .behaviour import arguments
from .facts import Wrong
from .moving import Move, Moving, Values
from .solvers import Solvers

MOST = 3_000  # states of each, with what was answered on the way there
Asked = tuple[object, ...]  # the activity, and its arguments by number


@dataclass(frozen=True, slots=True)
class _Here:
    now: Values
    counts: tuple[tuple[Asked, int], ...]
    conds: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class _End:
    how: tuple[str, ...]
    data: tuple[Expr, ...]
    conds: tuple[Expr, ...]


def same_answered(left: Side, right: Side, solvers: Solvers, inclusion: bool) -> None:
    """`Wrong` where some end of one (with `inclusion`: of the left one) may be none of the other,
    or where that is not found out."""
    shared = arguments(left, right)
    sides = Moving(left, shared, 0), Moving(right, shared, len(left.system.variables))
    names = {plain(left.system, v.name): sides[0].own[v.index] for v in left.system.variables}
    free = {plain(s.system, v.name) for s in sides for v in s.system.variables if v.init is None}
    begun = [s.beginning({n: e for n, e in names.items() if n in free}) for s in sides]
    (one, _), (other, _) = begun
    if not (solvers.proves([one], other) and solvers.proves([other], one)):
        raise Wrong("the two allow other arguments")
    answering = _Answering(solvers, len(left.system.variables) + len(right.system.variables))
    ends = [
        list(answering.ends(s, _Here(now, (), _parts(cond))))
        for s, (cond, now) in zip(sides, begun, strict=True)
    ]
    answering.within(ends[0], ends[1])
    if not inclusion:
        answering.within(ends[1], ends[0])


@dataclass
class _Answering:
    """`first`: the number of the first symbol that stands for an answer."""

    solvers: Solvers
    first: int
    numbers: dict[object, int] = field(default_factory=dict)
    symbols: dict[object, Expr] = field(default_factory=dict)
    endings: dict[str, int] = field(default_factory=dict)
    attempts: dict[str, list[tuple[Expr, ...]]] = field(default_factory=dict)  # their arguments
    # Where each question is asked, and which answers are possible there.
    possible: dict[object, list[tuple[Expr, Expr]]] = field(default_factory=dict)

    def ends(self, side: Moving, start: _Here) -> Iterator[_End]:
        todo = [start]
        seen = {self._key(start)}
        while todo:
            here = todo.pop()
            how = _over(side, here.now)
            if how is not None:
                data = tuple(here.now[v] for v in side.observer.observed)
                yield _End(how, data, here.conds)
                continue
            moves = list(side.moves(here.now))
            self._answerable(moves, here)
            for move in moves:
                for then in self._taken(side, move, here):
                    if (key := self._key(then)) not in seen:
                        seen.add(key)
                        todo.append(then)
                        if len(seen) > MOST:
                            raise Wrong("too many states with their answers")

    def within(self, some: Sequence[_End], others: Sequence[_End]) -> None:
        answered = [
            or_(not_(or_(*(c for c, _ in asked))), *(and_(c, p) for c, p in asked))
            for asked in self.possible.values()
        ]
        for end in some:
            alike = [
                and_(*o.conds, *(eq(a, b) for a, b in zip(end.data, o.data, strict=True)))
                for o in others
                if o.how == end.how and [e.sort for e in o.data] == [e.sort for e in end.data]
            ]
            if not self.solvers.proves([*answered, *end.conds], or_(*alike)):
                raise Wrong("an end of one may be none of the other")

    # --- steps -------------------------------------------------------------------------------

    def _taken(self, side: Moving, move: Move, here: _Here) -> Iterator[_Here]:
        rule, counts, answer = move.rule, here.counts, TRUE
        options: list[list[Expr]] = []
        question: object = None
        name = side.observer.name(rule)
        if rule.activity and rule.kind in ENDS and name not in side.observer.view.hide:
            called = side.observer.view.rename.get(name, name)
            asked: Asked = (called, self._arguments(called, move.shown))
            number = dict(counts).get(asked, 0) + 1
            counts = tuple(sorted({**dict(counts), asked: number}.items(), key=repr))
            question = asked, number
            how = self._symbol((question, "how"), Sort.INT)
            ending = side.observer.ending(rule)
            answer = eq(how, const(self.endings.setdefault(ending, len(self.endings))))
            options = [[self._symbol((question, i.name, i.sort), i.sort)] for i in move.inputs]
        elif move.inputs and (rule.channel or any(i.sort is not Sort.BOOL for i in move.inputs)):
            raise Wrong(f"`{rule.name}` chooses what is not known")
        else:
            options = [[const(False), const(True)] for _ in move.inputs]
        for chosen in product(*options):
            cond = and_(_given(move.cond, chosen), answer)
            if cond is FALSE:
                continue
            if question is not None:
                self.possible.setdefault(question, []).append((and_(*here.conds), cond))
            known = set(map(self._number, here.conds))
            new = [c for c in _parts(cond) if self._number(c) not in known]
            if new and self.solvers.proves([*here.conds, *new], FALSE):
                continue
            after = {v: _given(e, chosen) for v, e in move.after.items()}
            yield _Here(after, counts, (*here.conds, *new))

    def _answerable(self, moves: Sequence[Move], here: _Here) -> None:
        """`Wrong` where an attempt might have no end: an answer is taken to be there."""
        groups: dict[object, list[Expr]] = {}
        for move in moves:
            rule = move.rule
            if rule.activity and rule.kind in ENDS:
                some = groups.setdefault(rule.activity if rule.group is None else rule.group, [])
                tried = (_examples(k, i, move.cond) for k, i in enumerate(move.inputs))
                some += (_given(move.cond, inputs) for inputs in product(*tried))
        for some in groups.values():
            if not self.solvers.proves(here.conds, or_(*some)):
                raise Wrong("an attempt that may have no end")

    def _arguments(self, name: str, given: tuple[Expr, ...]) -> int:
        """Which of those that were met they surely are; from the others they surely differ."""
        met = self.attempts.setdefault(name, [])
        for n, other in enumerate(met):
            if [e.sort for e in other] != [e.sort for e in given]:
                raise Wrong(f"`{name}` with other arguments")
            same = and_(*map(eq, given, other))
            if same is TRUE or self.solvers.proves([], same):
                return n
            if not self.solvers.proves([], not_(same)):
                raise Wrong(f"two attempts of `{name}` may have the same arguments")
        met.append(given)
        return len(met) - 1

    # --- terms -------------------------------------------------------------------------------

    def _symbol(self, key: object, sort: Sort) -> Expr:
        found = self.symbols.get(key)
        if found is None:
            found = self.symbols[key] = var(self.first + len(self.symbols), sort)
        return found

    def _number(self, term: Expr) -> int:
        """The same for terms that are built alike."""

        def build(node: Expr, args: Sequence[int]) -> int:
            key = node.op, node.sort, type(node.value), node.value, tuple(args)
            return self.numbers.setdefault(key, len(self.numbers))

        return fold(term, build)

    def _key(self, here: _Here) -> object:
        now = tuple(self._number(e) for _, e in sorted(here.now.items()))
        return now, here.counts, frozenset(map(self._number, here.conds))


def _over(side: Moving, now: Values) -> tuple[str, ...] | None:
    """How all instances have ended; None: one has not."""
    out = []
    for i in side.system.instances:
        at, error = now[side.system.threads[i.root].location], now[i.error]
        if i.active is not TRUE or at.op is not Op.CONST or error.op is not Op.CONST:
            raise Wrong("how it ends is not known")
        if at.value not in (i.completed, i.failed):
            return None
        if at.value == i.completed:
            out.append("completes")
        else:
            assert isinstance(error.value, int)
            out.append(f"fails with {side.system.errors[error.value - 1]}")
    return tuple(out)


def _given(e: Expr, chosen: Sequence[Expr]) -> Expr:
    return substitute(e, lambda n: chosen[n.index] if n.op is Op.INPUT else n)


def _examples(number: int, declared: Input, cond: Expr) -> list[Expr]:
    """Values that an input might have: of its type, or what it is compared with."""
    if declared.sort is Sort.BOOL:
        return [const(False), const(True)]
    near = [
        b
        for n in postorder([cond])
        if n.op in (Op.EQ, Op.LE)
        for a, b in (n.args, n.args[::-1])
        if a.op is Op.INPUT and a.index == number and not variables([b], Op.INPUT)
    ]
    kind = Fraction if declared.sort is Sort.REAL else int
    plain_ = {x for x in (declared.lo, declared.hi, 0) if x is not None}
    return [*near[:4], *(const(kind(x)) for x in sorted(plain_))]


def _parts(cond: Expr) -> tuple[Expr, ...]:
    if cond.op is Op.AND:
        return tuple(p for a in cond.args for p in _parts(a))
    return () if cond is TRUE else (cond,)
