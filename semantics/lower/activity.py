"""Activities and scoped claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial

from ...dsl import ast
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
    to_real,
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
from .claims import Demand, demand, not_negative
from .context import Ctx, Done, Log, Out, raise_error, step
from .data import Value, build, leaves, sort_of
from .effects import effect
from .env import Definedness, Env, collecting
from .expressions import as_sort, lower, measured, ranged, require, scalar
from .place import At
from .placement import claiming, only_where_it_fits, placeable


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
    own = replace(ctx, env=env)
    priority = own.read(at, partial(scalar, e=a.priority)) if a.priority is not None else None
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
        updates=noted("started", lambda _: TRUE),
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
    with collecting(env) as (inner, need_defined):
        needs = [(scalar(inner, e), e.span) for e in a.needs]
    ctx.defined(need_defined, start)
    for cond, span in needs:
        ctx.must("contracts", cond, f"{a.name} is started though its `needs` fails", span, start)

    group = b.groups
    b.groups += 1
    running = ctx.at(run)
    complete, done = _complete(ctx, a, t, place, running, k, env, want, group, noted)
    rules = [start, complete]
    with collecting(env) as (inner, found):
        takes = _takes(inner, a)
        limit = measured(inner, a.timeout) if a.timeout is not None else None
        chances = [_chance(inner, c) for c in a.fails]
    ctx.defined(found, start)
    complete.delay = takes
    for clause, chance in zip(a.fails, chances, strict=True):
        failed = raise_error(
            ctx,
            running,
            clause.error,
            RuleKind.FAIL,
            f"{place} fails: {clause.error}",
            t.span,
            held=holding.claims,
            updates=noted("failed", lambda _: TRUE),
            event=EventKind.TASK_FAILED,
            subject=place,
            activity=place,
            delay=takes,
            group=group,
            probability=chance,
        )
        rules += failed
    # A timeout that `takes` cannot reach never fires.
    exceeds = TRUE
    if limit is not None and takes.hi is not None:
        exceeds = not_(lt(takes.hi, limit))
    if not ctx.fixed(exceeds):
        # Both are what they are when the attempt starts.
        name = f"{place} may time out"
        flag = b.variable(name, Bool(), VarKind.HIDDEN, FALSE, inst.id, t.span)
        start.updates[flag.index] = start.reading(exceeds)
        exceeds = flag
    if limit is not None and exceeds is not FALSE:
        ctx.world.has_timeouts = True
        rules += raise_error(
            ctx,
            running,
            "Timeout",
            RuleKind.TIMEOUT,
            f"{place} times out",
            t.span,
            guard=exceeds,
            held=holding.claims,
            updates=noted("failed", lambda _: TRUE),
            event=EventKind.TASK_TIMED_OUT,
            subject=place,
            activity=place,
            delay=Delay(limit, limit),
            group=group,
        )
    looks_at = tuple(x.index for name in a.reads for x in leaves(env.variables[name]))
    for rule in rules:
        rule.reads = looks_at
    ctx.world.places.append(Place(f"activity {a.name}", (start.index,), t.span, ctx.path))
    return Out(None, Log((done,), sure=frozenset((done.flag.index,))) if done else Log())


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
) -> tuple[RuleDraft, Done | None]:
    """Completion: result and writes are inputs that `ensures` constrains; `do` is applied."""
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
        remembered = Done(
            flag, a.undo, ctx.inst, undo_env, place, t.span, written, a.undone_when, was
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
    return rule, remembered


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
            if node.ref in (ast.RefKind.VAR, ast.RefKind.SHARED):
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
