"""What a construct reads when control enters it: kept in a variable if it could change inside."""

from __future__ import annotations

from fractions import Fraction

from ...dsl.errors import Span
from ...dsl.types import Bool, Int, Real, Type
from ..expr import FALSE, Expr, Sort, const
from ..system import VarKind
from .context import Ctx
from .data import Value, transform

KINDS: dict[Sort, tuple[Type, Expr]] = {
    Sort.BOOL: (Bool(), FALSE),
    Sort.INT: (Int(), const(0)),
    Sort.REAL: (Real(), const(Fraction(0))),
}


def kept(ctx: Ctx, name: str, e: Expr, span: Span, moves: dict[int, Expr]) -> Expr:
    """The expression, or a variable that `moves` then sets where control enters."""
    if ctx.fixed(e):
        return e
    kind, zero = KINDS[e.sort]
    full = f"{ctx.inst.name} {name}{ctx.tag}"
    x = ctx.b.variable(full, kind, VarKind.HIDDEN, zero, ctx.inst.id, span)
    moves[x.index] = e
    return x


def kept_value(ctx: Ctx, name: str, value: Value, span: Span, moves: dict[int, Expr]) -> Value:
    return transform(value, lambda e: kept(ctx, name, e, span, moves))
