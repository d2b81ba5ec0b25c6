"""Mutants differ from the spec by one change, are specs, and leave what is claimed alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from specgen import from_seed
from wfverify.dsl import format_spec, load_text
from wfverify.dsl.errors import Rejected
from wfverify.dsl.mutants import mutants

SPEC = """\
error E transient
resource r : pool(2)
resource l : lock
workflow w {
  var x: int = 0
  var y: int = 0
  activity a {
    uses r 1, l exclusive
    takes 1s
    fails E
    retry 2 on E
    timeout 5s
    do { x := x + 1 }
    undo { x := x - 1 }
  }
  activity b { takes 1s }
  run {
    try {
      saga { a ; if (x > 0) { b } ; wait until (x > 1) } ;
      using (l exclusive, r 1) { y := x } ;
      within 3s { retry(1) { b ; a } } ;
      nocancel { b }
    } catch E { skip } finally { b } ;
    steps { c { a } d { b } after c when x > 1 }
  }
  invariant i : x >= 0
}
"""


def test_each_kind_of_change() -> None:
    found = [m.what for m in mutants(load_text(SPEC, "s.wf"))]
    for what in (
        "a does not claim r",
        "a does not claim l",
        "a borrows l shared, not exclusive",
        "a has no effect",
        "a has no undo",
        "a is not tried again",
        "a has no timeout",
        "`a` is left out",
        "the test of `if` is always true",
        "the test of `if` is always false",
        "`wait until` does not wait",
        "`using` does not claim l",
        "`using` borrows l shared, not exclusive",
        "the saga is none: nothing is undone",
        "`within` has no limit",
        "nothing is tried again",
        "`nocancel` can be cancelled",
        "`finally` is left out",
        "d does not wait for c",
        "the `when` of d is always true",
        "`a` comes before `b`",
    ):
        assert what in found


@pytest.mark.parametrize("source", [SPEC, *(from_seed(s, 5) for s in range(12))])
def test_mutants_are_specs_that_differ(source: str) -> None:
    spec = load_text(source, "s.wf")
    texts = {format_spec(spec)}
    for m in mutants(spec):
        text = format_spec(m.spec)
        assert text not in texts, m.what
        texts.add(text)
        assert m.spec.properties == spec.properties
        for mine, other in zip(m.spec.workflows, spec.workflows, strict=True):
            assert mine.properties == other.properties
        try:
            load_text(text, "m.wf")
        except Rejected as error:
            # What needs two steps, or a result, may be refused; it is no mistake of syntax.
            assert all(d.code[:3] != "E01" for d in error.diagnostics), f"{m.what}\n{error}"


def test_places_are_those_of_the_source() -> None:
    lines = Path(__file__).parents[2].joinpath("examples/trip.wf").read_text().splitlines()
    for m in mutants(load_text("\n".join(lines), "trip.wf")):
        assert lines[m.span.line - 1][m.span.col - 1 :].strip()
