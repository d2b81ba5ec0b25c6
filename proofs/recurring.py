"""Runs that go round for ever: is the set closed, from each state of which a round is taken?

The set: every thread is where it is when the round begins, what the round does not write is as it
is there, and `recurs` holds; without `recurs` it is that one state.  In the course of the round the
same rules must be enabled whatever the state of the set is, so that what the times and the fairness
of one round are, they are of all.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..semantics.expr import TRUE, Expr, Op, Scalar, Sort, eq, not_
from ..semantics.system import Rule, RuleKind
from ..semantics.trace import Trace
from ..semantics.values import evaluate
from ..semantics.walks import substitute
from .facts import Open, Wrong
from .reading import of_type, settled
from .runs import Watch, steps
from .solvers import Solvers

MOST = 100_000  # rules looked at, for each step


def endless(watch: Watch, trace: Trace, solvers: Solvers) -> None:
    """The run can go on for ever and is fair: `Wrong` where its set is not closed, `Open` where it
    is not plain that nobody else has to move."""
    assert trace.loop_at is not None
    system = watch.system
    around = [system.rules[s.rule] for s in trace.steps[trace.loop_at :]]
    if len(around) * len(system.rules) > MOST:
        raise Open("that it goes on for ever was not checked: it is too long")
    states = [tuple(run.state) for run, _ in steps(watch, trace)][trace.loop_at :]
    written = {v for r in around for v, _ in r.updates} - watch.locations
    same = {
        v.index: _constant(x, v.sort)
        for v, x in zip(system.variables, states[0], strict=True)
        if v.index not in written or trace.recurs is None
    }
    given = TRUE if trace.recurs is None else settled(trace.recurs, same)
    if given.sort is not Sort.BOOL or evaluate(given, states[0]) is not True:
        raise Wrong("the run does not come to where its rounds begin")
    asked = _Asked(solvers, given)
    now: dict[int, Expr] = dict(same)
    for rule, step, state in zip(around, trace.steps[trace.loop_at :], states, strict=False):
        for r in system.rules:
            try:
                _alike(asked, r, now, state)
            except Wrong as wrong:
                if r is rule:
                    raise
                # The round can be taken all the same; whether for others it is the same is open.
                raise Open(str(wrong)) from None
        answers = [_constant(x, d.sort) for d, x in zip(rule.inputs, step.inputs, strict=True)]
        after = {**now, **{v: _put(e, now, answers) for v, e in rule.updates}}
        asked(_put(rule.relation, now, answers, after), f"the answers of `{rule.name}`")
        for d, x in zip(rule.inputs, answers, strict=True):
            for part in of_type(d, x):
                asked(part, f"the answers of `{rule.name}`")
        asked(not_(settled(system.excluded, after)), "that the round counts")
        now = after
    for v in watch.locations:
        asked(eq(now[v], _constant(states[0][v], Sort.INT)), "where the threads are")
    if trace.recurs is not None:
        asked(settled(trace.recurs, now), "that another round follows")
    _fair(watch, around, states[:-1])


class _Asked:
    """Questions about all states of the set."""

    def __init__(self, solvers: Solvers, given: Expr) -> None:
        self.solvers = solvers
        self.given = given

    def __call__(self, goal: Expr, what: str) -> None:
        if goal is not TRUE and not self.solvers.proves([self.given], goal):
            raise Wrong(f"not so in every round: {what}")


def _constant(value: Scalar, sort: Sort) -> Expr:
    return Expr(Op.CONST, (), sort, value)


def _put(
    e: Expr, now: dict[int, Expr], answers: Sequence[Expr], after: dict[int, Expr] | None = None
) -> Expr:
    """With the answers, and the state before and after."""

    def leaf(n: Expr) -> Expr:
        match n.op:
            case Op.INPUT:
                return answers[n.index]
            case Op.VAR:
                return now.get(n.index, n)
            case Op.POST if after is not None and n.index in after:
                return after[n.index]
        return n if n.op is Op.CONST else Expr(Op.VAR, (), n.sort, n.value)

    return substitute(e, leaf)


def _alike(asked: _Asked, rule: Rule, now: dict[int, Expr], state: Sequence[Scalar]) -> None:
    """The rule is enabled as in the state, for the same times."""
    able = evaluate(rule.guard, state) is True
    guard = settled(rule.guard, now)
    asked(guard if able else not_(guard), f"whether `{rule.name}` is enabled")
    if able and rule.delay is not None:
        for bound in (rule.delay.lo, rule.delay.hi):
            if bound is not None:
                here = _constant(evaluate(bound, state), bound.sort)
                asked(eq(settled(bound, now), here), f"the times of `{rule.name}`")


def _fair(watch: Watch, around: Sequence[Rule], states: Sequence[Sequence[Scalar]]) -> None:
    """Nobody but the threads of the round could take a step, and no clock runs into it."""
    moving = {r.thread for r in around}
    for k, state in enumerate(states):
        for r in watch.system.rules:
            if r.kind is RuleKind.CRASH or evaluate(r.guard, state) is not True:
                continue  # (a crash need not come)
            if r.thread not in moving:
                raise Open(f"that others may be kept waiting was not checked: `{r.name}`")
            if k == 0 and r.delay is not None:
                raise Open(f"the clock of `{r.name}` runs into the rounds")
