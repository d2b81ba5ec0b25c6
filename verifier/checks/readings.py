"""Claims about states that hold, or fail, because of how long things take.

Decided on the zone graph of the system in which what the claims read decides, too, and times that
were read are flags (`engines.readings`).  A run
that breaks a claim there is given times, reads those, and is confirmed like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import lcm

from ...semantics.expr import Expr, Op, Scalar
from ...semantics.system import Obligation
from ...semantics.trace import Step, Trace
from ...semantics.values import evaluate
from ...semantics.walks import variables
from ..engines.readings import Read, grain, read
from ..session import Session, breaks_obligation
from ..verdict import Proved, Refuted, Verdict
from .intime import Timed, timed_graph

MOST_RUNS = 20  # that are tried as refutations


def decided(session: Session, goals: Sequence[Obligation]) -> Verdict | None:
    """None where it is not known."""
    system = session.system
    if not session.may("zones"):
        return None
    if system.clock is None and timed_graph(session) is None:
        return None  # what goals read would make it larger still
    # (What holds in each state holds before each step.)
    states = [g if variables([g.cond], Op.POST) else replace(g, every_step=False) for g in goals]
    finest = grain(system, states)
    while True:
        made = read(system, states, finest)
        graph = timed_graph(session.of(made.system)) if made is not None else None
        if made is None or graph is None:
            return None
        finer = Fraction(1, lcm(finest.denominator, *_denominators(graph)))
        if finer == finest:
            break
        finest = finer
    views = [graph.tracked.view(n.state) for n in graph.nodes]
    broken = False
    tried = 0
    for goal, asked in zip(made.goals, goals, strict=True):
        for node, view in enumerate(views):
            taken = [a for a in graph.arcs[node] if a.rule == goal.rule]
            if (goal.rule is not None and not taken) or _holds(goal.cond, view):
                continue
            broken = True
            if tried < MOST_RUNS and session.left() > 0:
                tried += 1
                last = (
                    Step(taken[0].rule, tuple(x for x in taken[0].inputs if x is not None))
                    if taken
                    else None
                )
                found = _refuted(session, made, asked, graph.trace(node), last)
                if found is not None:
                    return found
    if broken:
        return None
    how = "whenever each step is taken; all states were visited with what the clocks show"
    return Proved("zones", how, f"{len(graph.nodes)} states")


def _denominators(graph: Timed) -> set[int]:
    bounds = {x for n in graph.nodes for _, ends in n.armed for _, _, *two in ends for x in two}
    return {x.denominator for x in bounds if isinstance(x, int | Fraction)}


def _holds(e: Expr, view: Sequence[Scalar]) -> bool:
    try:
        return evaluate(e, view) is True
    except KeyError:  # of a variable that the graph does not keep
        return False


def _refuted(
    session: Session, made: Read, goal: Obligation, trace: Trace | None, last: Step | None
) -> Refuted | None:
    """The run with times, which it reads."""
    system = session.system
    if trace is None:
        return None
    if last is not None:
        trace = replace(trace, steps=(*trace.steps, last))
    if not session.replay(made.system, trace).ok:
        return None
    timed = session.schedule(made.system, trace)
    if timed is None:
        return None
    steps = []
    for s in timed.steps:
        if s.rule < len(system.rules):
            reads = any(i.clock for i in system.rules[s.rule].inputs)
            steps.append(replace(s, inputs=(*s.inputs, s.time) if reads else s.inputs))
    whole = Trace(trace.initial[: len(system.variables)], tuple(steps))
    breaks = breaks_obligation(system, goal)
    replayed = session.replay(system, whole)
    if not replayed.ok or not breaks(replayed.states, whole):
        return None
    found = session.confirm("zones", goal.message, whole, goal.span, breaks)
    return found if isinstance(found, Refuted) else None
