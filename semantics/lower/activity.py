"""Activities and scoped claims."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.types import Bool
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    and_,
    const,
    implies,
    le,
    lt,
    not_,
)
from ..system import (
    Delay,
    EventKind,
    EventTemplate,
    Place,
    PointKind,
    RuleKind,
    VarKind,
)
from . import frames
from .builder import RuleDraft
from .busy import preempted
from .claims import Demand, contested, demand, loses, not_negative
from .completion import completion, saved
from .context import Ctx, raise_error, step
from .data import Value, leaves, seen
from .drafts import Log, Out
from .env import Definedness, Env, collecting
from .expressions import as_sort, lower, measured, ranged, require, scalar
from .heartbeat import heartbeat, missed, scheduled, silent, sooner
from .place import At
from .placement import claiming, only_where_it_fits, placeable
from .repeats import repeats, twice, unsure


def call(ctx: Ctx, t: ast.Call, at: At, k: int) -> Out:
    a = activity_of(ctx, t.name)
    inst = ctx.inst
    where = t.place
    if a.runs_in is not None and not where:
        placeable(ctx, a, t, at)
        sides = tuple(replace(t, place=name) for name in a.runs_in.environments)
        if len(sides) > 1:
            from .terms import term

            return term(ctx, ast.Choice(sides, span=t.span), at, k)
        where = sides[0].place
    asking = a
    if where:
        a = claiming(ctx, a, where)
    place = f"{a.name}{ctx.tag}" + (f" in {where}" if t.place else "")
    number = inst.occurrences.get(place, 0) + 1
    inst.occurrences[place] = number
    again = f"#{number}" if number > 1 else ""
    place = f"{inst.name}.{place}{again}"
    if t.place:
        ctx.b.wherever[place] = f"{inst.name}.{a.name}{ctx.tag}{again}"

    # Arguments are taken when an attempt starts; those that cannot change need no variable.
    values, found = [], list[Definedness]()
    if t.args:
        with collecting(ctx.env) as (env, found):
            values = [lower(env, e) for e in t.args]
    arguments: dict[str, Value] = {}
    taken: dict[int, Expr] = {}
    for param, value in zip(a.params, values, strict=True):
        if all(ctx.fixed(e) for e in leaves(value)):
            arguments[param.name] = value
        else:
            arguments[param.name] = saved(
                ctx, f"{place}.{param.name}", param.resolved, value, taken
            )
        found += ranged(param.resolved, param.name, value, t.span)
    act_env = ctx.env.bind(**arguments)
    asked: list[Definedness] = []
    if a.uses or where:
        with collecting(act_env) as (env, asked):
            want = demand(replace(ctx, env=env), a.uses, place, taken)
            if where:
                allowed = only_where_it_fits(ctx, env, asking, where)
                want = replace(want, free=and_(want.free, allowed))
    else:
        want = demand(ctx, (), place, taken)

    def attempts(inner: Ctx, entry: At, end: int) -> Out:
        def attempt(c: Ctx, at: At, k: int) -> Out:
            return _attempt(c, a, t, place, at, k, act_env, want, given)

        if not want.preempted:
            return attempt(inner, entry, end)
        from .parallel import Branch

        return preempted(inner, want.contests, Branch(attempt, a.name, t.span), entry, t.span)

    if a.retry is None:
        given = [replace(d, cond=at.reading(d.cond)) for d in found]
        entered = at.once(*taken.items()) if want.contests else at.then(*taken.items())
        ctx.defined_at(asked, entered)
        return attempts(ctx, entered, k)
    # A later attempt has the arguments of the first.
    given = [replace(d, cond=implies(at.cond, at.reading(d.cond))) for d in found]
    entered = at.once(*taken.items())
    ctx.defined_at(asked, entered)
    return frames.retry(ctx, a.retry, a.span, entered, k, attempts, place, True, act_env)


def activity_of(ctx: Ctx, name: str) -> ast.Activity:
    """One of the workflow, otherwise one of the spec."""
    return ctx.world.activities[ctx.inst.workflow.name][name]


def _attempt(
    ctx: Ctx,
    a: ast.Activity,
    t: ast.Call,
    place: str,
    at: At,
    k: int,
    env: Env,
    want: Demand,
    given: list[Definedness],
) -> Out:
    b, inst = ctx.b, ctx.inst
    holding = replace(ctx, claims=(*ctx.claims, *want.holds))
    run = holding.point(PointKind.RUN, f"running {a.name}", t.span, activity=place)
    inst.running.setdefault(a.name, []).append(ctx.thread.at(run))
    env = env.bind(**want.tokens)
    own = replace(ctx, env=env)
    priority = own.read(at, partial(scalar, e=a.priority)) if a.priority is not None else None
    known = inst.counters

    def noted(predicate: str, how: Callable[[Expr], Expr]) -> dict[int, Expr]:
        counter = known.get((a.name, predicate))
        return {counter.index: how(counter)} if counter is not None else {}

    came = at
    rejected, at = contested(
        ctx,
        want,
        at,
        place,
        t.span,
        updates=noted("failed", lambda _: TRUE),
        event=EventKind.TASK_FAILED,
        subject=place,
        activity=place,
    )
    late = scheduled(own, a, t, place, at, want)
    start = step(
        ctx,
        at,
        RuleKind.START,
        f"start {place}",
        t.span,
        run,
        guard=want.free,
        updates={**noted("started", lambda _: TRUE), **want.granted},
        event=EventKind.TASK_STARTED,
        subject=place,
        activity=place,
        priority=priority,
    )
    if came.points:
        for point in came.points:
            if place not in point.scheduled:
                point.scheduled.append(place)
    else:
        # Pending where only a test or a choice decides whether it is: told with what comes of it.
        for first in (start, *late):
            first.more_events = (EventTemplate(EventKind.TASK_SCHEDULED, place, inst.id),)
    for d in given:
        ctx.must("arithmetic", d.cond, d.message, d.span, start, before=True)
    start.asked = want.spent
    want.stand(start, at)
    not_negative(ctx, want, start)
    if a.needs:
        with collecting(env) as (inner, need_defined):
            needs = [(scalar(inner, e), e.span) for e in a.needs]
        ctx.defined(need_defined, start)
        failing = f"{a.name} is started though its `needs` fails"
        for cond, span in needs:
            ctx.must("contracts", cond, failing, span, start)

    group = b.groups
    b.groups += 1
    running = ctx.at(run)
    before = len(start.inputs)
    often = repeats(ctx, a, place, env, at, start, t.span)
    end = completion(ctx, a, t, place, running, k, env, want, group, noted, often, start)
    complete, done, left = end.rule, end.done, end.left
    here = ctx.thread.points[run]
    here.cut, here.begun, here.happens = left, start, often.cut
    if inst.crashes:
        said = {e.index: v for v, e in start.updates.items() if e.op is Op.INPUT}
        places = range(before, len(start.inputs))
        here.redo = tuple(b.variables[said[i]] for i in places)
    rules = [start, complete, *rejected]
    with collecting(env) as (inner, found):
        takes = _takes(ctx.world.delays, inner, a)
        own_limit = measured(inner, a.timeout) if a.timeout is not None else None
        beat = heartbeat(inner, a)
        limit, limited = sooner(own_limit, beat)
        chances = [_chance(inner, c) for c in a.fails]
    ctx.defined(found, start)
    complete.delay = takes
    # Who knows the key of an effect that has been had does not refuse it.
    fresh = not_(often.had)
    unhad: dict[int, Expr] = {}
    if done is not None and a.idempotent_by is not None:
        unhad[done.flag.index] = FALSE
    for clause, chance in zip(a.fails, chances, strict=True):
        failed = raise_error(
            ctx,
            running,
            clause.error,
            RuleKind.FAIL,
            f"{place} fails: {clause.error}",
            t.span,
            guard=fresh,
            held=holding.claims,
            updates={**noted("failed", lambda _: TRUE), **unhad},
            event=EventKind.TASK_FAILED,
            subject=place,
            activity=place,
            delay=takes,
            group=group,
            probability=chance,
        )
        rules += failed

    def at_start(cond: Expr, name: str) -> Expr:
        """What it is when the attempt starts."""
        if ctx.fixed(cond):
            return cond
        flag = b.variable(name, Bool(), VarKind.HIDDEN, FALSE, inst.id, t.span)
        start.updates[flag.index] = start.reading(cond)
        return flag

    def cut_off(ends: list[RuleDraft]) -> list[RuleDraft]:
        for rule in ends:
            rule.leaves = here
        return ends

    if beat is not None and beat.perhaps is not FALSE:
        perhaps, moment = missed(beat, takes)
        perhaps = at_start(perhaps, f"{place} may miss a heartbeat")
        lost = {**noted("failed", lambda _: TRUE), **left}
        out = silent(ctx, t, place, running, holding, perhaps, moment, group, lost)
        rules += cut_off(out)

    def reachable(limit: Expr, name: str) -> Expr:
        """A limit that `takes` cannot reach never strikes."""
        return at_start(not_(lt(takes.hi, limit)) if takes.hi is not None else TRUE, name)

    ends = [(limit, "Timeout", "times out", EventKind.TASK_TIMED_OUT)] if limit is not None else []
    for lease in want.leases:
        if lease.lost is None:
            what = f"loses its lease of {lease.resource.name}"
            ends.append((lease.limit, "LeaseExpired", what, EventKind.LEASE_EXPIRED))
    limits = [] if beat is None else ["Timeout"]
    for after, error, what, event in ends:
        exceeds = reachable(after, f"{place} may be ended by {error}")
        if error == "Timeout":
            exceeds = and_(at_start(limited, f"{place} is never heard of in time"), exceeds)
        if exceeds is FALSE:
            continue
        ctx.world.has_timeouts = True
        limits.append(error)
        out = raise_error(
            ctx,
            running,
            error,
            RuleKind.TIMEOUT,
            f"{place} {what}",
            t.span,
            guard=exceeds,
            held=holding.claims,
            updates={**noted("failed", lambda _: TRUE), **left},
            event=event,
            subject=place,
            activity=place,
            delay=Delay(after, after),
            group=group,
        )
        rules += cut_off(out)
    for lease in want.leases:
        outlived = reachable(lease.limit, f"{place} may outlive its lease")
        if lease.lost is not None and outlived is not FALSE:
            rules.append(loses(holding, lease, place, running, outlived, t.span))
    if unsure(ctx, a, limits):
        twice(ctx, end.effect, end.allowed, complete, a.name, t.span)
    looks_at = tuple(x.index for name in a.reads for x in leaves(env.variables[name]))
    shown = tuple(
        s
        for p in a.params
        if p.resolved is not None
        for s in seen(p.resolved, p.name, env.names[p.name])
    )
    for rule in rules:
        rule.reads = looks_at
        rule.seen = tuple(replace(s, term=rule.reading(s.term)) for s in shown)
    ctx.world.places.append(Place(f"activity {a.name}", (start.index,), t.span, ctx.path))
    return Out(None, Log((done,), sure=frozenset((done.flag.index,))) if done else Log())


def _chance(env: Env, clause: ast.FailClause) -> Expr | None:
    return as_sort(env, clause.probability, Sort.REAL) if clause.probability is not None else None


def _takes(known: dict[tuple[str, str], Delay], env: Env, a: ast.Activity) -> Delay:
    """Of one spelling one, where that is of two times from the shortest to the longest."""
    if a.takes is None:
        return Delay(const(Fraction(0)), None)
    low, most = a.takes.lo, a.takes.hi
    if isinstance(low, ast.DurationLit) and isinstance(most, ast.DurationLit):
        if not a.takes.dist and not a.takes.args:
            found = known.get((low.text, most.text))
            if found is not None and found.hi is not None:
                if found.lo.value is low.value and found.hi.value is most.value:
                    return found
            if low.value <= most.value:
                found = known[low.text, most.text] = _delay(env, a.takes)
                return found
    return _delay(env, a.takes)


def _delay(env: Env, takes: ast.Takes) -> Delay:
    lo = measured(env, takes.lo) if takes.lo is not None else const(Fraction(0))
    hi = measured(env, takes.hi) if takes.hi is not None else None
    if hi is not None:
        message = "the shortest time may be longer than the longest"
        require(env, le(lo, hi), message, takes.span)
    return Delay(lo, hi, takes.dist, tuple(measured(env, e) for e in takes.args))
