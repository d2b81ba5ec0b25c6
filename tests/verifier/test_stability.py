"""`stability`: Jury's criterion against the loop itself, taken many times round."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.verifier.checks.stability import Border, Loop, exponential, inside, roots
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted, Result, Unknown

HEAD = """
resource agents : pool(2)
metric load = 100 * used(agents) / (used(agents) + free(agents)) every 1s
detector busy on load above 80
detector bored on load below 30
workflow w { activity a { uses agents 1  takes 1s..2s }  run { a } }
"""


def stable(text: str) -> list[Result]:
    spec = load_text(HEAD + text, "w.wf")
    options = Options(only=("stability",), jobs=1)
    return verify(spec, lower(spec), options, replay=replay, schedule=schedule, simulate=simulator)


def goes_home(a: float, gain: float, kp: float, ki: float, kd: float, h: float) -> float:
    """How far from its target a metric that began 1 away is after long; by the law's own words."""
    m, total, before = -1.0, 0.0, None
    for _ in range(4000):
        e = -m
        total += e
        slope = 0.0 if before is None else (e - before) / h
        before = e
        m = a * m + gain * (1 - a) * (kp * e + ki * h * total + kd * slope)
        if abs(m) > 1e6:
            return math.inf
    return abs(m)


def test_jury_says_what_the_loop_does() -> None:
    r = random.Random(7)
    seen = {True: 0, False: 0}
    for _ in range(300):
        lag, h = Fraction(r.randint(0, 20), 2), Fraction(r.randint(1, 8), 2)
        gain = Fraction(r.randint(-30, 30), 10)
        kp, ki, kd = (Fraction(r.randint(-20, 20), 10) * (r.random() < p) for p in (0.9, 0.6, 0.5))
        a = (Fraction(0),) * 2 if lag == 0 else exponential(-h / lag)
        loop = Loop(a, gain, kp, ki, kd, h)
        p = loop.polynomial()
        largest = max(abs(x) for x in roots([float(sum(x) / 2) for x in p]))
        if abs(largest - 1) < 0.02:
            continue  # too near to be seen in a few thousand rounds
        try:
            said = inside(p)
        except Border:
            continue
        assert said == (largest < 1)
        # Where nothing is integrated the metric rests off its target, and with gain 0 anywhere.
        end = goes_home(*(float(x) for x in (sum(a) / 2, gain, kp, ki, kd, h)))
        assert math.isfinite(end) == said or (not said and gain * (kp or kd or ki) == 0)
        seen[said] += 1
    assert seen[True] > 50 and seen[False] > 50


@pytest.mark.parametrize("x", [Fraction(-1, 3), Fraction(-1), Fraction(-4, 5), Fraction(-37, 2)])
def test_the_exponential_is_enclosed(x: Fraction) -> None:
    low, high = exponential(x)
    assert low < high and high - low < Fraction(1, 10**20)
    assert float(low) == pytest.approx(math.exp(x), rel=1e-12)
    # exp(x) exp(-x) = 1 tells a wrong bound: the series of exp(1/3) from below, times `high`.
    assert low <= Fraction(math.exp(x)).limit_denominator(10**14) + Fraction(1, 10**12)


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        (
            "target 60 pid(-0.02, -0.01) acts agents within 1..6 every 2s plant gain -10 lag 5s",
            Proved,
        ),
        ("target 60 pid(-0.9) acts agents within 1..6 every 2s plant gain -10 lag 5s", Refuted),
        (
            "target 60 pid(0.02, 0.01) acts agents within 1..6 every 2s plant gain -10 lag 5s",
            Refuted,
        ),
        ("target 60 pid(-0.1) acts agents within 1..6 every 1s plant gain -10", Refuted),
        ("target 60 pid(-0.02) acts agents within 1..6 every 2s", Unknown),
        ("target 60 pid(-0.02) acts agents within 3..6 every 2s plant gain -10 lag 5s", Refuted),
        ("step up 1 on busy step down 1 on bored acts agents within 1..6 plant gain -10", Proved),
        ("step up 1 on busy step down 1 on bored acts agents within 1..6 plant gain -60", Refuted),
        ("step up 1 on busy step down 1 on bored acts agents within 1..6 plant gain 10", Refuted),
        ("step up 2 on busy step down 1 on bored acts agents within 1..6 plant gain -40", Unknown),
    ],
)
def test_verdicts(options: str, verdict: type) -> None:
    (found,) = stable(f"controller k on load {options}")
    assert isinstance(found.verdict, verdict)
    assert found.name == "k"


def test_a_slower_loop_may_be_less_stable() -> None:
    """`cooldown` makes the law's period longer."""
    text = "controller k on load target 60 pid(-0.3) acts agents within 1..6 every 1s"
    (quick,) = stable(f"{text} plant gain -10 lag 5s")
    (slow,) = stable(f"{text} cooldown 9s plant gain -10 lag 5s")
    assert isinstance(quick.verdict, Proved) and isinstance(slow.verdict, Refuted)
    assert any("Jury" in n for n in slow.verdict.notes)


def test_every_value_of_a_parameter_counts() -> None:
    text = "controller k on load target 60 pid(-0.1 * G) acts agents within 1..6 every 1s"
    more = " plant gain -10 lag 5s"
    (few,) = stable("param G: int 1..6\n" + text.replace("0.1 * G", "0.1") + more)
    assert isinstance(few.verdict, Proved)


def test_two_controllers_of_one_pool_fight() -> None:
    one = "target 60 pid(-0.02) acts agents within 1..6 every 2s plant gain -10 lag 5s"
    found = stable(f"controller k on load {one}\ncontroller l on load {one}")
    assert [r.name for r in found] == ["k", "l"]
    assert all(isinstance(r.verdict, Refuted) for r in found)


def test_who_can_go_on_is_not_proved_by_capacities_that_stay() -> None:
    """Whoever holds two asks for one more: no order, so only a search says that they get on."""
    text = HEAD.replace("pool(2)", "pool(3)").replace("run { a }", "run { using (agents 2) { a } }")
    text += "system { w[3] }\ncontroller k on load target 60 pid(-0.02)"
    text += " acts agents within 3..3 every 2s"
    spec = load_text(text, "w.wf")
    options = Options(only=("deadlock_free", "terminates", "can_finish"), jobs=1)
    found = verify(spec, lower(spec), options, replay=replay, schedule=schedule)
    assert not any(isinstance(r.verdict, Proved) for r in found if r.check == "deadlock_free")


def test_stability_can_be_skipped_like_any_check() -> None:
    controller = (
        "controller c on load target 60 pid(-0.3, -0.1, 0) acts agents within 1..6 every 2s "
        "plant gain -10 lag 5s\n"
    )
    assert [r.verdict is None for r in stable(controller)] == [False]
    (skipped,) = stable(controller + 'skip_check stability "tuned elsewhere"\n')
    assert skipped.verdict is None and skipped.skipped == "tuned elsewhere"
