"""How long activities, claims and calls of other workflows last: see `lasting`."""

from __future__ import annotations

from collections.abc import Sequence

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Span
from ..expr import FALSE, TRUE, Expr, Sort, and_, const, not_, or_
from ..system import VarKind
from .activity import activity_of
from .context import RETURN, Ctx
from .data import Value, default, leaves
from .drafts import InstanceDraft
from .env import Bound, layered, unasked
from .expressions import lower
from .heartbeat import heartbeat, sooner
from .lasting import fixed, measured, read, unknown, unread
from .lasting_facts import Beats, Reading
from .lasting_frames import retried
from .measure import Measure, Unmeasured, plain, refusing
from .placement import anywhere
from .times import DONE, ZERO, Lasts, Times, then, times


def call(r: Reading, ctx: Ctx, t: ast.Call) -> Times:
    if t.name in ctx.world.workflows:
        return _child(r, ctx, t)
    a = activity_of(ctx, t.name)
    open_ = a.runs_in is not None and len(a.runs_in.environments) > 1
    if open_ and r.measure is not None and not r.measure.blocks:
        return unread(r, t.span)  # whose units it works with depends on where there is room
    bound = {p.name: given(ctx, p, e, t.span) for p, e in zip(a.params, t.args, strict=True)}
    inner = replace(ctx, env=ctx.env.bind(**bound))
    pending = measured(r, inner, a.timeout_schedule) if a.timeout_schedule is not None else None
    one = claimed(r, inner, anywhere(inner, a), a.span, _attempt(r, inner, a, t.span), pending)
    if a.retry is None:
        return one
    return retried(r, inner, a.retry, one, a.span, a.name)


def given(ctx: Ctx, p: ast.Param, e: ast.Expression, span: Span) -> Value:
    """An argument: its value, or one of which nothing is known."""
    assert p.resolved is not None
    if not unknown(ctx, e):
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
    ends = [DONE, *dict.fromkeys(f.error for f in a.fails)]
    open_beat = _depends(ctx, a)
    beat = None if open_beat else heartbeat(unasked(ctx.env), a)
    own_limit = measured(r, ctx, a.timeout) if a.timeout is not None else None
    limit, limited = sooner(own_limit, beat)
    silent: dict[str, Lasts] = {}
    if open_beat:
        assert a.heartbeat is not None
        exact = False
        silent = {"Timeout": Lasts(ZERO, hi, TRUE, False)}
        if a.beats is not None:
            r.beats.append(Beats(a.name, span, fixed(ctx, a.heartbeat, Sort.REAL), TRUE))
    elif beat is not None and a.beats is not None:
        r.beats.append(Beats(a.name, span, beat.limit, or_(beat.always, beat.perhaps)))
    if beat is not None and beat.perhaps is not FALSE:
        may = (
            beat.perhaps if hi is None else and_(beat.perhaps, r.arithmetic.within(beat.limit, hi))
        )
        silent = {"Timeout": Lasts(beat.limit, hi, may, exact)}
    if limit is not None and limited is not TRUE:
        silent = r.arithmetic.merged(silent, {"Timeout": Lasts(limit, limit, limited, False)})
        limit, exact = None, False
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
        return Times(r.arithmetic.merged(ways, silent))
    soon = r.arithmetic.within(lo, limit)
    cut = limit if hi is None else r.arithmetic.least(hi, limit)
    ways = {e: Lasts(lo, cut, soon, exact) for e in ends}
    late = TRUE if hi is None else not_(r.arithmetic.below(hi, limit))
    for end, x in silent.items():
        soon = and_(x.may, r.arithmetic.within(x.lo, limit))
        cut = limit if x.hi is None else r.arithmetic.least(x.hi, limit)
        ways = r.arithmetic.merged(ways, {end: Lasts(x.lo, cut, soon, exact)})
    out_of_time = {"Timeout": Lasts(limit, limit, late, exact)}
    return Times(r.arithmetic.merged(ways, out_of_time))


def _depends(ctx: Ctx, a: ast.Activity) -> bool:
    """What is heard of an attempt depends on data."""
    times = [a.heartbeat, *((a.beats.lo, a.beats.hi) if a.beats is not None else ())]
    return any(e is not None and fixed(ctx, e, Sort.REAL) is None for e in times)


