"""How long the compensation of a saga takes at most."""

from __future__ import annotations

from ...dsl import ast
from ...dsl.changed import replace
from ..expr import Expr, Sort, add, const, to_real
from ..system import VarKind
from .activity import activity_of
from .context import Ctx, real_error
from .data import default
from .lasting import fixed, read
from .lasting_calls import called, given
from .lasting_facts import Reading
from .times import DONE, ZERO, times

Undone = tuple[Expr | None, bool]  # the longest, and whether an undo may fail
NOTHING: Undone = (ZERO, False)


def undoing(r: Reading, ctx: Ctx, t: ast.Node) -> Undone:
    """Undoing all that a term may have done: one after the other, branches side by side."""
    match t:
        case ast.Call():
            return _undo_of(r, ctx, t)
        case ast.While():
            n = fixed(ctx, t.at_most, Sort.REAL) if t.at_most is not None else None
            return _often(r, n, undoing(r, ctx, t.body))
        case ast.Retry():
            n = fixed(ctx, t.spec.attempts, Sort.INT)
            return _often(r, to_real(add(n, const(1))) if n else None, undoing(r, ctx, t.body))
        case ast.Each():
            return _undo_each(r, ctx, t)
        case ast.Par(parts=parts):
            out = NOTHING
            for p in parts:
                most, fails = undoing(r, ctx, p)
                out = r.longer(out[0], most), out[1] or fails
            return out
    out = NOTHING
    names: tuple[str, ...] = getattr(t, "__match_args__", ())
    for name in names:
        child = getattr(t, name)
        for c in child if isinstance(child, tuple) else (child,):
            if isinstance(c, ast.Node) and not isinstance(c, ast.Expression):
                out = _plus(r, out, undoing(r, ctx, c))
    return out


def _plus(r: Reading, a: Undone, b: Undone) -> Undone:
    return r.plus(a[0], b[0]), a[1] or b[1]


def _often(r: Reading, n: Expr | None, once: Undone) -> Undone:
    if once[0] is ZERO:
        return once
    return (None if n is None else times(r.arithmetic.positive(n), once[0])), once[1]


def _undo_each(r: Reading, ctx: Ctx, t: ast.Each) -> Undone:
    from .lasting_blocks import items_of

    items = items_of(r, ctx, t)
    if items.listed is None:
        return _often(r, items.count, undoing(r, items.each, t.body))
    out = NOTHING
    for _, inner in items.listed:
        out = _plus(r, out, undoing(r, inner, t.body))
    return out


def _undo_of(r: Reading, ctx: Ctx, t: ast.Call) -> Undone:
    if t.name in ctx.world.workflows:
        inner, w = called(ctx, t)
        return undoing(r, inner, w.body)
    a = activity_of(ctx, t.name)
    if a.undo is None or a.undo.kind != "call":
        return NOTHING
    bound = {p.name: given(ctx, p, e, t.span) for p, e in zip(a.params, t.args, strict=True)}
    if a.resolved is not None:
        zero = default(a.resolved, ctx.b.string)
        bound["result"] = ctx.b.data(
            "result", a.resolved, VarKind.HIDDEN, zero, ctx.inst.id, t.span
        )
    inner = replace(ctx, env=ctx.env.bind(**bound))
    out = NOTHING
    for part in (a.undo.body, a.undo.orelse):
        if part is not None:
            lasts = read(r, inner, part)
            fails = any(real_error(e) and e != DONE for e in lasts.ways)
            out = _plus(r, out, (r.arithmetic.ended(lasts).hi, fails))
    return out
