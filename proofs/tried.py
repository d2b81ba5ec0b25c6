"""Several checks rest on the same evidence: it is looked at once."""

from __future__ import annotations

import marshal
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from ..dsl.changed import replace
from ..dsl.records import dataclass
from ..semantics.evidence import Answered, Evidence, Measure, Pairs, Part, Progress, States
from ..semantics.expr import FALSE
from ..semantics.system import RuleKind
from .certificate import Codec
from .conflicts import races
from .facts import Prover, Wrong
from .falling import measure
from .moved import meeting
from .pairs import Met, commuting
from .progress import progress
from .reading import Model
from .schedules import all_alike
from .states import View

Name = tuple[object, ...]
# A crash is the environment's: what one loses, and when, is no matter of who is faster.
CALM = ("timing_independent", "deterministic")


@dataclass
class Tried:
    """By identity, with what was wrong."""

    known: dict[Name, tuple[Evidence, Wrong | None]] = field(default_factory=dict)
    _read: dict[bytes, Part] = field(default_factory=dict)
    _calm: Prover | None = None
    _meeting: dict[int, tuple[States, Met]] = field(default_factory=dict)

    def read(self, codec: Codec, fields: Mapping[str, Any]) -> Part:
        """Evidence that was read already is the same object."""
        name = marshal.dumps(dict(fields), 2)  # (which has no references: alike if these are)
        if name not in self._read:
            self._read[name] = codec.decode(fields)
        return self._read[name]

    def shown(
        self,
        prover: Prover,
        evidence: Progress | Measure | Pairs | Answered,
        check: str,
        beside: Sequence[Evidence] = (),
    ) -> None:
        """`beside`: what is shown with it, that all ends or which states there are."""
        if check in CALM:
            prover = self.calm(prover)
        name: Name = (id(evidence), id(prover))
        system = prover.model.system
        timed = system.reads_clock or any(r.kind is RuleKind.TIMEOUT for r in system.rules)
        durations = check == "deterministic" and timed
        ends = any(isinstance(e, Progress) for e in beside)
        met = self._met(prover, next((e for e in beside if isinstance(e, States)), None))
        if isinstance(evidence, Pairs):
            name = (*name, check == "race_free", ends, durations, id(met))
        if name not in self.known:
            failed = None
            try:
                match evidence:
                    case Measure():
                        measure(prover, evidence)
                    case Progress():
                        progress(prover, evidence)
                    case Pairs(facts) if check == "race_free":
                        races(prover, facts, met)
                    case Answered():
                        all_alike(system)
                    case Pairs(facts):
                        commuting(prover, facts, ends, durations, met)
            except Wrong as wrong:
                failed = wrong
            self.known[name] = evidence, failed
        if (failed := self.known[name][1]) is not None:
            raise failed

    def _met(self, prover: Prover, states: States | None) -> Met | None:
        """Pairs of rules that can be taken in one state, as far as some states say so."""
        if states is None:
            return None
        if id(states) not in self._meeting:
            view = View(prover.model.system, states.variables)
            self._meeting[id(states)] = states, meeting(view, states.states)
        return self._meeting[id(states)][1]

    def calm(self, prover: Prover) -> Prover:
        """Of the system in which nobody crashes."""
        system = prover.model.system
        if type(prover) is not Prover or all(r.kind is not RuleKind.CRASH for r in system.rules):
            return prover
        if self._calm is None:
            rules = (
                replace(r, guard=FALSE) if r.kind is RuleKind.CRASH else r for r in system.rules
            )
            self._calm = Prover(Model(replace(system, rules=tuple(rules))), prover.solvers)
        return self._calm
