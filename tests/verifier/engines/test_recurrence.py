"""Runs that never end and never come to the same state again."""

from __future__ import annotations

import random
from dataclasses import replace

import loopgen
import naive
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.semantics.expr import TRUE, const, le, lt, var
from wfverify.semantics.idle import idle, without
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.semantics.trace import Trace
from wfverify.verifier.engines.recurrence import recurrences
from wfverify.verifier.engines.search import explore
from wfverify.verifier.engines.turns import inescapable, recurs

ENDLESS = {
    "grows": "while (x >= 0) { x := x + 1 }",
    "stepped over": "x := 1 ; while (x != 10) { x := x + 2 }",
    "fades": "while (q > 0.0) { q := q / 2.0 }",
    "by a step that is chosen": "x := 5 ; while (x > 0) { x := x + n }",
    "both run away": "while (x <= y) { x := x + 2 ; y := y + 2 }",
    "only from above": "x := n ; while (x > 0) { if (x > 100) { x := x + 1 } else { x := x - 1 } }",
    "two kinds of rounds": (
        "while (x >= 0) { if (f) { x := x - 1 } else { x := x + 2 } ; f := not f ; y := y + 1 }"
    ),
    "with an inner loop": ("while (x >= 0) { x := x + 1 ; y := 0 ; while (y < 2) { y := y + 1 } }"),
    "by an answer": "while (x >= 0) { f <- ask() ; if (f) { x := x + 1 } else { x := 0 - 1 } }",
    "both branches": "{ while (x >= 0) { x := x + 1 } } || { while (y >= 0) { y := y + 1 } }",
}
ENDS = {
    "falls": "x := n ; while (x > 0) { x := x - 1 }",
    "up and down": "x := n ; while (x > 0) { x := x + 1 ; x := x - 2 }",
    "for a while": "while (x < 1000) { x := x + 1 }",
    "stopped beside it": "{ while (not f) { x := x + 1 } } || { f := true }",
}


def _system(body: str) -> TransitionSystem:
    text = (
        "workflow w(n: int) { var x: int = 0  var y: int = 0  var q: real = 1.0\n"
        f"var f: bool = false  activity ask() -> bool {{ takes 1s }}\nrun {{ {body} }} }}"
    )
    return lower(load_text(text, "t.wf"))


def _found(system: TransitionSystem, seconds: float = 5.0) -> list[Trace]:
    plain = without(system, idle(system))
    graph = explore(plain, [], max_states=400, seconds=2.0, want_graph=True).graph
    assert graph is not None
    out = []
    for loop in system.loops:
        found = next(recurrences(system, loop, graph, seconds), None)
        out += [found] if found is not None else []
    return out


def _goes_on(system: TransitionSystem, trace: Trace, rounds: int) -> bool:
    """By the definitions alone: can the round be taken again and again?"""
    assert trace.loop_at is not None
    state = tuple(trace.initial)
    around = trace.steps[trace.loop_at :]
    for number, step in enumerate([*trace.steps, *(rounds * around)]):
        at_head = number >= trace.loop_at and (number - trace.loop_at) % len(around) == 0
        if at_head and trace.recurs is not None and not naive.value(trace.recurs, state):
            return False
        rule = system.rules[step.rule]
        if not naive.value(rule.guard, state):
            return False
        after = list(state)
        for v, e in rule.updates:
            after[v] = naive.value(e, state, step.inputs)
        if not naive.value(rule.relation, state, step.inputs, after):
            return False
        state = tuple(after)
    return True


@pytest.mark.parametrize("name", ENDLESS)
def test_it_never_ends(name: str) -> None:
    system = _system(ENDLESS[name])
    traces = _found(system)
    assert traces
    for trace in traces:
        assert _goes_on(system, trace, 50)
        assert replay(system, trace).ok


@pytest.mark.parametrize("name", ENDS)
def test_none_is_found(name: str) -> None:
    assert _found(_system(ENDS[name]), 2.0) == []


def test_a_way_out_is_seen() -> None:
    for body, only in (
        (ENDLESS["grows"], True),
        (ENDLESS["with an inner loop"], True),
        (ENDLESS["by an answer"], False),
        ("{ while (x >= 0) { x := x + 1 } } || { f := true }", True),
    ):
        system = _system(body)
        trace = _found(system)[0]
        assert inescapable(system, trace) is only, body


def test_a_set_that_is_not_closed_is_refused() -> None:
    system = _system(ENDLESS["grows"])
    (trace,) = _found(system)
    assert recurs(system, trace)
    x = next(v for v in system.variables if v.name == "w.x")
    here = var(x.index, x.sort)
    # Too large: the loop may be over.  Not kept.  Never reached.
    for wrong in (TRUE, le(here, const(10)), lt(here, const(0)), le(const(10**6), here)):
        assert not recurs(system, replace(trace, recurs=wrong))
    assert not recurs(system, replace(trace, recurs=None))
    assert recurs(system, replace(trace, recurs=le(const(1), here)))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9))
def test_what_is_found_goes_on(seed: int) -> None:
    text = loopgen.spec(seed)
    system = lower(load_text(text, "t.wf"))
    for trace in _found(system, 1.0):
        assert _goes_on(system, trace, 60), text
        assert replay(system, trace).ok, text
        if not inescapable(system, trace):
            continue
        rng = random.Random(seed)
        state = tuple(trace.initial)
        for step in trace.steps:
            new = {
                v: naive.value(e, state, step.inputs) for v, e in system.rules[step.rule].updates
            }
            state = tuple(new.get(v, x) for v, x in enumerate(state))
        for _ in range(120):
            able = list(naive.steps(system, state))
            assert able, text
            state = rng.choice(able)[2]
