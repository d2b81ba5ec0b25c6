"""The transition system under construction.

Everything here is mutable and private to one call of `lower`.  Drafts become the frozen data of
`system` in `finish`.  Some expressions speak of what is lowered later (which points a cancelled
thread may stand at): they are *knots*, empty junctions whose arguments are tied at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from fractions import Fraction

from ...dsl.errors import Span
from ...dsl.records import dataclass
from ...dsl.types import Bool, Duration, Int, Type
from ..expr import FALSE, TRUE, Expr, Op, Sort, add, const, eq, le, to_real, var, whole
from ..system import (
    Delay,
    EventKind,
    EventTemplate,
    Input,
    Obligation,
    PointKind,
    ResourceInfo,
    RuleKind,
    Seen,
    Variable,
    VarKind,
)
from ..walks import postorder
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
    over: Expr = FALSE  # control has silently passed its end
    over_at: frozenset[tuple[int, int]] = frozenset()  # (location, point) where it may have

    def passed(self, over: Expr) -> None:
        self.over = over
        self.over_at = frozenset(
            (n.args[0].index, n.args[1].index)
            for n in postorder([over])
            if n.op is Op.EQ and n.args[0].op is Op.VAR and type(n.args[1].value) is int
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """When the effect of an attempt is had among those of its group that are cut off with it."""

    number: Expr  # below `most`, as the environment has said when the attempt started
    group: int
    most: int


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
    # What leaving it by being cancelled does, beside control: by variable.
    cut: dict[int, Expr] = field(default_factory=dict)
    turn: Turn | None = None  # where it matters in which order that is done
    begun: RuleDraft | None = None  # of an attempt: its start
    happens: Expr | None = None  # of an attempt: it has had its effect if it is cut off
    redo: tuple[Variable, ...] = ()  # what the environment answers when it is begun anew there
    like: int | None = None  # a point of the same thread that it stands in for

    @property
    def protected(self) -> bool:
        regions = self.regions  # (mostly none: this is asked of every point)
        return bool(regions) and any(r.kind == RegionKind.PROTECTED for r in regions)


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
    _here: Expr | None = None
    _at: dict[int, Expr] = field(default_factory=dict)

    def at(self, point: int) -> Expr:
        """The one term for it, which all that ask share."""
        found = self._at.get(point)
        if found is None:
            if self._here is None:
                self._here = var(self.location, Sort.INT)
            found = self._at[point] = eq(self._here, const(point))
        return found


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
    crossed: bool = False  # by a `return`, though the host is protected here


@dataclass(eq=False, slots=True)
class RuleDraft:
    index: int
    name: str
    kind: RuleKind
    thread: ThreadDraft
    guard: Expr
    reading: Callable[[Expr], Expr]  # an expression of the state after the moves
    updates: dict[int, Expr]
    held: Holds
    then: Holds
    span: Span
    relation: Expr = TRUE
    inputs: tuple[Input, ...] = ()
    kills: ForkDraft | None = None
    through: Sequence[ForkDraft] = ()  # a `return` crosses these forks, innermost first
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
    reads: tuple[int, ...] = ()
    leaves: PointDraft | None = None  # of an attempt that it ends: what that leaves behind is had
    over_children: bool = False  # may be taken while child threads of its thread run
    asked: Holds = ()  # claimed by this step, for other threads
    waits: Expr | None = None  # of a claim that waits: where control stands before it
    asks: Expr = TRUE  # of such a claim: what it waits for
    turn: Expr = TRUE  # of such a claim: nobody in the queue is ahead
    channel: str = ""
    seen: tuple[Seen, ...] = ()


@dataclass(eq=False, slots=True)
class Revocable:
    """A claim that is taken back when its lease is over, also while a protected part runs on.

    `granted`: when it was claimed (by the rule `grant`); `left`: for how long it is still had, once
    its block is left.  Kept where it can be left before the lease is over (`timed`).
    """

    resource: str
    place: str
    limit: Expr
    outlived: Expr
    lost: Expr
    granted: Expr
    left: Expr
    span: Span
    grant: RuleDraft | None = None
    timed: bool = False


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody stands before a claim of a lock (`resource`, with its key) that is not free."""

    resource: str
    instance: int
    wants: Expr


