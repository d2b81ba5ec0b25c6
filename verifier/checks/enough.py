"""More instances of any number, where a few cannot use up what there is.

The rules at hand are of a few instances (`semantics.lower.arriving.several`); of a pool of eight
they leave some units free for ever.  So where a few show nothing, runs are made of so many that the
largest pool, or channel, does not do for all of them (of some more, where the few do that), and for
a time limit of still more: such a run is one of those that are meant.  What is not found in these
runs says nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from ...dsl import ast
from ...semantics.expr import whole
from ...semantics.lower import lower
from ...semantics.system import Obligation, TimeLimit, TransitionSystem
from ..session import Session
from ..verdict import Proved, Refuted
from . import blocking, coverage, ending, limits, liveness
from .independence import obstacle
from .kept_waiting import Owing, kept_waiting
from .samples import by_order
from .simulated import violated
from .stuck import blocked_for_ever, under_way
from .waiters import waiting_in

SOME, MOST = 12, 40  # instances of a kind: if no size says how many, and at most
MOST_RULES = 4_000
PART = 0.5  # of the time that is left
LITTLE = 0.2  # the same, where it is not known that so many are needed


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
        number = enough(session.system)
        self.sized = number is not None
        self.some = number or SOME
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

    def _of_so_many(self, found: Refuted, own: Session) -> Refuted:
        """The run says how many there are."""
        many = (f"{len(g.members)} instances of {g.workflow}" for g in own.system.any_number)
        note = f"with {' and '.join(dict.fromkeys(many))}"
        return replace(found, system=own.system, notes=(*found.notes, note))

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
        return None if best is None else self._of_so_many(best, own)

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
                return self._of_so_many(found, own)
        return None

    def whole(self, check: str) -> Refuted | None:
        """A check of the whole."""
        if check == "starvation_free":
            if self._stuck is not None and liveness.stuck_asking(self.session, self._stuck):
                return replace(self._stuck, message=liveness.FOR_EVER)
            return self._kept_waiting(lambda system: list(liveness.asking(system)))
        if check == "terminates" and self._stuck is not None:
            return replace(self._stuck, message=ending.STUCK)
        if check in ("deterministic", "timing_independent"):
            return self._parting(check == "timing_independent")
        if check == "can_finish" and self._stuck is not None:
            return self._hopeless(self._stuck)
        return self._stuck if check == "deadlock_free" else None

    def _parting(self, durations: bool) -> Refuted | None:
        """Two runs of so many that end differently."""
        own = self._of(self.some) if self.sized else None
        why = "" if own is None else obstacle(own, None, not durations)
        if own is None or not why:
            return None
        with own.slot(PART):
            found = by_order(own, why, durations)
        return self._of_so_many(found, own) if isinstance(found, Refuted) else None

    def _hopeless(self, stuck: Refuted) -> Refuted | None:
        """Whose branch neither goes on nor is cancelled any more never ends."""
        own = self.session.of_run(stuck)
        last = own.replay(own.system, stuck.trace).states[-1]
        dead = blocked_for_ever(own.structure, last, waiting_in(own.system, last))
        threads = under_way(own.structure, last, dead)
        if not threads:
            return None
        instances = dict.fromkeys(own.system.threads[t].instance for t in threads)
        names = ", ".join(own.system.instances[i].name for i in instances)
        return replace(stuck, message=ending.NO_END.format(names))

    @property
    def first(self) -> bool:
        """Whether they are asked before a few: of these, none has to wait."""
        return self.sized and self.session.system.scheduler != "fair"

    @cached_property
    def _stuck(self) -> Refuted | None:
        """Some of so many wait for each other only."""
        own = self._of(self.some)
        if own is None or not self.sized:
            return None  # (as many as use up what there is were looked at)
        with own.slot(LITTLE):
            found = blocking.deadlock_free(own)
        return self._of_so_many(found, own) if isinstance(found, Refuted) else None

    def at_last(self, name: str) -> Refuted | None:
        """A property of what comes at last."""

        def goals(system: TransitionSystem) -> list[Owing]:
            named = (g for g in system.liveness if g.name == name)
            return [x for g in named for x in liveness.owing(system, g)]

        return self._kept_waiting(goals)

    def _kept_waiting(self, goals: Callable[[TransitionSystem], Sequence[Owing]]) -> Refuted | None:
        """The more there are, the longer they can take turns while one waits."""
        more = (self.some + 1, self.some * 3 // 2 + 1, 2 * self.some + 2)
        with self.session.slot(LITTLE):
            for number in dict.fromkeys((self.some, *(min(n, MOST) for n in more), MOST)):
                own = self._of(number)
                if own is None:
                    continue
                with own.slot(PART):
                    found = kept_waiting(own, goals(own.system))
                if found is not None:
                    return self._of_so_many(found, own)
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
