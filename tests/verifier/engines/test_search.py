"""The search against the oracle, on random systems and on small ones made by hand."""

from __future__ import annotations

from random import Random

import naive
import pytest
from random_systems import random_system
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.verifier.engines.search import Holds, Open, Violated, explore
from wfverify.verifier.engines.search_live import (
    Free,
    NeverEnds,
    Stuck,
    Undecided,
    can_finish,
    deadlocks,
    lasso,
    reachable_rules,
)
from wfverify.verifier.engines.slice import slice_for

SEEDS = range(120)


def oracle(system):
    try:
        return naive.explore(system, 2500)
    except naive.TooBig:
        pytest.skip("too big for the oracle")


def agree(system, graph, goal, found, shortest: bool) -> None:
    want = graph.broken(goal)
    if isinstance(found, Violated):
        assert want is not None
        assert naive.replays(system, found.trace, goal)
        if shortest:
            assert len(found.trace.steps) == want
    elif isinstance(found, Holds):
        assert want is None
    else:
        assert isinstance(found, Open)


@pytest.mark.parametrize("seed", SEEDS)
def test_goals(seed: int) -> None:
    system = random_system(seed, wide=seed % 2 == 0, excluded=seed % 5 == 0)
    graph = oracle(system)
    goals = system.obligations
    for reduce in (False, True):
        result = explore(system, goals, seconds=1.5, reduce=reduce)
        for goal, found in zip(goals, result.findings, strict=True):
            agree(system, graph, goal, found, not reduce)


@pytest.mark.parametrize("seed", SEEDS)
def test_slices(seed: int) -> None:
    system = random_system(seed, wide=seed % 2 == 0, excluded=seed % 5 == 0)
    graph = oracle(system)
    data = [v.index for v in system.variables if v.name in ("flag", "colour", "x", "y")]
    for k, goal in enumerate(system.obligations):
        cut = [v for v in data if (seed + v + k) % 3 == 0]
        for severed in ([], cut):
            cone = slice_for(system, [goal], severed)
            found = explore(system, [goal], seconds=1, cone=cone).findings[0]
            agree(system, graph, goal, found, True)


@pytest.mark.parametrize("seed", SEEDS)
def test_graphs(seed: int) -> None:
    system = random_system(seed, wide=seed % 2 == 0, excluded=seed % 5 == 0)
    graph = oracle(system)
    result = explore(system, [], seconds=1.5, want_graph=True)
    assert result.graph is not None
    live(system, graph, result.graph)
    if result.complete:
        traces = reachable_rules(result.graph)
        if result.graph.concrete:
            assert set(traces) == graph.fires()
        for rule, trace in traces.items():
            assert naive.replays(system, trace)
            assert trace.steps[-1].rule == rule
    loop = lasso(result.graph)
    if loop is not None:
        assert naive.replays(system, loop)
        assert fair(system, loop)


