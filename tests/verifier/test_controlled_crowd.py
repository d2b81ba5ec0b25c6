"""What comes at last of any number of instances while a controller sets the capacity of their pool:
what is proved is true of 1, 2, .. of them where any capacity within the bounds is set every second.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import naive
import pytest
from comparisons import lasting_wrong, verified
from wfverify.dsl import load_text
from wfverify.dsl.types import Int
from wfverify.semantics.expr import Sort, const, eq, var
from wfverify.semantics.lower import lower
from wfverify.semantics.system import (
    Delay,
    Point,
    PointKind,
    Rule,
    RuleKind,
    Thread,
    TransitionSystem,
    Variable,
    VarKind,
)
from wfverify.verifier.verdict import Proved

# A longer campaign: WFVERIFY_SEEDS=0..200 pytest tests/verifier/test_controlled_crowd.py
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..8").split("..")))


def _text(seed: int) -> str:
    rng = random.Random(seed)
    least = rng.choice((1, 2, 2))
    one, two = rng.choice((1, 1, 2)), rng.choice((1, 1, 2))
    loop = rng.choice(("work", "while (true) { work }", "while (true) { work }"))
    other = rng.choice(("v", "v", "v[*]"))
    inner = rng.choice(("act", "using (p AMOUNT) { nap }", "using (k exclusive) { act }"))
    return f"""
resource p : pool({least})
resource k : lock
metric m = used(p)
controller c on m target 1.0 pid(1, 0, 0) acts p within {least}..{least + 1} every 1s
workflow w {{
  activity work {{ uses p {min(one, least)}  takes 1s..2s }}
  run {{ {loop} }}
}}
workflow v {{
  var got: bool = false
  activity nap {{ takes 1s..2s }}
  activity act {{ uses p {min(two, least)}  takes 1s..2s }}
  run {{ {inner.replace("AMOUNT", str(min(two, least)))} ; got := true }}
  property comes : eventually got
}}
system {{ w[*]  {other}  scheduler {rng.choice(("fair", "fair", "any"))} }}
"""


def _set_anew(system: TransitionSystem) -> TransitionSystem:
    """The system in which every second any capacity is set that is allowed, by nobody's thread.
    (It never comes to an end, so `terminates` cannot be asked of it.)"""
    (control,) = system.controls
    v = system.variables[control.capacity]
    assert v.lo is not None and v.hi is not None
    location = Variable(
        len(system.variables), "setting", Sort.INT, Int(), VarKind.LOCATION, const(0)
    )
    capacity = replace(v, kind=VarKind.SHARED, init=const(v.lo))
    variables = tuple(capacity if x is v else x for x in system.variables)
    number = len(system.threads)
    span = system.threads[0].span
    thread = Thread(
        number, "setting", 0, location.index, None, (Point(0, PointKind.END, "setting", span),)
    )
    second = const(Fraction(1))
    rules = tuple(
        Rule(
            index=len(system.rules) + k,
            name=f"set {n}",
            kind=RuleKind.TIMER,
            thread=number,
            instance=0,
            guard=eq(var(location.index, Sort.INT), const(0)),
            own=((v.index, const(n)),),
            span=span,
            delay=Delay(second, second),
        )
        for k, n in enumerate(range(v.lo, v.hi + 1))
    )
    return replace(
        system,
        variables=(*variables, location),
        threads=(*system.threads, thread),
        rules=(*system.rules, *rules),
        controls=(),
    )


def test_what_comes_at_last_comes_whatever_is_set() -> None:
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        text = _text(seed)
        said = [
            (r.name or r.check, r)
            for r in verified(text, 6)
            if r.check in ("deadlock_free", "starvation_free", "property")
        ]
        for n in (1, 2, 3):
            system = _set_anew(lower(load_text(text, "w.wf"), (n, n)))
            try:
                graph = naive.explore(system, 1500)
            except naive.TooBig:
                break
            wrong = set(lasting_wrong(graph))
            for name, r in said:
                assert not (isinstance(r.verdict, Proved) and name in wrong), (
                    f"seed {seed}, {n} instances: {name} {r.verdict}\n{text}"
                )
                if n == 1:
                    counts[f"{name} {type(r.verdict).__name__} {name in wrong}"] += 1
    print(counts)
    assert counts["comes Proved False"]


@pytest.mark.parametrize(
    ("amount", "least", "kind", "comes"),
    [(1, 1, "fair", True), (2, 2, "fair", False), (1, 1, "any", False)],
)
def test_who_asks_for_least_is_served_whatever_is_set(
    amount: int, least: int, kind: str, comes: bool
) -> None:
    text = f"""
resource p : pool({least})
metric m = used(p)
controller c on m target 1.0 pid(1, 0, 0) acts p within {least}..6 every 10s
workflow w {{ activity one {{ uses p 1  takes 1s..2s }}  run {{ while (true) {{ one }} }} }}
workflow v {{
  var got: bool = false
  activity act {{ uses p {amount}  takes 1s..2s }}
  run {{ act ; got := true }}
  property comes : eventually got
}}
system {{ w[*]  v  scheduler {kind} }}
"""
    (found,) = (r for r in verified(text, 10) if r.name == "comes")
    assert isinstance(found.verdict, Proved) == comes
