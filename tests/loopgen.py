"""Random workflows with loops, over whole numbers, a real and flags, and plain runs of them."""

from __future__ import annotations

import random
from collections.abc import Iterator

import naive
from wfverify.semantics.system import Rule, TransitionSystem
from wfverify.semantics.values import initial_state

NUMBERS = "xyz"
FLAGS = "fg"


def spec(seed: int) -> str:
    """A workflow with one loop or more, sometimes beside a branch that changes its data."""
    rng = random.Random(seed)
    loop = _loop(rng, 2)
    beside = ""
    if rng.random() < 0.2:
        beside = f" || {{ {_set(rng)} ; {_loop(rng, 0)} }}"
    return (
        "workflow w(a: int, b: int, c: int) {\n"
        "  var x: int = 0  var y: int = 0  var z: int = 0  var q: real = 9.0\n"
        "  var f: bool = false  var g: bool = false\n"
        "  activity ask() -> bool { takes 1s }\n"
        f"  run {{ x := a ; y := b ; z := c ; {{ {loop} }}{beside} }}\n}}"
    )


def _loop(rng: random.Random, depth: int) -> str:
    return f"while ({_test(rng)}) {{ {_body(rng, depth)} }}"


def _number(rng: random.Random) -> str:
    return str(rng.choice([0, 1, 1, 2, 3]))


def _expression(rng: random.Random) -> str:
    a = rng.choice(NUMBERS)
    match rng.randrange(8):
        case 0 | 1:
            return f"{a} + {_number(rng)}"
        case 2 | 3:
            return f"{a} - {_number(rng)}"
        case 4:
            return f"{a} {rng.choice('+-')} {rng.choice(NUMBERS)}"
        case 5:
            return f"min({a}, {rng.choice(NUMBERS)})"
        case 6:
            return _number(rng)
        case _:
            return f"{a} / 2"


def _set(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.7:
        x = rng.choice(NUMBERS)
        # Mostly its own value, changed a little.
        e = f"{x} {rng.choice('+-')} {_number(rng)}" if rng.random() < 0.5 else _expression(rng)
        return f"{x} := {e}"
    if kind < 0.8:
        return rng.choice(["q := q / 2.0", "q := q - 0.5", "q := q + 1.0"])
    if kind < 0.9:
        return f"{rng.choice(FLAGS)} := {rng.choice(['true', 'false', 'not f', 'not g'])}"
    return f"{rng.choice(FLAGS)} <- ask()"


def _test(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.15:
        return rng.choice(["f", "not g", "f or g"])
    if kind < 0.25:
        return rng.choice(["q > 1.0", "q > 0.0", "q < 20.0"])
    right = rng.choice([*NUMBERS, _number(rng), _number(rng)])
    one = f"{rng.choice(NUMBERS)} {rng.choice(['<', '<=', '>', '>', '!=', '=='])} {right}"
    return f"{one} and {_test(rng)}" if rng.random() < 0.2 else one


def _body(rng: random.Random, depth: int) -> str:
    kind = rng.random()
    if depth and kind < 0.35:
        yes, no = _body(rng, depth - 1), _body(rng, depth - 1)
        return f"if ({_test(rng)}) {{ {yes} }} else {{ {no} }}"
    if depth and kind < 0.75:
        return f"{_body(rng, depth - 1)} ; {_body(rng, depth - 1)}"
    if depth and kind < 0.83:
        return _loop(rng, depth - 1)
    return _set(rng)


def run(
    system: TransitionSystem, rng: random.Random, begin: dict[int, int], most: int
) -> Iterator[tuple[Rule, naive.State]]:
    """A random run with these arguments, as the definitions say; ends where nothing can happen."""
    state = tuple(initial_state(system, begin))
    for _ in range(most):
        able = list(naive.steps(system, state))
        if not able:
            return
        rule, _, state = rng.choice(able)
        yield rule, state
