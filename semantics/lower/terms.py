"""Terms of the language as rules: one function per operator.

`term(ctx, t, at, k)` adds the rules of `t`, started from `at`; its last steps go to point `k` of
the thread.  It returns how control may pass through `t` without a step.
"""

from __future__ import annotations

from functools import partial
from typing import assert_never

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Rejected
from ...dsl.types import Bool
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    and_,
    implies,
    not_,
    or_,
)
from ..system import Delay, EventKind, Place, PointKind, RuleKind, VarKind, Waiting
from . import activity, child, claims, frames, graphs, loops, messages, parallel, requests, saga
from .clock import looked
from .context import Ctx, raise_error, step
from .data import equal
from .drafts import Log, Out
from .effects import ASSERTED, NOT_COVERED, assigned, covers, effect
from .env import collecting
from .expressions import lower, measured
from .open import open_
from .place import At, union
from .undolog import all_of


def term(ctx: Ctx, t: ast.Term, at: At, k: int) -> Out:
    try:
        return _term(ctx, t, at, k)
    except Rejected as refused:
        ctx.world.refusals.note(refused)
        return Out(at)


def _term(ctx: Ctx, t: ast.Term, at: At, k: int) -> Out:
    match t:
        case ast.Call():
            if t.name in ctx.world.open:
                return open_(ctx, t, at, k)
            if t.name in ctx.world.workflows:
                return child.call(ctx, t, at, k)
            return activity.call(ctx, t, at, k)
        case ast.Skip():
            return Out(at)
        case ast.Seq():
            return sequence(ctx, list(t.parts), at, k)
        case ast.Assign():
            return _assign(ctx, t, at, k)
        case ast.Atomic():
            return _atomic(ctx, t, at, k)
        case ast.Fail():
            raise_error(ctx, at, t.error, RuleKind.RAISE, f"fail {t.error}", t.span)
            return Out(None)
        case ast.Return():
            return child.returned(ctx, t, at)
        case ast.Assert():
            return _assert(ctx, t, at, k)
        case ast.Assume():
            return _assume(ctx, t, at, k)
        case ast.If():
            return _if(ctx, t, at, k)
        case ast.Switch():
            return _switch(ctx, t, at, k)
        case ast.Choice():
            return _choice(ctx, t, at, k)
        case ast.While():
            return loops.while_(ctx, t, at, k)
        case ast.Par():
            return parallel.par(ctx, t, at, k)
        case ast.Each():
            return loops.each(ctx, t, at, k)
        case ast.Steps():
            return graphs.steps(ctx, t, at, k)
        case ast.Flow():
            return graphs.flow(ctx, t, at, k)
        case ast.Try():
            return frames.try_(ctx, t, at, k)
        case ast.Retry():
            return frames.retry(ctx, t.spec, t.span, at, k, lambda c, a, e: term(c, t.body, a, e))
        case ast.Saga():
            return saga.saga(ctx, t, at, k)
        case ast.NoCancel():
            return frames.nocancel(ctx, t, at, k)
        case ast.Within():
            return parallel.within(ctx, t, at, k)
        case ast.Using():
            return claims.using(ctx, t, at, k)
        case ast.Wait():
            ctx, at = looked(ctx, t.duration, at)
            delay = ctx.read(at, lambda env: measured(env, t.duration))
            step(
                ctx,
                at,
                RuleKind.TIMER,
                "wait",
                t.span,
                k,
                event=EventKind.TIMER_FIRED,
                delay=Delay(delay, delay),
            )
            return Out(None)
        case ast.WaitUntil():
            cond = ctx.test(t.cond, at)
            step(ctx, at, RuleKind.WAIT, "wait until", t.span, k, guard=cond)
            ctx.world.waits.append(Waiting(t.span, at.cond, at.reading(cond)))
            return Out(None)
        case ast.Transaction():
            return _transaction(ctx, t, at, k)
        case ast.Abort() | ast.Require():
            raise AssertionError(f"{t.span}: refused by the front end")
        case ast.Send():
            return (requests.answer if t.answers else messages.send)(ctx, t, at, k)
        case ast.Receive():
            return messages.receive(messages.named(ctx, t), t, at, k)
        case ast.Request():
            return requests.request(ctx, t, at, k)
        case _:
            assert_never(t)


