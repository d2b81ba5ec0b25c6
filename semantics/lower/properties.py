"""Declared properties, and the properties that every resource has, as obligations."""

from __future__ import annotations

from functools import partial

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.format_expr import expr as text
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Sort,
    add,
    and_,
    const,
    eq,
    implies,
    ite,
    le,
    lt,
    not_,
    or_,
    var,
)
from ..system import Obligation, ResourceInfo, TimeLimit
from .context import Ctx
from .env import Env, collecting
from .expressions import measured, scalar
from .patterns import Pattern
from .place import At
from .predicates import ended
from .refusals import not_here


def workflow_properties(ctx: Ctx, w: ast.Workflow) -> None:
    """`invariant` and `always` of a workflow, for one of its instances."""
    active = ctx.inst.active
    # (A deadline of the file is that of its only workflow.)
    of_file = [p for p in ctx.world.spec.properties if isinstance(p, ast.Deadline)]
    for p in (*w.properties, *of_file):
        _declared(ctx, ctx.env, p, f" in {ctx.inst.name}", active, active)


def call_properties(ctx: Ctx, w: ast.Workflow, inside: tuple[Expr, Expr], call: Span) -> None:
    """The same for a child while a call of it runs: it is `inside` before and after a step."""
    before, after = inside
    place = f" in {ctx.inst.name} (called in line {call.line})"
    for p in w.properties:
        if isinstance(p, ast.Deadline):
            deadline(ctx, ctx.env, p, before, FALSE)
        else:
            _declared(ctx, ctx.env, p, place, before, and_(before, after))


def system_properties(ctx: Ctx, spec: ast.Spec, env: Env, over: Expr) -> None:
    """Properties at top level; `over` says that every instance has ended."""
    for p in spec.properties:
        if isinstance(p, ast.Ensures):
            holds = replace(ctx, env=env).read(At(over), partial(scalar, e=p.cond))
            ctx.must(
                "ensures",
                implies(over, holds),
                "this does not hold when every instance has ended",
                p.span,
                name="system",
            )
        elif not isinstance(p, ast.Requires | ast.Deadline):
            _declared(ctx, env, p, "", TRUE, TRUE)
    for r in ctx.b.resources.values():
        _resource(ctx, r, over)


def _resource(ctx: Ctx, r: ResourceInfo, over: Expr) -> None:
    """Within capacity, compatible borrows, and nothing held after the end."""

    def must(check: str, cond: Expr, message: str) -> None:
        name = "slots" if r.hidden else r.name
        ctx.must(check, cond, message, r.span, name=name)

    used = var(r.used, Sort.INT)
    nothing = const(0)
    # What a crash has left leased is given back when the lease is over.
    left = [amount for v, amount in ctx.b.left if v in (r.used, r.exclusive)]
    over = and_(over, *(eq(amount, nothing) for amount in left))
    if r.exclusive is None:
        most = r.capacity if r.within is None else r.within.hi
        must("resources", le(used, most), f"more than the capacity of {r.name} is in use")
        if r.kind != "rate":
            must("resources", implies(over, eq(used, nothing)), f"{r.name} is held after the end")
        return
    exclusive = var(r.exclusive, Sort.INT)
    sharers = ite(lt(nothing, used), const(1), nothing)
    free = and_(eq(used, nothing), eq(exclusive, nothing))
    must("borrows", le(add(exclusive, sharers), const(1)), f"conflicting borrows of {r.name}")
    must("borrows", implies(over, free), f"{r.name} is borrowed after the end")


def _declared(ctx: Ctx, env: Env, p: ast.Property, place: str, active: Expr, stays: Expr) -> None:
    """`active`: there is such an instance now; `stays`: before and after a step."""
    with ctx.world.refusals.collecting():
        _one(ctx, env, p, place, active, stays)


