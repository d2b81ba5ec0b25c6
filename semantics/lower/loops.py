"""Loops: `while`, and `each` over a domain, one after the other or side by side."""

from __future__ import annotations

from collections.abc import Callable

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.clock import reads
from ..expr import FALSE, TRUE, Expr, Op, add, and_, const, ite, le, lt, not_
from ..system import Loop, Place, PointKind, RuleKind
from . import parallel
from .builder import RuleDraft
from .clock import looking
from .context import Ctx, raise_error, real_error, step
from .data import Value
from .drafts import Frame, Log, Out
from .entry import forget, kept, kept_value
from .env import NotConstant, collecting
from .expressions import counted, domain, interval, scalar
from .interval import Interval
from .place import At, union
from .refusals import without_bounds
from .tolerance import Tolerance, tolerance
from .undolog import all_of, rounds, unsure


def while_(ctx: Ctx, t: ast.While, at: At, k: int) -> Out:
    from .terms import branch

    head = ctx.point(PointKind.READY, "while", t.span)
    entered = at
    count = None
    if t.at_most is not None:
        count = ctx.b.hidden(f"{ctx.inst.name} rounds{ctx.tag}", ctx.inst.id)
        points = len(ctx.thread.points) - 1
        moves: dict[int, Expr] = {}
        most = t.at_most
        bound = ctx.read(at, lambda env: counted(env, most, 0))
        bound = kept(ctx, "most rounds", bound, t.span, moves)
        # Counting starts anew where the loop is entered from outside.
        entered = at.once(*moves.items()).plus((count.index, ite(at.cond, const(0), count)))
    reading = ctx
    looks: list[RuleDraft] = []
    around = union(entered, ctx.at(head))
    if reads(t.cond):
        reading, around, looks = looking(ctx, t.cond, entered, ctx.at(head))
        entered = replace(entered, cond=FALSE)
    assert around is not None
    cond = reading.test(t.cond, around)
    inside = around.under(cond, t.cond.span)
    decreases = None
    if t.decreases is not None:
        measure = t.decreases
        decreases = ctx.read(inside, lambda env: scalar(env, measure))
    # The step that looks at the clock again is one of the round.
    first, since = len(ctx.b.rules) - bool(looks), len(ctx.b.variables)
    if count is not None:
        current = ite(entered.cond, const(0), count)
        raise_error(
            ctx,
            inside,
            "TooMany",
            RuleKind.RAISE,
            "too many rounds",
            t.span,
            guard=le(bound, count),
        )
        inside = replace(inside, cond=and_(inside.cond, lt(current, inside.reading(bound))))
        inside = inside.plus((count.index, ite(inside.cond, add(current, const(1)), count)))
    # A round that a saga may have to undo ends with a step of its own, which notes it.
    end = ctx.point(PointKind.READY, "end of the round", t.span) if ctx.in_saga else head
    body = branch(replace(ctx, again=True), t.body, inside, end, "the body of `while`")
    log = Log()
    ended = body.exit if end == head else union(ctx.at(end), body.exit)
    if ended is not None:
        again = step(ctx, ended, RuleKind.STEP, "next round", t.span, head)
        log = rounds(ctx, body.log, body.log.sure, again, since)
    last = len(ctx.b.rules)
    after = looks[0].updates[ctx.thread.location].value if looks else head
    ctx.world.loops.append(
        Loop(
            t.span,
            ctx.thread.id,
            around.cond,
            around.reading(cond),
            tuple(range(first, last)),
            tuple(
                r.index
                for r in ctx.b.rules[first:last]
                if (u := r.updates.get(ctx.thread.location)) is not None
                and u.value == after
                and u.args == ()
            ),
            bounded=count is not None,
            decreases=decreases,
        )
    )
    exit_ = replace(around.under(not_(cond), t.cond.span), points=None)
    if count is not None:
        # Outside nobody asks how many rounds there were.
        inner = range(points, len(ctx.thread.points))
        forget(ctx, ctx.b.rules[first:last], inner, [count])
        exit_ = exit_.plus((count.index, const(0)))
    return Out(exit_, log)


def each(ctx: Ctx, t: ast.Each, at: At, k: int) -> Out:
    try:
        with collecting(ctx.env) as (env, found):
            span = interval(env, t.domain) if isinstance(t.domain, ast.Range) else None
            items = domain(env, t.domain) if span is None else []
    except NotConstant:
        if not t.sequential:
            raise without_bounds("a parallel `each`", t.span) from None
        return _each_counted(ctx, t, at, k)
    ctx.defined_at(found, at)
    # The domain is what it is when the loop is entered.
    moves: dict[int, Expr] = {}
    name = f"domain of {t.var}"
    if span is not None:
        span = span.map(lambda end: kept(ctx, name, end, t.span, moves))
        items = span.items()
    else:
        items = [
            (kept(ctx, name, i, t.span, moves), kept_value(ctx, name, x, t.span, moves))
            for i, x in items
        ]
    at = at.once(*moves.items())
    first = len(ctx.b.rules)
    if t.sequential:
        out = _one_by_one(ctx, t, items, span, at, k)
    else:
        items = [(inside, item) for inside, item in items if inside is not FALSE]
        out = parallel.each(ctx, t, items, at, k)
    made = range(first, len(ctx.b.rules))
    if made or not items:
        ctx.world.places.append(Place("the body of `each`", made, t.body.span, ctx.path))
    return out


