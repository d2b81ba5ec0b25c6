"""Counterexamples: every run is taken again; of claims about states and steps, of being stuck for
good, and of going round for ever, it is seen to break one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from ..semantics.evidence import Part, Runs
from ..semantics.expr import Scalar
from ..semantics.idle import alike, idle
from ..semantics.system import Obligation, RuleKind, TimeLimit
from ..semantics.trace import Trace
from ..semantics.values import evaluate
from .compared import Comparing
from .facts import Open, Wrong
from .onward import onward, waits_for_ever
from .parting import parted
from .plain import late
from .racing import race
from .recurring import endless
from .runs import Watch, steps
from .shapes import OVER
from .solvers import Solvers
from .striking import struck

# Of two runs; whether durations are answers.
ENVIRONMENT = {"deterministic": True, "timing_independent": False}
NOBODY_MOVES = ("deadlock_free", "terminates", "can_finish")


def refuted(
    watch: Watch,
    solvers: Solvers,
    claim: Mapping[str, str],
    goals: Sequence[Obligation],
    parts: Sequence[Part],
    both: Comparing | None = None,
) -> None:
    """`Wrong` where it is no refutation, `Open` where not all of it can be checked here.  `both`:
    the two workflows that the claim is about."""
    if both is not None:
        both.refuted([p.evidence for p in parts])
        return
    check, name = claim["check"], claim["name"]
    match parts:
        case [Part(Runs((first, second)), _)] if check in ENVIRONMENT:
            parted(watch, first, second, ENVIRONMENT[check])
            _scheduled(watch)
            return
        case [Part(Runs(runs), _)] if runs:
            limits = [x for x in watch.system.limits if (x.check, x.name) == (check, name)]
            broken = [_breaks(watch, solvers, claim, goals, limits, t) for t in runs]
        case _:
            raise Wrong("a refutation is one or two runs")
    if (goals or limits) and True not in broken and check != "messages":
        raise Wrong("the run is possible, and breaks nothing")
    _scheduled(watch)
    if True not in broken:
        raise Open(f"that it refutes {check} was not checked")


def _scheduled(watch: Watch) -> None:
    if watch.system.in_order:
        raise Open(f"that `scheduler {watch.system.scheduler}` takes this run was not checked")


def _breaks(
    watch: Watch,
    solvers: Solvers,
    claim: Mapping[str, str],
    goals: Sequence[Obligation],
    limits: Sequence[TimeLimit],
    trace: Trace,
) -> bool:
    """Raises `Wrong` where it is no run."""
    check, broken, stuck = claim["check"], False, False
    since: dict[int, Fraction] = {}  # of what is owed, by its limit
    before: list[Scalar] = []
    states: list[tuple[Scalar, ...]] = []
    for number, (run, rule) in enumerate(steps(watch, trace)):
        for goal in goals:
            if goal.rule is None and not goal.every_step:
                broken = broken or evaluate(goal.cond, run.state) is False
            elif rule is not None and (goal.every_step or goal.rule == rule.index):
                inputs = trace.steps[number - 1].inputs
                broken = broken or evaluate(goal.cond, before, inputs, run.state) is False
        broken = late(limits, run, since) or broken
        if check == "race_free" and number == len(trace.steps):
            broken = race(run)
        if check == "timeouts":
            broken = broken or struck(claim["name"], before, run, rule)
        before = list(run.state)
        if evaluate(watch.system.excluded, before) is True:
            raise Wrong("the run comes to where an assumption is false: it does not count")
        if number in (trace.loop_at, len(trace.steps)):
            states.append(tuple(before))
        # (A crash need not come.)
        due = [i for i in run.since if watch.system.rules[i].kind is not RuleKind.CRASH]
        stuck = not run.urgent and not due
    if trace.loop_at is not None:
        closes = len(states) == 2 and alike(states[0], states[1], idle(watch.system))
        if not closes and (len(states) < 2 or trace.recurs is None):
            raise Wrong("the loop does not close")
        if check != "can_finish" and (trace.recurs is not None or states[0] == states[1]):
            endless(watch, trace, solvers)
            if check == "terminates":
                return True
    if check in NOBODY_MOVES and trace.loop_at is None and stuck:
        # Nothing can happen any more, and somebody is not over.
        return any(
            t.parent is None
            and before[t.location] not in [p.id for p in t.points if p.kind in OVER]
            and evaluate(watch.system.instances[t.instance].active, before) is True
            for t in watch.system.threads
        )
    if trace.loop_at is None and waits_for_ever(watch.system, check, before):
        return True
    if check == "can_finish" and not onward(watch.system, before).ends:
        return True
    return broken or (stuck and bool(since))
