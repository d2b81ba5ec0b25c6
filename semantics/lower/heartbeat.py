"""What is not heard of in time: pending attempts (`timeout schedule`), and those that do not beat.

`heartbeat d` with `beats every a..b`: an attempt that is not heard of for d has timed out.

It beats when it starts, and then each time after a..b (without `beats`: whenever it likes).  If a
is more than d, the first beat is always missed, so d is a time-out like any other.  If b is at most
d, none is ever missed.  Otherwise the environment decides whether and when one is: at any moment
from d on, as long as the attempt may run.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from ...dsl import ast
from ...dsl.records import dataclass
from ..expr import FALSE, TRUE, Expr, and_, const, ite, le, lt, not_
from ..system import Delay, EventKind, RuleKind
from .builder import RuleDraft
from .claims import Demand
from .context import Ctx, raise_error
from .env import Env
from .expressions import measured, require
from .place import At


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`always`: no attempt is heard of in time; `perhaps`: some may not be.

    Read when an attempt starts.
    """

    limit: Expr
    always: Expr
    perhaps: Expr


def heartbeat(env: Env, a: ast.Activity) -> Heartbeat | None:
    if a.heartbeat is None:
        return None
    limit = measured(env, a.heartbeat)
    least: Expr = const(Fraction(0))
    most: Expr | None = None
    if a.beats is not None:
        if a.beats.lo is not None:
            least = measured(env, a.beats.lo)
        if a.beats.hi is not None:
            most = measured(env, a.beats.hi)
            message = "the shortest time between beats may be longer than the longest"
            require(env, le(least, most), message, a.beats.span)
    always = lt(limit, least)
    never = FALSE if most is None else le(most, limit)
    return Heartbeat(limit, always, and_(not_(always), not_(never)))


def sooner(limit: Expr | None, beat: Heartbeat | None) -> tuple[Expr | None, Expr]:
    """The time-out of an attempt: its own limit, or that of beats that never come; and where there
    is one."""
    if beat is None or beat.always is FALSE:
        return limit, TRUE
    if limit is None:
        return beat.limit, beat.always
    first = and_(beat.always, lt(beat.limit, limit))
    return ite(first, beat.limit, limit), TRUE


def missed(beat: Heartbeat, takes: Delay) -> tuple[Expr, Delay]:
    """Where, and when, the environment may let an attempt be silent for too long."""
    if takes.hi is None:
        return beat.perhaps, Delay(beat.limit, None)
    return and_(beat.perhaps, le(beat.limit, takes.hi)), Delay(beat.limit, takes.hi)


def scheduled(
    ctx: Ctx, a: ast.Activity, t: ast.Call, place: str, at: At, want: Demand
) -> list[RuleDraft]:
    """`timeout schedule d`: an attempt that is pending for d, its claims not granted, fails.

    At the beginning of a side of `+` that is a step of the side, like any other time that is over.
    """
    if a.timeout_schedule is None or want.free is TRUE:
        return []  # it has nothing to wait for
    duration = a.timeout_schedule
    limit = ctx.read(at, lambda env: measured(env, duration))
    ctx.world.has_timeouts = True
    return raise_error(
        ctx,
        at,
        "Timeout",
        RuleKind.INTERRUPT,
        f"{place} is not started in time",
        t.span,
        event=EventKind.TASK_TIMED_OUT,
        subject=place,
        activity=place,
        detail="schedule",
        delay=Delay(at.reading(limit), at.reading(limit)),
    )


def silent(
    ctx: Ctx,
    t: ast.Call,
    place: str,
    at: At,
    holding: Ctx,
    perhaps: Expr,
    moment: Delay,
    group: int,
    updates: Mapping[int, Expr],
) -> list[RuleDraft]:
    """The attempt is not heard of for too long, as the environment decides."""
    ctx.world.has_timeouts = True
    return raise_error(
        ctx,
        at,
        "Timeout",
        RuleKind.FAIL,
        f"{place} misses a heartbeat",
        t.span,
        guard=perhaps,
        held=holding.claims,
        updates=updates,
        event=EventKind.TASK_TIMED_OUT,
        subject=place,
        activity=place,
        detail="heartbeat",
        delay=moment,
        group=group,
    )
