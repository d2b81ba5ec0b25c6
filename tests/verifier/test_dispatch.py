"""Checks side by side in processes: what goes wrong in one does not touch the others."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import golden
import pytest
from specgen import from_seed
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter import replay, schedule, simulator
from wfverify.report.outcome import status
from wfverify.semantics.lower import lower
from wfverify.verifier import portfolio
from wfverify.verifier.checks import conflicts, coverage, obligations
from wfverify.verifier.dispatch import OVERRUN
from wfverify.verifier.growth import fitted
from wfverify.verifier.session import InternalError, Options, Session
from wfverify.verifier.verdict import Proved, Result, Unknown, Verdict

SPEC = """\
resource r : pool(2)
workflow w {
  var x: int 0..9 = 0
  var y: int = 0
  activity a { uses r 1  takes 1s..2s  do { x := 3 } }
  activity b { takes 1s  do { y := y + 1 } }
  run { a ; b ; while (y < 4) { b } }
  invariant small : x <= 3
  invariant low : y <= 4
  invariant wrong : y <= 2
  always grows : next(y) >= y
}
system { w[2] }
"""


def results(text: str = SPEC, **options: object) -> list[Result]:
    spec = load_text(text, "w.wf")
    made = Options(**options)  # type: ignore[arg-type]
    fit = fitted(spec, lower(spec, room=1), made, replay, schedule, simulator)
    return portfolio.verify(
        spec,
        fit.system,
        made,
        replay=replay,
        schedule=schedule,
        simulate=simulator,
        growth=fit.growth,
    )


def table(found: Sequence[Result]) -> list[tuple[str, str, str]]:
    return [(r.check, r.name, str(status(r))) for r in found]


def of(found: Sequence[Result], check: str, name: str = "") -> Verdict:
    (one,) = [r.verdict for r in found if (r.check, r.name) == (check, name)]
    assert one is not None
    return one


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims are left to the other processes, however small the system is."""
    monkeypatch.setattr(portfolio, "small_graph", lambda session, groups: {})


def without(found: Sequence[Result], *lost: str) -> list[tuple[str, str, str]]:
    return [line for line in table(found) if not {line[0], line[1]} & set(lost)]


# --- what goes wrong -------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("how", "why"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGSEGV), "the solver crashed (signal 11)"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "perhaps for lack of memory"),
        (lambda: os._exit(7), "ended by itself (status 7)"),
        (lambda: (_ for _ in ()).throw(MemoryError), "the memory was used up"),
    ],
    ids=["crash", "killed", "exit", "memory"],
)
def test_a_process_that_ends_loses_its_own_verdict_alone(
    monkeypatch: pytest.MonkeyPatch, jobs: int, how: Callable[[], object], why: str
) -> None:
    plain = results(jobs=jobs)

    def ends(session: Session) -> Verdict:
        for _ in how() or ():  # type: ignore[attr-defined]
            pass
        raise AssertionError

    monkeypatch.setattr(conflicts, "race_free", ends)
    found = results(jobs=jobs)
    lost = of(found, "race_free")
    assert isinstance(lost, Unknown)
    assert why in lost.why
    assert without(found, "race_free") == without(plain, "race_free")


