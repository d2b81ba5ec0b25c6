"""Sagas: what was done is undone, latest first, when the body fails or is cancelled."""

from __future__ import annotations

from collections.abc import Mapping

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.types import Bool
from ..expr import FALSE, TRUE, Expr, and_, const, eq, implies, ite, lt, not_, or_, var, zero
from ..system import EventKind, PointKind, RuleKind, SagaInfo, VarKind
from ..walks import variables
from . import activity, parallel
from .builder import Builder, RuleDraft
from .context import UNDO_FAILED, Ctx, raise_error, real_error, step
from .drafts import Done, Frame, Landing, Log, Out, Owed, Rounds
from .effects import effect
from .entry import forget
from .env import collecting, unasked
from .expressions import scalar
from .frames import cleanup, leave, unwound
from .place import At, union
from .undolog import Part, earlier, entries, owed, repeated, to_undo
from .watched import Watched, undone, watch


def saga(ctx: Ctx, t: ast.Saga, at: At, k: int) -> Out:
    """Undo what was done, latest first, then let the error go on."""
    from .terms import term

    b = ctx.b
    points, since = len(ctx.thread.points), len(b.variables)
    c = cleanup(ctx, t.span, "undo", real_error)
    # Entering takes no step: what it does rides along with the first step inside, which this
    # mark tells from the others.
    entered = b.hidden(f"{ctx.inst.name} saga{ctx.tag}", ctx.inst.id, False)
    first = len(b.rules)
    before = len(ctx.thread.forks)
    inside = at.plus((entered.index, or_(at.cond, entered)))
    out = term(replace(c.ctx, in_saga=True), t.body, inside, k)
    last = len(b.rules)
    if out.exit is not None:
        c.region.passed(out.exit.cond)
    done = list(entries(out.log))
    again = list(repeated(out.log))
    open_ = [x for o in owed(out.log) for x in (o.flag, o.perhaps)]
    entering = [r for r in b.rules[first:last] if entered.index in r.updates]
    if ctx.again and not ctx.in_saga:
        for rule in entering:
            marks = [m for d in done for m in (d.flag, d.was, d.instead) if m is not None]
            for mark in (*marks, *open_, *(r.count for r in again)):
                rule.updates.setdefault(mark.index, ite(at.cond, zero(mark.sort), mark))
    # The variables of a child workflow that is called inside are none of the saga's.
    written = {i for i in _written(b, done, first, last) if i < since}
    snapshot = _snapshot(ctx, at.cond, entering, written | _asked(done))
    undo_first = len(b.rules)
    undone = _undo(c.guarded.ctx, out.log, unwound(c, before), c.guarded.end, t.span)
    raised = [*c.frame.raised, *c.guarded.frame.raised]
    _, exits = leave(ctx, c.guarded, undone.exit, t.span, raised, "undo")
    b.watched.append((snapshot, {*range(first, last), *range(undo_first, len(b.rules))}))
    restored = {i: pair for i, pair in snapshot.items() if i in written}
    of = watch(ctx, out.log, snapshot, b.rules[first:last], entering, at.cond)
    _obligations(ctx, t, out.log, snapshot, restored, exits, of)
    ctx.world.sagas.append(
        SagaInfo(
            t.span,
            tuple(r.index for r in exits),
            tuple(sorted({i for d in done for i in d.written})),
        )
    )
    exit_ = out.exit
    if not ctx.in_saga:
        # A log that is no longer wanted would only tell apart states that are alike.
        stacks = (r.stack for r in again if r.stack is not None)
        flags = (*(d.flag for d in done), *open_)
        dead = (entered, *flags, *(r.count for r in again), *stacks)
        forget(ctx, b.rules[first:], range(points, len(ctx.thread.points)), dead)
        exit_ = exit_.plus(*((m.index, zero(m.sort)) for m in dead)) if exit_ is not None else None
    return Out(exit_, out.log)


def _undo(ctx: Ctx, log: Part, at: At | None, k: int, span: Span) -> Out:
    """The compensation of a log: reverse order along each sequence, branches side by side."""
    if at is None:
        return Out(None)
    if isinstance(log, Done):
        return _undo_one(ctx, log, at, k)
    if isinstance(log, Owed):
        return log.undo(ctx, at, k)
    if isinstance(log, Rounds):
        return _undo_rounds(ctx, log, at, span)
    parts = [p for p in log.parts if to_undo(p)]
    if not parts:
        return Out(at)
    if log.parallel and len(parts) > 1:
        return _undo_branches(ctx, log, at, k, span)
    here: At | None = at
    for i, part in enumerate(reversed(parts)):
        end = k if i == len(parts) - 1 else ctx.point(PointKind.UNWIND, "undo", span)
        out = _undo(ctx, part, here, end, span)
        here = union(None if end == k else ctx.at(end), out.exit)
    return Out(here)


