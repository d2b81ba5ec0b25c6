"""Claims of resources: what is held, when it can be granted, and `using`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from fractions import Fraction
from functools import reduce

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ...dsl.types import Duration, Int
from ...dsl.walk import walk
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    and_,
    const,
    eq,
    implies,
    ite,
    le,
    lt,
    not_,
    or_,
    var,
)
from ..system import Delay, EventKind, PointKind, ResourceInfo, RuleKind, VarKind
from ..walks import substitute, variables
from .builder import Holds, Revocable, RuleDraft
from .busy import Contest, asks, of_policy, rejected, taken_away, waiting
from .context import Ctx, raise_error, step
from .drafts import Out
from .env import collecting
from .expressions import as_sort, require
from .place import At

ZERO = const(Fraction(0))


@dataclass(frozen=True, slots=True)
class Demand:
    """Claims granted in one step: what is held then, and when they can be granted."""

    holds: Holds
    free: Expr
    amounts: tuple[tuple[Expr, Span], ...]  # must not be negative
    contests: tuple[Contest, ...] = ()  # what does not simply wait
    tokens: Mapping[str, Expr] = field(default_factory=dict)  # of `as t`, by name
    granted: Mapping[int, Expr] = field(default_factory=dict)  # what else is set by the grant
    leases: tuple[Lease, ...] = ()
    spent: Holds = ()  # taken for good

    @property
    def preempted(self) -> bool:
        """Whoever else asks interrupts who holds it."""
        return bool(of_policy(self.contests, "cancel_holder"))

    def stand(self, rule: RuleDraft, at: At) -> None:
        """The rule that grants it: where it is waited for, if it is, and for what."""
        if self.free is not TRUE and not of_policy(self.contests, "fail"):
            rule.waits, rule.asks = at.cond, rule.reading(self.free)


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim that is taken back after a time (seconds).  `lost`: it has been, and the holder goes
    on: it does not know (of a silent one), or is protected."""

    resource: ast.Resource
    limit: Expr
    lost: Expr | None

    @property
    def silent(self) -> bool:
        return self.resource.silent


def demand(ctx: Ctx, claims: tuple[ast.Claim, ...], label: str, taken: dict[int, Expr]) -> Demand:
    """Same resources claimed twice in one list add up.

    An amount or a key that could change while it is held is kept in a variable, set with `taken`.
    """
    if not claims:
        return Demand((), TRUE, ())
    known = ctx.world.demands
    plainly = _plainly(ctx, claims)
    if plainly is None:
        return _demand(ctx, claims, label, taken)
    if plainly not in known:
        known[plainly] = _demand(ctx, claims, label, taken)
    return known[plainly]


def _plainly(ctx: Ctx, claims: tuple[ast.Claim, ...]) -> tuple[tuple[str, int], ...] | None:
    """What is claimed, where that is written down and nothing else is said: whoever claims as much
    asks, waits and holds the same."""
    out: list[tuple[str, int]] = []
    for c in claims:
        r, amount = ctx.world.resources[c.resource], c.amount
        plain = c.mode == "units" and r.kind == "pool" and c.key is None and c.token is None
        waits = r.on_busy == "wait" and c.resource not in ctx.b.leases
        if not plain or not waits or not (amount is None or isinstance(amount, ast.IntLit)):
            return None
        out.append((c.resource, 1 if amount is None else amount.value))
    return tuple(out)


