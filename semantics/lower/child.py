"""The body of a workflow, as an instance of the system or as a child of another workflow."""

from __future__ import annotations

from collections.abc import Sequence

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.records import dataclass
from ..expr import FALSE, TRUE, Expr, Sort, and_, const, eq, to_real
from ..system import EventKind, PointKind, RuleKind, VarKind
from .assign import assign
from .builder import RuleDraft
from .context import RETURN, UNDO_FAILED, Ctx, raise_error, real_error, step
from .data import Value, default, leaves
from .drafts import Frame, InstanceDraft, Landing, Log, Out
from .env import Bound, Definedness, collecting, layered
from .expressions import lower, ranged, scalar
from .place import At, union
from .predicates import counters, wants
from .properties import call_properties
from .undolog import unsure


@dataclass(frozen=True, slots=True)
class Body:
    """A lowered workflow body: where it has ended well, and where with an error."""

    done: At
    failed: At
    raised: Sequence[str]
    log: Log


def body(ctx: Ctx, w: ast.Workflow, at: At, root: bool) -> Body:
    """Lower the body of `w` in a context whose `inst` is its own."""
    from .terms import term

    end = ctx.point(PointKind.READY, f"end of {w.name}", w.span)
    failing = ctx.point(PointKind.UNWIND, f"{w.name} is failing", w.span)
    error = ctx.inst.error

    def takes(e: str) -> bool:
        return real_error(e) or e == RETURN or (root and e == UNDO_FAILED)

    def land(e: str) -> Sequence[Landing]:
        if e == RETURN:
            return [Landing(TRUE, end)]
        return [Landing(TRUE, failing, ((error.index, const(ctx.b.error(e))),))]

    frame = Frame(ctx.thread, ctx.frame, takes, land)
    out = term(replace(ctx, frame=frame), w.body, at, end)
    for index in dict.fromkeys(frame.rules):
        rule = ctx.b.rules[index]
        if rule.error not in (RETURN, UNDO_FAILED) and rule.error not in w.fails:
            ctx.must(
                "handled",
                FALSE,
                f"{rule.error} leaves {w.name}, which does not declare it",
                rule.span,
                rule,
                name=f"{w.name}: {rule.error}",
            )
    ended = ctx.b.ended(frame.forks)
    done = union(replace(ctx.at(end), cond=and_(ctx.at(end).cond, ended)), out.exit)
    assert done is not None
    lost = ctx.at(failing)
    lost = replace(lost, cond=and_(lost.cond, ended))
    raised = [e for e in dict.fromkeys(frame.raised) if e != RETURN]
    # Not all of the body has run where it returns early.
    log = unsure(out.log) if RETURN in frame.raised else out.log
    return Body(done, lost, raised, log)


