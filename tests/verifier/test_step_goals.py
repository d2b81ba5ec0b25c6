"""Claims about every step, decided on the rules that matter to them: against all states.

A longer campaign: WFVERIFY_STEPS=0..2000 pytest tests/verifier/test_step_goals.py.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import naive
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted

SEEDS = range(*map(int, os.environ.get("WFVERIFY_STEPS", "0..60").split("..")))
TERMS = (
    "a", "b", "x := 1 - x", "if (x > 0) { s := 1 }", "if (y) { a } else { b }", "y := true",
    "s := x", "if (s == 1) { y := true }", "fail E",
)  # fmt: skip
CLAIMS = (
    "done(a) => y", "x == 1 => y", "x <= s", "not y", "done(b) => x == 0", "y => x == 0",
    "x == 1 or s == 0 or y", "next(x) >= x", "done(a) => next(y) == y", "y => next(y)",
    "next(x) == x or not y", "x == 0 => next(x) == 0", "s == 0 => next(s) == 0 or x == 1", "x >= 0",
)  # fmt: skip


def spec(seed: int) -> str:
    rng = random.Random(seed)
    body = " ; ".join(rng.choice(TERMS) for _ in range(rng.randrange(2, 5)))
    if rng.random() < 0.3:
        body = f"{{ {body} }} || {{ {rng.choice(TERMS)} }}"
    claims = "\n".join(f"  always c{k} : {rng.choice(CLAIMS)}" for k in range(3))
    return f"""
error E permanent
resource p : pool(1)
shared s: int 0..1 = 0
workflow w fails E {{
  var x: int 0..1 = 0
  var y: bool = false
  activity a {{ uses p 1  takes 0s..  do {{ y := {rng.choice(["true", "not y"])} }} }}
  activity b {{ takes 0s..  do {{ x := {rng.choice(["1", "1 - x"])} }}  fails E }}
  run {{ {body} }}
{claims}
}}
system {{ w[{rng.choice([1, 2, 2])}] }}
"""


def test_claims_about_steps_against_all_states() -> None:
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        text = spec(seed)
        loaded = load_text(text, "w.wf")
        system = lower(loaded)
        try:
            graph = naive.explore(system, 4000)
        except naive.TooBig:
            continue
        for engines in ((), ("search",)):
            options = Options(("always",), 20.0, 1, engines=engines)
            for result in verify(loaded, system, options, replay=replay, schedule=schedule):
                mine = [
                    g for g in system.obligations if (g.check, g.name) == ("always", result.name)
                ]
                broken = any(graph.broken(g) is not None for g in mine)
                said = type(result.verdict)
                counts[f"{said.__name__} {broken}"] += 1
                assert (said is Refuted) <= broken, f"seed {seed} {result.name}\n{text}"
                assert (said is Proved) <= (not broken), f"seed {seed} {result.name}\n{text}"
    assert counts["Proved False"] > len(SEEDS) // 2, counts
    assert counts["Refuted True"] > len(SEEDS) // 2, counts
    assert counts["Unknown True"] + counts["Unknown False"] < counts.total() // 10, counts


def test_who_others_are_does_not_matter() -> None:
    """A claim about each step of one of several instances, without looking at the others."""
    text = """
resource p : pool(2)
workflow w(n: int 1..50) {
  var ok: bool = false
  activity look -> bool { uses p 1  takes 1s }
  activity pay { takes 1s }
  run { ok <- look() ; if (ok and n > 20) { ok <- look() } ; if (ok) { pay } }
  always paid : done(pay) => ok
}
system { w[5] }
"""
    loaded = load_text(text, "w.wf")
    (found,) = verify(
        loaded, lower(loaded), Options(("always",), 20.0, 1), replay=replay, schedule=schedule
    )
    assert isinstance(found.verdict, Proved)
    assert int(found.verdict.figure.split()[0]) < 200
