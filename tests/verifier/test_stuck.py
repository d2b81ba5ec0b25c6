"""Who is said to be blocked for ever never moves again, whatever the others do."""

from __future__ import annotations

from random import Random

import message_specs
import pytest
from lowered import Lowered, run
from wfverify.verifier.checks.stuck import blocked_for_ever
from wfverify.verifier.checks.waiters import waiting_in
from wfverify.verifier.engines.structure import Structure

STEPS = (
    "wait until (x == 1 or y == 1)",
    "wait until (x == 1 and y == 1)",
    "wait until (x == y + 1)",
    "wait until (x == 2)",
    "x := 1",
    "y := 1",
    "a",
    "using (k exclusive) { a ; wait until (y == 1) }",
    "using (k shared) { a ; x := 1 }",
    "using (p 1) { using (k shared) { y := 1 } }",
)


def spec(seed: int) -> str:
    r = Random(seed)
    branches = [" ; ".join(r.choices(STEPS, k=r.randint(1, 3))) for _ in range(r.choice([2, 3]))]
    term = " || ".join(f"{{ {b} }}" for b in branches)
    if r.random() < 0.3:
        term = f"par any {{ {term} }}"
    return f"""
resource p : pool(1)
resource k : lock
workflow w {{
  var x: int = 0
  var y: int = 0
  activity a {{ uses p 1 }}
  run {{ {term} }}
}}
system {{ w }}
"""


def backwards(graph: Lowered, found: set[object]) -> set[object]:
    """States from which one of these can be reached."""
    before: dict[object, list[object]] = {}
    for state, steps in graph.steps.items():
        for _, after in steps:
            before.setdefault(after, []).append(state)
    todo = list(found)
    while todo:
        for source in before.get(todo.pop(), ()):
            if source not in found:
                found.add(source)
                todo.append(source)
    return found


def moving(graph: Lowered) -> dict[int, set[object]]:
    """By thread: the states from which it may take a step, now or later."""
    now: dict[int, set[object]] = {}
    for state, steps in graph.steps.items():
        for rule, _ in steps:
            now.setdefault(rule.thread, set()).add(state)
    return {t: backwards(graph, found) for t, found in now.items()}


@pytest.mark.parametrize("first", range(0, 120, 30))
def test_who_is_blocked_for_ever_never_moves(first: int) -> None:
    blocked = 0
    for seed in range(first, first + 30):
        graph = run(spec(seed), 3_000)
        may = moving(graph)
        structure = Structure(graph.system)
        everybody = [t.id for t in graph.system.threads]
        for state in graph.steps:
            found = blocked_for_ever(structure, state, everybody)
            blocked += bool(found)
            for t in found:
                name = graph.system.threads[t].name
                assert state not in may.get(t, ()), f"{name} moves after all\n{spec(seed)}"
    assert blocked > 10


def from_which_all_may_end(graph: Lowered) -> set[object]:
    ends = [
        (graph.system.threads[i.root].location, (i.completed, i.failed))
        for i in graph.system.instances
    ]
    return backwards(graph, {s for s in graph.steps if all(s[v] in at for v, at in ends)})


@pytest.mark.parametrize("first", range(0, 120, 40))
def test_if_somebody_is_blocked_for_ever_some_instance_never_ends(first: int) -> None:
    """Also where branches are over, or not begun, that would wait for a message."""
    blocked = 0
    for seed in range(first, first + 40):
        text = message_specs.from_seed(seed, "protocol wait request unordered").text()
        try:
            graph = run(text, 1_500)
        except AssertionError:
            continue  # too many states
        done = from_which_all_may_end(graph)
        structure = Structure(graph.system)
        for state in graph.steps:
            found = blocked_for_ever(structure, state, waiting_in(graph.system, state))
            blocked += bool(found)
            names = [graph.system.threads[t].name for t in found]
            assert not found or state not in done, f"{names} are not stuck\n{text}"
    assert blocked > 10
