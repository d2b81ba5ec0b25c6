"""Weights of places: true of every reachable state, and enough for sums over branches."""

from __future__ import annotations

import naive
import pytest
from random_systems import random_system
from specgen import from_seed
from suggested import confirmed
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter import simulator
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.expr import Expr, Op
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Obligation, TransitionSystem
from wfverify.verifier.engines.counting import suggest
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted


def sums(system: TransitionSystem, goal: Obligation) -> list[Expr]:
    """(What it comes to at a place may be wrong: induction says so.)"""
    return [e for e in suggest(system, goal) if e.op is Op.EQ]


def test_suggestions_hold() -> None:
    count = 0
    for seed in range(60):
        try:
            count += confirmed(random_system(seed, wide=False), 2500, sums)
        except naive.TooBig:
            continue
    for seed in range(25):
        try:
            count += confirmed(lower(load_text(from_seed(seed, 4), "t.wf")), 600, sums)
        except (naive.TooBig, OverflowError, Rejected):
            continue
    assert count > 3


EACH = "each i in 1..14 { item(i) }"
CASES = {
    "a sum": (EACH, "k == 14", Proved),
    "one too many": ("each i in 1..5 { item(i) }", "k == 6", Refuted),
    "few at once": ("each i in 1..14 at_most 3 at once { item(i) }", "k == 14", Proved),
    "two in each": ("each i in 1..10 { item(i) ; item(i) }", "k == 20", Proved),
    "there and back": ("each i in 1..10 { item(i) ; back(i) }", "k == 0", Proved),
    "beside and after": ("{ each i in 1..5 { item(i) } || item(0) } ; item(9)", "k == 7", Proved),
}


@pytest.mark.parametrize("name", CASES)
def test_sums_over_branches(name: str) -> None:
    body, ensures, expected = CASES[name]
    spec = load_text(
        f"""workflow w {{
          var k: int = 0
          activity item(i: int) {{ takes 1s..2s  do {{ k += 1 }} }}
          activity back(i: int) {{ takes 1s..2s  do {{ k -= 1 }} }}
          run {{ {body} }}
          ensures {ensures}
        }}""",
        "t.wf",
    )
    options = Options(only=("ensures",), timeout=40)
    system = lower(spec)
    (found,) = verify(spec, system, options, replay=replay, schedule=schedule, simulate=simulator)
    assert isinstance(found.verdict, expected)
