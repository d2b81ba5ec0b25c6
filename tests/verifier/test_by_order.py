"""Two runs that differ in who is served last: of one environment, and there are two such runs.

A longer campaign: WFVERIFY_ORDERS=0..2000 pytest tests/verifier/test_by_order.py.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from timed_naive import Timed, TooMuch
from timed_specs import Maker
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter import replay, schedule, simulator
from wfverify.interpreter.timing import Scheduling
from wfverify.semantics.lower import lower
from wfverify.verifier.checks.enough import Enough
from wfverify.verifier.checks.samples import by_order
from wfverify.verifier.session import Options, Session
from wfverify.verifier.verdict import Refuted

SEEDS = range(*map(int, os.environ.get("WFVERIFY_ORDERS", "0..40").split("..")))

REFUSED = """
error Full permanent
resource desks : pool(SIZE) on_busy fail Full
workflow client fails Full {
  var late: bool = false
  activity work { uses desks 1  takes 1s..2s }
  activity apologise { takes 1s }
  run { BODY }
}
system { client[*] }
"""
CAUGHT = "wait 1s ; try { work } catch Full { apologise ; late := true }"


def session_of(text: str) -> Session:
    spec = load_text(text, "w.wf")
    session = Session(lower(spec, room=1), Options(timeout=20), replay, schedule, simulator)
    session.spec = spec
    return session


@pytest.mark.parametrize("check", ["deterministic", "timing_independent"])
@pytest.mark.parametrize(
    ("size", "body", "refuted"),
    [
        ("8", "work", True),
        ("30", CAUGHT, True),
        ("8", "try { work } catch Full { apologise }", False),
        ("60", "work", False),
    ],
)
def test_who_is_refused(check: str, size: str, body: str, refuted: bool) -> None:
    session = session_of(REFUSED.replace("SIZE", size).replace("BODY", body))
    assert session.spec is not None
    found = Enough(session, session.spec).whole(check)
    assert (found is not None) is refuted, found
    if found is not None:
        assert found.second is not None and found.system is not None
        scheduling = Scheduling(found.system)
        for trace in (found.trace, found.second):
            assert replay(found.system, trace).ok
            assert scheduling.misplaced(trace) is None
        assert f"{int(size) + 1} instances" in found.notes[-1]


def test_there_are_two_such_runs_for_seeds() -> None:
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        text = Maker(seed).spec()
        try:
            session = session_of(text.replace("system { w }", "system { w[2] }"))
        except Rejected:
            continue
        for durations in (False, True):
            found = by_order(session, "", durations)
            counts[type(found).__name__] += 1
            if not isinstance(found, Refuted):
                continue
            try:
                assert Timed(session.system, 6000).parts(not durations), (seed, text)
                counts["compared"] += 1
            except TooMuch:
                pass
    assert counts["NoneType"] and counts["compared"], counts
