"""Activities that may be run again after an attempt whose effect is not known for sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import partial

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ...dsl.types import Bool, Enum, Str
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    and_,
    const,
    eq,
    implies,
    inp,
    ite,
    le,
    lt,
    not_,
    or_,
    var,
    zero,
)
from ..system import Input, Variable, VarKind
from ..walks import substitute, variables
from .builder import RuleDraft
from .context import ANY_ERROR, Ctx
from .data import default, definite, leaves, scalars
from .drafts import KeyUse
from .env import Env
from .expressions import lower
from .place import At

CUT = "happens_if_cut_off"


@dataclass(frozen=True, slots=True)
class Repeats:
    """How often the effect of one call may be had.

    `cut`: the environment has said, when the attempt started, that it has had its effect if it
    is cut off.  `had`: the key has been used here, so the effect is not had again.  `noted`: that
    it has been had.  `asked`: what the environment has said besides, where the effect depends on
    its answer; `allowed`: the contract allows this now; `came`: what it had said when the key was
    used, which comes again.
    """

    cut: Expr | None
    had: Expr
    noted: Mapping[int, Expr] = field(default_factory=dict)
    asked: tuple[Expr, ...] = ()
    allowed: Expr = TRUE
    came: tuple[Expr, ...] = ()

    def once(self, updates: Mapping[int, Expr]) -> dict[int, Expr]:
        """An effect that is had when the attempt completes."""
        out = {i: ite(self.had, var(i, v.sort), v) for i, v in updates.items()}
        out.update((x.index, ite(self.had, x, inp(i, x.sort))) for i, x in enumerate(self.came))
        return {**out, **self.noted}

    def perhaps(self, updates: Mapping[int, Expr]) -> dict[int, Expr]:
        """An effect that may have been had when the attempt is cut off."""
        if self.cut is None:
            return {}
        cut = and_(self.cut, self.allowed)
        return {i: ite(cut, self._said(v), var(i, v.sort)) for i, v in self.once(updates).items()}

    def _said(self, e: Expr) -> Expr:
        """With what the environment has said in place of its answer."""
        return substitute(e, lambda x: self.asked[x.index] if x.op is Op.INPUT else x)

    @property
    def unsure(self) -> bool:
        """The effect may be had other than by completing, or not be had by that."""
        return self.cut is not None or self.had is not FALSE

    def answer(self, relation: Expr) -> Expr:
        """Which answers there may be: with a key that has been used, the one that came with it."""
        if not self.came:
            return relation
        again = and_(*(eq(inp(i, x.sort), x) for i, x in enumerate(self.came)))
        return ite(self.had, again, relation)

    def answered(
        self, ctx: Ctx, place: str, start: RuleDraft, inputs: Sequence[Input], relation: Expr
    ) -> Repeats:
        """Of an effect that depends on the answer (`inputs`, as `relation` allows them).

        What is said at the start is the answer that would have been given when the attempt is cut
        off.  Where the contract does not allow it then, there has been no effect; so the runs are
        those in which it is given at that moment.
        """
        asked: tuple[Expr, ...] = ()
        came: tuple[Expr, ...] = ()
        if self.cut is not None:
            asked = _slots(ctx, f"{place} {{}}_if_cut_off", inputs)
            happens = start.updates[self.cut.index]
            for x, i in zip(asked, inputs, strict=True):
                start.inputs = (*start.inputs, replace(i, name=f"{i.name}_if_cut_off"))
                said = inp(len(start.inputs) - 1, x.sort)
                start.updates[x.index] = said
                start.relation = and_(start.relation, typed(i, said), only_if(happens, i, said))
        if self.had is not FALSE:
            came = _slots(ctx, f"{place} {{}} of the last key", inputs)
        out = replace(self, asked=asked, came=came)
        return replace(out, allowed=out._said(relation)) if asked else out


def _slots(ctx: Ctx, name: str, inputs: Sequence[Input]) -> tuple[Expr, ...]:
    hidden = VarKind.HIDDEN
    return tuple(
        ctx.b.variable(name.format(i.name), i.type, hidden, zero(i.sort), ctx.inst.id)
        for i in inputs
    )


def only_if(happens: Expr, i: Input | Variable, x: Expr) -> Expr:
    """What is said of an effect that is not had makes no difference, so it is said in one way."""
    outside = i.lo is not None and i.hi is not None and not i.lo <= 0 <= i.hi
    nothing = const(i.lo) if outside and i.lo is not None else zero(i.sort)
    return or_(happens, eq(x, nothing))


def typed(i: Input | Variable, x: Expr) -> Expr:
    """It is a value of its type."""
    if i.lo is not None and i.hi is not None:
        return and_(le(const(i.lo), x), le(x, const(i.hi)))
    if isinstance(i.type, Enum):
        return and_(le(const(0), x), lt(x, const(len(i.type.values))))
    return TRUE


def repeats(
    ctx: Ctx, a: ast.Activity, place: str, env: Env, at: At, start: RuleDraft, span: Span
) -> Repeats:
    """Of the call of an activity that begins with the rule `start`."""
    b = ctx.b
    cut: Expr | None = None
    if a.at_least_once or ctx.inst.crashes:
        cut = b.variable(f"{place} {CUT}", Bool(), VarKind.HIDDEN, FALSE, ctx.inst.id, span)
        start.inputs = (*start.inputs, Input(CUT, Sort.BOOL, Bool()))
        start.updates[cut.index] = inp(len(start.inputs) - 1, Sort.BOOL)
    if a.idempotent_by is None:
        return Repeats(cut, FALSE)
    type_ = a.idempotent_by.type
    assert type_ is not None
    hidden, number = VarKind.HIDDEN, ctx.inst.id
    nothing = default(type_, b.string)
    value = replace(ctx, env=env).read(at, partial(lower, e=a.idempotent_by))
    key = asked = tuple(leaves(definite(value)))
    if not all(ctx.fixed(e) for e in key):  # as it is when the attempt starts
        slots = tuple(leaves(b.data(f"{place} key", type_, hidden, nothing, number, span)))
        start.updates.update(
            (slot.index, start.reading(e)) for slot, e in zip(slots, key, strict=True)
        )
        key = slots
    seen = b.hidden(f"{place} key used", number, False)
    last = tuple(leaves(b.data(f"{place} last key", type_, hidden, nothing, number, span)))
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
    if ctx.inst.crashes:
        return True
    again = set(ctx.retried)
    if a.retry is not None:
        again |= set(a.retry.errors) or {ANY_ERROR}
    if a.at_least_once and again:
        return True
    return any(e in again or ANY_ERROR in again for e in limits)


def twice(
    ctx: Ctx,
    updates: Mapping[int, Expr],
    allowed: Expr,
    rule: RuleDraft,
    name: str,
    span: Span,
) -> None:
    """The effect had twice, with the same answer, leaves the same data as once.

    Of what is left open (`writes`): the answer is one that the contract allows a second time.
    """

    def again(e: Expr) -> Expr:
        return substitute(e, lambda x: updates.get(x.index, x) if x.op is Op.VAR else x)

    asked = variables([allowed])
    for i, once in updates.items():
        if once.op is Op.INPUT:
            if i not in asked:
                continue  # whatever it is, it is set anew
            same = again(allowed)
        elif variables([once]) & updates.keys():
            same = eq(again(once), once)
        else:
            continue
        what = ctx.b.variables[i].name
        message = f"if an attempt of {name} has had its effect unseen, {what} is changed twice"
        ctx.must("idempotency", same, message, span, rule, name=name, warning=True)
