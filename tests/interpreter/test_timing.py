"""Replays and times for traces: runs are accepted, altered ones are not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from golden import CASES
from hypothesis import given, settings
from hypothesis import strategies as st
from pools import pool_system, real
from wfverify.dsl import load_text
from wfverify.dsl.errors import NOWHERE
from wfverify.dsl.types import Int
from wfverify.interpreter import RunOptions, Scheduling, replay, schedule
from wfverify.interpreter.run import run
from wfverify.interpreter.timing import solve
from wfverify.semantics.expr import TRUE, ZERO, Sort, const, eq, var
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Delay, Rule, RuleKind, TransitionSystem, Variable, VarKind
from wfverify.semantics.trace import Step, Trace

HARD = pool_system(4, 2, 2, fails=True, timeout="2")

# --- replay ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_an_altered_run_is_rejected(seed: int) -> None:
    trace = run(HARD, RunOptions(seed=seed)).trace
    for number in range(len(trace.steps)):
        dropped = replace(trace, steps=trace.steps[:number] + trace.steps[number + 1 :])
        # Without a start its end cannot be; without an end nothing of that instance can.
        rule = HARD.rules[trace.steps[number].rule]
        if rule.kind is RuleKind.START:
            found = replay(HARD, dropped)
            assert not found.ok and found.failed is not None and found.failed >= number
            assert "not enabled" in found.why
        twice = replace(trace, steps=(*trace.steps[: number + 1], *trace.steps[number:]))
        assert replay(HARD, twice).failed == number + 1


def test_what_is_wrong_is_said() -> None:
    trace = run(HARD).trace
    first = trace.steps[0]
    for wrong, at, why in (
        (replace(trace, initial=(1, *trace.initial[1:])), -1, "`agents` does not begin as 1"),
        (replace(trace, initial=()), -1, "0 values"),
        (replace(trace, steps=(replace(first, rule=999),)), 0, "no rule 999"),
        (replace(trace, steps=(replace(first, inputs=(1,)),)), 0, "cannot answer"),
        (replace(trace, steps=(first,), loop_at=0), 1, "does not close"),
        (replace(trace, steps=(first,), loop_at=5), 1, "outside"),
    ):
        found = replay(HARD, wrong)
        assert (found.ok, found.failed) == (False, at)
        assert why in found.why


# --- times -----------------------------------------------------------------------------------

LOCATIONS = ("a", "b", "data")


def timed(*rules: tuple[str, int, int, tuple[str, str | None] | None, int | None]) -> object:
    """Two threads and a datum; a rule: of which, from, to, its delay, its group."""
    variables = tuple(
        Variable(i, n, Sort.INT, Int(), VarKind.DATA if n == "data" else VarKind.LOCATION, ZERO, 0)
        for i, n in enumerate(LOCATIONS)
    )
    made = []
    for i, (name, start, to, delay, group) in enumerate(rules):
        place = LOCATIONS.index(name[0])
        made.append(
            Rule(
                i,
                f"{name} {start}->{to}",
                RuleKind.TIMEOUT if name.endswith("!") else RuleKind.STEP,
                0,
                0,
                eq(var(place, Sort.INT), const(start)),
                ((place, const(to)),),
                NOWHERE,
                delay=None
                if delay is None
                else Delay(real(delay[0]), None if delay[1] is None else real(delay[1])),
                group=group,
            )
        )
    return TransitionSystem("t", variables, TRUE, tuple(made), (), (), (), (), ())


def times(system: object, *rules: int) -> list[Fraction] | None:
    assert isinstance(system, TransitionSystem)
    trace = Trace((0, 0, 0), tuple(Step(r) for r in rules))
    assert replay(system, trace).ok
    found = schedule(system, trace)
    return None if found is None else [s.time for s in found.steps]


def test_a_delay_is_kept() -> None:
    system = timed(("a", 0, 1, ("1", "2"), None), ("a", 1, 2, ("1/3", None), None))
    assert times(system, 0, 1) == [1, Fraction(4, 3)]


def test_the_slower_cannot_come_first() -> None:
    system = timed(("a", 0, 1, ("1", "2"), None), ("b", 0, 1, ("3", "4"), None))
    assert times(system, 0, 1) == [1, 3]
    assert times(system, 1, 0) is None


def test_one_may_wait_for_the_other_within_its_bounds() -> None:
    system = timed(("a", 0, 1, ("1", "5"), None), ("b", 0, 1, ("3", "4"), None))
    assert times(system, 1, 0) == [3, 3]


def test_a_rule_that_never_fires_must_not_overstay() -> None:
    system = timed(("a", 0, 1, ("1", "2"), None), ("b", 0, 1, ("3", "4"), None))
    assert times(system, 1) is None  # at 3, the other had to fire by 2
    open_ended = timed(("a", 0, 1, ("1", None), None), ("b", 0, 1, ("3", "4"), None))
    assert times(open_ended, 1) == [3]


def test_time_does_not_pass_while_a_rule_without_a_delay_is_enabled() -> None:
    system = timed(("a", 0, 1, None, None), ("b", 0, 1, ("3", "4"), None))
    assert times(system, 1, 0) is None
    assert times(system, 0, 1) == [0, 3]


def test_a_clock_starts_anew_when_the_rule_fires() -> None:
    system = timed(("a", 0, 0, ("2", "2"), None))
    assert times(system, 0, 0, 0) == [2, 4, 6]


def test_a_clock_starts_anew_when_the_rule_was_disabled() -> None:
    # The thread leaves the point of rule 0 and comes back: its two seconds begin again.
    system = timed(
        ("a", 0, 9, ("2", "3"), None), ("a", 0, 5, ("1", "1"), None), ("a", 5, 0, None, None)
    )
    assert times(system, 1, 2, 1, 2) == [1, 1, 2, 2]
    assert times(system, 1, 2, 0) is None  # rule 1 must fire a second after the return


def test_of_an_attempt_only_the_last_end_counts() -> None:
    # Failing takes 1s at most, completing 5s: the attempt may last 5s.
    system = timed(
        ("a", 0, 1, ("1", "5"), 0), ("a", 0, 2, ("0", "1"), 0), ("b", 0, 1, ("4", "4"), None)
    )
    assert times(system, 2, 0) == [4, 4]
    assert times(system, 2, 1) is None
    without = timed(
        ("a", 0, 1, ("1", "5"), None), ("a", 0, 2, ("0", "1"), None), ("b", 0, 1, ("4", "4"), None)
    )
    assert times(without, 2, 0) is None


def test_a_timeout_ends_an_attempt_that_could_last_longer() -> None:
    system = timed(
        ("a", 0, 1, ("1", "9"), 0), ("a!", 0, 2, ("3", "3"), 0), ("b", 0, 1, ("4", "4"), None)
    )
    assert times(system, 1, 2) == [3, 4]
    assert times(system, 2, 0) is None
    assert times(system, 0, 2) == [1, 4]


def test_a_loop_must_have_times_again_and_again() -> None:
    # The other thread's rule must fire within 5s: one round of 2s fits, three do not.
    system = timed(("a", 0, 1, ("1", "1"), None), ("a", 1, 0, ("1", "1"), None),
                   ("b", 0, 1, ("3", "5"), None))  # fmt: skip
    assert isinstance(system, TransitionSystem)
    steps = (Step(0), Step(1))
    assert schedule(system, Trace((0, 0, 0), steps)) is not None
    assert schedule(system, Trace((0, 0, 0), steps, loop_at=0)) is None
    alone = replace(system, rules=system.rules[:2])
    found = schedule(alone, Trace((0, 0, 0), steps, loop_at=0))
    assert found is not None
    assert ([s.time for s in found.steps], found.loop_at) == ([1, 2], 0)


def test_an_empty_trace_needs_no_times() -> None:
    system = timed(("a", 0, 1, ("1", "2"), None))
    assert times(system) == []


def test_the_steps_must_be_possible() -> None:
    system = timed(("a", 0, 1, ("1", "2"), None))
    assert isinstance(system, TransitionSystem)
    with pytest.raises(ValueError, match="not enabled"):
        schedule(system, Trace((0, 0, 0), (Step(0), Step(0))))


@pytest.mark.parametrize("seed", range(5))
def test_every_run_has_times(seed: int) -> None:
    trace = run(HARD, RunOptions(seed=seed)).trace
    scheduling = Scheduling(HARD)
    for length in range(len(trace.steps) + 1):
        assert scheduling.schedule(replace(trace, steps=trace.steps[:length])) is not None


@pytest.mark.parametrize("seed", range(5))
def test_a_step_at_a_wrong_time_is_named(seed: int) -> None:
    trace = run(HARD, RunOptions(seed=seed)).trace
    scheduling = Scheduling(HARD)
    assert scheduling.misplaced(trace) is None
    for number, step in enumerate(trace.steps):
        for wrong in (step.time + 5, step.time - 5):
            steps = list(trace.steps)
            steps[number] = replace(step, time=wrong)
            assert scheduling.misplaced(replace(trace, steps=tuple(steps))) is not None


bounds = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 9))
    .map(lambda b: (min(b[0], b[1]), max(b[0], b[1]), b[2]))
    .filter(lambda b: b[0] < b[1]),
    max_size=8,
)


@settings(max_examples=300, deadline=None)
@given(bounds, bounds)
def test_the_solver_agrees_with_bellman_and_ford(
    lower: list[tuple[int, int, int]], upper: list[tuple[int, int, int]]
) -> None:
    edges = [(i, j, d) for i, j, d in lower] + [(j, i, -d) for i, j, d in upper]
    edges += [(i, i + 1, 0) for i in range(6)]
    longest: list[int] | None = [0] * 7
    assert longest is not None
    for _ in range(9):
        for i, j, d in edges:
            longest[j] = max(longest[j], longest[i] + d)
    stable = all(longest[j] >= longest[i] + d for i, j, d in edges)
    expected = longest if stable and longest[0] == 0 else None
    assert solve(6, lower, upper) == expected


def test_times_that_are_waited_for_may_depend_on_times_that_are_read() -> None:
    """A failure after 3 s leaves 2 s of a lease; of the untimed run nobody knows when it came."""
    text = (CASES / "lease_block_left_by_error.wf").read_text()
    system = lower(load_text(text, "s.wf"))
    lost = next(r.index for r in system.rules if r.name.endswith("has lost job"))
    traces = (run(system, RunOptions(seed=seed)).trace for seed in range(20))
    trace = next(t for t in traces if lost in {s.rule for s in t.steps})
    steps = tuple(
        Step(
            s.rule,
            tuple(
                Fraction(0) if i.clock else x
                for i, x in zip(system.rules[s.rule].inputs, s.inputs, strict=True)
            ),
        )
        for s in trace.steps
    )
    found = schedule(system, replace(trace, steps=steps))
    assert found is not None
    assert next(s.time for s in found.steps if s.rule == lost) == 5
