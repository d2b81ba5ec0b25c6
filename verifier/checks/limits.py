"""Time limits: `deadline` and `leads_to .. within`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

from ...dsl import ast
from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar, implies, not_, var
from ...semantics.limits import overrun
from ...semantics.lower.contended import longest
from ...semantics.lower.durations import Duration, durations
from ...semantics.lower.times import Lasts
from ...semantics.symbolic import Answer, Encoder, Smt
from ...semantics.system import TimeLimit, TransitionSystem
from ...semantics.trace import Trace
from ...semantics.values import evaluate, fits, initial_state, show_duration
from ...semantics.walks import variables
from ..engines.common import in_domain
from ..engines.timed_alike import first_of_each
from ..session import Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from .arrivals import arrivals
from .blocking import may_never_fit
from .pacing import runs
from .walk import Walker

MILLISECONDS = 3000
FEW, MANY = 8, 200  # runs that are tried, before all states and after


def lasting(session: Session, spec: ast.Spec) -> tuple[Duration, ...]:
    """How long each instance takes, by structure, given which claims never wait; made once."""
    if session.durations is None:
        free = {*session.structure.uncontended(), *arrivals(session, spec).free}
        session.durations = durations(spec, free, room=session.system.room)
    return session.durations


def waiting(session: Session, spec: ast.Spec) -> dict[int, Fraction]:
    """Seconds after which an instance is over, also where claims wait for each other; made once."""
    if session.waiting is None:
        structure = session.structure
        stuck = structure.hold_and_wait(structure.contended()) is not None
        stuck = stuck or bool(may_never_fit(structure))
        session.waiting = (
            {} if stuck else longest(spec, session.structure.uncontended(), session.system.room)
        )
    return session.waiting


def held(session: Session, spec: ast.Spec, limits: Sequence[TimeLimit]) -> Verdict:
    """Limits of one line of the table, all of them."""
    verdicts = []
    for limit in _told_apart(session, limits):
        verdict = _held(session, spec, limit)
        if isinstance(verdict, Refuted):
            return verdict
        verdicts.append(verdict)
    unknown = [v for v in verdicts if isinstance(v, Unknown)]
    return unknown[0] if unknown else verdicts[0]


def _told_apart(session: Session, limits: Sequence[TimeLimit]) -> list[TimeLimit]:
    """Without those of instances that are like another one."""
    later = {i for g in session.system.any_number for i in g.members[1:]}
    mine = [x for x in limits if x.instance not in later]
    return first_of_each(session.system, mine)


def _held(session: Session, spec: ast.Spec, limit: TimeLimit) -> Verdict:
    start: dict[int, Scalar] = {}
    known = ""
    if limit.workflow:
        verdict, start, known = _by_structure(session, spec, limit)
        if verdict is not None:
            return verdict
    some, many = partial(_by_runs, most=FEW), partial(_by_runs, most=MANY)
    constraint = partial(_by_constraint, spec=spec)
    for way in (some, _of_schedule, _by_states, constraint, many):
        verdict = way(session, limit, start)
        if isinstance(verdict, Refuted) and known:
            return replace(verdict, notes=(*verdict.notes, known))
        if verdict is not None:
            return verdict
    why = "no run was found that goes beyond it, and not all states could be visited with clocks"
    return Unknown("structure", f"{why}; {known}" if known else why)


# --- structure ------------------------------------------------------------------------------------


def _by_structure(
    session: Session, spec: ast.Spec, limit: TimeLimit
) -> tuple[Verdict | None, dict[int, Scalar], str]:
    """A proof; or values of parameters for which there may be none, and what stands against it."""
    mine = next(d for d in lasting(session, spec) if d.instance == limit.instance)
    ends = mine.of(limit.workflow)
    if ends is None:
        return None, {}, ""
    if ends.hi is None and limit.workflow == mine.workflow and limit.instance is not None:
        verdict = _by_work(session, spec, limit, limit.instance)
        if verdict is not None:
            return verdict, {}, ""
    return _by_itself(session, limit, mine, ends)


def of_each(session: Session, spec: ast.Spec, limits: Sequence[TimeLimit]) -> Proved | None:
    """A proof of limits of one line of the table, whatever else there is: how long an instance
    takes by itself, where a claim that may have to wait takes any time unless a limit cuts it.  So
    it holds beside any number of others."""
    found: Proved | None = None
    for limit in limits:
        if not limit.workflow:
            return None
        mine = next(d for d in lasting(session, spec) if d.instance == limit.instance)
        ends = mine.of(limit.workflow)
        verdict = None if ends is None else _by_itself(session, limit, mine, ends)[0]
        if verdict is None:
            return None
        found = found or verdict
    return found


def in_the_way(session: Session, spec: ast.Spec, limits: Sequence[TimeLimit]) -> str:
    """Why an instance by itself may go beyond them."""
    for limit in limits:
        if limit.workflow:
            mine = next(d for d in lasting(session, spec) if d.instance == limit.instance)
            ends = mine.of(limit.workflow)
            if ends is not None and ends.hi is None:
                return mine.endless()
    return ""


def _by_itself(
    session: Session, limit: TimeLimit, mine: Duration, ends: Lasts
) -> tuple[Proved | None, dict[int, Scalar], str]:
    """By the terms of the instance alone."""
    if ends.hi is None:
        return None, {}, f"it has no longest time by structure: {mine.endless()}"
    claim = implies(ends.may, mine.arithmetic.within(ends.hi, limit.within))
    if claim is not TRUE:
        answer, start = counter(session.system, claim)
        if answer is not Answer.UNSAT:
            return None, start, f"by structure it takes at most {mine.words(ends.hi)}"
    how = (
        f"its longest way takes {mine.words(ends.hi)}: sums along `;`, the longest of branches "
        "side by side and of alternatives, all attempts of retries with their waits"
    )
    most = mine.arithmetic.extent(ends.hi)[1]
    within = limit.within.value if limit.within.op is Op.CONST else None
    figure = ""
    if most is not None:
        figure = f"at most {show_duration(most)}"
        if within is not None:
            figure += f" of {show_duration(Fraction(within))}"
    return Proved("structure", how, figure), {}, ""


def _by_work(session: Session, spec: ast.Spec, limit: TimeLimit, instance: int) -> Proved | None:
    """Where claims wait for each other."""
    most = waiting(session, spec).get(instance)
    within = limit.within.value if limit.within.op is Op.CONST else None
    if within is None:
        return None
    if most is None or most > within:
        return _by_schedules(session, spec, Fraction(within))
    how = (
        f"it is over after {show_duration(most)}: while some wait for claims, others work with all "
        "units but a few, and not longer than all work takes"
    )
    figure = f"at most {show_duration(most)} of {show_duration(Fraction(within))}"
    return Proved("structure", how, figure)


def _by_schedules(session: Session, spec: ast.Spec, within: Fraction) -> Proved | None:
    """All orders in which claims may be granted, for all durations."""
    from .contended import scheduled

    if not session.may("zones"):
        return None
    found = scheduled(session, spec, session.share(0.4))
    if found is None or found.bound > within:
        return None
    how = (
        f"it is over after {show_duration(found.bound)}: all orders in which claims that fit may "
        "be granted were looked at, with all durations"
    )
    figure = f"at most {show_duration(found.bound)} of {show_duration(within)}"
    return Proved("zones", how, figure)


def _of_schedule(session: Session, limit: TimeLimit, start: dict[int, Scalar]) -> Verdict | None:
    """The run of the schedule that ends last."""
    del start
    found = session.scheduled[0] if session.scheduled is not None else None
    if found is None or found.trace is None or not session.may("zones"):
        return None
    late = beyond(session, limit, found.trace)
    return None if late is None else _shown(session, limit, late, "zones")


def _by_constraint(
    session: Session, limit: TimeLimit, start: dict[int, Scalar], spec: ast.Spec
) -> Verdict | None:
    """A schedule that ends too late, by OR-tools: it counts if the interpreter takes it.  That
    OR-tools finds none proves nothing."""
    from ..engines.schedules import available, latest
    from .contended import contended, run_of

    del start
    within = limit.within.value if limit.within.op is Op.CONST else None
    if not limit.workflow or within is None or not session.may("constraint") or not available():
        return None
    known = contended(session, spec)
    seconds = session.share(0.3)
    if known is None or not known.named or seconds < 1:
        return None
    found = latest(known.tasks, known.capacity, seconds, Fraction(within))
    trace = None if found is None or isinstance(found, bool) else run_of(session, known, found)
    late = None if trace is None else beyond(session, limit, trace)
    return None if late is None else _shown(session, limit, late, "constraint")


def counter(system: TransitionSystem, claim: Expr) -> tuple[Answer, dict[int, Scalar]]:
    """Values of what is free at the start for which the claim is false."""
    if claim is FALSE:
        return Answer.UNKNOWN, {}
    solver = Smt(MILLISECONDS)
    encode = Encoder()
    free = [v for v in system.variables if v.init is None]
    solver.add(encode(not_(claim)), encode(system.initial))
    for v in free:
        solver.add(encode(in_domain(v, var(v.index, v.sort))))
    answer = solver.check()
    start: dict[int, Scalar] = {}
    if answer is Answer.SAT:
        read = variables([claim, system.initial])
        for v in free:
            if v.index in read:
                value = solver.value(encode(var(v.index, v.sort)), v.sort)
                if value is not None and fits(v, value):
                    start[v.index] = value
    return answer, start


# --- all states -----------------------------------------------------------------------------------


def _by_states(session: Session, limit: TimeLimit, start: dict[int, Scalar]) -> Verdict | None:
    from ..engines.overrun import search

    del start
    system = session.system
    if not session.may("search") or system.excluded is not FALSE:
        return None
    result = search(system, limit, session.share(0.75))
    if result is None:
        return None
    watched, found = result
    if not found.beyond:
        how = "all states were visited with their clocks: nothing is owed for longer"
        return Proved("search", how, f"{found.states} states")
    if found.trace is None:
        return None
    timed = session.schedule(watched.system, found.trace)
    if timed is None:
        return None
    steps = tuple(s for s in timed.steps if s.rule != watched.rule)
    initial = timed.initial[: len(system.variables)]
    return _shown(session, limit, Trace(initial, steps, exact=True), "search")


# --- runs -----------------------------------------------------------------------------------------


def _by_runs(
    session: Session, limit: TimeLimit, start: dict[int, Scalar], most: int
) -> Verdict | None:
    """The shortest of some long runs that goes beyond it."""
    system = session.system
    if not session.may("simulation"):
        return None
    initial = start_with(system, start)
    if initial is None:
        return None
    more = Fraction(evaluate(limit.within, initial)) + 1
    best: Trace | None = None
    seconds = session.share(0.15)
    found_runs = runs(system, initial, True, more, seconds, session.options.seed, most)
    for tried, trace in enumerate(found_runs, 1):
        found = beyond(session, limit, replace(trace, exact=True))
        if found is not None and (best is None or len(found.steps) < len(best.steps)):
            best = found
        if best is not None and tried >= FEW:
            break
    return None if best is None else _shown(session, limit, best, "simulation")


def by_runs(session: Session, limits: Sequence[TimeLimit]) -> Verdict | None:
    """REFUTED by the first of some runs, of any arguments, in which one goes beyond its limit: of
    many that are alike one may be late, whichever it is."""
    system = session.system
    initial = start_with(system, {})
    if initial is None or not limits:
        return None
    more = max(Fraction(evaluate(x.within, initial)) for x in limits) + 1
    best: tuple[Trace, TimeLimit] | None = None
    seconds = session.share(0.5)
    for trace in runs(system, initial, True, more, seconds, session.options.seed, FEW):
        states = session.replay(system, trace).states
        for x in limits:
            end = overrun(system, x, states, trace)
            if end is not None and (best is None or end < len(best[0].steps)):
                best = replace(trace, exact=True, steps=trace.steps[:end]), x
        if best is not None:
            break
    return None if best is None else _shown(session, best[1], best[0], "simulation")


def beyond(session: Session, limit: TimeLimit, trace: Trace) -> Trace | None:
    """The run up to where it is seen to go beyond the limit."""
    states = session.replay(session.system, trace).states
    end = overrun(session.system, limit, states, trace)
    return None if end is None else replace(trace, steps=trace.steps[:end])


def start_with(system: TransitionSystem, given: dict[int, Scalar]) -> tuple[Scalar, ...] | None:
    """A first state with these values, as far as that is possible."""
    import random

    walker = Walker(system)
    rng = random.Random(0)
    free = [v for v in system.variables if v.init is None]
    for _ in range(200):
        chosen = {v.index: given.get(v.index, walker.draw(v, rng)) for v in free}
        state = initial_state(system, chosen)
        if evaluate(system.initial, state) is True:
            return state
    return None


def _shown(session: Session, limit: TimeLimit, trace: Trace, engine: str) -> Verdict | None:
    """REFUTED, if the interpreter agrees that it is a timed run which goes beyond the limit."""

    def breaks(states: Sequence[tuple[Scalar, ...]], other: Trace) -> bool:
        return overrun(session.system, limit, states, other) is not None

    replayed = session.replay(session.system, trace)
    if not replayed.ok or not breaks(replayed.states, trace):
        return None
    last = trace.steps[-1].time if trace.steps else Fraction(0)
    late = f"{len(trace.steps)}-step run, {show_duration(last)}"
    verdict = session.confirm(engine, limit.message, trace, limit.span, breaks, figure=late)
    return verdict if isinstance(verdict, Refuted) else None
