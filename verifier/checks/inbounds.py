"""Bounds of channels without a capacity beside any number of instances (decision 31)."""

from __future__ import annotations

from dataclasses import replace

from ...semantics.expr import Sort, add, and_, const, le, mul, var
from ...semantics.system import Obligation
from ..engines.crowd import Crowd
from ..verdict import Proved
from .anynumber import AnyNumber

# How many messages there may be at most: for each instance, and beside.
LIMITS = ((0, 1), (0, 2), (0, 4), (1, 0), (2, 0), (2, 2))


def bounded(proofs: AnyNumber) -> dict[str, tuple[Proved, int]] | None:
    """That there are never more messages than some number, or than some number for each instance,
    in channels that have no bound that the text says, by name; None if it is not shown of all.

    With each, for how many there has to be room beside the few instances that there are.
    """
    if proofs.crowd is None:
        return None
    system = proofs.session.system
    names = [c.name for c in system.open_channels]
    few = sum(len(g.members) for g in system.any_number)

    def of(made: Crowd) -> list[Obligation]:
        there = add(const(1), *(var(v, Sort.INT) for v in made.others))
        channels = {c.name: c for c in made.system.channels}
        out = []
        for c in (channels[name] for name in names):
            for each, most in LIMITS:
                limit = add(const(most), mul(const(each), there))
                goal = and_(*(le(var(v, Sort.INT), limit) for v in c.lengths))
                out.append(Obligation("messages", c.name, goal, "", c.span))
        return out

    found = iter(proofs.crowd.goals(of, guess=False, search=False, part=0.5))
    out: dict[str, tuple[Proved, int]] = {}
    for name in names:
        for each, most in LIMITS:
            verdict = next(found, None)
            if verdict is not None and name not in out:
                said = f"{most} message{'s' * (most != 1)}" if most else ""
                one = f"{each} for each instance of any number" if each else ""
                how = f"never more than {' and '.join(filter(None, (said, one)))} in `{name}`"
                out[name] = replace(verdict, how=f"{how}: {verdict.how}"), most + each * few
    return out if len(out) == len(names) else None
