"""Several checks rest on the same evidence: it is looked at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..semantics.evidence import Measure, Progress
from .facts import Prover, Wrong
from .falling import measure
from .progress import progress


@dataclass
class Tried:
    """By identity, with what was wrong."""

    known: dict[int, tuple[Progress | Measure, Wrong | None]] = field(default_factory=dict)

    def shown(self, prover: Prover, evidence: Progress | Measure) -> None:
        if id(evidence) not in self.known:
            failed = None
            try:
                if isinstance(evidence, Measure):
                    measure(prover, evidence)
                else:
                    progress(prover, evidence)
            except Wrong as wrong:
                failed = wrong
            self.known[id(evidence)] = evidence, failed
        if (failed := self.known[id(evidence)][1]) is not None:
            raise failed
