"""Channels without a bound that grow, or of which that was not decided: what holds all the same.

In a system in which such a channel is no more than the number of its messages, and each that is
taken out says anything that its type allows, there is always room; it has at least the runs of the
one that is meant.  So what is proved of its states and steps holds, and whether a run refutes is
asked elsewhere.  That messages say what the type allows is part of it: of the first step that sends
another one, nothing but that was assumed before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ...dsl import ast
from ...semantics.idle import settled
from ...semantics.lower import lower
from ...semantics.system import Obligation, TransitionSystem
from ..session import Session
from ..verdict import Proved, Verdict
from . import conflicts, obligations
from .obligations import Claim

PART = 0.3  # of the time


class AnyRoom:
    def __init__(self, session: Session, spec: ast.Spec) -> None:
        self.session = session.of(settled(lower(spec, crowd=True)))
        self.counted = frozenset(
            c.name for c in self.session.system.channels if c.lengths and c.capacity is None
        )

    def claims(self, wanted: Sequence[Claim]) -> dict[int, Verdict]:
        """Those that are proved, by position: about states and steps, but not about messages."""
        made = {
            (c.check, c.name, c.warning): c
            for c in obligations.claims(
                self.session.system, list(dict.fromkeys(c.check for c in wanted))
            )
        }
        keys = [(c.check, c.name, c.warning) for c in wanted]
        mine = [k for k, key in enumerate(keys) if key in made]
        range_ = Claim("arithmetic", "", tuple(in_range(self.session.system, self.counted)))
        asked = [*([range_] if range_.goals else []), *(made[keys[k]] for k in mine)]
        with self.session.slot(PART):
            found = obligations.decide(self.session, asked)
        if range_.goals and not isinstance(found[0], Proved):
            return {}
        first = len(asked) - len(mine)
        out: dict[int, Verdict] = {}
        for n, k in enumerate(mine):
            verdict = found[first + n]
            if isinstance(verdict, Proved):
                out[k] = replace(verdict, evidence=())
        return out

    def race_free(self) -> Proved | None:
        found = conflicts.race_free(self.session)
        return replace(found, evidence=()) if isinstance(found, Proved) else None


def in_range(system: TransitionSystem, channels: Collection[str]) -> list[Obligation]:
    """That what is sent to these channels, and answered, is what their types allow."""
    return [
        o
        for o in system.obligations
        if o.check == "arithmetic"
        and o.rule is not None
        and system.rules[o.rule].channel in channels
    ]
