"""Walks that part: what is found is so, by all timed runs; and it is found where those are many."""

from __future__ import annotations

import sys
import time
from itertools import islice
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from timed_naive import Timed, TooMuch
from timed_specs import Maker
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import Scheduling, schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.semantics.values import enabled
from wfverify.verifier.checks.two_runs import Judge
from wfverify.verifier.engines.confluence import Confluence
from wfverify.verifier.engines.tracked import Tracked, Unsupported
from wfverify.verifier.engines.wandering import Wanderer
from wfverify.verifier.portfolio import Options
from wfverify.verifier.session import Session
from wfverify.verifier.verdict import Refuted

SEEDS = range(40)


def parting(system: TransitionSystem, durations: bool, seconds: float, most: int) -> Refuted | None:
    """Two runs that end differently, of the first pairs of walks; complete and possible."""
    session = Session(system, Options(timeout=60), replay, schedule)
    tracked = Tracked(system)
    graph = Confluence(tracked, True)
    for state in tracked.initial():
        until = time.monotonic() + seconds
        wanderer = Wanderer(graph, state, 1, until, ends=durations)
        judge = Judge(session, tracked, state, durations)
        for one, two, a, b in islice(wanderer.pairs(), most):
            assert a.key != b.key
            found = judge.first(iter([(one, two)]), "", "they part")
            if isinstance(found, Refuted):
                assert found.second is not None
                for trace in (found.trace, found.second):
                    assert Scheduling(system).misplaced(trace) is None
                    last = replay(system, trace).states[-1]
                    assert not any(enabled(r, last) for r in system.rules)
                return found
    return None


@pytest.mark.parametrize("durations", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_found_is_so(seed: int, durations: bool) -> None:
    system = lower(load_text(Maker(seed).spec(), "s.wf"))
    try:
        found = parting(system, durations, 2.0, 40)
    except Unsupported as why:
        pytest.skip(str(why))
    if found is not None:
        try:
            assert Timed(system, 6000).parts(not durations)
        except TooMuch as why:
            pytest.skip(str(why))


MANY = """
error Corrupt permanent
error Io transient
resource workers : pool(3)
workflow etl {
  var bad: int = 0
  var rows: int[6]
  activity extract(p: int 0..5) {
    uses workers 1  takes 1m..5m  fails Io  retry 2 on Io backoff 10s  do { rows[p] := p * 10 }
  }
  activity validate(p: int 0..5) { uses workers 1  takes 10s..1m  fails Corrupt }
  run { try { each p in 0..5 tolerate 2 as bad { extract(p) ; validate(p) } } catch * { skip } }
}
"""


@pytest.mark.parametrize("durations", [True, False])
def test_a_system_of_many_states(durations: bool) -> None:
    """Who is cut off by the third failure depends on who was granted a worker first."""
    found = parting(lower(load_text(MANY, "s.wf")), durations, 60.0, 2000)
    assert found is not None and "rows" in found.message


def test_the_same_walks_for_the_same_seed() -> None:
    tracked = Tracked(lower(load_text(MANY, "s.wf")))
    graph = Confluence(tracked, True)
    runs = [
        list(islice(Wanderer(graph, s, 5, time.monotonic() + 60, ends=True).pairs(), 8))
        for s in [next(iter(tracked.initial()))] * 2
    ]
    assert runs[0] == runs[1]