@pytest.mark.usefixtures("everything")
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_claim_that_ends_the_process_loses_itself_alone(
    monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    plain = results(jobs=jobs)
    decide = obligations.decide

    def ends(session: Session, groups: Sequence[obligations.Claim], *more: object) -> object:
        if any(c.name == "low" for c in groups):
            os.kill(os.getpid(), signal.SIGSEGV)
        return decide(session, groups, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(obligations, "decide", ends)
    found = results(jobs=jobs)
    lost = of(found, "invariant", "low")
    assert isinstance(lost, Unknown)
    assert "signal 11" in lost.why
    assert without(found, "low") == without(plain, "low")


@pytest.mark.usefixtures("everything")
def test_claims_that_are_sure_stay_when_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = results(jobs=2)
    decide = obligations.decide

    def ends(
        session: Session, groups: Sequence[obligations.Claim], settled: Callable[[object], None]
    ) -> object:
        def once(found: dict[int, Verdict]) -> None:
            settled(found)
            if found:
                os.kill(os.getpid(), signal.SIGSEGV)

        return decide(session, groups, once)  # type: ignore[arg-type]

    monkeypatch.setattr(obligations, "decide", ends)
    assert table(results(jobs=2)) == table(plain)


def test_who_does_not_stop_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(session: Session) -> Verdict:
        while True:
            with suppress(BaseException):
                time.sleep(60)

    monkeypatch.setattr(coverage, "no_dead_code", deaf)
    found = results(jobs=2, timeout=2.0)
    lost = of(found, "no_dead_code")
    assert isinstance(lost, Unknown)
    assert lost.why == OVERRUN
    for check in ("atomicity", "terminates", "can_finish", "race_free"):
        assert isinstance(of(found, check), Proved), check


def test_our_own_mistakes_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(session: Session) -> Verdict:
        raise InternalError("a counterexample does not replay")

    monkeypatch.setattr(conflicts, "race_free", wrong)
    with pytest.raises(InternalError, match="does not replay") as caught:
        results()
    assert "in wrong" in caught.value.__notes__[0]


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(session: Session) -> Verdict:
        return Proved("search", str(len(bytearray(4 << 30))))

    monkeypatch.setattr(conflicts, "race_free", greedy)
    found = of(results(memory=3000), "race_free")
    assert isinstance(found, Unknown)
    assert found.why == "the memory was used up"


# --- time ------------------------------------------------------------------------------------


def slow(session: Session) -> Verdict:
    """Looks at the clock, and takes all that it may."""
    since = time.monotonic()
    while session.left() > 0:
        time.sleep(0.01)
    return Unknown("search", f"{time.monotonic() - since:.3f}")


def test_slow_checks_leave_their_share_to_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = results(jobs=1)
    monkeypatch.setattr(conflicts, "race_free", slow)
    monkeypatch.setattr(coverage, "no_dead_code", slow)
    found = results(jobs=1, timeout=12.0)
    lost = ("race_free", "no_dead_code")
    assert without(found, *lost) == without(plain, *lost)


def test_what_others_do_not_use_goes_on_to_who_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "race_free", slow)
    verdict = of(results(jobs=2, timeout=6.0), "race_free")
    assert isinstance(verdict, Unknown)
    assert float(verdict.why) > 0.5 * 6.0  # it began with a part of it


def test_what_lacked_time_is_tried_again_with_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def needs_much(session: Session) -> Verdict:
        if session.left() > 0.4 * session.options.timeout:
            return Proved("search", "it has the time now")
        return slow(session)

    monkeypatch.setattr(conflicts, "race_free", needs_much)
    found = results(jobs=1, timeout=10.0)
    assert isinstance(of(found, "race_free"), Proved)
    assert len(table(found)) == len(set(table(found)))


# --- the same verdicts, however many processes -----------------------------------------------

# Every so many cases; all: WFVERIFY_DISPATCH=1 pytest tests/verifier/test_dispatch.py -k cases
EVERY = int(os.environ.get("WFVERIFY_DISPATCH", "8"))
CASES = [n for n in golden.names() if golden.expected(n).exit != 2 and "scheduler" not in n]


def everywhere(monkeypatch: pytest.MonkeyPatch, text: str, strict: bool) -> list[object]:
    """Tables by this process alone, by one other at a time, by two."""
    out: list[object] = []
    for jobs in (1, 2):
        out.append(table(results(text, strict=strict, jobs=jobs)))
    with monkeypatch.context() as patch:
        patch.delattr(os, "fork")
        out.append(table(results(text, strict=strict)))
    return out


@pytest.mark.parametrize("name", ["loops_that_end", "patterns", *golden.one_in(EVERY, CASES)])
def test_cases_come_out_alike(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    text = (golden.CASES / f"{name}.wf").read_text()
    one, two, here = everywhere(monkeypatch, text, golden.expected(name).options.strict)
    assert one == two == here


@pytest.mark.parametrize("seed", range(6))
def test_random_specs_come_out_alike(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    try:
        load_text(from_seed(seed), "w.wf")
    except Rejected:
        pytest.skip("not a spec")
    one, two, here = everywhere(monkeypatch, from_seed(seed), False)
    assert one == two == here


# --- ends ------------------------------------------------------------------------------------

SCRIPT = """\
import os, signal, sys, time
from pathlib import Path
from wfverify import cli
from wfverify.verifier.checks import conflicts

signal.signal(signal.SIGINT, signal.default_int_handler)

def hangs(session):
    Path(sys.argv[2]).write_text(str(os.getpid()))
    while True:
        time.sleep(60)

conflicts.race_free = hangs
sys.exit(cli.main([sys.argv[1], "--timeout", "300", "-j", "2"]))
"""


@pytest.fixture
def running(tmp_path: Path) -> tuple[subprocess.Popen[str], int]:
    """A call of which one check hangs, with the process that does it."""
    (tmp_path / "w.wf").write_text(SPEC)
    pid = tmp_path / "pid"
    call = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "w.wf"), str(pid)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (pid.exists() and pid.read_text()):
        assert call.poll() is None
        time.sleep(0.05)
    time.sleep(2)  # for the other checks
    return call, int(pid.read_text())


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
            os.kill(pid, 0)
        except OSError:
            return True
        time.sleep(0.1)
    return False


def test_ctrl_c_ends_all_processes_and_shows_what_is_sure(
    running: tuple[subprocess.Popen[str], int],
) -> None:
    call, pid = running
    call.send_signal(signal.SIGINT)
    out, err = call.communicate(timeout=60)
    assert call.returncode == 130, err
    assert re.search(r"PROVED +can_finish", out)
    assert "results are sure" in err
    assert gone(pid)


def test_no_process_outlives_the_call(running: tuple[subprocess.Popen[str], int]) -> None:
    call, pid = running
    call.kill()
    call.communicate(timeout=60)
    assert gone(pid)
