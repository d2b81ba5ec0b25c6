"""The clock: `now` is the time of the step that reads it.

The time is an answer of the environment (`Input.clock`), no less than at the last reading, which a
variable keeps.  So the untimed view has all runs of the timed system and more; in a run, and in one
that is shown, it is the time at which the step is taken.
"""

from __future__ import annotations

from fractions import Fraction

from ...dsl import ast, clock
from ...dsl.changed import replace
from ...dsl.types import Duration
from ..expr import Expr, Op, Sort, and_, const, inp, le
from ..system import Bundle, Input, PointKind, RuleKind, VarKind
from ..walks import substitute, variables
from .builder import Builder, RuleDraft
from .context import Ctx, step
from .place import At


def looked(ctx: Ctx, e: ast.Expression, at: At) -> tuple[Ctx, At]:
    """Where a test that reads the clock is looked at, and how it is read there."""
    ctx, at, _ = looking(ctx, e, at)
    return ctx, at


def looking(ctx: Ctx, e: ast.Expression, *places: At) -> tuple[Ctx, At, list[RuleDraft]]:
    """The same from several places, with the steps from each: it is looked at after a step that
    has read the clock, for what a test looks at must not change by itself."""
    if not clock.reads(e):
        (at,) = places
        return ctx, at, []
    name = f"{ctx.inst.name} clock at {e.span.line}:{e.span.col}{ctx.tag}"
    zero = const(Fraction(0))
    seen = ctx.b.variable(name, Duration(), VarKind.HIDDEN, zero, ctx.inst.id, e.span)
    after = ctx.point(PointKind.READY, "with the time", e.span)
    updates = {seen.index: ctx.env.now(e.span)}
    label = "looks at the clock"
    rules = [step(ctx, a, RuleKind.STEP, label, e.span, after, updates=updates) for a in places]
    return replace(ctx, env=replace(ctx.env, now=lambda _: seen)), ctx.at(after), rules


def timed(b: Builder, r: RuleDraft, bundle: Bundle | None) -> Bundle | None:
    """Where the step (with what it cancels) or a claim about it reads the clock, its time becomes
    an answer of the environment."""
    if b.clock is None:
        return bundle
    last = b.clock
    about = [i for i, o in enumerate(b.obligations) if o.rule == r.index]
    terms = [r.relation, *r.updates.values(), *(b.obligations[i].cond for i in about)]
    if bundle is not None:
        terms += [e for _, e in bundle.updates]
    if last.index not in variables(terms):
        return bundle
    time = inp(len(r.inputs), Sort.REAL)

    def at_it(e: Expr) -> Expr:
        return substitute(e, lambda x: time if x.op is Op.VAR and x.index == last.index else x)

    r.inputs = (*r.inputs, Input("now", Sort.REAL, Duration(), clock=True))
    r.updates = {i: at_it(e) for i, e in r.updates.items()}
    r.updates[last.index] = time
    r.relation = and_(at_it(r.relation), le(last, time))
    for i in about:
        b.obligations[i] = replace(b.obligations[i], cond=at_it(b.obligations[i].cond))
    if bundle is None:
        return None
    return Bundle(
        tuple((i, at_it(e)) for i, e in bundle.updates),
        tuple(
            replace(e, changes=tuple((i, at_it(c)) for i, c in e.changes)) for e in bundle.events
        ),
    )
