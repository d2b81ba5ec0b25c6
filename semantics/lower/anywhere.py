"""A spec whose activities are placed nowhere: all that run in environments claim one unit of one
pool, of a capacity that is not known.

What the environment answers of an activity does not depend on where it is placed, and a placement
changes no data: it is a choice of claims.  So a run, with the claims of environments left out, is
one of this spec without the claims of that pool; the claims themselves only put steps off.  That
the pool counts as one for which one may wait is what the pools of environments have to count as.
"""

from __future__ import annotations

from dataclasses import replace

from ...dsl import ast
from ...dsl.types import Int

POOL = "any environment"  # no name of the language has a blank
CAPACITY = "capacity of any environment"
MOST = 1_000_000


def placed_anywhere(spec: ast.Spec) -> ast.Spec | None:
    """None where no placement is left open."""
    activities = [*spec.activities, *(a for w in spec.workflows for a in w.activities)]
    placements = [a.runs_in for a in activities if a.runs_in is not None]
    if not any(len(p.environments) > 1 for p in placements):
        return None
    span = placements[0].span
    capacity = ast.Name(CAPACITY, ref=ast.RefKind.PARAM, type=Int(), span=span)
    pool = ast.Resource(POOL, "pool", capacity, span=span)
    bounds = Int(1, MOST)
    number = ast.ParamDecl(
        CAPACITY,
        ast.RangeType(ast.IntLit(1, span=span), ast.IntLit(MOST, span=span), span=span),
        bounds,
        span=span,
    )
    return replace(
        spec,
        params=(*spec.params, number),
        resources=(*spec.resources, pool),
        activities=tuple(_anywhere(a) for a in spec.activities),
        workflows=tuple(
            replace(w, activities=tuple(_anywhere(a) for a in w.activities)) for w in spec.workflows
        ),
    )


def _anywhere(a: ast.Activity) -> ast.Activity:
    if a.runs_in is None:
        return a
    claim = ast.Claim(POOL, span=a.runs_in.span)
    return replace(a, runs_in=None, uses=(*a.uses, claim))
