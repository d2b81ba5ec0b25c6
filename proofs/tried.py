"""Several checks rest on the same evidence: it is looked at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..semantics.evidence import Evidence, Measure, Pairs, Part, Progress
from .certificate import Codec
from .facts import Prover, Wrong
from .falling import measure
from .pairs import commuting
from .progress import progress


@dataclass
class Tried:
    """By identity, with what was wrong."""

    known: dict[tuple[int, bool], tuple[Evidence, Wrong | None]] = field(default_factory=dict)
    _read: dict[str, Part] = field(default_factory=dict)

    def read(self, codec: Codec, fields: Mapping[str, Any]) -> Part:
        """Evidence that was read already is the same object."""
        text = json.dumps(fields, sort_keys=True)
        if text not in self._read:
            self._read[text] = codec.decode(fields)
        return self._read[text]

    def shown(
        self, prover: Prover, evidence: Progress | Measure | Pairs, ends: bool = False
    ) -> None:
        """Of pairs: that they commute; `ends`: it is shown beside that all ends."""
        name = id(evidence), ends
        if name not in self.known:
            failed = None
            try:
                match evidence:
                    case Measure():
                        measure(prover, evidence)
                    case Progress():
                        progress(prover, evidence)
                    case Pairs(facts):
                        commuting(prover, facts, ends)
            except Wrong as wrong:
                failed = wrong
            self.known[name] = evidence, failed
        if (failed := self.known[name][1]) is not None:
            raise failed
