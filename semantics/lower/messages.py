"""`send` and `receive`: a message is put into a channel, or taken out of it, in one step.

A send waits while its channel is full, a receive while there is nothing (that fits) in it.  What
the network does is the environment's answer: whether a message is lost or comes twice, and which
one of an unordered channel comes next.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable
from fractions import Fraction
from functools import partial

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.records import dataclass
from ...dsl.types import Bool, Enum, Int, Type
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Sort,
    and_,
    const,
    eq,
    implies,
    inp,
    le,
    lt,
    not_,
    or_,
    sub,
    var,
)
from ..system import (
    Delay,
    EventKind,
    EventTemplate,
    Input,
    RuleKind,
    Seen,
    VarKind,
)
from .assign import assign
from .builder import RuleDraft
from .channels import ASKER, MESSAGE, Channel, Queue, item, picked
from .context import Ctx, step
from .data import Rec, Value, build, default, leaves, seen, sort_of
from .drafts import Out
from .entry import forget
from .env import Env, collecting, unasked
from .expressions import lower, ranged, require, scalar, within
from .place import At

LOST = "a message may be lost on its way"
ASKED = " asker"  # after the name of a received request: who waits for its answer
KEY = "key"  # of a channel, among what is seen of a message
ALWAYS = Delay(const(Fraction(0)), None)  # at any time, or never


# --- sending ---------------------------------------------------------------------------------


def send(ctx: Ctx, t: ast.Send, at: At, k: int) -> Out:
    """Into a channel."""
    c = ctx.world.channels[t.channel]
    with collecting(ctx.env) as (env, found):
        value = lower(env, t.value)
        found += ranged(c.type, t.channel, value, t.value.span)
    shown = (*key_of(ctx, c, t.key), *seen(c.type, MESSAGE, value))
    rule = put(ctx, c, t.key, item(c, value, None), at, k, t, shown)
    ctx.defined(found, rule)
    return Out(None)


def put(
    ctx: Ctx,
    c: Channel,
    key: ast.Expression | None,
    what: Value,
    at: At,
    k: int,
    t: ast.Send | ast.Request,
    shown: tuple[Seen, ...],
) -> RuleDraft:
    """The step that puts an item into the queues of a channel, when each has room."""
    keys = _keys(ctx, c, key, at)
    guard = or_(*(and_(is_, *(q.room(c.capacity) for q in c.of_key(n))) for is_, n in keys))
    inputs: tuple[Input, ...] = ()
    lost = twice = FALSE
    relation = TRUE
    if c.decl.delivery == "at_most_once":
        inputs, lost = (Input("lost", Sort.BOOL, Bool()),), inp(0, Sort.BOOL)
    elif c.decl.delivery == "at_least_once":
        inputs, twice = (Input("twice", Sort.BOOL, Bool()),), inp(0, Sort.BOOL)
        if c.capacity is not None:
            one_more = le(const(2), c.capacity)
            fits = [
                implies(and_(is_, not_(q.gone)), lt(q.length, sub(c.capacity, const(1))))
                for is_, n in keys
                for q in c.of_key(n)
            ]
            relation = implies(twice, and_(one_more, *fits))
    if c.unbounded and c.capacity is not None:
        # A message that comes twice needs room for both.
        most = c.capacity if twice is FALSE else sub(c.capacity, const(1))
        c.full += [and_(at.cond, is_, not_(q.room(most))) for is_, n in keys for q in c.of_key(n)]
    updates: dict[int, Expr] = {}
    for is_, n in keys:
        for q in c.of_key(n):
            updates.update(q.put(what, and_(is_, not_(q.gone), not_(lost)), twice))
    rule = step(
        ctx,
        at,
        RuleKind.SEND,
        f"send to {c.name}",
        t.span,
        k,
        guard=guard,
        updates=updates,
        inputs=inputs,
        relation=relation,
        event=EventKind.MESSAGE_SENT,
        subject=c.name,
        detail=ctx.inst.name,
        channel=c.name,
        seen=shown,
    )
    if lost is not FALSE:
        name = ctx.inst.id
        dropped = EventTemplate(EventKind.MESSAGE_DROPPED, c.name, name, (), lost, "lost")
        rule.more_events = (*rule.more_events, dropped)
        if not c.decl.optional:
            ctx.must("messages", not_(lost), LOST, t.span, rule, name=c.name)
    return rule


def key_of(ctx: Ctx, c: Channel, key: ast.Expression | None) -> tuple[Seen, ...]:
    """What is seen of a key."""
    if key is None or c.decl.resolved_key is None:
        return ()
    return seen(c.decl.resolved_key, KEY, scalar(unasked(ctx.env), key))


def _keys(ctx: Ctx, c: Channel, key: ast.Expression | None, at: At) -> list[tuple[Expr, int]]:
    """When it is which of the channel's keys."""
    if key is None:
        return c.by_key(None)

    def read(env: Env) -> Expr:
        value = scalar(env, key)
        if isinstance(c.decl.resolved_key, Int):
            last = c.first_key + c.keys - 1
            require(env, within(value, c.first_key, last), "index out of range", key.span)
        return value

    return c.by_key(ctx.read(at, read))


