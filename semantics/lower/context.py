"""Where a term stands while it is lowered, and the two things it can do: step, and raise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from ...dsl import ast
from ...dsl.errors import Span
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    and_,
    const,
    implies,
    le,
    not_,
    or_,
    var,
    variables,
)
from ..system import (
    Delay,
    EventKind,
    Input,
    Loop,
    Obligation,
    Place,
    PointKind,
    Retrying,
    RuleKind,
    SagaInfo,
    Seen,
    TimeLimit,
    VarKind,
    Waiting,
)
from .builder import (
    Builder,
    ForkDraft,
    Holds,
    PointDraft,
    Region,
    RegionKind,
    RuleDraft,
    ThreadDraft,
    Update,
)
from .data import Value
from .env import Definedness, Env, collecting
from .expressions import scalar
from .patterns import Pattern
from .place import At
from .place import through as through_moves
from .refusals import Refusals

if TYPE_CHECKING:
    from .channels import Channel
    from .open import Open

T = TypeVar("T")
ANY_ERROR = "*"
RETURN = "return"  # not an error: `return` on its way out of the workflow
UNDO_FAILED = "UndoFailed"  # ends the workflow, whatever frames there are


@dataclass(frozen=True, slots=True)
class Landing:
    """Where an error goes: under `guard`, the frame's thread continues at `point`."""

    guard: Expr
    point: int
    updates: tuple[Update, ...] = ()
    counts: Expr | None = None  # a variable of the user that is set here: it keeps its range


@dataclass(eq=False, slots=True)
class Frame:
    """Something that takes errors.  `land` may leave a rest to the frames outside."""

    thread: ThreadDraft
    outer: Frame | None
    takes: Callable[[str], bool]
    land: Callable[[str], Sequence[Landing]]
    raised: list[str] = field(default_factory=list)
    forks: list[ForkDraft] = field(default_factory=list)
    rules: list[int] = field(default_factory=list)  # that landed here


