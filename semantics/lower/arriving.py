"""Instances of which there may be any number, and those that come one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...dsl import ast
from ...dsl.walk import walk
from ..expr import Expr, add, const, ite, mul, to_real, whole
from ..system import Delay, EventKind, EventTemplate, PointKind, ResourceInfo, RuleKind
from .context import Ctx, step
from .drafts import InstanceDraft
from .place import At

FEW, SEVERAL = 3, 5


def several(resources: Iterable[ResourceInfo], channels: Iterable[int], limited: bool) -> int:
    """How many instances stand for any number: FEW, or to SEVERAL if it takes so many to use up
    a pool (one more where waits are `limited`), or to ask for more than there is of what nobody
    waits for, or more than a bucket has at once, or to fill a channel (of this capacity) and
    wait."""
    sizes = []
    for r in resources:
        n = whole(r.capacity)
        if n is not None and r.exclusive is None:
            waits = limited or not r.enforced or r.kind != "pool"
            sizes.append(n + 1 if waits else n)
    sizes += [n + 1 for n in channels]
    return max(FEW, min(SEVERAL, max(sizes, default=0)))


def limited(spec: ast.Spec) -> bool:
    """Whether it matters that a claim waits for too long."""
    if any(isinstance(p, ast.Deadline) for w in spec.workflows for p in w.properties):
        return True
    for n in walk((*spec.workflows, *spec.activities)):
        if isinstance(n, ast.Within) and n.duration is not None:
            return True
        if isinstance(n, ast.Activity) and n.timeout_schedule is not None:
            return True
    return False


def one_by_one(group: Sequence[InstanceDraft], between: Expr) -> None:
    """One instance after the other, the first at the start."""
    before: Expr = const(0)
    for draft in group:
        draft.arrives = mul(to_real(before), between)
        before = add(before, ite(draft.active, const(1), const(0)))


def arrived(ctx: Ctx, at: At, time: Expr) -> At:
    """After the step by which an instance comes."""
    d = ctx.inst
    there = ctx.point(PointKind.READY, f"{d.name} has arrived", d.workflow.span)
    begun = step(
        ctx,
        at,
        RuleKind.TIMER,
        f"arrival of {d.name}",
        d.workflow.span,
        there,
        event=EventKind.WORKFLOW_STARTED,
        delay=Delay(time, time),
    )
    begun.more_events = (EventTemplate(EventKind.WORKFLOW_CREATED, d.name, d.id),)
    return ctx.at(there)
