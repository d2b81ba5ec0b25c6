"""What a construct reads when control enters it: kept in a variable if it could change inside, and
forgotten when control leaves."""

from __future__ import annotations

from collections.abc import Sequence

from ...dsl.errors import Span
from ...dsl.types import Bool, Int, Real, Type
from ..expr import Expr, Op, Sort, zero
from ..system import VarKind
from .builder import RuleDraft
from .context import Ctx
from .data import Value, transform

KINDS: dict[Sort, Type] = {Sort.BOOL: Bool(), Sort.INT: Int(), Sort.REAL: Real()}


def kept(ctx: Ctx, name: str, e: Expr, span: Span, moves: dict[int, Expr]) -> Expr:
    """The expression, or a variable that `moves` then sets where control enters."""
    if ctx.fixed(e):
        return e
    full = f"{ctx.inst.name} {name}{ctx.tag}"
    nothing = zero(e.sort)
    x = ctx.b.variable(full, KINDS[e.sort], VarKind.HIDDEN, nothing, ctx.inst.id, span)
    moves[x.index] = e
    return x


def kept_value(ctx: Ctx, name: str, value: Value, span: Span, moves: dict[int, Expr]) -> Value:
    return transform(value, lambda e: kept(ctx, name, e, span, moves))


def forget(ctx: Ctx, rules: Sequence[RuleDraft], points: range, dead: Sequence[Expr]) -> None:
    """Steps that leave these points of the thread reset variables that nobody reads outside."""
    for rule in rules:
        new = rule.updates.get(ctx.thread.location)
        # (Of threads that a step cancels, some may live on, and read them.)
        if rule.kills is not None or new is None or new.op is not Op.CONST:
            continue
        if new.value not in points:
            for x in dead:
                rule.updates[x.index] = zero(x.sort)
