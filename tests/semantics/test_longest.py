"""A limit that is left out because the block cannot reach it: no timed run is as long."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lowered import run as explored
from wfverify.dsl import load_text
from wfverify.interpreter.run import RunOptions, run
from wfverify.semantics.lower import lower
from wfverify.semantics.system import RuleKind, TransitionSystem

HEAD = """
error E transient
resource pool1 : pool(1)
resource free : pool(9) advisory
workflow w(n: int 0..3) fails E, Timeout {
  var late: bool = false
  activity a { takes 1s..2s }
  activity b { takes 3s  fails E }
  activity c { takes 1s..4s  fails E  retry 2 on E backoff 1s }
  activity d { takes 1s..  timeout 2s }
  activity e(k: int) { takes 1s * k .. 2s * k  uses free 1 }
  activity h { takes 1s  uses pool1 1 }
  activity open { takes 1s.. }
"""
LEAVES = ["a", "b", "c", "d", "e(2)", "e(n)", "wait 2s", "skip", "late := false"]


def system(body: str, around: str = "") -> TransitionSystem:
    term = f"within {around} {{ {body} }} else {{ late := true }}" if around else body
    return lower(load_text(f"{HEAD}  run {{ {term} }}\n}}\nsystem {{ w(2) }}", "t.wf"))


def strikes(body: str, limit: str) -> bool:
    """Is there a step for the outermost limit?"""
    made, without = system(body, limit), system(body)
    kinds = [sum(r.kind is RuleKind.INTERRUPT for r in s.rules) for s in (made, without)]
    return kinds[0] > kinds[1]


@pytest.mark.parametrize(
    ("body", "never", "perhaps"),
    [
        ("a", "3s", "2s"),
        ("a ; b", "6s", "5s"),
        ("a || b", "4s", "3s"),
        ("c", "15s", "14s"),
        ("d", "3s", "2s"),
        ("e(2)", "5s", "4s"),
        ("each i in 0..2 seq { a }", "7s", "6s"),
        ("each i in 0..2 { a }", "3s", "2s"),
        ("each i in 0..2 at_most 1 at once { a }", "7s", "6s"),
        ("retry(2 on E) { b }", "10s", "9s"),
        ("try { b } catch E { a } finally { wait 1s }", "7s", "6s"),
        ("steps { x { a }  y { b } after x }", "6s", "5s"),
    ],
)
def test_bounds(body: str, never: str, perhaps: str) -> None:
    assert not strikes(body, never)
    assert strikes(body, perhaps)


@pytest.mark.parametrize(
    "body", ["h", "open", "wait until (late)", "while (not late) { a }", "using (pool1 1) { a }"]
)
def test_nothing_bounds_it(body: str) -> None:
    assert strikes(body, "1000d")


def _term(rng: random.Random, depth: int) -> str:
    if not depth or rng.random() < 0.2:
        return rng.choice(LEAVES)
    one, two = _term(rng, depth - 1), _term(rng, depth - 1)
    return rng.choice(
        [
            f"{{ {one} ; {two} }}",
            f"{{ {one} || {two} }}",
            f"if (n > 1) {{ {one} }} else {{ {two} }}",
            f"try {{ {one} }} catch * {{ {two} }}",
            f"try {{ {one} }} finally {{ {two} }}",
            f"retry(1 on E) {{ {one} }}",
            f"nocancel {{ {one} }}",
            f"par wait_all {{ {one} || {two} }}",
            f"within 2s {{ {one} }} else {{ {two} }}",
            f"each i{depth} in 0..1 seq {{ {one} }}",
            f"steps {{ x {{ {one} }}  y {{ {two} }} after x join always }}",
        ]
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_no_run_is_as_long(seed: int) -> None:
    rng = random.Random(seed)
    body = _term(rng, 3)
    alone = system(body)
    for limit in (4, 8, 16, 40):
        if not strikes(body, f"{limit}s"):
            for number in range(12):
                failing = (0.0, 0.5, 1.0)[number % 3]
                made = run(alone, RunOptions(seed=seed + number, failing=failing))
                assert made.time < limit, body


@pytest.mark.parametrize("limit", range(1, 6))
@pytest.mark.parametrize("longest", [*range(1, 5), None])
@pytest.mark.parametrize("computed", [False, True])
def test_a_timeout_comes_where_an_attempt_may_be_as_long(
    longest: int | None, limit: int, computed: bool
) -> None:
    """Also where both come at one instant; `computed`: known only when the attempt starts."""
    hi = "" if longest is None else f"1s * n + {longest - 1}s" if computed else f"{longest}s"
    graph = explored(
        f"""
workflow w fails Timeout {{
  var n: int = 1
  activity a {{ takes 0s..{hi}  timeout {limit}s }}
  run {{ a }}
}}
system {{ w }}
"""
    )
    ends = {row[0] for row in graph.outcomes()}
    late = longest is None or limit <= longest
    assert ends == {"completed", *(["Timeout"] if late else [])}