# --- receiving -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """What a receive looks at and does, in the state at `at`."""

    guard: Expr
    updates: dict[int, Expr]
    inputs: tuple[Input, ...] = ()
    relation: Expr = TRUE
    delay: Delay | None = None
    seen: tuple[Seen, ...] = ()


def named(ctx: Ctx, t: ast.Receive) -> Ctx:
    """Where the received message has its name."""
    if t.resolved is None:
        return ctx
    key = (id(t), id(ctx.inst), ctx.tag)
    if key in ctx.world.received:
        return replace(ctx, env=ctx.env.bind(**ctx.world.received[key]))
    c = ctx.world.channels[t.channel]
    full = f"{ctx.inst.name}.{t.var}{ctx.tag}"
    count = ctx.world.named[full] = ctx.world.named.get(full, 0) + 1
    if count > 1:
        full += f"#{count}"
    zero = default(t.resolved, ctx.b.string)
    value = ctx.b.data(full, t.resolved, VarKind.RECEIVED, zero, ctx.inst.id, t.span)
    bound: dict[str, Value] = {t.var: value}
    if c.decl.answer is not None:
        asker = ctx.b.hidden(f"{full}{ASKED}", ctx.inst.id)
        bound[t.var + ASKED] = asker
        c.in_hand.append(asker)
    ctx.world.received[key] = bound
    return replace(ctx, env=ctx.env.bind(**bound))


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a received message has its name: from a point and a rule on."""

    point: int
    rule: int
    names: tuple[Expr, ...]

    def close(self, ctx: Ctx) -> None:
        """Nobody reads it behind: states that differ only there would be many.  (But the undo of a
        saga may.)"""
        if not ctx.in_saga:
            points = range(self.point, len(ctx.thread.points))
            forget(ctx, ctx.b.rules[self.rule :], points, self.names)


def scope(ctx: Ctx, t: ast.Receive) -> Scope:
    """Of the receive that is lowered next, in the context in which it is named."""
    bound = ctx.world.received.get((id(t), id(ctx.inst), ctx.tag), {})
    names = tuple(x for value in bound.values() for x in leaves(value))
    return Scope(len(ctx.thread.points), len(ctx.b.rules), names)


def heard(ctx: Ctx, t: ast.Term) -> Ctx:
    """For readings of terms beside their rules: behind a receive its name stands for something that
    may be anything, and changes."""
    if not isinstance(t, ast.Receive) or t.resolved is None:
        return ctx
    place = ctx.inst.root.location
    some = build(t.resolved, t.var, lambda _, kind: var(place, sort_of(kind)))
    return replace(ctx, env=ctx.env.bind(**{t.var: some}))


def receive(ctx: Ctx, t: ast.Receive, at: At, k: int) -> Out:
    """The next message that fits, into the name or the variable that takes it."""
    took = taken(ctx, t, at)
    rule = step(
        ctx,
        at,
        RuleKind.RECEIVE,
        f"receive from {t.channel}",
        t.span,
        k,
        guard=took.guard,
        updates=took.updates,
        inputs=took.inputs,
        relation=took.relation,
        delay=took.delay,
        event=EventKind.MESSAGE_RECEIVED,
        subject=t.channel,
        detail=ctx.inst.name,
        channel=t.channel,
        seen=took.seen,
    )
    kept_in_range(ctx, t, took, rule)
    return Out(None)


def kept_in_range(ctx: Ctx, t: ast.Receive, took: Taken, rule: RuleDraft) -> None:
    """A variable that takes the message keeps its range; a new name has the channel's."""
    if t.resolved is None:
        mine = {x.index for x in leaves(ctx.env.variables[t.var])}
        ctx.in_range({i: e for i, e in took.updates.items() if i in mine}, rule)


