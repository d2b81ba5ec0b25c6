"""`undone when` about what one round of a loop had: its arguments, its result.

It is asked when the saga ends, and must hold of every round.  So the environment names one: it says
at the start of an attempt whether this is the one that is asked about, and what the attempt had is
kept from then on.  What is proved for whatever it names is proved of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.records import dataclass
from ...dsl.types import Bool
from ..expr import FALSE, Expr, Op, Sort, and_, inp, ite, not_, or_, var
from ..expr import zero as nothing
from ..system import Input, VarKind
from ..walks import substitute, variables
from .builder import RuleDraft
from .context import Ctx
from .drafts import Done, Log
from .env import Env, unasked
from .expressions import scalar
from .refusals import not_here
from .undolog import entries, repeated

Snapshot = Mapping[int, tuple[Expr, Expr]]  # value at entry, written from outside
ASKED = "asked_about"


@dataclass(frozen=True, slots=True)
class Watched:
    """An activity has been `done`, in the round that is asked about; what it had then, by
    variable."""

    done: Expr
    had: Mapping[int, Expr]

    def of(self, e: Expr) -> Expr:
        return substitute(e, lambda x: self.had.get(x.index, x) if x.op is Op.VAR else x)


def undone(env: Env, cond: ast.Expression, snapshot: Snapshot) -> Expr:
    """`undone when e`: `old(x)` is the value of x at the entry of the saga."""
    entry = {i: value for i, (value, _) in snapshot.items()}
    return scalar(replace(env, store={}, entry=entry), cond)


def watch(
    ctx: Ctx,
    log: Log,
    snapshot: Snapshot,
    rules: Sequence[RuleDraft],
    entering: Sequence[RuleDraft],
    entry: Expr,
) -> dict[int, Watched]:
    """By the identity of what is done again and again, and whose `undone when` is about a round.

    `rules` of the saga's body; `entering` are those that may enter it, where `entry` holds.
    """
    out: dict[int, Watched] = {}
    for r in repeated(log):
        for d in entries(r):
            if d.undone_when is None or id(d) in out:
                continue
            asked = variables([undone(unasked(d.env), d.undone_when, snapshot)])
            own = [i for i in sorted(asked) if i in r.inside]
            if not own:
                continue
            if any(ctx.b.variables[i].kind is VarKind.DATA for i in own):
                message = "`undone when` about a variable of a workflow that is called in a loop"
                fix = "each call has its own: say it of an argument, or of what outlives the call"
                raise not_here(message, d.undone_when.span, fix)
            out[id(d)] = _watched(ctx, d, own, rules)
    for w in out.values():
        for rule in entering:
            for x in (w.done, *w.had.values()):
                old = rule.updates.get(x.index, x)
                rule.updates[x.index] = ite(entry, nothing(x.sort), old)
    return out


def _watched(ctx: Ctx, d: Done, own: Sequence[int], rules: Sequence[RuleDraft]) -> Watched:
    b, by = ctx.b, d.by
    ghost, number = VarKind.GHOST, ctx.inst.id
    named = b.variable(f"{d.name} {ASKED}", Bool(), ghost, FALSE, number, d.span)
    done = b.variable(f"{d.name} was {ASKED}", Bool(), ghost, FALSE, number, d.span)
    had = {i: b.copy(f"{b.variables[i].name} asked", _var(ctx, i), ghost, number) for i in own}
    by.start.updates[named.index] = inp(len(by.start.inputs), Sort.BOOL)
    by.start.inputs = (*by.start.inputs, Input(ASKED, Sort.BOOL, Bool()))
    now = and_(named, not_(done))

    def noted(updates: dict[int, Expr]) -> dict[int, Expr]:
        """With what the attempt had, where it is the one."""
        found = {x.index: ite(now, updates.get(i, _var(ctx, i)), x) for i, x in had.items()}
        return {done.index: or_(done, named), **found}

    assert by.complete is not None
    by.complete.updates.update(noted(by.complete.updates))
    if by.point.cut:
        by.point.cut.update(noted(by.point.cut))
        for rule in rules:
            if rule.leaves is by.point:
                rule.updates.update(noted(by.point.cut))
    return Watched(done, had)


def _var(ctx: Ctx, index: int) -> Expr:
    return var(index, ctx.b.variables[index].sort)
