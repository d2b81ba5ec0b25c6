"""All runs of one environment, whatever comes first."""

from __future__ import annotations

import re

import pytest
from certified import TURNS, judged, system_of, valid
from golden import CASES, names, one_in
from wfverify.dsl import load_text
from wfverify.proofs.anynumber import checker
from wfverify.proofs.check import Checker
from wfverify.proofs.solvers import Solvers
from wfverify.semantics.evidence import Answered
from wfverify.semantics.lower import lower

RESULTS = ("timing_independent", "deterministic")
EVERY = 4


def shown(source: str) -> bool:
    made = Checker(system_of(source), Solvers(second=False))
    found = {valid(judged(made, check, "", Answered())) for check in RESULTS}
    assert len(found) == 1
    return found.pop()


def test_what_is_added_up_needs_no_values() -> None:
    assert shown(TURNS)
    # The last one wins: two numbers of which nobody knows whether they are the same.
    assert not shown(TURNS.replace("x := x + n", "x := n"))
    # What is tested has to be chosen, and there are too many numbers.
    assert not shown(TURNS.replace("x := x + n", "if (n > 3) { x := x + 1 }"))
    small = TURNS.replace("-> int", "-> int 0..4")
    assert shown(small.replace("x := x + n", "if (n > 3) { x := x + 1 }"))
    assert not shown(small.replace("x := x + n", "if (n > 3) { x := me }"))
    # Who doubles first has less in the end.
    assert not shown(TURNS.replace("x := x + n", "x := 2 * x + n"))


def test_order_that_shows() -> None:
    assert not shown(TURNS.replace("y := 7", "y := me"))
    assert not shown(TURNS.replace("y < 5", "y < 1").replace("y := 7", "y := y + me"))


def test_answers_that_differ_are_other_environments() -> None:
    fails = "error E permanent\n" + TURNS.replace(
        "r exclusive }\n", "r exclusive  fails E }\n"
    ).replace("x := x + n ;", "skip ;").replace(
        "n <- a()", "try { n <- a() } catch E { x := x + 100 }"
    )
    assert shown(fails)
    assert not shown(fails.replace("x := x + 100", "x := me"))
    # Whose time is up is no answer.
    late = "workflow w { var x: int = 0  activity a { takes 1s..5s  timeout 3s }\n"
    late += "  run { try { a } catch Timeout { x := 1 } } }"
    assert not shown(late)


def test_runs_without_end_and_clocks_are_not_looked_at() -> None:
    polls = "shared done: bool = false\nworkflow w { activity poll { writes done }"
    assert not shown(polls + " run { while (not done) { poll } } }")
    assert not shown("workflow w { var t: duration = 0s  run { t := now } }")


def test_a_few_instances_are_not_all() -> None:
    source = TURNS.replace("(me: int 1..2)", "").replace("w(1)  w(2)", "w[*]")
    spec = load_text(source, "w.wf")
    made = checker(spec, lower(spec), Solvers(second=False), {})
    for check in RESULTS:
        assert not valid(judged(made, check, "", Answered()))


def refuted() -> list[str]:
    """Golden cases in which a result depends on the order."""
    out = []
    for name in names():
        said = (CASES / f"{name}.expect").read_text()
        if re.search(r"^REFUTED timing_independent", said, re.MULTILINE):
            out.append(name)
    return out


@pytest.mark.parametrize("name", one_in(EVERY, refuted()))
def test_nothing_shows_what_was_refuted(name: str) -> None:
    spec = load_text((CASES / f"{name}.wf").read_text(), f"{name}.wf")
    made = checker(spec, lower(spec), Solvers(second=False), {})
    assert not valid(judged(made, "timing_independent", "", Answered()))
