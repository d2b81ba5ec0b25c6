"""Two workflows that are claimed to do the same, or one what the other does.

Of the evidence nothing is believed: a relation between states and sets of states must go on with
each step.  Definitions: docs/equivalence.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..dsl.errors import Rejected
from ..dsl.records import dataclass
from ..semantics.claimed import COMPARED, OUTCOME, UNDER, Claimed, Terms
from ..semantics.evidence import (
    Answered,
    Classes,
    Coupled,
    Derivation,
    Differing,
    Evidence,
    Followed,
    Instance,
    Merged,
)
from ..semantics.observing import INTERNAL, Act
from .answering import same_answered
from .behaviour import Behaviour, Edges, Starts, begun, both, in_flight, quiet, unfinished
from .bisimilar import bisimilar
from .coupled import coupled
from .derived import derived
from .differing import differ
from .facts import Open, Wrong
from .merged import merged
from .outcomes import same_outcomes
from .solvers import Solvers
from .told import as_told

Related = Sequence[tuple[int, tuple[int, ...]]]
RUNS = UNDER[2:]  # what is said of runs


@dataclass(slots=True)
class Comparing:
    """Of one claim; what the two workflows do is found out once."""

    claimed: Claimed
    _sides: tuple[Behaviour, Behaviour] | None = None
    _unknown: str = ""  # why it is not found out

    def sides(self) -> tuple[Behaviour, Behaviour]:
        """`Wrong` where not all that they do can be found out, `Rejected` where one is no spec."""
        if self._unknown:
            raise Wrong(self._unknown)
        if self._sides is None:
            if self.claimed.sides is None:
                raise Wrong("this evidence does not belong to this claim")
            try:
                self._sides = both(*self.claimed.sides())
            except Wrong as wrong:
                self._unknown = str(wrong)
                raise
        return self._sides

    def check(self, parts: Sequence[Evidence], solvers: Solvers) -> None:
        """`Wrong` where the evidence does not show the claim."""
        claimed = self.claimed
        try:
            match parts:
                case [Derivation() | Merged(), *_]:
                    self._terms(parts, solvers)
                case [Coupled() as relation] if claimed.sides is not None:
                    # Where each run has its like, those that are under way have.
                    running = claimed.kind == "upgrade"
                    under = UNDER[3] if running else claimed.under
                    inclusion = running or claimed.kind == "refines"
                    coupled(*claimed.sides(), under, relation, solvers, inclusion)
                case [Answered()] if claimed.under == OUTCOME and claimed.kind in COMPARED[:2]:
                    self._answered(solvers)
                case [evidence]:
                    shown(claimed.kind, claimed.under, *self.sides(), evidence)
                case _:
                    raise Wrong("one piece of evidence is needed")
        except (TypeError, ValueError, IndexError, KeyError):
            raise Wrong("the evidence has another form") from None
        except Rejected as error:
            raise Wrong(f"one of them by itself is no spec: {error}") from None

    def refuted(self, parts: Sequence[Evidence]) -> None:
        """`Wrong` where the evidence does not show that the claim is false, `Open` where that
        cannot be seen here."""
        match parts:
            case [Instance(terms, beside), *of_it] if self.claimed.instance is not None:
                # A law fails where it fails of some terms.
                try:
                    Comparing(self.claimed.instance(terms, beside)).refuted(of_it)
                except (TypeError, ValueError, AttributeError, RecursionError):
                    raise Wrong("no terms are put in") from None
                return
            case [Differing() as told] if self.claimed.sides is not None:
                pass
            case _:
                raise Wrong("this evidence does not belong to this claim")
        try:
            sides = self._sides_of(told)
        except Wrong as wrong:
            raise Open(f"that it refutes {self.claimed.kind} was not checked: {wrong}") from None
        except Rejected as error:
            raise Wrong(f"one of them by itself is no spec: {error}") from None
        try:
            differ(self.claimed.kind, self.claimed.under, *sides, told)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError):
            raise Wrong("the evidence has another form") from None

    def _sides_of(self, told: Differing) -> tuple[Behaviour, Behaviour]:
        """All that the two do, or what matters for the evidence.  `Wrong`, `Rejected`."""
        try:
            return self.sides()
        except Wrong:
            if self.claimed.sides is None:
                raise
            return as_told(*self.claimed.sides(), told)

    def _terms(self, parts: Sequence[Evidence], solvers: Solvers) -> None:
        """One piece of evidence for each pair of terms in which the two differ."""
        terms = self.claimed.terms()
        if terms is None:
            raise Wrong("the two differ in more than terms")
        if len(terms) != len(parts):
            raise Wrong(f"they differ in {len(terms)} pairs of terms")
        for each, evidence in zip(terms, parts, strict=True):
            self.same(each, evidence, solvers)

    def same(self, terms: Terms, evidence: Evidence, solvers: Solvers) -> None:
        """`Wrong` where the evidence does not show that two terms do the same."""
        match evidence:
            case Derivation():
                derived(terms, self.claimed.under, evidence)
            case Merged() if self.claimed.kind in COMPARED[:2]:
                merged(terms, self.claimed.under, evidence, solvers)
            case _:
                raise Wrong("this evidence does not belong to this claim")

    def _answered(self, solvers: Solvers) -> None:
        """With the answers that there are, or else with terms for them."""
        inclusion = self.claimed.kind == "refines"
        try:
            left, right = self.sides()
            same_outcomes(left, right, begun(left, right), inclusion)
        except Wrong:
            if self.claimed.sides is None:
                raise
            same_answered(*self.claimed.sides(), solvers, inclusion)


def shown(kind: str, under: str, left: Behaviour, right: Behaviour, evidence: Evidence) -> None:
    """`Wrong` where the evidence does not show that the two are so related."""
    starts = begun(left, right)
    match evidence:
        case Classes(classes) if kind != "upgrade":
            if under == OUTCOME:
                told_alike(left, right)
            bisimilar(left.edges, right.edges, classes, starts, under)
        case Followed(forth, back) if kind == "upgrade" and not back:
            follows(unfinished(left), right.edges, forth, in_flight(left, right))
        case Followed(forth, back) if under in RUNS and (kind == "equivalent" or not back):
            if under == OUTCOME:
                told_alike(left, right)
            refusals = under == "failures"
            follows(left.edges, right.edges, forth, starts, refusals)
            if kind == "equivalent":
                turned = {n: (b, a) for n, (a, b) in starts.items()}
                follows(right.edges, left.edges, back, turned, refusals)
        case _:
            raise Wrong("this evidence does not belong to this claim")


def told_alike(*sides: Behaviour) -> None:
    """Steps that look alike are answers and ends alike: so runs that look alike have one outcome,
    under the same environment."""
    known: dict[str, Act] = {}
    for side in sides:
        for edges in side.edges:
            for act, _ in edges:
                if known.setdefault(act.text, act) != act:
                    raise Wrong(f"`{act.text}` is not the same on both sides")


def follows(
    left: Edges, right: Edges, related: Related, starts: Starts, refusals: bool = False
) -> None:
    """Where the left one stands after a run, the right one may stand in each of a set of states
    after the same run; with `refusals`, where it offers no more."""
    sets: dict[int, list[frozenset[int]]] = {}
    for s, there in related:
        if not there or not all(0 <= t < len(right) for t in there) or not 0 <= s < len(left):
            raise Wrong("no such states")
        sets.setdefault(s, []).append(frozenset(there))

    def goes_on(state: int, others: Iterable[int]) -> None:
        here = quiet(right, others)
        if not any(known <= here for known in sets.get(state, ())):
            raise Wrong("there is a run of one that the other does not have")

    for mine, yours in starts.values():
        for s in mine:
            goes_on(s, yours)
        if refusals and bool(mine) != bool(yours):
            raise Wrong("they do not begin alike")
    for s, known in sets.items():
        for others in known:
            here = quiet(right, others)
            after: dict[str, set[int]] = {INTERNAL: here}
            for t in here:
                for act, u in right[t]:
                    if act.text != INTERNAL:
                        after.setdefault(act.text, set()).add(u)
            for act, t in left[s]:
                goes_on(t, after.get(act.text, ()))
            offers = _offers(left[s])
            if refusals and INTERNAL not in offers:
                stable = (o for t in here if INTERNAL not in (o := _offers(right[t])))
                if not any(o <= offers for o in stable):
                    raise Wrong("one may refuse what the other does not refuse")


def _offers(edges: Sequence[tuple[Act, int]]) -> set[str]:
    return {act.text for act, _ in edges}