def claimed(
    r: Reading,
    ctx: Ctx,
    claims: Sequence[ast.Claim],
    span: Span,
    body: Times,
    pending: Expr | None = None,
) -> Times:
    """What may have to wait for a resource before it begins has no longest time by itself, unless
    it may be `pending` for some time only.  What is refused is so at once."""
    if watched(r, ctx, claims):
        for c in claims:
            r.contended.setdefault(c.resource, span)
        r.endless(span, "a claim may be refused or taken back")
        r.restless.append(span)
        vague = Lasts(ZERO, None, exact=False)
        return Times(
            {**{e: Lasts(ZERO, None, x.may, False) for e, x in body.ways.items()}, "*": vague},
            None,
            False,
        )
    waits = waited_for(r, ctx, claims)
    if r.measure is not None:
        return _weighed(r, ctx, r.measure, claims, waits, span, body, pending)
    longest: Expr | None = ZERO if not waits else pending
    refused = {
        e: Lasts(ZERO, longest, TRUE, False)
        for x in _declared(ctx, claims)
        if refusing(x) and _contested(r, ctx, x.name)
        for e in [x.busy_error or ""]
    }
    if not waits:
        if not refused:
            return body
        ways = {e: x.vague for e, x in body.ways.items()}
        return replace(body, ways=r.arithmetic.merged(ways, refused))
    if pending is not None:
        waited = Lasts(ZERO, pending, TRUE, False)
        ways = {e: then(waited, x) for e, x in body.ways.items()}
        never = {"Timeout": Lasts(pending, pending, TRUE, False)}
        ways = r.arithmetic.merged(r.arithmetic.merged(ways, never), refused)
        return Times(ways, body.after, False)
    for name in waits:
        r.contended.setdefault(name, span)
    ways = {e: Lasts(x.lo, None, x.may, False) for e, x in body.ways.items()}
    return Times(r.arithmetic.merged(ways, refused), body.after, False)


def _declared(ctx: Ctx, claims: Sequence[ast.Claim]) -> list[ast.Resource]:
    known = ctx.world.resources  # (Pools of environments are declared elsewhere.)
    return [known[c.resource] for c in claims if c.resource in known]


def watched(r: Reading, ctx: Ctx, claims: Sequence[ast.Claim]) -> bool:
    """Who asks for these does not just wait until they are free, or is refused at once, and give
    them back when done."""
    mine = _declared(ctx, claims)
    return not all(plain(x) or (r.measure is None and refusing(x)) for x in mine)


def waited_for(r: Reading, ctx: Ctx, claims: Sequence[ast.Claim]) -> list[str]:
    """Those for which it may have to wait."""
    never = {x.name for x in _declared(ctx, claims) if refusing(x)}
    names = [c.resource for c in claims if c.resource not in never]
    return [n for n in names if _contested(r, ctx, n)]


def _contested(r: Reading, ctx: Ctx, name: str) -> bool:
    return any(x.enforced and x.name not in r.free for x in ctx.b.of_name(name))


def _weighed(
    r: Reading,
    ctx: Ctx,
    m: Measure,
    claims: Sequence[ast.Claim],
    waits: Sequence[str],
    span: Span,
    body: Times,
    pending: Expr | None,
) -> Times:
    """How much of an activity counts, or of a block with claims."""
    for name in waits:
        r.contended.setdefault(name, span)
        r.asked += 1
    amounts: dict[str, int] = {}
    for c in claims:
        if c.resource in waits and not m.blocks:  # (otherwise they do not count)
            if c.key is not None:
                raise Unmeasured
            amount = fixed(ctx, c.amount) if c.amount is not None else None
            if c.amount is not None and (amount is None or not isinstance(amount.value, int)):
                raise Unmeasured
            units = 1 if amount is None else int(amount.value or 0)
            amounts[c.resource] = amounts.get(c.resource, 0) + units
    factor = const(m.weight(amounts))
    ways = {e: Lasts(ZERO, times(factor, x.hi), x.may, False) for e, x in body.ways.items()}
    if pending is not None and waits:
        ways = r.arithmetic.merged(ways, {"Timeout": Lasts(ZERO, ZERO, TRUE, False)})
    return Times(ways, times(factor, body.after), False)


def block(r: Reading, ctx: Ctx, t: ast.Using, body: Times) -> Times:
    """`using`: a claim around a block."""
    if r.measure is None or not (watched(r, ctx, t.claims) or waited_for(r, ctx, t.claims)):
        return claimed(r, ctx, t.claims, t.span, body)
    if not r.measure.blocks:
        raise Unmeasured
    r.asked += 1
    return body


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
