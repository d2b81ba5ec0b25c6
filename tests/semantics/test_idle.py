"""What only records: runs do not depend on it, and nothing else is left out."""

from __future__ import annotations

import pytest
from naive import explore
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
        "saga { a ; n := 1 ; go <- ask() ; if (go) { m := n } }",
    ],
)
def test_the_same_runs_without_it(body: str) -> None:
    """Naively: leaving it out is a bisimulation, state by state and step by step."""
    system = system_of(member(body))
    left_out = idle(system)
    assert left_out
    whole = explore(system)
    less = explore(without(system, left_out))
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
    assert len(kept) == len(less.states) <= len(whole.states)
