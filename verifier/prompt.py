"""Runs like a given one that are possible in time: nothing urgent is put off, or by the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice
from math import inf

from ..semantics.expr import Scalar
from ..semantics.idle import idle
from ..semantics.system import Rule, RuleKind, TransitionSystem
from ..semantics.trace import Step, Trace
from ..semantics.values import enabled, evaluate, fire
from .engines.fair import Clock, clock, served
from .stretch import stretched
from .timely import MOST_RULES, played

ROUNDS = 4  # of a loop, in the search for one that is possible in time
MOST = 12  # rounds that are tried, for each order


def alike(system: TransitionSystem, trace: Trace) -> Iterator[Trace]:
    """Runs with the same steps in other orders; of a loop, several rounds of it.

    Whether they show what the trace shows is for the caller to see.
    """
    if trace.loop_at is None:
        for change in (promptly, played, by_clock):
            found = change(system, trace)
            if found is not None and found != trace:
                yield found
        found = stretched(system, trace)
        if found is not None:
            yield found
            for more in (promptly, played):
                longer = more(system, found)
                if longer is not None:
                    yield longer
        return
    if len(system.rules) > MOST_RULES:
        return
    around = trace.steps[trace.loop_at :]
    moving = {system.rules[s.rule].thread for s in around}
    flat = Trace(trace.initial, trace.steps + ROUNDS * around)
    for order in (promptly, by_clock):
        found = order(system, flat)
        if found is not None:
            yield from islice(rounds(system, found, moving), MOST)


def promptly(system: TransitionSystem, trace: Trace) -> Trace | None:
    """The same run with urgent steps taken before time passes, where that is possible.

    Before each step that takes time, enabled urgent steps are taken: those that come later in
    the trace are brought forward, others are added.  None if a step of the trace is lost by it.
    """
    rules = system.rules
    urgent = [r for r in rules if r.delay is None and not r.inputs]
    state = trace.initial
    rest = list(trace.steps)
    done: list[Step] = []
    limit = 50 * (len(rest) + 10)
    while rest:
        step = rest[0]
        if rules[step.rule].delay is not None:
            able = {r.index for r in urgent if enabled(r, state)}
            here = next((k for k, s in enumerate(rest) if s.rule in able), None)
            if here is not None:
                step = rest.pop(here)
            elif able:
                step = Step(min(able))
            else:
                rest.pop(0)
        else:
            rest.pop(0)
        if not enabled(rules[step.rule], state):
            return None
        state = fire(rules[step.rule], state, step.inputs)
        done.append(step)
        if len(done) > limit:
            return None
    return Trace(trace.initial, tuple(done))


def by_clock(system: TransitionSystem, trace: Trace) -> Trace | None:
    """Each thread takes its own steps, in their order; which thread is next says the clock.

    Everything lasts as short as it can.  Ends where no thread can take its next step.
    """
    rules = system.rules
    rest: dict[int, list[Step]] = {}
    for step in reversed(trace.steps):
        rest.setdefault(rules[step.rule].thread, []).append(step)
    delayed = [r for r in rules if r.delay is not None]
    state = trace.initial
    since: dict[int, Fraction] = {r.index: Fraction(0) for r in delayed if enabled(r, state)}
    now = Fraction(0)
    done: list[Step] = []
    while any(rest.values()):
        due: list[tuple[Fraction, int]] = []
        for thread, steps in rest.items():
            if steps and enabled(rules[steps[-1].rule], state):
                delay = rules[steps[-1].rule].delay
                begun = since.get(steps[-1].rule, now)
                lo = Fraction(evaluate(delay.lo, state)) if delay is not None else Fraction(0)
                due.append((max(now, begun + lo) if delay is not None else now, thread))
        if not due:
            break
        # Of what is due at once, what is urgent; time does not pass while it can be taken.
        at, thread = min(due, key=lambda d: (d[0], rules[rest[d[1]][-1].rule].delay is not None))
        step = rest[thread].pop()
        now = at
        state = fire(rules[step.rule], state, step.inputs)
        done.append(Step(step.rule, step.inputs))
        able = {r.index for r in delayed if enabled(r, state)}
        since = {i: now if i == step.rule else since.get(i, now) for i in able}
    return Trace(trace.initial, tuple(done)) if done else None


def rounds(
    system: TransitionSystem, flat: Trace, moving: set[int], until: float = inf
) -> Iterator[Trace]:
    """Beginnings of the run, shortest first, that end with a fair round in which at least these
    threads move; `until` (of the monotonic clock) they are looked for.

    In a longer one each clock may show at the end what it showed at its begin.
    """
    rules = system.rules
    left_out = idle(system)

    def seen(state: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
        return tuple(x for v, x in enumerate(state) if v not in left_out)

    states = [flat.initial]
    visits: dict[tuple[Scalar, ...], list[int]] = {seen(flat.initial): [0]}
    for end, step in enumerate(flat.steps, 1):
        states.append(fire(rules[step.rule], states[-1], step.inputs))
        visited = visits.setdefault(seen(states[-1]), [])
        for begin in visited:
            if time.monotonic() > until:
                return
            around = flat.steps[begin:end]
            moved = {rules[s.rule].thread for s in around}
            if moving <= moved and is_fair(system, around, states[begin:end]):
                yield Trace(flat.initial, flat.steps[:end], begin)
        visited.append(end)


def is_fair(
    system: TransitionSystem, around: Sequence[Step], states: Sequence[Sequence[Scalar]]
) -> bool:
    """Is a round fair (`engines.fair`)?  `states[i]` is the state before its step i."""
    rules = system.rules
    taken = [rules[s.rule] for s in around]
    timeless = all(instant(r, s) for r, s in zip(taken, states, strict=True))
    if timeless and system.in_order:
        return True
    moved = {r.thread for r in taken}
    rung = {clock(r) for r in taken if r.delay is not None}
    threads = {r.thread for r in rules} - moved
    # (A crash need not come.)
    due = {clock(r) for r in rules if r.delay is not None and r.kind is not RuleKind.CRASH}
    clocks = set() if timeless else due - rung
    for state in states:
        if not threads and not clocks:
            break
        able = [
            r
            for r in rules
            if (r.thread in threads or (r.delay is not None and clock(r) in clocks))
            and enabled(r, state)
        ]
        threads &= {r.thread for r in able if r.delay is None or _at_once(r, state)}
        clocks &= {clock(r) for r in able if r.delay is not None}
    if threads or clocks:
        return False
    # In turn: whoever could be granted a claim now and then is granted it.
    asking = [rules[i] for i in served(system) if rules[i].thread not in moved]
    return not any(enabled(r, state) for r in asking for state in states)


def instant(rule: Rule, state: Sequence[Scalar]) -> bool:
    """May it be taken as soon as it is possible?"""
    return rule.delay is None or evaluate(rule.delay.lo, state) <= 0


def _at_once(rule: Rule, state: Sequence[Scalar]) -> bool:
    assert rule.delay is not None
    return rule.delay.hi is not None and evaluate(rule.delay.hi, state) <= 0


def overdue(system: TransitionSystem, trace: Trace) -> bool:
    """Does a round in which no time passes keep something waiting that is due by then?"""
    assert trace.loop_at is not None
    delayed = [r for r in system.rules if r.delay is not None]
    state = trace.initial
    begun: dict[Clock, Fraction] = {}  # since when each clock runs
    waiting: set[Clock] | None = None
    now = Fraction(0)
    for number, step in enumerate(trace.steps):
        able = [r for r in delayed if enabled(r, state)]
        begun = {clock(r): begun.get(clock(r), now) for r in able}
        rule = system.rules[step.rule]
        now = step.time
        if number >= trace.loop_at:
            if not instant(rule, state):
                return False
            late = _late(able, state, begun, now)
            waiting = late if waiting is None else waiting & late
        if rule.delay is not None:
            begun.pop(clock(rule), None)
            if waiting is not None:
                waiting.discard(clock(rule))
        state = fire(rule, state, step.inputs)
    return bool(waiting)


def _late(
    able: Sequence[Rule], state: Sequence[Scalar], begun: Mapping[Clock, Fraction], now: Fraction
) -> set[Clock]:
    """Clocks at the end of their time: of an attempt, of its longest end or of a time-out."""
    open_: set[Clock] = set()
    over: set[Clock] = set()
    for r in able:
        assert r.delay is not None
        hi = None if r.delay.hi is None else Fraction(evaluate(r.delay.hi, state))
        if hi is None or now < begun[clock(r)] + hi:
            open_.add(clock(r))
        elif r.kind is RuleKind.TIMEOUT:
            over.add(clock(r))
    return over | ({clock(r) for r in able} - open_)
