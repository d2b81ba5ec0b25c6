"""Results that no step changes: in all states of small systems, every end is the same.

A longer campaign: WFVERIFY_SETTLED=0..5000 pytest tests/verifier/test_settled.py.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import comparisons
import naive
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.checks.blocking import deadlock_free
from wfverify.verifier.checks.settled import results, settled
from wfverify.verifier.portfolio import Options
from wfverify.verifier.session import Session

SEEDS = range(*map(int, os.environ.get("WFVERIFY_SETTLED", "0..120").split("..")))
STATES = 4000
HEAD = """
error A transient
error Busy transient
resource p : pool(2)
resource l : lock on_busy fail Busy
shared s: int = 0
"""
ACTIVITIES = (
    "activity a { uses p 1  takes 1s..2s }",
    "activity b { uses p 2  takes 1s..3s }",
    "activity c { uses l exclusive  takes 1s }",
    "activity d { takes 1s  fails A }",
    "activity e { takes 1s..4s  timeout 2s }",
    "activity f { takes 1s  do { s := 1 } }",
)


def term(rng: random.Random, depth: int) -> str:
    if depth == 0 or rng.random() < 0.2:
        return rng.choices([*"abcdef", "skip", "fail A"], [6, 3, 3, 3, 2, 1, 2, 1])[0]
    left, right = term(rng, depth - 1), term(rng, depth - 1)
    match rng.randrange(9):
        case 0 | 1:
            return f"{{ {left} ; {right} }}"
        case 2:
            return f"{{ {left} || {right} }}"
        case 3:
            return f"{{ {left} + {right} }}"
        case 4:
            return f"within 2s {{ {left} }} else {{ {right} }}"
        case 5:
            return f"par any {{ {left} || {right} }}"
        case 6:
            return f"while (k < 2) {{ {left} ; k := k + {rng.choice((0, 1, 1, 1))} }}"
        case _:
            return f"try {{ {left} }} catch * {{ {right} }}"


def spec(seed: int) -> str:
    rng = random.Random(seed)
    one, two = (term(rng, 2) for _ in "ab")
    inside = "\n".join(f"  {a}" for a in ACTIVITIES)
    fails = "fails A, Busy, Timeout"
    # (A variable of the workflow is observed; one of the block is not.)
    head = "\n".join(
        f"workflow {w} {fails} {{\n  var k: int 0..2 = 0\n{inside}\n  run {{ {body} }}\n}}"
        for w, body in (("v", one), ("w", two))
    )
    return HEAD + head + "\nsystem { v  w }\n"


def same_end(system: TransitionSystem) -> bool:
    """There is no round, and all ends have the results of the start, where nobody failed."""
    graph = naive.explore(system, STATES)
    if comparisons.cyclic(graph):
        return False
    kept = sorted(results(system))
    ends = [s for s in graph.states if not list(naive.steps(system, s))]
    starts = {tuple(s[v] for v in kept) for s in naive.initial_states(system)}
    over = all(
        s[system.threads[i.root].location] == i.completed for s in ends for i in system.instances
    )
    return over and {tuple(s[v] for v in kept) for s in ends} <= starts


def test_what_is_settled_ends_in_one_way() -> None:
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        text = spec(seed)
        system = lower(load_text(text, "w.wf"))
        session = Session(system, Options(timeout=10), replay, schedule)
        found = settled(session, deadlock_free(session))
        try:
            one = same_end(system)
        except naive.TooBig:
            counts["too big"] += 1
            continue
        counts[f"settled {found is not None}, the same {one}"] += 1
        assert found is None or one, f"seed {seed}\n{text}"
    assert counts["settled True, the same True"] > len(SEEDS) // 40, counts
    assert counts["settled False, the same False"] > len(SEEDS) // 40, counts
