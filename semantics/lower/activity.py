"""Activities and scoped claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial

from ...dsl import ast
from ...dsl.errors import Span
from ...dsl.types import Bool, Enum, Type
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    and_,
    const,
    implies,
    inp,
    le,
    lt,
    not_,
    substitute,
    to_real,
    variables,
)
from ..system import (
    Delay,
    EventKind,
    EventTemplate,
    Input,
    Place,
    PointKind,
    RuleKind,
    VarKind,
)
from . import frames
from .assign import assign
from .builder import RuleDraft
from .claims import Demand, Lease, busy, demand, not_negative
from .context import Ctx, Done, Log, Out, not_supported, raise_error, step
from .data import Value, build, leaves, sort_of
from .effects import effect
from .env import Definedness, Env, collecting
from .expressions import as_sort, lower, measured, ranged, require, scalar
from .heartbeat import heartbeat, missed, scheduled, silent, sooner
from .place import At
from .placement import claiming, only_where_it_fits, placeable
from .repeats import Repeats, repeats, twice, unsure


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
    place = f"{inst.name}.{place}" + (f"#{number}" if number > 1 else "")

    # Arguments are taken when an attempt starts; those that cannot change need no variable.
    with collecting(ctx.env) as (env, found):
        values = [lower(env, e) for e in t.args]
    arguments: dict[str, Value] = {}
    taken: dict[int, Expr] = {}
    for param, value in zip(a.params, values, strict=True):
        if all(ctx.fixed(e) for e in leaves(value)):
            arguments[param.name] = value
        else:
            arguments[param.name] = _saved(
                ctx, f"{place}.{param.name}", param.resolved, value, taken
            )
        found += ranged(param.resolved, param.name, value, t.span)
    act_env = ctx.env.bind(**arguments)
    with collecting(act_env) as (env, asked):
        want = demand(replace(ctx, env=env), a.uses, place, taken)
        if where:
            allowed = only_where_it_fits(ctx, env, asking, where)
            want = replace(want, free=and_(want.free, allowed))

    def attempts(inner: Ctx, entry: At, end: int) -> Out:
        return _attempt(inner, a, t, place, entry, end, act_env, want, given)

    if a.retry is None:
        given = [replace(d, cond=at.reading(d.cond)) for d in found]
        entered = at.then(*taken.items())
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


def _saved(ctx: Ctx, name: str, type_: Type | None, value: Value, taken: dict[int, Expr]) -> Value:
    assert type_ is not None
    kept = ctx.b.data(
        name, type_, VarKind.HIDDEN, _zero(type_), ctx.inst.id, ctx.inst.workflow.span
    )
    for slot, v in zip(leaves(kept), leaves(value), strict=True):
        taken[slot.index] = to_real(v) if slot.sort is Sort.REAL else v
    return kept


def _zero(type_: Type) -> Value:
    zero = {Sort.BOOL: FALSE, Sort.INT: const(0), Sort.REAL: const(Fraction(0))}
    return build(type_, "", lambda _, t: zero[sort_of(t)])


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
    scheduled(own, a, t, place, at, want)
    known = inst.counters

    def noted(predicate: str, how: Callable[[Expr], Expr]) -> dict[int, Expr]:
        counter = known.get((a.name, predicate))
        return {counter.index: how(counter)} if counter is not None else {}

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
    if at.points:
        for point in at.points:
            if place not in point.scheduled:
                point.scheduled.append(place)
    else:
        start.more_events = (EventTemplate(EventKind.TASK_SCHEDULED, place, inst.id),)
    for d in given:
        ctx.must("arithmetic", d.cond, d.message, d.span, start, before=True)
    not_negative(ctx, want, start)
    rejected = busy(
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
    with collecting(env) as (inner, need_defined):
        needs = [(scalar(inner, e), e.span) for e in a.needs]
    ctx.defined(need_defined, start)
    for cond, span in needs:
        ctx.must("contracts", cond, f"{a.name} is started though its `needs` fails", span, start)

    group = b.groups
    b.groups += 1
    running = ctx.at(run)
    often = repeats(ctx, a, place, env, at, start, t.span)
    complete, done, made = _complete(ctx, a, t, place, running, k, env, want, group, noted, often)
    left = often.perhaps(made)
    if done is not None and often.cut is not None:
        left[done.flag.index] = TRUE  # nobody knows
    ctx.thread.points[run].cut = left
    if often.cut is not None and inst.workflow.name in ctx.world.crashing:
        ctx.thread.points[run].redo = b.variables[often.cut.index]
    rules = [start, complete, *rejected]
    with collecting(env) as (inner, found):
        takes = _takes(inner, a)
        own_limit = measured(inner, a.timeout) if a.timeout is not None else None
        beat = heartbeat(ctx, inner, a)
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
    if beat is not None and beat.perhaps is not FALSE:
        perhaps, moment = missed(beat, takes)
        lost = {**noted("failed", lambda _: TRUE), **left}
        rules += silent(ctx, t, place, running, holding, perhaps, moment, group, lost)

    def reachable(limit: Expr, name: str) -> Expr:
        """A limit that `takes` cannot reach never strikes."""
        exceeds = not_(lt(takes.hi, limit)) if takes.hi is not None else TRUE
        if ctx.fixed(exceeds):
            return exceeds
        # Both are what they are when the attempt starts.
        flag = b.variable(name, Bool(), VarKind.HIDDEN, FALSE, inst.id, t.span)
        start.updates[flag.index] = start.reading(exceeds)
        return flag

    ends = [(limit, "Timeout", "times out", EventKind.TASK_TIMED_OUT)] if limit is not None else []
    for lease in want.leases:
        if lease.lost is None:
            what = f"loses its lease of {lease.resource.name}"
            ends.append((lease.limit, "LeaseExpired", what, EventKind.LEASE_EXPIRED))
    limits = [] if beat is None else ["Timeout"]
    for after, error, what, event in ends:
        exceeds = reachable(after, f"{place} may be ended by {error}")
        if error == "Timeout":
            exceeds = and_(limited, exceeds)
        if exceeds is FALSE:
            continue
        ctx.world.has_timeouts = True
        limits.append(error)
        rules += raise_error(
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
    for lease in want.leases:
        outlived = reachable(lease.limit, f"{place} may outlive its lease")
        if lease.lost is not None and outlived is not FALSE:
            rules.append(_lost(holding, lease, place, running, outlived, t.span))
    if unsure(ctx, a, limits):
        twice(ctx, made, complete, a.name, t.span)
    looks_at = tuple(x.index for name in a.reads for x in leaves(env.variables[name]))
    for rule in rules:
        rule.reads = looks_at
    ctx.world.places.append(Place(f"activity {a.name}", (start.index,), t.span, ctx.path))
    return Out(None, Log((done,), sure=frozenset((done.flag.index,))) if done else Log())


def _lost(ctx: Ctx, lease: Lease, place: str, at: At, outlived: Expr, span: Span) -> RuleDraft:
    """A silent lease is over: others may claim, and the activity goes on."""
    assert lease.lost is not None
    ctx.world.has_timeouts = True
    left = tuple(
        (used, substitute(amount, lambda x: TRUE if x is lease.lost else x))
        for used, amount in ctx.claims
    )
    rule = step(
        ctx,
        at,
        RuleKind.TIMER,
        f"{place} has lost {lease.resource.name}",
        span,
        None,
        guard=and_(outlived, not_(lease.lost)),
        updates={lease.lost.index: TRUE},
        held=ctx.claims,
        then=left,
        event=EventKind.LEASE_EXPIRED,
        subject=place,
        delay=Delay(lease.limit, lease.limit),
    )
    message = f"{place} may outlive its lease of {lease.resource.name}"
    ctx.must("resources", FALSE, message, span, rule, name=lease.resource.name)
    return rule


def _chance(env: Env, clause: ast.FailClause) -> Expr | None:
    return as_sort(env, clause.probability, Sort.REAL) if clause.probability is not None else None


def _takes(env: Env, a: ast.Activity) -> Delay:
    if a.takes is None:
        return Delay(const(Fraction(0)), None)
    lo = measured(env, a.takes.lo) if a.takes.lo is not None else const(Fraction(0))
    hi = measured(env, a.takes.hi) if a.takes.hi is not None else None
    if hi is not None:
        message = "the shortest time may be longer than the longest"
        require(env, le(lo, hi), message, a.takes.span)
    return Delay(lo, hi, a.takes.dist, tuple(measured(env, e) for e in a.takes.args))


def _complete(
    ctx: Ctx,
    a: ast.Activity,
    t: ast.Call,
    place: str,
    at: At,
    k: int,
    env: Env,
    want: Demand,
    group: int,
    noted: Callable[[str, Callable[[Expr], Expr]], dict[int, Expr]],
    often: Repeats,
) -> tuple[RuleDraft, Done | None, Mapping[int, Expr]]:
    """Completion: result and writes are inputs that `ensures` constrains; `do` is applied.

    Also the effect by itself.
    """
    b = ctx.b
    inputs: list[Input] = []

    def fresh(name: str, type_: Type) -> Expr:
        lo = getattr(type_, "lo", None)
        hi = getattr(type_, "hi", None)
        inputs.append(Input(name, sort_of(type_), type_, lo, hi))
        return inp(len(inputs) - 1, sort_of(type_))

    ranges: list[Expr] = []
    result: Value | None = None
    if a.resolved is not None:
        result = build(a.resolved, "result", fresh)
    post_env = env.bind(result=result) if result is not None else env
    done = effect(post_env, a.do)
    updates = dict(done.updates)
    # What `do` assigns is known; the rest of `writes` is any value that the contract allows.
    store: dict[int, Expr] = {}
    for name in a.writes:
        for slot in leaves(env.variables[name]):
            if slot.index not in updates:
                store[slot.index] = fresh(name, b.variables[slot.index].type)
    updates.update(store)
    made = dict(updates)
    if often.had is not FALSE or often.cut is not None:
        if any(variables([e], Op.INPUT) for e in updates.values()):
            form = "an effect that depends on the answer and may be had unseen"
            raise not_supported(form, a.span)
        updates = often.once(updates)
    for i, inp_ in enumerate(inputs):
        if inp_.lo is not None and inp_.hi is not None:
            x = inp(i, Sort.INT)
            ranges.append(and_(le(const(inp_.lo), x), le(x, const(inp_.hi))))
        ranges.extend(_enum_range(inp_, i))

    # `ensures` on results and `writes` is assumed; on what `do` computes it is proved.
    after = replace(post_env, store=updates)
    with collecting(after) as (inner, ensures_defined):
        contracts = [(scalar(inner, e), e) for e in a.ensures]
    computed = set(done.updates)
    written = tuple(updates)
    assumed = [c for c, e in contracts if not _speaks_of(after, e, computed)]
    proved = [(c, e) for c, e in contracts if _speaks_of(after, e, computed)]

    if t.bind is not None and result is not None:
        bind_env = replace(ctx.env, store=updates)
        with collecting(bind_env) as (inner, bind_defined):
            updates.update(assign(inner, t.bind, result, t.bind.type))
    else:
        bind_defined = []
    updates.update(noted("done", lambda _: TRUE))
    updates.update(noted("times", lambda c: add(c, const(1))))

    remembered: Done | None = None
    if ctx.in_saga:
        flag = b.hidden(f"{place} done", ctx.inst.id, False)
        updates[flag.index] = TRUE
        undo_env = env
        asks = a.undo is not None and a.undo.kind in ("block", "call")
        if result is not None and (asks or a.undone_when is not None):
            kept = _saved(ctx, f"{place}.result", a.resolved, result, updates)
            undo_env = env.bind(result=kept)
        was: Expr | None = None
        if a.undone_when is not None:
            was = b.variable(f"{place} was done", Bool(), VarKind.GHOST, FALSE, ctx.inst.id)
            updates[was.index] = TRUE
        instead: Expr | None = None
        if a.undo is not None and a.undo.orelse is not None:
            name = f"{place}: else of the undo"
            instead = b.variable(name, Bool(), VarKind.GHOST, FALSE, ctx.inst.id)
        remembered = Done(
            flag, a.undo, ctx.inst, undo_env, place, t.span, written, a.undone_when, was, instead
        )

    rule = step(
        ctx,
        at,
        RuleKind.COMPLETE,
        f"complete {place}",
        t.span,
        k,
        updates=updates,
        held=(*ctx.claims, *want.holds),
        relation=and_(*ranges, *assumed),
        inputs=tuple(inputs),
        event=EventKind.TASK_COMPLETED,
        subject=place,
        activity=place,
        group=group,
    )
    ctx.defined(list(done.defined), rule)
    ctx.defined(bind_defined, rule)
    ctx.defined(list(ensures_defined), rule)
    ctx.in_range({i: v for i, v in updates.items() if v.op is not Op.INPUT or i not in store}, rule)
    for cond, e in proved:
        ctx.must(
            "ensures", cond, f"`do` of {a.name} does not establish this", e.span, rule, name=a.name
        )
    return rule, remembered, made


def _enum_range(i: Input, index: int) -> list[Expr]:
    if isinstance(i.type, Enum):
        x = inp(index, Sort.INT)
        return [and_(le(const(0), x), lt(x, const(len(i.type.values))))]
    return []


def _speaks_of(env: Env, e: ast.Expression, computed: set[int]) -> bool:
    """Does a contract mention what a variable is after `do` has assigned it?"""
    found: set[int] = set()

    def visit(node: object) -> None:
        if isinstance(node, ast.Apply) and node.func == "old":
            return
        if isinstance(node, ast.Name) and node.name in env.variables and node.ref is not None:
            if node.ref in (ast.RefKind.VAR, ast.RefKind.SHARED, ast.RefKind.STORE):
                found.update(x.index for x in leaves(env.variables[node.name]))
        if isinstance(node, ast.Member) and isinstance(node.base, ast.Name):
            if node.base.name == "self" and node.name in env.variables:
                found.update(x.index for x in leaves(env.variables[node.name]))
        for field in getattr(node, "__dataclass_fields__", {}):
            child = getattr(node, field)
            if isinstance(child, tuple):
                for c in child:
                    visit(c)
            elif hasattr(child, "__dataclass_fields__") and isinstance(child, ast.Node):
                visit(child)

    visit(e)
    return bool(found & computed)
