"""Claims that the engines leave open: what clocks rule out, and what timed runs at random break."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..session import Session
from ..verdict import Proved, Unknown, Verdict
from . import intime, obligations, readings, simulated
from .obligations import Claim

IN_TIME = 0.3  # of what is left, to look at what the clocks rule out


def decided(session: Session, claims: Sequence[Claim]) -> dict[int, Verdict]:
    """By the engines, or else so; by position."""
    with session.slot(0.5):
        verdicts = obligations.decide(session, claims)
    verdicts |= by_clocks(session, claims, verdicts)
    with session.limit():
        verdicts |= at_random(session, claims, verdicts)
    return verdicts


def by_clocks(
    session: Session, groups: Sequence[Claim], verdicts: Mapping[int, Verdict]
) -> dict[int, Verdict]:
    """Proofs of what is open without the time-outs that come at no times, where that is known."""
    left = [k for k in range(len(groups)) if isinstance(verdicts[k], Unknown)]
    out: dict[int, Verdict] = {}
    with session.limit(), session.slot(IN_TIME):
        for k in left:
            read = readings.decided(session, groups[k].goals)
            if read is not None:
                out[k] = read
        left = [k for k in left if k not in out]
        timely = intime.in_time(session) if left else session
        if timely is session:
            return out
        found = obligations.decide(timely, [groups[k] for k in left], lambda _: None)
        for n, k in enumerate(left):
            verdict = found[n]
            if isinstance(verdict, Proved):
                how = f"{verdict.how} (without time-outs that no clock reaches)"
                out[k] = replace(verdict, how=how, evidence=())
    return out


def at_random(
    session: Session, groups: Sequence[Claim], verdicts: Mapping[int, Verdict]
) -> dict[int, Verdict]:
    """Refutations of claims that are open."""
    wanted = [
        (i, goal)
        for i, group in enumerate(groups)
        if isinstance(verdicts.get(i), Unknown)
        for goal in group.goals
    ]
    found = simulated.violated(session, [goal for _, goal in wanted])
    out: dict[int, Verdict] = {}
    for k, verdict in found.items():
        i = wanted[k][0]
        out[i] = obligations.together([verdict, *([out[i]] if i in out else [])])
    return out
