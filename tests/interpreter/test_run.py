"""Runs: every one is a run of the system, in time, and the same seed gives the same."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from pools import pool_system, ready, running
from wfverify.dsl import load_text
from wfverify.dsl.types import Int
from wfverify.interpreter import (
    AnswerRefused,
    RunOptions,
    Scheduling,
    Status,
    read_answers,
    replay,
    summarise,
)
from wfverify.interpreter.run import run
from wfverify.semantics.events import events_of, fold
from wfverify.semantics.expr import Sort, add, and_, const, eq, inp, le, lt, mul, ne, not_, or_, var
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Input, RuleKind, TransitionSystem, Variable, VarKind

HARD = pool_system(6, 3, 2, fails=True, timeout="2")


@pytest.mark.parametrize("scheduler", ["any", "fifo", "priority"])
@pytest.mark.parametrize("seed", range(6))
def test_a_run_is_a_run(scheduler: str, seed: int) -> None:
    result = run(HARD, RunOptions(seed=seed, scheduler=scheduler))
    assert result.status is Status.ENDED
    replayed = replay(HARD, result.trace)
    assert replayed.ok, replayed.why
    assert replayed.states[-1] == result.final
    assert all(0 <= state[0] <= 2 for state in replayed.states)
    events = list(events_of(HARD, result.trace))
    assert len(events) == result.events
    assert fold(events, result.trace.initial) == result.final
    assert len(result.completed) + len(result.failed) == 6


@pytest.mark.parametrize("seed", range(6))
def test_the_time_of_every_step_is_allowed(seed: int) -> None:
    """Attempts last 1 to 3 seconds, cut off at 2; what can start starts at once."""
    result = run(HARD, RunOptions(seed=seed))
    states = replay(HARD, result.trace).states
    begun: dict[str, Fraction] = {}
    now = Fraction(0)
    for number, step in enumerate(result.trace.steps):
        rule = HARD.rules[step.rule]
        assert step.time >= now
        if step.time > now:
            used = states[number][0]
            waiting = [i for i in range(6) if states[number][1 + 2 * i] in (1, 3, 5)]
            assert used == 2 or not waiting
        now = step.time
        if rule.kind is RuleKind.START:
            begun[rule.activity] = now
        elif rule.kind is RuleKind.TIMEOUT:
            assert now - begun[rule.activity] == 2
        else:
            assert 1 <= now - begun[rule.activity] <= 2


def test_the_same_seed_gives_the_same_run_and_another_another() -> None:
    first, again, other = (run(HARD, RunOptions(seed=s)) for s in (1, 1, 2))
    assert first == again
    assert first.trace != other.trace


def test_the_earliest_times_are_no_later_than_those_of_the_run() -> None:
    scheduling = Scheduling(HARD)
    for seed in range(8):
        trace = run(HARD, RunOptions(seed=seed)).trace
        timed = scheduling.schedule(trace)
        assert timed is not None
        assert all(a.time <= b.time for a, b in zip(timed.steps, trace.steps, strict=True))


def test_fifo_serves_in_order() -> None:
    system = pool_system(5, 1, 1, takes=("1", "1"))
    trace = run(system, RunOptions(scheduler="fifo", seed=3)).trace
    starts = [
        system.rules[s.rule].instance
        for s in trace.steps
        if system.rules[s.rule].kind is RuleKind.START
    ]
    assert starts == sorted(starts)


def test_priority_goes_before_order() -> None:
    system = pool_system(5, 1, 1, takes=("1", "1"))
    rules = tuple(
        replace(r, priority=const(r.instance)) if r.kind is RuleKind.START else r
        for r in system.rules
    )
    urgent_last = replace(system, rules=rules)
    trace = run(urgent_last, RunOptions(scheduler="priority")).trace
    starts = [r.instance for s in trace.steps if (r := rules[s.rule]).kind is RuleKind.START]
    assert starts == [4, 3, 2, 1, 0]


def test_any_order_tries_several() -> None:
    system = pool_system(3, 1, 1, takes=("1", "1"))
    first = {run(system, RunOptions(seed=s)).trace.steps[0].rule for s in range(20)}
    assert len(first) == 3


def test_until_stops_the_clock() -> None:
    result = run(HARD, RunOptions(until=Fraction(5, 2)))
    assert result.status is Status.UNTIL
    assert result.time == Fraction(5, 2)
    assert all(s.time <= result.time for s in result.trace.steps)


def test_a_condition_stops_the_run() -> None:
    result = run(HARD, RunOptions(stop_when=eq(var(1, Sort.INT), const(running(1))), seed=1))
    if result.status is Status.UNTIL:
        assert result.final[1] == running(1)


def test_steps_are_bounded() -> None:
    assert run(HARD, RunOptions(max_steps=4)).status is Status.STEPS


def test_an_assumption_that_is_false_ends_the_run() -> None:
    system = replace(HARD, excluded=lt(const(1), var(0, Sort.INT)))
    result = run(system)
    assert result.status is Status.EXCLUDED
    assert result.final[0] == 2


def test_a_deadlock_names_who_is_blocked() -> None:
    system = pool_system(2, 1, 0)
    result = run(system)
    assert result.status is Status.DEADLOCK
    assert [b.thread.name for b in result.blocked] == ["w[0]", "w[1]"]
    assert result.blocked[0].where == "before a0"


# --- answers ---------------------------------------------------------------------------------


def test_a_script_decides_outcomes_and_durations() -> None:
    system = pool_system(2, 2, 2, fails=True, timeout="3")
    answers = read_answers(
        {
            "a0": {"takes": "1500ms", "completes": True},
            "w[1].a1": [{"fails": "Bad", "takes": 1}],
            "w[0].a1": {"attempt": 1, "completes": True, "takes": "1s"},
        },
        system,
    )
    for seed in range(4):
        result = run(system, RunOptions(seed=seed, answers=answers))
        assert result.failed == (("w[1]", "Bad"),)
        assert result.time == Fraction(5, 2)


def test_a_script_can_time_out() -> None:
    system = pool_system(1, 1, 1, takes=("1", "9"), timeout="3")
    answers = read_answers({"a0": {"times_out": True}}, system)
    result = run(system, RunOptions(answers=answers))
    assert system.rules[result.trace.steps[-1].rule].kind is RuleKind.TIMEOUT
    assert result.time == 3


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"a9": {}}, "did you mean `a"),
        ({"a0": {"fail": "Bad"}}, "did you mean `fails`"),
        ({"a0": {"fails": "Bat"}}, "did you mean `Bad`"),
        ({"a0": {"fails": "Bad", "times_out": True}}, "exclude each other"),
        ({"a0": {"takes": "soon"}}, "not a duration"),
        ({"a0": {"attempt": 0}}, "counts from 1"),
        ({"a0": {"result": 3}}, "does not answer `result`"),
        ({"a0": [3]}, "expected an object"),
        ([], "expected an object"),
        ({"a0": {"times_out": True}}, "no timeout"),
    ],
)
def test_a_wrong_script_is_refused_with_the_mend(document: object, message: str) -> None:
    system = pool_system(1, 1, 1, fails=True)
    with pytest.raises(ValueError, match=message):
        read_answers(document, system)


def test_a_script_cannot_ask_for_a_duration_that_the_spec_excludes() -> None:
    answers = read_answers({"a0": {"takes": "9s"}}, HARD)
    with pytest.raises(AnswerRefused, match="outside"):
        run(HARD, RunOptions(answers=answers))


# --- inputs and arguments --------------------------------------------------------------------


def with_result(relation: object, sort: Sort = Sort.INT) -> TransitionSystem:
    """One activity; its completion has two inputs, the first of which is kept."""
    system = pool_system(1, 1, 1)
    kept = Variable(3, "kept", Sort.INT, Int(), VarKind.DATA, const(0))
    inputs = (Input("result", Sort.INT, Int()), Input("rest", Sort.INT, Int()))
    rules = tuple(
        replace(r, inputs=inputs, relation=relation, own=(*r.own, (3, inp(0, Sort.INT))))
        if r.kind is RuleKind.COMPLETE
        else r
        for r in system.rules
    )
    return replace(system, variables=(*system.variables, kept), rules=rules)


a, b = inp(0, Sort.INT), inp(1, Sort.INT)


@pytest.mark.parametrize(
    "relation",
    [
        and_(le(const(3), a), lt(a, const(5))),
        eq(a, const(123456)),
        and_(lt(const(1000), a), not_(le(a, b))),
        eq(add(a, b), const(777)),
        and_(eq(mul(a, a), const(169)), lt(a, const(0))),  # only the solver finds -13
        ne(a, var(0, Sort.INT)),
        or_(eq(a, const(99)), and_(lt(const(500), a), lt(a, const(502)))),
    ],
)
def test_inputs_satisfy_their_relation(relation: object) -> None:
    system = with_result(relation)
    for seed in range(5):
        result = run(system, RunOptions(seed=seed))
        assert result.status is Status.ENDED
        assert replay(system, result.trace).ok


def test_an_attempt_that_cannot_end_is_a_deadlock() -> None:
    result = run(with_result(and_(lt(a, b), lt(b, a))))
    assert result.status is Status.DEADLOCK
    assert result.blocked[0].where == "running a0"


def test_an_outcome_without_an_answer_gives_way_to_another() -> None:
    system = pool_system(1, 1, 1, fails=True)
    rules = tuple(
        replace(r, inputs=(Input("result", Sort.INT, Int()),), relation=lt(a, a))
        if r.kind is RuleKind.COMPLETE
        else r
        for r in system.rules
    )
    for seed in range(5):
        result = run(replace(system, rules=rules), RunOptions(seed=seed))
        assert result.failed == (("w[0]", "Bad"),)
        assert 1 <= result.time <= 3


def test_a_step_without_an_answer_waits_until_there_is_one() -> None:
    """The first start of instance 0 may be answered only while instance 1 runs."""
    system = pool_system(2, 1, 2)
    there = eq(var(3, Sort.INT), const(running(0)))
    choice = (Input("go", Sort.INT, Int()),)
    rules = tuple(
        replace(r, inputs=choice, relation=and_(there, eq(a, const(1))))
        if r.kind is RuleKind.START and r.instance == 0
        else r
        for r in system.rules
    )
    waiting = replace(system, rules=rules)
    for seed in range(8):
        for scheduler in ("any", "fifo"):
            result = run(waiting, RunOptions(seed=seed, scheduler=scheduler))
            assert result.status is Status.ENDED
            assert replay(waiting, result.trace).ok
            assert [s.inputs for s in result.trace.steps].count((1,)) == 1


def test_a_script_gives_results_within_the_contract() -> None:
    system = with_result(lt(a, const(5)))
    result = run(system, RunOptions(answers=read_answers({"a0": {"result": -44}}, system)))
    assert result.final[3] == -44
    with pytest.raises(AnswerRefused, match="result"):
        run(system, RunOptions(answers=read_answers({"a0": {"result": 5}}, system)))


def with_arguments() -> TransitionSystem:
    system = pool_system(2, 1, 1)
    more = [
        Variable(5 + i, f"w[{i}].seats", Sort.INT, Int(), VarKind.ARG, None, i) for i in range(2)
    ]
    seats = [var(5, Sort.INT), var(6, Sort.INT)]
    limits = [and_(le(const(1), s), le(s, const(9))) for s in seats]
    return replace(system, variables=(*system.variables, *more), initial=and_(*limits))


def test_arguments_satisfy_what_is_required() -> None:
    system = with_arguments()
    drawn = {run(system, RunOptions(seed=s)).trace.initial[5:] for s in range(12)}
    assert len(drawn) > 3
    assert all(1 <= seats <= 9 for pair in drawn for seats in pair)


def test_arguments_can_be_set_by_name_or_by_suffix() -> None:
    system = with_arguments()

    def initial(*settings: str) -> tuple[object, ...]:
        return run(system, RunOptions(set_values=settings)).trace.initial[5:]

    assert initial("seats=3") == (3, 3)
    assert initial("w[1].seats=7", "seats=2") == (2, 7)
    assert initial("seats=2", "w[1].seats=7") == (2, 7)
    for wrong, message in (
        ("seat=3", "did you mean `seats`"),
        ("seats", "name=value"),
        ("seats=x", "not a value"),
        ("seats=12", "no arguments satisfy"),
        ("error=1", "only arguments and parameters"),
    ):
        with pytest.raises(ValueError, match=message):
            initial(wrong)


# --- figures ---------------------------------------------------------------------------------


def test_the_summary_counts() -> None:
    system = pool_system(2, 1, 1, takes=("2", "2"))
    result = run(system)
    summary = summarise(system, result.trace, result.time)
    (activity,) = summary.activities
    assert (activity.name, activity.started, activity.completed) == ("w.a0", 2, 2)
    assert (activity.mean, activity.longest, activity.cancelled) == (2, 2, 0)
    (pool,) = summary.resources
    assert (pool.peak, pool.mean, pool.capacity) == (1, 1, 1)
    assert summary.time == 4


def test_the_summary_of_a_hard_run_adds_up() -> None:
    result = run(HARD, RunOptions(seed=5))
    summary = summarise(HARD, result.trace, result.time)
    for activity in summary.activities:
        ended = activity.completed + activity.failed + activity.timed_out + activity.cancelled
        assert ended == activity.started
    assert 0 < summary.resources[0].mean <= summary.resources[0].peak <= 2
    assert ready(0) == 1


def test_ties_of_timers_come_in_either_order() -> None:
    text = """
    workflow w {
      var late: bool = false
      activity a { takes 5s }
      run { within 5s { a } else { late := true } }
    }
    """
    system = lower(load_text(text, "t.wf"))
    (late,) = [v.index for v in system.variables if v.name == "w.late"]
    seen = {run(system, RunOptions(seed=seed)).final[late] for seed in range(40)}
    assert seen == {True, False}


def test_answers_at_the_ends_of_what_is_allowed() -> None:
    """A pace of one draws the largest of all answers, one of nought the smallest."""
    text = """
    workflow w {
      var sum: int = 0
      var x: int = 0
      activity weigh -> int { ensures result >= 3 and result <= 4000 }
      run { x <- weigh() ; sum := sum + x ; x <- weigh() ; sum := sum + x }
    }
    """
    system = lower(load_text(text, "w.wf"))
    (at,) = (v.index for v in system.variables if v.name.endswith("sum"))
    ends = {pace: run(system, RunOptions(seed=1, pace=pace)).final[at] for pace in (0.0, 1.0)}
    assert ends == {0.0: 6, 1.0: 8000}
