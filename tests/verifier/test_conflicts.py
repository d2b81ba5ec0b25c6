"""`race_free` over many pairs of steps."""

from __future__ import annotations

import pytest
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.verifier.checks import conflicts
from wfverify.verifier.session import Options, Session
from wfverify.verifier.verdict import Proved, Refuted, Verdict

COMMIT = """
shared decision: int 0..2 = 0
shared yes: int 0..{n} = 0
workflow coordinator {{
  run {{ wait until (yes == {n}) ; {{ decision := 1 }} }}
}}
workflow participant {{
  var seen: int = 0
  activity vote {{ takes 1s..20s }}
  run {{ vote ; {{ yes += 1 }} ; wait until (decision != 0) ; {{ seen := {seen} }} }}
}}
system {{ coordinator participant[{n}] }}
"""


def verdict(n: int, seen: str = "decision") -> Verdict:
    system = lower(load_text(COMMIT.format(n=n, seen=seen), "w.wf"))
    return conflicts.race_free(Session(system, Options(), replay, schedule, simulator))


def test_all_pairs_are_looked_at_together() -> None:
    assert isinstance(verdict(3), Proved)
    assert isinstance(verdict(3, "yes + decision"), Proved)


def test_one_race_among_them() -> None:
    text = COMMIT.replace("vote ;", "vote ; {{ seen := yes }} ;")
    system = lower(load_text(text.format(n=3, seen="1"), "w.wf"))
    found = conflicts.race_free(Session(system, Options(), replay, schedule, simulator))
    assert isinstance(found, Refuted)


def test_some_of_the_pairs_are_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "MOST_PAIRS", 2)
    assert not isinstance(verdict(3), Proved)
