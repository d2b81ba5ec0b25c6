"""`rate(n per 1s burst m)`: a token bucket, initially full (Turner 1986).

What is in use of it is what is missing in the bucket.  A claim takes tokens and gives none back;
one comes again each n-th of the period while the bucket is not full.
"""

from __future__ import annotations

from ..expr import Expr, Sort, add, and_, const, div, lt, to_real, var
from ..system import Delay, EventKind, PointKind, ResourceInfo, RuleKind
from .builder import Builder, RuleDraft


def refilled(b: Builder, r: ResourceInfo, per: Expr, tokens: Expr) -> None:
    """`tokens` come within `per` seconds.  The step belongs to a thread of the bucket, which is
    always at its end: nobody waits for it."""
    thread = b.thread(f"bucket of {r.name}", 0, None, r.span)
    b.point(thread, PointKind.END, f"bucket of {r.name}", r.span)
    used = var(r.used, Sort.INT)
    each = div(per, to_real(tokens))
    b.rules.append(
        RuleDraft(
            index=len(b.rules),
            name=f"a token of {r.name} comes",
            kind=RuleKind.TIMER,
            thread=thread,
            guard=and_(thread.at(0), lt(const(0), used)),
            reading=lambda e: e,
            updates={r.used: add(used, const(-1))},
            held=(),
            then=(),
            span=r.span,
            event=EventKind.TIMER_FIRED,
            subject=r.name,
            delay=Delay(each, each),
        )
    )
