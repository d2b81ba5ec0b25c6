"""What does not look at the clock is cut; the budget of a call holds."""

from __future__ import annotations

import ctypes
import gc
import signal
import sys
import threading
import time

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.verifier.limit import Limit
from wfverify.verifier.portfolio import verify
from wfverify.verifier.session import Options, Session
from wfverify.verifier.verdict import Proved, Unknown

# Each round may be passed by without a step, so its guard has those of all rounds before it in
# it: any analysis of it is quadratic.
NESTED = """\
param n: int 0..1000
workflow w {
  var k: int = 0
  activity a { takes 1s..2s do { k := k + 1 } }
  run { each i in 0..n-1 seq { if (k <= i) { a } } }
  ensures k == n
}
"""


def spin(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def test_a_limit_ends_its_body() -> None:
    before = signal.getsignal(signal.SIGALRM)
    begin = time.monotonic()
    with Limit(0.1) as limit:
        spin(20)
    assert limit.late
    assert time.monotonic() - begin < 5
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


class Slow:
    """An argument of a C function that takes its time to become one."""

    @property
    def _as_parameter_(self) -> int:
        spin(20)
        return 0


def test_a_limit_ends_the_conversion_of_arguments() -> None:
    f = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda x: x)
    begin = time.monotonic()
    with Limit(0.1) as limit:
        f(Slow())
    assert limit.late
    assert time.monotonic() - begin < 5
    with pytest.raises(ctypes.ArgumentError), Limit(20):
        f("no number")


def test_what_is_soon_over_is_not_late() -> None:
    with Limit(20) as limit:
        pass
    assert not limit.late
    with pytest.raises(ValueError, match="mine"), Limit(20):
        raise ValueError("mine")


@pytest.mark.parametrize(("outer", "inner"), [(0.1, 20), (20, 0.1)])
def test_limits_nest(outer: float, inner: float) -> None:
    passed = False
    with Limit(outer) as first:
        with Limit(inner) as second:
            spin(20)
        passed = True
    assert first.late is (outer < inner)
    assert second.late is passed is (inner < outer)


def test_the_outer_limit_is_set_again() -> None:
    with Limit(0.3) as outer:
        with Limit(0.05) as inner:
            spin(20)
        spin(20)
    assert inner.late
    assert outer.late


def test_in_another_thread_it_does_nothing() -> None:
    found: list[bool] = []

    def work() -> None:
        with Limit(0.0) as limit:
            spin(0.05)
        found.append(limit.late)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]


def test_the_budget_holds_where_the_analysis_of_the_rules_does_not_fit() -> None:
    spec = load_text(NESTED, "w.wf")
    system = lower(spec)
    begin = time.monotonic()
    results = verify(
        spec, system, Options(timeout=3), replay=replay, schedule=schedule, simulate=simulator
    )
    assert time.monotonic() - begin < 3 + 3
    verdicts = {r.check: r.verdict for r in results}
    assert isinstance(verdicts["ensures"], Unknown)
    assert isinstance(verdicts["deadlock_free"], Proved)  # what is sure at once is not lost
    assert {"race_free", "deterministic"} <= verdicts.keys()


def test_runs_are_made_only_where_their_analysis_fits() -> None:
    system = lower(load_text(NESTED.replace("1000", "500"), "w.wf"))
    session = Session(system, Options(timeout=0.5), replay, schedule, simulator)
    assert session.simulator() is None
    small = lower(load_text(NESTED.replace("1000", "3"), "w.wf"))
    session = Session(small, Options(), replay, schedule, simulator)
    assert session.simulator() is not None
    assert session.simulator() is session.simulator()


class HalfMade:
    def __init__(self) -> None:
        spin(20)
        self.made = True

    def __del__(self) -> None:
        assert self.made


def test_what_is_left_half_made_does_not_complain(capsys: pytest.CaptureFixture[str]) -> None:
    hook = sys.unraisablehook
    sys.unraisablehook = sys.__unraisablehook__
    try:
        with Limit(0.1) as limit:
            HalfMade()
        gc.collect()
    finally:
        sys.unraisablehook = hook
    assert limit.late
    assert capsys.readouterr().err == ""
