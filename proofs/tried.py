"""Several checks rest on the same evidence: it is looked at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..semantics.evidence import Measure, Part, Progress
from .certificate import Codec
from .facts import Prover, Wrong
from .falling import measure
from .progress import progress


@dataclass
class Tried:
    """By identity, with what was wrong."""

    known: dict[int, tuple[Progress | Measure, Wrong | None]] = field(default_factory=dict)
    _read: dict[str, Part] = field(default_factory=dict)

    def read(self, codec: Codec, fields: Mapping[str, Any]) -> Part:
        """Evidence that was read already is the same object."""
        text = json.dumps(fields, sort_keys=True)
        if text not in self._read:
            self._read[text] = codec.decode(fields)
        return self._read[text]

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
