"""Outcomes with terms for what is answered: what is shown of all numbers holds of few."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from certified import certified
from equivgen import Pair
from wfverify.dsl import load_text
from wfverify.proofs.answering import same_answered
from wfverify.proofs.check import Answer
from wfverify.proofs.facts import Wrong
from wfverify.proofs.solvers import Solvers
from wfverify.semantics.claimed import Side
from wfverify.semantics.lower import lower
from wfverify.semantics.observing import View
from wfverify.verifier.equivalence.findings import Asked, Fails, Holds
from wfverify.verifier.equivalence.workflows import compare

PAIRS = int(os.environ.get("WFVERIFY_PAIRS", "24"))


def shown(old: str, new: str, names: tuple[str, ...] = ("x", "y"), inclusion: bool = False) -> bool:
    left, right = (Side(lower(load_text(t, "s.wf")), View(names)) for t in (old, new))
    solvers = Solvers(second=False, milliseconds=1000)
    try:
        same_answered(left, right, solvers, inclusion)
    except Wrong:
        return False
    return True


def test_what_is_shown_holds_of_few_numbers() -> None:
    seen = {True: 0, False: 0}
    for seed in range(PAIRS):
        pair = Pair(seed, numbers=True)
        if "while" in pair.old + pair.new:
            continue
        taken = shown(*pair.wide)
        few = [lower(load_text(t, "s.wf")) for t in (pair.old, pair.new)]
        found = compare(few[0], few[1], Asked(), ("outcome",)).levels["outcome"]
        assert not (taken and isinstance(found, Fails)), (seed, found, pair.wide)
        if isinstance(found, Holds):
            seen[taken] += 1
    assert seen[True] > seen[False], seen


HEAD = "error F permanent\n"
FLOW = """\
workflow {name}(n: int) fails F {{
  var x: int = 0
  var y: bool = false
  activity e -> int {{ fails F }}
  activity half(k: int) -> int {{ {ensured} }}
  run {{ {body} }}
}}
"""


@pytest.mark.parametrize(
    ("old", "new", "ensured", "same", "less"),
    [
        ("x <- e() ; { x := x + n }", "x <- e() ; { x := n + x }", "", True, True),
        ("x <- e() ; { x := x + n }", "x <- e() ; { x := x - n }", "", False, False),
        ("half(n) ; x <- e()", "x <- e()", "", True, True),
        ("half(n) ; x <- e()", "x <- e()", "ensures 2 * k != 2468", False, False),
        ("x <- e()", "half(n) ; x <- e()", "ensures 2 * k != 2468", False, False),
        ("x <- half(n) ; { x := 0 }", "skip", "ensures result >= 2 * k", True, True),
        (
            "x <- half(n) ; y := x >= 2 * n ; { x := 0 }",
            "y := true",
            "ensures result >= 2 * k",
            True,
            True,
        ),
        ("x <- e()", "x <- e() + { x <- e() ; { x := 0 } }", "", False, True),
        ("x <- half(n) ; x <- half(n)", "x <- half(n)", "", False, False),
        ("try { x <- e() } catch F { { x := 0 } }", "x <- e()", "", False, False),
    ],
)
def test_outcomes(old: str, new: str, ensured: str, same: bool, less: bool) -> None:
    one, other = (
        HEAD
        + FLOW.format(name="w", body=t, ensured=ensured)
        .replace("y :=", "{ y :=")
        .replace("2 * n ;", "2 * n } ;")
        .replace("y := true", "y := true }")
        for t in (old, new)
    )
    assert shown(one, other) is same
    assert shown(one, other, inclusion=True) is less


def test_a_claim_about_all_numbers_is_certified(tmp_path: Path) -> None:
    both = [
        FLOW.format(name=name, body=body, ensured="")
        for name, body in (
            ("one", "half(n) ; x <- e() ; { x := 2 * x }"),
            ("two", "x <- e() ; { x := x + x }"),
        )
    ]
    text = (
        HEAD + "".join(both) + "equivalent same : one, two\nequivalent not_x : one, two observing y"
    )
    made = certified(text, tmp_path, only=("equivalent",))
    kept = made.of("equivalent", "same")
    assert [p["kind"] for p in kept.evidence] == ["answered"]
    assert made.checker().check(kept).answer is Answer.VALID
    changed = text.replace("{ x := x + x }", "{ x := x + x + 1 }")
    other = certified(changed, tmp_path / "other", only=("equivalent",))
    assert other.checker().judged(kept.claim, []).answer is Answer.INVALID