@pytest.mark.parametrize("seed", SEEDS)
def test_graphs_cut_short(seed: int) -> None:
    """What was not explored is not held against a system, nor for it."""
    system = random_system(seed, wide=seed % 2 == 0, excluded=seed % 5 == 0)
    graph = oracle(system)
    for states in (1, len(graph.states) // 3):
        result = explore(system, [], max_states=states, seconds=1.5, want_graph=True)
        assert result.graph is not None
        live(system, graph, result.graph)


def ways_with_tests(seed: int) -> str:
    """Ways to the same places, with and without tests of data that is not enumerated."""
    r = Random(seed)

    def part(size: int) -> str:
        if size <= 1:
            return r.choice([f"x := {r.randrange(2)}"] * 2 + ["x <- c()"])
        m = r.randint(1, size - 1)
        left, right = part(m), part(size - m)
        match r.randrange(5):
            case 0 | 1:
                return f"{{ {left} }} + {{ {right} }}"
            case 2:
                return f"{left} ; {right}"
        test = f"n {r.choice(['>', '<', '=='])} {r.randint(1, 19)}"
        return f"if ({test}) {{ {left} }}" + (f" else {{ {right} }}" if r.random() < 0.6 else "")

    said = [f"invariant i{k} : x == {r.randrange(2)} => n != {r.randint(0, 20)}" for k in range(3)]
    return f"""
workflow w(n: int 0..20) {{
  var x: int = 2
  activity c -> int 0..2 {{ ensures n + result != {r.randint(2, 20)} }}
  run {{ {part(2 + seed % 5)} }}
  {" ".join(said)}
}}
system {{ w }}
"""


@pytest.mark.parametrize("first", range(0, 150, 30))
def test_what_was_seen_covers_what_comes_later(first: int) -> None:
    for seed in range(first, first + 30):
        system = lower(load_text(ways_with_tests(seed), "s.wf"))
        graph = naive.explore(system)
        goals = [o for o in system.obligations if o.name.startswith("i")]
        for goal, found in zip(goals, explore(system, goals).findings, strict=True):
            agree(system, graph, goal, found, False)


ANSWERED = ["x <- a()", "{ x <- a() || y <- b() }", "if (n > 9) { x <- a() } ; y <- b()"]


@pytest.mark.parametrize("body", ANSWERED)
@pytest.mark.parametrize("relation", ["> n", "< n", ">= n", "!= n", "== n + 1", ">= 3"])
def test_answers_that_some_states_do_not_have(body: str, relation: str) -> None:
    """Data of so many values that a node stands for many states; not all of them can go on."""
    system = lower(
        load_text(
            f"""
workflow w(n: int 0..20) {{
  var x: int = 0
  var y: int = 0
  activity a -> int 0..20 {{ ensures result {relation} }}
  activity b -> int 0..20 {{ ensures result <= n }}
  run {{ {body} }}
}}
system {{ w }}
""",
            "s.wf",
        )
    )
    graph = naive.explore(system)
    explored = explore(system, [], seconds=5, want_graph=True).graph
    assert explored is not None and not explored.concrete
    live(system, graph, explored)
    if relation in (">= n", "!= n", ">= 3"):  # then there is one
        assert isinstance(can_finish(explored), Free | Undecided)


def live(system, graph, explored) -> None:
    """Deadlocks, and ends that can be reached."""
    reach = {s: graph.reach(s) for s in graph.states}
    # States with a way into the excluded ones are nobody's deadlock: such runs do not count.
    sure = {s for s in graph.states if not reach[s] & graph.leaves}
    dead = {s for s in sure if graph.dead_threads(s)}
    stuck = deadlocks(explored)
    if isinstance(stuck, Stuck):
        end = state_after(system, stuck.trace)
        assert naive.replays(system, stuck.trace)
        assert end in sure
        assert set(stuck.dead) <= graph.dead_threads(end)
    elif isinstance(stuck, Free):
        assert not dead
    never = can_finish(explored)
    endless = {s for s in sure if not graph.can_finish(s)}
    if isinstance(never, NeverEnds):
        assert state_after(system, never.trace) in endless
    elif isinstance(never, Free):
        assert all(graph.can_finish(s) for s in graph.states)


def state_after(system, trace):
    state = tuple(trace.initial)
    for step in trace.steps:
        after = list(state)
        for v, term in system.rules[step.rule].updates:
            after[v] = naive.value(term, state, step.inputs)
        state = tuple(after)
    return state


def fair(system, loop) -> bool:
    """Each thread moves in the cycle or is disabled somewhere on it."""
    on_cycle = [
        state_after(system, type(loop)(loop.initial, loop.steps[:k]))
        for k in range(loop.loop_at, len(loop.steps))
    ]
    moving = {system.rules[s.rule].thread for s in loop.steps[loop.loop_at :]}
    always = set.intersection(
        *({rule.thread for rule, _, _ in naive.steps(system, s)} for s in on_cycle)
    )
    return bool(on_cycle) and always <= moving