def _one(ctx: Ctx, env: Env, p: ast.Property, place: str, active: Expr, stays: Expr) -> None:
    match p:
        case ast.Invariant(name=name, cond=cond):
            with collecting(env) as (inner, found):
                holds = scalar(inner, cond)
            for d in found:
                ctx.must("arithmetic", implies(active, d.cond), d.message, d.span)
            message = f"{name} does not hold{place}"
            ctx.must("invariant", implies(active, holds), message, p.span, name=name)
        case ast.Always(name=name, cond=cond):
            with collecting(env) as (inner, found):
                holds = scalar(inner, cond)

            def must(check: str, cond: Expr, message: str, span: Span) -> None:
                cond = implies(stays, cond)
                ctx.b.obligations.append(
                    Obligation(check, name, cond, message, span, every_step=True)
                )

            for d in found:
                # Where it is read after the step, it has to be defined after the step.
                must("arithmetic", d.cond, d.message, d.span)
            must("always", holds, f"this step breaks {name}{place}", p.span)
        case ast.AssumeEventually(cond=cond):
            with collecting(env) as (inner, found):
                holds = scalar(inner, cond)
            for d in found:
                ctx.must("arithmetic", implies(active, d.cond), d.message, d.span)
            over = ended(ctx.inst) if place else FALSE  # then nothing more is expected of it
            ctx.world.eventually.append((or_(not_(active), over, holds), p.span))
        case ast.Pattern():
            _pattern(ctx, env, p, place, active)
        case ast.Deadline():
            came = TRUE if ctx.inst.arrives is None else not_(ctx.inst.root.at(0))
            deadline(ctx, env, p, and_(active, came), ended(ctx.inst))
        case _:
            pass


def deadline(ctx: Ctx, env: Env, p: ast.Deadline, active: Expr, over: Expr) -> None:
    """The instance is `over` by then; its time runs while it is `active`."""
    with collecting(env) as (inner, found):
        limit = fixed_time(ctx, inner, p.duration, "deadline")
    for d in found:
        ctx.must("arithmetic", implies(active, d.cond), d.message, d.span)
    w = ctx.inst.workflow
    message = f"{ctx.inst.name} may take longer than {text(p.duration)}"
    begun = TRUE if ctx.inst.arrives is None else not_(ctx.inst.root.at(0))
    owed = and_(active, begun, not_(over))
    ctx.world.limits.append(
        TimeLimit("deadline", w.name, owed, limit, message, p.span, ctx.inst.id, w.name)
    )


def fixed_time(ctx: Ctx, env: Env, e: ast.Expression, form: str) -> Expr:
    limit = measured(env, e)
    if not ctx.fixed(limit):
        message = f"the time of `{form}` may change during a run"
        fix = "what is promised is known when a run begins: of constants, parameters and arguments"
        raise not_here(message, e.span, fix)
    return limit


def _pattern(ctx: Ctx, env: Env, p: ast.Pattern, place: str, active: Expr) -> None:
    def condition(e: ast.Expression) -> Expr:
        with collecting(env) as (inner, found):
            holds = scalar(inner, e)
        for d in found:
            ctx.must("arithmetic", implies(active, d.cond), d.message, d.span)
        return holds

    holds, words = condition(p.p), text(p.p)
    if p.kind == "never_after" and p.q is None:
        message = f"`{words}` comes to hold{place}"
        ctx.must("property", implies(active, not_(holds)), message, p.span, name=p.name)
        return
    other = condition(p.q) if p.q is not None else None
    also = text(p.q) if p.q is not None else ""
    message = {
        "never_after": f"`{words}` comes to hold after `{also}`",
        "precedes": f"`{also}` comes to hold and `{words}` has not before",
        "leads_to": f"`{words}` does not come after `{also}`",
        "eventually": f"`{words}` never comes to hold",
    }[p.kind]
    instance = None if not place else ctx.inst.id
    within: Expr | None = None
    if p.within is not None:
        with collecting(env) as (inner, found):
            within = fixed_time(ctx, inner, p.within, "leads_to .. within")
        for d in found:
            ctx.must("arithmetic", implies(active, d.cond), d.message, d.span)
        message += f" within {text(p.within)}"
    ctx.world.patterns.append(
        Pattern(p.kind, p.name, holds, other, active, instance, message + place, p.span, within)
    )
