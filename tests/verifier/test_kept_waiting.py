"""What comes at last, refuted by runs in which somebody is served last: true by exploration.

A longer campaign: WFVERIFY_KEPT=0..2000 pytest tests/verifier/test_kept_waiting.py.
"""

from __future__ import annotations

import os
from collections import Counter

import endlessgen
import naive
import pytest
from comparisons import lasting_wrong
from wfverify.dsl import load_text
from wfverify.dsl.errors import Rejected
from wfverify.interpreter import replay, schedule, simulator
from wfverify.semantics.lower import lower
from wfverify.verifier.checks import liveness
from wfverify.verifier.checks.enough import Enough
from wfverify.verifier.checks.kept_waiting import kept_waiting
from wfverify.verifier.session import Options, Session
from wfverify.verifier.verdict import Refuted

SEEDS = range(*map(int, os.environ.get("WFVERIFY_KEPT", "0..40").split("..")))

TURNS = """
resource desks : pool(SIZE)
workflow client {
  var served: bool = false
  activity work { uses desks UNITS  takes 1s..2s  do { served := true } }
  activity rest { takes PAUSE }
  run { BODY }
  property comes : eventually served
}
system { client[COUNT] SCHEDULER }
"""
ROUNDS = "while (true) { work ; rest }"
CIRCLE = """
resource desks : pool(8)
workflow client {
  activity work { uses desks 1  takes 1s }
  run { using (desks 1) { BODY } }
}
system { client[*] }
"""


def session_of(text: str, timeout: float = 20) -> Session:
    spec = load_text(text, "w.wf")
    session = Session(lower(spec, room=1), Options(timeout=timeout), replay, schedule, simulator)
    session.spec = spec
    return session


def turns(**given: str) -> str:
    text = TURNS
    known = {"SIZE": "8", "UNITS": "1", "PAUSE": "1s", "BODY": ROUNDS, "COUNT": "*"}
    for name, value in {**known, "SCHEDULER": "", **given}.items():
        text = text.replace(name, value)
    return text


def found_by_enough(text: str, name: str) -> Refuted | None:
    session = session_of(text)
    assert session.spec is not None
    more = Enough(session, session.spec)
    return more.at_last(name) if name == "comes" else more.whole(name)


@pytest.mark.parametrize("name", ["comes", "starvation_free"])
@pytest.mark.parametrize(
    ("given", "refuted"),
    [
        ({}, True),
        ({"PAUSE": "1s..3s"}, True),
        ({"UNITS": "3"}, True),
        ({"SIZE": "2", "PAUSE": "4s"}, True),
        ({"SCHEDULER": "scheduler fair"}, False),
        ({"BODY": "work ; rest"}, False),
        ({"BODY": "while (not served) { within 9s { work } else { skip } }"}, False),
        ({"SIZE": "60"}, False),
    ],
)
def test_others_take_turns_for_ever(name: str, given: dict[str, str], refuted: bool) -> None:
    found = found_by_enough(turns(**given), name)
    assert (found is not None) is refuted, found
    if found is not None:
        assert found.trace.loop_at is not None and found.system is not None
        assert replay(found.system, found.trace).ok
        assert schedule(found.system, found.trace) is not None
        owed = found.trace.steps[found.trace.loop_at :]
        assert len({found.system.rules[s.rule].instance for s in owed}) >= 8 // (
            3 if "UNITS" in given else 4 if "SIZE" in given else 1
        )


def test_a_given_number_with_too_many_states() -> None:
    session = session_of(turns(COUNT="20"))
    found = kept_waiting(session, list(liveness.asking(session.system)))
    assert found is not None and found.system is None
    session = session_of(turns(COUNT="8"))
    assert kept_waiting(session, list(liveness.asking(session.system))) is None


@pytest.mark.parametrize(("inside", "refuted"), [("work", True), ("skip", False)])
def test_so_many_wait_for_each_other(inside: str, refuted: bool) -> None:
    text = CIRCLE.replace("BODY", inside)
    for check in ("deadlock_free", "terminates", "can_finish", "starvation_free"):
        found = found_by_enough(text, check)
        assert (found is not None) is refuted, (check, found)
        assert found is None or "9 instances of client" in found.notes[-1]


def test_what_is_refuted_for_seeds_is_false() -> None:
    counts: Counter[str] = Counter()
    for seed in SEEDS:
        number = "2" if seed % 2 else "3"
        text = endlessgen.from_seed(seed, queue=seed % 5 == 0).replace("[*]", f"[{number}]")
        if "arrive" in text:
            continue
        try:
            session = session_of(text)
            wrong = set(lasting_wrong(naive.explore(session.system, 3_000)))
        except (naive.TooBig, Rejected):
            continue
        goals = {"starvation_free": list(liveness.asking(session.system))}
        if session.system.scheduler == "head_of_line":
            goals.clear()  # (of who waits for a turn only, the oracle says that nobody waits)
        for goal in session.system.liveness:
            goals.setdefault(goal.name, []).extend(liveness.owing(session.system, goal))
        for name, asked in goals.items():
            found = kept_waiting(session, asked)
            counts[f"{name in wrong} {found is not None}"] += 1
            assert found is None or name in wrong, (seed, name, text)
    assert counts["True True"] and counts["False False"], counts