def below(fork: ForkDraft) -> list[ThreadDraft]:
    """All threads below a fork, its children first."""
    out: list[ThreadDraft] = []
    stack = [fork]
    while stack:
        f = stack.pop()
        out.extend(f.children)
        for child in f.children:
            stack.extend(child.forks)
    return out


# A condition to be tied, which of the claims do not count for it, and when it holds each lock.
Preempting = tuple[Expr, range, Callable[[], dict[str, Expr]]]


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
        self.leases: dict[str, Expr] = {}  # seconds, by name
        self.left: list[tuple[int, Expr]] = []  # of what, and how much, a crash leaves leased
        self.lost: dict[int, list[Expr]] = {}  # of silent leases, by instance: that it is over
        self.revocable: dict[int, Revocable] = {}  # by the variable that says that it is lost
        self.wherever: dict[str, str] = {}  # by occurrence in one place: in any
        self.tokens: dict[str, Expr] = {}  # the last fencing token, by name
        self.families: dict[str, tuple[tuple[Expr, ResourceInfo], ...]] = {}  # by key
        self.asking: list[Asking] = []
        self.preempting: list[Preempting] = []
        self.waiters = 0  # places at which one waits in place of who waited before
        self.waiting: dict[str, Expr] = {}  # the last of them, by resource
        self.errors: list[str] = []
        self.strings: dict[str, int] = {}
        self._more: dict[tuple[int, int], Expr] = {}  # by variable and amount
        self._fits: dict[tuple[int, int], Expr] = {}
        self.stretches: list[tuple[tuple[Expr, Expr], ThreadDraft, range]] = []
        self.ended_knots: list[tuple[Expr, list[ForkDraft]]] = []
        self.groups = 0
        self.turns = 0  # groups of attempts
        self.clock: Expr | None = None  # the last time at which it was read, if it is
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
            first = next(inits) if inits else None
            if first is not None and sort_of(t) is Sort.REAL:
                first = to_real(first)
            return self.variable(path, t, kind, first, instance, span)

        return build(type_, name, leaf)

    def of_name(self, name: str) -> tuple[ResourceInfo, ...]:
        """The resource of this name, or one for each of its keys."""
        if name in self.families:
            return tuple(r for _, r in self.families[name])
        return (self.resources[name],)

    def more(self, used: int, amount: Expr) -> Expr:
        """What is in use of something, and so much more: one term for all that say so."""
        number = whole(amount)
        if number is None:
            return add(var(used, Sort.INT), amount)
        if (used, number) not in self._more:
            self._more[used, number] = add(var(used, Sort.INT), amount)
        return self._more[used, number]

    def fits(self, r: ResourceInfo, amount: Expr) -> Expr:
        """There is room for so much more; one term as well."""
        number = whole(amount)
        if number is None:
            return le(self.more(r.used, amount), r.capacity)
        if (r.used, number) not in self._fits:
            self._fits[r.used, number] = le(self.more(r.used, amount), r.capacity)
        return self._fits[r.used, number]

    def last_waiting(self, r: ResourceInfo) -> Expr:
        """The number of the place at which somebody began to wait for it last; 0: none has."""
        if r.name not in self.waiting:
            name = f"who waits for {r.name}"
            self.waiting[r.name] = self.variable(name, Int(), VarKind.HIDDEN, const(0))
        return self.waiting[r.name]

    def now(self) -> Expr:
        """The clock; who is about to step reads its time then (see `clock`)."""
        if self.clock is None:
            zero = const(Fraction(0))
            self.clock = self.variable("now", Duration(), VarKind.HIDDEN, zero)
        return self.clock

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

    def within(self, thread: ThreadDraft, points: range) -> tuple[Expr, Expr]:
        """The thread is at one of these points, or at one that stands in for them: before a step,
        and after it."""
        knots = (knot(Op.OR), knot(Op.OR))
        self.stretches.append((knots, thread, points))
        return knots

    def ended(self, forks: list[ForkDraft]) -> Expr:
        """Every protected part below these forks (a list that may still grow) has ended."""
        k = knot(Op.AND)
        self.ended_knots.append((k, forks))
        return k
