"""The shortest and the longest time that a term can take, and how it may end by then.

A reading of terms beside their rules, linear in the size of the spec: sums along `;`, maxima over
branches side by side, both ends of alternatives, the attempts of a retry with their waits.  Steps
between activities take no time, because they are taken as soon as they can be.  Every bound is one
of all runs: where something is not seen, there is no longest time (`Reading.open` says where), and
a shortest time counts what surely has to come.  `Lasts.exact` says that both ends are reached.

What it has to be careful about: a test stays open until the first step of its branch is taken.  If
others may change what it reads while nothing can be taken, a wait behind it starts anew; such a
place has no longest time (`Reading.restless`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import assert_never

from ...dsl import ast
from ...dsl.errors import Span
from ...dsl.walk import walk
from ..expr import FALSE, TRUE, Expr, Sort, add, and_, const, ite, le, not_, or_, to_real
from ..expr import variables as variables_of
from ..system import VarKind
from .activity import activity_of
from .context import RETURN, UNDO_FAILED, Ctx, InstanceDraft, real_error
from .data import Value, default, equal, leaves
from .env import Bound, layered, unasked
from .expressions import as_sort, lower
from .frames import backoff
from .times import DONE, NOTHING, ZERO, Arithmetic, Lasts, Times, later, one_less, then, times

MOST_WAITS = 64  # waits of a retry that are summed one by one
SILENT = Times({DONE: NOTHING}, at_once=None)
STEP = Times({DONE: NOTHING})


@dataclass(frozen=True, slots=True)
class Open:
    """A place without a longest time, and why.  `what`: nothing says that this ever ends."""

    span: Span
    why: str
    what: str = ""


@dataclass(frozen=True, slots=True)
class Attempts:
    """A retry: how long all of its attempts and waits take at most (None: not bounded)."""

    span: Span
    what: str
    most: Expr | None


@dataclass(frozen=True, slots=True)
class Cut:
    """A retry inside a limit: `body` is how long what the limit watches takes at most."""

    retry: Attempts
    limit: Expr
    span: Span
    body: Expr | None


@dataclass(slots=True)
class Reading:
    """What one reading of a workflow is told and finds.

    `free`: names of resources whose claims never wait.
    """

    arithmetic: Arithmetic
    free: frozenset[str]
    open: list[Open] = field(default_factory=list)
    restless: list[Span] = field(default_factory=list)
    contended: dict[str, Span] = field(default_factory=dict)
    retries: list[Attempts] = field(default_factory=list)
    calls: dict[str, list[Lasts]] = field(default_factory=dict)  # of child workflows
    cuts: list[Cut] = field(default_factory=list)
    alone: bool = True  # no other branch of the instance runs beside this place

    def endless(self, span: Span, why: str, what: str = "") -> None:
        self.open.append(Open(span, why, what))

    def longer(self, a: Expr | None, b: Expr | None) -> Expr | None:
        return None if a is None or b is None else self.arithmetic.most(a, b)

    def plus(self, a: Expr | None, b: Expr | None) -> Expr | None:
        return None if a is None or b is None else add(a, b)


def read(r: Reading, ctx: Ctx, t: ast.Term) -> Times:
    """How long `t` lasts.  Recursion is as deep as the term."""
    from . import lasting_blocks as blocks

    match t:
        case ast.Skip():
            return SILENT
        case ast.Assign() | ast.Assert() | ast.Assume() | ast.Atomic():
            return STEP
        case ast.Return():
            return Times({RETURN: NOTHING})
        case ast.Fail(error=error):
            return Times({error: NOTHING})
        case ast.Call():
            return _call(r, ctx, t)
        case ast.Seq(parts=parts):
            return in_sequence(r, [read(r, ctx, p) for p in parts])
        case ast.Choice(parts=parts):
            return _choice(r, [read(r, ctx, p) for p in parts])
        case ast.If():
            sides = [t.then] if t.orelse is None else [t.then, t.orelse]
            return _if(r, ctx, t, sides)
        case ast.Switch():
            return _switch(r, ctx, t)
        case ast.While():
            return _while(r, ctx, t)
        case ast.Try():
            return _try(r, ctx, t)
        case ast.Retry():
            return retried(r, ctx, t.spec, read(r, ctx, t.body), t.span, "retry")
        case ast.Saga():
            return _saga(r, ctx, t)
        case ast.NoCancel():
            body = read(r, ctx, t.body)
            return replace(body, after=r.arithmetic.ended(body).hi)
        case ast.Using():
            return _claimed(r, ctx, t.claims, t.span, read(r, ctx, t.body))
        case ast.Wait():
            d = measured(r, ctx, t.duration)
            if d is None:
                r.endless(t.span, "how long it waits depends on data")
                return Times({DONE: Lasts(ZERO, None, exact=False)}, at_once=False)
            return Times({DONE: Lasts(d, d)}, at_once=False)
        case ast.WaitUntil():
            r.endless(t.span, "nothing bounds how long it waits", "wait")
            return Times({DONE: Lasts(ZERO, None, exact=False)}, at_once=False)
        case ast.Par():
            return blocks.par(r, ctx, t)
        case ast.Each():
            return blocks.each(r, ctx, t)
        case ast.Within():
            return blocks.within(r, ctx, t)
        case ast.Steps():
            return blocks.steps(r, ctx, t)
        case ast.Flow():
            return blocks.flow(r, ctx, t)
        case ast.Transaction() | ast.Abort() | ast.Require():
            return _unread(r, t)
        case ast.Send() | ast.Receive() | ast.Request():
            return _unread(r, t)
        case _:
            assert_never(t)


def _unread(r: Reading, t: ast.Term) -> Times:
    """Whatever it does: no bound, any error."""
    r.endless(t.span, "how long it takes is not known")
    r.restless.append(t.span)
    vague = Lasts(ZERO, None, exact=False)
    return Times({DONE: vague, "*": vague}, None, False)


# --- values that never change ---------------------------------------------------------------------


def measured(r: Reading, ctx: Ctx, e: ast.Expression) -> Expr | None:
    """A time that is not negative; None where it may change during a run."""
    value = fixed(ctx, e, Sort.REAL)
    return None if value is None else r.arithmetic.positive(value)


def fixed(ctx: Ctx, e: ast.Expression, sort: Sort | None = None) -> Expr | None:
    if speaks_of_the_run(e):
        return None
    env = unasked(ctx.env)
    value = lower(env, e) if sort is None else as_sort(env, e, sort)
    return value if isinstance(value, Expr) and ctx.fixed(value) else None


def speaks_of_the_run(e: object) -> bool:
    return any(isinstance(n, ast.StatePredicate | ast.Now) for n in walk((e,)))


def steady(r: Reading, ctx: Ctx, *several: ast.Expression) -> bool:
    """Nobody else changes what these read while control stands before them."""
    for e in several:
        if speaks_of_the_run(e):
            return False
        if isinstance(e, ast.Range):
            if not steady(r, ctx, e.lo, e.hi):
                return False
            continue
        if isinstance(e, ast.Name) and e.ref is ast.RefKind.ENUM_TYPE:
            continue
        value = lower(unasked(ctx.env), e)
        for index in variables_of(leaves(value)):
            kind = ctx.b.variables[index].kind
            if kind is VarKind.SHARED or (not r.alone and kind is VarKind.DATA):
                return False
    return True


# --- one after the other, and alternatives --------------------------------------------------------


def in_sequence(r: Reading, parts: Sequence[Times]) -> Times:
    ways: dict[str, Lasts] = {}
    so_far: Lasts | None = NOTHING
    after: Expr | None = ZERO
    at_once: bool | None = None
    for part in parts:
        if so_far is None:
            break
        for end, lasts in part.ways.items():
            if end != DONE:
                found = r.arithmetic.either(ways.get(end), then(so_far, lasts))
                assert found is not None
                ways[end] = found
        after = r.longer(after, part.after)
        at_once = part.at_once if at_once is None else at_once
        done = part.ways.get(DONE)
        so_far = then(so_far, done) if done is not None else None
    if so_far is not None:
        ways[DONE] = so_far
    return Times(ways, after, at_once)


def alternatives(r: Reading, sides: Sequence[Times]) -> Times:
    after: Expr | None = ZERO
    for s in sides:
        after = r.longer(after, s.after)
    firsts = {s.at_once for s in sides}
    at_once = firsts.pop() if len(firsts) == 1 else None if None in firsts else False
    return Times(r.arithmetic.merged(*(s.ways for s in sides)), after, at_once)


def vague(t: Times) -> Times:
    return replace(t, ways={end: lasts.vague for end, lasts in t.ways.items()})


def _choice(r: Reading, sides: Sequence[Times]) -> Times:
    """The first step of a side takes it; who waits longer for it may never come to it."""
    out = alternatives(r, sides)
    return out if all(s.at_once for s in sides) else vague(out)


def _where(t: Times, cond: Expr) -> Times:
    """Only where `cond` holds, which never changes."""
    return replace(t, ways={e: replace(x, may=and_(cond, x.may)) for e, x in t.ways.items()})


def _if(r: Reading, ctx: Ctx, t: ast.If, sides: Sequence[ast.Term]) -> Times:
    read_sides = [read(r, ctx, s) for s in sides]
    if len(read_sides) == 1:
        read_sides.append(SILENT)
    cond = fixed(ctx, t.cond)
    if cond is not None:
        chosen = [_where(s, c) for s, c in zip(read_sides, (cond, not_(cond)), strict=True)]
        return alternatives(r, chosen)
    _watch(r, ctx, [t.cond], read_sides, t.span)
    return vague(alternatives(r, read_sides))


def _watch(
    r: Reading, ctx: Ctx, tests: Sequence[ast.Expression], sides: Sequence[Times], span: Span
) -> None:
    if not steady(r, ctx, *tests) and not all(s.at_once for s in sides):
        r.restless.append(span)


def _switch(r: Reading, ctx: Ctx, t: ast.Switch) -> Times:
    sides = [read(r, ctx, c.body) for c in t.cases]
    sides.append(read(r, ctx, t.default) if t.default is not None else SILENT)
    subject = fixed(ctx, t.subject)
    if subject is None:
        values = [v for c in t.cases for v in c.values]
        _watch(r, ctx, [t.subject, *values], sides, t.span)
        return vague(alternatives(r, sides))
    rest: Expr = TRUE
    chosen = []
    for case, side in zip(t.cases, sides[:-1], strict=True):
        env = unasked(ctx.env)
        cond = or_(*(equal(lower(env, t.subject), lower(env, v)) for v in case.values))
        if not ctx.fixed(cond):
            return vague(alternatives(r, sides))
        chosen.append(_where(side, and_(rest, cond)))
        rest = and_(rest, not_(cond))
    return alternatives(r, [*chosen, _where(sides[-1], rest)])


def _while(r: Reading, ctx: Ctx, t: ast.While) -> Times:
    body = read(r, ctx, t.body)
    if not steady(r, ctx, t.cond):
        r.restless.append(t.span)
    n = fixed(ctx, t.at_most, Sort.REAL) if t.at_most is not None else None
    done = body.ways.get(DONE)
    if n is None:
        if done is not None and done.hi is not ZERO:
            r.endless(t.span, "nothing bounds how often it goes round (`at_most`)")
        ways = {e: Lasts(x.lo, None, exact=False) for e, x in body.ways.items() if e != DONE}
        ways[DONE] = Lasts(ZERO, ZERO if _takes_no_time(done) else None, exact=False)
        if t.at_most is not None:
            ways["TooMany"] = ways[DONE]
        return Times(ways, body.after, None)
    n = r.arithmetic.positive(n)
    round_ = done or Lasts(ZERO, ZERO, FALSE)
    before = times(r.arithmetic.positive(one_less(n)), round_.hi)
    ways = {}
    for end, lasts in body.ways.items():
        if end != DONE:
            hi = None if before is None or lasts.hi is None else add(before, lasts.hi)
            ways[end] = Lasts(lasts.lo, hi, and_(lasts.may, le(const(Fraction(1)), n)), False)
    most = times(n, round_.hi)
    ways[DONE] = Lasts(ZERO, most, exact=False)
    if done is not None:
        ways["TooMany"] = Lasts(times(n, round_.lo) or ZERO, most, exact=False)
    return Times(ways, body.after, None)


def _takes_no_time(done: Lasts | None) -> bool:
    return done is None or (done.hi is not None and done.hi.value == 0)


# --- frames ---------------------------------------------------------------------------------------


def _try(r: Reading, ctx: Ctx, t: ast.Try) -> Times:
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


def _saga(r: Reading, ctx: Ctx, t: ast.Saga) -> Times:
    from .lasting_undo import undoing

    body = read(r, ctx, t.body)
    undo, fails = undoing(r, ctx, t.body)
    ways = {e: later(x, undo) if real_error(e) and e != DONE else x for e, x in body.ways.items()}
    if fails:
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
    taken = {
        e: x
        for e, x in body.ways.items()
        if e != DONE and real_error(e) and (not spec.errors or e in spec.errors or e == "*")
    }
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
        else:
            hi = then(again, lasts).hi
            ways[end] = Lasts(lasts.lo, hi, lasts.may, lasts.exact and failing.exact, False)
    sure = lost.may is TRUE or n.value == 0
    out = Times(ways, body.after, body.at_once)
    return out if sure else vague(out)


def _waits(r: Reading, ctx: Ctx, spec: ast.RetrySpec, n: Expr) -> Lasts | None:
    """All of the waits between attempts together."""
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


# --- activities, claims, child workflows ----------------------------------------------------------


def _call(r: Reading, ctx: Ctx, t: ast.Call) -> Times:
    if t.name in ctx.world.workflows:
        return _child(r, ctx, t)
    a = activity_of(ctx, t.name)
    bound = {p.name: given(ctx, p, e, t.span) for p, e in zip(a.params, t.args, strict=True)}
    inner = replace(ctx, env=ctx.env.bind(**bound))
    one = _claimed(r, inner, a.uses, a.span, _attempt(r, inner, a, t.span))
    if a.retry is None:
        return one
    return retried(r, inner, a.retry, one, a.span, a.name)


def given(ctx: Ctx, p: ast.Param, e: ast.Expression, span: Span) -> Value:
    """An argument: its value, or one of which nothing is known."""
    assert p.resolved is not None
    if not speaks_of_the_run(e):
        value = lower(unasked(ctx.env), e)
        if all(ctx.fixed(x) for x in leaves(value)):
            return value
    zero = default(p.resolved, ctx.b.string)
    return ctx.b.data(p.name, p.resolved, VarKind.HIDDEN, zero, ctx.inst.id, span)


def _attempt(r: Reading, ctx: Ctx, a: ast.Activity, span: Span) -> Times:
    """One attempt: done, failed, or out of time, whatever is sooner."""
    lo: Expr | None = ZERO
    hi: Expr | None = None
    exact = True
    if a.takes is not None:
        lo = measured(r, ctx, a.takes.lo) if a.takes.lo is not None else ZERO
        hi = measured(r, ctx, a.takes.hi) if a.takes.hi is not None else None
        exact = lo is not None and (hi is not None or a.takes.hi is None)
        if lo is None:
            lo, hi = ZERO, None
        elif hi is not None:
            hi = r.arithmetic.most(hi, lo)  # the shortest time, where it is the longer one
    assert lo is not None
    limit = measured(r, ctx, a.timeout) if a.timeout is not None else None
    ends = [DONE, *dict.fromkeys(f.error for f in a.fails)]
    if limit is None:
        if hi is None:
            why = "depends on data" if a.takes is not None and a.takes.hi is not None else ""
            # (Without `takes`, or from 0 on, nothing is said of its time.)
            said = a.takes is not None and a.takes.hi is None and lo is not ZERO and lo.value != 0
            r.endless(
                span, f"how long `{a.name}` takes {why or 'is not bounded'}", a.name if said else ""
            )
        exact = exact and a.timeout is None
        ways = {e: Lasts(lo, hi, exact=exact) for e in ends}
        if a.timeout is not None:
            ways["Timeout"] = Lasts(ZERO, hi, exact=False)
        return Times(ways)
    soon = r.arithmetic.within(lo, limit)
    cut = limit if hi is None else r.arithmetic.least(hi, limit)
    ways = {e: Lasts(lo, cut, soon, exact) for e in ends}
    late = TRUE if hi is None else not_(r.arithmetic.below(hi, limit))
    known = ways.get("Timeout")
    found = r.arithmetic.either(known, Lasts(limit, limit, late, exact))
    assert found is not None
    ways["Timeout"] = found
    return Times({e: x for e, x in ways.items() if x.may is not FALSE})


def _claimed(r: Reading, ctx: Ctx, claims: Sequence[ast.Claim], span: Span, body: Times) -> Times:
    """What may have to wait for a resource before it begins has no longest time by itself."""
    waits = [
        c.resource
        for c in claims
        if ctx.b.resources[c.resource].enforced and c.resource not in r.free
    ]
    for name in waits:
        r.contended.setdefault(name, span)
    if not waits:
        return body
    ways = {e: Lasts(x.lo, None, x.may, False) for e, x in body.ways.items()}
    return Times(ways, body.after, False)


def _child(r: Reading, ctx: Ctx, t: ast.Call) -> Times:
    inner, w = called(ctx, t)
    body = read(r, inner, w.body)
    r.calls.setdefault(w.name, []).append(r.arithmetic.ended(body))
    ways = dict(body.ways)
    done = r.arithmetic.either(ways.get(DONE), ways.pop(RETURN, None))
    if done is not None:
        ways[DONE] = done
    return Times(ways, body.after)


def called(ctx: Ctx, t: ast.Call) -> tuple[Ctx, ast.Workflow]:
    """Where the body of a child workflow is read."""
    w = ctx.world.workflows[t.name]
    shared = {s.decl.name for s in ctx.world.spec.shared}
    slots: dict[str, Value] = {n: v for n, v in ctx.env.variables.items() if n in shared}
    names = layered(ctx.env.names, {})
    for p, e in zip(w.params, t.args, strict=True):
        names[p.name] = given(ctx, p, e, t.span)
    for v in w.variables:
        assert v.resolved is not None
        zero = default(v.resolved, ctx.b.string)
        slots[v.name] = ctx.b.data(v.name, v.resolved, VarKind.DATA, zero, ctx.inst.id, v.span)
    env = replace(ctx.env, names=names, variables=slots, store={})
    inst = InstanceDraft(ctx.inst.id, w.name, w, env, ctx.thread, ctx.inst.error)
    inst.env = replace(env, own=Bound(ctx.inst.id, slots, inst))
    return replace(ctx, inst=inst, env=inst.env), w
