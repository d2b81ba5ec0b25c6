"""What a verdict may rest on, and what is assumed in vain."""

from __future__ import annotations

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import simulator
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.report.outcome import Report, exit_status
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted, Result, Unknown

USED = """resource r : pool(3)
workflow w(n: int, k: int) {
  requires n >= 0 and k == 1
  requires k + n > 0
  var x: int = 0
  var y: int = 0
  activity a { takes 1s uses r 1 }
  run { x := n ; y := k ; assume x > 1 ; a }
  invariant some : x >= 0
  invariant other : y <= 1
}
system { w(k: 1) }
"""


def results(text: str, *only: str, runs: bool = True) -> dict[str, Result]:
    spec = load_text(text, "s.wf")
    found = verify(
        spec,
        lower(spec),
        Options(only=only, timeout=20),
        replay=replay,
        schedule=schedule,
        simulate=simulator if runs else None,
    )
    return {r.name or r.check: r for r in found}


def proved(result: Result) -> Proved:
    assert isinstance(result.verdict, Proved)
    return result.verdict


def test_that_a_message_comes_from_outside_is_assumed_of_what_comes_at_last() -> None:
    text = """channel c : bool from environment
channel d : bool from environment
workflow w { run { receive x from c } }
"""
    found = results(text)
    (said,) = proved(found["terminates"]).assumptions
    assert "`c`" in said  # and not `d`, for which nobody waits
    for check in ("deadlock_free", "messages", "resources"):
        assert proved(found[check]).assumptions == ()


def test_the_assumptions_of_a_verdict_are_those_in_its_cone() -> None:
    found = results(USED)
    some = proved(found["some"]).assumptions
    assert [a.split("` ")[0] for a in some] == [
        "`requires n >= 0",  # `k` is given: that part is proved
        "`requires k + n > 0",
        "`assume x > 1",
    ]
    assert some[0].endswith("of w (s.wf:3:3)")
    assert proved(found["atomicity"]).assumptions == ()
    assert proved(found["r"]).assumptions == ()
    assert proved(found["dependencies"]).assumptions == ()
    ends = proved(found["can_finish"])
    assert ends.engine != "structure" or ends.assumptions == proved(found["terminates"]).assumptions


def test_an_amount_that_rests_on_requires() -> None:
    text = """resource r : pool(3) advisory
    workflow w(n: int) {
      requires n >= 0 and n <= 2
      activity a { takes 1s uses r n }
      run { a }
    }"""
    assert any("requires n >= 0" in a for a in proved(results(text)["r"]).assumptions)


@pytest.mark.parametrize("only", [(), ("atomicity",), ("x",)])
def test_without_arguments_nothing_else_is_said(only: tuple[str, ...]) -> None:
    text = """workflow w(k: int 0..3) {
      requires k > 3
      skip_check contracts "no"
      run { skip }
      invariant x : k > 0
    }"""
    (found,) = results(text, *only).values()
    assert isinstance(found.verdict, Refuted)
    assert (found.check, found.name, found.warning) == ("contracts", "w", False)
    assert int(exit_status(Report("s.wf", results=(found,)))) == 1


def test_arguments_that_the_solver_does_not_find() -> None:
    hard = "n * n * n + m * m * m == 33 + k * k * k and n > 8000000 and m < -1000000 and k < 0"
    text = f"workflow w(n: int, m: int, k: int) {{ requires {hard} run {{ assert false }} }}"
    found = results(text)["contracts"]
    assert isinstance(found.verdict, Unknown)
    assert not found.warning


def test_a_round_that_passes_is_enough() -> None:
    text = "workflow w { run { each i in 0..2 seq { assume i < 5 } ; each i in 0..1 { %s } } }"
    assert "assume" not in results(text % "assume true")
    late = results(text % "assume i > 1")["assume"]
    assert isinstance(late.verdict, Refuted)
    assert len(late.verdict.trace.steps) >= 3


def test_what_is_not_decided_soon_is_not_said() -> None:
    text = """workflow w(n: int) {
      var x: int = 0
      activity a -> int { takes 1s ensures result > 0 }
      activity b { takes 1s }
      run { while (x * x * x != n) { x <- a() ; b } }
      invariant odd : x == 15485863 => n == n
      invariant two : x == 0 - 1 => n == 4
    }"""
    for runs in (True, False):
        found = results(text, "invariant", runs=runs)
        assert all(not r.verdict.warning for r in found.values() if isinstance(r.verdict, Proved))


CUT_OFF = """resource k : lock
workflow w1 {{
  var x: int 0..1 = 0
  activity a {{ takes 1s }}
  run {{ {} }}
}}
workflow w0 {{
  var y: bool = false
  activity b {{ takes 1s }}
  run {{ {} }}
}}
system {{ w0 w1 }}
"""
STUCK = ("wait until (y)", "using (k exclusive) { using (k exclusive) { b } }")


@pytest.mark.parametrize("stuck", STUCK)
def test_who_is_stuck_counts_in_runs_that_count(stuck: str) -> None:
    """A state counts if some run from there never takes a false `assume`."""
    passed = "a ; { { assume (x == 1) } + a }"
    found = results(CUT_OFF.format(passed, stuck), "deadlock_free", "can_finish")
    assert isinstance(found["deadlock_free"].verdict, Refuted)
    assert isinstance(found["can_finish"].verdict, Refuted)
    never = "a ; assume (x == 1)"
    found = results(CUT_OFF.format(never, stuck), "deadlock_free", "can_finish")
    assert isinstance(found["deadlock_free"].verdict, Proved)
    assert isinstance(found["can_finish"].verdict, Proved)
    # Round after round the run may end in one that does not count: it need not.
    again = "while (x == 0) { { assume (x == 1) } + a }"
    found = results(CUT_OFF.format(again, stuck), "deadlock_free", "can_finish")
    assert not isinstance(found["deadlock_free"].verdict, Proved)
    assert not isinstance(found["can_finish"].verdict, Proved)
