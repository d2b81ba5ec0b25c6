"""Several checks rest on the same evidence: it is looked at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..dsl.changed import replace
from ..semantics.evidence import Evidence, Measure, Pairs, Part, Progress
from ..semantics.expr import FALSE
from ..semantics.system import RuleKind
from .certificate import Codec
from .conflicts import races
from .facts import Prover, Wrong
from .falling import measure
from .pairs import commuting
from .progress import progress
from .reading import Model

Name = tuple[object, ...]
# A crash is the environment's: what one loses, and when, is no matter of who is faster.
CALM = ("timing_independent", "deterministic")


@dataclass
class Tried:
    """By identity, with what was wrong."""

    known: dict[Name, tuple[Evidence, Wrong | None]] = field(default_factory=dict)
    _read: dict[str, Part] = field(default_factory=dict)
    _calm: Prover | None = None

    def read(self, codec: Codec, fields: Mapping[str, Any]) -> Part:
        """Evidence that was read already is the same object."""
        text = json.dumps(fields, sort_keys=True)
        if text not in self._read:
            self._read[text] = codec.decode(fields)
        return self._read[text]

    def shown(
        self,
        prover: Prover,
        evidence: Progress | Measure | Pairs,
        check: str,
        ends: bool = False,
    ) -> None:
        """`ends`: it is shown beside that all ends."""
        if check in CALM:
            prover = self.calm(prover)
        name: Name = (id(evidence), id(prover))
        system = prover.model.system
        timed = system.reads_clock or any(r.kind is RuleKind.TIMEOUT for r in system.rules)
        durations = check == "deterministic" and timed
        if isinstance(evidence, Pairs):
            name = (*name, check == "race_free", ends, durations)
        if name not in self.known:
            failed = None
            try:
                match evidence:
                    case Measure():
                        measure(prover, evidence)
                    case Progress():
                        progress(prover, evidence)
                    case Pairs(facts) if check == "race_free":
                        races(prover, facts)
                    case Pairs(facts):
                        commuting(prover, facts, ends, durations)
            except Wrong as wrong:
                failed = wrong
            self.known[name] = evidence, failed
        if (failed := self.known[name][1]) is not None:
            raise failed

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
