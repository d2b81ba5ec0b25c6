"""Activities that may be run again after an attempt whose effect is not known for sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from ...dsl import ast
from ...dsl.errors import Span
from ...dsl.types import Bool, Str
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    and_,
    eq,
    implies,
    inp,
    ite,
    lt,
    not_,
    or_,
    substitute,
    var,
    variables,
)
from ..system import Input, VarKind
from .builder import RuleDraft
from .context import ANY_ERROR, Ctx, KeyUse
from .data import default, definite, leaves, scalars
from .env import Env
from .expressions import lower
from .place import At

CUT = "happens_if_cut_off"


@dataclass(frozen=True, slots=True)
class Repeats:
    """How often the effect of one call may be had.

    `cut`: the environment has said, when the attempt started, that it has had its effect if it
    is cut off.  `had`: the key has been used here, so the effect is not had again.  `noted`: that
    it has been had.
    """

    cut: Expr | None
    had: Expr
    noted: Mapping[int, Expr] = field(default_factory=dict)

    def once(self, updates: Mapping[int, Expr]) -> dict[int, Expr]:
        """An effect that is had when the attempt completes."""
        out = {i: ite(self.had, var(i, v.sort), v) for i, v in updates.items()}
        return {**out, **self.noted}

    def perhaps(self, updates: Mapping[int, Expr]) -> dict[int, Expr]:
        """An effect that may have been had when the attempt is cut off."""
        if self.cut is None:
            return {}
        cut = self.cut
        return {i: ite(cut, v, var(i, v.sort)) for i, v in self.once(updates).items()}


def repeats(
    ctx: Ctx, a: ast.Activity, place: str, env: Env, at: At, start: RuleDraft, span: Span
) -> Repeats:
    """Of the call of an activity that begins with the rule `start`."""
    b = ctx.b
    cut: Expr | None = None
    if a.at_least_once or ctx.inst.workflow.name in ctx.world.crashing:
        cut = b.variable(f"{place} {CUT}", Bool(), VarKind.HIDDEN, FALSE, ctx.inst.id, span)
        start.inputs = (*start.inputs, Input(CUT, Sort.BOOL, Bool()))
        start.updates[cut.index] = inp(len(start.inputs) - 1, Sort.BOOL)
    if a.idempotent_by is None:
        return Repeats(cut, FALSE)
    type_ = a.idempotent_by.type
    assert type_ is not None
    hidden, number = VarKind.HIDDEN, ctx.inst.id
    zero = default(type_, b.string)
    value = replace(ctx, env=env).read(at, partial(lower, e=a.idempotent_by))
    key = asked = tuple(leaves(definite(value)))
    if not all(ctx.fixed(e) for e in key):  # as it is when the attempt starts
        slots = tuple(leaves(b.data(f"{place} key", type_, hidden, zero, number, span)))
        start.updates.update(
            (slot.index, start.reading(e)) for slot, e in zip(slots, key, strict=True)
        )
        key = slots
    seen = b.hidden(f"{place} key used", number, False)
    last = tuple(leaves(b.data(f"{place} last key", type_, hidden, zero, number, span)))
    had = and_(seen, _same(last, key))
    noted = {seen.index: TRUE, **{x.index: k for x, k in zip(last, key, strict=True)}}
    first = last
    if ctx.again:
        first = tuple(b.copy(f"{place} first key", x, hidden, number) for x in last)
        noted.update((f.index, ite(seen, f, k)) for f, k in zip(first, key, strict=True))
        texts = [isinstance(t, Str) for t in scalars(type_)]
        message = f"a key of {a.name} may come back in a later round: keys in a loop must not fall"
        if any(texts):
            message += ", and a string must stay the same"
        kept = or_(_same(last, asked), _rises(last, asked, texts))
        cond = implies(seen, kept)
        ctx.must("contracts", cond, message, span, start, name=a.name)
    use = KeyUse(seen, first, last, ctx.again, span)
    ctx.world.keys.setdefault(a.name, []).append(use)
    return Repeats(cut, had, noted)


def _same(a: Sequence[Expr], b: Sequence[Expr]) -> Expr:
    return and_(*(eq(x, y) for x, y in zip(a, b, strict=True)))


def _rises(a: Sequence[Expr], b: Sequence[Expr], unordered: Sequence[bool] = ()) -> Expr:
    """The key `b` comes after `a`: the first part in which they differ is greater, and ordered.

    Without `unordered` all parts are, strings in any one order.
    """
    out: list[Expr] = []
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        if not (unordered and unordered[i]):
            less = and_(not_(x), y) if x.sort is Sort.BOOL else lt(x, y)
            out.append(and_(_same(a[:i], b[:i]), less))
    return or_(*out)


def apart(ctx: Ctx) -> None:
    """Keys name one effect each: a second call with the same key would have none."""
    for name, uses in ctx.world.keys.items():
        message = f"two calls of {name} may use the same key: the second has no effect"
        for k, one in enumerate(uses):
            for other in uses[:k]:
                if one.again or other.again:  # all keys in between count as used
                    differ = or_(_rises(one.last, other.first), _rises(other.last, one.first))
                else:
                    differ = not_(_same(one.last, other.last))
                cond = implies(and_(one.seen, other.seen), differ)
                ctx.must("contracts", cond, message, one.span, name=name)


def unsure(ctx: Ctx, a: ast.Activity, limits: Sequence[str]) -> bool:
    """May an attempt of this call follow one that may have had its effect?"""
    if a.idempotent_by is not None:
        return False
    if ctx.inst.workflow.name in ctx.world.crashing:
        return True
    again = set(ctx.retried)
    if a.retry is not None:
        again |= set(a.retry.errors) or {ANY_ERROR}
    if a.at_least_once and again:
        return True
    return any(e in again or ANY_ERROR in again for e in limits)


def twice(ctx: Ctx, updates: Mapping[int, Expr], rule: RuleDraft, name: str, span: Span) -> None:
    """The effect had twice leaves the same data as once."""
    for i, once in updates.items():
        again = substitute(once, lambda x: updates.get(x.index, x) if x.op is Op.VAR else x)
        if variables([once], Op.INPUT) or not variables([once]) & updates.keys():
            continue  # whatever it is, it is set anew
        what = ctx.b.variables[i].name
        message = f"if an attempt of {name} has had its effect unseen, {what} is changed twice"
        ctx.must("idempotency", eq(again, once), message, span, rule, name=name, warning=True)
