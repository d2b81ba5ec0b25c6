"""Placements that are left open, against all timed runs: answers do not depend on the place."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from timed_naive import Timed, TooMuch
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted, Verdict

CHECKS = ("timing_independent", "deterministic")
# A longer campaign: WFVERIFY_SEEDS=0..400 pytest tests/verifier/test_placed.py
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..30").split("..")))


class Placing(Timed):
    """Where an activity goes is no answer of the environment: it may go anywhere."""

    def _asked(self, env, durations):  # type: ignore[no-untyped-def]
        asked = super()._asked(env, durations)
        return {k: v for k, v in asked.items() if not (isinstance(k, tuple) and k[0] == "choice")}


class Maker:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def spec(self) -> str:
        pick = self.rng.choice
        names = "abc"
        activities = "\n".join(f"  activity {n} {{ {self.activity()} }}" for n in names)
        both = pick([f"{self.term()} || {self.term()}", f"{self.term()} ; {{ a || b }}"])
        return f"""
environment one {{ capacity cores {pick([1, 1, 2])} }}
environment two {{ capacity cores {pick([1, 2])} }}
error E permanent
shared x: int 0..9 = 0
workflow w fails E {{
{activities}
  run {{ {pick(["", "x := 1 ; "])}{{ {both} }} }}
}}
system {{ w{pick(["", "", "[2]"])} }}
"""

    def activity(self) -> str:
        pick = self.rng.choice
        where = pick(["one, two", "one, two", "one", "two"])
        does = pick(["", "do { x += 1 }", "do { x += 1 }", "do { x := 1 }", "do { x := 2 }"])
        fails = pick(["", "", "fails E"])
        return f"runs_in {where} (cores 1) takes {pick(['1s', '1s..2s', '2s'])} {fails} {does}"

    def term(self) -> str:
        pick = self.rng.choice
        one = pick("abc")
        return pick(
            [
                one,
                f"{one} ; {pick('abc')}",
                f"try {{ {one} }} catch E {{ x += 1 }}",
                f"within 1s {{ {one} }} else {{ skip }}",
            ]
        )


def verdicts(text: str) -> dict[str, Verdict | None]:
    spec = load_text(text, "s.wf")
    options = Options(only=CHECKS, timeout=20)
    found = verify(spec, lower(spec), options, replay=replay, schedule=schedule, simulate=simulator)
    return {r.check: r.verdict for r in found if r.check in CHECKS}


@pytest.mark.parametrize("seed", SEEDS)
def test_against_all_runs(seed: int) -> None:
    text = Maker(seed).spec()
    for check, found in verdicts(text).items():
        if not isinstance(found, Proved | Refuted):
            continue
        try:
            parts = Placing(lower(load_text(text, "s.wf")), 4000).parts(check == "deterministic")
        except TooMuch:
            continue
        # (Durations are looked at in whole seconds, and ends, only.)
        assert not (isinstance(found, Proved) and parts), (check, text)


CI = """
environment linux {{ capacity cores 2 }}
environment cloud {{ capacity cores 4 }}
error Red permanent
shared built: int = 0
shared last: int = 0
workflow ci fails Red {{
  activity build {{ runs_in linux, cloud (cores 1)  takes 1m..5m  do {{ built += 1 }} }}
  activity unit {{ runs_in linux, cloud (cores 1)  takes 1m..3m  fails Red }}
  activity lint {{ runs_in linux, cloud (cores 2)  takes 10s..30s  {lint} }}
  run {{ build ; {{ unit || lint }} }}
}}
system {{ {system} }}
"""


@pytest.mark.parametrize("system", ["ci", "ci[3]", "ci[*]", "ci arrive every 1m"])
def test_where_it_is_built_does_not_matter(system: str) -> None:
    found = verdicts(CI.format(lint="", system=system))
    assert all(isinstance(found[c], Proved) for c in CHECKS), found


def test_what_who_is_cut_off_has_done_does() -> None:
    """Whether `lint` is done before `unit` fails."""
    text = CI.format(lint="do { last := 1 }", system="ci")
    found = verdicts(text.replace("10s..30s", "10s..2m"))
    assert isinstance(found["timing_independent"], Refuted), found


def test_one_answer_wherever_it_is_placed() -> None:
    """Two runs in which `a` fails in one place and not in the other are of two environments."""
    text = """
environment one { capacity cores 1 }
environment two { capacity cores 1 }
error E permanent
shared x: int 0..9 = 0
workflow w fails E {
  activity a { runs_in one, two (cores 1)  takes 1s fails E }
  activity b { runs_in one, two (cores 1)  takes 3s do { x := CHANGE } }
  run { a || b }
}
system { w }
"""
    same = verdicts(text.replace("CHANGE", "0"))
    assert isinstance(same["deterministic"], Proved), same
    later = verdicts(text.replace("CHANGE", "2"))
    assert not isinstance(later["deterministic"], Refuted), later


def test_a_choice_between_places_that_are_full() -> None:
    """Which side of a choice can move depends on who has been granted what."""
    text = """
environment one { capacity cores 1 }
environment two { capacity cores 1 }
shared x: int 0..9 = 0
workflow w {
  activity a { runs_in one, two (cores 1)  takes 1s..3s }
  activity b { runs_in one (cores 1)  takes 1s do { x := 2 } }
  activity c { runs_in two (cores 1)  takes 1s }
  run { a || { b + c } }
}
system { w }
"""
    found = verdicts(text)
    assert not any(isinstance(v, Proved) for v in found.values()), found