@dataclass(eq=False, slots=True)
class Attempt:
    """The rules of one place that calls an activity, and the point at which it runs."""

    start: RuleDraft
    point: PointDraft
    complete: RuleDraft | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a saga remembers of one activity: whether it is done, and how to undo it."""

    flag: Expr
    undo: ast.Undo | None
    inst: InstanceDraft  # the workflow whose activity it is
    env: Env  # arguments and result as they were
    name: str
    span: Span
    written: tuple[int, ...]
    undone_when: ast.Expression | None
    was: Expr | None  # with `undone when`: it has been done since the saga began
    by: Attempt
    instead: Expr | None = None  # with `else`: that has run since, for the undo has failed


@dataclass(frozen=True, slots=True)
class Log:
    """The undo log of a term: in sequence, or of branches that ran side by side.

    `after` (of a graph, for each part): the parts that came before it, by number.
    `sure`: the flags of what is certainly done once control has passed to the term's exit.
    """

    parts: tuple[Log | Done | Rounds, ...] = ()
    parallel: bool = False
    after: tuple[tuple[int, ...], ...] = ()
    sure: frozenset[int] = frozenset()


@dataclass(eq=False, slots=True)
class Rounds:
    """The undo log of what is done again and again: of the round under way, and how many there
    were before.

    What the undo of a round looks at and later rounds overwrite (`kept`) is put on a stack by
    `again`, the step that ends a round, and taken from it by the steps that go back to an
    earlier one (`back`).
    """

    body: Log
    sure: frozenset[int]  # flags of what is certainly done when a round ends
    count: Expr
    again: RuleDraft
    inside: range  # the variables of the body
    kept: list[Expr] = field(default_factory=list)
    stack: Expr | None = None
    back: list[RuleDraft] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Out:
    """A lowered term: how control passes through it silently, its shape, its undo log."""

    exit: At | None
    log: Log = Log()


@dataclass(eq=False, slots=True)
class InstanceDraft:
    """An instance of a workflow, or of a child workflow inside it (`id` is the instance's)."""

    id: int
    name: str
    workflow: ast.Workflow
    env: Env
    root: ThreadDraft
    error: Expr
    occurrences: dict[str, int] = field(default_factory=dict)
    running: dict[str, list[Expr]] = field(default_factory=dict)
    counters: dict[tuple[str, str], Expr] = field(default_factory=dict)
    observed: tuple[int, ...] = ()
    active: Expr = TRUE
    arrives: Expr | None = None  # when; None: it is there from the start
    crashes: bool = False  # it may, or the instance that it is a part of
    completed: int = 0
    failed: int = 0
    result: Value | None = None


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One place that names a key (`idempotent by`): whether it has had its effect there, and the
    first and the last key (in a loop keys do not fall) with which it has."""

    seen: Expr
    first: tuple[Expr, ...]
    last: tuple[Expr, ...]
    again: bool  # more than one call may be made from there
    span: Span


@dataclass(eq=False, slots=True)
class World:
    """What is shared by the whole lowering, beside the builder."""

    spec: ast.Spec
    activities: Mapping[str, Mapping[str, ast.Activity]]  # by workflow, with those at top level
    workflows: Mapping[str, ast.Workflow]
    resources: Mapping[str, ast.Resource]
    loops: list[Loop] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    sagas: list[SagaInfo] = field(default_factory=list)
    choices: list[tuple[range, ...]] = field(default_factory=list)
    wants: frozenset[tuple[str, str]] = frozenset()  # (activity, state predicate) in use
    asked: dict[str, frozenset[tuple[str, str]]] = field(default_factory=dict)  # in a child
    keys: dict[str, list[KeyUse]] = field(default_factory=dict)  # by activity
    crashing: frozenset[str] = frozenset()  # workflows
    patterns: list[Pattern] = field(default_factory=list)
    eventually: list[tuple[Expr, Span]] = field(default_factory=list)
    channels: dict[str, Channel] = field(default_factory=dict)
    received: dict[tuple[int, int, str], dict[str, Value]] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)  # how often a message has got this name
    limits: list[TimeLimit] = field(default_factory=list)
    retries: list[Retrying] = field(default_factory=list)
    waits: list[Waiting] = field(default_factory=list)
    alike: set[int] = field(default_factory=set)  # instances of which there are any number
    has_timeouts: bool = False
    refusals: Refusals = field(default_factory=Refusals)
    open: Mapping[str, Open] = field(default_factory=dict)  # activities that stand for any term

    @property
    def permanent(self) -> frozenset[str]:
        """Errors that trying again does not help against."""
        return frozenset(("TooMany", *(e.name for e in self.spec.errors if e.kind == "permanent")))


@dataclass(frozen=True, slots=True)
class Ctx:
    b: Builder
    world: World
    inst: InstanceDraft
    thread: ThreadDraft
    env: Env
    frame: Frame | None
    claims: Holds = ()
    regions: tuple[Region, ...] = ()
    in_saga: bool = False
    retried: frozenset[str] = frozenset()  # errors on which a block around is run again
    again: bool = False  # in something that may be run more than once
    path: Expr = TRUE  # tests on the way here that look at constants of the run only
    tag: str = ""  # which copy of an `each` body this is

    @property
    def protected(self) -> bool:
        return any(r.kind == RegionKind.PROTECTED for r in self.regions)

    def point(self, kind: PointKind, label: str, span: Span, **more: str) -> int:
        return self.b.point(self.thread, kind, label, span, self.claims, self.regions, **more)

    def at(self, point: int) -> At:
        return At(self.thread.at(point), (), (self.thread.points[point],))

    def retries(self, spec: ast.RetrySpec, error: str) -> bool:
        """Whether a retry takes this error: one that it names, or any that is not permanent."""
        if spec.errors:
            return error in spec.errors
        return real_error(error) and error not in self.world.permanent

    def fixed(self, e: Expr) -> bool:
        """An expression that never changes during a run."""
        kinds = (VarKind.ARG, VarKind.PARAM)
        return all(self.b.variables[i].kind in kinds for i in variables([e]))

    def knowing(self, cond: Expr) -> Ctx:
        """A context in which a test has come out true; kept if it can never change."""
        return replace(self, path=and_(self.path, cond)) if self.fixed(cond) else self

    @property
    def here(self) -> Expr:
        return var(self.thread.location, Sort.INT)

    # --- expressions with their definedness ------------------------------------------------

    def test(self, e: ast.Expression, at: At) -> Expr:
        """A condition that is looked at while control is at `at`."""
        return self.read(at, lambda env: scalar(env, e))

    def read(self, at: At, how: Callable[[Env], T]) -> T:
        """Something that is read while control is at `at`."""
        with collecting(self.env) as (env, found):
            value = how(env)
        self.defined_at(found, at)
        return value

    def must(
        self,
        check: str,
        cond: Expr,
        message: str,
        span: Span,
        rule: RuleDraft | None = None,
        name: str = "",
        warning: bool = False,
        before: bool = False,
    ) -> None:
        """Add an obligation, of every state or of a rule.

        That of a rule speaks of the state after the moves that ride along with it, unless it is
        about control `before` the step.
        """
        if rule is not None and not before:
            cond = rule.reading(cond)
        if cond is TRUE:
            return
        self.b.obligations.append(
            Obligation(
                check,
                name,
                cond,
                message,
                span,
                rule.index if rule else None,
                warning=warning,
            )
        )

    def defined_at(self, found: Iterable[Definedness], at: At) -> None:
        for d in found:
            self.must(d.check, implies(at.cond, at.reading(d.cond)), d.message, d.span)

    def defined(self, found: Sequence[Definedness], rule: RuleDraft) -> None:
        for d in found:
            self.must(d.check, d.cond, d.message, d.span, rule)

    def in_range(self, updates: Mapping[int, Expr], rule: RuleDraft) -> None:
        """An assignment to an `int a..b` stays inside."""
        for index, value in updates.items():
            v = self.b.variables[index]
            if (
                v.lo is not None
                and v.hi is not None
                and not (value.op is Op.VAR and value.index == index)
            ):
                ok = and_(le(const(v.lo), value), le(value, const(v.hi)))
                self.must("arithmetic", ok, f"{v.name} may leave {v.lo}..{v.hi}", rule.span, rule)


def step(
    ctx: Ctx,
    at: At,
    kind: RuleKind,
    name: str,
    span: Span,
    target: int | None,
    *,
    guard: Expr = TRUE,
    updates: Mapping[int, Expr] | None = None,
    held: Holds | None = None,
    event: EventKind = EventKind.STEP_TAKEN,
    subject: str = "",
    detail: str = "",
    relation: Expr = TRUE,
    inputs: tuple[Input, ...] = (),
    delay: Delay | None = None,
    group: int | None = None,
    activity: str = "",
    kills: ForkDraft | None = None,
    host: ThreadDraft | None = None,
    then: Holds | None = None,
    error: str = "",
    probability: Expr | None = None,
    priority: Expr | None = None,
    channel: str = "",
    seen: tuple[Seen, ...] = (),
) -> RuleDraft:
    """One rule: from `at`, the thread (or `host`) goes to `target`."""
    mover = host or ctx.thread
    through = through_moves(at.moves)
    all_updates = dict(at.moves)
    for index, value in (updates or {}).items():
        all_updates[index] = through(value)
    if target is not None:
        all_updates[mover.location] = const(target)
        then = mover.points[target].holds if then is None else then
    rule = RuleDraft(
        index=len(ctx.b.rules),
        name=name,
        kind=kind,
        thread=ctx.thread,
        guard=and_(at.cond, through(guard)),
        reading=through,
        updates=all_updates,
        held=ctx.claims if held is None else held,
        then=then if then is not None else (),
        span=span,
        relation=through(relation),
        inputs=inputs,
        kills=kills,
        event=event,
        subject=subject or ctx.inst.name,
        detail=detail,
        delay=delay,
        group=group,
        activity=activity,
        error=error,
        probability=through(probability) if probability is not None else None,
        priority=through(priority) if priority is not None else None,
        test_span=at.test,
        channel=channel,
        seen=tuple(replace(s, term=through(s.term)) for s in seen),
    )
    ctx.b.rules.append(rule)
    return rule


def raise_error(
    ctx: Ctx,
    at: At,
    error: str,
    kind: RuleKind,
    name: str,
    span: Span,
    *,
    guard: Expr = TRUE,
    updates: Mapping[int, Expr] | None = None,
    held: Holds | None = None,
    abort: ForkDraft | None = None,
    frame: Frame | None = None,
    **more: object,
) -> list[RuleDraft]:
    """The rules by which `error` leaves this place, one for each way it may be taken.

    `abort` is a fork of this thread whose children end with it.
    """
    rest = guard
    out: list[RuleDraft] = []
    current = frame or ctx.frame
    while current is not None:
        if current.takes(error):
            path = _path(ctx.thread, current.thread)
            fork = path[-1] if path else abort
            taken: list[Expr] = []
            for landing in current.land(error):
                if fork is not None:
                    fork.landings.add(landing.point)
                    if fork not in current.forks:
                        current.forks.append(fork)
                rule = step(
                    ctx,
                    at,
                    kind,
                    name,
                    span,
                    landing.point,
                    guard=and_(rest, landing.guard),
                    updates={**(updates or {}), **dict(landing.updates)},
                    held=path[-1].holds if path else held,
                    kills=fork,
                    host=current.thread,
                    error=error,
                    **more,  # type: ignore[arg-type]
                )
                rule.over_children = abort is not None
                if path and not real_error(error):
                    # No cleanup between here and the frame is to take notice of it.
                    rule.through = path
                if landing.counts is not None:
                    ctx.in_range(
                        {i: v for i, v in landing.updates if i == landing.counts.index}, rule
                    )
                current.rules.append(rule.index)
                out.append(rule)
                taken.append(landing.guard)
            current.raised.append(error)
            rest = and_(rest, not_(or_(*taken)))
            if rest is FALSE:
                return out
        current = current.outer
    raise AssertionError(f"{span}: no frame takes {error}")


def real_error(error: str) -> bool:
    return error not in (RETURN, UNDO_FAILED)


def _path(inner: ThreadDraft, host: ThreadDraft) -> list[ForkDraft]:
    """The forks between a thread and the thread of a frame around it, innermost first."""
    out = []
    thread = inner
    while thread is not host:
        assert thread.fork is not None
        out.append(thread.fork)
        thread = thread.fork.host
    return out
