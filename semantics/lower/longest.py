"""The longest time that a term can take, where its parts say so: for limits that never strike.

As `lasting` reads it, with claims that may all have to wait, and only where that is a constant of
the run.
"""

from __future__ import annotations

from ...dsl import ast
from ..expr import Expr
from .context import Ctx
from .times import Arithmetic


def longest(ctx: Ctx, t: ast.Term) -> Expr | None:
    """Seconds, or None: not bounded, as far as is seen here."""
    from .lasting import read
    from .lasting_facts import Reading

    arithmetic = Arithmetic(ctx.b.variables)
    r = Reading(arithmetic, frozenset(), alone=False)  # (Who is beside it is not known here.)
    found = read(r, ctx, t)
    if r.restless or r.contended:
        return None
    most = arithmetic.ended(found).hi
    return most if most is not None and ctx.fixed(most) else None
