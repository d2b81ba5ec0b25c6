"""Claims of resources: what is held, when it can be granted, and `using`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...dsl import ast
from ...dsl.errors import Span
from ...dsl.types import Int
from ..expr import Expr, Op, Sort, add, and_, const, eq, le, substitute, var, variables
from ..system import PointKind, RuleKind, VarKind
from .builder import Holds, RuleDraft
from .context import Ctx, Out, step
from .env import collecting
from .expressions import as_sort
from .place import At


@dataclass(frozen=True, slots=True)
class Demand:
    """Claims granted in one step: what is held then, and when they can be granted."""

    holds: Holds
    free: Expr
    amounts: tuple[tuple[Expr, Span], ...]  # must not be negative


def demand(ctx: Ctx, claims: tuple[ast.Claim, ...], label: str, taken: dict[int, Expr]) -> Demand:
    """Same resources claimed twice in one list add up.

    An amount that could change while it is held is kept in a variable, set with `taken`.
    """
    given: list[tuple[Expr, Span]] = []
    amounts: dict[int, Expr] = {}
    guards: list[Expr] = []
    totals: dict[str, Expr] = {}
    for claim in claims:
        r = ctx.b.resources[claim.resource]
        if claim.mode == "units":
            amount = as_sort(ctx.env, claim.amount, Sort.INT) if claim.amount else const(1)
            if not ctx.fixed(amount) and not variables([amount]) <= taken.keys():
                asked = substitute(amount, lambda x: _taken(x, taken))
                name = f"{label}: {claim.resource}"
                amount = ctx.b.variable(
                    name, Int(), VarKind.HIDDEN, const(0), ctx.inst.id, claim.span
                )
                taken[amount.index] = asked
            # A claim of a negative amount would create units out of nothing.
            given.append((le(const(0), amount), claim.span))
            index = r.used
            totals[r.name] = add(totals[r.name], amount) if r.name in totals else amount
        else:
            amount = const(1)
            exclusive = claim.mode == "exclusive"
            index = r.exclusive if exclusive and r.exclusive is not None else r.used
            if r.enforced:
                assert r.exclusive is not None
                guards.append(eq(var(r.exclusive, Sort.INT), const(0)))
                if exclusive:
                    guards.append(eq(var(r.used, Sort.INT), const(0)))
        amounts[index] = add(amounts[index], amount) if index in amounts else amount
    for name, amount in totals.items():
        r = ctx.b.resources[name]
        if r.enforced:
            guards.append(le(add(var(r.used, Sort.INT), amount), r.capacity))
    return Demand(tuple(amounts.items()), and_(*guards), tuple(given))


def _taken(x: Expr, taken: dict[int, Expr]) -> Expr:
    return taken.get(x.index, x) if x.op is Op.VAR else x


def not_negative(ctx: Ctx, want: Demand, rule: RuleDraft) -> None:
    for cond, span in want.amounts:
        ctx.must("contracts", cond, "a claim is negative", span, rule)


def using(ctx: Ctx, t: ast.Using, at: At, k: int) -> Out:
    """A scoped claim: one step to grant it; released with the last step of the block."""
    from .terms import describe, term

    names = ", ".join(c.resource for c in t.claims)
    taken: dict[int, Expr] = {}
    with collecting(ctx.env) as (env, found):
        want = demand(replace(ctx, env=env), t.claims, f"{ctx.inst.name} using{ctx.tag}", taken)
    ctx.defined_at(found, at)
    at = at.then(*taken.items())
    inner = replace(ctx, claims=(*ctx.claims, *want.holds))
    entered = inner.point(PointKind.READY, describe(t.body), t.body.span)
    grant = step(ctx, at, RuleKind.GRANT, f"using {names}", t.span, entered, guard=want.free)
    not_negative(ctx, want, grant)
    body = term(inner, t.body, inner.at(entered), k)
    if body.exit is not None:
        # The block may end without a step: then giving back is one.
        step(inner, body.exit, RuleKind.RELEASE, f"release {names}", t.span, k)
    return Out(None, body.log)
