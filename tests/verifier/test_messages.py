"""Verdicts on random small specs with channels: against all states of the rules (`judge`), and
against an exploration that knows no rules (`message_specs.Explorer`)."""

from __future__ import annotations

import os

import judge
import message_specs
import oracle
import pytest
from message_specs import Explorer, Spec
from oracle import reading
from ticking import Config, Ticking, TooMuch
from wfverify.dsl import load_text
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import schedule
from wfverify.semantics.lower import lower
from wfverify.semantics.system import TransitionSystem
from wfverify.verifier.portfolio import Options, verify
from wfverify.verifier.verdict import Proved, Refuted, Unknown

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


def in_time(system: TransitionSystem) -> tuple[bool, bool] | None:
    """In whole seconds: is a message lost; is there a state from which no end of all is reached?"""
    try:
        moves = Ticking(system, 20_000).moves
    except TooMuch:
        return None
    made: dict[int, object] = {}
    goals = [(o, reading(o.cond, made)) for o in system.obligations if o.check == "messages"]
    lost = False
    for (state, _), steps in moves.items():
        lost |= any(o.rule is None and not cond(state, (), ()) for o, cond in goals)
        # (Of a step: it is never taken; a loss that the environment decides is not asked here.)
        lost |= any(
            o.rule == rule and not cond(state, (), to[0]) for o, cond in goals for rule, to in steps
        )
    ends = [(system.threads[i.root].location, (i.completed, i.failed)) for i in system.instances]
    before: dict[Config, list[Config]] = {}
    for config, steps in moves.items():
        for _, to in steps:
            before.setdefault(to, []).append(config)
    done = {c for c in moves if all(c[0][v] in at for v, at in ends)}
    todo = list(done)
    while todo:
        for config in before.get(todo.pop(), ()):
            if config not in done:
                done.add(config)
                todo.append(config)
    return lost, len(done) < len(moves)


def test_verdicts_are_true_in_time() -> None:
    """Messages grow too old, and who comes too late waits for ever."""
    compared = 0
    proved = 0
    for seed in SEEDS:
        spec = message_specs.from_seed(seed, "protocol ttl wait request unordered")
        where = f"seed {seed}\n{spec.text()}"
        checked = load_text(spec.text(), "s.wf")
        system = lower(checked)
        known = in_time(system)
        if known is None:
            continue
        lost, stuck = known
        found = verify(checked, system, Options(timeout=8), replay=replay, schedule=schedule)
        said = {r.check: r.verdict for r in found if not r.name}
        for check in ("deadlock_free", "terminates", "can_finish"):
            if not isinstance(said[check], Unknown):
                assert isinstance(said[check], Proved) == (not stuck), f"{check}: {where}"
        if isinstance(said["messages"], Proved):
            assert not lost and not stuck, where
            proved += 1
        if isinstance(said["messages"], Refuted):
            assert lost or stuck, where
        compared += 1
    assert compared >= len(SEEDS) // 2 and proved
