"""`faults crash w`: an instance loses what it has in memory, and resumes from its event log.

A thread of its own says whether an instance is up.  While it is down none of its steps can be
taken, and what its threads hold counts as nothing; where they stand is in the log.  An activity
that was running may have had its effect (`repeats`), and runs anew.  Clocks begin anew as well.

What has a lease is not given back by a crash: nobody else gets it before the lease is over, at
some time within it (for how long it has run is not kept).  Who comes back waits for that, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.records import dataclass
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
    implies,
    inp,
    ite,
    le,
    lt,
    neg,
    not_,
    or_,
    var,
)
from ..system import Delay, EventKind, Input, Loop, PointKind, RuleKind, VarKind
from ..walks import substitute
from .builder import Builder, Holds, ThreadDraft
from .context import Ctx, step
from .cut import Cut
from .drafts import InstanceDraft
from .env import collecting
from .expressions import as_sort, measured
from .first import initially
from .place import At
from .repeats import only_if, typed

UP, DOWN = 0, 1


@dataclass(frozen=True, slots=True)
class _Left:
    """What a crash leaves taken until a lease ends: by USED variable."""

    used: int
    amount: Expr
    lease: Expr
    resource: str


@dataclass(frozen=True, slots=True)
class Crashing:
    """An instance that may crash: the thread that says whether it is up."""

    draft: InstanceDraft
    fault: ast.Fault
    thread: ThreadDraft
    leased: tuple[_Left, ...]

    @property
    def up(self) -> Expr:
        return self.thread.at(UP)


def crashing(b: Builder, d: InstanceDraft, fault: ast.Fault) -> Crashing:
    thread = b.thread(f"crash of {d.name}", d.id, None, fault.span)
    b.point(thread, PointKind.END, f"{d.name} is up", fault.span)
    kind = PointKind.FAILED if fault.never else PointKind.READY
    b.point(thread, kind, f"{d.name} is down", fault.span)
    left = []
    for name, lease in b.leases.items():
        for r in b.of_name(name):
            for used in (r.used, r.exclusive):
                if used is not None:
                    what = b.variables[used].name
                    amount = b.hidden(f"{d.name} has left {what}", d.id)
                    b.left.append((used, amount))
                    left.append(_Left(used, amount, lease, r.name))
    return Crashing(d, fault, thread, tuple(left))


def crashes(ctx: Ctx, c: Crashing) -> None:
    """The rules of the fault, when all rules of the instance are there."""
    b, d = ctx.b, c.draft
    # (Channels have threads of their own, which go on.)
    threads = [t for t in b.threads if _top(t) is d.root]
    rules = [r for r in b.rules if _top(r.thread) is d.root]
    held = _held(threads)
    updates: dict[int, Expr] = {}
    left = [x for x in c.leased if x.used in held]
    c.thread.points[DOWN].holds = tuple((x.used, x.amount) for x in left)
    updates |= {x.amount.index: held[x.used] for x in left}
    away = [d.root.at(d.completed), d.root.at(d.failed)]
    if d.arrives is not None:
        away.append(d.root.at(0))  # it has not come yet
    guard: Expr = not_(or_(*away))
    if c.fault.at_most is not None:
        with collecting(ctx.env) as (env, found):
            most = as_sort(env, c.fault.at_most, Sort.INT)
        ctx.defined_at(found, At(TRUE))
        count = b.hidden(f"{d.name} crashes", d.id)
        guard = and_(guard, lt(count, most))
        updates[count.index] = add(count, const(1))
    cut = Cut({})
    for t in threads:
        for p in t.points:
            if p.begun is not None:
                cut.off(t.at(p.id), p)
    left_behind = cut.values()
    for i in sorted({i for r in rules for i in r.updates}):
        v = b.variables[i]
        if v.kind is VarKind.SHARED and not v.durable and v.init is not None:
            updates[i] = initially(b, v.init)
            left_behind.pop(i, None)
    updates |= left_behind
    still = {x.used for x in left}
    for used, amount in held.items():
        if used not in still:
            updates[used] = add(var(used, Sort.INT), neg(amount))
    if c.fault.never:
        updates |= {t.location: const(0) for t in threads}
        updates[d.root.location] = const(d.failed)
    mine = replace(ctx, thread=c.thread, claims=(), frame=None)
    first = len(b.rules)
    step(
        mine,
        At(c.up),
        RuleKind.CRASH,
        f"{d.name} crashes",
        c.fault.span,
        DOWN,
        guard=guard,
        updates=updates,
        held=tuple((x.used, held[x.used]) for x in left),
        event=EventKind.CRASH_OCCURRED,
        subject=d.name,
        delay=Delay(const(Fraction(0)), None),
    )
    for r in rules:
        r.guard = and_(c.up, r.guard)
        r.waits = and_(c.up, r.waits) if r.waits is not None else None
    b.asking[:] = [
        replace(a, wants=and_(c.up, a.wants)) if a.instance == d.id else a for a in b.asking
    ]
    _expiries(mine, c, left)
    if c.fault.never:
        return
    known = {x.index for x in b.lost.get(d.id, ())}
    again = {
        used: substitute(e, lambda x: FALSE if x.op is Op.VAR and x.index in known else x)
        for used, e in held.items()
    }
    _recovery(mine, c, threads, again, left)
    if c.fault.at_most is None:
        back = len(b.rules) - 1
        loop = Loop(c.fault.span, c.thread.id, c.up, TRUE, (first, back), (back,))
        ctx.world.loops.append(loop)
    for t in threads:
        for p in t.points:
            p.holds = _while_up(c, p.holds)


def _expiries(ctx: Ctx, c: Crashing, left: list[_Left]) -> None:
    holds = c.thread.points[DOWN].holds
    for x in left:
        step(
            ctx,
            At(c.thread.at(DOWN)),
            RuleKind.TIMER,
            f"the lease of {x.resource} is over that {c.draft.name} had",
            c.fault.span,
            None,
            guard=lt(const(0), x.amount),
            updates={x.amount.index: const(0)},
            held=holds,
            then=tuple(h for h in holds if h[0] != x.used),
            event=EventKind.LEASE_EXPIRED,
            subject=c.draft.name,
            delay=Delay(const(Fraction(0)), x.lease),
        )


def _top(t: ThreadDraft) -> ThreadDraft:
    while t.fork is not None:
        t = t.fork.host
    return t


def _recovery(
    ctx: Ctx,
    c: Crashing,
    threads: Iterable[ThreadDraft],
    held: dict[int, Expr],
    left: list[_Left],
) -> None:
    """All that was claimed is claimed again, in one step; attempts begin anew."""
    b, d = ctx.b, c.draft
    back = None
    if c.fault.back_within is not None:
        with collecting(ctx.env) as (env, found):
            back = measured(env, c.fault.back_within)
        ctx.defined_at(found, At(TRUE))
    inputs: list[Input] = []
    allowed: list[Expr] = []
    updates: dict[int, Expr] = {x.index: FALSE for x in b.lost.get(d.id, ())}
    for t in threads:
        for p in t.points:
            happens: Expr = FALSE
            for v in p.redo:
                answer = inp(len(inputs), v.sort)
                inputs.append(Input(v.name, v.sort, v.type, v.lo, v.hi))
                if p.happens is not None and v.index == p.happens.index:
                    happens = and_(t.at(p.id), answer)
                    allowed.append(implies(answer, t.at(p.id)))
                else:
                    allowed += [typed(v, answer), only_if(happens, v, answer)]
                updates[v.index] = ite(t.at(p.id), answer, var(v.index, v.sort))
    for used, amount in held.items():
        updates[used] = add(var(used, Sort.INT), amount)
    for lost in b.lost.get(d.id, ()):
        lease = b.revocable.get(lost.index)
        if lease is not None and lease.timed:  # it begins anew
            updates[lease.granted.index] = b.now()
            updates[lease.left.index] = lease.limit
    rule = step(
        ctx,
        At(c.thread.at(DOWN)),
        RuleKind.RECOVER,
        f"{d.name} recovers",
        c.fault.span,
        UP,
        guard=and_(_free(b, held), *(eq(x.amount, const(0)) for x in left)),
        updates=updates,
        inputs=tuple(inputs),
        relation=and_(*allowed),
        event=EventKind.RECOVERED,
        subject=d.name,
        delay=Delay(const(Fraction(0)), back),
    )
    rule.asked = tuple(held.items())


def _free(b: Builder, held: dict[int, Expr]) -> Expr:
    """What is to be claimed again can be."""
    out = []
    for r in b.resources.values():
        mine = held.get(r.used, const(0))
        used = var(r.used, Sort.INT)
        if not r.enforced:
            continue
        if r.exclusive is None:
            if r.used in held:
                out.append(le(add(used, mine), r.capacity))
            continue
        alone = held.get(r.exclusive, const(0))
        exclusive = var(r.exclusive, Sort.INT)
        if r.used in held or r.exclusive in held:
            nothing = and_(eq(mine, const(0)), eq(alone, const(0)))
            # (Of one lock it may have lost two claims, which it cannot have both again.)
            mine, alone = add(used, mine), add(exclusive, alone)
            apart = or_(eq(alone, const(0)), and_(eq(alone, const(1)), eq(mine, const(0))))
            out.append(or_(nothing, apart))
    return and_(*out)


def _held(threads: Iterable[ThreadDraft]) -> dict[int, Expr]:
    """What the threads hold where they stand, by USED variable."""
    parts: dict[int, list[Expr]] = {}
    for t in threads:
        for p in t.points:
            for used, amount in p.holds:
                parts.setdefault(used, []).append(ite(t.at(p.id), amount, const(0)))
    return {used: add(*found) for used, found in parts.items()}


def _while_up(c: Crashing, holds: Holds) -> Holds:
    return tuple((used, ite(c.up, amount, const(0))) for used, amount in holds)
