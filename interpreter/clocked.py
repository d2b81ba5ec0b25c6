"""Runs whose steps read the clock: when must each step be taken so that the run is what it was?

The untimed view lets a step read any time.  Here the times are found anew: the steps of the run are
followed with unknown instants, so that each is possible, each comes when the timed system allows
it, and what was violated at the end is violated again.  Data that depends on times is part of the
question, so it is put to a solver; the answer is replayed like any other run.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

import z3

from ..semantics.expr import Expr, Op, Scalar, Sort, const
from ..semantics.symbolic import Answer, Encoder, Smt, Term, negated
from ..semantics.system import Obligation, TransitionSystem
from ..semantics.trace import Trace
from ..semantics.values import evaluate, fire

_MILLISECONDS = 2000

# (earlier, later, seconds): instants are numbered from the start, 0
Apart = tuple[int, int, Fraction]
Read = tuple[int, int]  # a rule, and the instant at which its delay was read


def fitted(
    system: TransitionSystem,
    trace: Trace,
    lower: Sequence[Apart],
    upper: Sequence[Apart],
    read: tuple[Mapping[int, Read], Mapping[int, Read]] = ({}, {}),
) -> Trace | None:
    """The same steps, each of which reads the time at which it can be taken; None: none was found.

    `lower` and `upper` say how far two instants must be apart, at least and at most.  Those that
    are `read` are the delay of a rule at an instant, which may depend on the times.
    """
    if trace.loop_at is not None:
        return trace
    solver = Smt(_MILLISECONDS)
    instants = [z3.RealVal(0), *(z3.Real(f"t{k + 1}") for k in range(len(trace.steps)))]
    for before, after in itertools.pairwise(instants):
        solver.add(before <= after)
    state: list[Term] = [_constant(v) for v in trace.initial]
    values = trace.initial
    states = [state]
    for k, step in enumerate(trace.steps):
        rule = system.rules[step.rule]
        inputs = [
            instants[k + 1] if given.clock else _constant(value)
            for given, value in zip(rule.inputs, step.inputs, strict=True)
        ]
        new = list(state)
        at = _reading(state, inputs, new)
        solver.add(at(rule.guard), at(rule.relation))
        for v, e in rule.updates:
            new[v] = at(e)
        after_values = fire(rule, values, step.inputs)
        if k + 1 == len(trace.steps):
            last = _reading(state, inputs, new)
            here = _reading(new, (), new)
            for o in system.obligations:
                if o.rule == step.rule and _violated(o, values, step.inputs, after_values):
                    solver.add(negated(last(o.cond)))
                elif o.rule is None and not o.every_step and _violated(o, after_values, (), ()):
                    solver.add(negated(here(o.cond)))
        state, values = new, after_values
        states.append(state)
    for k, (i, j, apart) in enumerate(lower):
        least = _limits(system, states, read[0].get(k))[0]
        solver.add(instants[j] - instants[i] >= (_number(apart) if least is None else least))
    for k, (i, j, apart) in enumerate(upper):
        most = _limits(system, states, read[1].get(k))[1]
        solver.add(instants[j] - instants[i] <= (_number(apart) if most is None else most))
    if solver.check() is not Answer.SAT:
        return None
    steps = []
    for step, instant in zip(trace.steps, instants[1:], strict=True):
        time = solver.value(instant, Sort.REAL)
        given = zip(system.rules[step.rule].inputs, step.inputs, strict=True)
        if time is None:
            return None
        answers = tuple(Fraction(time) if i.clock else value for i, value in given)
        steps.append(replace(step, inputs=answers))
    return replace(trace, steps=tuple(steps))


def _limits(
    system: TransitionSystem, states: Sequence[Sequence[Term]], read: Read | None
) -> tuple[Term | None, Term | None]:
    """The ends of a delay as it was read, never negative, never empty (`clock.delay_bounds`)."""
    delay = system.rules[read[0]].delay if read is not None else None
    if read is None or delay is None:
        return None, None
    at = _reading(states[read[1]], (), ())
    low = _most(at(delay.lo), _number(Fraction(0)))
    return low, None if delay.hi is None else _most(at(delay.hi), low)


def _most(a: Term, b: Term) -> Term:
    return z3.If(a < b, b, a)


def _reading(state: Sequence[Term], inputs: Sequence[Term], after: Sequence[Term]) -> Encoder:
    def leaf(node: Expr) -> Term:
        if node.op is Op.VAR:
            return state[node.index]
        return (after if node.op is Op.POST else inputs)[node.index]

    return Encoder(leaf=leaf)


def _violated(
    o: Obligation, state: Sequence[Scalar], inputs: Sequence[Scalar], after: Sequence[Scalar]
) -> bool:
    return evaluate(o.cond, state, inputs, after) is False


def _number(value: Fraction) -> Term:
    return z3.RealVal(f"{value.numerator}/{value.denominator}")


def _constant(value: Scalar) -> Term:
    return Encoder()(const(value))
