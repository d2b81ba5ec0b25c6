"""`tolerate n as bad`: n failures of items are counted, the next one goes on."""

from __future__ import annotations

from ...dsl import ast
from ...dsl.records import dataclass
from ..expr import Expr, add, const, lt
from ..system import PointKind, RuleKind
from .context import Ctx, step
from .data import Value
from .drafts import Landing
from .entry import kept
from .env import unasked
from .expressions import counted, lower
from .place import At


@dataclass(frozen=True, slots=True)
class Tolerance:
    """`failures` so far, at most `limit` of which are taken; `bad` shows them to the user."""

    failures: Expr
    limit: Expr
    bad: Expr | None

    def landing(self, point: int) -> Landing:
        note = [(self.failures.index, add(self.failures, const(1)))]
        if self.bad is not None:
            note.append((self.bad.index, add(self.bad, const(1))))
        return Landing(lt(self.failures, self.limit), point, tuple(note), counts=self.bad)


def tolerance(ctx: Ctx, t: ast.Each, at: At) -> tuple[Tolerance, At]:
    """Where nothing has failed yet; `failures` is for the caller to reset."""
    assert t.tolerate is not None
    tolerate = t.tolerate
    failures = ctx.b.hidden(f"{ctx.inst.name} failures in each {t.var}{ctx.tag}", ctx.inst.id)
    moves: dict[int, Expr] = {}
    limit = ctx.read(at, lambda env: counted(env, tolerate, 0))
    limit = kept(ctx, f"failures tolerated of each {t.var}", limit, t.span, moves)
    at = at.once(*moves.items())
    bad: Expr | None = None
    if t.bad is not None:
        place: Value = lower(unasked(ctx.env), t.bad)
        assert isinstance(place, Expr)
        bad = place
        # A step of its own: were it to ride along with the first step of a branch, the branches
        # would seem to race for it.
        start = ctx.point(PointKind.READY, "each", t.span)
        zero = {bad.index: const(0)}
        ctx.in_range(zero, step(ctx, at, RuleKind.STEP, "each", t.span, start, updates=zero))
        at = ctx.at(start)
    return Tolerance(failures, limit, bad), at
