"""Open processes: what stands for any term, in the proof of a law.

An open process is a token.  It may be passed without a step where its test holds, at the start or
after any step, as a term whose tests let control through; it begins with a step, goes on, and ends
with one; it may end with its first step; with any step it may raise an error, return, or stop the
workflow as an undo that fails does.  Where it can be cancelled, it may be in a shield (`nocancel`),
or have a cleanup to run.  Its rules are named `p: ..`, and say after the colon what the token was
before and is after the step.

Whether it can take a step when it might is for the term that it stands for: a proof answers each
of its steps by the same step of the same token (docs/decisions/0017-laws.md).
"""

from __future__ import annotations

from dataclasses import dataclass

from ...dsl import ast
from ..expr import Expr
from ..system import PointKind, RuleKind
from .context import RETURN, UNDO_FAILED, Ctx, raise_error, step
from .drafts import Out
from .frames import cleanup, leave, protected, unwound
from .place import At, union


@dataclass(frozen=True, slots=True)
class Open:
    """`errors`: those it may raise.  `first`, `later`: the shared variables that are its test, at
    the start and after a step; "" for a term that is never passed without a step.  `shields`: it
    may hold out against cancellation.  `returns`: it may end the workflow."""

    errors: tuple[str, ...] = ()
    first: str = ""
    later: str = ""
    shields: bool = False
    returns: bool = False


def open_(ctx: Ctx, t: ast.Call, at: At, k: int) -> Out:
    o = ctx.world.open[t.name]
    token = _Token(ctx, t, o, k)
    token.steps(ctx, at, "start")
    passed = _under(ctx, at, o.first)
    here = token.running()
    later = _under(ctx, here, o.later)
    return Out(union(passed, later))


def _under(ctx: Ctx, at: At, test: str) -> At | None:
    if not test:
        return None
    passes = ctx.env.variables[test]
    assert isinstance(passes, Expr)
    under = at.under(passes)
    return At(under.cond, under.moves, None, at.test, at.open)


class _Token:
    """The points of a token: running, and where it can be cancelled, in its shield, and with a
    cleanup."""

    def __init__(self, ctx: Ctx, t: ast.Call, o: Open, k: int) -> None:
        self.ctx, self.t, self.o, self.k = ctx, t, o, k
        self.run = ctx.point(PointKind.READY, f"in {t.name}", t.span)
        self.exposed = ctx.thread.fork is not None and not ctx.protected
        self.safe = self.kept = 0
        if not o.shields:
            return
        if self.exposed:
            self.shield = protected(ctx, t.span, t.name)
            self.clean = cleanup(ctx, t.span, f"cleanup of {t.name}", lambda e: False)
        inside = self.shield.ctx if self.exposed else ctx
        before = self.clean.ctx if self.exposed else ctx
        self.safe = inside.point(PointKind.READY, f"in {t.name}, shielded", t.span)
        self.kept = before.point(PointKind.READY, f"in {t.name}, with a cleanup", t.span)

    def _go(self, ctx: Ctx, at: At, what: str, target: int) -> None:
        step(ctx, at, RuleKind.STEP, f"{self.t.name}: {what}", self.t.span, target)

    def steps(self, ctx: Ctx, at: At, where: str) -> None:
        """Every step from a place outside a shield."""
        o, outer = self.o, self.ctx
        self._go(ctx, at, f"{where} to run", self.run)
        self._go(ctx, at, f"{where} to end", self.k)
        if o.shields:
            inner = self.shield.ctx if self.exposed else outer
            around = self.clean.ctx if self.exposed else outer
            self._go(inner, at.guarded(), f"{where} to shield", self.safe)
            # With one step into the shield and to its end.
            end = self.shield.end if self.exposed else self.run
            self._go(inner, at.guarded(), f"{where} through a shield to run", end)
            self._raise(inner, at.guarded(), f"{where} through a shield")
            self._go(around, at.guarded(), f"{where} to cleanup", self.kept)
        if where != "cleanup":  # an error inside would make it clean up first
            self._raise(outer, at, where)

    def _raise(self, ctx: Ctx, at: At, where: str) -> None:
        t = self.t
        for error in self.o.errors:
            raise_error(ctx, at, error, RuleKind.RAISE, f"{t.name}: {where} to {error}", t.span)
        if self.o.returns:
            raise_error(ctx, at, RETURN, RuleKind.STEP, f"{t.name}: {where} to return", t.span)
            self._stop(ctx, at, where)

    def _stop(self, ctx: Ctx, at: At, where: str) -> None:
        if self.o.returns:
            what = f"{self.t.name}: {where} to {UNDO_FAILED}"
            raise_error(ctx, at, UNDO_FAILED, RuleKind.RAISE, what, self.t.span)

    def running(self) -> At:
        """The steps after the first; where it may be passed without one."""
        ctx, t = self.ctx, self.t
        here: At | None = ctx.at(self.run)
        if self.o.shields:
            inner = self.shield.ctx if self.exposed else ctx
            within = inner.at(self.safe)
            self._go(inner, within, "shield to shield", self.safe)
            out: At | None = None
            if self.exposed:
                self._go(inner, within, "shield to run", self.shield.end)
                self._raise(inner, within, "shield")
                out, _ = leave(ctx, self.shield, None, t.span, self.shield.frame.raised, t.name)
                self.shield.region.passed(out.cond)
                self._cleans()
            else:
                self._go(ctx, within, "shield to run", self.run)
                self._raise(ctx, within, "shield")
            here = union(here, out)
            kept = (self.clean.ctx if self.exposed else ctx).at(self.kept)
            self.steps(ctx, kept, "cleanup")
        assert here is not None
        self.steps(ctx, here, "run")
        return here

    def _cleans(self) -> None:
        """What it does when it is cancelled with a cleanup to run."""
        c, t = self.clean, self.t
        inner = c.guarded.ctx
        at = unwound(c, len(self.ctx.thread.forks))
        busy = inner.point(PointKind.READY, f"{t.name} cleans up", t.span)
        self._go(inner, at, "cancelled to cleaning", busy)
        self._go(inner, at, "cancelled to clean", c.guarded.end)
        self._go(inner, inner.at(busy), "cleaning to cleaning", busy)
        self._go(inner, inner.at(busy), "cleaning to clean", c.guarded.end)
        self._stop(inner, at, "cancelled")
        self._stop(inner, inner.at(busy), "cleaning")
        name = f"the cleanup of {t.name}"
        exit_, _ = leave(self.ctx, c.guarded, None, t.span, [], name)
        c.guarded.region.passed(exit_.cond)
        c.region.passed(exit_.cond)
