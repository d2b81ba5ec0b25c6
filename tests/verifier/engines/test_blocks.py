"""Blocks and measures of whole rounds: what is said to end does, facts hold where they are said
to, and each way of a run from cut to cut is one of the blocks."""

from __future__ import annotations

import random
import time

import loopgen
import naive
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wfverify.dsl import load_text
from wfverify.semantics.expr import Sort, const, le, not_, var
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem, VarKind
from wfverify.verifier.engines.block_ranking import block_ranking
from wfverify.verifier.engines.blocks import Blocks, TooMany
from wfverify.verifier.engines.rounds import Rounds
from wfverify.verifier.engines.structure import Structure

RANDOM = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

ENDS = {
    "falls only later": "x := n ; while (x > 0) { x := x + y ; y := y - 1 }",
    "two back, one forth": (
        "x := n ; while (x > 0) { if (f) { x := x - 2 } else { x := x + 1 } ; f := not f }"
    ),
    "up, then down": (
        "while (not f or x > 0) "
        "{ if (f) { x := x - 1 } else { x := x + 1 ; if (x >= n) { f := true } } }"
    ),
    "in several steps": "while (x < n) { y := x ; y := y + 1 ; x := y }",
    "an inner loop that may not run": (
        "while (x < n) { while (y > 0) { y := y - 1 } ; x := x + 1 ; y <- any() }"
    ),
    "a branch that is waited for": "while (x < n) { ({ y := 1 } || { y := 2 }) ; x := x + 1 }",
    "after an answer": "while (x < n) { y <- positive() ; x := x + y }",
}
GOES_ON = {
    "grows": "x := 1 ; while (x > 0) { x := x + 1 }",
    "one back, one forth": (
        "x := n ; while (x > 0) { if (f) { x := x - 1 } else { x := x + 1 } ; f := not f }"
    ),
    "fades": "while (q > 0.0) { q := q / 2.0 }",
    "falls later, and then less": (
        "x := n ; while (x > 0) { x := x + y ; if (y > 0) { y := y - 1 } }"
    ),
    "after any answer": "while (x < n) { y <- any() ; x := x + y }",
    "raised beside it": "x := n ; { while (x > 0) { x := x - 1 } } || { while (true) { x := n } }",
    "raised by a branch inside": "x := n ; while (x > 0) { { x := x - 1 } || { x := x + 1 } }",
    "reset by the inner loop": (
        "while (x < n) { x := x + 1 ; y := 1 ; while (y > 0) { x := x - 1 ; y := y - 1 } }"
    ),
}


def _system(body: str) -> TransitionSystem:
    text = (
        "workflow w(n: int) { var x: int = 0  var y: int = 0  var q: real = 1.0\n"
        "var f: bool = false  activity any() -> int { takes 1s }\n"
        f"activity positive() -> int {{ takes 1s  ensures result > 0 }}\nrun {{ {body} }} }}"
    )
    return lower(load_text(text, "t.wf"))


def _said(system: TransitionSystem, seconds: float) -> list[str]:
    structure = Structure(system)
    return [block_ranking(structure, loop, seconds) for loop in system.loops]


@pytest.mark.parametrize("name", ENDS)
def test_it_ends(name: str) -> None:
    assert all(_said(_system(ENDS[name]), 10.0))


@pytest.mark.parametrize("name", GOES_ON)
def test_it_may_go_on(name: str) -> None:
    assert not all(_said(_system(GOES_ON[name]), 10.0))


def _arguments(system: TransitionSystem, rng: random.Random) -> dict[int, int]:
    args = [v.index for v in system.variables if v.kind is VarKind.ARG]
    return {v: rng.randint(-6, 6) for v in args}


@RANDOM
@given(st.integers(0, 10**9))
def test_what_is_said_to_end_does(seed: int) -> None:
    text = loopgen.spec(seed)
    system = lower(load_text(text, "t.wf"))
    if not all(_said(system, 2.0)):
        return
    rng = random.Random(seed)
    most = 3000
    for _ in range(6):
        steps = sum(1 for _ in loopgen.run(system, rng, _arguments(system, rng), most))
        assert steps < most, text


@RANDOM
@given(st.integers(0, 10**9))
def test_runs_are_sequences_of_blocks_and_facts_hold(seed: int) -> None:
    text = loopgen.spec(seed)
    system = lower(load_text(text, "t.wf"))
    structure = Structure(system)
    loop = system.loops[-1]
    try:
        blocks = Blocks(structure, loop.thread, Rounds(structure, loop).heads)
    except TooMany:
        return
    stable = {v.index for v in system.variables} - blocks.unstable - {blocks.location}
    numbers = [v for v in system.variables if v.index in stable and v.sort is Sort.INT]
    numbers = [v for v in numbers if v.kind is not VarKind.LOCATION]
    guesses = [le(const(k), var(v.index, v.sort)) for v in numbers for k in (-1, 0, 1)]
    guesses += [not_(g) for g in guesses]
    facts = blocks.facts(guesses, time.process_time() + 5.0)
    assert facts is not None
    rng = random.Random(seed)
    mine = {r.index for r in blocks.moving}
    for _ in range(3):
        begin = _arguments(system, rng)
        before: naive.State | None = None
        taken: list[int] = []
        for rule, state in loopgen.run(system, rng, begin, 80):
            if rule.index not in mine:
                continue
            taken.append(rule.index)
            at = state[blocks.location]
            if at not in blocks.cuts:
                continue
            assert all(naive.value(f, state) for f in facts[int(at)]), text
            ways = [b for b in blocks.blocks if list(b.rules) == taken and b.end == at]
            if before is not None:
                ways = [b for b in ways if b.begin == before[blocks.location]]
                # (Answers, and what others may change, have no values here.)
                exact = [b for b in ways if not b.inputs]
                ways = [
                    b
                    for b in ways
                    if b.inputs
                    or (
                        all(naive.value(c, before) for c in b.conditions)
                        and all(naive.value(e, before) == state[v] for v, e in b.values.items())
                    )
                ]
                assert len(exact) <= 8
            assert ways, (text, taken)
            before, taken = state, []
