"""Proofs for data of any values where the environment decides more than what an activity answers.

Effects that may have happened or not, requests with their answers, messages that are lost or come
twice.  What is proved of whole numbers of any size must hold of few, by all states.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest
from wfverify.dsl import load_text
from wfverify.semantics.lower import lower
from wfverify.semantics.observing import View
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.equivalence.behaviour import Exploring, Size
from wfverify.verifier.equivalence.coupling import Coupling
from wfverify.verifier.equivalence.findings import Asked, Fails
from wfverify.verifier.equivalence.outcome_terms import Answering
from wfverify.verifier.equivalence.runs import OutOfReach
from wfverify.verifier.equivalence.workflows import compare

PAIRS = int(os.environ.get("WFVERIFY_PAIRS", "6"))
EFFECTS = """\
error F permanent
workflow w(n: {arg}) fails F, Timeout {{
  var x: {int} = 0
  var y: {int} = 0
  activity a {{ {once} takes 1s..5s timeout 3s {a} }}
  activity b(k: {int}) -> {int} {{ fails F  {b} }}
  run {{ {body} }}
}}
"""
REQUESTS = """\
error F permanent
channel ask : {int} -> {int} capacity 1
channel note : {int} capacity 1 {delivery}
workflow w(n: {arg}) {{
  var x: {int} = 0
  var y: {int} = 0
  activity b(k: {int}) {{ }}
  run {{ {body} }}
}}
workflow server {{
  var z: {int} = 0
  run {{ {server} }}
}}
system {{ w  server }}
"""
# Texts that do the same in each line, or nearly.
A = [["do { x := 1 }", "do { x := 0 + 1 }", "do { x := 2 }"], ["", "", ""]]
BODIES = [
    [
        "try { a } catch Timeout { y := x } ; y <- b(x)",
        "try { a } catch Timeout { { y := x } } ; { y <- b(x) }",
        "try { a } catch Timeout { y := 1 } ; y <- b(x)",
        "try { a ; y := x } catch Timeout { skip } ; y <- b(x)",
        "try { a } catch Timeout { x := x ; y := x } ; y <- b(x)",
    ],
    [
        "try { within 2s { a } } catch Timeout { skip } ; if (x > 0) { y <- b(n) }",
        "try { within 2s { a } } catch Timeout { skip } ; if (not (x <= 0)) { y <- b(n) }",
        "try { within 2s { a } } catch Timeout { x := 1 } ; if (x > 0) { y <- b(n) }",
        "try { a } catch Timeout { skip } ; if (x > 0) { y <- b(n) }",
    ],
    [
        "try { a || y <- b(n) } catch * { skip } ; y := x",
        "try { y <- b(n) || a } catch * { skip } ; { y := x + 0 }",
        "try { y <- b(n) ; a } catch * { skip } ; y := x",
        "try { a || y <- b(n) } catch * { skip } ; y := 1",
    ],
    [
        "saga { a ; y <- b(x) }",
        "saga { a ; { y <- b(0 + x) } }",
        "saga { a ; y <- b(1) }",
    ],
]
ASKING = [
    [
        "x <- request(n) to ask ; b(x)",
        "{ x <- request(0 + n) to ask } ; { b(x) }",
        "x <- request(n) to ask ; b(n)",
        "y <- request(n) to ask ; x := y ; b(x)",
    ],
    [
        "x <- request(n) to ask ; y <- request(x) to ask ; b(x + y)",
        "x <- request(n) to ask ; y <- request(n) to ask ; b(x + y)",
        "x <- request(n) to ask ; y <- request(0 + x) to ask ; b(y + x)",
        "y <- request(n) to ask ; x <- request(y) to ask ; b(x + y)",
    ],
    [
        "send n to note ; x <- request(n) to ask ; b(x)",
        "send n to note ; x <- request(n) to ask ; b(x + 0)",
        "x <- request(n) to ask ; send n to note ; b(x)",
    ],
]
SERVERS = [
    [
        "receive q from ask ; send q + 1 to q",
        "receive q from ask ; { z := q + 1 } ; send z to q",
        "receive q from ask ; send 1 + q to q",
        "receive q from ask ; send q to q",
    ],
    [
        "while (true) { receive q from ask ; send q + z to q }",
        "while (true) { receive q from ask ; send z + q to q }",
        "while (true) { receive q from ask ; { z := z + 1 } ; send q + z to q }",
    ],
    [
        "receive z from note ; receive q from ask ; send z to q",
        "receive z from note ; receive q from ask ; send z + 0 to q",
        "receive q from ask ; receive z from note ; send z to q",
    ],
]


def texts(seed: int, wide: bool) -> tuple[str, str]:
    """Two that are alike, or nearly."""
    r = Random(seed)
    types = {"int": "int", "arg": "int"} if wide else {"int": "int -1..6", "arg": "int 0..1"}
    out = []
    if seed % 2:
        bodies, effect = r.choice(BODIES), r.choice(A)
        once = r.choice(["at_least_once", "at_least_once", ""])
        b = r.choice(["", "at_least_once", "do { x := k }"])
        for _ in range(2):
            lines = {"a": r.choice(effect), "body": r.choice(bodies)}
            out.append(EFFECTS.format(once=once, b=b, **lines, **types))
    else:
        which = r.randrange(3)
        delivery = r.choice(["", "delivery at_most_once", "delivery at_least_once"])
        for _ in range(2):
            lines = {"body": r.choice(ASKING[which]), "server": r.choice(SERVERS[which])}
            out.append(REQUESTS.format(delivery=delivery, **lines, **types))
    return out[0], out[1]


def found(systems: list[TransitionSystem], level: str, data: tuple[str, ...]) -> bool:
    sides = [Exploring(s, View(data)) for s in systems]
    free = sides[0].free() | sides[1].free()
    for side in sides:
        side.also = free
    try:
        if level == "outcome":
            left, right = (s.moves(True) for s in sides)
            Answering(left, right, 5).run()
        else:
            strong = level == "bisimulation"
            left, right = (s.moves(not strong) for s in sides)
            Coupling(left, right, strong, 5).run()
    except OutOfReach:
        return False
    return True


def judged(seed: int) -> tuple[Counter[str], list[str]]:
    wide, few = texts(seed, True), texts(seed, False)
    data = ("x", "y") if seed % 2 else ("w.x", "w.y")
    systems = [lower(load_text(t, "w.wf")) for t in wide]
    counted: Counter[str] = Counter()
    wrong = []
    levels = None
    for level in ("bisimulation", "branching", "outcome"):
        holds = found(systems, level, data)
        counted[f"{level} {seed % 2} {holds}"] += 1
        if holds and levels is None:
            small = [lower(load_text(t, "w.wf")) for t in few]
            levels = compare(small[0], small[1], Asked(data, size=Size(20_000, 10))).levels
        if holds and levels is not None and isinstance(levels[level], Fails):
            wrong.append(f"{seed} {level}: {levels[level]}\n{wide[0]}\n{wide[1]}")
    return counted, wrong


@pytest.mark.parametrize("seed", range(PAIRS))
def test_what_is_proved_of_all_numbers_holds_of_few(seed: int) -> None:
    assert not judged(seed)[1]
