"""Error frames: try, retry, saga, finally, nocancel.

`finally` and `saga` share one mechanism, a *cleanup*: a body whose errors and cancellations lead
to a protected part, after which the pending error goes on.  `nocancel` is the protected part
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    add,
    and_,
    const,
    eq,
    ite,
    lt,
    mul,
    not_,
    or_,
)
from ..system import (
    Delay,
    EventKind,
    Place,
    PointKind,
    Retrying,
    RuleKind,
    VarKind,
)
from .builder import CANCELLED, RETURNED, Builder, Region, RegionKind, RuleDraft
from .context import ANY_ERROR, RETURN, UNDO_FAILED, Ctx, raise_error, real_error, step
from .drafts import Frame, Landing, Log, Out
from .entry import forget, kept
from .env import Env
from .expressions import counted, measured
from .place import At, union
from .undolog import all_of, rounds

Body = Callable[[Ctx, At, int], Out]


def try_(ctx: Ctx, t: ast.Try, at: At, k: int) -> Out:
    if t.final is not None:
        inner = replace(t, final=None) if t.handlers else t.body
        return _finally(ctx, inner, t.final, t.span, at, k)
    return _catch(ctx, t, at, k)


def _catch(ctx: Ctx, t: ast.Try, at: At, k: int) -> Out:
    from .terms import term

    landings = [
        ctx.point(PointKind.UNWIND, "catch " + (", ".join(h.errors) or "*"), h.span)
        for h in t.handlers
    ]
    landed: list[list[str]] = [[] for _ in t.handlers]

    def which(error: str) -> int | None:
        if not real_error(error):
            return None
        for i, h in enumerate(t.handlers):
            if not h.errors or error in h.errors:
                return i
        return None

    def land(error: str) -> Sequence[Landing]:
        i = which(error)
        assert i is not None
        landed[i].append(error)
        return [Landing(TRUE, landings[i])]

    frame = Frame(ctx.thread, ctx.frame, lambda e: which(e) is not None, land)
    body = term(replace(ctx, frame=frame), t.body, at, k)
    ended = ctx.b.ended(frame.forks)
    outs = []
    for i, h in enumerate(t.handlers):
        into = tuple(r for r in frame.rules if _lands(ctx.b, r, ctx, landings[i]))
        ctx.world.places.append(
            Place("the handler of " + (", ".join(h.errors) or "*"), into, h.span)
        )
        if landed[i]:
            here = ctx.at(landings[i])
            here = replace(here, cond=and_(here.cond, ended))
            outs.append(term(ctx, h.body, here, k))
    return Out(
        union(body.exit, *(o.exit for o in outs)),
        Log((body.log, *(o.log for o in outs))) if outs else body.log,
    )


def _lands(b: Builder, rule: int, ctx: Ctx, point: int) -> bool:
    new = b.rules[rule].updates.get(ctx.thread.location)
    return new is not None and not new.args and new.value == point


def retry(
    ctx: Ctx,
    spec: ast.RetrySpec,
    span: Span,
    at: At,
    k: int,
    body: Body,
    label: str = "retry",
    attempt: bool = False,
    env: Env | None = None,
) -> Out:
    """`n` more attempts after the first, on the named errors (or on those that are not permanent);
    then the error goes on.

    `attempt`: the body is one attempt of an activity, whose arguments `env` knows.
    """
    attempts = ctx.b.hidden(f"{ctx.inst.name} attempts of {label}{ctx.tag}", ctx.inst.id)
    ctx.world.retries.append(Retrying(label, span, attempts.index))
    first, points, since = len(ctx.b.rules), len(ctx.thread.points), len(ctx.b.variables)
    moves: dict[int, Expr] = {}
    outer, ctx = ctx, replace(ctx, env=env) if env is not None else ctx
    limit = ctx.read(at, lambda env: counted(env, spec.attempts, 0))
    limit = kept(ctx, f"most attempts of {label}", limit, span, moves)
    again = ctx.point(PointKind.READY, f"{label} again", span)
    waits = spec.backoff is not None
    kind = PointKind.BACKOFF if waits else PointKind.UNWIND
    pause = ctx.point(kind, f"backing off: {label}", span, activity=label)
    # A block starts anew with a step: what began with it (a fork, a time limit) has to end first.
    steps = waits or not attempt

    def land(_: str) -> Sequence[Landing]:
        return [Landing(lt(attempts, limit), pause, ((attempts.index, add(attempts, const(1))),))]

    frame = Frame(ctx.thread, ctx.frame, partial(ctx.retries, spec), land)
    entered = at.once(*moves.items()).plus((attempts.index, ite(at.cond, const(0), attempts)))
    paused = ctx.at(pause)
    paused = replace(paused, cond=and_(paused.cond, ctx.b.ended(frame.forks)))
    back: RuleDraft | None = None
    if steps:
        back = step(
            ctx,
            paused,
            RuleKind.BACKOFF if waits else RuleKind.STEP,
            f"retry {label}" if attempt else "retry",
            span,
            again,
            event=EventKind.TASK_RETRY_SCHEDULED,
            subject=label,
            activity=label,
            delay=ctx.read(paused, lambda env: backoff(ctx, env, spec, limit, attempts))
            if waits
            else None,
        )
        resumed: At | None = ctx.at(again)
    else:
        resumed = paused
    whole = union(entered, resumed)
    assert whole is not None
    errors = frozenset(spec.errors) or frozenset((ANY_ERROR,))
    retried = outer.retried if attempt else outer.retried | errors
    inner = replace(outer, frame=frame, again=ctx.again or not attempt, retried=retried)
    out = body(inner, replace(whole, points=at.points), k)
    log = out.log
    if back is not None and not attempt:
        # A failed attempt keeps what it completed on the log.
        log = rounds(ctx, log, frozenset(), back, since)
        log = replace(log, sure=out.log.sure)
    # Outside nobody asks how many attempts there were.
    forget(ctx, ctx.b.rules[first:], range(points, len(ctx.thread.points)), [attempts])
    exit_ = out.exit.plus((attempts.index, const(0))) if out.exit is not None else None
    return Out(exit_, log)


def backoff(ctx: Ctx, env: Env, spec: ast.RetrySpec, limit: Expr, attempts: Expr) -> Delay:
    """The wait before the attempt after these: backoff * factor^(attempts - 1), capped by `max`,
    jittered by a share on both sides."""
    assert spec.backoff is not None
    base = measured(env, spec.backoff)
    wait = base
    cap = measured(env, spec.max) if spec.max is not None else None
    share = measured(env, spec.jitter) if spec.jitter is not None else None
    known = _most(ctx, limit)
    if spec.factor is not None:
        factor = measured(env, spec.factor)
        if known is None or known > 64:
            return Delay(const(Fraction(0)), cap)
        wait = power = base
        for n in range(2, known + 1):
            power = mul(power, factor)
            wait = ite(lt(attempts, const(n)), wait, power)
    if cap is not None:
        wait = ite(lt(cap, wait), cap, wait)
    if share is None:
        return Delay(wait, wait)
    one = const(Fraction(1))
    less = ite(lt(share, one), add(one, mul(const(Fraction(-1)), share)), const(Fraction(0)))
    return Delay(mul(wait, less), mul(wait, add(one, share)))


def _most(ctx: Ctx, limit: Expr) -> int | None:
    """The largest that a number can be, if it is constant or a ranged parameter."""
    if limit.op is Op.VAR:
        v = ctx.b.variables[limit.index]
        return v.hi if v.kind in (VarKind.PARAM, VarKind.ARG) and v.init is None else None
    return limit.value if limit.op is Op.CONST and isinstance(limit.value, int) else None


# --- protected parts -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Guarded:
    """A protected part being lowered: its context, the point where it ends, what is pending."""

    ctx: Ctx
    end: int
    pending: Expr
    frame: Frame
    region: Region


def protected(ctx: Ctx, span: Span, label: str, pending: Expr | None = None) -> Guarded:
    """A context in which cancellation waits, and errors wait for the end of the part."""
    if pending is None:
        pending = ctx.b.hidden(f"{ctx.inst.name} pending {label}{ctx.tag}", ctx.inst.id)
    region = Region(RegionKind.PROTECTED)
    inner = replace(ctx, regions=(*ctx.regions, region))
    end = inner.point(PointKind.UNWIND, f"end of {label}", span)
    kept = pending

    def land(error: str) -> Sequence[Landing]:
        value = const(RETURNED if error == RETURN else ctx.b.error(error))
        return [Landing(TRUE, end, ((kept.index, ite(eq(kept, const(0)), value, kept)),))]

    frame = Frame(ctx.thread, ctx.frame, lambda e: e != UNDO_FAILED, land)
    return Guarded(replace(inner, frame=frame), end, pending, frame, region)


def leave(
    ctx: Ctx, g: Guarded, passed: At | None, span: Span, raised: Sequence[str], label: str
) -> tuple[At, list[RuleDraft]]:
    """After a protected part (at its end, or `passed` silently): end if cancelled, go on with a
    pending error, or pass silently."""
    pending = g.pending
    ended = ctx.b.ended(g.frame.forks)
    at_end = g.ctx.at(g.end)
    at_end = replace(at_end, cond=and_(at_end.cond, ended))
    at = union(at_end, passed)
    assert at is not None
    fork = ctx.thread.fork
    marked: Expr = FALSE
    if fork is not None and not ctx.protected:
        marked = fork.marked
    clear = {pending.index: const(0)}
    cancelled = or_(marked, eq(pending, const(CANCELLED)))
    rules: list[RuleDraft] = []
    if fork is not None and not ctx.protected:
        outer = [r for r in ctx.regions if r.kind == RegionKind.CLEANUP]
        more: dict[int, Expr] = {}
        if outer:
            more = {outer[-1].pending: const(CANCELLED)}
        rules.append(
            step(
                ctx,
                at,
                RuleKind.STEP,
                f"cancelled after {label}",
                span,
                outer[-1].unwind if outer else 0,
                guard=cancelled,
                updates={**clear, **more},
                detail="cancelled",
            )
        )
        if passed is not None and raised:
            # An error that cancels the threads around this one leaves a protected point where
            # it is: that must be one from which nothing can go on.
            step(
                g.ctx,
                passed,
                RuleKind.STEP,
                f"end of {label}",
                span,
                g.end,
                guard=not_(or_(cancelled, eq(pending, const(0)))),
            )
        leaving = at_end
    else:
        cancelled = FALSE
        leaving = at
    for error in dict.fromkeys(raised):
        value = RETURNED if error == RETURN else ctx.b.error(error)
        rules += raise_error(
            ctx,
            leaving,
            error,
            RuleKind.RAISE,
            f"{error} goes on" if error != RETURN else "return goes on",
            span,
            guard=and_(not_(cancelled), eq(pending, const(value))),
            updates=clear,
        )
    quiet = and_(not_(cancelled), eq(pending, const(0)))
    return replace(at.under(quiet), points=None), rules


def nocancel(ctx: Ctx, t: ast.NoCancel, at: At, k: int) -> Out:
    from .terms import term

    if ctx.thread.fork is None or ctx.protected:
        return term(ctx, t.body, at, k)
    g = protected(ctx, t.span, "nocancel")
    body = term(g.ctx, t.body, at.guarded(), g.end)
    exit_, _ = leave(ctx, g, body.exit, t.span, g.frame.raised, "nocancel")
    g.region.passed(exit_.cond)
    return Out(exit_, body.log)


@dataclass(frozen=True, slots=True)
class Cleanup:
    """The body of a cleanup being lowered, and where it unwinds to."""

    ctx: Ctx
    unwind: int
    guarded: Guarded
    frame: Frame
    region: Region


def cleanup(ctx: Ctx, span: Span, label: str, takes: Callable[[str], bool]) -> Cleanup:
    pending = ctx.b.hidden(f"{ctx.inst.name} pending {label}{ctx.tag}", ctx.inst.id)
    g = protected(ctx, span, label, pending)
    unwind = g.ctx.point(PointKind.UNWIND, label, span)
    region = Region(RegionKind.CLEANUP, unwind, pending.index)

    def land(error: str) -> Sequence[Landing]:
        value = const(RETURNED if error == RETURN else ctx.b.error(error))
        return [Landing(TRUE, unwind, ((pending.index, value),))]

    frame = Frame(ctx.thread, ctx.frame, takes, land)
    inner = replace(ctx, frame=frame, regions=(*ctx.regions, region))
    return Cleanup(inner, unwind, g, frame, region)


def _finally(ctx: Ctx, body: ast.Term, final: ast.Term, span: Span, at: At, k: int) -> Out:
    from .terms import term

    c = cleanup(ctx, span, "finally", lambda e: e != UNDO_FAILED)
    normal = c.guarded.ctx.point(PointKind.READY, "finally", final.span)
    before = len(ctx.thread.forks)
    out = term(c.ctx, body, at, normal)
    passed = out.exit.guarded() if out.exit is not None else None
    entry = union(c.guarded.ctx.at(normal), unwound(c, before), passed)
    assert entry is not None
    first = len(ctx.b.rules)
    final_out = term(c.guarded.ctx, final, entry, c.guarded.end)
    ctx.world.places.append(Place("finally", range(first, len(ctx.b.rules)), final.span))
    raised = [*c.frame.raised, *c.guarded.frame.raised]
    exit_, _ = leave(ctx, c.guarded, final_out.exit, span, raised, "finally")
    c.guarded.region.passed(exit_.cond)
    c.region.passed(exit_.cond)
    return Out(exit_, all_of((out.log, final_out.log)))


def unwound(c: Cleanup, before: int) -> At:
    """Control is at the cleanup, and protected parts of cancelled branches have ended."""
    inside = c.ctx.thread.forks[before:]
    at = c.guarded.ctx.at(c.unwind)
    return replace(at, cond=and_(at.cond, c.ctx.b.ended(inside)), points=None)
