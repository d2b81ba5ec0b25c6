"""What was found out of a goal about one instance is used for the others that are like it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from wfverify.dsl import load_text
from wfverify.proofs.check import Checker
from wfverify.proofs.facts import Wrong
from wfverify.proofs.solvers import Solvers
from wfverify.semantics.evidence import Evidence, Facts, Inductive, States
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Obligation, TransitionSystem
from wfverify.semantics.walks import variables
from wfverify.verifier.certify import Learned, exchanged, for_goal, likeness
from wfverify.verifier.engines.structure import Structure

SPEC = """\
resource r : pool(1)
workflow w(n: int) {{
  var x: int = 0
  var y: int = 0
  activity a {{ uses r 1 }}
  run {{ while (x < n) {{ a ; x := x + 1 ; y := y + 1 }} }}
  invariant same : y >= 0 and x >= 0
  always grows : next(x) >= x
}}
system {{ {of} }}
"""


def goals(of: str, name: str) -> tuple[TransitionSystem, Sequence[Obligation]]:
    system = lower(load_text(SPEC.format(of=of), "s.wf"))
    return system, [o for o in system.obligations if o.name == name]


@pytest.mark.parametrize("name", ["same", "grows"])
@pytest.mark.parametrize(
    ("of", "alike"),
    [("w[2](3)", True), ("w(3) w(3)", True), ("w(3) w(4)", False), ("w(i) for i in 0..2", False)],
)
def test_goals_of_instances_that_begin_alike_are_alike(name: str, of: str, alike: bool) -> None:
    system, found = goals(of, name)
    assert len(found) >= 2
    assert (len({likeness(system, g) for g in found}) == 1) is alike


def test_goals_of_two_lines_are_not_alike() -> None:
    system, same = goals("w[2](3)", "same")
    _, grows = goals("w[2](3)", "grows")
    assert likeness(system, same[0]) != likeness(system, grows[0])


def shows(checker: Checker, evidence: Evidence, goal: Obligation) -> bool:
    try:
        checker.part("invariant", evidence, [goal])
    except Wrong:
        return False
    return True


def test_evidence_for_one_is_evidence_for_the_other_when_it_is_said_of_it() -> None:
    system, (one, other) = goals("w[2](3)", "same")
    checker = Checker(system, Solvers(second=False))
    of_one = Inductive(Facts((one.cond,)))
    assert shows(checker, of_one, one) and not shows(checker, of_one, other)
    (of_other,) = exchanged(system, of_one, one, other)
    assert shows(checker, of_other, other) and not shows(checker, of_other, one)
    kept = tuple(sorted(variables([one.cond])))
    (states,) = exchanged(system, States(kept, ()), one, other)
    assert states == States(tuple(sorted(variables([other.cond]))), ())
    assert not [*exchanged(system, States(kept, ((0, 0),)), one, other)]


def test_what_takes_long_is_tried_once_of_goals_that_are_alike() -> None:
    system, (one, other) = goals("w[2](3)", "same")
    structure, learned = Structure(system), Learned()
    first = [*for_goal(structure, one, None, learned)]
    learned.learn(one, None)
    again = [*for_goal(structure, other, None, learned)]
    assert any(isinstance(e, States) for e in first) and len(again) < len(first)
    assert not any(isinstance(e, States) for e in again)
    # Of what was found for one the other is asked first of all that takes long.
    learned = Learned()
    made = for_goal(structure, one, None, learned)
    found = next(e for e in made if isinstance(e, States))
    learned.learn(one, found)
    rest = [*for_goal(structure, other, None, learned)]
    (expected,) = exchanged(system, found, one, other)
    assert next(e for e in rest if isinstance(e, States)) == expected
