"""Where a term stands while it is lowered, and the two things it can do: step, and raise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ..expr import FALSE, TRUE, Expr, Op, Sort, and_, const, implies, le, not_, or_, var
from ..system import (
    Delay,
    EventKind,
    Input,
    Obligation,
    PointKind,
    RuleKind,
    Seen,
    VarKind,
)
from ..walks import variables
from .builder import (
    Builder,
    ForkDraft,
    Holds,
    Region,
    RegionKind,
    RuleDraft,
    ThreadDraft,
)
from .drafts import Frame, InstanceDraft, World
from .env import Definedness, Env, collecting
from .expressions import scalar
from .place import At
from .place import through as through_moves

if TYPE_CHECKING:
    pass

T = TypeVar("T")
ANY_ERROR = "*"
RETURN = "return"  # not an error: `return` on its way out of the workflow
UNDO_FAILED = "UndoFailed"  # ends the workflow, whatever frames there are


@dataclass(frozen=True)  # (without slots: it is copied very often)
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
