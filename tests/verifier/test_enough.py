"""Of any number of instances: what shows with more of them than the rules at hand are of."""

from __future__ import annotations

import pytest
from comparisons import verified
from wfverify.dsl import load_text
from wfverify.interpreter import replay, schedule
from wfverify.semantics.lower import lower
from wfverify.verifier.checks.enough import enough
from wfverify.verifier.verdict import Proved, Refuted, Verdict

REFUSED = """
error Full permanent
resource desks : pool(SIZE) on_busy BUSY
workflow client fails Full {
  activity work { uses desks 1  takes 1s..2s }
  activity apologise { takes 1s }
  run { try { work } catch Full { apologise } }
}
system { client[*] }
"""
LATE = """
resource desks : pool(SIZE)
workflow client {
  deadline LIMIT
  activity work { uses desks 1  takes 1s..2s }
  run { BODY }
}
system { client[*] }
"""
COUNTED = """
resource desks : pool(8) HOW
shared busy: int = 0
workflow client { run { using (desks 1) { busy += 1 ; wait 1s ; busy += -1 } } }
invariant few : busy <= MOST
system { client[*] }
"""


def verdict(text: str, check: str) -> Verdict | None:
    (found,) = {r.verdict for r in verified(text, 8) if r.check == check}
    return found


@pytest.mark.parametrize(
    ("size", "busy", "runs"),
    [
        ("2", "fail Full", True),
        ("8", "fail Full", True),
        ("39", "fail Full", True),
        ("60", "fail Full", False),
        ("8", "wait", False),
        ("2", "wait", False),
    ],
)
def test_who_is_refused_where_there_are_so_many(size: str, busy: str, runs: bool) -> None:
    found = verdict(REFUSED.replace("SIZE", size).replace("BUSY", busy), "no_dead_code")
    assert isinstance(found, Proved) == runs, found


@pytest.mark.parametrize(
    ("size", "limit", "body", "late"),
    [
        ("8", "3s", "work", True),
        ("2", "9s", "work", True),
        ("2", "9s", "within 4s { work } else { skip }", False),
        ("2", "9s", "skip", False),
    ],
)
def test_who_is_late_because_so_many_are_ahead(
    size: str, limit: str, body: str, late: bool
) -> None:
    text = LATE.replace("SIZE", size).replace("LIMIT", limit).replace("BODY", body)
    found = verdict(text, "deadline")
    assert isinstance(found, Refuted if late else Proved), found
    if isinstance(found, Refuted):
        assert found.system is not None
        assert replay(found.system, found.trace).ok
        timed = schedule(found.system, found.trace)
        assert timed is not None and timed.steps[-1].time > int(limit[:-1])


@pytest.mark.parametrize(
    ("how", "most", "kind"),
    [("", "7", Refuted), ("advisory", "8", Refuted), ("", "8", None), ("advisory", "9", None)],
)
def test_what_so_many_do_together(how: str, most: str, kind: type[Verdict] | None) -> None:
    found = verdict(COUNTED.replace("HOW", how).replace("MOST", most), "invariant")
    if kind is None:
        assert not isinstance(found, Refuted)
        return
    assert isinstance(found, Refuted), found
    assert found.system is not None and replay(found.system, found.trace).ok
    assert len(found.trace.steps) > int(most)


@pytest.mark.parametrize(
    ("size", "number"), [("2", None), ("5", 6), ("8", 9), ("39", 40), ("40", None)]
)
def test_how_many_are_enough(size: str, number: int | None) -> None:
    text = REFUSED.replace("SIZE", size).replace("BUSY", "wait")
    system = lower(load_text(text, "w.wf"))
    assert enough(system) == number
