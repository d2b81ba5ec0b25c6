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

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import assert_never

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.walk import walk
from ..expr import FALSE, TRUE, Expr, Sort, add, and_, const, le, mul, not_, or_
from ..system import VarKind
from ..walks import variables as variables_of
from .context import RETURN, UNDO_FAILED, Ctx
from .counting import counters, rounds
from .data import equal, leaves
from .env import unasked
from .expressions import as_sort, lower
from .lasting_facts import Reading
from .messages import heard
from .times import DONE, NOTHING, ZERO, Lasts, Times, one_less, then, times

SILENT = Times({DONE: NOTHING}, at_once=None)
STEP = Times({DONE: NOTHING})


def read(r: Reading, ctx: Ctx, t: ast.Term) -> Times:
    """How long `t` lasts.  Recursion is as deep as the term."""
    from . import lasting_blocks as blocks
    from . import lasting_calls as calls
    from . import lasting_frames as frames

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
            return calls.call(r, ctx, t)
        case ast.Seq(parts=parts):
            return in_sequence(r, list(_parts(r, ctx, parts)))
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
            return frames.try_(r, ctx, t)
        case ast.Retry():
            return frames.retried(r, ctx, t.spec, read(r, ctx, t.body), t.span, "retry")
        case ast.Saga():
            return frames.saga(r, ctx, t)
        case ast.NoCancel():
            body = read(r, ctx, t.body)
            return replace(body, after=r.arithmetic.ended(body).hi)
        case ast.Using():
            return calls.block(r, ctx, t, read(r, ctx, t.body))
        case ast.Wait():
            d = measured(r, ctx, t.duration)
            if d is None:
                r.endless(t.span, "how long it waits depends on data")
                return Times({DONE: Lasts(ZERO, None, exact=False)}, at_once=False)
            if r.measure is not None:
                d = mul(const(r.measure.idle), d)
            return Times({DONE: Lasts(d, d)}, at_once=False)
        case ast.WaitUntil():
            r.endless(t.span, "nothing bounds how long it waits", "wait")
            return Times({DONE: Lasts(ZERO, None, exact=False)}, at_once=False)
        case ast.Par():
            cuts = t.policy in ("any", "n")
            return _cut_off(r, r.losing, blocks.par(r, ctx, t), cuts)
        case ast.Each():
            return _cut_off(r, r.losing, blocks.each(r, ctx, t))
        case ast.Within():
            return _cut_off(r, r.losing, blocks.within(r, ctx, t), True)
        case ast.Steps():
            return _cut_off(r, r.losing, blocks.steps(r, ctx, t))
        case ast.Flow():
            return _cut_off(r, r.losing, blocks.flow(r, ctx, t))
        case ast.Transaction():
            given_up = any(isinstance(n, ast.Abort | ast.Require) for n in walk(t.body))
            ways = {DONE: NOTHING, **({"Aborted": NOTHING} if given_up else {})}
            return Times({e: replace(x, exact=not given_up) for e, x in ways.items()})
        case ast.Abort() | ast.Require():
            return unread(r, t.span)
        case ast.Send(answers=str() as asked) if asked:
            return STEP  # an answer waits for nobody
        case ast.Send() if ctx.world.channels[t.channel].decl.capacity is None:
            return STEP  # there is always room
        case ast.Receive(where=None, channel=name) if name in r.filled:
            return STEP
        case ast.Send() | ast.Receive() | ast.Request():
            return _waits(r, ctx, t)
        case _:
            assert_never(t)


def _parts(r: Reading, ctx: Ctx, parts: Sequence[ast.Term]) -> Iterator[Times]:
    """What is received has its name behind."""
    for part in parts:
        yield read(r, ctx, part)
        ctx = heard(ctx, part)