def _undo_rounds(ctx: Ctx, log: Rounds, at: At, span: Span) -> Out:
    """The round under way, then those before it, latest first."""
    b = ctx.b
    head = ctx.point(PointKind.UNWIND, "undo of a round", span)
    end = ctx.point(PointKind.UNWIND, "a round is undone", span)
    first, claims = len(b.rules), len(b.obligations)
    out = _undo(replace(ctx, again=True), log.body, union(at, ctx.at(head)), end, span)
    undone = union(ctx.at(end), out.exit)
    assert undone is not None
    undo = b.rules[first:]
    more = undone.under(lt(const(0), log.count))
    back = step(ctx, more, RuleKind.UNDO, "the round before", span, head)
    earlier(ctx, log, back, undo, [o.cond for o in b.obligations[claims:]])
    return Out(replace(undone.under(eq(log.count, const(0))), points=None))


def _undo_branches(ctx: Ctx, log: Log, at: At, k: int, span: Span) -> Out:
    """Side by side; in a graph, a node after the nodes that came after it."""
    undone: dict[int, Expr] = {}
    later: dict[int, list[int]] = {}
    for i, part in enumerate(log.parts):
        for j in _before(log, i, set()) if to_undo(part) else ():
            later.setdefault(j, []).append(i)

    def branch(i: int) -> parallel.Branch:
        def body(c: Ctx, a: At, end: int) -> Out:
            wait = and_(*(undone[j] for j in later.get(i, ())))
            start = a if wait is TRUE else replace(a, cond=and_(a.cond, wait), points=None)
            out = _undo(c, log.parts[i], start, end, span)
            undone[i] = or_(c.thread.at(end), out.exit.cond if out.exit is not None else FALSE)
            return out

        return parallel.Branch(body, f"undo {i + 1}", span)

    # Those that come later in the graph are lowered first: the others look at them.
    order = [i for i in reversed(range(len(log.parts))) if to_undo(log.parts[i])]
    return parallel.fork(ctx, [branch(i) for i in order], at, k, span, "undo")


def _before(log: Log, i: int, seen: set[int]) -> set[int]:
    """All parts that a part of a graph comes after."""
    for j in log.after[i] if log.after else ():
        if j not in seen:
            seen.add(j)
            _before(log, j, seen)
    return seen


def _undo_one(ctx: Ctx, d: Done, at: At, k: int) -> Out:
    undo = d.undo
    not_done = replace(at.under(not_(d.flag)), points=None)
    assert undo is not None
    done = at.under(d.flag)
    if undo.kind == "block":
        made = effect(d.env, undo.body)
        rule = step(
            ctx,
            done,
            RuleKind.UNDO,
            f"undo {d.name}",
            undo.span,
            k,
            updates={**made.updates, d.flag.index: FALSE},
            event=EventKind.TASK_COMPENSATED,
            subject=d.name,
            activity=d.name,
        )
        ctx.defined(list(made.defined), rule)
        ctx.in_range(made.updates, rule)
        return Out(not_done)
    assert isinstance(undo.body, ast.Call)
    called = ctx.point(PointKind.UNWIND, f"undone {d.name}", undo.span)
    trouble = ctx.point(PointKind.UNWIND, f"undo of {d.name} failed", undo.span)
    frame = Frame(ctx.thread, ctx.frame, real_error, lambda _: [Landing(TRUE, trouble)])
    inner = replace(ctx, inst=d.inst, frame=frame, env=d.env, in_saga=False)
    out = activity.call(inner, undo.body, done, called)
    finished = union(ctx.at(called), out.exit)
    assert finished is not None
    _compensated(ctx, d, finished, k, {d.flag.index: FALSE})
    if undo.orelse is None:
        _undo_failed(ctx, d, frame, ctx.at(trouble), "the undo")
        return Out(not_done)
    if frame.raised:
        _instead(ctx, d, undo.orelse, ctx.at(trouble), k)
    return Out(not_done)


def _compensated(ctx: Ctx, d: Done, at: At, k: int, updates: dict[int, Expr]) -> None:
    assert d.undo is not None
    step(
        ctx,
        at,
        RuleKind.UNDO,
        f"undone {d.name}",
        d.undo.span,
        k,
        updates=updates,
        event=EventKind.TASK_COMPENSATED,
        subject=d.name,
    )


def _undo_failed(ctx: Ctx, d: Done, frame: Frame, at: At, what: str) -> None:
    """Nothing else is to be done: the workflow stops."""
    assert d.undo is not None
    if not frame.raised:
        return
    at = replace(at, cond=and_(at.cond, ctx.b.ended(frame.forks)))
    name = f"{what.removeprefix('the ')} of {d.name} failed"
    for rule in raise_error(ctx, at, UNDO_FAILED, RuleKind.RAISE, name, d.undo.span):
        ctx.must("compensated", FALSE, f"{what} of {d.name} may fail", d.undo.span, rule)


