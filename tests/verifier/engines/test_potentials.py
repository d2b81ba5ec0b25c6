"""What numbers can have grown by where control is: against random runs, and what it must find."""

from __future__ import annotations

import random

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import replay, simulator
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem, VarKind
from wfverify.semantics.values import evaluate
from wfverify.semantics.words import in_words
from wfverify.verifier.engines.potentials import potentials


def found(system: TransitionSystem) -> dict[str, object]:
    data = [v for v in system.variables if v.kind is not VarKind.LOCATION]
    asked = {v.index for v in data}
    return {in_words(system, e): e for e in potentials(system, system.rules, data, asked)}


ADDED = """
workflow w {
  var n: int = 0
  var sum_: int = 0
  activity ask -> int 2..5 { }
  run { while (n < 7) { x <- ask ; sum_ := sum_ + x ; n := n + 1 } }
}
""".replace("var n: int = 0", "var n: int = 0\n  var x: int 2..5 = 2")


def test_a_sum_is_bounded_by_how_often_it_grows() -> None:
    said = found(lower(load_text(ADDED, "w.wf")))
    assert "w.n <= 7" in said
    assert "(w.sum_ - (5 * w.n)) <= 5" in said
    assert "0 <= (w.sum_ - (2 * w.n))" in said
    assert any("completed" in s and "7 <= w.n" in s for s in said)
    assert any("sum_ :=" in s and "w.n <= 6" in s for s in said)


def test_nothing_is_said_of_what_grows_with_a_round() -> None:
    source = "workflow w { var n: int = 0  run { while (true) { n := n + 1 } } }"
    said = found(lower(load_text(source, "w.wf")))
    assert "0 <= w.n" in said and not any(s.startswith("w.n <=") for s in said)


def a_workflow(rng: random.Random) -> str:
    """Loops and branches that add to three numbers, set them, and compare them."""

    def term(depth: int) -> str:
        kind = rng.randrange(7 if depth else 3)
        v, w = rng.choice("abc"), rng.choice("abc")
        if kind == 0:
            return f"{v} := {v} + {rng.randint(-2, 3)}"
        if kind == 1:
            return f"y <- ask ; {v} := {v} + y" if rng.random() < 0.7 else f"{v} := {w}"
        if kind == 2:
            return rng.choice(["act", f"{v} := {rng.randint(-3, 3)}", f"{v} := {v} - y"])
        test = f"{v} {rng.choice(['<', '<=', '>', '>=', '==', '!='])} {rng.randint(-2, 5)}"
        test = rng.choice([test, f"not ({test})", f"{test} and {w} < 4", f"{test} or {w} > 2"])
        if kind == 3:
            return f"if ({test}) {{ {term(depth - 1)} }} else {{ {term(depth - 1)} }}"
        if kind == 4:
            return f"while ({test}) at_most 4 {{ act ; {term(depth - 1)} }}"
        return f"{term(depth - 1)} ; {term(depth - 1)}"

    body = term(4)
    if rng.random() < 0.3:
        body = f"{{ {body} || {term(2)} }}"
    return (
        "workflow w fails TooMany {\n  var a: int = 0\n  var b: int = 1\n  var c: int = 0\n"
        "  var y: int -1..3 = 0\n  activity ask -> int -1..3 { }\n  activity act { }\n"
        f"  run {{ {body} }}\n}}\n"
    )


@pytest.mark.parametrize("seed", range(60))
def test_they_hold_in_random_runs(seed: int) -> None:
    system = lower(load_text(a_workflow(random.Random(seed)), "w.wf"))
    bounds = found(system)
    simulate = simulator(system)
    for k in range(15):
        trace = simulate(k, 0.0, {})
        assert trace is not None
        for state in replay(system, trace).states:
            for words, bound in bounds.items():
                assert evaluate(bound, state) is True, words
