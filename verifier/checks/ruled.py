"""Claims of which the goals are the same for any number of instances, from the structure alone."""

from __future__ import annotations

from collections.abc import Sequence

from ..session import Session
from ..verdict import Proved
from . import answers, peaks
from .obligations import Claim


def ruled(session: Session, wanted: Sequence[Claim]) -> dict[tuple[int, int], Proved]:
    """By claim and goal, what threads and rules alone show of resources and messages."""
    if not session.may("structure"):
        return {}
    out: dict[tuple[int, int], Proved] = {}
    for checks in ("resources", "borrows"), ("messages",):
        mine = [
            (i, k, goal)
            for i, c in enumerate(wanted)
            if c.check in checks
            for k, goal in enumerate(c.goals)
        ]
        goals = [goal for _, _, goal in mine]
        if "messages" in checks:
            found = answers.by_structure(session.structure, goals)
        else:
            found = peaks.by_structure(session, goals)
        out |= {(i, k): found[n] for n, (i, k, _) in enumerate(mine) if n in found}
    return out
