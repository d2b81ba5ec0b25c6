"""`timing_independent` and `deterministic` of any number of instances: from pairs of steps."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from ...dsl import ast
from ...dsl.records import dataclass
from ...semantics.system import TransitionSystem
from ..session import Session
from ..verdict import Proved, Verdict
from . import independence, parts
from .placed import without_placements
from .refusals import refuses, unrefused
from .settled import settled

PAIRWISE = "two instances of each kind were looked at, and each by itself"
COMMUTE = "steps commute, so every schedule ends alike: "
PLACED = "where an activity is placed changes neither its answers nor any data, but for claims; "
REFUSALS = (
    "no claim finds its resource in use, because few are under way at once, so that nobody is "
    "refused; "
)


@dataclass(frozen=True, slots=True)
class Many:
    """`two`: the system with two of each kind.  `free`: resources for which nobody ever waits,
    because few are under way at once.  `counted`: some messages are counted only."""

    session: Session
    spec: ast.Spec
    two: TransitionSystem
    free: Collection[str]
    counted: bool
    all_end: Callable[[], bool]

    def granted(self) -> Session | None:
        """The system without refusals that never come; None: there are none."""
        system = self.session.system
        if not self.free or not refuses(system):
            return None
        lean = unrefused(system, self.free)
        return None if lean is system else self.session.of(lean)

    def alike(self, deadlock: Verdict | None, timeouts: bool) -> Proved | None:
        """That all complete runs of one environment end alike."""
        known = settled(self.session, deadlock, self.all_end)
        if known is not None:
            return known
        loose, granted = without_placements(self.session, self.spec), self.granted()
        for said, session in (("", self.session), (PLACED, loose), (REFUSALS, granted)):
            if session is not None:
                if not independence.obstacle(session, deadlock, timeouts, self.all_end):
                    return Proved("structure", f"{said}{COMMUTE}{PAIRWISE}")
        if deadlock is None or not self.session.may("search") or self.session.system.controls:
            return None
        if self.counted:  # (what a message says is no answer of the environment)
            return None
        found = self._by_parts(self.two, deadlock, timeouts)
        if found is None and granted is not None:
            lean = self._by_parts(unrefused(self.two, self.free), deadlock, timeouts)
            found = lean and replace(lean, how=REFUSALS + lean.how)
        return found and replace(found, how=f"{found.how} ({PAIRWISE})", figure="")

    def _by_parts(
        self, system: TransitionSystem, deadlock: Verdict, timeouts: bool
    ) -> Proved | None:
        two = self.session.of(system)
        free = parts.granted(system)
        members = {i for g in system.any_number for i in g.members}
        if free is None or any(len(p) > 1 and members & set(p) for p in parts.parts(free)):
            return None
        return parts.alike(two, deadlock, timeouts, self.all_end)
