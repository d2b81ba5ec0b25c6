"""Activities and scoped claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from ...dsl import ast
from ...dsl.types import Enum, Type
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    and_,
    const,
    eq,
    inp,
    ite,
    le,
    lt,
    substitute,
    to_real,
    var,
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
from .builder import Holds, RuleDraft
from .context import At, Ctx, Done, Log, Out, raise_error, step
from .data import Value, build, leaves, sort_of
from .effects import effect
from .expressions import Definedness, Env, as_sort, assign, collecting, lower, scalar


@dataclass(frozen=True, slots=True)
class Demand:
    """Claims granted in one step: what is held then, and when they can be granted."""

    holds: Holds
    free: Expr


def demand(ctx: Ctx, claims: tuple[ast.Claim, ...]) -> Demand:
    """Same resources claimed twice in one list add up."""
    amounts: dict[int, Expr] = {}
    guards: list[Expr] = []
    totals: dict[str, Expr] = {}
    for claim in claims:
        r = ctx.b.resources[claim.resource]
        if claim.mode == "units":
            amount = as_sort(ctx.env, claim.amount, Sort.INT) if claim.amount else const(1)
            if claim.amount is not None:
                # A claim of a negative amount would create units out of nothing.
                ctx.must("contracts", le(const(0), amount), "a claim is negative", claim.span)
            index = r.used
            totals[r.name] = add(totals[r.name], amount) if r.name in totals else amount
        else:
            amount = const(1)
            exclusive = claim.mode == "exclusive"
            index = r.exclusive if exclusive and r.exclusive is not None else r.used
            if r.enforced:
                assert r.exclusive is not None
                guards.append(eq(var(r.exclusive, Sort.INT), const(0)))
                if exclusive:
                    guards.append(eq(var(r.used, Sort.INT), const(0)))
        amounts[index] = add(amounts[index], amount) if index in amounts else amount
    for name, amount in totals.items():
        r = ctx.b.resources[name]
        if r.enforced:
            guards.append(le(add(var(r.used, Sort.INT), amount), r.capacity))
    return Demand(tuple(amounts.items()), and_(*guards))


def using(ctx: Ctx, t: ast.Using, at: At, k: int) -> Out:
    """A scoped claim: one step to grant it; released with the last step of the block."""
    from .terms import describe, term

    names = ", ".join(c.resource for c in t.claims)
    want = demand(ctx, t.claims)
    inner = replace(ctx, claims=(*ctx.claims, *want.holds))
    entered = inner.point(PointKind.READY, describe(t.body), t.body.span)
    step(ctx, at, RuleKind.GRANT, f"using {names}", t.span, entered, guard=want.free)
    body = term(inner, t.body, inner.at(entered), k)
    if body.exit is not None:
        # The block may end without a step: then giving back is one.
        step(inner, body.exit, RuleKind.RELEASE, f"release {names}", t.span, k)
    return Out(None, body.log)


def call(ctx: Ctx, t: ast.Call, at: At, k: int) -> Out:
    a = ctx.world.activities[t.name]
    inst = ctx.inst
    number = inst.occurrences.get(a.name, 0) + 1
    inst.occurrences[a.name] = number
    place = f"{inst.name}.{a.name}{ctx.tag}"
    if not ctx.tag and number > 1:
        place += f"#{number}"

    # Arguments are taken when an attempt starts; those that cannot change need no variable.
    with collecting(ctx.env) as (env, found):
        values = [lower(env, e) for e in t.args]
    arguments: dict[str, Value] = {}
    taken: dict[int, Expr] = {}
    for param, value in zip(a.params, values, strict=True):
        if all(_fixed(ctx, e) for e in leaves(value)):
            arguments[param.name] = value
        else:
            arguments[param.name] = _saved(
                ctx, f"{place}.{param.name}", param.resolved, value, taken
            )
    act_env = ctx.env.bind(**arguments)
    want = demand(replace(ctx, env=act_env), a.uses)

    def attempts(inner: Ctx, entry: At, end: int) -> Out:
        return _attempt(inner, a, t, place, entry, end, act_env, taken, want, found)

    if a.retry is None:
        return attempts(ctx, at.plus(*taken.items()), k)
    # A later attempt has the arguments of the first.
    once = [(i, ite(at.cond, v, var(i, v.sort))) for i, v in taken.items()]
    return frames.retry(ctx, a.retry, a.span, at.plus(*once), k, attempts, place, True)


def _fixed(ctx: Ctx, e: Expr) -> bool:
    fixed = (VarKind.ARG, VarKind.PARAM)
    return all(ctx.b.variables[i].kind in fixed for i in variables([e]))


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
    taken: dict[int, Expr],
    want: Demand,
    found: list[Definedness],
) -> Out:
    b, inst = ctx.b, ctx.inst
    holding = replace(ctx, claims=(*ctx.claims, *want.holds))
    run = holding.point(PointKind.RUN, f"running {a.name}", t.span, activity=place)
    inst.running.setdefault(a.name, []).append(ctx.thread.at(run))
    priority = as_sort(env, a.priority, Sort.INT) if a.priority is not None else None
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
    ctx.defined(found, start)
    through = _through_taken(taken)
    with collecting(env) as (inner, need_defined):
        needs = [(scalar(inner, e), e.span) for e in a.needs]
    for d in need_defined:
        ctx.must("arithmetic", through(d.cond), d.message, d.span, start)
    for cond, span in needs:
        ctx.must(
            "contracts", through(cond), f"{a.name} is started though its `needs` fails", span, start
        )

    group = b.groups
    b.groups += 1
    running = ctx.at(run)
    complete, done = _complete(ctx, a, t, place, running, k, env, want, group, noted)
    rules = [start, complete]
    takes = _takes(ctx, env, a)
    complete.delay = takes
    for clause in a.fails:
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
            probability=as_sort(env, clause.probability, Sort.REAL)
            if clause.probability is not None
            else None,
        )
        rules += failed
    if a.timeout is not None and _may_exceed(env, a.takes, a.timeout):
        ctx.world.has_timeouts = True
        limit = as_sort(env, a.timeout, Sort.REAL)
        rules += raise_error(
            ctx,
            running,
            "Timeout",
            RuleKind.TIMEOUT,
            f"{place} times out",
            t.span,
            held=holding.claims,
            updates=noted("failed", lambda _: TRUE),
            event=EventKind.TASK_TIMED_OUT,
            subject=place,
            activity=place,
            delay=Delay(limit, limit),
            group=group,
        )
    ctx.world.places.append(Place(f"activity {a.name}", (start.index,), t.span))
    return Out(None, Log((done,)) if done else Log())


def _through_taken(taken: dict[int, Expr]) -> Callable[[Expr], Expr]:
    return lambda e: substitute(e, lambda x: taken.get(x.index, x) if x.op is Op.VAR else x)


def _takes(ctx: Ctx, env: Env, a: ast.Activity) -> Delay:
    if a.takes is None:
        return Delay(const(Fraction(0)), None)
    lo = as_sort(env, a.takes.lo, Sort.REAL) if a.takes.lo is not None else const(Fraction(0))
    hi = as_sort(env, a.takes.hi, Sort.REAL) if a.takes.hi is not None else None
    args = tuple(as_sort(env, e, Sort.REAL) for e in a.takes.args)
    return Delay(lo, hi, a.takes.dist, args)


def _may_exceed(env: Env, takes: ast.Takes | None, timeout: ast.Expression) -> bool:
    """A timeout that `takes` cannot reach never fires."""
    if takes is None or takes.hi is None:
        return True
    return lt(as_sort(env, takes.hi, Sort.REAL), as_sort(env, timeout, Sort.REAL)) is not TRUE


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
    store: dict[int, Expr] = {}
    for name in a.writes:
        target = env.variables[name]
        for slot in leaves(target):
            v = b.variables[slot.index]
            store[slot.index] = fresh(name, v.type)
    for i, inp_ in enumerate(inputs):
        if inp_.lo is not None and inp_.hi is not None:
            x = inp(i, Sort.INT)
            ranges.append(and_(le(const(inp_.lo), x), le(x, const(inp_.hi))))
        ranges.extend(_enum_range(inp_, i))
    post_env = env.bind(result=result) if result is not None else env
    done = effect(replace(post_env, store=store), a.do)
    updates = dict(done.updates)
    for index, value in store.items():
        updates.setdefault(index, value)

    # `ensures` on results and `writes` is assumed; on what `do` computes it is proved.
    after = replace(post_env, store=updates)
    with collecting(after) as (inner, ensures_defined):
        contracts = [(scalar(inner, e), e) for e in a.ensures]
    computed = {i for i in done.updates if i not in store}
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
        written = tuple(i for i in updates if b.variables[i].kind in (VarKind.DATA, VarKind.SHARED))
        flag = b.hidden(f"{place} done", ctx.inst.id, False)
        updates[flag.index] = TRUE
        undo_env = env
        if result is not None and a.undo is not None and a.undo.kind in ("block", "call"):
            kept = _saved(ctx, f"{place}.result", a.resolved, result, updates)
            undo_env = env.bind(result=kept)
        remembered = Done(flag, a.undo, undo_env, place, t.span, written, a.undone_when)

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
    for cond, span in done.asserts:
        ctx.must("assert", cond, "the assertion may fail", span, rule)
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
    """Does a contract mention a variable that `do` assigns?"""
    found: set[int] = set()

    def visit(node: object) -> None:
        if isinstance(node, ast.Name) and node.name in env.variables and node.ref is not None:
            if node.ref in (ast.RefKind.VAR, ast.RefKind.SHARED):
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
