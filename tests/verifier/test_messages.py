"""Verdicts on random small specs with channels: against all states of the rules (`judge`), and
against an exploration that knows no rules (`message_specs.Explorer`)."""

from __future__ import annotations

import os

import judge
import message_specs
import oracle
import pytest
from message_specs import Explorer, Spec
from wfverify.verifier.verdict import Proved, Refuted

# A longer campaign: WFVERIFY_SEEDS=0..1000 pytest tests/verifier/test_messages.py
SEEDS = range(*map(int, os.environ.get("WFVERIFY_SEEDS", "0..8").split("..")))
FORMS = (
    "",
    "where unordered len delivery broadcast keyed environment within request",
    "protocol",
    "protocol unordered delivery broadcast keyed request",
)


def truths(spec: Spec) -> tuple[bool, bool] | None:
    """Is a message lost, or an answer? Does a process stand before a message step for ever?  The
    second only of processes without branches, None if there are too many states."""
    explorer = Explorer(spec, 3000)
    if not explorer.explore():
        return None
    lost = any(explorer.left(w) or w.lost or w.orphan for w in explorer.states)
    return lost, any(explorer.waiting(w, k) for w, k in explorer.stuck())


@pytest.mark.parametrize("forms", FORMS)
def test_verdicts_are_true(forms: str) -> None:
    compared = 0
    for seed in SEEDS:
        spec = message_specs.from_seed(seed, forms)
        where = f"seed {seed}\n{spec.text()}"
        try:
            judged = judge.judge(spec.text(), timeout=8, limit=400)
        except oracle.TooBig:
            continue
        assert judged.problems == [], where
        known = truths(spec)
        plain = all(t[0] != "par" for p in spec.processes.values() for t in message_specs.parts(p))
        if known is None:
            continue
        lost, waits = known
        for r in judged.results:
            if r.check == "messages" and isinstance(r.verdict, Proved):
                assert not lost and not (waits and plain), where
            if r.check == "messages" and isinstance(r.verdict, Refuted) and plain:
                assert lost or waits, where
            if r.check == "deadlock_free" and isinstance(r.verdict, Proved) and plain:
                assert not waits, where
        compared += 1
    assert compared >= len(SEEDS) // 2
