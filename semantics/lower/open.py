"""Open processes: what stands for any term, in the proof of a law.

An open process is a token.  It may be passed without a step where its test holds, at the start or
after any step, as a term whose tests let control through; it begins with a step, goes on, and ends
with one; it may end with its first step; with any step it may raise an error, return, or stop the
workflow as an undo that fails does.  Where it can be cancelled, it may be in a shield (`nocancel`),
or have a cleanup to run.  Its rules are named `p: ..`, and say after the colon what the token was
before and is after the step.

With an undo, each step says as well whether there is anything to undo then, or will be if the token
is cut off there (an attempt that may have had its effect).  Its undo is a token, too: it is passed
without a step where there is nothing to undo, and only there; it begins with a step, goes on, and
ends with one or, as parts that are passed do, without one; with any step it may fail, which stops
the workflow.

Whether it can take a step when it might is for the term that it stands for: a proof answers each
of its steps by the same step of the same token (docs/decisions/0017-laws.md, 0025-open-undos.md).
"""

from __future__ import annotations

from collections.abc import Mapping

from ...dsl import ast
from ...dsl.records import dataclass
from ..expr import FALSE, TRUE, Expr, ite, not_
from ..system import PointKind, RuleKind
from .context import RETURN, UNDO_FAILED, Ctx, raise_error, step
from .drafts import Log, Out, Owed
from .frames import cleanup, leave, protected, unwound
from .place import At, union

IN_SAGA = " in a saga"  # the end of a place's name
TO_UNDO = " to undo"  # after a place's name: the variable that says whether there is anything


@dataclass(frozen=True, slots=True)
class Open:
    """`errors`: those it may raise.  `first`, `later`: the shared variables that are its test, at
    the start and after a step; "" for a term that is never passed without a step.  `shields`: it
    may hold out against cancellation.  `returns`: it may end the workflow.  `undo`: what it
    completes may have an undo."""

    errors: tuple[str, ...] = ()
    first: str = ""
    later: str = ""
    shields: bool = False
    returns: bool = False
    undo: bool = False


def open_(ctx: Ctx, t: ast.Call, at: At, k: int) -> Out:
    """Lowers a call of an open process.  Each rule's `activity` is the place of the call."""
    o = ctx.world.open[t.name]
    token = _Token(ctx, t, o, k)
    token.steps(ctx, at, "start")
    passed = _under(ctx, at, o.first)
    here = token.running()
    later = _under(ctx, here, o.later)
    log = Log((token.owed,)) if token.owed is not None else Log()
    return Out(union(passed, later), log)


def _under(ctx: Ctx, at: At, test: str) -> At | None:
    if not test:
        return None
    passes = ctx.env.variables[test]
    assert isinstance(passes, Expr)
    under = at.under(passes)
    return At(under.cond, under.moves, None, at.test, at.open)