def _demand(ctx: Ctx, claims: tuple[ast.Claim, ...], label: str, taken: dict[int, Expr]) -> Demand:
    given: list[tuple[Expr, Span]] = []
    held: dict[int, Expr] = {}
    guards: dict[str, list[tuple[ResourceInfo, Expr, Expr]]] = {c.resource: [] for c in claims}
    totals: dict[str, tuple[str, Expr, Expr]] = {}
    tokens: dict[str, Expr] = {}
    granted: dict[int, Expr] = {}
    spent: dict[int, Expr] = {}  # tokens, which are not given back
    for claim in claims:
        amount = const(1)
        if claim.mode == "units":
            amount = as_sort(ctx.env, claim.amount, Sort.INT) if claim.amount else const(1)
            amount = _kept(ctx, amount, f"{label}: {claim.resource}", claim.span, taken)
            # A claim of a negative amount would create units out of nothing.
            given.append((le(const(0), amount), claim.span))
        for mine, r in _of_key(ctx, claim, label, taken):
            part = ite(mine, amount, const(0))
            index = r.used
            if claim.mode == "units":
                _, total, when = totals.get(r.name, ("", const(0), FALSE))
                totals[r.name] = claim.resource, add(total, part), or_(when, mine)
            else:
                exclusive = claim.mode == "exclusive"
                index = r.exclusive if exclusive and r.exclusive is not None else r.used
                if r.enforced:
                    assert r.exclusive is not None
                    free = [eq(var(r.exclusive, Sort.INT), const(0))]
                    if exclusive:
                        free.append(eq(var(r.used, Sort.INT), const(0)))
                    guards[claim.resource] += [(r, mine, f) for f in free]
            if r.kind == "rate":
                spent[index] = add(spent[index], part) if index in spent else part
            else:
                held[index] = add(held[index], part) if index in held else part
        if claim.token is not None:
            tokens[claim.token] = _token(ctx, claim, label, granted)
    everything = and_(*(implies(mine, f) for parts in guards.values() for _, mine, f in parts))
    for name, (claimed, amount, when) in totals.items():
        r = ctx.b.resources[name]
        if r.enforced:
            free_ = ctx.b.fits(r, amount)
            everything = and_(everything, free_)
            guards[claimed].append((r, when, free_))
    holds = tuple(held.items())
    declared = ctx.world.resources
    contests = [
        Contest(name, declared[name].on_busy, declared[name].busy_error or "", tuple(parts))
        for name, parts in guards.items()
        if declared[name].on_busy != "wait"
    ]
    leases, holds = _leases(ctx, claims, holds, label, granted)
    for index, amount in spent.items():
        granted[index] = add(var(index, Sort.INT), amount)
    asked = tuple(spent.items())
    return Demand(holds, everything, tuple(given), tuple(contests), tokens, granted, leases, asked)


def _of_key(
    ctx: Ctx, claim: ast.Claim, label: str, taken: dict[int, Expr]
) -> list[tuple[Expr, ResourceInfo]]:
    """The resources that a claim may be about, each with the condition that it is."""
    if claim.key is None:
        return [(TRUE, ctx.b.resources[claim.resource])]
    family = ctx.b.families[claim.resource]
    key = as_sort(ctx.env, claim.key, Sort.INT)
    if isinstance(ctx.world.resources[claim.resource].key_type, Int):
        known = or_(*(eq(key, k) for k, _ in family))
        require(ctx.env, known, f"{claim.resource} has no such key", claim.span)
    if key.op is Op.CONST:
        return [(TRUE, r) for k, r in family if k.value == key.value]
    key = _kept(ctx, key, f"{label}: key of {claim.resource}", claim.span, taken)
    found = [(eq(key, k), r) for k, r in family]
    return [(mine, r) for mine, r in found if mine is not FALSE]


def _kept(ctx: Ctx, e: Expr, name: str, span: Span, taken: dict[int, Expr]) -> Expr:
    """As it is when it is claimed."""
    if ctx.fixed(e) or variables([e]) <= taken.keys():
        return e
    kept = ctx.b.variable(name, Int(), VarKind.HIDDEN, const(0), ctx.inst.id, span)
    taken[kept.index] = substitute(e, lambda x: _taken(x, taken))
    return kept


def _token(ctx: Ctx, claim: ast.Claim, label: str, granted: dict[int, Expr]) -> Expr:
    """A number that grows with each grant that names one (Kleppmann 2016, fencing tokens)."""
    b = ctx.b
    if claim.resource not in b.tokens:
        name = f"token of {claim.resource}"
        b.tokens[claim.resource] = b.variable(name, Int(), VarKind.HIDDEN, const(0))
    last = b.tokens[claim.resource]
    own = b.hidden(f"{label}: {claim.token}", ctx.inst.id)
    granted[last.index] = granted[own.index] = add(last, const(1))
    return own


