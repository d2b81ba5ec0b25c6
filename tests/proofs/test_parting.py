"""Refutations that the checker sees by itself: two runs that part, waiting for ever, no way to an
end; and runs that only nearly show it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from certified import Certified, certified, judged, system_of
from wfverify.proofs.check import Answer, Checker
from wfverify.proofs.solvers import Solvers
from wfverify.semantics.evidence import Runs
from wfverify.semantics.trace import Step, Trace

RACE = """\
workflow w(n: int 0..1) {
  var x: int = 0
  activity a { takes 1s..3s  do { x := n } }
  activity b { takes 1s..3s  do { x := 2 } }
  activity c { }
  run { { a || b } ; c }
}
"""
POOL = """\
resource r : pool(1)
workflow w {
  var x: int = 0
  activity a { uses r 1  takes 1s  do { x := 1 } }
  activity b { uses r 1  takes 1s  do { x := 2 } }
  run { a || b }
}
"""
LOST = """\
channel jobs : int capacity 3 delivery at_most_once
workflow producer { run { send 1 to jobs } }
workflow worker   { run { receive job from jobs } }
"""
STUCK = "workflow w { var x: int = 0  activity a { }  run { a ; wait until (x == 1) } }"
ROUND = """\
workflow w {
  var x: int = 0
  activity a -> bool { }
  run { if (x == 0) { while (true) { a } } }
}
"""


def answer(made: Certified, check: str) -> Answer:
    return made.checker().check(made.of(check)).answer


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    folder = tmp_path_factory.mktemp("race")
    return certified(RACE, folder, only=("timing_independent", "deterministic"))


def runs(made: Certified, check: str) -> tuple[Trace, Trace]:
    checker = made.checker()
    (fields,) = made.of(check).evidence
    evidence = checker.codec.decode(fields).evidence
    assert isinstance(evidence, Runs)
    first, second = evidence.runs
    return first, second


def says(made: Certified, check: str, *taken: Trace) -> Answer:
    return judged(made.checker(), check, "", Runs(taken), verdict="REFUTED").answer


def test_two_runs_that_part(race: Certified) -> None:
    assert answer(race, "timing_independent") is Answer.VALID
    first, second = runs(race, "timing_independent")
    assert says(race, "timing_independent", first, second) is Answer.VALID
    assert says(race, "timing_independent", second, first) is Answer.VALID


def test_two_runs_that_end_alike_or_do_not_end(race: Certified) -> None:
    first, second = runs(race, "timing_independent")
    check = "timing_independent"
    assert says(race, check, first, first) is Answer.INVALID
    shorter = replace(second, steps=second.steps[:-1])
    assert says(race, check, first, shorter) is Answer.INVALID
    assert says(race, check, first, replace(second, loop_at=0)) is Answer.INVALID


def test_two_runs_of_different_environments(race: Certified) -> None:
    """The argument is the same in both; and where durations are answers, they are too."""
    first, second = runs(race, "timing_independent")
    n = next(v.index for v in race.system.variables if v.name == "w.n")
    other = (*second.initial[:n], 1 - int(second.initial[n]), *second.initial[n + 1 :])
    assert says(race, "timing_independent", first, Trace(other, second.steps)) is Answer.INVALID
    # Here the durations decide which comes last.
    later = [replace(s, time=Fraction(2)) for s in second.steps[3:]]
    second = replace(second, steps=(*second.steps[:3], *later))
    assert says(race, "timing_independent", first, second) is Answer.VALID
    assert says(race, "deterministic", first, second) is Answer.INVALID


def test_who_is_granted_a_claim_is_no_answer(tmp_path: Path) -> None:
    made = certified(POOL, tmp_path, only=("timing_independent", "deterministic"))
    first, second = runs(made, "deterministic")
    assert says(made, "deterministic", first, second) is Answer.VALID
    later = [replace(s, time=s.time + Fraction(1)) for s in second.steps]
    assert says(made, "deterministic", first, replace(second, steps=tuple(later))) is Answer.INVALID


def test_nobody_sends_any_more(tmp_path: Path) -> None:
    made = certified(LOST, tmp_path, only=("messages", "deadlock_free", "can_finish"))
    for check in ("messages", "can_finish"):
        assert answer(made, check) is Answer.VALID, check
        (fields,) = made.of(check).evidence
        evidence = made.checker().codec.decode(fields).evidence
        assert isinstance(evidence, Runs)
        (run,) = evidence.runs
        before = replace(run, steps=())
        assert says(made, check, before) is not Answer.VALID, check


def test_no_way_to_an_end() -> None:
    checker = Checker(system_of(STUCK), Solvers(second=False))
    names = {r.name: r.index for r in checker.system.rules}
    start = tuple(v.init.value for v in checker.system.variables if v.init is not None)
    steps = (Step(names["start w.a"]), Step(names["complete w.a"]))

    def refutes(check: str, source: Checker, taken: tuple[Step, ...], initial: object) -> Answer:
        evidence = Runs((Trace(initial, taken),))  # type: ignore[arg-type]
        return judged(source, check, "", evidence, verdict="REFUTED").answer

    for check in ("can_finish", "terminates", "deadlock_free"):
        assert refutes(check, checker, steps, start) is Answer.VALID
    ends = Checker(system_of("workflow w { activity a { }  run { a } }"), Solvers(second=False))
    for check in ("can_finish", "terminates", "deadlock_free"):
        first = tuple(v.init.value for v in ends.system.variables if v.init is not None)
        taken = (Step(ends.system.rules[0].index),)
        assert refutes(check, ends, taken, first) is not Answer.VALID


def test_going_round_where_no_end_can_come(tmp_path: Path) -> None:
    made = certified(ROUND, tmp_path, only=("can_finish",))
    assert answer(made, "can_finish") is Answer.VALID
