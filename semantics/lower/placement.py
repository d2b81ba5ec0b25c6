"""Environments: pools of their own, and activities that run in one of them.

A capacity of an environment is a pool `gpu_box.gpus`; an activity that runs there claims from it
like from any other.  Where several environments are named, the placement is left open: it is a
choice by the first step, so the activity goes where there is room, and stays there for all of its
attempts.  A limit is no claim: where one environment is named it must be shown, where there are
several those in which the activity would go beyond it are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.types import Int
from ..expr import TRUE, Expr, Sort, and_, const, implies, le, or_
from ..system import ResourceInfo, VarKind
from .builder import Builder
from .context import Ctx
from .env import Env
from .expressions import as_sort, lower
from .place import At


def pools(b: Builder, e: ast.Environment, capacity: dict[str, Expr]) -> None:
    """The pools of an environment; `capacity` by name."""
    for a in e.capacities:
        name = _pool(e, a)
        used = b.variable(name, Int(), VarKind.USED, const(0), None, a.span)
        b.resources[name] = ResourceInfo(
            name, "pool", capacity[a.name], True, used.index, None, a.span
        )


def _pool(e: ast.Environment, a: ast.Amount) -> str:
    return f"{e.name}.{a.name}"  # no name of the language has a dot


def there(ctx: Ctx, name: str) -> ast.Environment:
    (found,) = (e for e in ctx.world.spec.environments if e.name == name)
    return found


def claiming(ctx: Ctx, a: ast.Activity, name: str) -> ast.Activity:
    """The activity with the claims that it has in one environment."""
    assert a.runs_in is not None
    e = there(ctx, name)
    asked = {d.name: d for d in a.runs_in.demands}
    claims = []
    for c in e.capacities:
        if not asked or c.name in asked:
            d = asked.get(c.name)
            amount = d.value if d is not None else None
            claims.append(ast.Claim(_pool(e, c), amount=amount, span=a.runs_in.span))
    return replace(a, uses=(*a.uses, *claims))


def anywhere(ctx: Ctx, a: ast.Activity) -> tuple[ast.Claim, ...]:
    """All claims that it may have, wherever it is placed."""
    if a.runs_in is None:
        return a.uses
    more = (claiming(ctx, a, n).uses[len(a.uses) :] for n in a.runs_in.environments)
    return (*a.uses, *(c for claims in more for c in claims))


def declared(e: ast.Environment) -> dict[str, ast.Resource]:
    """Its pools as they would be declared."""
    return {
        _pool(e, a): ast.Resource(_pool(e, a), "pool", a.value, span=a.span) for a in e.capacities
    }


def fits(ctx: Ctx, env: Env, a: ast.Activity, name: str) -> Expr:
    """What is asked for is within the capacities and limits of an environment."""
    assert a.runs_in is not None
    e = there(ctx, name)
    return and_(*_bounds(ctx, env, e, a.runs_in))


def _bounds(ctx: Ctx, env: Env, e: ast.Environment, p: ast.Placement) -> Iterator[Expr]:
    for d in p.demands or e.capacities:
        amount = const(1) if not p.demands or d.value is None else as_sort(env, d.value, Sort.INT)
        for a in (*e.capacities, *e.limits):
            if a.name == d.name:
                yield le(amount, const(1) if a.value is None else as_sort(env, a.value, Sort.INT))


def placeable(ctx: Ctx, a: ast.Activity, t: ast.Call, at: At) -> None:
    """Some environment can take it whenever it is called."""
    assert a.runs_in is not None
    names = a.runs_in.environments

    def some(env: Env) -> Expr:
        given = {p.name: lower(env, e) for p, e in zip(a.params, t.args, strict=True)}
        inner = env.bind(**given)
        return or_(*(fits(ctx, inner, a, name) for name in names))

    cond = ctx.read(at, some)
    message = f"{a.name} asks for more than {' or '.join(names)} can give"
    ctx.must(
        "resources", implies(at.cond, at.reading(cond)), message, t.span, name=f"place of {a.name}"
    )


def only_where_it_fits(ctx: Ctx, env: Env, a: ast.Activity, name: str) -> Expr:
    """When a side of an open placement may be taken; any, where it fits nowhere."""
    assert a.runs_in is not None
    names = a.runs_in.environments
    if len(names) == 1:
        return TRUE
    here, anywhere = (
        fits(ctx, env, a, name),
        or_(*(fits(ctx, env, a, n) for n in names)),
    )
    return implies(anywhere, here)
