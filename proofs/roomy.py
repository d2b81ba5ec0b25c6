"""Claims about a spec with channels without a bound, from rules that have some room in them.

The rules have room for as many messages as the certificate says.  As long as nobody stands before a
send that finds no room, they take the very steps that they would take with any room.  So where that
never happens, of all these channels together (who waits for room in one sends less to another),
whatever is true of these rules is true of the spec.  That it never happens is a goal for each such
channel, behind those of the claim, and every certificate shows it: one that names too little room
cannot.  All else is then asked of the rules as if the room were a capacity (decision 41).

A run that finds no channel full is a run of the spec.  What it does by itself needs no more: it
comes to a state, or takes a step, that the claim forbids; or it runs some place.  What is said of
all that may come after it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..dsl.changed import replace
from ..dsl.records import dataclass
from ..semantics.evidence import Part, Runs
from ..semantics.expr import FALSE, not_
from ..semantics.system import Obligation
from ..semantics.values import evaluate
from .check import LINES, Answer, Checked, Checker, goals_of
from .facts import Open, Wrong
from .runs import steps

FULL = "there is no room for a message"
# Of checks without conditions, those that runs refute by themselves; and those with conditions that
# a run may refute by what never comes after it.
BY_ITSELF = ("deterministic", "timing_independent")
RUN = ("no_dead_code", "contracts")  # what runs prove
AT_LAST = ("messages", "deadlock_free", "terminates", "can_finish", "starvation_free", "timeouts")


@dataclass
class Roomy(Checker):
    """`enough`: that nobody finds a channel full; of `system` the room is a capacity like any."""

    def __post_init__(self) -> None:
        channels = self.system.channels
        self.enough = [
            Obligation("messages", c.name, not_(c.full or FALSE), FULL, c.span)
            for c in self.system.open_channels
        ]
        bounded = tuple(replace(c, full=None) for c in channels)
        self.system = replace(self.system, channels=bounded)
        super().__post_init__()
        self._shown: dict[tuple[Part, ...], Checked] = {}

    def judged(self, claim: Mapping[str, str], parts: Sequence[Part]) -> Checked:
        if claim["check"] in LINES:  # (of other rules, which are made without room)
            return super().judged(claim, parts)
        own = len(goals_of(self.system, claim["check"], claim["name"], claim["level"]))
        of_room = [p for p in parts if any(g >= own for g in p.goals)]
        others = [p for p in parts if all(g < own for g in p.goals)]
        found = super().judged(claim, others)
        if found.answer is Answer.INVALID or self._by_itself(claim, own, others):
            return found
        of_room = [replace(p, goals=tuple(g - own for g in p.goals)) for p in of_room]
        room = self._enough(tuple(of_room))
        return room if room.answer is Answer.INVALID or not found.why else found

    def _enough(self, parts: tuple[Part, ...]) -> Checked:
        """Whether it is shown that nobody finds a channel full."""
        if parts not in self._shown:
            try:
                self._shown[parts] = self.proof("room", "", self.enough, parts)
            except Open as hole:
                self._shown[parts] = Checked(Answer.HOLEY, str(hole))
            except Wrong as wrong:
                why = f"that the room for messages is enough: {wrong}"
                self._shown[parts] = Checked(Answer.INVALID, why)
        return self._shown[parts]

    def _by_itself(self, claim: Mapping[str, str], own: int, parts: Sequence[Part]) -> bool:
        """Do runs show it by themselves, and nobody finds a channel full in them?"""
        check, refuted = claim["check"], claim["verdict"] == "REFUTED"
        alone = check in BY_ITSELF or (own > 0 and check not in AT_LAST)
        if not (alone if refuted else check in RUN and not own):
            return False
        runs = [t for p in parts if isinstance(p.evidence, Runs) for t in p.evidence.runs]
        only = all(isinstance(p.evidence, Runs) for p in parts)  # (other evidence is of the rules)
        return bool(runs and only) and all(
            evaluate(g.cond, run.state) is True
            for t in runs
            for run, _ in steps(self.watch, t)
            for g in self.enough
        )
