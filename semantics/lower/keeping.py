"""Claims of blocks around a protected part that is still running in a cancelled thread.

What a thread holds is a function of its point.  A thread that is cancelled, or whose error lands
further out, leaves its blocks; but a `nocancel`, `finally` or undo below one of its forks keeps
the claims of the blocks around it.  So the thread goes to a point that holds them first, and on
from there when the protected parts have ended.
"""

from __future__ import annotations

from fractions import Fraction

from ..expr import TRUE, Expr, Op, Sort, add, and_, const, eq, ite, lt, neg, not_, var
from ..system import Delay, EventKind, Obligation, PointKind, RuleKind
from ..walks import substitute, variables
from .builder import (
    CANCELLED,
    Builder,
    ForkDraft,
    Holds,
    PointDraft,
    Region,
    RegionKind,
    Revocable,
    RuleDraft,
    ThreadDraft,
)

LABEL = "until the protected parts have ended"


class Keeping:
    """The extra points; `on_cancel` tells where a cancelled thread goes from a point first."""

    def __init__(self, b: Builder, crossed: set[int]) -> None:
        self.b = b
        self.on_cancel: dict[tuple[int, int], int] = {}  # (thread, point) -> point
        self.on_return: dict[tuple[int, int], int] = {}  # the same when a `return` crosses it
        self._landing: dict[tuple[int, int], int] = {}
        self.leased: list[tuple[ThreadDraft, int, Holds, list[ForkDraft], Revocable]] = []
        self.living = _living(b)
        for host in b.threads:
            if host.fork is not None:
                self._cancelled(host, [f for f in host.forks if id(f) in self.living], crossed)
        for r in list(b.rules):
            if r.kills is not None and id(r.kills) in self.living:
                self._landed(r, r.kills)
        for at in self.leased:
            self._ends(*at)

    def _point(
        self, thread: ThreadDraft, like: PointDraft, holds: Holds, forks: list[ForkDraft]
    ) -> int:
        regions = (*like.regions, Region(RegionKind.PROTECTED))
        label = f"{like.label}: {LABEL}"
        made = self.b.point(thread, PointKind.UNWIND, label, like.span, holds, regions)
        thread.points[made].like = like.id
        self.leased += [(thread, made, holds, forks, x) for x in self._leased(holds)]
        return made

    def _leased(self, holds: Holds) -> list[Revocable]:
        known = self.b.revocable
        return [known[i] for i in sorted(variables(amount for _, amount in holds)) if i in known]

    def _left(self, lease: Revocable) -> Expr:
        """For how long it is still had."""
        assert lease.grant is not None
        lease.timed = True
        now = self.b.now()
        lease.grant.updates[lease.granted.index] = now
        left = add(lease.granted, lease.limit, neg(now))
        zero = const(Fraction(0))
        return ite(lt(zero, left), left, zero)

    def _ends(
        self,
        thread: ThreadDraft,
        at: int,
        holds: Holds,
        forks: list[ForkDraft],
        lease: Revocable,
    ) -> None:
        """A lease is over while what is protected runs on without it."""
        b = self.b
        here = and_(thread.at(at), not_(b.ended(forks)))
        message = (
            f"{lease.place} may outlive its lease of {lease.resource}: what is protected runs on"
        )
        span = lease.span
        claim = not_(and_(here, lease.lost))
        b.obligations.append(Obligation("resources", lease.resource, claim, message, span))
        if not lease.timed:
            return  # it is lost by then
        then = tuple((u, substitute(a, lambda x: _gone(x, lease))) for u, a in holds)
        b.rules.append(
            RuleDraft(
                index=len(b.rules),
                name=f"{lease.place} has lost {lease.resource}",
                kind=RuleKind.TIMER,
                thread=thread,
                guard=and_(thread.at(at), lease.outlived, not_(lease.lost)),
                reading=lambda e: e,
                updates={lease.lost.index: TRUE},
                held=holds,
                then=then,
                span=span,
                event=EventKind.LEASE_EXPIRED,
                subject=lease.place,
                delay=Delay(lease.left, lease.left),
                over_children=True,
            )
        )

    def _cancelled(self, host: ThreadDraft, forks: list[ForkDraft], crossed: set[int]) -> None:
        """From its forks, and from where their errors land, a cancelled host keeps its claims."""
        after: dict[int, list[ForkDraft]] = {}
        for f in forks:
            for at in (f.point, *f.landings):
                after.setdefault(at, []).append(f)
        for at in sorted(after):
            p = host.points[at]
            if not p.protected and _differ(p.holds, _target(host, p).holds):
                self.on_cancel[host.id, at] = wait = self._point(host, p, p.holds, after[at])
                self._on(host, wait, after[at], TRUE, p)
                p.cut = {x.left.index: self._left(x) for x in self._leased(p.holds)}
            if host.id in crossed and p.holds:
                self.on_return[host.id, at] = wait = self._point(host, p, p.holds, after[at])
                self._rule(host, wait, after[at], TRUE, 0, {})

    def _landed(self, r: RuleDraft, f: ForkDraft) -> None:
        """An error lands outside blocks in which a protected part lives on."""
        host = f.host
        to = r.updates[host.location]
        assert to.op is Op.CONST and isinstance(to.value, int)
        landing = host.points[to.value]
        if not _differ(f.holds, landing.holds):
            return
        key = (id(f), landing.id)
        if key not in self._landing:
            self._landing[key] = wait = self._point(host, landing, f.holds, [f])
            f.landings.add(wait)
            marked: Expr | None = None
            if host.fork is not None and not landing.protected:
                marked = host.fork.marked
                self._on(host, wait, [f], marked, landing)
            stays = TRUE if marked is None else not_(marked)
            self._rule(host, wait, [f], stays, landing.id, {})
        r.updates[host.location] = const(self._landing[key])
        for lease in self._leased(f.holds):
            if r.updates.get(lease.lost.index) is not TRUE:
                r.updates[lease.left.index] = self._left(lease)
        r.then = f.holds

    def _on(
        self, host: ThreadDraft, wait: int, forks: list[ForkDraft], guard: Expr, p: PointDraft
    ) -> None:
        """On to where cancelling the thread at `p` leads."""
        target = _target(host, p)
        cleanup = [c for c in p.regions if c.kind == RegionKind.CLEANUP]
        updates = {cleanup[-1].pending: const(CANCELLED)} if cleanup else {}
        self._rule(host, wait, forks, guard, target.id, updates)

    def _rule(
        self,
        host: ThreadDraft,
        wait: int,
        forks: list[ForkDraft],
        guard: Expr,
        target: int,
        updates: dict[int, Expr],
    ) -> None:
        b = self.b
        here = host.points[wait]
        b.rules.append(
            RuleDraft(
                index=len(b.rules),
                name=f"{host.points[target].label} after what is protected",
                kind=RuleKind.STEP,
                thread=host,
                guard=and_(eq(var(host.location, Sort.INT), const(wait)), b.ended(forks), guard),
                reading=lambda e: e,
                updates={**updates, host.location: const(target)},
                held=here.holds,
                then=host.points[target].holds,
                span=here.span,
                event=EventKind.STEP_TAKEN,
                subject=host.name,
            )
        )


def _gone(x: Expr, lease: Revocable) -> Expr:
    return TRUE if x.op is Op.VAR and x.index == lease.lost.index else x


def _living(b: Builder) -> set[int]:
    """Forks, by identity, below which something may be protected."""
    out: set[int] = set()
    for t in b.threads:
        if any(p.protected for p in t.points):
            around = t.fork
            while around is not None and id(around) not in out:
                out.add(id(around))
                around = around.host.fork
    return out


def _target(host: ThreadDraft, p: PointDraft) -> PointDraft:
    """Where a cancelled thread goes from an unprotected point."""
    cleanup = [c for c in p.regions if c.kind == RegionKind.CLEANUP]
    return host.points[cleanup[-1].unwind if cleanup else 0]


def _differ(held: Holds, then: Holds) -> bool:
    """Is anything held that is not held then?"""
    rest = list(then)
    for used, amount in held:
        for i, (other, same) in enumerate(rest):
            if other == used and same is amount:
                del rest[i]
                break
        else:
            return True
    return False
