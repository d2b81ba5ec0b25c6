"""Verdicts on small random workflows against all of their timed runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from timed_naive import Timed, TooMuch
from timed_specs import Maker
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import Scheduling, schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted, Unknown

CHECKS = ("timing_independent", "deterministic")


def differences(text: str) -> tuple[list[str], list[str]]:
    """(what is wrong with the verdicts, the verdicts by name)."""
    spec = load_text(text, "s.wf")
    system = lower(spec)
    options = Options(only=CHECKS, timeout=20)
    results = verify(spec, system, options, replay=replay, schedule=schedule)
    wrong: list[str] = []
    names: list[str] = []
    for result in results:
        if result.check not in CHECKS:
            continue
        verdict = result.verdict
        fixed = result.check == "deterministic"
        names.append(f"{type(verdict).__name__} {result.check}")
        if isinstance(verdict, Unknown):
            continue
        if isinstance(verdict, Refuted):
            assert verdict.second is not None
            scheduling = Scheduling(system)
            for trace in (verdict.trace, verdict.second):
                if scheduling.misplaced(trace) is not None:
                    wrong.append(f"{result.check}: times that are not possible")
        if isinstance(verdict, Proved):
            if "`scheduler " in verdict.how:
                continue  # these runs are in any order: see test_scheduled
            try:
                if Timed(system, 6000).parts(fixed):
                    wrong.append(f"{result.check}: PROVED ({verdict.engine}), but two runs part")
            except TooMuch:
                names[-1] += " (not compared)"
    return wrong, names


@pytest.mark.parametrize("seed", range(40))
def test_proofs_against_all_runs(seed: int) -> None:
    text = Maker(seed).spec()
    try:
        wrong, _ = differences(text)
    except Rejected:
        return
    assert not wrong, f"{wrong}\n{text}"


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("b", "a")])
def test_one_state_at_more_times_is_more(first: str, second: str) -> None:
    """What the clocks show after `b` includes what they show after `a`, and more can happen."""
    text = f"""
workflow w {{
  var x: int 0..3 = 0
  var q: bool = false
  activity get -> bool {{ takes 0s }}
  activity a {{ takes 1s }}
  activity b {{ takes 0s..4s }}
  activity d {{ takes 3s do {{ x := 2 }} }}
  run {{
    {{ q <- get() ; if (q) {{ {first} }} else {{ {second} }} ; q := false ; wait 1s ; x := 1 }}
    || d
  }}
}}
system {{ w }}
"""
    wrong, names = differences(text)
    assert wrong == []
    assert names == ["Refuted timing_independent", "Refuted deterministic"]
