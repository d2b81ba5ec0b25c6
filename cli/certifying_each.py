"""Evidence for claims about any number of instances: of some, said of the first of each kind."""

from __future__ import annotations

from collections.abc import Iterator

from ..dsl.changed import replace
from ..proofs.anynumber import MOST, OfAnyNumber
from ..proofs.reading import conjuncts
from ..semantics.evidence import (
    Evidence,
    Facts,
    Inductive,
    Measure,
    Pairs,
    Progress,
    Rank,
    States,
)
from ..semantics.expr import Expr
from ..semantics.system import Obligation
from ..semantics.walks import variables
from ..verifier.engines.structure import Structure
from .certifying import Certifier


class OfEach(Certifier):
    """Makes evidence on a system in which all instances are there, of which there may be any
    number: what is said of the first of each kind stands for the others."""

    def __init__(self, whole: Certifier) -> None:
        assert isinstance(whole.checker, OfAnyNumber) and whole.checker.each is not None
        each = whole.checker.each
        super().__init__(whole.spec, each.system, whole.file, whole.folder)
        self.checker, self.alike = each, each.alike
        self.structure = Structure(each.alike.system)
        self.patience, self.most_states = whole.patience, whole.most_states
        self.searching = whole.searching
        self._short: dict[int, tuple[Evidence, Evidence]] = {}  # by identity

    def __post_init__(self) -> None:
        """Nothing is made but what `whole` has."""

    def candidates(self, goal: Obligation, hint: Evidence | None) -> Iterator[Evidence]:
        """Beside what is tried of all systems, the states of one instance among the others."""
        for evidence in super().candidates(goal, hint):
            if not isinstance(evidence, States):
                yield evidence
            elif evidence.variables:
                yield self.alone(evidence, goal)

    def alone(self, evidence: States, goal: Obligation) -> States:
        spoken = self.alike.members([goal.cond])
        if goal.rule is not None:
            spoken |= {self.system.rules[goal.rule].instance} & self.alike.group.keys()
        one = min(spoken, default=None)
        members = self.alike.member
        return States(tuple(v for v in evidence.variables if members.get(v, one) == one), ())

    def made(self, evidence: Evidence) -> Evidence | None:
        if isinstance(evidence, States):
            members = {m for v in evidence.variables if (m := self.alike.member.get(v)) is not None}
            return super().made(evidence) if len(members) <= 1 else None
        # What was looked at before has to be the same object.
        if id(evidence) not in self._short:
            self._short[id(evidence)] = evidence, self._shortened(evidence)
        return self._short[id(evidence)][1]

    def _shortened(self, evidence: Evidence) -> Evidence:
        match evidence:
            case Inductive(facts) | Pairs(facts) | Progress(facts):
                return replace(evidence, facts=self._facts(facts))
            case Measure(facts, components):
                kept = tuple(c for c in components if self.alike.first(self._spoken(c)))
                return Measure(self._facts(facts), kept)
        return evidence

    def _facts(self, facts: Facts) -> Facts:
        kept = {
            self.checker.prover.key(p): p
            for f in facts.invariants
            for p in conjuncts(f)
            if self._general(p) and self.alike.first(self.alike.members([p]))
        }
        return Facts(tuple(kept.values()), facts.shapes)

    def _general(self, e: Expr) -> bool:
        return len(self.alike.members([e])) <= MOST and not variables([e]) & self.alike.numbers

    def _spoken(self, c: Rank) -> frozenset[int]:
        if c.term is not None:
            return self.alike.members([c.term])
        assert c.thread is not None
        return self.alike.members_of(c.thread)
