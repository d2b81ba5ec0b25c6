"""Weights of places: true of every reachable state, and enough for sums over branches."""

from __future__ import annotations

import naive
import pytest
from random_systems import random_system
from specgen import from_seed
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter import simulator
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.expr import Op
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.semantics.words import in_words
from wfverify.verifier.engines.counting import suggest
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted


def check(system: TransitionSystem, limit: int) -> int:
    """How many suggestions there are; all of them hold of all reachable states."""
    graph = naive.explore(system, limit)
    count = 0
    for goal in system.obligations:
        for candidate in suggest(system, goal):
            if candidate.op is not Op.EQ:
                continue  # what it comes to at a place may be wrong: induction says so
            count += 1
            wrong = next((s for s in graph.states if not naive.value(candidate, s)), None)
            assert wrong is None, f"{in_words(system, candidate)} is false of {wrong}"
    return count


def test_suggestions_hold() -> None:
    count = 0
    for seed in range(60):
        try:
            count += check(random_system(seed, wide=False), 2500)
        except naive.TooBig:
            continue
    for seed in range(25):
        try:
            count += check(lower(load_text(from_seed(seed, 4), "t.wf")), 600)
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
