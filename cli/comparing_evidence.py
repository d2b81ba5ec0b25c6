"""Evidence that can be checked again for what two workflows have in common."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..proofs.behaviour import begun, in_flight, unfinished
from ..proofs.check import Answer, Checker
from ..proofs.facts import Wrong
from ..semantics.claimed import OUTCOME
from ..semantics.evidence import Answered, Evidence, Part
from ..verifier.equivalence.evidence import candidates, inductions
from ..verifier.equivalence.terms.specs import derivation, merged


def compared(checker: Checker, claim: Mapping[str, str], patience: float) -> Evidence | None:
    """That two workflows do the same, or one what the other does: what the checker accepts, the
    cheapest first; None: there is nothing such.  `patience`: seconds of one attempt."""

    def valid(evidence: Evidence, limited: bool = True) -> bool:
        checker.solvers.until = time.monotonic() + patience if limited else float("inf")
        shown = checker.judged(claim, [Part(evidence)]).answer is Answer.VALID
        checker.solvers.until = float("inf")
        return shown

    comparing = checker.claimed[claim["check"], claim["name"]]
    kind, under = comparing.claimed.kind, comparing.claimed.under
    terms = comparing.claimed.terms()
    if terms is not None:
        laws = derivation(*terms, under)
        if laws is not None and valid(laws, False):
            return laws
        both = merged(*terms, comparing.claimed.tests)
        if both is not None and valid(both, False):
            return both
    if comparing.claimed.sides is None:
        return None
    try:
        left, right = comparing.sides()
    except Wrong:
        left_, right_ = comparing.claimed.sides()
        for inclusion in (False, True)[: 1 if kind == "equivalent" else 2]:
            for found in inductions(left_, right_, under, patience, inclusion):
                if valid(found):
                    return found
        last = Answered()
        return last if under == OUTCOME and valid(last) else None
    running = kind == "upgrade"
    starts = in_flight(left, right) if running else begun(left, right)
    one, other = (
        [[(a.text, t) for a, t in out] for out in edges]
        for edges in (unfinished(left) if running else left.edges, right.edges)
    )
    for evidence in candidates(kind, under, one, other, starts):
        if valid(evidence):
            return evidence
    return None
