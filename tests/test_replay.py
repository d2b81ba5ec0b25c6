"""Every refutation of a golden case is a run: it replays, it has times, and it ends with the
violation."""

from __future__ import annotations

from collections.abc import Sequence

import golden
import judge
import oracle
import pytest
from wfverify.interpreter.retrace import replay
from wfverify.interpreter.timing import Scheduling, schedule
from wfverify.semantics.expr import Expr, Scalar
from wfverify.semantics.limits import overrun
from wfverify.semantics.system import Obligation, TransitionSystem
from wfverify.semantics.trace import Trace
from wfverify.semantics.values import enabled, evaluate
from wfverify.verifier.portfolio import SAFETY
from wfverify.verifier.verdict import Refuted, Result

State = tuple[Scalar, ...]
WHOLE = ("deadlock_free", "can_finish", "terminates", "race_free", "no_dead_code")

# What cannot happen has no run; an unstable loop is shown by its numbers; runs of other workflows
# than the system's are shown as an observer sees them.
COMPARED = ("equivalent", "refines", "upgrade", "law")
WITHOUT_A_RUN = ("no_dead_code", "contracts", "stability", *COMPARED)


def _cases() -> list[str]:
    return [
        name
        for name in golden.names()
        if not golden.expected(name).xfail
        and any(v.startswith("REFUTED") for v, _ in golden.expected(name).verdicts)
    ]


def _ends_with_violation(goal: Obligation, states: Sequence[State], trace: Trace) -> bool:
    if goal.rule is None and not goal.every_step:
        return evaluate(goal.cond, states[-1]) is False
    if not trace.steps or (goal.rule is not None and trace.steps[-1].rule != goal.rule):
        return False
    return evaluate(goal.cond, states[-2], trace.steps[-1].inputs, states[-1]) is False


def _whole(system: TransitionSystem, result: Result) -> list[str]:
    """Claims about all runs from a state, where the system is small enough to look at them all."""
    try:
        world = oracle.World(system, 5000)
    except oracle.TooBig:
        return []
    return judge._problems(world, result, {}, walks=0)


def _owes(
    system: TransitionSystem, owed: Expr, states: Sequence[Sequence[Scalar]], trace: Trace
) -> bool:
    """Something is owed for ever: all the way round, or at an end where nothing can happen."""
    if trace.loop_at is not None:
        return all(evaluate(owed, s) for s in states[trace.loop_at :])
    last = states[-1]
    return bool(evaluate(owed, last)) and not any(enabled(r, last) for r in system.rules)


@pytest.mark.parametrize("name", _cases())
def test_refutations_are_runs(name: str) -> None:
    got = golden.outcome(name)
    assert got.system is not None
    for result in got.results:
        verdict = result.verdict
        if not isinstance(verdict, Refuted):
            continue
        system = verdict.system or got.system
        scheduling = Scheduling(system)
        what = f"{result.check} {result.name}"
        for trace in (verdict.trace, verdict.second):
            if trace is None or not trace.initial:
                assert result.check in WITHOUT_A_RUN or trace is None, what
                continue
            replayed = replay(system, trace)
            assert replayed.ok, f"{what}: {replayed.why}"
            assert schedule(system, trace, scheduling) is not None, what
            assert scheduling.misplaced(trace) is None, what
        limits = [x for x in system.limits if (x.check, x.name) == (result.check, result.name)]
        if limits:
            states = replay(system, verdict.trace).states
            late = [overrun(system, x, states, verdict.trace) for x in limits]
            assert any(x is not None for x in late), what
        elif result.check in WHOLE:
            assert _whole(system, result) == [], what
        elif (result.check, result.name) == ("contracts", "assume"):
            continue  # a run that comes to it; that no run passes is in tests/verifier
        elif result.check in SAFETY and verdict.trace.initial:
            states = replay(system, verdict.trace).states
            goals = [
                o for o in system.obligations if (o.check, o.name) == (result.check, result.name)
            ]
            broken = any(_ends_with_violation(g, states, verdict.trace) for g in goals)
            owed = [g.owed for g in system.liveness if g.name == result.name]
            assert broken or any(_owes(system, o, states, verdict.trace) for o in owed), what
        elif result.check in ("deterministic", "timing_independent"):
            assert verdict.second is not None
            assert verdict.trace.initial == verdict.second.initial