def _instead(ctx: Ctx, d: Done, orelse: ast.Term, at: At, k: int) -> None:
    """`else` runs when the undo has failed."""
    from .terms import term

    made = ctx.point(PointKind.UNWIND, f"else of the undo of {d.name}", orelse.span)
    trouble = ctx.point(PointKind.UNWIND, f"else of the undo of {d.name} failed", orelse.span)
    frame = Frame(ctx.thread, ctx.frame, real_error, lambda _: [Landing(TRUE, trouble)])
    inner = replace(ctx, inst=d.inst, frame=frame, env=d.env, in_saga=False)
    out = term(inner, orelse, at, made)
    finished = union(ctx.at(made), out.exit)
    if finished is not None:
        more = {d.instead.index: TRUE} if d.instead is not None else {}
        _compensated(ctx, d, finished, k, {d.flag.index: FALSE, **more})
    _undo_failed(ctx, d, frame, ctx.at(trouble), "`else` of the undo")


def _written(b: Builder, done: list[Done], first: int, last: int) -> set[int]:
    """The data that the body of a saga writes."""
    out = {i for d in done for i in d.written}
    for rule in b.rules[first:last]:
        out.update(rule.updates)
    return {i for i in out if b.variables[i].kind in (VarKind.DATA, VarKind.SHARED)}


def _asked(done: list[Done]) -> set[int]:
    """What `undone when` speaks of."""
    conds = [scalar(unasked(d.env), d.undone_when) for d in done if d.undone_when is not None]
    return variables(conds)


def _snapshot(
    ctx: Ctx,
    entry: Expr,
    entering: list[RuleDraft],
    watched: set[int],
) -> dict[int, tuple[Expr, Expr]]:
    """Ghosts for variables: the value at entry of the saga, and whether a step outside the saga
    has written it since."""
    b = ctx.b
    out = {}
    for i in sorted(watched):
        v = b.variables[i]
        value = b.copy(f"{v.name} at entry of the saga", _var(b, i), VarKind.GHOST, ctx.inst.id)
        name = f"{v.name} written from outside the saga"
        touched = b.variable(name, Bool(), VarKind.GHOST, FALSE, ctx.inst.id)
        for rule in entering:
            rule.updates[value.index] = ite(entry, _var(b, i), value)
            rule.updates[touched.index] = and_(not_(entry), touched)
        out[i] = (value, touched)
    return out


def _var(b: Builder, index: int) -> Expr:
    return var(index, b.variables[index].sort)


def _obligations(
    ctx: Ctx,
    t: ast.Saga,
    log: Log,
    snapshot: dict[int, tuple[Expr, Expr]],
    restored: dict[int, tuple[Expr, Expr]],
    exits: list[RuleDraft],
    of: Mapping[int, Watched],
) -> None:
    b = ctx.b
    done = list(entries(log))
    undoable = {i for d in done for i in d.written}
    overridden = {i for d in done if d.undone_when is not None for i in d.written}
    for rule in exits:
        for i, (value, touched) in restored.items():
            if i in overridden:
                continue
            instead = [d.instead for d in done if d.instead is not None and i in d.written]
            same = or_(touched, *instead, eq(_var(b, i), value))
            name = b.variables[i].name
            if i in undoable:
                message = f"{name} is not restored when the saga is undone"
            else:
                message = f"the assignment to {name} survives the undo of the saga"
            ctx.must("compensated", same, message, t.span, rule, warning=i not in undoable)
        for d in done:
            if d.undone_when is not None and d.was is not None:
                with collecting(d.env) as (env, found):
                    holds = undone(env, d.undone_when, snapshot)
                was = of.get(id(d)) or Watched(d.was, {})
                claims = [replace(f, cond=implies(was.done, was.of(f.cond))) for f in found]
                ctx.defined(claims, rule)
                ctx.must(
                    "compensated",
                    implies(was.done, was.of(holds)),
                    f"`undone when` of {d.name} fails after the undo",
                    d.undone_when.span,
                    rule,
                )
        for d in done:
            if d.undo is None:
                ctx.must(
                    "compensated",
                    not_(d.flag),
                    f"{d.name} is done and has no undo when the saga is undone",
                    d.span,
                    rule,
                )
            elif d.undo.kind == "none":
                ctx.must(
                    "compensated",
                    not_(d.flag),
                    f"the saga is undone after {d.name}, a point of no return",
                    d.span,
                    rule,
                )
            elif d.undo.kind in ("block", "call"):
                ctx.must(
                    "compensated",
                    not_(d.flag),
                    f"{d.name} is done and has not been undone when the saga ends",
                    d.span,
                    rule,
                )
