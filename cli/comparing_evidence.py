"""Evidence that can be checked again for what two workflows have in common."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from ..proofs.behaviour import begun, in_flight, unfinished
from ..proofs.check import Answer, Checker
from ..proofs.compared import Comparing
from ..proofs.facts import Wrong
from ..proofs.solvers import Solvers
from ..semantics.claimed import OUTCOME, Terms
from ..semantics.evidence import Answered, Evidence, Part
from ..verifier.equivalence.evidence import candidates, inductions
from ..verifier.equivalence.terms import why


def compared(checker: Checker, claim: Mapping[str, str], patience: float) -> Sequence[Part]:
    """That two workflows do the same, or one what the other does: what the checker accepts, the
    cheapest first; nothing: there is nothing such.  `patience`: seconds of one attempt."""
    comparing = checker.claimed[claim["check"], claim["name"]]
    parts = _of_terms(comparing, checker.solvers)
    if parts and checker.judged(claim, parts).answer is Answer.VALID:
        return parts
    for evidence in _of_systems(comparing, patience):
        checker.solvers.until = time.monotonic() + patience
        shown = checker.judged(claim, [Part(evidence)]).answer is Answer.VALID
        checker.solvers.until = float("inf")
        if shown:
            return [Part(evidence)]
    return []


def _of_terms(comparing: Comparing, solvers: Solvers) -> Sequence[Part]:
    """One part for each pair of terms in which they differ."""
    under = comparing.claimed.under
    found = [_of_pair(comparing, t, under, solvers) for t in comparing.claimed.terms() or ()]
    return [Part(e) for e in found if e is not None] if None not in found else []


def _of_pair(comparing: Comparing, terms: Terms, under: str, solvers: Solvers) -> Evidence | None:
    for evidence in why.evidence(terms, under):
        try:
            comparing.same(terms, evidence, solvers)
        except Wrong:
            continue
        return evidence
    return None


def _of_systems(comparing: Comparing, patience: float) -> Iterator[Evidence]:
    kind, under = comparing.claimed.kind, comparing.claimed.under
    if comparing.claimed.sides is None:
        return
    try:
        left, right = comparing.sides()
    except Wrong:
        left_, right_ = comparing.claimed.sides()
        for inclusion in (False, True)[: 1 if kind == "equivalent" else 2]:
            yield from inductions(left_, right_, under, patience, inclusion)
        if under == OUTCOME:
            yield Answered()
        return
    running = kind == "upgrade"
    starts = in_flight(left, right) if running else begun(left, right)
    one, other = (
        [[(a.text, t) for a, t in out] for out in edges]
        for edges in (unfinished(left) if running else left.edges, right.edges)
    )
    yield from candidates(kind, under, one, other, starts)
