"""The transition system under construction.

Everything here is mutable and private to one call of `lower`.  Drafts become the frozen data of
`system` in `finish`.  Some expressions speak of what is lowered later (which points a cancelled
thread may stand at): they are *knots*, empty junctions whose arguments are tied at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from ...dsl.errors import Span
from ...dsl.types import Bool, Int, Type
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    const,
    eq,
    ite,
    neg,
    or_,
    sub,
    var,
)
from ..system import (
    Bundle,
    Delay,
    EventKind,
    EventTemplate,
    Input,
    Obligation,
    Point,
    PointKind,
    ResourceInfo,
    Rule,
    RuleKind,
    Thread,
    Variable,
    VarKind,
)
from .data import Value, build, leaves, sort_of

Update = tuple[int, Expr]
Holds = tuple[tuple[int, Expr], ...]

CANCELLED = -1  # values of a pending-error variable, beside 0 (none) and 1 + error index
RETURNED = -2


class RegionKind:
    """What a stretch of one thread means for cancellation."""

    PROTECTED = "protected"  # nocancel, or a cleanup that is running
    CLEANUP = "cleanup"  # the body of something that cleans up when it is cancelled


@dataclass(eq=False, slots=True)
class Region:
    kind: str
    unwind: int = 0  # CLEANUP: the point to go to
    pending: int = 0  # CLEANUP: the pending-error variable


@dataclass(eq=False, slots=True)
class PointDraft:
    id: int
    kind: PointKind
    label: str
    span: Span
    holds: Holds
    regions: tuple[Region, ...]
    activity: str = ""
    scheduled: list[str] = field(default_factory=list)  # activities that become pending here

    @property
    def protected(self) -> bool:
        return any(r.kind == RegionKind.PROTECTED for r in self.regions)


@dataclass(eq=False, slots=True)
class ThreadDraft:
    id: int
    name: str
    instance: int
    location: int
    fork: ForkDraft | None
    span: Span
    points: list[PointDraft] = field(default_factory=list)
    after: tuple[int, ...] = ()
    forks: list[ForkDraft] = field(default_factory=list)

    def at(self, point: int) -> Expr:
        return eq(var(self.location, Sort.INT), const(point))


@dataclass(eq=False, slots=True)
class ForkDraft:
    """A parallel composition: the thread that forks, where, and the children."""

    host: ThreadDraft
    point: int
    holds: Holds
    protected: bool  # the host cannot be cancelled here
    children: list[ThreadDraft] = field(default_factory=list)
    landings: set[int] = field(default_factory=set)  # host points that mean "aborting"
    marked: Expr = field(default_factory=lambda: knot(Op.OR))
    bundle: Bundle | None = None
    released: dict[int, Expr] = field(default_factory=dict)  # USED variable -> amount freed


@dataclass(eq=False, slots=True)
class RuleDraft:
    index: int
    name: str
    kind: RuleKind
    thread: ThreadDraft
    guard: Expr
    updates: dict[int, Expr]
    held: Holds
    then: Holds
    span: Span
    relation: Expr = TRUE
    inputs: tuple[Input, ...] = ()
    kills: ForkDraft | None = None
    event: EventKind = EventKind.STEP_TAKEN
    subject: str = ""
    detail: str = ""
    more_events: tuple[EventTemplate, ...] = ()
    delay: Delay | None = None
    group: int | None = None
    activity: str = ""
    error: str = ""
    probability: Expr | None = None
    priority: Expr | None = None
    test_span: Span | None = None


def knot(op: Op) -> Expr:
    return Expr(op, (), Sort.INT if op is Op.ADD else Sort.BOOL)


def tie(k: Expr, parts: Sequence[Expr]) -> None:
    unit = {Op.OR: FALSE, Op.AND: TRUE, Op.ADD: const(0)}[k.op]
    k.args = tuple(parts) or (unit,)


class Builder:
    def __init__(self) -> None:
        self.variables: list[Variable] = []
        self.threads: list[ThreadDraft] = []
        self.forks: list[ForkDraft] = []
        self.rules: list[RuleDraft] = []
        self.obligations: list[Obligation] = []
        self.resources: dict[str, ResourceInfo] = {}
        self.errors: list[str] = []
        self.strings: dict[str, int] = {}
        self.ended_knots: list[tuple[Expr, list[ForkDraft]]] = []
        self.groups = 0
        self.excluded: list[Expr] = []
        # sagas: (variable -> (value at entry, written from outside)), their own rules
        self.watched: list[tuple[dict[int, tuple[Expr, Expr]], set[int]]] = []

    # --- variables -------------------------------------------------------------------------

    def string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))

    def error(self, name: str) -> int:
        """The number of an error in a pending-error variable, from 1."""
        if name not in self.errors:
            self.errors.append(name)
        return self.errors.index(name) + 1

    def variable(
        self,
        name: str,
        type_: Type,
        kind: VarKind,
        init: Expr | None,
        instance: int | None = None,
        span: Span | None = None,
    ) -> Expr:
        index = len(self.variables)
        sort = sort_of(type_)
        lo, hi = (type_.lo, type_.hi) if isinstance(type_, Int) else (None, None)
        self.variables.append(
            Variable(
                index, name, sort, type_, kind, init, instance, lo, hi, span or Span("", 0, 0, 0, 0)
            )
        )
        return var(index, sort)

    def data(
        self,
        name: str,
        type_: Type,
        kind: VarKind,
        init: Value | None,
        instance: int | None,
        span: Span,
    ) -> Value:
        """A variable of any type, one scalar for each of its parts."""
        inits = iter(list(leaves(init))) if init is not None else None

        def leaf(path: str, t: Type) -> Expr:
            return self.variable(path, t, kind, next(inits) if inits else None, instance, span)

        return build(type_, name, leaf)

    def hidden(self, name: str, instance: int, init: int | bool = 0) -> Expr:
        type_: Type = Bool() if isinstance(init, bool) else Int()
        return self.variable(name, type_, VarKind.HIDDEN, const(init), instance)

    def copy(self, name: str, like: Expr, kind: VarKind, instance: int) -> Expr:
        """A hidden or ghost variable of the type of another one."""
        zero = {Sort.BOOL: const(False), Sort.INT: const(0), Sort.REAL: const(Fraction(0))}
        model = self.variables[like.index]
        type_ = Int() if isinstance(model.type, Int) else model.type
        return self.variable(name, type_, kind, zero[like.sort], instance, model.span)

    # --- threads and points ----------------------------------------------------------------

    def thread(self, name: str, instance: int, fork: ForkDraft | None, span: Span) -> ThreadDraft:
        location = self.variable(f"{name} at", Int(), VarKind.LOCATION, const(0), instance, span)
        draft = ThreadDraft(len(self.threads), name, instance, location.index, fork, span)
        self.threads.append(draft)
        if fork is not None:
            fork.children.append(draft)
        return draft

    def point(
        self,
        thread: ThreadDraft,
        kind: PointKind,
        label: str,
        span: Span,
        holds: Holds = (),
        regions: tuple[Region, ...] = (),
        activity: str = "",
    ) -> int:
        draft = PointDraft(len(thread.points), kind, label, span, holds, regions, activity)
        thread.points.append(draft)
        return draft.id

    def fork(
        self, host: ThreadDraft, label: str, span: Span, holds: Holds, regions: tuple[Region, ...]
    ) -> ForkDraft:
        point = self.point(host, PointKind.FORK, label, span, holds, regions)
        draft = ForkDraft(host, point, holds, host.points[point].protected)
        host.forks.append(draft)
        self.forks.append(draft)
        return draft

    def ended(self, forks: list[ForkDraft]) -> Expr:
        """Every protected part below these forks (a list that may still grow) has ended."""
        k = knot(Op.AND)
        self.ended_knots.append((k, forks))
        return k

    # --- the end ---------------------------------------------------------------------------

    def finish(self) -> tuple[tuple[Rule, ...], tuple[Thread, ...]]:
        """Tie the knots and freeze rules and threads."""
        for fork in self.forks:
            outer = fork.host.fork
            parts = [fork.host.at(p) for p in sorted(fork.landings)]
            if outer is not None and not fork.protected:
                parts.append(outer.marked)
            tie(fork.marked, parts)
        for k, forks in self.ended_knots:
            tie(
                k, [t.at(0) for f in forks for t in _below(f) if any(p.protected for p in t.points)]
            )
        for snapshot, own in self.watched:
            for rule in self.rules:
                if rule.index not in own:
                    for i, (_, touched) in snapshot.items():
                        if i in rule.updates:
                            rule.updates[touched.index] = TRUE
        for rule in self.rules:
            if rule.kills is not None and rule.kills.bundle is None:
                self._bundle(rule.kills)
        rules = tuple(self._rule(r) for r in self.rules)
        threads = tuple(
            Thread(
                t.id,
                t.name,
                t.instance,
                t.location,
                t.fork.host.id if t.fork else None,
                tuple(
                    Point(p.id, p.kind, p.label, p.span, p.holds, p.protected, p.activity)
                    for p in t.points
                ),
                t.fork.point if t.fork else None,
                t.after,
                t.span,
            )
            for t in self.threads
        )
        return rules, threads

    def _bundle(self, fork: ForkDraft) -> None:
        """What cancelling everything below `fork` does, shared by all rules that do it."""
        updates: list[Update] = []
        events: list[EventTemplate] = []
        freed: dict[int, list[Expr]] = {}
        for thread in _killed(fork):
            here = var(thread.location, Sort.INT)
            to: dict[int, int] = {}
            pending: dict[int, list[Expr]] = {}
            for p in thread.points:
                to[p.id] = p.id if p.protected else 0
                if not p.protected:
                    cleanup = [r for r in p.regions if r.kind == RegionKind.CLEANUP]
                    if cleanup:
                        to[p.id] = cleanup[-1].unwind
                        pending.setdefault(cleanup[-1].pending, []).append(thread.at(p.id))
                if to[p.id] != p.id:
                    if p.kind in (PointKind.RUN, PointKind.BACKOFF):
                        events.append(
                            EventTemplate(
                                EventKind.TASK_CANCELLED,
                                p.activity,
                                thread.instance,
                                (),
                                thread.at(p.id),
                            )
                        )
                    after = dict(_total(thread.points[to[p.id]].holds))
                    for used, amount in _total(p.holds).items():
                        lost = sub(amount, after.get(used, const(0)))
                        if lost.value != 0 or lost.op is not Op.CONST:
                            freed.setdefault(used, []).append(ite(thread.at(p.id), lost, const(0)))
            new = const(0)
            for target in sorted({t for p, t in to.items() if t not in (0, p)}):
                sources = [thread.at(p) for p, t in to.items() if t == target != p]
                new = ite(or_(*sources), const(target), new)
            stays = [thread.at(p) for p, t in to.items() if t == p != 0]
            new = ite(or_(*stays), here, new)
            updates.append((thread.location, new))
            for variable, conds in pending.items():
                updates.append(
                    (variable, ite(or_(*conds), const(CANCELLED), var(variable, Sort.INT)))
                )
        fork.released = {used: add(const(0), *parts) for used, parts in freed.items()}
        changes = tuple(updates)
        events.append(
            EventTemplate(
                EventKind.STEP_TAKEN, fork.host.name, fork.host.instance, changes, None, "cancel"
            )
        )
        fork.bundle = Bundle(changes, tuple(events))

    def _rule(self, r: RuleDraft) -> Rule:
        updates = dict(r.updates)
        bundle = r.kills.bundle if r.kills is not None else None
        if bundle is not None:
            for index, _ in bundle.updates:
                updates.pop(index, None)
        resource_events: list[EventTemplate] = []
        before, after = _total(r.held), _total(r.then)
        freed = r.kills.released if r.kills is not None else {}
        changes = tuple(updates.items())
        for used in sorted({*before, *after, *freed}):
            gain = sub(after.get(used, const(0)), before.get(used, const(0)))
            if used in freed:
                gain = sub(gain, freed[used])
            if gain.op is Op.CONST and gain.value == 0:
                continue
            updates[used] = add(var(used, Sort.INT), gain)
            name = self.variables[used].name
            if (gain.op is Op.CONST and isinstance(gain.value, int) and gain.value > 0) or (
                used in after and used not in before and used not in freed
            ):
                kind, amount = EventKind.RESOURCE_ALLOCATED, gain
            else:
                kind, amount = EventKind.RESOURCE_RELEASED, neg(gain)
            resource_events.append(
                EventTemplate(kind, name, r.thread.instance, ((used, amount),), None, r.subject)
            )
        around = dict(before)
        outer = r.thread.fork
        while outer is not None:
            for used, amount in outer.holds:
                around[used] = add(around[used], amount) if used in around else amount
            outer = outer.host.fork
        gains = {
            used: sub(amount, before.get(used, const(0)))
            for used, amount in after.items()
            if r.kind in (RuleKind.START, RuleKind.GRANT) and amount is not before.get(used)
        }
        scheduled = tuple(
            EventTemplate(EventKind.TASK_SCHEDULED, name, r.thread.instance)
            for t in self._entered(r)
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
            bundle=bundle,
            own_events=(*r.more_events, *resource_events, main, *scheduled),
            delay=r.delay,
            group=r.group,
            activity=r.activity,
            error=r.error,
            probability=r.probability,
            priority=r.priority,
            test_span=r.test_span,
            holds=tuple(around.items()),
            gains=tuple(gains.items()),
            over_children=r.kills is not None and r.kills.host is r.thread,
        )

    def _entered(self, r: RuleDraft) -> list[PointDraft]:
        """Points that the rule certainly goes to."""
        out = []
        thread: ThreadDraft | None = r.thread
        while thread is not None:
            new = r.updates.get(thread.location)
            if new is not None and new.op is Op.CONST and isinstance(new.value, int):
                out.append(thread.points[new.value])
            thread = thread.fork.host if thread.fork else None
        return out


def _total(holds: Holds) -> dict[int, Expr]:
    out: dict[int, Expr] = {}
    for used, amount in holds:
        out[used] = add(out[used], amount) if used in out else amount
    return out


def _below(fork: ForkDraft) -> list[ThreadDraft]:
    """All threads below a fork, its children first."""
    out: list[ThreadDraft] = []
    stack = [fork]
    while stack:
        f = stack.pop()
        out.extend(f.children)
        for child in f.children:
            stack.extend(child.forks)
    return out


def _killed(fork: ForkDraft) -> list[ThreadDraft]:
    """Those of them that do not run inside a protected part of another of them."""
    out: list[ThreadDraft] = []
    stack = [fork]
    while stack:
        f = stack.pop()
        out.extend(f.children)
        for child in f.children:
            stack.extend(g for g in child.forks if not g.protected)
    return out
