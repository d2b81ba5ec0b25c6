"""From drafts to the frozen data of `system`: knots tied, cancellation and claims worked out."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import takewhile

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
    ite,
    neg,
    not_,
    or_,
    sub,
    var,
)
from ..system import (
    Bundle,
    EventKind,
    EventTemplate,
    Point,
    PointKind,
    Rule,
    RuleKind,
    Thread,
    VarKind,
)
from .builder import (
    CANCELLED,
    Builder,
    ForkDraft,
    PointDraft,
    RegionKind,
    RuleDraft,
    ThreadDraft,
    Update,
    below,
    tie,
)
from .busy import tie_claims
from .clock import timed
from .cut import Cut, take_turns
from .env import after_step
from .holding import gained, total
from .keeping import Keeping


def finish(
    b: Builder, last: Callable[[], None], crashing: Collection[int] = ()
) -> tuple[tuple[Rule, ...], tuple[Thread, ...]]:
    """Tie the knots and freeze rules and threads; `last` adds rules that know all others, among
    them the crashes of instances (`crashing`)."""
    for r in b.rules:
        # The children of a protected part that a `return` crosses are marked as well.
        for fork in r.through:
            fork.crossed = fork.crossed or fork.protected
    crossed = {t for r in b.rules for t in _crossing(r)}
    keeping = Keeping(b, crossed)
    take_turns(b, crashing)
    last()
    for fork in b.forks:
        outer = fork.host.fork
        parts = [fork.host.at(p) for p in sorted(fork.landings)]
        if outer is not None and not fork.protected:
            parts.append(outer.marked)
        elif outer is not None and fork.crossed:
            parts.append(and_(fork.host.at(0), outer.marked))
        tie(fork.marked, parts)
    for (before, after), thread, points in b.stretches:
        at = [
            thread.at(p.id) for p in thread.points if (p.id if p.like is None else p.like) in points
        ]
        tie(before, at)
        tie(after, [after_step(e) for e in at])
    tie_claims(b)
    for k, forks in b.ended_knots:
        tie(k, [t.at(0) for f in forks for t in below(f) if any(p.protected for p in t.points)])
    writers: dict[int, list[RuleDraft]] = {i: [] for snapshot, _ in b.watched for i in snapshot}
    for rule in b.rules:
        for i in writers.keys() & rule.updates.keys():
            writers[i].append(rule)
    for snapshot, own in b.watched:
        for i, (_, touched) in snapshot.items():
            for rule in writers[i]:
                if rule.index not in own:
                    rule.updates[touched.index] = TRUE
    cancels: dict[int, Cancel] = {}
    rules = []
    for r in b.rules:
        cancel = None
        if r.kills is not None:
            crossing = _crossing(r)
            cut = any(p.cut for t in below(r.kills) for p in t.points)
            if crossing or cut or _lost(b, r):
                cancel = _cancel(r.kills, crossing, keeping, r)
            else:
                cancel = cancels.get(id(r.kills)) or _cancel(r.kills, frozenset(), keeping, None)
                cancels[id(r.kills)] = cancel
        bundle = timed(b, r, cancel.bundle if cancel is not None else None)
        if cancel is not None and bundle is not None:
            cancel = Cancel(bundle, cancel.released)
        rules.append(_rule(b, r, cancel))
    return tuple(rules), tuple(_thread(t) for t in b.threads)


def _thread(t: ThreadDraft) -> Thread:
    return Thread(
        t.id,
        t.name,
        t.instance,
        t.location,
        t.fork.host.id if t.fork else None,
        tuple(
            Point(p.id, p.kind, p.label, p.span, p.holds, p.protected, p.activity) for p in t.points
        ),
        t.fork.point if t.fork else None,
        t.after,
        t.span,
    )


# --- cancellation ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cancel:
    """What cancelling everything below a fork does, and what it releases of each resource."""

    bundle: Bundle
    released: dict[int, Expr]


def _crossing(r: RuleDraft) -> frozenset[int]:
    """Threads that a `return` leaves for good, though a cancelled one would stay or clean up."""
    threads = [r.thread, *(f.host for f in r.through[:-1])] if r.through else []
    if not any(p.regions for t in threads for p in t.points):
        return frozenset()
    return frozenset(t.id for t in threads)


def _cancel(
    fork: ForkDraft, crossing: frozenset[int], keeping: Keeping, by: RuleDraft | None
) -> Cancel:
    """Every thread goes to its entry or to its innermost cleanup, or stays if protected.

    `by`: the step that cancels, where what it does itself matters.
    """
    updates: list[Update] = []
    events: list[EventTemplate] = []
    freed: dict[int, list[Expr]] = {}
    lost = _lost(keeping.b, by) if by is not None else {}
    cut = Cut(_besides(keeping.b, by) if by is not None else {})
    if by is not None and by.leaves is not None:
        cut.off(TRUE, by.leaves)
    for thread in _killed(fork, crossing):
        places: dict[int, list[Expr]] = {}  # target -> when
        pending: dict[int, list[Expr]] = {}
        stays: list[Expr] = []
        for p in thread.points:
            passed = TRUE
            if p.protected and thread.id not in crossing:
                passed = _passed(thread, p)
                stays.append(and_(thread.at(p.id), not_(passed)))
                if passed is FALSE:
                    continue
                # A fork in a protected part that has been passed: its branches have ended.
                for f in thread.forks:
                    if f.point == p.id:
                        when = and_(thread.at(p.id), passed)
                        for t in below(f):
                            old = var(t.location, Sort.INT)
                            updates.append((t.location, ite(when, const(0), old)))
            if p.kind in (PointKind.RUN, PointKind.BACKOFF):
                kind = EventKind.TASK_CANCELLED
                events.append(EventTemplate(kind, p.activity, thread.instance, (), thread.at(p.id)))
            for when, target, error in _targets(thread, p, crossing, passed, keeping):
                if by is None or thread is not by.thread or p.begun is None:
                    cut.off(when, p)
                if target:
                    places.setdefault(target, []).append(when)
                if error:
                    pending.setdefault(error, []).append(when)
                then = thread.points[target].holds
                for used, more in gained(p.holds, then, lost, lost.keys()).items():
                    freed.setdefault(used, []).append(ite(when, neg(more), const(0)))
        here = var(thread.location, Sort.INT)
        new: Expr = const(0)
        for target in sorted(places):
            new = ite(or_(*places[target]), const(target), new)
        updates.append((thread.location, ite(or_(*stays), here, new)))
        for variable, conds in pending.items():
            old = var(variable, Sort.INT)
            updates.append((variable, ite(or_(*conds), const(CANCELLED), old)))
    changes = (*updates, *cut.values().items())
    events.append(
        EventTemplate(
            EventKind.STEP_TAKEN, fork.host.name, fork.host.instance, changes, None, "cancel"
        )
    )
    released = {used: add(const(0), *parts) for used, parts in freed.items()}
    return Cancel(Bundle(changes, tuple(events)), released)


def _lost(b: Builder, by: RuleDraft) -> dict[int, Expr]:
    """What a step says of leases that end with it."""
    return {i: e for i, e in by.updates.items() if i in b.revocable}


def _besides(b: Builder, by: RuleDraft) -> dict[int, Expr]:
    """What a step does itself, but for what an attempt that it ends leaves behind."""
    left = by.leaves.cut if by.leaves is not None else {}
    return {
        i: e
        for i, e in by.updates.items()
        if b.variables[i].kind is not VarKind.GHOST and e is not left.get(i)
    }


def _passed(thread: ThreadDraft, p: PointDraft) -> Expr:
    """Whether control at a protected point has silently passed the end of the protected part."""
    outermost = next(r for r in p.regions if r.kind == RegionKind.PROTECTED)
    return outermost.over if (thread.location, p.id) in outermost.over_at else FALSE


def _targets(
    thread: ThreadDraft,
    p: PointDraft,
    crossing: frozenset[int],
    passed: Expr,
    keeping: Keeping,
) -> list[tuple[Expr, int, int]]:
    """(when, the point to go to, the pending-error variable to set, or 0) for a thread at `p`.

    `passed`: when the protected part around it, if any, is over.
    """
    out: list[tuple[Expr, int, int]] = []
    when = and_(thread.at(p.id), passed)
    if p.id == 0:
        return []
    if thread.id not in crossing:
        wait = keeping.on_cancel.get((thread.id, p.id))
        around = list(takewhile(lambda r: r.kind == RegionKind.CLEANUP, p.regions))
        for region in reversed(around):
            over = region.over if (thread.location, p.id) in region.over_at else FALSE
            target, error = (region.unwind, region.pending) if wait is None else (wait, 0)
            out.append((and_(when, not_(over)), target, error))
            when = and_(when, over)
            if when is FALSE:
                return out
        if not around and wait is not None:
            return [(when, wait, 0)]
    elif (thread.id, p.id) in keeping.on_return:
        return [(when, keeping.on_return[thread.id, p.id], 0)]
    out.append((when, 0, 0))
    return out


def _killed(fork: ForkDraft, crossing: frozenset[int]) -> list[ThreadDraft]:
    """Those of them that do not run inside a protected part of another of them."""
    out: list[ThreadDraft] = []
    stack = [fork]
    while stack:
        f = stack.pop()
        out.extend(f.children)
        for child in f.children:
            stack.extend(g for g in child.forks if not g.protected or child.id in crossing)
    return out


# --- rules -----------------------------------------------------------------------------------


def _rule(b: Builder, r: RuleDraft, cancel: Cancel | None) -> Rule:
    updates = dict(r.updates)
    if cancel is not None:
        for index, _ in cancel.bundle.updates:
            updates.pop(index, None)
    changes = tuple(updates.items())
    more_held = gained(r.held, r.then, r.updates, b.revocable.keys() & r.updates.keys())
    gains = {**(more_held if r.kind in (RuleKind.START, RuleKind.GRANT) else {}), **dict(r.asked)}
    freed = cancel.released if cancel is not None else {}
    resource_events: list[EventTemplate] = []
    for used in sorted({*more_held, *freed}):
        gain = more_held.get(used, const(0))
        if used in freed:
            gain = sub(gain, freed[used])
        if gain.op is Op.CONST and gain.value == 0:
            continue
        updates[used] = b.more(used, gain)
        if (
            gain.op is Op.CONST and isinstance(gain.value, int) and gain.value > 0
        ) or used in gains:
            kind, amount = EventKind.RESOURCE_ALLOCATED, gain
        else:
            kind, amount = EventKind.RESOURCE_RELEASED, neg(gain)
        name = b.variables[used].name
        resource_events.append(
            EventTemplate(kind, name, r.thread.instance, ((used, amount),), None, r.subject)
        )
    around = total(r.held)
    outer = r.thread.fork
    while outer is not None:
        for used, amount in outer.holds:
            around[used] = add(around[used], amount) if used in around else amount
        outer = outer.host.fork
    scheduled = tuple(
        EventTemplate(EventKind.TASK_SCHEDULED, name, r.thread.instance)
        for t in _entered(r)
        for name in t.scheduled
    )
    main = EventTemplate(r.event, r.subject, r.thread.instance, changes, None, r.detail)
    return Rule(
        index=r.index,
        name=r.name,
        kind=r.kind,
        thread=r.thread.id,
        instance=r.thread.instance,
        guard=r.guard,
        own=tuple(updates.items()),
        span=r.span,
        relation=r.relation,
        inputs=r.inputs,
        bundle=cancel.bundle if cancel is not None else None,
        own_events=(*r.more_events, *resource_events, main, *scheduled),
        delay=r.delay,
        group=r.group,
        activity=r.activity,
        wherever=b.wherever.get(r.activity, ""),
        error=r.error,
        probability=r.probability,
        priority=r.priority,
        test_span=r.test_span,
        holds=tuple(around.items()),
        gains=tuple(gains.items()),
        turn=r.turn,
        reads=r.reads,
        channel=r.channel,
        seen=r.seen,
        over_children=r.over_children or (r.kills is not None and r.kills.host is r.thread),
    )


def _entered(r: RuleDraft) -> list[PointDraft]:
    """Points that the rule certainly goes to."""
    out = []
    thread: ThreadDraft | None = r.thread
    while thread is not None:
        new = r.updates.get(thread.location)
        if new is not None and new.op is Op.CONST and isinstance(new.value, int):
            out.append(thread.points[new.value])
        thread = thread.fork.host if thread.fork else None
    return out
