"""Changes of the followed data as terms: known values in one step, any value by a choice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from ... import ast
from ...errors import Span
from .context import Import, in_order, seconds
from .data import Place, Scope
from .paths import Add, Any, Copy, Keep, Value
from .slots import Slot

Change = tuple[Place, Value]
CallMaker = Callable[[tuple[str, ...], ast.TypeExpr | None, ast.Expression | None], ast.Term]


def _sorted_out(
    ctx: Import, changes: Sequence[Change], scope: Scope, span: Span, after_work: bool
) -> tuple[list[ast.Assign], list[Slot]]:
    """Assignments in an order in which none reads what another has changed; and the rest.

    `after_work`: what gets any value has it before the assignments.
    """
    known = list[tuple[Slot, list[ast.Assign], set[str]]]()
    unknown = list[Slot]()
    touched = {p for p, v in changes if not isinstance(v, Keep)}
    for place, value in changes:
        slot = ctx.slots.slot(place)
        if slot is None or isinstance(value, Keep) or not (slot.kind or slot.number):
            continue
        reads = set[str]()
        if isinstance(value, (Copy, Add)):
            source = ctx.document.home(scope, value.path)
            if after_work and source in touched and source != place:
                value = Any()
            elif (other := ctx.slots.slot(source)) is not None:
                reads = {other.kind, other.number} - {"", slot.kind, slot.number}
        assigns = ctx.slots.assign(slot, value, scope, span)
        if assigns is None:
            unknown.append(slot)
        else:
            known.append((slot, assigns, reads))
    done = list[ast.Assign]()
    while known:
        # one that nobody else reads may change now
        free = [k for k in known if not any({k[0].kind, k[0].number} & o[2] for o in known)]
        if free:
            done.extend(free[0][1])
            known.remove(free[0])
        else:  # a circle of copies: forget one of them
            unknown.append(known.pop()[0])
    return done, unknown


def change(
    ctx: Import, changes: Sequence[Change], scope: Scope, span: Span, after_work: bool = False
) -> list[ast.Term]:
    """Terms that change the data, in order."""
    known, unknown = _sorted_out(ctx, changes, scope, span, after_work)
    parts = list[ast.Term]()
    if len(known) == 1:
        parts.append(known[0])
    elif known:
        parts.append(ast.Atomic(ast.Seq(tuple(known), span=span), span=span))
    free = [part for slot in unknown for part in anything(ctx, slot, span)]
    return free + parts if after_work else parts + free


def anything(ctx: Import, slot: Slot, span: Span) -> list[ast.Term]:
    """Any value for one slot: the environment chooses."""
    parts = list[ast.Term]()
    if slot.kind:
        parts.append(one_of(slot.read(slot.kind, span), slot.values, span))
    if slot.number:
        name = ctx.names.fresh(f"any_{slot.number}")
        now = seconds(Fraction(0), span)
        real = ast.TypeName("real", span=span)
        takes = ast.Takes(now, now, span=span)
        ctx.activities.append(ast.Activity(name, returns=real, takes=takes, span=span))
        parts.append(ast.Call(name, bind=slot.read(slot.number, span), span=span))
    return parts


def one_of(target: ast.Expression, values: Sequence[str], span: Span) -> ast.Term:
    """Assigns one of the named values."""
    return ast.Choice(
        tuple(ast.Assign(target, ast.Name(v, span=span), span=span) for v in values), span=span
    )


def after_call(
    ctx: Import, make: CallMaker, changes: Sequence[Change], scope: Scope, span: Span
) -> ast.Term:
    """A task that leaves data changed.

    What gets any value is written by the activity itself, in its completion step.  Inside a Map
    every item has its own data: the activity's result goes there, further data are chosen after.
    """
    known, unknown = _sorted_out(ctx, changes, scope, span, after_work=True)
    parts = list[ast.Term]()
    if not unknown:
        parts.append(make((), None, None))
    elif not any(slot.indices for slot in unknown):
        names = tuple(n for slot in unknown for n in (slot.kind, slot.number) if n)
        parts.append(make(names, None, None))
    else:
        first, *rest = unknown
        name, type_ = (first.number, "real") if first.number else (first.kind, first.enum)
        parts.append(make((), ast.TypeName(type_, span=span), first.read(name, span)))
        if first.number and first.kind:
            parts.append(one_of(first.read(first.kind, span), first.values, span))
        for slot in rest:
            parts.extend(anything(ctx, slot, span))
    if len(known) == 1:
        parts.append(known[0])
    elif known:
        parts.append(ast.Atomic(ast.Seq(tuple(known), span=span), span=span))
    return in_order(parts, span)
