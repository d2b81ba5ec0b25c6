"""Tasks, waits and retries."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from ... import ast
from ...errors import Span
from .context import LONGEST, Import, seconds
from .data import Scope
from .failures import HEARTBEAT, retrier_of
from .machine import Retrier, State

MINUTE = Fraction(60)


def wait(ctx: Import, state: State) -> ast.Term:
    """A fixed number of seconds, or any time."""
    span = state.span
    fixed = state.node.number("Seconds")
    if fixed is not None and fixed >= 0:
        return ast.Wait(seconds(fixed, span), span=span)
    name = ctx.names.known_as(state.name)
    takes = about(Fraction(0), LONGEST, MINUTE, span)
    ctx.activities.append(ast.Activity(name, takes=takes, doc=state.name, span=span))
    ctx.note(f"the time that {state.name} waits", "any time", span)
    return ast.Call(name, span=span)


def task(
    ctx: Import,
    state: State,
    scope: Scope,
    writes: tuple[str, ...],
    returns: ast.TypeExpr | None,
    bind: ast.Expression | None,
) -> ast.Term:
    """The call of a task's activity, with its retries around."""
    name, span = ctx.names.known_as(state.name), state.span
    failing = list(ctx.errors.of_task(state, scope))
    if state.heartbeat is not None:
        failing.append(HEARTBEAT)
        ctx.note(
            f"HeartbeatSeconds of {state.name}",
            "fails with HeartbeatTimeout at any time; a worker that beats for ever is left out",
            state.heartbeat.span,
            bounds=True,
        )
    clauses = retry_specs(ctx, state, ctx.errors.leaving_task(state, scope))
    timeout = state.timeout
    ctx.activities.append(
        ast.Activity(
            name,
            returns=returns,
            takes=takes(ctx, state, scope),
            writes=writes,
            fails=tuple(ast.FailClause(e, span=span) for e in ctx.errors_of(failing)),
            retry=clauses[0] if clauses else None,
            timeout=ctx.amount(timeout, "timeout", state.name) if timeout is not None else None,
            doc=f"{state.name}: {state.resource}",
            span=span,
        )
    )
    return wrapped(ast.Call(name, bind=bind, span=span), clauses[1:])


def about(lo: Fraction, hi: Fraction | None, mean: Fraction, span: Span) -> ast.Takes:
    """Anything from lo to hi; a simulation draws values around `mean`, proofs do not see it."""
    most = seconds(hi, span) if hi is not None else None
    return ast.Takes(seconds(lo, span), most, "exponential", (seconds(mean, span),), span=span)


def takes(ctx: Import, state: State, scope: Scope) -> ast.Takes:
    """A token or a worker may stay away for ever; the service ends every other task."""
    span, endless = state.span, state.waits_for_token or state.is_worker
    mean = _mean(state, scope)
    if endless and state.heartbeat is None:
        return about(Fraction(0), None, mean, span)
    if state.timeout is None and state.heartbeat is None:
        everywhere = ctx.document.scopes[0].machine.span
        instead = f"end within {LONGEST} s, the service's default"
        ctx.note("tasks without TimeoutSeconds", instead, everywhere)
    return about(Fraction(0), LONGEST, mean, span)


def _mean(state: State, scope: Scope) -> Fraction:
    """Seconds that a task takes in a simulation: well within the time limits around it.

    A call answers soon; a job, a person or another machine takes its time.
    """
    slow = state.waits_for_token or state.is_worker or ".sync" in state.resource
    limits = [state.timeout]
    around: Scope | None = scope
    while around is not None:
        limits.append(around.machine.timeout)
        around = around.parent
    known = [amount.value for amount in limits if amount is not None and amount.value]
    return min([MINUTE if slow else Fraction(2), *(value / 10 for value in known)])


def retry_specs(ctx: Import, state: State, possible: Iterable[str]) -> list[ast.RetrySpec]:
    """One clause per retrier, the first one innermost."""
    found, possible = list[ast.RetrySpec](), list(possible)
    for i, retrier in enumerate(state.retries):
        taken = [name for name in possible if retrier_of(state, name) == i]
        if taken and retrier.attempts != 0:
            found.append(_retry_spec(ctx, retrier, taken, state))
    if len(found) > 1:
        ctx.note(
            f"the {len(found)} retriers of {state.name}",
            "nested: a retry by a later one lets the earlier ones count anew",
            state.span,
        )
    return found


def _retry_spec(ctx: Import, retrier: Retrier, taken: list[str], state: State) -> ast.RetrySpec:
    span, limit = retrier.span, retrier.max_delay
    attempts: ast.Expression
    if retrier.attempts is None:
        attempts = ctx.param(f"attempts_{state.name}", "int", span)
        ctx.require(attempts, ">=", ast.IntLit(0, span=span))
        ctx.note(f"MaxAttempts of {state.name}", "any number", span)
    else:
        attempts = ast.IntLit(retrier.attempts, span=span)
    return ast.RetrySpec(
        attempts,
        ctx.errors_of(taken),
        backoff=seconds(retrier.interval, span),
        factor=ast.RealLit(retrier.rate, span=span),
        max=seconds(limit, span) if limit is not None else None,
        jitter=ast.RealLit(Fraction(1), span=span) if retrier.jitter else None,
        span=span,
    )


def wrapped(term: ast.Term, clauses: Iterable[ast.RetrySpec]) -> ast.Term:
    """The term with retries around it."""
    for spec in clauses:
        term = ast.Retry(spec, term, span=spec.span)
    return term
