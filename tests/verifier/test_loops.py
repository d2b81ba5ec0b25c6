"""Whether loops end: the verdicts on the loops of the benchmark, and on random ones whose arguments
are few, against all states."""

from __future__ import annotations

from pathlib import Path

import loopgen
import naive
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.simulation import simulator
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.engines.search_graph import strong
from wfverify.verifier.portfolio import Options, verify

LOOPS = sorted((Path(__file__).parents[2] / "bench" / "loops").glob("*.wf"))
SAID = {"Proved": "PROVED", "Refuted": "REFUTED", "Unknown": "UNKNOWN"}


def _answers(text: str, checks: tuple[str, ...], timeout: float) -> dict[str, str]:
    spec = load_text(text, "t.wf")
    found = verify(
        spec,
        lower(spec),
        Options(only=checks, timeout=timeout),
        replay=replay,
        schedule=schedule,
        simulate=simulator,
    )
    return {r.check: SAID[type(r.verdict).__name__] for r in found}


@pytest.mark.parametrize("path", LOOPS, ids=lambda p: p.stem)
def test_it_is_decided(path: Path) -> None:
    text = path.read_text()
    first = text.splitlines()[0].removeprefix("//")
    truth = dict(pair.split() for pair in first.split(","))
    assert _answers(text, tuple(truth), 90.0) == truth


def test_there_are_forty() -> None:
    assert len(LOOPS) == 40


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9))
def test_few_arguments_against_all_states(seed: int) -> None:
    text = loopgen.spec(seed)
    if "||" in text:
        return  # who is owed a step is another question
    for name in "abc":
        text = text.replace(f"{name}: int", f"{name}: int -1..2", 1)
    system = lower(load_text(text, "t.wf"))
    try:
        graph = naive.explore(system, 1_500)
    except naive.TooBig:
        return
    number = {s: k for k, s in enumerate(graph.states)}
    following = [[number[after] for _, _, after in graph.successors[s]] for s in graph.states]
    endless = any(len(p) > 1 or p[0] in following[p[0]] for p in strong(following))
    said = _answers(text, ("terminates", "can_finish"), 10.0)
    assert said["terminates"] in ("UNKNOWN", "REFUTED" if endless else "PROVED"), text
    finish = all(map(graph.can_finish, graph.states))
    assert said["can_finish"] in ("UNKNOWN", "PROVED" if finish else "REFUTED"), text
