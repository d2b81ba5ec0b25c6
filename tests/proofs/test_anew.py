"""Capacities that are set while a run goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from certified import judged, system_of
from wfverify.proofs.anew import holds_anew
from wfverify.proofs.check import Answer, Checker
from wfverify.proofs.solvers import Solvers
from wfverify.proofs.states import View, explored
from wfverify.semantics.evidence import (
    Answered,
    Evidence,
    Facts,
    Measure,
    Pairs,
    Progress,
    Syntactic,
)
from wfverify.semantics.expr import Sort, and_, const, le, not_, var
from wfverify.semantics.system import VarKind
from wfverify.verifier.engines.structure import Structure
from wfverify.verifier.measures import components

SOURCE = """\
resource agents : pool(2)
metric load = used(agents) every 1s
controller scale on load target 1 pid(-0.02, -0.01, 0)
  acts agents within 1..3 every 1s cooldown 3s plant gain -10 lag 5s
workflow w { activity x { uses agents 1  takes 1s..4s }  run { x } }
system { w[3] }
"""
CHECKS = ("deadlock_free", "terminates", "can_finish", "starvation_free")
RESULTS = ("timing_independent", "deterministic")


class Shown:
    def __init__(self, source: str) -> None:
        self.system = system_of(source)
        self.checker = Checker(self.system, Solvers(second=False))
        structure = Structure(self.system)
        (self.control,) = self.system.controls
        capacity = var(self.control.capacity, Sort.INT)
        # What the controller keeps to.
        bounds = (le(self.control.lo, capacity), le(capacity, self.control.hi))
        self.facts = Facts(tuple(structure.never_entered()) + bounds, ("fresh", "linking agents"))
        order = tuple(k for k, r in enumerate(self.system.resources) if r.name == "agents")
        self.progress = Progress(self.facts, order)
        self.measure = Measure(Facts(), components(structure, []))
        self.pairs = Pairs(Facts((), ("fresh",)))

    def valid(self, check: str, *evidence: Evidence) -> bool:
        return judged(self.checker, check, "", *evidence).answer is Answer.VALID


@pytest.fixture(scope="module")
def shown() -> Shown:
    return Shown(SOURCE)


@pytest.mark.parametrize("check", CHECKS)
def test_what_counts_with_any_capacity_holds(shown: Shown, check: str) -> None:
    assert shown.valid(check, shown.measure, shown.progress)
    # More is asked for than there may be.
    more = Shown(SOURCE.replace("uses agents 1", "uses agents 2"))
    assert not more.valid(check, more.measure, more.progress)


def test_results_need_an_end(shown: Shown) -> None:
    assert shown.valid("race_free", shown.pairs)
    for check in RESULTS:
        assert shown.valid(check, shown.measure, shown.progress, shown.pairs)
        assert not shown.valid(check, shown.pairs)
        assert not shown.valid(check, Answered())


def test_a_fact_ties_no_capacity_to_what_came_before(shown: Shown) -> None:
    """There is no more in use than there is: until there is less."""
    (used,) = [v for v in shown.system.variables if v.kind is VarKind.USED]
    tied = le(var(used.index, Sort.INT), var(shown.control.capacity, Sort.INT))
    facts = replace(shown.facts, invariants=(*shown.facts.invariants, tied))
    progress = replace(shown.progress, facts=facts)
    answer = judged(shown.checker, "deadlock_free", "", shown.measure, progress).answer
    assert answer is Answer.HOLEY
    alone = Pairs(Facts((tied,), ("fresh",)))
    assert judged(shown.checker, "race_free", "", alone).answer is Answer.HOLEY


def test_states_are_of_capacities_that_stay(shown: Shown) -> None:
    all_ = explored(View(shown.system, tuple(range(len(shown.system.variables)))), 5000)
    assert all_ is not None
    for check in CHECKS:
        assert judged(shown.checker, check, "", all_).answer is Answer.HOLEY
    assert not shown.valid("starvation_free", Syntactic())


def test_who_looks_at_a_capacity_is_told_apart(shown: Shown) -> None:
    """A guard that asks for less room is no guard that a larger capacity only opens."""
    system = shown.system
    capacity = var(shown.control.capacity, Sort.INT)
    first = system.rules[0]
    whole = [shown.measure, shown.progress]
    assert holds_anew(system, "terminates", whole)
    for more in (le(capacity, const(2)), not_(le(const(2), capacity))):
        rules = (replace(first, guard=and_(first.guard, more)), *system.rules[1:])
        assert not holds_anew(replace(system, rules=rules), "terminates", whole)
    told = (replace(first, own=((first.own[0][0], capacity), *first.own[1:])), *system.rules[1:])
    assert not holds_anew(replace(system, rules=told), "terminates", whole)