class _Token:
    """The points of a token: running, and where it can be cancelled, in its shield, and with a
    cleanup; and what it has to undo, where a saga asks for it."""

    def __init__(self, ctx: Ctx, t: ast.Call, o: Open, k: int) -> None:
        self.ctx, self.t, self.o, self.k = ctx, t, o, k
        self.place = _place(ctx, t)
        self.owed: Owed | None = None
        if o.undo and ctx.in_saga:
            flag = ctx.b.hidden(f"{self.place}{TO_UNDO}", ctx.inst.id, False)
            perhaps = ctx.b.hidden(f"{self.place}{TO_UNDO} if cut off", ctx.inst.id, False)
            self.owed = Owed(flag, perhaps, self.undone)
        self.run = ctx.point(PointKind.READY, f"in {t.name}", t.span)
        self._cut(ctx, self.run)
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
        self._cut(ctx, self.kept)

    def _cut(self, ctx: Ctx, point: int) -> None:
        if self.owed is not None:
            flag, perhaps = self.owed.flag, self.owed.perhaps
            ctx.thread.points[point].cut = {flag.index: ite(perhaps, TRUE, flag)}

    def _debts(self, open_: bool) -> list[tuple[str, Mapping[int, Expr]]]:
        """What may be to undo after a step, as its name says it.  `open_`: to where the token may
        be cut off."""
        if not self.o.undo:
            return [("", {})]
        kinds = [("", FALSE, FALSE), (", to undo", TRUE, FALSE)]
        kinds += [(", to undo if cut off", FALSE, TRUE)] if open_ else []
        owed = self.owed
        if owed is None:
            return [(said, {}) for said, _, _ in kinds]
        return [(said, {owed.flag.index: a, owed.perhaps.index: b}) for said, a, b in kinds]

    def _go(self, ctx: Ctx, at: At, what: str, target: int, open_: bool = False) -> None:
        for said, debt in self._debts(open_):
            name = f"{self.t.name}: {what}{said}"
            place = self.place
            step(ctx, at, RuleKind.STEP, name, self.t.span, target, updates=debt, activity=place)

    def steps(self, ctx: Ctx, at: At, where: str) -> None:
        """Every step from a place outside a shield."""
        o, outer = self.o, self.ctx
        self._go(ctx, at, f"{where} to run", self.run, True)
        self._go(ctx, at, f"{where} to end", self.k)
        if o.shields:
            inner = self.shield.ctx if self.exposed else outer
            around = self.clean.ctx if self.exposed else outer
            self._go(inner, at.guarded(), f"{where} to shield", self.safe)
            # With one step into the shield and to its end.
            end = self.shield.end if self.exposed else self.run
            self._go(inner, at.guarded(), f"{where} through a shield to run", end)
            self._raise(inner, at.guarded(), f"{where} through a shield")
            self._go(around, at.guarded(), f"{where} to cleanup", self.kept, True)
        if where != "cleanup":  # an error inside would make it clean up first
            self._raise(outer, at, where)

    def _raise(self, ctx: Ctx, at: At, where: str) -> None:
        for error in self.o.errors:
            self._error(ctx, at, error, RuleKind.RAISE, f"{where} to {error}")
        if self.o.returns:
            self._error(ctx, at, RETURN, RuleKind.STEP, f"{where} to return")
            self._stop(ctx, at, where)

    def _error(self, ctx: Ctx, at: At, error: str, kind: RuleKind, what: str) -> None:
        t = self.t
        for said, debt in self._debts(False):
            name = f"{t.name}: {what}{said}"
            raise_error(ctx, at, error, kind, name, t.span, updates=debt, activity=self.place)

    def _stop(self, ctx: Ctx, at: At, where: str) -> None:
        if self.o.returns:
            self._undo_failed(ctx, at, f"{where} to {UNDO_FAILED}")

    def _undo_failed(self, ctx: Ctx, at: At, what: str) -> None:
        name, place = f"{self.t.name}: {what}", self.place
        raise_error(ctx, at, UNDO_FAILED, RuleKind.RAISE, name, self.t.span, activity=place)

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

    def undone(self, ctx: Ctx, at: At, k: int) -> Out:
        """The token's undo, in the protected part of a saga: from `at`, to `k`."""
        owed, t = self.owed, self.t
        assert owed is not None
        busy = ctx.point(PointKind.UNWIND, f"undoing {t.name}", t.span)
        over = ctx.point(PointKind.UNWIND, f"undone {t.name}", t.span)
        done = {owed.flag.index: FALSE}
        for here, where in ((at.under(owed.flag), "start"), (ctx.at(busy), "run")):
            ways = [("to run", busy, {}), ("to end", k, done), ("to its exit", over, done)]
            for what, target, updates in ways:
                name, place = f"{t.name}: undo {where} {what}", self.place
                kind = RuleKind.UNDO
                step(ctx, here, kind, name, t.span, target, updates=updates, activity=place)
            self._undo_failed(ctx, here, f"undo {where} to {UNDO_FAILED}")
        nothing = At(at.under(not_(owed.flag)).cond, at.moves, None, at.test, at.open)
        return Out(union(nothing, ctx.at(over)))


def _place(ctx: Ctx, t: ast.Call) -> str:
    """The name of a call: one of its own, as those of activities have."""
    place = f"{t.name}{ctx.tag}"
    number = ctx.inst.occurrences.get(place, 0) + 1
    ctx.inst.occurrences[place] = number
    place = f"{ctx.inst.name}.{place}" + (f"#{number}" if number > 1 else "")
    return place + IN_SAGA if ctx.in_saga else place
