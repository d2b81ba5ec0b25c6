"""Runs of real specs: plain replay, times, events and logs agree with the runner."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from wfverify.dsl import load, load_text
from wfverify.interpreter import (
    RunOptions,
    Scheduling,
    Status,
    build_plan,
    open_log,
    read_answers,
    replay,
    replay_log,
    summarise,
)
from wfverify.interpreter.run import run
from wfverify.semantics.events import events_of, fold, fold_updates
from wfverify.semantics.expr import var
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.semantics.values import evaluate

FAILURES = """
resource agents : pool(2)
resource ledger : lock
error Bad transient
error Worse permanent
workflow w(n: int 1..3) fails Bad, Worse {
  var x: int = 0
  activity a {
    uses agents 1  takes 1s..3s  fails Bad, Worse probability 0.2
    retry 2 on Bad backoff 1s factor 2  timeout 2500ms  undo skip
  }
  activity b(k: int) -> int {
    uses ledger exclusive  takes 1s..2s
    ensures result >= k and result <= k + 3
    do { x := x + 1 }  undo { x := x - 1 }
  }
  activity c { uses ledger shared  takes 100ms..  writes x  ensures x >= old(x) and x <= 100 }
  activity d { fails Worse }
  run {
    try { saga { b(n) ; a ; (a || d) } } catch * { x := 0 } finally { c } ;
    while (x < n) at_most 3 { x <- b(x) } ;
    within 2s { wait 1s ; a } else { skip } ;
    par any { a || d }
  }
}
system { w[2] }
"""

GRAPHS = """
resource gpu : pool(1)
error E transient
workflow g {
  var rows: int = 0
  activity extract -> int { uses gpu 1  takes 1s..2s  ensures result >= 0 }
  activity clean { takes 1s..2s  fails E }
  activity train { uses gpu 1  takes normal(5s, 1s) }
  activity report { takes exponential(2s) }
  run {
    steps {
      extract
      clean  after extract
      train  after clean when rows >= 0
      report after train, clean join always
    }
  }
}
workflow h {
  activity slow { takes 5s..6s }
  activity fast { takes 1s..2s }
  run {
    try { retry(2 on Timeout backoff 500ms) { within 3s { slow + fast } } } catch Timeout { skip } ;
    using (gpu 1) { fast ; nocancel { fast } } ;
    each i in 0..3 at_most 2 at once { fast }
  }
}
system { g[2] h[2] scheduler fifo }
"""

DEADLOCK = """
resource a : lock
resource b : lock
workflow p {
  activity s { takes 1s..2s }
  run { using (a exclusive) { s ; using (b exclusive) { s } } }
}
workflow q {
  activity s { takes 1s..2s }
  run { using (b exclusive) { s ; using (a exclusive) { s } } }
}
system { p q }
"""


@pytest.fixture(scope="module", params=["trip", "failures", "graphs", "deadlock"])
def system(request: pytest.FixtureRequest) -> TransitionSystem:
    if request.param == "trip":
        return lower(load(str(Path(__file__).parents[2] / "examples" / "trip.wf")))
    text = {"failures": FAILURES, "graphs": GRAPHS, "deadlock": DEADLOCK}[request.param]
    return lower(load_text(text, f"{request.param}.wf"))


def test_runs_agree_with_every_other_reading(system: TransitionSystem) -> None:
    plan, scheduling = build_plan(system), Scheduling(system)
    for seed in range(15):
        scheduler = ("any", "fifo", "priority")[seed % 3]
        result = run(system, RunOptions(seed=seed, scheduler=scheduler, max_steps=2000), None, plan)
        assert result.status in (Status.ENDED, Status.DEADLOCK)
        replayed = replay(system, result.trace)
        assert replayed.ok, replayed.why
        assert replayed.states[-1] == result.final
        events = list(events_of(system, result.trace))
        assert len(events) == result.events
        assert fold(events[1:], result.trace.initial) == result.final
        assert scheduling.misplaced(result.trace) is None
        earliest = scheduling.schedule(result.trace)
        assert earliest is not None
        assert scheduling.misplaced(earliest) is None
        summarise(system, result.trace, result.time)


def test_the_events_of_every_rule_amount_to_its_updates(system: TransitionSystem) -> None:
    result = run(system, RunOptions(seed=2, max_steps=300))
    states = replay(system, result.trace).states
    for step, state in zip(result.trace.steps, states, strict=False):
        rule = system.rules[step.rule]
        updates, folded = dict(rule.updates), fold_updates(rule)
        for index in {*updates, *folded}:
            term = updates.get(index, var(index, system.variables[index].sort))
            other = folded.get(index, var(index, system.variables[index].sort))
            assert evaluate(term, state, step.inputs) == evaluate(other, state, step.inputs)


def test_logs_of_specs_can_be_replayed(system: TransitionSystem, tmp_path: Path) -> None:
    for name in ("run.db", "run.jsonl"):
        log = open_log(tmp_path / name)
        result = run(system, RunOptions(seed=4, max_steps=2000), log)
        log.close()
        replayed = replay_log(tmp_path / name, lambda _: system)
        assert replayed.ok, replayed.problem
        assert replayed.state == result.final


def test_a_deadlock_is_found_and_named() -> None:
    system = lower(load_text(DEADLOCK, "deadlock.wf"))
    ends = [run(system, RunOptions(seed=s)) for s in range(5)]
    assert all(e.status is Status.DEADLOCK for e in ends)
    assert {b.thread.name for b in ends[0].blocked} == {"p", "q"}


def test_an_answer_reaches_the_spec() -> None:
    system = lower(load_text(FAILURES, "failures.wf"))
    answers = read_answers(
        {
            "b": {"result": 3},
            "a": {"completes": True, "takes": "1s"},
            "w[0].c": {"writes": {"x": 77}},
        },
        system,
    )
    result = run(system, RunOptions(answers=answers, set_values=("n=2",), seed=1))
    wrote = [
        step.inputs
        for step in result.trace.steps
        if system.rules[step.rule].name == "complete w[0].c"
    ]
    assert wrote == [(77,)]


COMPOUND = """
enum C { red, green, blue }
type P = {a: int, b: bool}
workflow w {
  var x: P = {a: 1, b: true}
  var p: P = {a: 1, b: true}
  var k: int[3] = [1, 2, 3]
  var per: real[C]
  var s: set of C = {}
  var o: option int = none
  var d: duration
  activity a -> P { takes 1s..2s  writes p, k, per, s, o, d }
  run { x <- a() }
}
"""


def test_answers_may_be_compound() -> None:
    system = lower(load_text(COMPOUND, "compound.wf"))
    writes = {
        "p": {"a": 5, "b": False},
        "k": [7, 8, 9],
        "per": {"green": "1/3"},
        "s": ["red", "blue"],
        "o": 4,
        "d": "1m",
    }
    entry = {"result": {"a": 3, "b": True}, "writes": writes}
    result = run(system, RunOptions(answers=read_answers({"a": entry}, system)))
    final = {v.name: result.final[v.index] for v in system.variables}
    assert {n: final[f"w.{n}"] for n in ("x.a", "x.b", "p.a", "p.b")} == {
        "x.a": 3,
        "x.b": True,
        "p.a": 5,
        "p.b": False,
    }
    assert [final[f"w.k[{i}]"] for i in range(3)] == [7, 8, 9]
    assert final["w.per[green]"] == Fraction(1, 3)
    assert [final[f"w.s has {c}"] for c in ("red", "green", "blue")] == [True, False, True]
    assert (final["w.o.is_some"], final["w.o.value"], final["w.d"]) == (True, 4, 60)
    none = read_answers({"a": {"writes": {"o": None}}}, system)
    final = {v.name: v for v in system.variables}
    assert run(system, RunOptions(answers=none)).final[final["w.o.is_some"].index] is False


def test_a_run_tells_the_parts_of_an_answer_apart() -> None:
    from wfverify.report.runs import view

    system = lower(load_text(COMPOUND, "compound.wf"))
    shown = view(system, run(system).trace)
    names = [v.name for step in shown.steps for v in step.inputs]
    assert len(names) == len(set(names))
    assert {"result.a", "p.b", "k[2]", "per[blue]", "s has red", "o.is_some", "d"} <= set(names)