def _leases(
    ctx: Ctx, claims: tuple[ast.Claim, ...], holds: Holds, label: str, granted: dict[int, Expr]
) -> tuple[tuple[Lease, ...], Holds]:
    """The leases of these claims, and what is held while none is lost."""
    b = ctx.b
    out: list[Lease] = []
    for name in dict.fromkeys(c.resource for c in claims):
        if name not in b.leases:
            continue
        lease = Lease(ctx.world.resources[name], b.leases[name], None)
        if lease.silent:
            lease, holds = _losable(ctx, lease, holds, label, granted)
        out.append(lease)
    return tuple(out), holds


def _losable(
    ctx: Ctx, lease: Lease, holds: Holds, label: str, granted: dict[int, Expr]
) -> tuple[Lease, Holds]:
    """It may be lost while its holder goes on."""
    b, name = ctx.b, lease.resource.name
    lost = b.hidden(f"{label}: {name} is lost", ctx.inst.id, False)
    granted[lost.index] = FALSE
    b.lost.setdefault(ctx.inst.id, []).append(lost)
    mine = {v for r in b.of_name(name) for v in (r.used, r.exclusive)}
    rest = tuple((u, ite(lost, const(0), a) if u in mine else a) for u, a in holds)
    return replace(lease, lost=lost), rest


def _protected(
    ctx: Ctx, t: ast.Using, want: Demand, most: Expr | None, label: str, place: str
) -> Demand:
    """The claims of a block parts of which may go on when it is cut off: leases end all the same.

    For how long they are had then is known by the clock.
    """
    b = ctx.b
    granted, holds = dict(want.granted), want.holds
    leases = []
    for lease in want.leases:
        outlived = _outlived(most, lease.limit)
        if outlived is not FALSE:
            if lease.lost is None:
                lease, holds = _losable(ctx, lease, holds, label, granted)
            assert lease.lost is not None
            name = lease.resource.name
            times = [
                b.variable(f"{label}: {what}", Duration(), VarKind.HIDDEN, ZERO, ctx.inst.id)
                for what in (f"{name} since", f"{name} is left for")
            ]
            b.revocable[lease.lost.index] = Revocable(
                name, place, lease.limit, outlived, lease.lost, times[0], times[1], t.span
            )
        leases.append(lease)
    return replace(want, holds=holds, granted=granted, leases=tuple(leases))


def _outlived(most: Expr | None, limit: Expr) -> Expr:
    """A lease that what it is for cannot reach is never over, also where time is not looked at."""
    return TRUE if most is None else not_(lt(most, limit))


def _taken(x: Expr, taken: dict[int, Expr]) -> Expr:
    return taken.get(x.index, x) if x.op is Op.VAR else x


def not_negative(ctx: Ctx, want: Demand, rule: RuleDraft) -> None:
    for cond, span in want.amounts:
        ctx.must("contracts", cond, "a claim is negative", span, rule)


def _lingers(ctx: Ctx, t: ast.Term) -> bool:
    """May a part of it go on when it is cancelled?"""
    for node in walk(t):
        if isinstance(node, ast.NoCancel | ast.Saga) or (isinstance(node, ast.Try) and node.final):
            return True
        if isinstance(node, ast.Call) and node.name in ctx.world.open:
            if ctx.world.open[node.name].shields:
                return True
        if isinstance(node, ast.Call) and node.name in ctx.world.workflows:
            if _lingers(ctx, ctx.world.workflows[node.name].body):
                return True
    return False


def contested(
    ctx: Ctx, want: Demand, at: At, label: str, span: Span, **more: object
) -> tuple[list[RuleDraft], At]:
    """What happens where the claims are not free, and from where they are granted."""
    if not want.contests:
        return [], at
    rules = rejected(ctx, want.contests, at, label, span, **more)
    out, at = waiting(ctx, want.contests, at, label, span, **more)
    asks(ctx, want.contests, at)
    return [*rules, *out], at


def loses(ctx: Ctx, lease: Lease, place: str, at: At, outlived: Expr, span: Span) -> RuleDraft:
    """A silent lease is over: others may claim, and its holder goes on."""
    assert lease.lost is not None
    ctx.world.has_timeouts = True
    left = tuple(
        (used, substitute(amount, lambda x: TRUE if x is lease.lost else x))
        for used, amount in ctx.claims
    )
    rule = step(
        ctx,
        at,
        RuleKind.TIMER,
        f"{place} has lost {lease.resource.name}",
        span,
        None,
        guard=and_(outlived, not_(lease.lost)),
        updates={lease.lost.index: TRUE},
        held=ctx.claims,
        then=left,
        event=EventKind.LEASE_EXPIRED,
        subject=place,
        delay=Delay(lease.limit, lease.limit),
    )
    message = f"{place} may outlive its lease of {lease.resource.name}"
    ctx.must("resources", FALSE, message, span, rule, name=lease.resource.name)
    return rule


