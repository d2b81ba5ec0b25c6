"""One value for each region of what control compares with constants."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from ranged_specs import Ranged, Summed
from timed_naive import Timed, TooMuch
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.engines.tracked import Tracked, Unsupported
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved

CHECKS = ("timing_independent", "deterministic")
HEAD = """
error E transient
workflow w(k: int) fails E {
  var x: int = 0
  var y: int = 0
  activity a { takes 1s..2s  writes x  ensures x >= 5 }
  activity b { takes 1s..2s }
"""


def lies(maker: Ranged | Summed) -> list[str]:
    """What is proved for all integers, and fails for four of them."""
    spec = load_text(maker.spec("int"), "s.wf")
    results = verify(
        spec, lower(spec), Options(only=CHECKS, timeout=20), replay=replay, schedule=schedule
    )
    small = lower(load_text(maker.spec("int 0..3"), "s.wf"))
    wrong = []
    for r in results:
        if isinstance(r.verdict, Proved):
            try:
                if Timed(small, 12_000).parts(r.check == "deterministic"):
                    wrong.append(f"{r.check}: PROVED ({r.verdict.engine}), but two runs part")
            except TooMuch:
                pass
    return wrong


@pytest.mark.parametrize("seed", range(30))
def test_proofs_against_few_values(seed: int) -> None:
    for maker in (Ranged(seed), Summed(seed)):
        assert not lies(maker), maker.spec("int")


def answers(body: str) -> list[tuple[object, ...]]:
    system = lower(load_text(f"{HEAD} run {{ {body} }}\n}}", "s.wf"))
    tracked = Tracked(system)
    rule = next(r for r in system.rules if r.name == "complete w.a")
    return tracked._domains[rule.index]


def test_a_value_for_each_region() -> None:
    (values,) = answers("a ; if (x > 7) { b }")
    # Between 5 and 7 lies 6; beyond the ends there is one more each, and each end is one.
    numbers = [Fraction(v) for v in values if isinstance(v, int)]
    assert {0, 5, 7, 6} <= set(numbers)
    assert sum(v < 0 for v in numbers) == 1 and sum(v > 7 for v in numbers) == 1
    assert sum(0 < v < 5 for v in numbers) == 1


@pytest.mark.parametrize(
    "body",
    [
        "a ; if (x > k) { b }",  # compared with what is no constant
        "a ; x := x + 1 ; if (x > 7) { b }",  # computed with
        "a ; if (x > 7 and x * 2 < 100) { b }",
    ],
)
def test_what_no_region_stands_for(body: str) -> None:
    with pytest.raises(Unsupported):
        answers(body)


def test_two_answers_of_one_region_are_two_results() -> None:
    text = HEAD + " run { { a || a } ; if (x > 7) { b } else { within 2s { b } else { skip } } }\n}"
    spec = load_text(text, "s.wf")
    results = verify(
        spec, lower(spec), Options(only=CHECKS, timeout=20), replay=replay, schedule=schedule
    )
    assert results and not any(isinstance(r.verdict, Proved) for r in results)