def _one_by_one(
    ctx: Ctx, t: ast.Each, items: list[tuple[Expr, Value]], span: Interval | None, at: At, k: int
) -> Out:
    """The items that are in the domain, in their order.

    Those of an interval (`span`) follow one another: it is entered at any of them, and left
    before the first that is beyond its end.  Elsewhere each is passed by where it is not inside.
    """
    from .terms import term

    tolerated, at = _tolerated(ctx, t, at)
    here: At | None = at if span is None else None  # between two items
    over: list[At] = [] if span is None else [at.under(span.empty)]
    logs: list[Log] = []
    for i, (inside, item) in enumerate(items):
        last = i == len(items) - 1
        certain = inside is TRUE and tolerated is None
        begun: At | None = None
        if span is not None:
            begun = at.under(span.begins(i))
            inside = span.reaches(i)
        came = union(here.under(inside) if here is not None else None, begun)
        passed: At | None = None
        if here is not None and inside is not TRUE:
            passed = replace(here.under(not_(inside)), points=None)
        if passed is not None and span is not None:
            over.append(passed)
            passed = None
        if came is None:
            here = passed
            continue
        m = k if last else ctx.point(PointKind.READY, f"{t.var} = {i + 1}", t.span)
        label = item.value if isinstance(item, Expr) and item.op is Op.CONST else i
        inner = replace(ctx, env=ctx.env.bind(**{t.var: item}), tag=f"{ctx.tag}[{label}]")
        inner, failed = _tolerating(inner, t, tolerated)
        out = term(inner, t.body, came, m)
        here = union(None if last else ctx.at(m), out.exit, passed, failed())
        logs.append(out.log if certain else unsure(out.log))
    return Out(union(here, *over), all_of(logs))


def _tolerated(ctx: Ctx, t: ast.Each, at: At) -> tuple[Tolerance | None, At]:
    if t.tolerate is None:
        return None, at
    tolerated, at = tolerance(ctx, t, at)
    return tolerated, at.once((tolerated.failures.index, const(0)))


def _tolerating(
    ctx: Ctx, t: ast.Each, tolerated: Tolerance | None
) -> tuple[Ctx, Callable[[], At | None]]:
    """A context for one item; and where control is once the item has failed and is over."""
    if tolerated is None:
        return ctx, lambda: None
    point = ctx.point(PointKind.UNWIND, f"{t.var} has failed", t.span)
    landing = tolerated.landing(point)
    frame = Frame(ctx.thread, ctx.frame, real_error, lambda _: [landing])

    def failed() -> At:
        here = ctx.at(point)
        return replace(here, cond=and_(here.cond, ctx.b.ended(frame.forks)))

    return replace(ctx, frame=frame), failed


def _each_counted(ctx: Ctx, t: ast.Each, at: At, k: int) -> Out:
    """`each i in a..b seq` with computed bounds: a counter, and one step a round."""
    from .terms import term

    assert isinstance(t.domain, ast.Range), "other domains are listed"

    i = ctx.b.hidden(f"{ctx.inst.name}.{t.var}", ctx.inst.id)
    lo, hi = t.domain.lo, t.domain.hi
    first = ctx.read(at, lambda env: scalar(env, lo))
    last = ctx.read(at, lambda env: scalar(env, hi))
    moves: dict[int, Expr] = {i.index: first}
    tolerated, at = _tolerated(ctx, t, at)
    last = kept(ctx, f"domain of {t.var}", last, t.span, moves)
    head = ctx.point(PointKind.READY, f"each {t.var}", t.span)
    done = ctx.point(PointKind.READY, f"after {t.var}", t.span)
    around = union(at.once(*moves.items()), ctx.at(head))
    assert around is not None
    cond = le(i, last)
    start, since = len(ctx.b.rules), len(ctx.b.variables)
    inner = replace(ctx, env=ctx.env.bind(**{t.var: i}), again=True)
    inner, failed = _tolerating(inner, t, tolerated)
    body = term(inner, t.body, around.under(cond, t.span), done)
    finished = union(ctx.at(done), body.exit, failed())
    assert finished is not None
    back = step(
        ctx, finished, RuleKind.STEP, "next item", t.span, head, updates={i.index: add(i, const(1))}
    )
    sure = body.log.sure if tolerated is None else frozenset()
    log = rounds(ctx, body.log, sure, back, since)
    ctx.world.loops.append(
        Loop(
            t.span,
            ctx.thread.id,
            around.cond,
            around.reading(cond),
            tuple(range(start, len(ctx.b.rules))),
            (back.index,),
        )
    )
    return Out(replace(around.under(not_(cond)), points=None), log)
