"""Ranking functions: what ends is found to end; nothing that may go on for ever is said to end."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.verifier.engines.ranking import ranking
from wfverify.verifier.engines.structure import Structure

ENDS = {
    "one of two falls": (
        "var x: int = 0  var y: int = 0",
        "x := n ; y := n ; "
        "while (x > 0 and y > 0) { if (x > y) { x := x - 1 } else { y := y - 1 } }",
    ),
    "up and down again": ("var x: int = 0", "x := n ; while (x > 0) { x := x + 1 ; x := x - 2 }"),
    "lexicographic": (
        "var i: int = 0  var j: int = 0",
        "i := n ; while (i > 0) { if (j > 0) { j := j - 1 } else { i := i - 1 ; j := n } }",
    ),
    "towards 0 from both sides": (
        "var x: int = 0",
        "x := n ; while (x != 0) { if (x > 0) { x := x - 1 } else { x := x + 1 } }",
    ),
    "in a branch": (
        "var x: int = 0  activity dec { takes 1s  do { x := x - 1 } }  activity o { takes 1s }",
        "x := n ; while (x > 0) { dec || o }",
    ),
    "reals": ("var x: real = 10.0", "while (x > 0.5) { x := x - 0.25 }"),
    "halves": (
        "var lo: int = 0  var hi: int = 0",
        "hi := n ; while (lo < hi) { lo := (lo + hi) / 2 + 1 }",
    ),
    "inner loop": (
        "var i: int = 0  var j: int = 0",
        "while (i < n) { j := 0 ; while (j < n) { j := j + 1 } ; i := i + 1 }",
    ),
}
GOES_ON = {
    "stays": ("var x: int = 0", "while (x < n) { x := x + 1 ; x := x - 1 }"),
    "grows": ("var x: int = 1", "while (x > 0) { x := x + 1 }"),
    "no step": ("var x: int = 0  var y: int = 0", "while (x < n) { y := y + 1 }"),
    "one side stays": (
        "var x: int = 0  var b: bool = false  activity a -> bool { takes 1s }",
        "while (x < n) { b <- a() ; if (b) { x := x + 1 } else { skip } }",
    ),
    "halves of reals": ("var x: real = 1.0", "while (x > 0.0) { x := x / 2.0 }"),
    "raised beside it": (
        "var x: int = 0  var y: int = 0",
        "x := n ; { while (x > 0) { x := x - 1 } } || { while (y >= 0) { x := x + 1 } }",
    ),
    "after a protected part": (
        "var x: int = 0  activity a { takes 1s  fails E }  activity b { takes 1s }",
        "while (x < n) { try { using (r 1) { a || nocancel { b } } ; x := x + 1 } "
        "catch E { skip } }",
    ),
}


def ranked(variables: str, body: str) -> list[bool]:
    head = "error E permanent\nresource r : pool(1)\n" if "E" in body else ""
    text = f"{head}workflow w(n: int) {{ {variables}  run {{ {body} }} }}"
    system = lower(load_text(text, "t.wf"))
    structure = Structure(system)
    return [ranking(structure, loop, (), 5.0) is not None for loop in system.loops]


@pytest.mark.parametrize("name", ENDS)
def test_it_ends(name: str) -> None:
    assert all(ranked(*ENDS[name]))


@pytest.mark.parametrize("name", GOES_ON)
def test_it_may_go_on(name: str) -> None:
    assert not any(ranked(*GOES_ON[name]))


# --- random loops, run for a while ---------------------------------------------------------------

NAMES = "xyz"


def _number(rng: random.Random) -> str:
    return str(rng.choice([0, 1, 1, 2, 3]))


def _expression(rng: random.Random) -> str:
    a = rng.choice(NAMES)
    match rng.randrange(6):
        case 0:
            return f"{a} + {_number(rng)}"
        case 1 | 2:
            return f"{a} - {_number(rng)}"
        case 3:
            return f"{a} - {rng.choice(NAMES)}"
        case 4:
            return _number(rng)
        case _:
            return f"{a} / 2"


def _test(rng: random.Random) -> str:
    right = rng.choice([*NAMES, _number(rng), _number(rng)])
    return f"{rng.choice(NAMES)} {rng.choice(['<', '<=', '>', '!=', '=='])} {right}"


Body = tuple[object, ...]  # ("set", x, e) | ("then", p, q) | ("if", test, p, q)


def _body(rng: random.Random, depth: int) -> Body:
    kind = rng.random()
    if depth and kind < 0.3:
        return ("if", _test(rng), _body(rng, depth - 1), _body(rng, depth - 1))
    if depth and kind < 0.6:
        return ("then", _body(rng, depth - 1), _body(rng, depth - 1))
    return ("set", rng.choice(NAMES), _expression(rng))


def _spec(body: object) -> str:
    match body:
        case ("if", test, p, q):
            return f"if ({test}) {{ {_spec(p)} }} else {{ {_spec(q)} }}"
        case ("then", p, q):
            return f"{_spec(p)} ; {_spec(q)}"
        case ("set", x, e):
            return f"{x} := {e}"
    raise AssertionError(body)


def _python(body: object, pad: str) -> list[str]:
    match body:
        case ("if", test, p, q):
            no = [f"{pad}else:", *_python(q, pad + " ")]
            return [f"{pad}if {test}:", *_python(p, pad + " "), *no]
        case ("then", p, q):
            return [*_python(p, pad), *_python(q, pad)]
        case ("set", x, e):
            return [f"{pad}{x} = {str(e).replace('/', '//')}"]
    raise AssertionError(body)


def _comes_back(test: str, body: Body, start: tuple[int, int, int]) -> bool:
    """Plain Python: does the loop come back to a state at its head?"""
    lines = ["def step(x, y, z):", *_python(body, " "), " return x, y, z"]
    lines += ["def goes(x, y, z):", f" return {test}"]
    scope: dict[str, object] = {}
    exec("\n".join(lines), scope)
    step, goes = scope["step"], scope["goes"]
    state, seen = start, set()
    while goes(*state) and len(seen) < 400:  # type: ignore[operator]
        if state in seen:
            return True
        seen.add(state)
        state = step(*state)  # type: ignore[operator]
    return False


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 10**9))
def test_what_is_ranked_never_comes_back(seed: int) -> None:
    rng = random.Random(seed)
    test, body = _test(rng), _body(rng, 2)
    variables = "var x: int = 0  var y: int = 0  var z: int = 0"
    start = "x := a ; y := b ; z := c"
    text = f"workflow w(a: int, b: int, c: int) {{ {variables}\n run {{ {start} ; "
    text += f"while ({test}) {{ {_spec(body)} }} }} }}"
    system = lower(load_text(text, "t.wf"))
    if ranking(Structure(system), system.loops[0], (), 1.0) is None:
        return
    for _ in range(200):
        begin = (rng.randint(-9, 9), rng.randint(-9, 9), rng.randint(-9, 9))
        assert not _comes_back(test, body, begin), text


def test_coefficients_are_exact() -> None:
    """A decrease of a hundredth counts, one that fades does not."""
    assert ranked("var x: real = 1.0", "while (x > 0.0) { x := x - 0.01 }") == [True]
    assert Fraction("0.01") * 100 == 1
