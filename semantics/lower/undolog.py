"""The undo log of a saga, as known when the spec is lowered: a shape with one flag an activity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..expr import FALSE, Expr, Op, const, eq, ite, substitute
from ..system import VarKind
from .builder import RuleDraft
from .context import Ctx, Done, Log
from .data import leaves, transform


def entries(log: Log) -> list[Done]:
    out: list[Done] = []
    for part in log.parts:
        out.extend(entries(part) if isinstance(part, Log) else [part])
    return out


def to_undo(log: Log | Done) -> bool:
    if isinstance(log, Done):
        return log.undo is not None and log.undo.kind in ("block", "call")
    return any(to_undo(p) for p in log.parts)


def _mapped(log: Log, f: Callable[[Done], Done]) -> Log:
    parts = tuple(_mapped(p, f) if isinstance(p, Log) else f(p) for p in log.parts)
    return replace(log, parts=parts)


def repeated(ctx: Ctx, log: Log, rounds: int, number: Expr, again: RuleDraft, since: int) -> Log:
    """The log of a body that is run up to `rounds` times more: `again` puts the log aside.

    `number` counts the rounds, from 1 at the first `again`.  Variables from `since` on belong to
    the body: what they keep of a round (arguments, results) is put aside with its flags.
    """
    b = ctx.b
    done = entries(log)
    aside: dict[int, list[Expr]] = {}

    def put(x: Expr, what: str) -> list[Expr]:
        if x.index not in aside:
            aside[x.index] = [
                b.copy(f"{what} in round {j}", x, VarKind.HIDDEN, ctx.inst.id)
                for j in range(1, rounds + 1)
            ]
            for j, old in enumerate(aside[x.index], 1):
                again.updates[old.index] = ite(eq(number, const(j)), x, old)
        return aside[x.index]

    logs = []
    for d in done:
        put(d.flag, f"{d.name} done")
        again.updates[d.flag.index] = FALSE
        if to_undo(d):
            for value in d.env.names.values():
                for leaf in leaves(value):
                    if leaf.op is Op.VAR and leaf.index >= since:
                        if b.variables[leaf.index].kind is VarKind.HIDDEN:
                            put(leaf, b.variables[leaf.index].name)
    for j in range(rounds):

        def earlier(x: Expr, j: int = j) -> Expr:
            return aside[x.index][j] if x.op is Op.VAR and x.index in aside else x

        def entry(d: Done, earlier: Callable[[Expr], Expr] = earlier) -> Done:
            names = {
                n: transform(v, lambda e: substitute(e, earlier)) for n, v in d.env.names.items()
            }
            return replace(d, flag=earlier(d.flag), env=replace(d.env, names=names))

        logs.append(_mapped(log, entry))
    return Log((*logs, log))
