"""How long `try`, `saga` and `retry` last: see `lasting`."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Span
from ..expr import TRUE, Expr, Sort, const, ite, to_real
from .context import UNDO_FAILED, Ctx, real_error
from .env import unasked
from .frames import backoff
from .lasting import fixed, read, vague
from .lasting_facts import Attempts, Reading
from .times import DONE, NOTHING, ZERO, Lasts, Times, later, then, times

MOST_WAITS = 64  # waits of a retry that are summed one by one


def try_(r: Reading, ctx: Ctx, t: ast.Try) -> Times:
    body = read(r, ctx, t.body)
    out = body
    if t.handlers:
        left: dict[str, Lasts] = {}
        handled: list[Mapping[str, Lasts]] = []
        after = body.after
        handlers = [read(r, ctx, h.body) for h in t.handlers]
        for h in handlers:
            after = r.longer(after, h.after)
        for end, lasts in body.ways.items():
            taker = next(
                (k for k, h in enumerate(t.handlers) if not h.errors or end in h.errors), None
            )
            if end == DONE or taker is None or not real_error(end):
                left[end] = lasts
                if end == "*":
                    handled += [_then_all(lasts, h) for h in handlers]
            else:
                handled.append(_then_all(lasts, handlers[taker]))
        out = Times(r.arithmetic.merged(left, *handled), after, body.at_once)
    if t.final is None:
        return out
    final = read(r, ctx, t.final)
    ways: dict[str, Lasts] = {}
    for end, lasts in out.ways.items():
        for end_of_final, more in final.ways.items():
            # The first error stays, also over a later one.
            kept = end_of_final == DONE or (end != DONE and end_of_final != UNDO_FAILED)
            last = end if kept else end_of_final
            found = r.arithmetic.either(ways.get(last), then(lasts, more))
            assert found is not None
            ways[last] = found
    return Times(ways, r.plus(out.after, r.arithmetic.ended(final).hi), out.at_once)


def _then_all(first: Lasts, second: Times) -> dict[str, Lasts]:
    return {end: then(first, lasts) for end, lasts in second.ways.items()}


def saga(r: Reading, ctx: Ctx, t: ast.Saga) -> Times:
    from .lasting_undo import undoing

    body = read(r, ctx, t.body)
    undo, fails = undoing(r, ctx, t.body)
    ways = {e: later(x, undo) if real_error(e) and e != DONE else x for e, x in body.ways.items()}
    if fails:
        r.losing += 1
        lost = [x for e, x in body.ways.items() if real_error(e) and e != DONE]
        for x in lost:
            found = r.arithmetic.either(ways.get(UNDO_FAILED), later(x, undo).vague)
            assert found is not None
            ways[UNDO_FAILED] = found
    return Times(ways, r.plus(body.after, undo), body.at_once)


def retried(
    r: Reading,
    ctx: Ctx,
    spec: ast.RetrySpec,
    body: Times,
    span: Span,
    what: str,
) -> Times:
    """`n` more attempts after the first, each after its wait; then the error goes on."""
    n = fixed(ctx, spec.attempts, Sort.INT)
    taken = {e: x for e, x in body.ways.items() if e != DONE and (e == "*" or ctx.retries(spec, e))}
    lost = r.arithmetic.any_of(taken.values())
    if lost is None:
        return body
    waits = None if n is None else _waits(r, ctx, spec, n)
    if n is None or waits is None:
        r.endless(span, "how often, or how long, it tries depends on data")
        waits, n = Lasts(ZERO, None, exact=False), const(0)
    real = r.arithmetic.positive(to_real(n))
    tries = Lasts(times(real, lost.lo) or ZERO, times(real, lost.hi), TRUE, lost.exact, lost.solid)
    failing = then(tries, waits)
    one_more = then(failing, lost)
    r.retries.append(Attempts(span, what, one_more.hi))
    ways: dict[str, Lasts] = {}
    again = replace(failing, lo=ZERO, exact=failing.exact)
    for end, lasts in body.ways.items():
        if end in taken:
            # The last attempt fails with this one.
            ways[end] = then(failing, lasts)
            if end == "*":  # which it may be, or not
                either = r.arithmetic.either(ways[end], lasts)
                assert either is not None
                ways[end] = either
        else:
            hi = then(again, lasts).hi
            ways[end] = Lasts(lasts.lo, hi, lasts.may, lasts.exact and failing.exact, False)
    sure = lost.may is TRUE or n.value == 0
    out = Times(ways, body.after, body.at_once)
    return out if sure else vague(out)


def _waits(r: Reading, ctx: Ctx, spec: ast.RetrySpec, n: Expr) -> Lasts | None:
    """All of the waits between attempts together."""
    if r.measure is not None and not r.measure.idle:
        return NOTHING
    if spec.backoff is None:
        return NOTHING
    parts = (spec.backoff, spec.factor, spec.max, spec.jitter)
    if any(e is not None and fixed(ctx, e, Sort.REAL) is None for e in parts):
        return None
    env = unasked(ctx.env)
    most = r.arithmetic.extent(n)[1]
    real = r.arithmetic.positive(to_real(n))
    if spec.factor is None or most is None or most > MOST_WAITS:
        # (With a factor and no bound on n, the rules allow any wait up to `max`.)
        each = backoff(ctx, env, spec, n, const(1))
        hi = None if each.hi is None else times(real, r.arithmetic.positive(each.hi))
        return Lasts(times(real, r.arithmetic.positive(each.lo)) or ZERO, hi)
    total = NOTHING
    for k in range(1, int(most) + 1):
        wait = backoff(ctx, env, spec, n, const(k))
        comes = r.arithmetic.within(const(Fraction(k)), real)
        lo = ite(comes, r.arithmetic.positive(wait.lo), ZERO)
        hi = None if wait.hi is None else ite(comes, r.arithmetic.positive(wait.hi), ZERO)
        total = then(total, Lasts(lo, hi))
    return total
