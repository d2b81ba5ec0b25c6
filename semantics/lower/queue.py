"""`scheduler head_of_line`: one queue for all claims, the highest priority first.

A claim is granted only when nobody with a higher priority waits for one, whatever for: who is first
and does not find what it asks for holds up all behind it.  Of the same priority whichever fits may
go.  What has no `priority`, as a claim of `using`, has 0.  A claim that would not wait (`on_busy
fail`) is not in the queue, nor is one that is made again after a crash.
"""

from __future__ import annotations

from ..expr import Expr, and_, const, lt, not_
from .builder import Builder, RuleDraft

ZERO = const(0)


def line_up(b: Builder) -> None:
    """Every claim that waits also waits for its turn."""
    waiting = [r for r in b.rules if r.waits is not None]
    turns = [and_(*(_after(r, other) for other in waiting)) for r in waiting]
    for r, turn in zip(waiting, turns, strict=True):
        r.turn = turn
        r.guard = and_(r.guard, turn)


def _after(r: RuleDraft, other: RuleDraft) -> Expr:
    """The other does not wait, or is not ahead.  (A thread is at one place in the queue, though it
    may be there for several things.)"""
    if other.thread is r.thread or other.waits is None:
        return and_()
    return not_(and_(lt(_priority(r), _priority(other)), other.waits))


def _priority(r: RuleDraft) -> Expr:
    return ZERO if r.priority is None else r.priority