def _watched(ctx: Ctx, t: ast.Using, want: Demand, at: At, place: str, most: Expr | None) -> Out:
    """A block that somebody or something may take the claims from: the one child of a fork, beside
    which that happens.  `most`: how long the block takes, if that is known."""
    from . import parallel
    from .terms import describe, term

    own = len(ctx.b.asking)
    inside = parallel.Branch(lambda c, a, e: term(c, t.body, a, e), describe(t.body), t.body.span)
    o, here, ended = parallel.watched(ctx, inside, at, t.span, "with a lease")
    if want.preempted:
        taken_away(ctx, want.contests, o, here, own, t.span)
    told = [x for x in want.leases if not x.silent]
    limit = reduce(_least, [x.limit for x in told]) if told else None
    strikes = _outlived(most, limit) if limit is not None else FALSE
    if limit is not None:
        most = limit if most is None else _least(most, limit)  # by then it is over
    for lease in want.leases:
        outlived = _outlived(most, lease.limit)
        if lease.silent and outlived is not FALSE:
            loses(ctx, lease, place, here, outlived, t.span).over_children = True
    if limit is not None and strikes is not FALSE:
        ctx.world.has_timeouts = True
        raise_error(
            ctx,
            here,
            "LeaseExpired",
            RuleKind.INTERRUPT,
            f"{place} loses its lease of {', '.join(x.resource.name for x in told)}",
            t.span,
            guard=strikes,
            updates={
                x.lost.index: or_(x.lost, le(x.limit, limit)) for x in told if x.lost is not None
            },
            abort=o.fork,
            event=EventKind.LEASE_EXPIRED,
            subject=place,
            delay=Delay(limit, limit),
        )
    return Out(ended, o.log)


def _least(a: Expr, b: Expr) -> Expr:
    return ite(lt(a, b), a, b)


def using(ctx: Ctx, t: ast.Using, at: At, k: int) -> Out:
    """A scoped claim: one step to grant it; released with the last step of the block."""
    from .longest import longest
    from .terms import describe, term

    taken: dict[int, Expr] = {}
    with collecting(ctx.env) as (env, found):
        label = f"{ctx.inst.name} using{ctx.tag}"
        want = demand(replace(ctx, env=env), t.claims, label, taken)
    ctx.defined_at(found, at)
    names = ", ".join(c.resource for c in t.claims)
    place = f"{ctx.inst.name}: using {names}"
    inside = replace(ctx, env=ctx.env.bind(**want.tokens))
    most = longest(inside, t.body) if want.leases else None
    if want.leases and _lingers(ctx, t.body):
        want = _protected(ctx, t, want, most, label, place)
    label = f"using {names}"
    at = at.once(*taken.items()) if want.contests else at.then(*taken.items())
    _, at = contested(ctx, want, at, label, t.span)
    inner = replace(inside, claims=(*ctx.claims, *want.holds))
    entered = inner.point(PointKind.READY, describe(t.body), t.body.span)
    updates = want.granted
    grant = step(ctx, at, RuleKind.GRANT, label, t.span, entered, guard=want.free, updates=updates)
    grant.asked = want.spent
    for lease in want.leases:
        if lease.lost is not None and lease.lost.index in ctx.b.revocable:
            ctx.b.revocable[lease.lost.index].grant = grant
    want.stand(grant, at)
    not_negative(ctx, want, grant)
    if want.leases or want.preempted:
        out = _watched(inner, t, want, inner.at(entered), place, most)
    else:
        out = term(inner, t.body, inner.at(entered), k)
    if out.exit is not None:
        # The block may end without a step: then giving back is one.
        step(inner, out.exit, RuleKind.RELEASE, f"release {names}", t.span, k)
    return Out(None, out.log)
