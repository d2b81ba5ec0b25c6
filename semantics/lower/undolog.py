"""The undo log of a saga, as known when the spec is lowered: a shape with one flag an activity."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...dsl.changed import replace
from ...dsl.types import Stack
from ..expr import EMPTY, FALSE, TRUE, Expr, Sort, add, const, pop, push, top, var
from ..system import VarKind
from ..walks import variables
from .builder import RuleDraft
from .context import Ctx
from .drafts import Done, Log, Owed, Rounds

Part = Log | Done | Owed | Rounds


def entries(part: Part) -> Iterator[Done]:
    match part:
        case Done():
            yield part
        case Rounds():
            yield from entries(part.body)
        case Log():
            for p in part.parts:
                yield from entries(p)


def owed(part: Part) -> Iterator[Owed]:
    """The open processes in it."""
    match part:
        case Owed():
            yield part
        case Rounds():
            yield from owed(part.body)
        case Log():
            for p in part.parts:
                yield from owed(p)


def repeated(part: Part) -> Iterator[Rounds]:
    """What is done again and again, the outer before the inner."""
    match part:
        case Rounds():
            yield part
            yield from repeated(part.body)
        case Log():
            for p in part.parts:
                yield from repeated(p)


def to_undo(part: Part) -> bool:
    return bool(_undoable(part))


def _undoable(part: Part) -> list[Expr]:
    """The flags of all in it that has an undo."""
    asks = ("block", "call")
    done = [d.flag for d in entries(part) if d.undo is not None and d.undo.kind in asks]
    return [*done, *(o.flag for o in owed(part))]


def all_of(parts: Iterable[Log], parallel: bool = False) -> Log:
    """The log of parts that are all done once control has passed them."""
    logs = tuple(parts)
    return Log(logs, parallel, sure=frozenset().union(*(log.sure for log in logs)))


def unsure(log: Log) -> Log:
    """The same where control may pass the term though not all of it has run."""
    return replace(log, sure=frozenset())


def rounds(ctx: Ctx, log: Log, sure: frozenset[int], again: RuleDraft, since: int) -> Log:
    """The log of a body that may be run again after the step `again`; `since` is the number of
    the first variable that belongs to the body.  Outside of a saga nobody counts the rounds."""
    if not ctx.in_saga or not to_undo(log):
        return log
    b = ctx.b
    inside = range(since, len(b.variables))
    count = b.hidden(f"{ctx.inst.name} rounds done{ctx.tag}", ctx.inst.id)
    again.updates[count.index] = add(count, const(1))
    for flag in _undoable(log):
        again.updates[flag.index] = FALSE
    for inner in repeated(log):
        again.updates[inner.count.index] = const(0)
    return Log((Rounds(log, sure, count, again, inside),))


def earlier(
    ctx: Ctx, of: Rounds, back: RuleDraft, undo: Iterable[RuleDraft], claims: Iterable[Expr]
) -> None:
    """`back` returns to the round before; `undo` are the rules that undo one round, and `claims`
    what is to be proved of them: an `assert` looks at what no effect may look at."""
    b = ctx.b
    of.back.append(back)
    back.updates[of.count.index] = back.reading(add(of.count, const(-1)))
    known = {x.index for x in of.kept} | of.sure
    for i in sorted(_looked_at(undo) | variables(claims)):
        v = b.variables[i]
        # A saga inside has its stack already: its earlier rounds stay on it.
        if v.sort is Sort.STACK or v.kind not in (VarKind.HIDDEN, VarKind.DATA):
            continue
        if i in of.inside and i not in known:
            of.kept.append(var(i, v.sort))
    if of.kept and of.stack is None:
        name = f"{ctx.inst.name} log of rounds{ctx.tag}"
        of.stack = b.variable(name, Stack(), VarKind.HIDDEN, EMPTY, ctx.inst.id)
    if of.stack is not None:
        record = of.stack
        for x in of.kept:
            record = push(record, x)
        of.again.updates[of.stack.index] = of.again.reading(record)
    for rule in of.back:
        if of.stack is not None:
            below = of.stack
            for x in reversed(of.kept):
                rule.updates[x.index] = rule.reading(top(below, x.sort))
                below = pop(below)
            rule.updates[of.stack.index] = rule.reading(below)
        for flag in of.sure:
            rule.updates[flag] = TRUE


def _looked_at(rules: Iterable[RuleDraft]) -> set[int]:
    """What the rules read or write."""
    found: set[int] = set()
    for r in rules:
        found.update(r.updates)
        terms = [r.guard, r.relation, *r.updates.values(), *(e for _, e in (*r.held, *r.then))]
        if r.delay is not None:
            terms += [r.delay.lo, *([] if r.delay.hi is None else [r.delay.hi])]
        terms += [e for e in (r.priority, r.probability) if e is not None]
        found |= variables(terms)
    return found
