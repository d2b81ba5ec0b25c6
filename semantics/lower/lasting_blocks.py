"""How long branches side by side, loops over a domain, limits and graphs last: see `lasting`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.records import dataclass
from ...dsl.walk import walk
from ..expr import FALSE, TRUE, Expr, Sort, add, const, div, ite, mul, not_, or_, sub, to_real
from .context import RETURN, UNDO_FAILED, Ctx, real_error
from .data import Value
from .env import NotConstant, unasked
from .expressions import domain
from .lasting import (
    SILENT,
    alternatives,
    fixed,
    in_sequence,
    measured,
    read,
    steady,
    unknown,
    vague,
)
from .lasting_facts import Cut, Reading
from .measure import Unmeasured
from .messages import heard
from .times import DONE, NOTHING, ZERO, Lasts, Times, later, then, times

ONE = const(Fraction(1))
NEVER = Lasts(ZERO, ZERO, FALSE)


# --- side by side ---------------------------------------------------------------------------------


def par(r: Reading, ctx: Ctx, t: ast.Par) -> Times:
    parts = [beside(r, ctx, p) for p in t.parts]
    if r.measure is not None and r.measure.work:
        return _added(r, parts)
    match t.policy:
        case "all":
            return together(r, parts)
        case "wait_all":
            return _settled(r, parts)
        case _:
            return _some(r, parts, t.policy == "any")


def beside(r: Reading, ctx: Ctx, t: ast.Term) -> Times:
    """A branch that others run beside."""
    before, r.alone = r.alone, False
    try:
        return read(r, ctx, t)
    finally:
        r.alone = before


def _afters(r: Reading, parts: Iterable[Times]) -> Expr | None:
    after: Expr | None = ZERO
    for p in parts:
        after = r.longer(after, p.after)
    return after


def _first(parts: Sequence[Times]) -> bool | None:
    """Is a step taken at once?"""
    firsts = {p.at_once for p in parts}
    return True if True in firsts else None if None in firsts or not parts else False


def together(r: Reading, parts: Sequence[Times]) -> Times:
    """`||`: done when all are; the first error ends the others."""
    after = _afters(r, parts)
    every = NOTHING
    sure = True  # each may be done, so that any other is free to fail as late as it can
    for p in parts:
        done = p.ways.get(DONE, NEVER)
        every = r.arithmetic.both(every, done)
        sure = sure and done.may is TRUE
    ways: dict[str, Lasts] = {}
    for p in parts:
        for end, lasts in p.ways.items():
            if end != DONE:
                lasts = later(lasts, after)
                found = r.arithmetic.either(ways.get(end), lasts if sure else lasts.vague)
                assert found is not None
                ways[end] = found
    if every.may is not FALSE:
        ways[DONE] = every
    return Times(ways, after, _first(parts))


def _added(r: Reading, parts: Sequence[Times]) -> Times:
    """All that branches do, however each of them ends."""
    total: Expr | None = ZERO
    for p in parts:
        total = r.plus(total, r.plus(r.arithmetic.ended(p).hi, p.after))
    ends = dict.fromkeys([DONE, *_errors(parts)], Lasts(ZERO, total, exact=False))
    return Times(ends, _afters(r, parts) if not parts else total, _first(parts))


def _ended(r: Reading, parts: Sequence[Times]) -> Lasts:
    """Until all are over, however each ends."""
    every = NOTHING
    for p in parts:
        every = r.arithmetic.both(every, r.arithmetic.ended(p))
    return every


def _errors(parts: Iterable[Times]) -> list[str]:
    return [e for p in parts for e in p.ways if e != DONE]


def _crossing(r: Reading, parts: Sequence[Times], after: Expr | None) -> dict[str, Lasts]:
    """What no branch keeps to itself: it ends the others at once."""
    out: dict[str, Lasts] = {}
    for p in parts:
        for end in (RETURN, UNDO_FAILED):
            if end in p.ways:
                found = r.arithmetic.either(out.get(end), later(p.ways[end], after).vague)
                assert found is not None
                out[end] = found
    return out


def _settled(r: Reading, parts: Sequence[Times]) -> Times:
    """`par wait_all`: the first error goes on when all are over."""
    after = _afters(r, parts)
    ways = _crossing(r, parts, after)
    every = _ended(r, parts)
    for end in _errors(parts):
        if real_error(end):
            ways[end] = every.vague
    done = together(r, parts).ways.get(DONE)
    if done is not None:
        ways[DONE] = done
    return Times(ways, after, _first(parts))


def _some(r: Reading, parts: Sequence[Times], one: bool) -> Times:
    """`par any`, `par n of`: over with enough successes, or when there can be no more."""
    after = _afters(r, parts)
    ways = _crossing(r, parts, after)
    dones = [p.ways[DONE] for p in parts if DONE in p.ways]
    longest = later(_ended(r, parts), after)
    errors = [e for e in _errors(parts) if real_error(e)]
    if dones:
        soonest = r.arithmetic.any_of(dones)
        assert soonest is not None
        hi = longest.hi
        if one and not errors and r.measure is None:
            # The first to be done wins.
            known = [d.hi for d in dones if d.hi is not None and d.may is TRUE]
            for k, x in enumerate(known):
                hi = x if k == 0 else r.arithmetic.least(hi or x, x)
            hi = r.plus(hi, after)
        free = after is not None and after.value == 0
        alone = one and not errors and not ways and free
        exact = alone and all(d.exact for d in dones)
        ways[DONE] = Lasts(soonest.lo, hi, exact=exact)
    for end in errors:
        ways[end] = Lasts(ZERO, longest.hi, exact=False)
    return Times(ways, after, _first(parts))


# --- each -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Items:
    """The values of a loop, listed with whether they are in its domain (None: it may change);
    or how many there are (None: not bounded), each read in `each`."""

    listed: list[tuple[Expr | None, Ctx]] | None
    count: Expr | None
    each: Ctx


def items_of(r: Reading, ctx: Ctx, t: ast.Each) -> Items:
    def of(item: Value) -> Ctx:
        return replace(ctx, env=ctx.env.bind(**{t.var: item}))

    try:
        hidden = unknown(ctx, t.domain)
        found = [] if hidden else domain(unasked(ctx.env), t.domain)
        # Rounds that are alike are counted.
        alike = t.sequential and isinstance(t.domain, ast.Range) and not _mentions(t.body, t.var)
        if not hidden and not (alike and len(found) > 1):
            listed = [(inside if ctx.fixed(inside) else None, of(x)) for inside, x in found]
            return Items([(i, c) for i, c in listed if i is not FALSE], None, ctx)
    except NotConstant:
        pass
    item = ctx.b.hidden(t.var, ctx.inst.id)
    count: Expr | None = None
    if isinstance(t.domain, ast.Range):
        lo, hi = fixed(ctx, t.domain.lo, Sort.INT), fixed(ctx, t.domain.hi, Sort.INT)
        if lo is not None and hi is not None:
            count = r.arithmetic.positive(add(sub(to_real(hi), to_real(lo)), ONE))
    return Items(None, count, of(item))


def _mentions(t: ast.Term, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.name == name for n in walk(t))


def each(r: Reading, ctx: Ctx, t: ast.Each) -> Times:
    items = items_of(r, ctx, t)
    how = read if t.sequential else beside
    if items.listed is None:
        bodies: list[tuple[Expr | None, Times]] = [(TRUE, how(r, items.each, t.body))]
    else:
        bodies = [(inside, how(r, c, t.body)) for inside, c in items.listed]
    at_once = all(b.at_once for _, b in bodies) and all(i is TRUE for i, _ in bodies)
    if not at_once and not steady(r, ctx, t.domain):
        r.restless.append(t.span)
    if t.tolerate is not None:
        bodies = [(inside, _tolerated(r, b)) for inside, b in bodies]
    if items.listed is None:
        body = bodies[0][1]
        if items.count is None:
            r.endless(t.span, "how many rounds there are depends on data")
        return _rounds(r, items.count, body)
    if t.sequential:
        return _one_by_one(r, bodies)
    parts = [_perhaps(r, inside, b) for inside, b in bodies]
    if r.measure is not None:
        if r.measure.work:
            return _added(r, parts)
        if t.at_once is not None:
            raise Unmeasured
    out = together(r, parts) if parts else SILENT
    if t.at_once is None:
        return out
    k = fixed(ctx, t.at_once, Sort.REAL)
    return _few_at_once(r, parts, out, k)


def _tolerated(r: Reading, body: Times) -> Times:
    """Its failures may count as ends like others."""
    ended = r.arithmetic.ended(body).vague
    return replace(body, ways={**{e: x.vague for e, x in body.ways.items()}, DONE: ended})


def _perhaps(r: Reading, inside: Expr | None, body: Times) -> Times:
    """Where the value is in the domain; otherwise nothing."""
    if inside is TRUE:
        return body
    if inside is None:
        return vague(alternatives(r, [body, SILENT]))
    ways = {e: replace(x, may=ite(inside, x.may, FALSE)) for e, x in body.ways.items()}
    none = Times({DONE: Lasts(ZERO, ZERO, not_(inside))}, at_once=None)
    return alternatives(r, [replace(body, ways=ways), none])


def _one_by_one(r: Reading, bodies: Sequence[tuple[Expr | None, Times]]) -> Times:
    return in_sequence(r, [_perhaps(r, inside, b) for inside, b in bodies])


def _rounds(r: Reading, n: Expr | None, body: Times) -> Times:
    """`n` rounds, one after the other."""
    done = body.ways.get(DONE, NEVER)
    ways: dict[str, Lasts] = {}
    for end, lasts in body.ways.items():
        if end != DONE:
            before = None if n is None else times(n, done.hi)
            hi = None if before is None or lasts.hi is None else add(before, lasts.hi)
            ways[end] = Lasts(lasts.lo, hi, exact=False)
    if n is None:
        ways[DONE] = Lasts(ZERO, None, exact=False)
    else:
        most = times(n, done.hi)
        ways[DONE] = Lasts(times(n, done.lo) or ZERO, most, TRUE, done.exact, done.solid)
    return Times(ways, body.after, None)


def _few_at_once(r: Reading, parts: Sequence[Times], out: Times, k: Expr | None) -> Times:
    """At most k at a time: no slot is free while one waits, so the last begins when the others
    have at most filled all slots (Graham 1969: sum / k + (1 - 1/k) of the longest)."""
    most: Expr | None = ZERO
    total: Expr | None = ZERO
    least: Expr = ZERO
    for p in parts:
        ended = r.arithmetic.ended(p)
        most, total = r.longer(most, ended.hi), r.plus(total, ended.hi)
        least = add(least, p.ways[DONE].lo if DONE in p.ways else ZERO)
    if k is None:
        hi, lo = total, ZERO
    elif r.arithmetic.within(const(Fraction(len(parts))), k) is TRUE:
        return out
    else:
        k = r.arithmetic.most(k, ONE)
        part = div(ONE, k)
        hi = None
        if total is not None and most is not None:
            hi = add(mul(total, part), mul(most, sub(ONE, part)))
        lo = mul(least, part)
    ways = {}
    for end, lasts in out.ways.items():
        low = r.arithmetic.most(lasts.lo, lo) if end == DONE else lasts.lo
        ways[end] = Lasts(low, hi, lasts.may, False)
    return Times(ways, out.after, out.at_once)


# --- limits ---------------------------------------------------------------------------------------


def within(r: Reading, ctx: Ctx, t: ast.Within) -> Times:
    limit = measured(r, ctx, t.duration) if t.duration is not None else None
    opened, retries, asked = len(r.open), len(r.retries), r.asked
    body = read(r, ctx, t.body)
    whole = r.arithmetic.ended(body)
    if r.measure is not None:
        # (While it waits for claims, which is left out, the limit may strike at any time.)
        if r.asked > asked or r.measure.weight({}) != 1:
            whole = replace(whole, lo=ZERO)
            return _struck(r, ctx, t, body, whole)
    if limit is not None:
        if body.after is not None:
            del r.open[opened:]  # the limit bounds them
        r.cuts += [Cut(retry, limit, t.span, whole.hi) for retry in r.retries[retries:]]
    raised = "Timeout" if t.duration is not None else "Interrupted"
    late = TRUE
    if limit is None:
        ways = dict(vague(body).ways)
        cut = later(Lasts(ZERO, whole.hi, exact=False), body.after)
    else:
        ways = {e: _by(r, x, limit, e, body.after) for e, x in body.ways.items()}
        late = TRUE if whole.hi is None else not_(r.arithmetic.below(whole.hi, limit))
        cut = later(Lasts(limit, limit, late, whole.exact), body.after)
    r.strikes[t.span] = or_(r.strikes.get(t.span, FALSE), late)
    if t.orelse is None:
        other: Mapping[str, Lasts] = {raised: cut}
        after = body.after
    else:
        inner = heard(ctx, t.receive) if t.receive is not None else ctx
        orelse = read(r, inner, t.orelse)
        other = {e: then(cut, x) for e, x in orelse.ways.items()}
        after = r.longer(body.after, orelse.after)
    return Times(r.arithmetic.merged(ways, other), after, body.at_once)


def _struck(r: Reading, ctx: Ctx, t: ast.Within, body: Times, whole: Lasts) -> Times:
    """All of the body may be done, or any part of it and then what comes instead."""
    cut = later(Lasts(ZERO, whole.hi, exact=False), body.after)
    if t.orelse is None:
        raised = "Timeout" if t.duration is not None else "Interrupted"
        ways = r.arithmetic.merged(body.ways, {raised: cut})
        return Times(ways, body.after, body.at_once)
    orelse = read(r, ctx, t.orelse)
    ways = r.arithmetic.merged(body.ways, {e: then(cut, x) for e, x in orelse.ways.items()})
    return Times(ways, r.longer(body.after, orelse.after), body.at_once)


def _by(r: Reading, lasts: Lasts, limit: Expr, end: str, after: Expr | None) -> Lasts:
    """An end of the body before the limit; what an error cancels may go on beyond it."""
    may = ite(lasts.may, r.arithmetic.within(lasts.lo, limit), FALSE)
    lingers = end != DONE and (after is None or after.value != 0)
    last = limit if not lingers else None if after is None else add(limit, after)
    hi = lasts.hi
    if last is not None:
        hi = last if hi is None else r.arithmetic.least(hi, last)
    whole = lasts.hi is not None and r.arithmetic.within(lasts.hi, limit) is TRUE
    exact = lasts.exact and (whole or (lasts.solid and not lingers))
    return Lasts(lasts.lo, hi, may, exact, lasts.solid)


# --- graphs ---------------------------------------------------------------------------------------


def steps(r: Reading, ctx: Ctx, t: ast.Steps) -> Times:
    """Longest paths; a node that fails lets the others go on."""
    from .graphs import topological

    over: dict[str, Lasts] = {}
    perhaps: set[str] = set()  # nodes that may be skipped or fail
    bodies: dict[str, Times] = {}
    crossing: dict[str, Lasts] = {}
    for i in topological(t.nodes):
        n = t.nodes[i]
        body = bodies[n.name] = beside(r, ctx, n.body)
        if n.when is not None and not body.at_once and fixed(ctx, n.when) is None:
            r.restless.append(n.span)
        begun = NOTHING
        for name in n.after:
            begun = r.arithmetic.both(begun, over[name])
        if n.join in ("any", "n") and n.after:
            soonest = r.arithmetic.any_of(over[name] for name in n.after)
            assert soonest is not None
            begun = Lasts(soonest.lo, begun.hi, exact=False)
        lasts = r.arithmetic.ended(body)
        if n.when is not None or n.join not in ("all", "always") or perhaps & set(n.after):
            lasts = Lasts(ZERO, lasts.hi, exact=False)
            perhaps.add(n.name)
        elif any(e != DONE for e in body.ways):
            perhaps.add(n.name)
        over[n.name] = then(begun, lasts)
        for end in (RETURN, UNDO_FAILED):
            if end in body.ways:
                way = then(begun, body.ways[end]).vague
                found = r.arithmetic.either(crossing.get(end), Lasts(ZERO, way.hi, exact=False))
                assert found is not None
                crossing[end] = found
    if r.measure is not None and r.measure.work:
        return _added(r, list(bodies.values()))
    every = NOTHING
    for x in over.values():
        every = r.arithmetic.both(every, x)
    after = _afters(r, bodies.values())
    ways = {e: later(x, after) for e, x in crossing.items()}
    for end in _errors(bodies.values()):
        if real_error(end):
            ways[end] = every.vague
    ways[DONE] = every if not perhaps else every.vague
    return Times(ways, after, False)


def flow(r: Reading, ctx: Ctx, t: ast.Flow) -> Times:
    """A machine may go round."""
    bodies = [beside(r, ctx, s.body) for s in t.states]
    r.endless(t.span, "it is a machine that may go round")
    vague_ = Lasts(ZERO, None, exact=False)
    ends = {DONE: vague_, **dict.fromkeys(_errors(bodies), vague_)}
    for s in t.states:
        ends.update({e.raises: vague_ for e in s.edges if e.raises})
    return Times(ends, None, False)
