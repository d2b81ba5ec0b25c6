"""What only records: runs do not depend on it, and nothing else is left out."""

from __future__ import annotations

import pytest
from naive import TooBig, explore
from random_systems import random_system
from wfverify.dsl import load_text
from wfverify.semantics.idle import alike, idle, without
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem

HEAD = "error E permanent  resource r : pool(2)\n"


def system_of(text: str) -> TransitionSystem:
    return lower(load_text(HEAD + text, "s.wf"))


def member(body: str, more: str = "") -> str:
    return (
        "workflow w { var n: int 0..3 = 0  var m: int 0..3 = 0  var go: bool = true\n"
        "activity a { takes 1s } activity ask -> bool { takes 1s }\n"
        "activity above -> int 0..3 { ensures result >= n }\n"
        f"run {{ {body} }} {more} }}"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (member("while (go) { go <- ask() ; n := (n + 1) % 4 }"), {"n", "m"}),
        (member("while (go) { go <- ask() ; n := m ; m := n }"), {"n", "m"}),
        (member("while (n < 3) { n := n + 1 ; m := n }"), {"m", "go"}),
        (member("while (m < 3) { n := n + 1 ; m := n }"), {"go"}),
        (member("wait 1s * n"), {"m", "go"}),
        (member("using (r n) { a }"), {"m", "go"}),
        (member("a ; assume n < 3"), {"m", "go"}),
        (member("wait until (m == 0)"), {"n", "go"}),
        (member("m <- above()"), {"m", "go"}),
        (member("n := (n + 1) % 4", "property p : eventually n == 3"), {"m", "go"}),
        (member("a", "invariant i : n < 3"), {"n", "m", "go"}),
    ],
)
def test_what_is_left_out(text: str, found: set[str]) -> None:
    system = system_of(text)
    names = {system.variables[v].name.rpartition(".")[2] for v in idle(system)}
    assert names & {"n", "m", "go"} == found


@pytest.mark.parametrize(
    "body",
    [
        "while (go) { go <- ask() ; n := (n + 1) % 4 }",
        "while (n < 3) { n := n + 1 ; m := n || a }",
        "try { { a ; n := 1 } || { ask ; m := 2 ; fail E } } catch * { n := m }",
        "using (r m) { ask ; n := 2 } || m := 1",
        "while (go) { go <- ask() ; n := (n + 1) % 4 ; m <- above() }",
        "saga { a ; n := 1 ; go <- ask() ; if (go) { m := n } }",
    ],
)
def test_the_same_runs_without_it(body: str) -> None:
    assert left_out_of(system_of(member(body)))


def test_the_same_runs_of_random_systems() -> None:
    found = 0
    for seed in range(150):
        try:
            found += bool(left_out_of(random_system(seed, wide=False), 500))
        except TooBig:
            continue
    assert found > 20


def left_out_of(system: TransitionSystem, limit: int = 20_000) -> frozenset[int]:
    """Naively: leaving it out is a bisimulation, state by state and step by step."""
    left_out = idle(system)
    if not left_out:
        return left_out
    whole = explore(system, limit)
    less = explore(without(system, left_out), limit)
    kept = {tuple(x for v, x in enumerate(s) if v not in left_out): s for s in less.states}
    for state, moves in whole.successors.items():
        small = kept[tuple(x for v, x in enumerate(state) if v not in left_out)]
        assert alike(state, small, left_out)
        there = {(r, i, tuple(map(repr, s))) for r, i, s in less.successors[small]}
        here = set()
        for r, i, s in moves:
            other = kept[tuple(x for v, x in enumerate(s) if v not in left_out)]
            here.add((r, i, tuple(map(repr, other))))
        assert here == there
    if all(system.variables[v].init is not None for v in left_out):
        assert len(kept) == len(less.states) <= len(whole.states)
    return left_out


def test_an_answer_that_is_only_recorded_is_one_of_those_that_are_possible() -> None:
    text = """
    workflow w {{
      var x: int = 0
      var y: int = 0
      activity weigh -> int {{ ensures result >= 3 and result <= 4000 {more} }}
      activity go {{ takes 1s }}
      run {{ x <- weigh() ; y := x ; {then} }}
    }}
    """

    def answers(more: str, then: str) -> tuple[int | None, int | None]:
        system = lower(load_text(text.format(more=more, then=then), "w.wf"))
        bare = without(system, idle(system))
        (given,) = (i for r in bare.rules for i in r.inputs)
        return given.lo, given.hi

    lo, hi = answers("", "go")
    assert lo == hi and lo is not None and 3 <= lo <= 4000
    assert answers("", "if (y > 7) { go }") == (None, None)  # somebody looks at it
    assert answers("and result < 2", "go") == (None, None)  # none is possible
