"""More instances of any number, where a few cannot use up what there is.

The rules at hand are of a few instances (`semantics.lower.arriving.several`); of a pool of eight
they leave some units free for ever.  So where a few show nothing, runs are made of so many that the
largest pool, or channel, does not do for all of them (of some more, where the few do that), and for
a time limit of still more: such a run is one of those that are meant.  What is not found in these
runs says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...dsl import ast
from ...semantics.expr import whole
from ...semantics.lower import lower
from ...semantics.system import Obligation, TimeLimit, TransitionSystem
from ..session import Session
from ..verdict import Proved, Refuted
from . import coverage, limits
from .simulated import violated

SOME, MOST = 12, 40  # instances of a kind: if no size says how many, and at most
MOST_RULES = 4_000
PART = 0.5  # of the time that is left


def enough(system: TransitionSystem) -> int | None:
    """How many instances of each kind do not find room all at once; None: the few that there are
    do not, or it would be more than are made."""
    few = max(len(g.members) for g in system.any_number)
    sizes = [whole(r.capacity) for r in system.resources if r.exclusive is None]
    sizes += [
        whole(c.capacity) for c in system.channels if c.capacity is not None and not c.by_instances
    ]
    wanted = [n + 1 for n in sizes if n is not None and few <= n < MOST]
    return max(wanted, default=None)


class Enough:
    """The systems with as many; each is made once."""

    def __init__(self, session: Session, spec: ast.Spec) -> None:
        self.session = session
        self.spec = spec
        self.some = enough(session.system) or SOME
        self._made: dict[int, TransitionSystem] = {}

    def _of(self, number: int) -> Session | None:
        """With what is left of the time."""
        system = self.session.system
        few = max(len(g.members) for g in system.any_number)
        if number <= few or len(system.rules) * number > MOST_RULES * few:
            return None
        if self.session.simulate is None or not self.session.may("simulation"):
            return None
        if system.open_channels or system.controls:
            return None  # (of which a run may not be one of what is meant)
        if number not in self._made:
            self._made[number] = lower(self.spec, (number, number), room=system.room)
        return self.session.of(self._made[number])

    def broken(self, check: str, name: str, warning: bool) -> Refuted | None:
        """A claim about states and steps."""
        own = self._of(self.some)
        if own is None:
            return None
        goals: Sequence[Obligation] = [
            g
            for g in own.system.obligations
            if (g.check, g.name, g.warning) == (check, name, warning)
        ]
        with own.slot(PART):
            found = [v for v in violated(own, goals).values() if isinstance(v, Refuted)]
        best = min(found, key=lambda v: len(v.trace.steps), default=None)
        return None if best is None else replace(best, system=own.system)

    def late(self, limit: TimeLimit) -> Refuted | None:
        """A time limit: the more there are, the longer some may wait."""
        for number in dict.fromkeys((self.some, MOST)):
            own = self._of(number)
            if own is None:
                continue
            mine = [x for x in own.system.limits if (x.check, x.name) == (limit.check, limit.name)]
            with own.slot(PART):
                found = limits.by_runs(own, mine)
            if isinstance(found, Refuted):
                return replace(found, system=own.system)
        return None

    def alive(self) -> Proved | None:
        """Every place can run: each in some run of so many."""
        own = self._of(self.some)
        if own is None:
            return None
        with own.slot(PART):
            found = coverage.walked(own)
        if not found:
            return None
        how = f"a run was found for each of {found} places, with {self.some} of each of any number"
        return Proved("simulation", how, f"{found} places" if found > 1 else "1 place")


__all__ = ["Enough", "enough"]