def sequence(ctx: Ctx, parts: list[ast.Term], at: At | None, k: int) -> Out:
    """`;`: each part starts where the one before ends."""
    logs: list[Log] = []
    scopes: list[messages.Scope] = []
    for i, part in enumerate(parts):
        if at is None:
            break
        if isinstance(part, ast.Receive):
            ctx = messages.named(ctx, part)
            scopes.append(messages.scope(ctx, part))
        if i == len(parts) - 1:
            out = term(ctx, part, at, k)
            at = out.exit
        else:
            m = ctx.point(PointKind.READY, describe(parts[i + 1]), parts[i + 1].span)
            out = term(ctx, part, at, m)
            at = union(ctx.at(m), out.exit)
        logs.append(out.log)
    for s in scopes:
        s.close(ctx)
    return Out(at, all_of(logs))


def describe(t: ast.Term) -> str:
    """A few words for a place, as in «waiting at ..»."""
    match t:
        case ast.Call(name=n):
            return n
        case ast.Seq(parts=parts) | ast.Choice(parts=parts) if parts:
            return describe(parts[0])
        case ast.Assign(target=ast.Name(name=n)):
            return f"{n} {t.op}"
        case ast.WaitUntil():
            return "wait until"
        case ast.Using(claims=claims):
            return "using " + ", ".join(c.resource for c in claims)
        case ast.Fail(error=e):
            return f"fail {e}"
        case ast.Send(channel=c):
            return f"send to {c}"
        case ast.Receive(channel=c):
            return f"receive from {c}"
        case ast.Request(channel=c):
            return f"request to {c}"
        case _:
            return type(t).__name__.lower()


def _alternatives(outs: list[Out]) -> Out:
    exit_ = union(*(o.exit for o in outs))
    if exit_ is not None:
        exit_ = replace(exit_, points=None)
    return Out(
        exit_,
        Log(tuple(o.log for o in outs)),
    )


def _choice(ctx: Ctx, t: ast.Choice, at: At, k: int) -> Out:
    """`+`: the sides share the place they start from; the first step of one leaves it."""
    outs, sides = [], []
    for part in t.parts:
        first = len(ctx.b.rules)
        outs.append(branch(ctx, part, replace(at, points=None, open=True), k, "the side of `+`"))
        sides.append(range(first, len(ctx.b.rules)))
    ctx.world.choices.append(tuple(sides))
    return _alternatives(outs)


def _assign(ctx: Ctx, t: ast.Assign, at: At, k: int) -> Out:
    with collecting(ctx.env) as (env, found):
        updates = assigned(env, t.target, lower(env, t.value), t.op)
    rule = step(ctx, at, RuleKind.ASSIGN, describe(t), t.span, k, updates=updates)
    ctx.defined(found, rule)
    ctx.in_range(updates, rule)
    return Out(None)


def _atomic(ctx: Ctx, t: ast.Atomic, at: At, k: int) -> Out:
    done = effect(ctx.env, t.body)
    rule = step(ctx, at, RuleKind.ASSIGN, "atomic", t.span, k, updates=done.updates)
    ctx.defined(done.defined, rule)
    ctx.in_range(done.updates, rule)
    return Out(None)


