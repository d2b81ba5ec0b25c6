"""What a claim does that finds its resource in use: `on_busy`.

By default it waits.  With `fail E` it fails at once.  With `replace_waiting` it waits in place of
whoever waited before, who is out with `Interrupted`: at most one waits.  With `cancel_holder` it
waits too, and who holds the lock meanwhile is interrupted, as by a `within`: what is protected in
there runs on, and keeps the lock until it has ended.  (Of services that queue deployments these are
`cancel-in-progress` and its absence.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ..expr import FALSE, TRUE, Expr, Op, and_, const, eq, implies, ite, lt, not_, or_
from ..system import PointKind, ResourceInfo, RuleKind
from .builder import Asking, Builder, Holds, RuleDraft, knot, tie
from .context import Ctx, raise_error, step
from .drafts import Out
from .place import At, union

if TYPE_CHECKING:
    from .parallel import Branch, Opened

INTERRUPTED = "Interrupted"


@dataclass(frozen=True, slots=True)
class Contest:
    """A claim of a resource that does not simply wait: for each resource that it may be about, the
    condition that it is, and when that one is free."""

    resource: str
    policy: str  # fail | replace_waiting | cancel_holder
    error: str
    parts: tuple[tuple[ResourceInfo, Expr, Expr], ...]

    @property
    def free(self) -> Expr:
        return and_(*(implies(mine, free) for _, mine, free in self.parts))


def of_policy(contests: Iterable[Contest], policy: str) -> list[Contest]:
    return [c for c in contests if c.policy == policy]


def rejected(
    ctx: Ctx, contests: Iterable[Contest], at: At, label: str, span: Span, **more: object
) -> list[RuleDraft]:
    """A claim that does not wait fails at once."""
    out: list[RuleDraft] = []
    rest = TRUE
    for c in of_policy(contests, "fail"):
        guard = and_(rest, not_(c.free))
        name = f"{label}: busy"
        out += raise_error(ctx, at, c.error, RuleKind.BUSY, name, span, guard=guard, **more)  # type: ignore[arg-type]
        rest = and_(rest, c.free)
    return out


def waiting(
    ctx: Ctx, contests: Iterable[Contest], at: At, label: str, span: Span, **more: object
) -> tuple[list[RuleDraft], At]:
    """The rules by which it gives up, and from where it is granted: from here, or from where it
    waits."""
    replacing = of_policy(contests, "replace_waiting")
    if not replacing:
        return [], at
    b = ctx.b
    b.waiters += 1
    me = const(b.waiters)
    names = ", ".join(c.resource for c in replacing)
    queued = ctx.point(PointKind.READY, f"waiting for {names}", span)
    updates: dict[int, Expr] = {}
    still: list[Expr] = []
    for c in replacing:
        for r, mine, _ in c.parts:
            last = b.last_waiting(r)
            updates[last.index] = ite(mine, me, last)
            still.append(implies(mine, eq(last, me)))
    busy = not_(and_(*(c.free for c in replacing)))
    step(ctx, at, RuleKind.STEP, f"{label} waits", span, queued, guard=busy, updates=updates)
    here = ctx.at(queued)
    out = not_(and_(*still))
    name = f"{label}: replaced"
    rules = raise_error(ctx, here, INTERRUPTED, RuleKind.BUSY, name, span, guard=out, **more)  # type: ignore[arg-type]
    both = union(at, replace(here, cond=and_(here.cond, *still)))
    assert both is not None
    return rules, both


def asks(ctx: Ctx, contests: Iterable[Contest], at: At) -> None:
    """Notes that who is here wants locks whose holders are to go."""
    for c in of_policy(contests, "cancel_holder"):
        for r, mine, free in c.parts:
            wants = and_(at.cond, at.reading(and_(mine, not_(free))))
            ctx.b.asking.append(Asking(r.name, ctx.inst.id, wants))


def preempted(
    ctx: Ctx,
    contests: Iterable[Contest],
    inside: Branch,
    at: At,
    span: Span,
) -> Out:
    """A part that holds such locks, as the one child of a fork: whoever else asks interrupts it."""
    from .parallel import watched

    own = len(ctx.b.asking)
    o, from_here, ended = watched(ctx, inside, at, span, "until it is claimed")
    taken_away(ctx, contests, o, from_here, own, span)
    return Out(ended, o.log)


def taken_away(
    ctx: Ctx, contests: Iterable[Contest], o: Opened, from_here: At, own: int, span: Span
) -> None:
    """Whoever else asks interrupts the one child of a fork (`own`: the number of the first claim
    inside)."""
    mine = [r for c in of_policy(contests, "cancel_holder") for r, _, _ in c.parts]
    (child,) = o.children
    others = range(own, len(ctx.b.asking))
    rules = raise_error(
        ctx,
        from_here,
        INTERRUPTED,
        RuleKind.INTERRUPT,
        "another one claims " + ", ".join(dict.fromkeys(r.name for r in mine)),
        span,
        abort=o.fork,
    )
    asked = knot(Op.OR)
    for rule in rules:
        rule.guard = and_(rule.guard, asked)

    def holders() -> dict[str, Expr]:
        points = [(child.thread.at(p.id), p.holds) for p in child.thread.points]
        here = [(TRUE, ctx.claims), *points]
        return {r.name: or_(*(and_(at, _holds(h, r)) for at, h in here)) for r in mine}

    ctx.b.preempting.append((asked, others, holders))


def _holds(holds: Holds, r: ResourceInfo) -> Expr:
    mine = (r.used, r.exclusive)
    return or_(*(lt(const(0), amount) for used, amount in holds if used in mine))


def tie_claims(b: Builder) -> None:
    """Who holds, and who else asks: known when all claims are."""
    for asked, inside, holders in b.preempting:
        held = holders()
        tie(
            asked,
            [
                and_(held[a.resource], a.wants)
                for i, a in enumerate(b.asking)
                if i not in inside and held.get(a.resource, FALSE) is not FALSE
            ],
        )
