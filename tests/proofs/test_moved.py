"""What all states show of who can still move, where runs need not end, and of which steps meet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from certified import judged, system_of, valid
from golden import CASES
from wfverify.proofs.check import Checker
from wfverify.proofs.solvers import Solvers
from wfverify.proofs.states import View, explored
from wfverify.semantics.evidence import Facts, Pairs, States, Syntactic
from wfverify.semantics.system import TransitionSystem

SERVER = """\
resource a : lock
resource b : lock
shared k: int 0..1 = 0
workflow server { activity s { }  run { while (true) { s ; k := 1 - k } } }
workflow one { activity x { }  run { using (a exclusive) { using (b exclusive) { x } } } }
workflow two { activity y { }  run { using (a exclusive) { using (b exclusive) { y } } } }
system { server  one  two }
"""
# The two may wait for each other; the server goes on.
CIRCLE = SERVER.replace(
    "run { using (a exclusive) { using (b exclusive) { y } } }",
    "run { using (b exclusive) { using (a exclusive) { y } } }",
)
POLLS = """\
workflow w {
  var done: bool = false
  var broken: bool = false
  activity poll { writes done, broken }
  run { while (not done) { poll } }
}
"""
# Once it is broken there is no way out.
TRAP = POLLS.replace("while (not done)", "while (not done or broken)").replace(
    "{ poll }", "{ if (broken) { skip } else { poll } }"
)
ASKS = """\
channel c : int 0..1 capacity 1
shared k: int 0..1 = 0
workflow asks { run { receive x from c } }
workflow tells { run { send 1 to c } }
workflow server { activity s { }  run { while (true) { s ; k := 1 - k } } }
system { asks  tells  server }
"""
SILENT = ASKS.replace("send 1 to c", "if (k > 1) { send 1 to c }")
LOCKED = """\
resource r : lock
shared x: int 0..9 = 0
workflow w(n: int 1..1) { activity a { uses r exclusive  do { x := 2 } }  run { a } }
workflow v { activity b { uses r exclusive  do { x := 1 } }  run { b } }
system { w(1)  v }
"""
RACING = LOCKED.replace("activity b { uses r exclusive  do", "activity b { do")


def everything(system: TransitionSystem) -> States:
    found = explored(View(system, tuple(range(len(system.variables)))), 5000)
    assert found is not None
    return found


def shown(source: str, check: str, *beside: Pairs) -> bool:
    system = system_of(source)
    checker = Checker(system, Solvers(second=False))
    return valid(judged(checker, check, "", everything(system), *beside))


@pytest.mark.parametrize(
    ("source", "check"),
    [(SERVER, "deadlock_free"), (POLLS, "can_finish"), (POLLS, "deadlock_free")],
)
def test_runs_need_not_end(source: str, check: str) -> None:
    assert shown(source, check)
    assert not shown(source, "terminates")


@pytest.mark.parametrize(
    ("source", "check"),
    [(CIRCLE, "deadlock_free"), (TRAP, "can_finish"), (SERVER, "can_finish")],
)
def test_what_is_not_so_is_not_shown(source: str, check: str) -> None:
    assert not shown(source, check)


@pytest.mark.parametrize("name", ["finish_too_late", "zeno_loop"])
def test_a_way_that_no_clock_allows_is_none(name: str) -> None:
    """There is a path to the end, but what limits it always comes first."""
    assert not shown((CASES / f"{name}.wf").read_text(), "can_finish")


def test_steps_of_a_scheduler_may_be_others() -> None:
    assert not shown(SERVER.replace("two }", "two  scheduler fifo }"), "deadlock_free")


def test_no_state_and_no_place_can_be_left_out() -> None:
    system = system_of(SERVER)
    checker, all_ = Checker(system, Solvers(second=False)), everything(system)
    assert valid(judged(checker, "deadlock_free", "", all_))
    for k in range(0, len(all_.states), 7):
        fewer = replace(all_, states=all_.states[:k] + all_.states[k + 1 :])
        assert not valid(judged(checker, "deadlock_free", "", fewer))
    place = all_.variables.index(system.threads[0].location)
    kept = all_.variables[:place] + all_.variables[place + 1 :]
    smaller = explored(View(system, kept), 5000)
    assert smaller is not None and not valid(judged(checker, "deadlock_free", "", smaller))


def test_a_crash_moves_nobody() -> None:
    crash = CIRCLE.replace("system { server  one  two }", "system { server  one  two\n")
    assert not shown(crash + "faults crash one at_most 1 back within 5s }", "deadlock_free")


# --- messages ----------------------------------------------------------------------------------


def messages(source: str) -> bool:
    """What may not be lost, and that nobody waits for ever, by all states."""
    from wfverify.proofs.check import Answer, goals_of
    from wfverify.semantics.evidence import Part

    system = system_of(source)
    checker, all_ = Checker(system, Solvers(second=False)), everything(system)
    goals = range(len(goals_of(system, "messages", "", "error")))
    claim = checker.claim("messages", "", "error", "PROVED")
    parts = [Part(all_), *([Part(all_, tuple(goals))] if goals else [])]
    for wrong in ([Part(Syntactic()), *parts[1:]], parts[1:]):  # somebody waits
        assert checker.judged(claim, wrong).answer is not Answer.VALID
    return checker.judged(claim, parts).answer is Answer.VALID


def test_messages() -> None:
    assert messages(ASKS)
    assert not messages(SILENT)
    # A second one is left in the channel at the end.
    two = ASKS.replace("capacity 1", "capacity 2").replace(
        "send 1 to c", "send 1 to c ; send 0 to c"
    )
    assert not messages(two)


# --- steps that meet ---------------------------------------------------------------------------


def test_steps_that_never_meet_do_not_race() -> None:
    plain = Pairs(Facts())
    assert shown(LOCKED, "race_free", plain)
    assert not shown(RACING, "race_free", plain)
    # It is not shown of states that are left.
    system = system_of(RACING)
    few = States((system.threads[-1].location,), ((0,),))
    checker = Checker(system, Solvers(second=False))
    assert not valid(judged(checker, "race_free", "", few, plain))


def test_who_comes_first_still_decides() -> None:
    plain = Pairs(Facts())
    for source in (LOCKED, RACING):  # the lock does not say in what order
        for check in ("timing_independent", "deterministic"):
            assert not shown(source, check, plain)
    after = LOCKED.replace("run { b }", "run { wait until (x == 2) ; b }")
    for check in ("timing_independent", "deterministic"):
        assert shown(after, check, plain)
