"""Heartbeats and what is pending, by the letter: when may, and when must, an attempt fail?"""

from __future__ import annotations

from fractions import Fraction

import pytest
from ticking import TICK, Ticking
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter.run import RunOptions, run
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem

HEAD = "workflow w fails Timeout {\n activity a { "


def _system(clauses: str, more: str = "", system: str = "") -> TransitionSystem:
    return lower(load_text(f"{more}\n{HEAD}{clauses} }}\n run {{ a }}\n}}\n{system}\n", "s.wf"))


def _ends(clauses: str) -> tuple[set[int], set[int]]:
    """(seconds after which it may complete, and after which it may have failed)."""
    system = _system(clauses)
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


@pytest.mark.parametrize(
    ("clauses", "done", "failed"),
    [
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
    ],
)
def test_when_an_attempt_ends(clauses: str, done: set[int], failed: set[int]) -> None:
    assert _ends(clauses) == (done, failed)


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


def test_forms_that_are_not_built() -> None:
    for clauses, more in (
        ("takes 1s fails Timeout heartbeat 1s", ""),
        ("takes 1s heartbeat 1s * x", "shared x: int = 1"),
    ):
        with pytest.raises(Rejected) as error:
            _system(clauses, more)
        assert [d.code for d in error.value.diagnostics] == ["E0900"]
    text = (
        "resource r : lock\n"
        + HEAD
        + "uses r exclusive timeout schedule 1s }\n run { a + skip }\n}"
    )
    with pytest.raises(Rejected) as error:
        lower(load_text(text, "s.wf"))
    assert "at the beginning of a side of `+`" in str(error.value)
