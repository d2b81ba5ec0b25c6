"""The longest time that a term can take, where its parts say so: for limits that never strike.

An upper bound, as a constant of the run; None where nothing bounds it: a claim that may have to
wait, a condition that is waited for, a loop, a duration that may change.  Steps between
activities take no time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import reduce

from ...dsl import ast
from ..expr import Expr, Sort, add, const, ite, lt, mul, to_real
from .activity import activity_of
from .context import Ctx
from .env import NotConstant, unasked
from .expressions import as_sort, domain, lower

ZERO = const(Fraction(0))


def longest(ctx: Ctx, t: ast.Term) -> Expr | None:
    """Seconds, or None: not bounded, as far as is seen here."""
    match t:
        case (
            ast.Skip()
            | ast.Assign()
            | ast.Fail()
            | ast.Assert()
            | ast.Assume()
            | ast.Atomic()
            | ast.Transaction()
        ):
            return ZERO
        case ast.Return():
            return ZERO
        case ast.Call():
            return _call(ctx, t)
        case ast.Seq(parts=parts):
            return _sum(_in_sequence(ctx, parts))
        case ast.Par(parts=parts) | ast.Choice(parts=parts):
            return _most(longest(ctx, p) for p in parts)
        case ast.If(then=then, orelse=orelse):
            return _most([longest(ctx, then), longest(ctx, orelse) if orelse else ZERO])
        case ast.Switch(cases=cases, default=default):
            rest = longest(ctx, default) if default else ZERO
            return _most([rest, *(longest(ctx, c.body) for c in cases)])
        case ast.Each():
            return _each(ctx, t)
        case ast.Within(duration=limit) if limit is not None:
            most = [_constant(ctx, limit), longest(ctx, t.orelse) if t.orelse else ZERO]
            # What is protected goes on after the limit; and `else` may wait for it.
            return _sum([longest(ctx, t.body), *most])
        case ast.Try(body=body, handlers=handlers, final=final):
            after = [_most([ZERO, *(longest(ctx, h.body) for h in handlers)])]
            return _sum([longest(ctx, body), *after, longest(ctx, final) if final else ZERO])
        case ast.Retry(spec=spec, body=body):
            return _attempts(ctx, spec, longest(ctx, body))
        case ast.NoCancel(body=body):
            return longest(ctx, body)
        case ast.Wait(duration=d):
            return _constant(ctx, d)
        case ast.Steps(nodes=nodes):
            if any(n.join in ("any", "n") for n in nodes):
                return None
            return _sum(longest(ctx, n.body) for n in nodes)
        case _:
            return None


def _in_sequence(ctx: Ctx, parts: Iterable[ast.Term]) -> Iterator[Expr | None]:
    from .messages import heard

    for p in parts:
        yield longest(ctx, p)
        ctx = heard(ctx, p)


def _call(ctx: Ctx, t: ast.Call) -> Expr | None:
    """An attempt takes as long as it may, or until its own timeout, and so does each other."""
    if t.name not in ctx.world.activities[ctx.inst.workflow.name]:
        return None
    a = activity_of(ctx, t.name)
    enforced = any(r.enforced for c in a.uses for r in ctx.b.of_name(c.resource))
    if a.runs_in is not None or enforced:
        return None
    env = unasked(ctx.env)
    env = env.bind(**{p.name: lower(env, e) for p, e in zip(a.params, t.args, strict=True)})
    inner = replace(ctx, env=env)
    bounds = [a.timeout, a.takes.hi if a.takes is not None else None]
    known = [b for e in bounds if e is not None and (b := _constant(inner, e)) is not None]
    most = reduce(_least, known) if known else None
    return most if a.retry is None else _attempts(inner, a.retry, most)


def _attempts(ctx: Ctx, spec: ast.RetrySpec, body: Expr | None) -> Expr | None:
    """One more than the limit, with the longest backoff between them."""
    limit = as_sort(unasked(ctx.env), spec.attempts, Sort.INT)
    if body is None or not ctx.fixed(limit):
        return None
    more = to_real(limit)
    pause: Expr | None = ZERO
    if spec.backoff is not None:
        pause = _constant(ctx, spec.backoff if spec.factor is None else spec.max)
        if pause is not None and spec.jitter is not None:
            share = _constant(ctx, spec.jitter)
            pause = None if share is None else mul(pause, add(const(Fraction(1)), share))
    return None if pause is None else add(body, mul(more, add(body, pause)))


def _each(ctx: Ctx, t: ast.Each) -> Expr | None:
    """One value after the other, or all at once where no slot is waited for."""
    try:
        items = domain(unasked(ctx.env), t.domain)
    except NotConstant:
        return None
    times = [longest(replace(ctx, env=ctx.env.bind(**{t.var: item})), t.body) for _, item in items]
    return _sum(times) if t.sequential or t.at_once is not None else _most([ZERO, *times])


def _constant(ctx: Ctx, e: ast.Expression | None) -> Expr | None:
    if e is None:
        return None
    value = as_sort(unasked(ctx.env), e, Sort.REAL)
    return value if ctx.fixed(value) else None


def _sum(times: Iterable[Expr | None]) -> Expr | None:
    known = list(times)
    if any(x is None for x in known):
        return None
    return add(ZERO, *(x for x in known if x is not None))


def _most(times: Iterable[Expr | None]) -> Expr | None:
    most: Expr = ZERO
    for x in times:
        if x is None:
            return None
        most = ite(lt(most, x), x, most)
    return most


def _least(a: Expr, b: Expr) -> Expr:
    return ite(lt(a, b), a, b)
