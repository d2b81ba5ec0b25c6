"""A round that is never twice the same: whoever goes round once can go round for ever.

A recurrent set (Gupta, Henzinger, Majumdar, Rybalchenko and Xu 2008) is closed: from each of its
states the round's steps, with the round's answers, lead to a state of the set.  Here it is all
states in which every thread is where it is when the round begins, what the round does not change
is as it is there, and the trace's `recurs` holds.

At each step of a round the same rules are then enabled as at that step of the round that is shown,
and for the same times, so that all rounds are possible in time, and fair, where that one is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...semantics.expr import Expr, Op, Scalar, Sort, and_, eq, inp, not_, or_, var
from ...semantics.symbolic import is_valid
from ...semantics.system import Rule, TransitionSystem, VarKind
from ...semantics.trace import Trace
from ...semantics.values import enabled, evaluate, fire
from ...semantics.walks import substitute
from .common import input_condition

MOST_QUESTIONS = 40_000  # rules that are looked at, for each step


def constant(value: Scalar, sort: Sort) -> Expr:
    return Expr(Op.CONST, (), sort, value)


class Reading:
    """The state in the course of a round, in terms of the one at its beginning."""

    def __init__(self, values: dict[int, Expr]) -> None:
        self.values = values
        self._memo: dict[int, Expr] = {}
        self._alive: list[Expr] = []

    def __call__(self, e: Expr, answers: Sequence[Expr] = ()) -> Expr:
        def leaf(n: Expr) -> Expr:
            if n.op is Op.VAR:
                return self.values.get(n.index, n)
            return answers[n.index] if n.op is Op.INPUT else n

        if answers:
            return substitute(e, leaf)
        self._alive.append(e)  # the memo is by identity
        return substitute(e, leaf, self._memo)

    def after(self, rule: Rule, answers: Sequence[Expr]) -> Reading:
        new = {v: self(e, answers) for v, e in rule.updates}
        return Reading({**self.values, **new})


def pinned(system: TransitionSystem, trace: Trace, start: Sequence[Scalar]) -> dict[int, Expr]:
    """What is the same whenever a round begins: places, and what the round does not change."""
    assert trace.loop_at is not None
    rules = [system.rules[s.rule] for s in trace.steps[trace.loop_at :]]
    changed = {v for r in rules for v, _ in r.updates}
    return {
        v.index: constant(start[v.index], v.sort)
        for v in system.variables
        if v.kind is VarKind.LOCATION or v.index not in changed
    }


def inescapable(system: TransitionSystem, trace: Trace) -> bool:
    """Does whoever begins the rounds of a run go round for ever, whatever the answers are?"""
    if trace.loop_at is None:
        return False
    if trace.recurs is None:
        state: Sequence[Scalar] = trace.initial
        for step in trace.steps[: trace.loop_at]:
            state = fire(system.rules[step.rule], state, step.inputs)
        same = (
            eq(var(v.index, v.sort), constant(state[v.index], v.sort)) for v in system.variables
        )
        trace = replace(trace, recurs=and_(*same))
    return recurs(system, trace, True)


def recurs(system: TransitionSystem, trace: Trace, only: bool = False) -> bool:
    """Is the set closed, and does the run come to it?  The run itself must be possible.

    `only`: from the set on there is no other way than this round, whatever the answers are.
    """
    if trace.recurs is None or trace.loop_at is None:
        return False
    steps = trace.steps[trace.loop_at :]
    if len(steps) * len(system.rules) > MOST_QUESTIONS:
        return False
    state: Sequence[Scalar] = trace.initial
    for step in trace.steps[: trace.loop_at]:
        state = fire(system.rules[step.rule], state, step.inputs)
    if evaluate(trace.recurs, state) is not True:
        return False
    first = pinned(system, trace, state)
    reading = Reading(first)
    given = [reading(trace.recurs)]
    questions = 0
    for step in steps:
        rule = system.rules[step.rule]
        if only:
            answers = [inp(questions + k, d.sort) for k, d in enumerate(rule.inputs)]
            questions += len(answers)
        else:
            answers = [constant(x, d.sort) for d, x in zip(rule.inputs, step.inputs, strict=True)]
        wanted = list(_alike(system, reading, state))
        possible = reading(input_condition(rule), answers)
        reading = reading.after(rule, answers)
        counts = not_(reading(system.excluded))
        if only:
            others = [r for r in system.rules if r is not rule and enabled(r, state)]
            if others or not all(_follows(given, w) for w in wanted):
                return False
            given += [possible, counts]
        elif not all(_follows(given, w) for w in (*wanted, possible, counts)):
            return False
        state = fire(rule, state, step.inputs)
        for v, _ in rule.updates:
            if system.variables[v].kind is VarKind.LOCATION:
                here = constant(state[v], Sort.INT)
                if not _follows(given, eq(reading.values[v], here)):
                    return False
                reading.values[v] = here
    back = all(state[v] == e.value for v, e in first.items())
    return back and _follows(given, reading(trace.recurs))


def _alike(system: TransitionSystem, reading: Reading, state: Sequence[Scalar]) -> Iterator[Expr]:
    """That the same rules are enabled as in the state, for the same times."""
    for r in system.rules:
        able = enabled(r, state)
        guard = reading(r.guard)
        yield guard if able else not_(guard)
        if able and r.delay is not None:
            for bound in (r.delay.lo, r.delay.hi):
                if bound is not None:
                    yield eq(reading(bound), constant(evaluate(bound, state), bound.sort))


def _follows(given: Sequence[Expr], goal: Expr) -> bool:
    if goal.op is Op.CONST:
        return goal.value is True
    return is_valid(or_(goal, *(not_(g) for g in given)))
