"""Parallel composition: one fork for `||`, its policies, `each`, `within` and dependency graphs.

The fork point is entered with the first step of any child.  A policy that tolerates failures
gives every branch a frame of its own; otherwise an error goes to the frames around the fork.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ...dsl.types import Int
from ..expr import FALSE, TRUE, Expr, Sort, add, and_, const, eq, ite, le, lt, not_, or_, sub, var
from ..joins import WIDEST
from ..system import (
    Delay,
    EventKind,
    Place,
    PointKind,
    ResourceInfo,
    RuleKind,
    VarKind,
)
from .builder import ForkDraft, ThreadDraft
from .clock import looked
from .context import Ctx, raise_error, real_error, step
from .data import Value
from .drafts import Frame, Landing, Log, Out
from .entry import kept
from .expressions import counted, measured
from .longest import longest
from .messages import kept_in_range, named, taken
from .place import At, union
from .tolerance import tolerance
from .undolog import all_of, unsure

FAILED = 2  # the point of a branch whose error is kept: after the entry and the end


@dataclass(frozen=True, slots=True)
class Branch:
    """`body(ctx, at, end)` lowers it; it exists only where `active`."""

    body: Callable[[Ctx, At, int], Out]
    label: str
    span: Span
    active: Expr = TRUE


@dataclass(frozen=True, slots=True)
class Child:
    """A branch that has been lowered."""

    thread: ThreadDraft
    end: int
    succeeded: Expr
    failed: Expr  # with an error that the branch itself keeps, and nothing of it lives on
    out: Out

    @property
    def over(self) -> Expr:
        return or_(self.succeeded, self.failed)


@dataclass(frozen=True, slots=True)
class Opened:
    """A fork with its children: `active` while control is inside (or ready to be).

    `aborting` are the moves of a step that ends the children, `leaving` those of a step after
    they have ended: they reset them for the next time.
    """

    fork: ForkDraft
    active: Expr
    children: tuple[Child, ...]
    aborting: tuple[tuple[int, Expr], ...]
    leaving: tuple[tuple[int, Expr], ...]
    log: Log


def par(ctx: Ctx, t: ast.Par, at: At, k: int) -> Out:
    from .terms import describe, term

    branches = [
        Branch(lambda c, a, e, p=p: term(c, p, a, e), describe(p), p.span)  # type: ignore[misc]
        for p in t.parts
    ]
    if t.policy == "all":
        return fork(ctx, branches, at, k, t.span, "||")
    needed: Expr | None = None
    if t.policy == "any":
        needed = const(1)
    elif t.policy == "n":
        assert t.n is not None
        n, total = t.n, len(branches)
        needed = ctx.read(at, lambda env: counted(env, n, 1, total))
        # Made total as a wrong index is: never more than can be.
        needed = ite(le(needed, const(total)), needed, const(total))
        moves: dict[int, Expr] = {}
        needed = kept(ctx, "successes needed", needed, t.span, moves)
        at = at.once(*moves.items())
    return _with_policy(ctx, branches, at, k, t.span, needed)


def each(ctx: Ctx, t: ast.Each, items: Sequence[tuple[Expr, Value]], at: At, k: int) -> Out:
    """`each i in D { }`: one branch for each value; at most k at once by a hidden pool."""
    from .terms import term

    slots: ResourceInfo | None = None
    if t.at_once is not None:
        name = f"slots of each {t.var}{ctx.tag}"
        used = ctx.b.variable(name, Int(), VarKind.USED, const(0), ctx.inst.id, t.span)
        moves: dict[int, Expr] = {}
        at_once = t.at_once
        most = ctx.read(at, lambda env: counted(env, at_once, 1))
        capacity = kept(ctx, f"most at once of each {t.var}", most, t.span, moves)
        at = at.once(*moves.items())
        slots = ResourceInfo(
            f"{name}#{used.index}", "pool", capacity, True, used.index, None, t.span, hidden=True
        )
        ctx.b.resources[slots.name] = slots

    def body(item: Value, label: str) -> Callable[[Ctx, At, int], Out]:
        def lower_item(c: Ctx, a: At, end: int) -> Out:
            inner = replace(c, env=c.env.bind(**{t.var: item}), tag=f"{c.tag}[{label}]")
            if slots is None:
                return term(inner, t.body, a, end)
            return _slot(inner, slots, t, a, end)

        return lower_item

    branches = []
    for i, (inside, item) in enumerate(items):
        if inside is FALSE:
            continue
        label = str(item.value) if isinstance(item, Expr) and item.value is not None else str(i)
        branches.append(Branch(body(item, label), f"{t.var}={label}", t.span, inside))
    if t.tolerate is not None:
        return _tolerant(ctx, t, branches, at, k)
    return fork(ctx, branches, at, k, t.span, "each")


def _slot(ctx: Ctx, slots: ResourceInfo, t: ast.Each, at: At, k: int) -> Out:
    from .terms import term

    inner = replace(ctx, claims=(*ctx.claims, (slots.used, const(1))))
    used = var(slots.used, Sort.INT)
    inside = inner.point(PointKind.READY, "slot", t.span)
    step(ctx, at, RuleKind.GRANT, "slot", t.span, inside, guard=lt(used, slots.capacity))
    body = term(inner, t.body, inner.at(inside), k)
    if body.exit is not None:
        step(inner, body.exit, RuleKind.RELEASE, "slot given back", t.span, k)
    return Out(None, body.log)


def opened(
    ctx: Ctx,
    branches: Sequence[Branch],
    at: At,
    span: Span,
    label: str,
    frame: Callable[[Ctx, Branch, int], Frame] | None = None,
    moves: tuple[tuple[int, Expr], ...] = (),
) -> Opened:
    """Fork the branches; with `frame`, each takes the errors that reach its top."""
    host = ctx.thread
    made = ctx.b.fork(host, label, span, ctx.claims, ctx.regions)
    active = or_(host.at(made.point), at.cond)
    enter = (*at.moves, *moves, (host.location, const(made.point)))
    entering = {i for i, _ in enter}
    children: list[Child] = []
    resets: dict[int, Expr] = {}
    names: dict[str, int] = {}
    for branch in branches:
        names[branch.label] = names.get(branch.label, 0) + 1
        number = f"#{names[branch.label]}" if names[branch.label] > 1 else ""
        name = f"{host.name}/{branch.label}{ctx.tag}{number}"
        thread = ctx.b.thread(name, ctx.inst.id, made, branch.span)
        entry = ctx.b.point(thread, PointKind.ENTRY, f"before {branch.label}", branch.span)
        assert entry == 0
        end = ctx.b.point(thread, PointKind.END, f"end of {branch.label}", branch.span)
        inner = replace(ctx, thread=thread, claims=(), regions=())
        failed = None
        if frame is not None:
            failed = ctx.b.point(thread, PointKind.FAILED, f"{branch.label} failed", branch.span)
            assert failed == FAILED
            inner = replace(inner, frame=frame(inner, branch, failed))
        start = At(and_(thread.at(0), active), enter, at.points, at.test, at.open)
        start = start.under(branch.active)
        out = branch.body(inner, start, end)
        lost: Expr = FALSE
        if failed is not None and inner.frame is not None:
            lost = and_(thread.at(failed), ctx.b.ended(inner.frame.forks))
        done = [thread.at(end)]
        if out.exit is not None:
            done.append(out.exit.cond)
            resets.update({i: v for i, v in out.exit.moves if i not in entering})
        if branch.active is not TRUE:
            done.append(not_(start.reading(branch.active)))
        resets[thread.location] = const(0)
        children.append(Child(thread, end, or_(*done), lost, out))
    log = all_of(
        (
            c.out.log if branch.active is TRUE else unsure(c.out.log)
            for c, branch in zip(children, branches, strict=True)
        ),
        parallel=True,
    )
    aborting = (*at.moves, *moves)
    return Opened(made, active, tuple(children), aborting, (*aborting, *resets.items()), log)


def watched(ctx: Ctx, inside: Branch, at: At, span: Span, label: str) -> tuple[Opened, At, At]:
    """A part as the one child of a fork; while it is under way, and where it has ended."""
    o = opened(ctx, [inside], at, span, label)
    (child,) = o.children
    under_way = At(and_(o.active, not_(child.succeeded)), o.aborting)
    return o, under_way, At(and_(o.active, child.succeeded), o.leaving)


def fork(ctx: Ctx, branches: Sequence[Branch], at: At, k: int, span: Span, label: str) -> Out:
    """All branches at once; done when all are; the first error goes outwards."""
    o = opened(ctx, branches, at, span, label)
    cond = and_(o.active, *(c.succeeded for c in o.children))
    joined = At(cond, o.leaving)
    if len(o.leaving) <= WIDEST:
        return Out(joined, o.log)
    step(ctx, joined, RuleKind.STEP, "join", span, k)
    return Out(None, o.log)


def _failure_counter(ctx: Ctx, label: str) -> tuple[Expr, Expr]:
    """How many branches failed, and the first of their errors."""
    failures = ctx.b.hidden(f"{ctx.inst.name} failures in {label}{ctx.tag}", ctx.inst.id)
    first = ctx.b.hidden(f"{ctx.inst.name} first error in {label}{ctx.tag}", ctx.inst.id)
    return failures, first


def _with_policy(
    ctx: Ctx, branches: list[Branch], at: At, k: int, span: Span, needed: Expr | None
) -> Out:
    """`wait_all` (needed None), `any`, `n of`."""
    failures, first = _failure_counter(ctx, "par")
    entry = (
        (failures.index, ite(at.cond, const(0), failures)),
        (first.index, ite(at.cond, const(0), first)),
    )
    # Outside nobody asks for them: states that differ only there would be many.
    forgotten = {failures.index: const(0), first.index: const(0)}
    raised: list[str] = []

    def frame(inner: Ctx, _: Branch, failed: int) -> Frame:
        def land(error: str) -> list[Landing]:
            raised.append(error)
            code = const(ctx.b.error(error))
            note = (
                (failures.index, add(failures, const(1))),
                (first.index, ite(eq(first, const(0)), code, first)),
            )
            return [Landing(TRUE, failed, note)]

        return Frame(inner.thread, ctx.frame, real_error, land)

    o = opened(ctx, branches, at, span, "par", frame, entry)
    total = len(o.children)
    if needed is None:
        over = and_(o.active, *(c.over for c in o.children))
        exit_ = At(and_(o.active, *(c.succeeded for c in o.children)), o.leaving)
        failed = lt(const(0), failures)
        _raise_first(ctx, At(over, o.leaving), failed, first, raised, span, None, forgotten)
        return Out(exit_, o.log)
    count = add(const(0), *(ite(c.succeeded, const(1), const(0)) for c in o.children))
    won = ctx.point(PointKind.UNWIND, "enough branches are done", span)
    o.fork.landings.add(won)
    at = At(o.active, o.aborting)
    step(
        ctx,
        replace(at, cond=and_(at.cond, le(at.reading(needed), count))),
        RuleKind.STEP,
        "enough branches are done",
        span,
        won,
        updates=forgotten,
        kills=o.fork,
    )
    hopeless = lt(sub(const(total), needed), failures)
    _raise_first(ctx, at, hopeless, first, raised, span, o.fork, forgotten)
    exit_ = ctx.at(won)
    exit_ = replace(exit_, cond=and_(exit_.cond, ctx.b.ended([o.fork])), points=None)
    return Out(exit_, unsure(o.log))


def _raise_first(
    ctx: Ctx,
    at: At,
    guard: Expr,
    first: Expr,
    raised: list[str],
    span: Span,
    abort: ForkDraft | None,
    updates: Mapping[int, Expr],
) -> None:
    for error in dict.fromkeys(raised):
        raise_error(
            ctx,
            at,
            error,
            RuleKind.RAISE,
            f"{error} goes on",
            span,
            guard=and_(guard, eq(first, const(ctx.b.error(error)))),
            updates=updates,
            abort=abort,
        )


def _tolerant(ctx: Ctx, t: ast.Each, branches: list[Branch], at: At, k: int) -> Out:
    tolerated, at = tolerance(ctx, t, at)
    failures = tolerated.failures
    entry = [(failures.index, ite(at.cond, const(0), failures))]

    def frame(inner: Ctx, _: Branch, failed: int) -> Frame:
        return Frame(inner.thread, ctx.frame, real_error, lambda _: [tolerated.landing(failed)])

    o = opened(ctx, branches, at, t.span, "each", frame, tuple(entry))
    cond = and_(o.active, *(c.over for c in o.children))
    return Out(At(cond, (*o.leaving, (failures.index, const(0)))), unsure(o.log))


def within(ctx: Ctx, t: ast.Within, at: At, k: int) -> Out:
    """The body runs as the one child of a fork; the interrupt cancels it."""
    from .terms import describe, term

    limit: Expr | None = None
    if t.duration is not None:
        duration = t.duration
        reading, at = looked(ctx, duration, at)
        limit = reading.read(at, lambda env: measured(env, duration))
        moves: dict[int, Expr] = {}
        limit = kept(ctx, "limit of within", limit, t.span, moves)
        at = at.once(*moves.items())
    inside = Branch(lambda c, a, e: term(c, t.body, a, e), describe(t.body), t.body.span)
    o, from_here, ended = watched(ctx, inside, at, t.span, "within")
    outs: list[Out] = [Out(ended)]
    delay: Delay | None = None
    cond = TRUE
    event, more, took = EventKind.TIMER_FIRED, {}, None
    after = ctx
    if t.receive is not None:
        after = named(ctx, t.receive)
        took = taken(after, t.receive, from_here)
        cond, delay = took.guard, took.delay
        what = f"receive from {t.receive.channel}"
        event = EventKind.MESSAGE_RECEIVED
        more = {
            "updates": took.updates,
            "inputs": took.inputs,
            "relation": took.relation,
            "subject": t.receive.channel,
            "detail": ctx.inst.name,
            "channel": t.receive.channel,
            "seen": took.seen,
        }
    elif limit is not None:
        ctx.world.has_timeouts = True
        # Read with the first step of the block, or where control stands before it.
        now = from_here.reading(limit)
        delay = Delay(now, now)
        what = "the time is over"
        most = longest(ctx, t.body)
        if most is not None:
            # A limit that the body cannot reach never strikes, also where time is not looked at.
            cond = not_(lt(most, limit))
    else:
        assert t.until is not None
        cond = ctx.test(t.until, from_here)
        what = "interrupt"
    if cond is FALSE:
        if t.orelse is not None:
            ctx.world.places.append(Place("the else of `within`", (), t.orelse.span))
    elif t.orelse is None:
        rules = raise_error(
            ctx,
            from_here,
            "Timeout" if limit is not None else "Interrupted",
            RuleKind.INTERRUPT,
            what,
            t.span,
            guard=cond,
            abort=o.fork,
            event=event,
            delay=delay,
            **more,  # type: ignore[arg-type]
        )
        if t.receive is not None and took is not None:
            for rule in rules:
                kept_in_range(after, t.receive, took, rule)
    else:
        landed = ctx.point(PointKind.UNWIND, "else of within", t.orelse.span)
        o.fork.landings.add(landed)
        rule = step(
            ctx,
            from_here,
            RuleKind.INTERRUPT,
            what,
            t.span,
            landed,
            guard=cond,
            kills=o.fork,
            event=event,
            delay=delay,
            **more,  # type: ignore[arg-type]
        )
        if t.receive is not None and took is not None:
            kept_in_range(after, t.receive, took, rule)
        ctx.world.places.append(Place("the else of `within`", (rule.index,), t.orelse.span))
        other = ctx.at(landed)
        other = replace(other, cond=and_(other.cond, ctx.b.ended([o.fork])))
        outs.append(term(after, t.orelse, other, k))
    return Out(union(*(x.exit for x in outs)), Log((o.log, *(x.log for x in outs[1:]))))
