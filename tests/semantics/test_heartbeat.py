"""Heartbeats and what is pending, by the letter: when may, and when must, an attempt fail?"""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from ticking import TICK, Ticking
from wfverify.dsl import load_text
from wfverify.interpreter.run import RunOptions, run
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem

HEAD = "workflow w fails Timeout {\n activity a { "


def _system(clauses: str, more: str = "", system: str = "") -> TransitionSystem:
    return lower(load_text(f"{more}\n{HEAD}{clauses} }}\n run {{ a }}\n}}\n{system}\n", "s.wf"))


def _ends(clauses: str, more: str = "") -> tuple[set[int], set[int]]:
    """(seconds after which it may complete, and after which it may have failed)."""
    system = _system(clauses, more)
    (i,) = system.instances
    root = system.threads[i.root].location
    done: set[int] = set()
    failed: set[int] = set()
    world = Ticking(system, cap=30)
    todo, seen = [(next(iter(world.moves)), 0)], set()
    while todo:
        at = todo.pop()
        if at in seen or at[1] > 20:
            continue
        seen.add(at)
        config, time = at
        (done if config[0][root] == i.completed else set()).add(time)
        (failed if config[0][root] == i.failed else set()).add(time)
        todo += [(to, time + (rule == TICK)) for rule, to in world.moves[config]]
    return done, failed


# (clauses, seconds after which it may complete, and after which it may fail)
ENDS: list[tuple[str, set[int], set[int]]] = [
    # In time: none is ever missed.
    ("takes 2s..4s heartbeat 3s beats every 1s..3s", {2, 3, 4}, set()),
    # The first beat comes too late, always.
    ("takes 2s..4s heartbeat 3s beats every 4s..5s", {2, 3}, {3}),
    ("takes 2s..4s heartbeat 1s beats every 4s..5s", set(), {1}),
    # Perhaps.
    ("takes 2s..4s heartbeat 3s beats every 1s..9s", {2, 3, 4}, {3, 4}),
    ("takes 2s..4s heartbeat 3s", {2, 3, 4}, {3, 4}),
    ("takes 2s..4s heartbeat 5s", {2, 3, 4}, set()),
    # Beside a time-out of its own, whatever is sooner.
    ("takes 2s..9s timeout 5s heartbeat 3s beats every 4s..5s", {2, 3}, {3}),
    ("takes 2s..9s timeout 3s heartbeat 4s beats every 5s..6s", {2, 3}, {3}),
    ("takes 2s..9s timeout 5s heartbeat 4s beats every 1s..9s", {2, 3, 4, 5}, {4, 5}),
]


@pytest.mark.parametrize(("clauses", "done", "failed"), ENDS)
def test_when_an_attempt_ends(clauses: str, done: set[int], failed: set[int]) -> None:
    assert _ends(clauses) == (done, failed)


@pytest.mark.parametrize(("clauses", "done", "failed"), ENDS)
def test_times_that_depend_on_data(clauses: str, done: set[int], failed: set[int]) -> None:
    of_data = re.sub(r"(\d)s", r"\1s * x", clauses)
    assert _ends(of_data, "shared x: int = 1") == (done, failed)


@pytest.mark.parametrize(("clauses", "done", "failed"), ENDS)
def test_it_may_also_fail_with_timeout_by_itself(
    clauses: str, done: set[int], failed: set[int]
) -> None:
    # By itself it fails whenever it may complete.
    assert _ends(f"{clauses} fails Timeout") == (done, failed | done)


def test_what_is_pending_fails_in_time() -> None:
    system = _system(
        "uses r 1  takes 2s..6s  timeout schedule 4s", "resource r : pool(1)", "system { w[2] }"
    )
    ends = set()
    for seed in range(40):
        found = run(system, RunOptions(seed=seed))
        names = {error for _, error in found.failed}
        ends.add((len(found.completed), len(found.failed)))
        assert names <= {"Timeout"}
        for step in found.trace.steps:
            if "not started in time" in system.rules[step.rule].name:
                assert step.time == Fraction(4)
    assert ends == {(2, 0), (1, 1)}


def test_what_waits_for_nothing_is_never_late() -> None:
    system = _system("takes 2s timeout schedule 0s")
    assert not any("not started" in r.name for r in system.rules)


def test_what_is_pending_on_a_side_of_a_choice_fails_in_time() -> None:
    text = (
        "resource r : pool(1)\nresource s : pool(1)\nworkflow w fails Timeout {\n"
        " activity a { uses r 1 takes 5s timeout schedule 2s }\n"
        " activity b { uses s 1 takes 5s timeout schedule 4s }\n run { a + b }\n}\n"
        "system { w[3] }"
    )
    system = lower(load_text(text, "s.wf"))
    for seed in range(20):
        found = run(system, RunOptions(seed=seed))
        assert [error for _, error in found.failed] == ["Timeout"]
        (late,) = (s for s in found.trace.steps if "not started" in system.rules[s.rule].name)
        # The side with the shorter time is over first, and the choice with it.
        assert late.time == Fraction(2) and ".a " in system.rules[late.rule].name
