"""Requests with their answers, and what is known of channels when all is lowered: who asks where,
who receives, and what must hold of messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.types import Bool, Int
from ..expr import FALSE, TRUE, Expr, Sort, and_, const, eq, ite, not_, or_, to_real
from ..phrases import LEFT, ORPHAN
from ..system import Delay, EventKind, EventTemplate, Obligation, PointKind, RuleKind, VarKind
from .assign import assign
from .builder import Builder, RuleDraft
from .channels import ASKER, MESSAGE, Channel, Reply, Site, item
from .context import Ctx, step
from .data import Rec, default, leaves, seen
from .drafts import InstanceDraft, Out
from .env import collecting
from .expressions import lower, ranged
from .messages import ALWAYS, ASKED, put
from .place import At
from .predicates import ended

OLD = "a message is too old, and nobody receives it any more"
TAKING = (RuleKind.RECEIVE, RuleKind.INTERRUPT)


def request(ctx: Ctx, t: ast.Request, at: At, k: int) -> Out:
    """Asks, and waits for the answer; with `within`, no longer than that."""
    if t.within is not None:
        from .parallel import within as limited

        asked = ast.Within(replace(t, within=None), duration=t.within, span=t.span)
        return limited(ctx, asked, at, k)
    c = ctx.world.channels[t.channel]
    number = len(c.sites) + 1
    assert c.decl.resolved_answer is not None
    zero = default(c.decl.resolved_answer, ctx.b.string)
    kind = VarKind.CHANNEL
    there = ctx.b.variable(f"{c.name}#{number} answered", Bool(), kind, FALSE, ctx.inst.id, t.span)
    value = ctx.b.data(
        f"{c.name}#{number} answer", c.decl.resolved_answer, kind, zero, ctx.inst.id, t.span
    )
    with collecting(ctx.env) as (env, found):
        asked_value = lower(env, t.value)
        found += ranged(c.type, t.channel, asked_value, t.value.span)
    shown = seen(c.type, MESSAGE, asked_value)
    waiting = ctx.point(PointKind.READY, f"waiting for an answer from {c.name}", t.span)
    me = _name(ctx, c, number, t)
    rule = put(ctx, c, None, item(c, asked_value, me), at, waiting, t, shown)
    ctx.defined(found, rule)
    nothing = {p.index: v for p, v in zip(leaves(value), leaves(zero), strict=True)}
    forgotten = {there.index: FALSE, **nothing}
    rule.updates.update(forgotten)
    c.sites.append(Site(me, ctx.at(waiting).cond, there, value, rule))
    updates = dict(forgotten)
    found = []
    if t.bind is not None:
        with collecting(ctx.env) as (env, found):
            updates.update(assign(env, t.bind, value, t.bind.type))
    done = step(
        ctx,
        ctx.at(waiting),
        RuleKind.RECEIVE,
        f"answer from {c.name}",
        t.span,
        k,
        guard=there,
        updates=updates,
        event=EventKind.MESSAGE_RECEIVED,
        subject=c.name,
        detail=ctx.inst.name,
        channel=c.name,
        seen=seen(c.decl.resolved_answer, MESSAGE, value),
    )
    ctx.defined(found, done)
    ctx.in_range({i: e for i, e in updates.items() if i not in forgotten}, done)
    return Out(None)


def _name(ctx: Ctx, c: Channel, number: int, t: ast.Request) -> Expr:
    """What the place has in its requests: a number of its own.  Of one of any number of instances
    it is an argument, so that all of these have the same rules."""
    if ctx.inst.id not in ctx.world.alike:
        return const(number)
    name = f"{c.name}#{number} number"
    return ctx.b.variable(name, Int(), VarKind.ARG, const(number), ctx.inst.id, t.span)


def answer(ctx: Ctx, t: ast.Send, at: At, k: int) -> Out:
    """To whoever asked; `settle` says who that may be."""
    c = ctx.world.channels[t.answers]
    with collecting(ctx.env) as (env, found):
        value = lower(env, t.value)
        found += ranged(c.decl.resolved_answer, f"the answer from {c.name}", value, t.value.span)
    asker = ctx.env.names[t.channel + ASKED]
    assert c.decl.resolved_answer is not None
    assert isinstance(asker, Expr)
    rule = step(
        ctx,
        at,
        RuleKind.STEP,
        f"answer through {c.name}",
        t.span,
        k,
        updates={asker.index: const(0)},
        event=EventKind.MESSAGE_SENT,
        subject=c.name,
        detail=ctx.inst.name,
        channel=c.name,
        seen=seen(c.decl.resolved_answer, MESSAGE, value),
    )
    ctx.defined(found, rule)
    c.replies.append(Reply(rule, asker, value))
    return Out(None)


# --- when all is lowered ---------------------------------------------------------------------


def settle(b: Builder, channels: Iterable[Channel], instances: Sequence[InstanceDraft]) -> None:
    """Ties requests to answers, and says what must hold of messages."""
    for c in channels:
        for reply in c.replies:
            _deliver(b, c, reply)
        for site in c.sites:
            _forget_old(c, site)
        if not c.decl.optional and not c.decl.environment:
            _left(b, c, instances)
        if c.ttl is not None:
            _expire(b, c, c.ttl)


def _deliver(b: Builder, c: Channel, reply: Reply) -> None:
    """The answer goes to the place whose number the request had, if that still waits."""
    rule = reply.rule
    heard = []
    for site in c.sites:
        here = and_(eq(reply.asker, site.number), site.waits, not_(site.there))
        heard.append(here)
        new = [(site.there, TRUE), *zip(leaves(site.value), leaves(reply.value), strict=True)]
        for place, value in new:
            value = to_real(value) if place.sort is Sort.REAL else value
            rule.updates[place.index] = rule.reading(ite(here, value, place))
    reached = rule.reading(or_(*heard))
    dropped = EventTemplate(
        EventKind.MESSAGE_DROPPED, c.name, rule.thread.instance, (), not_(reached), "no asker"
    )
    rule.more_events = (*rule.more_events, dropped)
    if not c.decl.optional:
        b.obligations.append(Obligation("messages", c.name, reached, ORPHAN, rule.span, rule.index))


def _forget_old(c: Channel, site: Site) -> None:
    """Who asks anew from a place does not wait any more for the answer to what it asked before:
    an answer to that must not be taken for the answer to this."""
    rule = site.rule
    mine = site.number
    for asker in c.in_hand:
        old = rule.updates.get(asker.index, asker)
        rule.updates[asker.index] = ite(eq(old, mine), const(0), old)
    for q in c.queues.values():
        for i, slot in enumerate(q.slots):
            assert isinstance(slot, Rec)
            asker_ = slot.get(ASKER)
            assert isinstance(asker_, Expr)
            new = rule.updates[asker_.index]
            # (Slots that are filled now were empty: there is nothing old in them.)
            put = rule.reading(or_(*(eq(q.length, const(j)) for j in (i - 1, i) if j >= 0)))
            kept = rule.reading(ite(eq(asker_, mine), const(0), asker_))
            rule.updates[asker_.index] = ite(put, new, kept)


def _expire(b: Builder, c: Channel, ttl: Expr) -> None:
    """Each message has a clock, from when it is sent until it is taken out.  The steps belong to a
    thread of the channel, which is always at its end: nobody waits for it."""
    thread = b.thread(f"channel {c.name}", 0, None, c.decl.span)
    b.point(thread, PointKind.END, f"channel {c.name}", c.decl.span)
    for q in c.queues.values():
        # (Of messages that are only counted: one of them may be too old, at any time, or never.)
        counted = c.capacity is None
        for i in range(1 if counted else len(q.slots)):
            taken = [TRUE if j == i else FALSE for j in range(len(q.slots))]
            rule = RuleDraft(
                index=len(b.rules),
                name="a message is too old",
                kind=RuleKind.TIMER,
                thread=thread,
                guard=and_(thread.at(0), q.holds(i)),
                reading=lambda e: e,
                updates=dict(q.without(taken, TRUE)),
                held=(),
                then=(),
                span=c.decl.span,
                event=EventKind.MESSAGE_DROPPED,
                subject=c.name,
                detail="too old",
                delay=ALWAYS if counted else Delay(ttl, ttl),
                channel=c.name,
            )
            b.rules.append(rule)
            if not c.decl.optional:
                b.obligations.append(
                    Obligation("messages", c.name, FALSE, OLD, c.decl.span, rule.index)
                )


def _left(b: Builder, c: Channel, instances: Sequence[InstanceDraft]) -> None:
    """No message is left where all have ended who could receive it."""
    lengths = {q.length.index for q in c.queues.values()}
    takers = {
        r.thread.instance
        for r in b.rules
        if r.channel == c.name and r.kind in TAKING and lengths & r.updates.keys()
    }
    over = {d.id: or_(not_(d.active), ended(d)) for d in instances}
    read = []
    for (_, taker), q in c.queues.items():
        whose = takers if taker is None else {taker}
        gone = and_(*(over[i] for i in sorted(whose)))
        read.append(or_(not_(gone), eq(q.length, const(0))))
    b.obligations.append(Obligation("messages", c.name, and_(*read), LEFT, c.decl.span))