def taken(ctx: Ctx, t: ast.Receive, at: At) -> Taken:
    c = ctx.world.channels[t.channel]
    if c.decl.environment:
        return _from_environment(ctx, c, t, at)
    if c.capacity is None:
        return _any_of_them(ctx, c, t, at)
    ways = []
    inputs: tuple[Input, ...] = ()
    pick: Expr | None = None
    keys = _keys(ctx, c, t.key, at)
    size = max(len(c.mine(n, ctx.inst.id).slots) for _, n in keys)
    if c.decl.order == "unordered" and size > 1:
        inputs = (Input("pick", Sort.INT, Int(0, size - 1), 0, size - 1),)
        pick = inp(0, Sort.INT)
    relation = TRUE
    updates: dict[int, Expr] = {}
    values: list[tuple[Expr, Value]] = []
    for is_, n in keys:
        q = c.mine(n, ctx.inst.id)
        fits = [
            and_(q.holds(i), _wanted(ctx, t, q, i, and_(is_, q.holds(i)), at))
            for i in range(len(q.slots))
        ]
        some = lt(const(0), q.length) if t.where is None else or_(*fits)
        ways.append(and_(is_, some))
        if pick is not None:
            first = [eq(pick, const(i)) for i in range(len(fits))]
            allowed = or_(*(and_(a, b) for a, b in zip(first, fits, strict=True)))
            relation = and_(relation, implies(is_, allowed))
        else:
            first = q.next(None if t.where is None else fits)
        updates.update(q.without(first, is_))
        found = picked(list(zip(first, q.slots, strict=False))[:-1], q.slots[len(first) - 1])
        values.append((is_, found))
    message = picked(values[:-1], values[-1][1])
    assert isinstance(message, Rec)
    updates.update(_stored(ctx, t, message.get(MESSAGE)))
    if c.decl.answer is not None and t.resolved is not None:
        hand, asker = ctx.env.names[t.var + ASKED], message.get(ASKER)
        assert isinstance(hand, Expr) and isinstance(asker, Expr)
        updates[hand.index] = asker
    shown = (*key_of(ctx, c, t.key), *seen(c.type, MESSAGE, message.get(MESSAGE)))
    return Taken(or_(*ways), updates, inputs, relation, seen=shown)


def _wanted(ctx: Ctx, t: ast.Receive, q: Queue, i: int, there: Expr, at: At) -> Expr:
    """Whether the message in a slot fits the `where`."""
    if t.where is None:
        return TRUE
    slot = q.slots[i]
    assert isinstance(slot, Rec)
    return ctx.read(at, partial(_fits, t=t, message=slot.get(MESSAGE), there=there))


def _fits(env: Env, t: ast.Receive, message: Value, there: Expr) -> Expr:
    assert t.where is not None
    inner = replace(env, guard=and_(env.guard, there))
    if t.resolved is not None:
        return scalar(inner.bind(**{t.var: message}), t.where)
    variables = ChainMap({t.var: message}, dict(inner.variables))
    return scalar(replace(inner, variables=variables), t.where)


def _stored(ctx: Ctx, t: ast.Receive, message: Value) -> Iterable[tuple[int, Expr]]:
    if t.resolved is None:
        target = ast.Name(t.var, span=t.span)
        return assign(replace(ctx.env, defined=[]), target, message, None)
    place = ctx.env.names[t.var]
    return [(p.index, v) for p, v in zip(leaves(place), leaves(message), strict=True)]


def _any_of_them(ctx: Ctx, c: Channel, t: ast.Receive, at: At) -> Taken:
    """Any message, where there is one: only their number is known."""
    took = _from_environment(ctx, c, t, at)
    ways: list[Expr] = []
    updates = dict(took.updates)
    for is_, n in _keys(ctx, c, t.key, at):
        q = c.mine(n, ctx.inst.id)
        ways.append(and_(is_, lt(const(0), q.length)))
        updates.update(q.without((), is_))
    inputs = took.inputs
    if c.decl.answer is not None and t.resolved is not None:
        hand = ctx.env.names[t.var + ASKED]
        assert isinstance(hand, Expr)
        updates[hand.index] = inp(len(inputs), Sort.INT)
        inputs = (*inputs, Input("asker", Sort.INT, Int()))
    shown = (*key_of(ctx, c, t.key), *took.seen)
    return Taken(or_(*ways), updates, inputs, took.relation, seen=shown)


def _from_environment(ctx: Ctx, c: Channel, t: ast.Receive, at: At) -> Taken:
    """Any message, at any time, or never."""
    inputs: list[Input] = []
    ranges: list[Expr] = []

    def fresh(name: str, type_: Type) -> Expr:
        lo, hi = (type_.lo, type_.hi) if isinstance(type_, Int) else (None, None)
        inputs.append(Input(name, sort_of(type_), type_, lo, hi))
        x = inp(len(inputs) - 1, sort_of(type_))
        if isinstance(type_, Enum):
            lo, hi = 0, len(type_.values) - 1
        if lo is not None and hi is not None:
            ranges.append(and_(le(const(lo), x), le(x, const(hi))))
        return x

    message = build(c.type, "message", fresh)
    if t.where is not None:
        ranges.append(ctx.read(at, partial(_fits, t=t, message=message, there=TRUE)))
    updates = dict(_stored(ctx, t, message))
    shown = seen(c.type, MESSAGE, message)
    return Taken(TRUE, updates, tuple(inputs), and_(*ranges), ALWAYS, shown)