def call(ctx: Ctx, t: ast.Call, at: At, k: int) -> Out:
    """A child workflow: one step to call it, one to return."""
    w = ctx.world.workflows[t.name]
    b = ctx.b
    name = f"{w.name}{ctx.tag}"
    number = ctx.inst.occurrences.get(name, 0) + 1
    ctx.inst.occurrences[name] = number
    name = f"{ctx.inst.name}.{name}" + (f"#{number}" if number > 1 else "")
    with collecting(ctx.env) as (env, found):
        values = [lower(env, e) for e in t.args]
    updates: dict[int, Expr] = {}
    names = layered(ctx.env.names, {})
    for param, value in zip(w.params, values, strict=True):
        assert param.resolved is not None
        zero = default(param.resolved, b.string)
        slot = b.data(
            f"{name}.{param.name}", param.resolved, VarKind.HIDDEN, zero, ctx.inst.id, t.span
        )
        _set(updates, slot, value)
        found += ranged(param.resolved, param.name, value, t.span)
        names[param.name] = slot
    shared = {n: v for n, v in ctx.env.variables.items() if n in _shared_names(ctx)}
    child_env = replace(ctx.env, names=names, variables=dict(shared), store={})
    slots: dict[str, Value] = dict(shared)
    taken = replace(child_env, store=dict(updates), defined=found)
    for v in w.variables:
        assert v.resolved is not None
        init = lower(taken, v.init) if v.init is not None else default(v.resolved, b.string)
        found += ranged(v.resolved, v.name, init, v.span)
        zero = default(v.resolved, b.string)
        slot = b.data(f"{name}.{v.name}", v.resolved, VarKind.DATA, zero, ctx.inst.id, v.span)
        _set(updates, slot, init)
        slots[v.name] = slot
        taken = replace(taken, variables=dict(slots), store=dict(updates))
    child_env = replace(child_env, variables=slots)
    error = b.hidden(f"{name} error", ctx.inst.id)
    result: Value | None = None
    if w.resolved is not None:
        zero = default(w.resolved, b.string)
        result = b.data(f"{name}.result", w.resolved, VarKind.HIDDEN, zero, ctx.inst.id, t.span)
    inst = InstanceDraft(ctx.inst.id, name, w, child_env, ctx.thread, error, result=result)
    inst.crashes = ctx.inst.crashes
    # State predicates speak of this call: of no activity outside of it, and of none before it.
    spec, asked = ctx.world.spec, ctx.world.asked
    if w.name not in asked:
        asked[w.name] = frozenset(wants(spec, w, *spec.activities))
    inst.counters = counters(b, name, ctx.inst.id, asked[w.name])
    for counter in inst.counters.values():
        updates[counter.index] = FALSE if counter.sort is Sort.BOOL else const(0)
    child_env = replace(child_env, own=Bound(ctx.inst.id, slots, inst))
    inst.env = child_env
    inner = replace(ctx, inst=inst, env=child_env, tag="")

    started = inner.point(PointKind.READY, f"in {w.name}", t.span)
    enter = step(
        ctx,
        at,
        RuleKind.STEP,
        f"call {name}",
        t.span,
        started,
        updates=updates,
        event=EventKind.WORKFLOW_STARTED,
        subject=name,
    )
    ctx.defined(found, enter)
    before = replace(child_env, store=dict(updates))
    for p in w.properties:
        if isinstance(p, ast.Requires):
            with collecting(before) as (env, found):
                cond = scalar(env, p.cond)
            ctx.defined(found, enter)
            ctx.must(
                "requires",
                cond,
                f"{w.name} is called though its `requires` fails",
                t.span,
                enter,
                name=w.name,
            )
    made = body(inner, w, inner.at(started), root=False)
    back: dict[int, Expr] = {}
    bound: list[Definedness] = []
    if t.bind is not None and result is not None:
        with collecting(ctx.env) as (env, bound):
            back = dict(assign(env, t.bind, result, t.bind.type))
    leave = step(
        inner,
        made.done,
        RuleKind.STEP,
        f"return from {name}",
        t.span,
        k,
        updates=back,
        event=EventKind.WORKFLOW_COMPLETED,
        subject=name,
    )
    ctx.defined(bound, leave)
    ctx.in_range(back, leave)
    ensures(inner, w, leave)
    # Control is in the call while it is at a point of the body: those made since.
    inside = range(started, len(ctx.thread.points))
    call_properties(inner, w, b.within(ctx.thread, inside), t.span)
    for e in made.raised:
        raise_error(
            inner,
            made.failed,
            e,
            RuleKind.RAISE,
            f"{name} failed: {e}",
            t.span,
            guard=eq(error, const(b.error(e))),
            event=EventKind.WORKFLOW_FAILED,
            subject=name,
            frame=ctx.frame,
        )
    return Out(None, made.log)


def _shared_names(ctx: Ctx) -> set[str]:
    return {s.decl.name for s in ctx.world.spec.shared}


def _set(updates: dict[int, Expr], slot: Value, value: Value) -> None:
    for s, v in zip(leaves(slot), leaves(value), strict=True):
        updates[s.index] = to_real(v) if s.sort is Sort.REAL else v


def ensures(ctx: Ctx, w: ast.Workflow, rule: RuleDraft) -> None:
    """What the workflow promises, at the step that completes it."""
    env = ctx.env
    if ctx.inst.result is not None:
        env = env.bind(result=ctx.inst.result)
    for p in w.properties:
        if isinstance(p, ast.Ensures):
            with collecting(env) as (inner, found):
                cond = scalar(inner, p.cond)
            ctx.defined(found, rule)
            ctx.must("ensures", cond, f"{w.name} completes without this", p.span, rule, name=w.name)


def returned(ctx: Ctx, t: ast.Return, at: At) -> Out:
    """`return e`: control leaves the workflow, through `finally` blocks on the way."""
    updates: dict[int, Expr] = {}
    found: list[Definedness] = []
    if t.value is not None and ctx.inst.result is not None:
        with collecting(ctx.env) as (env, found):
            value = lower(env, t.value)
            _set(updates, ctx.inst.result, value)
        found += ranged(ctx.inst.workflow.resolved, "the result", value, t.span)
    rules = raise_error(ctx, at, RETURN, RuleKind.STEP, "return", t.span, updates=updates)
    for rule in rules:
        ctx.defined(found, rule)
    return Out(None)
