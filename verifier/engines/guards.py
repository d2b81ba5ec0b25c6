"""Conditions kept whole, and steps that stand at one place."""

from __future__ import annotations

from ...semantics.expr import Expr, Op
from ...semantics.system import Rule, TransitionSystem


def shut(expr: Expr) -> Expr:
    """The same condition as one part, for code that would open it."""
    return expr if expr.op is Op.CONST else Expr(Op.OR, (expr,), expr.sort)


def competes(system: TransitionSystem, a: Rule, b: Rule) -> bool:
    """Do both steps stand at one place of a thread, so that one passes by the other?

    `a` is a step of a side of `+`, `b` of none: then another side passes without a step, as in
    `p + skip`, and `b` is the step that comes after it.  That is so if both can be taken although
    the threads of the two are not under way together: they branch off from different forks of
    the thread above both, or one of them is that thread.
    """
    if a.delay is not None or b.delay is not None or a.over_children or b.over_children:
        return False
    mine, its = _forks(system, a.thread), _forks(system, b.thread)
    common = next((t for t in mine if t in its), None)
    return common is not None and (mine[common] is None or mine[common] != its[common])


def _forks(system: TransitionSystem, thread: int) -> dict[int, int | None]:
    """The thread and those above it, from below, each with its fork that leads down to it."""
    out: dict[int, int | None] = {}
    at: int | None = thread
    fork: int | None = None
    while at is not None:
        out[at] = fork
        fork = system.threads[at].fork
        at = system.threads[at].parent
    return out
