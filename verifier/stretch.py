"""Times for a run of the untimed view, if only what must keep its order keeps it.

Steps of the run that touch nothing in common may change places.  What is left is a system of
difference constraints over the times of the steps (Dechter, Meiri, Pearl 1991, "Temporal
constraint networks"): an attempt ends within `takes` of its start, an urgent step is taken when it
becomes possible, dependent steps keep their order.  The least solution gives an order of the
steps that the clock allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ..semantics.expr import Op, Scalar
from ..semantics.system import Rule, TransitionSystem
from ..semantics.trace import Step, Trace
from ..semantics.values import enabled, evaluate, fire
from ..semantics.walks import variables

MOST_STEPS = 200
Edge = tuple[int, int, Fraction]  # time of the second >= time of the first + this


def stretched(system: TransitionSystem, trace: Trace) -> Trace | None:
    """The same steps with times, in the order of these; None if no times fit.

    What else must happen before (urgent steps of other threads) is not in it.
    """
    if trace.loop_at is not None or not 0 < len(trace.steps) <= MOST_STEPS:
        return None
    edges = _constraints(system, trace)
    times = _least(len(trace.steps) + 1, edges)
    order = _ordered(times, edges) if times is not None else None
    if times is None or order is None:
        return None
    steps = [trace.steps[k] for k in order]
    return Trace(
        trace.initial,
        tuple(Step(s.rule, s.inputs, times[k + 1]) for s, k in zip(steps, order, strict=True)),
    )


def _constraints(system: TransitionSystem, trace: Trace) -> list[Edge]:
    """Event 0 is the start, event k + 1 is step k."""
    rules = [system.rules[s.rule] for s in trace.steps]
    states = [trace.initial]
    for step, rule in zip(trace.steps, rules, strict=True):
        states.append(fire(rule, states[-1], step.inputs))
    touched = [_touches(r) for r in rules]
    edges: list[Edge] = []
    for k, rule in enumerate(rules):
        begun = k
        while begun and enabled(rule, states[begun - 1]) and rules[begun - 1] is not rule:
            begun -= 1
        # It became possible with step begun - 1, that is event `begun`.
        if rule.delay is None:
            edges += [(begun, k + 1, Fraction(0)), (k + 1, begun, Fraction(0))]
        else:
            lo = Fraction(evaluate(rule.delay.lo, states[k]))
            edges.append((begun, k + 1, lo))
            if rule.delay.hi is not None:
                edges.append((k + 1, begun, -Fraction(evaluate(rule.delay.hi, states[k]))))
        reads, writes = touched[k]
        for earlier in range(k):
            other_reads, other_writes = touched[earlier]
            if writes & (other_reads | other_writes) or reads & other_writes:
                edges.append((earlier + 1, k + 1, Fraction(0)))
    return edges + _put_off(system, trace, states)


def _put_off(
    system: TransitionSystem, trace: Trace, states: Sequence[tuple[Scalar, ...]]
) -> list[Edge]:
    """An urgent step that the run passes by must not become possible before the step that makes
    it impossible again."""
    taken = {s.rule for s in trace.steps}
    edges: list[Edge] = []
    for rule in system.rules:
        if rule.delay is not None or rule.index in taken:
            continue
        since = -1
        could = False
        for k, state in enumerate(states):
            can = enabled(rule, state)
            if can and not could:
                since = k
            if could and not can and since > 0:
                edges.append((k, since, Fraction(0)))
            could = can
    return edges


def _ordered(times: Sequence[Fraction], edges: Sequence[Edge]) -> list[int] | None:
    """The steps by time; of those at one instant, first what must come first."""
    before: dict[int, set[int]] = {}
    for a, b, apart in edges:
        if a and b and apart == 0 and times[a] == times[b]:
            before.setdefault(b, set()).add(a)
    for k, earlier in before.items():
        # An urgent step follows what it waits for; that is said in both directions.
        for other in list(earlier):
            if k in before.get(other, ()) and other > k:
                earlier.discard(other)
    rest = sorted(range(1, len(times)), key=lambda k: (times[k], k))
    done: list[int] = []
    while rest:
        here = next((k for k in rest if not before.get(k, set()) & set(rest)), None)
        if here is None:
            return None
        rest.remove(here)
        done.append(here)
    return [k - 1 for k in done]


def _touches(rule: Rule) -> tuple[set[int], set[int]]:
    reads = variables([rule.guard, rule.relation, *(e for _, e in rule.updates)])
    reads |= variables([rule.relation], Op.POST)
    return reads, {v for v, _ in rule.updates}


def _least(size: int, edges: list[Edge]) -> list[Fraction] | None:
    """The least times from 0 on (Bellman-Ford); None if the constraints contradict each other."""
    times = [Fraction(0)] * size
    for _ in range(size):
        changed = False
        for a, b, apart in edges:
            if times[a] + apart > times[b]:
                times[b] = times[a] + apart
                changed = True
        if not changed:
            return times if times[0] == 0 else None
    return None