def _transaction(ctx: Ctx, t: ast.Transaction, at: At, k: int) -> Out:
    """One step that writes all, or one that writes nothing and raises `Aborted`."""
    done = effect(ctx.env, t.body)
    commit = step(
        ctx,
        at,
        RuleKind.COMMIT,
        "commit",
        t.span,
        k,
        guard=not_(done.aborted),
        updates=done.updates,
        event=EventKind.TRANSACTION_COMMITTED,
    )
    ctx.defined(done.defined, commit)
    ctx.in_range(done.updates, commit)
    if done.aborted is not FALSE:
        given_up = raise_error(
            ctx,
            at,
            "Aborted",
            RuleKind.ABORT,
            "abort",
            t.span,
            guard=done.aborted,
            event=EventKind.TRANSACTION_ABORTED,
        )
        for rule in given_up:
            ctx.defined(done.defined, rule)
    return Out(None)


def _assert(ctx: Ctx, t: ast.Assert, at: At, k: int) -> Out:
    with collecting(ctx.env) as (env, found):
        cond = lower(env, t.cond)
    rule = step(ctx, at, RuleKind.ASSERT, "assert", t.span, k)
    ctx.defined(found, rule)
    assert isinstance(cond, Expr)
    ctx.must("assert", cond, ASSERTED, t.span, rule)
    return Out(None)


def _assume(ctx: Ctx, t: ast.Assume, at: At, k: int) -> Out:
    cond = ctx.test(t.cond, at)
    step(ctx, at, RuleKind.STEP, "assume", t.span, k, guard=cond)
    # A run that takes it where it is false does not count; one that has not come to it, or
    # takes another side of `+`, does.
    false = ctx.b.variable(
        f"{ctx.inst.name} assumption fails{ctx.tag}",
        Bool(),
        VarKind.GHOST,
        FALSE,
        ctx.inst.id,
        t.span,
    )
    ctx.b.excluded.append(false)
    step(
        ctx,
        at,
        RuleKind.STEP,
        "the assumption fails",
        t.span,
        None,
        guard=not_(cond),
        updates={false.index: TRUE},
        then=ctx.claims,
    )
    return Out(None)


def branch(ctx: Ctx, t: ast.Term, at: At, k: int, what: str) -> Out:
    """A part that `no_dead_code` wants to see run."""
    first = len(ctx.b.rules)
    out = term(ctx, t, at, k)
    if len(ctx.b.rules) > first:
        ctx.world.places.append(Place(what, range(first, len(ctx.b.rules)), t.span, ctx.path))
    return out


def _if(ctx: Ctx, t: ast.If, at: At, k: int) -> Out:
    reading, at = looked(ctx, t.cond, at)
    cond = reading.test(t.cond, at)
    then = branch(ctx.knowing(cond), t.then, at.under(cond, t.cond.span), k, "the branch of `if`")
    away = at.under(not_(cond), t.cond.span)
    if t.orelse is None:
        other = Out(replace(away, points=None))
    else:
        other = branch(ctx.knowing(not_(cond)), t.orelse, away, k, "the branch of `else`")
    return _alternatives([then, other])


def _switch(ctx: Ctx, t: ast.Switch, at: At, k: int) -> Out:
    reading, at = looked(ctx, t.subject, at)
    subject = reading.read(at, lambda env: lower(env, t.subject))
    values = [[ctx.read(at, partial(lower, e=v)) for v in c.values] for c in t.cases]
    tests = [or_(*(equal(subject, v) for v in case)) for case in values]
    outs = []
    rest = TRUE
    for case, cond in zip(t.cases, tests, strict=True):
        here = at.under(and_(rest, cond), case.span)
        outs.append(branch(ctx, case.body, here, k, "the case"))
        rest = and_(rest, not_(cond))
    if t.default is not None:
        outs.append(branch(ctx, t.default, at.under(rest, t.span), k, "the default"))
    elif rest is not FALSE and not covers(t.subject.type, [v for c in values for v in c]):
        ctx.must(
            "exhaustive",
            implies(at.cond, at.reading(not_(rest))),
            NOT_COVERED,
            t.span,
        )
        outs.append(Out(replace(at.under(rest), points=None)))
    return _alternatives(outs)
