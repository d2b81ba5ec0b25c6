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
from wfverify.verifier.engines.adding import added
from wfverify.verifier.engines.counting import suggest
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted


def sums(system: TransitionSystem, goal: Obligation) -> list[Expr]:
    """(What it comes to at a place may be wrong: induction says so.)"""
    return [e for e in suggest(system, goal) if e.op is Op.EQ]


@pytest.mark.parametrize("n", [3, 8])
def test_what_each_adds_at_most(n: int) -> None:
    """Also where ways that add and ways that do not come together again, and where
    something is taken back."""
    text = f"""
error No permanent
resource seats : pool(1)
shared hired: int = 0
workflow hire fails No {{
  var ok: bool = false
  activity ask -> bool {{ takes 1h }}
  activity sign {{ takes 1h  do {{ hired += 1 }}  undo {{ hired -= 1 }} }}
  activity look {{ takes 1h  fails No }}
  run {{
    using (seats 1) {{
      each i in 0..1 {{ look }} ;
      ok <- ask() ;
      if (ok) {{ saga {{ sign ; look }} }} ;
      look
    }}
  }}
}}
system {{ hire[{n}] }}
invariant at_most : hired <= {n}
invariant fewer : hired < {n}
"""
    loaded = load_text(text, "w.wf")
    options = Options(("invariant",), 30.0, 1, engines=("counting",))
    found = verify(loaded, lower(loaded), options, replay=replay, schedule=schedule)
    said = {r.name: r.verdict for r in found}
    assert isinstance(said["at_most"], Proved)
    assert not isinstance(said["fewer"], Proved)


def bounds(system: TransitionSystem, goal: Obligation) -> list[Expr]:
    return added(system, goal)


def test_bounds_by_places_hold() -> None:
    count = 0
    for seed in range(60):
        try:
            count += confirmed(random_system(seed, wide=False), 2500, bounds)
            count += confirmed(lower(load_text(from_seed(seed, 4), "t.wf")), 600, bounds)
        except (naive.TooBig, OverflowError, Rejected):
            continue
    assert count > 3


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
