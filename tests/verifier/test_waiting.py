"""Waits for what others are sure to bring about, against all states."""

from __future__ import annotations

import random

import naive
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.checks.waiting import circle, waits
from wfverify.verifier.session import Options, Session

HEAD = """\
error E permanent
resource l : lock
resource p : pool(1)
workflow w fails E {
  var f: bool = false
  var g: bool = false
  var k: int 0..6 = 0
  activity a { takes 1s..2s }
  activity e { fails E }
  activity up { do { f := true } }
  activity once { uses l exclusive  do { g := true } }
"""


def _system(body: str) -> TransitionSystem:
    return lower(load_text(f"{HEAD}  run {{ {body} }}\n}}", "t.wf"))


def _decided(system: TransitionSystem) -> bool:
    """Do the waits have an order?"""
    session = Session(system, Options(timeout=20.0), replay, schedule)
    found = waits(session, True)
    if isinstance(found, str) or not found:
        return False
    return circle(session.structure, session.structure.contended(), found) is None


SURE = {
    "a signal": "{ wait until (f) ; a } || up",
    "before it or after": "{ a ; wait until (f) } || { a ; up }",
    "of all": "k += 1 || k += 1 || { wait until (k >= 2) ; a }",
    "one after the other": (
        "{ wait until (f) ; g := true } || { wait until (g) ; a } || { a ; f := true }"
    ),
    "while holding what is not needed": "using (l shared) { wait until (f) } || using (p 1) { up }",
    "from deep inside": "{ a || { wait until (f) ; a } } || up",
    "in a graph of its own": "{ up || a } || { a || wait until (f) }",
}
NOT_SURE = {
    "nobody": "wait until (f) ; a",
    "oneself": "{ wait until (f) ; f := true } || a",
    "each other": "{ wait until (f) ; g := true } || { wait until (g) ; f := true }",
    "it is taken back": "{ f := true ; a ; f := false } || { a ; wait until (f) }",
    "only sometimes": "{ if (k > 0) { f := true } } || { wait until (f) }",
    "too few": "k += 1 || { wait until (k >= 2) }",
    "what it needs is held": "using (l exclusive) { wait until (g) } || once",
    "afterwards": "{ a || wait until (f) } ; up",
    "in an endless loop": "{ while (k >= 0) { a } ; f := true } || wait until (f)",
}


@pytest.mark.parametrize("name", SURE)
def test_it_comes(name: str) -> None:
    assert _decided(_system(SURE[name]))


@pytest.mark.parametrize("name", NOT_SURE)
def test_it_may_not_come(name: str) -> None:
    assert not _decided(_system(NOT_SURE[name]))


def _random(rng: random.Random, depth: int) -> str:
    kind = rng.random()
    if depth and kind < 0.35:
        return f"{{ {_random(rng, depth - 1)} ; {_random(rng, depth - 1)} }}"
    if depth and kind < 0.5:
        return f"( {_random(rng, depth - 1)} || {_random(rng, depth - 1)} )"
    if depth and kind < 0.62:
        claim = rng.choice(["l exclusive", "l shared", "p 1"])
        return f"using ({claim}) {{ {_random(rng, depth - 1)} }}"
    if depth and kind < 0.68:
        test = rng.choice(["f", "g", "k > 1"])
        return f"if ({test}) {{ {_random(rng, depth - 1)} }} else {{ {_random(rng, depth - 1)} }}"
    if depth and kind < 0.71:
        return f"par wait_all {{ {_random(rng, depth - 1)} || {_random(rng, depth - 1)} }}"
    if depth and kind < 0.74:
        return f"try {{ {_random(rng, depth - 1)} ; e }} catch E {{ {_random(rng, depth - 1)} }}"
    if kind < (0.8 if depth else 0.2):
        return f"wait until ({rng.choice(['f', 'g', 'f and g', 'k >= 1', 'k >= 2', 'not f'])})"
    return rng.choice(["up", "once", "f := true", "g := true", "k += 1", "k += 1", "a", "g := f"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9))
def test_nobody_is_stuck(seed: int) -> None:
    rng = random.Random(seed)
    body = " || ".join(_random(rng, 2) for _ in range(rng.choice([2, 3])))
    system = _system(body)
    if not _decided(system):
        return
    try:
        graph = naive.explore(system, 3_000)
    except naive.TooBig:
        return
    for state in graph.states:
        if not graph.successors[state] and state not in graph.leaves:
            assert all(graph.ended(state, i.id) for i in system.instances), body