def _waits(r: Reading, ctx: Ctx, t: ast.Send | ast.Receive | ast.Request) -> Times:
    """For a message, for room, for an answer; with a limit no longer than that."""
    if isinstance(t, ast.Request) and t.within is not None:
        limited = ast.Within(replace(t, within=None), duration=t.within, span=t.span)
        return read(r, ctx, limited)
    # (Between workflows of the spec, who waits for ever is shown by `messages`.)
    outside = isinstance(t, ast.Receive) and ctx.world.channels[t.channel].decl.environment
    r.endless(t.span, "nothing bounds how long it waits", "receive" if outside else "")
    return Times({DONE: Lasts(ZERO, None, exact=False)}, at_once=False)


def unread(r: Reading, span: Span) -> Times:
    """Whatever it does: no bound, any error."""
    r.endless(span, "how long it takes is not known")
    r.restless.append(span)
    vague = Lasts(ZERO, None, exact=False)
    return Times({DONE: vague, "*": vague}, None, False)


# --- values that never change ---------------------------------------------------------------------


def measured(r: Reading, ctx: Ctx, e: ast.Expression) -> Expr | None:
    """A time that is not negative; None where it may change during a run."""
    value = fixed(ctx, e, Sort.REAL)
    return None if value is None else r.arithmetic.positive(value)


def fixed(ctx: Ctx, e: ast.Expression, sort: Sort | None = None) -> Expr | None:
    if unknown(ctx, e):
        return None
    env = unasked(ctx.env)
    value = lower(env, e) if sort is None else as_sort(env, e, sort)
    return value if isinstance(value, Expr) and ctx.fixed(value) else None


def unknown(ctx: Ctx, e: ast.Expression) -> bool:
    """It speaks of the run, or of what only a run can name: a message, a token."""
    nodes = list(walk((e,)))
    own = {n.var for n in nodes if isinstance(n, ast.Quantifier)}
    for n in nodes:
        if isinstance(n, ast.StatePredicate | ast.Now):
            return True
        if isinstance(n, ast.Name) and n.ref not in _ELSEWHERE and n.name not in own:
            if n.name not in ctx.env.names and n.name not in ctx.env.variables:
                return True
    return False


_ELSEWHERE = (ast.RefKind.ENUM_VALUE, ast.RefKind.ENUM_TYPE, ast.RefKind.INSTANCES, None)


def steady(r: Reading, ctx: Ctx, *several: ast.Expression) -> bool:
    """Nobody else changes what these read while control stands before them."""
    for e in several:
        if unknown(ctx, e):
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


def _cut_off(r: Reading, before: int, out: Times, cuts: bool = False) -> Times:
    """Where sagas inside, of which there were `before`, may be cut off (`cuts`: also without an
    error), and then an undo of theirs fails: so all of it ends, and not later than otherwise."""
    if r.losing == before or not (cuts or any(end != DONE for end in out.ways)):
        return out
    lost = Lasts(ZERO, r.arithmetic.ended(out).hi, exact=False)
    return replace(out, ways=r.arithmetic.merged(out.ways, {UNDO_FAILED: lost}))


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
    n = fixed(ctx, t.at_most, Sort.REAL) if t.at_most is not None else _counted(r, ctx, t)
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
    if done is not None and t.at_most is not None:
        ways["TooMany"] = Lasts(times(n, round_.lo) or ZERO, most, exact=False)
    return Times(ways, body.after, None)


def _counted(r: Reading, ctx: Ctx, t: ast.While) -> Expr | None:
    """How often it goes round where it says so itself."""
    for w in ctx.world.spec.workflows:
        if w.name not in r.counters:
            r.counters[w.name] = {id(n) for n in walk(w) if isinstance(n, ast.While)}, counters(w)
        inside, known = r.counters[w.name]
        if id(t) in inside:
            n = rounds(t, known, partial(fixed, ctx))
            return None if n is None else const(Fraction(n))
    return None


def _takes_no_time(done: Lasts | None) -> bool:
    return done is None or (done.hi is not None and done.hi.value == 0)
