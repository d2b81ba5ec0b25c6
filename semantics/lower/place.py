"""Where control stands while a term is lowered, and what rides along with the step from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...dsl.changed import filled, replace
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ..expr import FALSE, TRUE, Expr, Op, and_, ite, or_, var
from ..walks import substitute
from .builder import PointDraft, Update


@filled
@dataclass(frozen=True, slots=True)
class At:
    """Control is before a term.

    `moves` are updates that ride along with the first step from here; on paths that do not need
    them they change nothing.  `points` are the points from which control is certainly here (None
    where a test or a join decides).
    """

    cond: Expr
    moves: tuple[Update, ...] = ()
    points: tuple[PointDraft, ...] | None = None
    test: Span | None = None
    open: bool = False  # before a side of `+` that may still be left for another

    def under(self, cond: Expr, span: Span | None = None) -> At:
        """Where besides a test holds; it sees what the moves set."""
        if cond is TRUE:
            return self
        cond = self.reading(cond)
        return At(and_(self.cond, cond), self.moves, None, span or self.test, self.open)

    def plus(self, *moves: Update) -> At:
        return replace(self, moves=(*self.moves, *moves))

    def once(self, *moves: Update) -> At:
        """With moves that are made where control comes from here; they see the earlier ones."""
        new = [(i, ite(self.cond, self.reading(v), var(i, v.sort))) for i, v in moves]
        return replace(self, moves=(*self.moves, *new))

    def then(self, *moves: Update) -> At:
        """With moves that see the earlier ones; for a step that is taken from here only."""
        return replace(self, moves=(*self.moves, *((i, self.reading(v)) for i, v in moves)))

    def guarded(self) -> At:
        """The same for a part that lives on when its surroundings are cancelled: there, a move
        of a parent to its fork would no longer be a move from the fork to itself."""
        moves = tuple(
            (i, ite(self.cond, v, var(i, v.sort)) if v.op is Op.CONST and v.value else v)
            for i, v in self.moves
        )
        return replace(self, moves=moves)

    def reading(self, e: Expr) -> Expr:
        """An expression of the state after the moves, in the state before them."""
        return through(self.moves)(e)


def union(*places: At | None) -> At | None:
    """Control is at one of these."""
    real = [p for p in places if p is not None and p.cond is not FALSE]
    if not real:
        return None
    if len(real) == 1:
        return real[0]
    moves: dict[int, Expr] = {}
    for place in real:
        moves.update(place.moves)
    points: tuple[PointDraft, ...] | None = ()
    for place in real:
        points = None if points is None or place.points is None else (*points, *place.points)
    cond = or_(*(p.cond for p in real))
    return At(cond, tuple(moves.items()), points, open=any(p.open for p in real))


def through(moves: Sequence[Update]) -> Callable[[Expr], Expr]:
    """Read an expression in the state after the moves."""
    if not moves:
        return lambda e: e
    table = dict(moves)
    memo: dict[int, Expr] = {}
    kept: list[Expr] = []

    def apply(e: Expr) -> Expr:
        if not e.args:
            return table.get(e.index, e) if e.op is Op.VAR else e
        kept.append(e)  # the memo is keyed by identity
        return substitute(e, lambda x: table.get(x.index, x) if x.op is Op.VAR else x, memo)

    return apply
