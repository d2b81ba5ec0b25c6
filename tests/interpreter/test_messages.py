"""Runs with messages: what a script says of them, and logs that are replayed."""

from __future__ import annotations

import os
from pathlib import Path

import message_specs
import pytest
from wfverify.dsl import load_text
from wfverify.interpreter.answers import read_answers
from wfverify.interpreter.log import open_log
from wfverify.interpreter.rebuild import replay_log
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.run import RunOptions, run
from wfverify.interpreter.timing import Scheduling
from wfverify.semantics.events import events_of, fold
from wfverify.semantics.lower import lower
from wfverify.semantics.system import EventKind, TransitionSystem

SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..15").split("..")))

SPEC = """
channel orders : {n: int 0..9, big: bool} from environment
channel jobs   : int 0..9 capacity 3 delivery at_most_once optional
channel mails  : int 0..9 capacity 4 delivery at_least_once optional
channel mix    : int 0..9 capacity 3 unordered optional
workflow w {
  var got: int = 0
  run {
    receive o from orders where o.big ; send o.n to jobs ; send 5 to jobs ; send 4 to mails ;
    send 1 to mix ; send 2 to mix ; send 3 to mix ;
    receive m from mix ; got := m
  }
}
"""
SCRIPT: dict[str, object] = {
    "orders": {"message": {"n": 7}},
    "w.jobs": [{"lost": True}, {"lost": False}],
    "mails": {"twice": True},
    "mix": {"pick": 2},
}


def values(system: TransitionSystem, state: tuple[object, ...]) -> dict[str, object]:
    return {v.name: state[v.index] for v in system.variables}


@pytest.mark.parametrize("seed", range(4))
def test_a_script_answers_for_messages(seed: int) -> None:
    system = lower(load_text(SPEC, "s.wf"))
    result = run(system, RunOptions(seed=seed, answers=read_answers(SCRIPT, system)))
    at_end = values(system, result.final)
    assert at_end["w.got"] == 3
    assert (at_end["len(jobs)"], at_end["jobs[0]"]) == (1, 5)
    assert (at_end["len(mails)"], at_end["mails[1]"]) == (2, 4)
    kinds = [e.kind for e in events_of(system, result.trace)]
    assert kinds.count(EventKind.MESSAGE_DROPPED) == 1
    assert kinds.count(EventKind.MESSAGE_SENT) == 6
    assert kinds.count(EventKind.MESSAGE_RECEIVED) == 2


@pytest.mark.parametrize(
    ("script", "wrong"),
    [
        ({"orders": {"result": 3}}, "no field `result`"),
        ({"mix": {"pick": 5}}, "outside 0..2"),
        ({"mix": {"lost": True}}, "does not answer `lost`"),
        ({"joobs": {"lost": True}}, "did you mean"),
    ],
)
def test_what_a_script_may_not_say(script: dict[str, object], wrong: str) -> None:
    system = lower(load_text(SPEC, "s.wf"))
    with pytest.raises(ValueError, match=wrong):
        read_answers(script, system)


def test_an_answer_that_does_not_fit() -> None:
    system = lower(load_text(SPEC, "s.wf"))
    script = read_answers({"orders": {"message": {"big": False}}}, system)
    with pytest.raises(ValueError, match="does not allow the answer"):
        run(system, RunOptions(seed=1, answers=script))


@pytest.mark.parametrize(
    "forms", ["where unordered delivery broadcast keyed environment within request ttl", "protocol"]
)
def test_runs_are_runs_and_logs_are_believed(forms: str, tmp_path: Path) -> None:
    for seed in SEEDS:
        text = message_specs.from_seed(seed, forms).text()
        system = lower(load_text(text, "s.wf"))
        path = tmp_path / f"{seed}.jsonl"
        log = open_log(path, str(path))
        result = run(system, RunOptions(seed=seed, max_steps=60), log)
        log.close()
        replayed = replay(system, result.trace)
        assert replayed.ok, f"{replayed.why}\n{text}"
        assert replayed.states[-1] == result.final
        assert fold(events_of(system, result.trace), result.trace.initial) == result.final
        assert Scheduling(system).misplaced(result.trace) is None, text
        again = replay_log(path, lambda _: system)  # noqa: B023
        assert again.ok, f"{again.problem}\n{text}"
