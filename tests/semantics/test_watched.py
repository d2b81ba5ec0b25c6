"""`undone when` about arguments and results in loops: of every round, and of no other."""

from __future__ import annotations

import naive
import pytest
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.semantics.lower import lower

HEAD = "error E permanent\nerror F transient\nworkflow w fails E, F, Timeout {\n"


def _broken(activity: str, body: str, cond: str, more: str = "") -> bool:
    """Is there a run after which `undone when` does not hold?"""
    text = (
        f"{HEAD}  var n: int 0..9 = 0\n  var x: int = 0\n  {more}\n"
        f"  {activity} undone when {cond} }}\n  run {{ {body} }}\n}}\n"
    )
    system = lower(load_text(text, "s.wf"))
    graph = naive.explore(system, 20_000)
    goals = [o for o in system.obligations if "undone when" in o.message]
    assert goals
    return any(graph.broken(o) is not None for o in goals)


PUT = "activity put(k: int) { takes 1s  do { x += k }  undo { x -= k } "
ROUNDS = "while (n < %d) { n := n + 1 ; put(n * 2) }"


@pytest.mark.parametrize("rounds", [0, 1, 3])
@pytest.mark.parametrize("asked", range(8))
def test_each_round_is_asked_about(rounds: int, asked: int) -> None:
    body = f"saga {{ {ROUNDS % rounds} ; fail E }}"
    done = asked in range(2, 2 * rounds + 1, 2)
    assert _broken(PUT, body, f"k != {asked}") == done


def test_only_what_was_done_in_this_saga() -> None:
    # The first saga does 2 and 4 and is over; the second does 6 and is undone.
    first = "saga { while (n < 2) { n := n + 1 ; put(n * 2) } }"
    second = "saga { while (n < 3) { n := n + 1 ; put(n * 2) } ; fail E }"
    body = f"{first} ; try {{ {second} }} catch E {{ skip }}"
    assert [k for k in range(8) if _broken(PUT, body, f"k != {k}")] == [6]


def test_of_each_saga_in_a_loop() -> None:
    inner = "saga { n := n + 1 ; put(n) ; n := n + 1 ; put(n) ; fail E }"
    loop = "saga { while (x == 0) at_most 2 { n := n + 1 ; put(n) } ; fail E }"
    for saga, done in ((inner, range(1, 5)), (loop, range(1, 4))):
        body = f"while (n < 3) {{ try {{ {saga} }} catch * {{ skip }} }}"
        assert [k for k in range(6) if _broken(PUT, body, f"k != {k}")] == list(done)


@pytest.mark.parametrize("asked", range(5))
def test_results_and_attempts_that_are_cut_off(asked: int) -> None:
    activity = (
        "activity put(k: int) -> int 0..4 { at_least_once  takes 1s..3s  timeout 2s"
        "  do { x := x }  ensures result >= 3  undo { x := x }  "
    )
    body = "saga { while (n < 2) { n := n + 1 ; put(n) } ; fail E }"
    # Either is done or cut off; of what is cut off the result is not known.
    assert _broken(activity, body, f"k != {asked}") == (asked in (1, 2))
    assert _broken(activity, body, f"result != {asked}") == (asked in (0, 3, 4))


def test_variables_of_a_workflow_that_is_called_in_a_loop() -> None:
    text = (
        f"{HEAD}  var n: int = 0\n"
        "  run { saga { while (n < 2) { n := n + 1 ; v(n) } ; fail E } }\n}\n"
        "workflow v(k: int) {\n  var y: int = 0\n"
        "  activity a { do { y := k }  undo { y := 0 }  undone when y == 0 }\n  run { a }\n}\n"
    )
    with pytest.raises(Rejected) as refused:
        lower(load_text(text, "s.wf"))
    assert [d.code for d in refused.value.diagnostics] == ["E0406"]
