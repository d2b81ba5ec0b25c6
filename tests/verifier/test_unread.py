"""What nothing reads changes no answer."""

from __future__ import annotations

import re

import pytest
from golden import CASES
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.simulation import simulator
from wfverify.interpreter.timing import schedule
from wfverify.semantics.idle import settled
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import Options, verify

NAMES = (
    "finish_only_by_clocks",
    "held_each_round",
    "pattern_is_never_owed",
    "patterns_for_ever",
    "starvation",
    "starvation_free",
    "while_for_ever",
    "zeno_loop",
    "race_write",
)


def _answers(text: str) -> dict[tuple[str, str], str]:
    spec = load_text(text, "t.wf")
    found = verify(
        spec, lower(spec), Options(), replay=replay, schedule=schedule, simulate=simulator
    )
    # (A name that says its line says another one below one more line.)
    return {(r.check, re.sub(r"\(line \d+\)", "", r.name)): type(r.verdict).__name__ for r in found}


def _with_argument(text: str) -> str:
    head = re.search(r"workflow \w+(\((.*?)\))?", text)
    assert head is not None
    name = head.group(0).split("(")[0]
    others = f"{head.group(2)}, " if head.group(2) else ""
    return text.replace(head.group(0), f"{name}({others}unread: int 0..1000)", 1)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_read_does_not_matter(name: str) -> None:
    text = (CASES / f"{name}.wf").read_text()
    plain = _answers(text)
    assert _answers(f"param Unread: int 0..1000\n{text}") == plain
    if "system" not in text:
        assert _answers(_with_argument(text)) == plain


def test_what_is_read_stays_free() -> None:
    """In a test, in what must hold, in a bound, together with another: each may decide."""
    text = """\
param A: int 0..9
param B: int 0..9
param C: int 1..9
param D: int 3..9
resource r : pool(C)
workflow w(e: int, f: int, g: int 4..5, h: bool, k: real) {
  requires e < f
  var x: int = 0
  run { while (x < A) { x := x + 1 } }
  ensures x <= B
}
"""
    system = lower(load_text(text, "t.wf"))
    begun = settled(system)
    names = [v.name.removeprefix("w.") for v in system.variables]
    chosen = {
        n: v.init.value
        for n, v, old in zip(names, begun.variables, system.variables, strict=True)
        if old.init is None and v.init is not None
    }
    assert chosen == {"D": 3, "g": 4, "h": False, "k": 0}
