"""Two runs that end differently, from environments made up at random or after the runs of a part.

It finds runs and proves nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import product

from ...semantics.expr import Op, Scalar
from ...semantics.system import RuleKind, TransitionSystem
from ...semantics.trace import Trace
from ...semantics.values import evaluate
from ..engines.adversary import ALIKE, Adversary
from ..engines.partings import Answers, answers_of, contradiction
from ..engines.timed import Ends, Environment, Occurrence, Pace, Schedules
from ..session import Replayed, Session
from ..verdict import Refuted, Verdict
from .two_runs import one_environment, refuted, results_of
from .walk import Walker

MOST_TRIES = 96  # environments
MOST_STEPS = 5_000  # of a run
SECONDS = 2.0
MOST_MARKS = 64


def at_random(session: Session, why: str, durations: bool) -> Verdict | None:
    """Looks for two runs of one environment (or of two that differ in durations) that part."""
    system = session.system
    walker = Walker(system)
    paces = _paces(system)
    until = time.monotonic() + min(SECONDS, session.share(0.05))
    for number in range(MOST_TRIES):
        if session.left() <= 0 or time.monotonic() > until:
            break
        rng = random.Random(session.options.seed * 7919 + number)
        initial = walker.start(rng)
        if initial is None:
            return None
        failing = (0.0, 0.5, 0.3, 1.0)[number % 4]
        runs: dict[tuple[Scalar, ...], Trace] = {}
        ends: Ends = {}
        for pace in paces if durations else [paces[number % len(paces)]]:
            # Durations may differ from one to the next, answers may not.
            environment = Environment(number, failing, pace, walker.answer, ends)
            schedules = Schedules(system, environment)
            found, _ = schedules.outcomes(initial, max(0.05, (until - time.monotonic()) / 8), 2000)
            for outcome in found if not environment.broken else ():
                runs.setdefault(outcome.result, outcome.trace)
        traces = list(runs.values())
        for i, first in enumerate(traces):
            for second in traces[:i]:
                if one_environment(session, first, second, durations) is None:
                    return refuted(session, second, first, why, "", durations)
    return None


def by_order(session: Session, why: str, durations: bool) -> Verdict | None:
    """Looks for two runs that differ in who is served last, where all last as long as they can, or
    as short.  Such runs are soon made of large systems."""
    system = session.system
    # (Which side of `+` is named is not compared afterwards.)
    if system.in_order or system.reads_clock or system.choices:
        return None
    walker = Walker(system)
    until = time.monotonic() + min(SECONDS, session.share(0.05))
    initial = walker.start(random.Random(session.options.seed))
    ones = {i.workflow: frozenset((i.id,)) for i in reversed(system.instances)}.values()
    others = {i.workflow: frozenset((i.id,)) for i in system.instances}.values()
    for manner in ALIKE if initial is not None else ():
        runs: dict[tuple[Scalar, ...], Trace] = {}
        for last, turns in product(dict.fromkeys((frozenset(), *ones, *others)), (True, False)):
            assert initial is not None
            by = Adversary(system, walker.answer, last, replace(manner, turns=turns))
            trace = by.whole(initial, MOST_STEPS, until)
            # (Durations are answers: the times must be those of the run.)
            if trace is not None and session.schedule(system, replace(trace, exact=True)):
                states = session.replay(system, trace).states
                runs.setdefault(results_of(system, states[-1]), trace)
        first, *rest = runs.values() or (None,)
        for other in rest:
            assert first is not None
            if one_environment(session, first, other, durations) is None:
                return refuted(session, first, other, why, "", durations)
    return None


def as_scheduled(session: Session, why: str, durations: bool) -> Verdict | None:
    """Looks for two runs of one environment among random ones that the declared scheduler takes."""
    system = session.system
    simulate = session.simulator()
    until = time.monotonic() + min(SECONDS, session.share(0.05))
    walker = Walker(system)
    rng = random.Random(session.options.seed)
    free = [v.index for v in system.variables if v.init is None]
    for number in range(8 if simulate is not None else 0):
        initial = walker.start(rng)
        if initial is None:
            return None
        known: list[tuple[Trace, tuple[Scalar, ...], Answers]] = []
        for seed in range(12):
            if time.monotonic() > until or simulate is None:
                return None
            chosen = {v: initial[v] for v in free}
            failing = 0.0 if number % 2 == 0 else 1.0
            trace = simulate(number * 1000 + seed, failing, chosen, ())
            replayed = session.replay(system, trace) if trace is not None else None
            if trace is None or replayed is None or not replayed.ok or not _over(system, replayed):
                continue
            result = results_of(system, replayed.states[-1])
            answers = answers_of(system, trace, replayed.states, not durations)
            for other, its, given in known:
                if its != result and contradiction(answers, given) is None:
                    found = refuted(session, other, trace, why, "", durations)
                    if isinstance(found, Refuted):
                        return found
            known.append((trace, result, answers))
    return None


def _over(system: TransitionSystem, run: Replayed) -> bool:
    """Has every instance ended?"""
    results = results_of(system, run.states[-1])[: len(system.instances)]
    return all(
        at >= 0 or evaluate(i.active, run.states[-1]) is False
        for i, at in zip(system.instances, results, strict=True)
    )


Durations = dict[Occurrence, Fraction]


def as_in_part(
    session: Session, alone: Session, part: Refuted, why: str, durations: bool, seconds: float
) -> Verdict | None:
    """Looks for two runs in which a part of the system does what it does in two runs by itself
    (of the system of `alone`), while the others do something."""
    assert part.second is not None
    system = session.system
    walker = Walker(system)
    until = time.monotonic() + seconds
    told = [_told(alone, t) for t in (part.trace, part.second)]
    ends = {k: v for mine, _ in told for k, v in mine.items()}
    lengths = [d for _, d in told]
    if not durations:
        lengths = [{k: v for d in lengths for k, v in d.items()}]
    paces = _paces(system)
    for number in range(MOST_TRIES):
        pace, failing = paces[number % len(paces)], (0.0, 0.3, 1.0)[number % 3]
        runs: dict[tuple[Scalar, ...], Trace] = {}
        others: Ends = {}
        for given in lengths:
            environment = Environment(
                number, failing, pace, walker.answer, {**others, **ends}, dict(given)
            )
            schedules = Schedules(system, environment)
            left = max(0.05, (until - time.monotonic()) / 4)
            found, _ = schedules.outcomes(part.trace.initial, left, 2000)
            others |= environment.ends
            for outcome in found if not environment.broken else ():
                runs.setdefault(outcome.result, outcome.trace)
        for first, second in _pairs(list(runs.values())):
            if one_environment(session, first, second, durations) is None:
                verdict = refuted(session, second, first, why, "", durations)
                if isinstance(verdict, Refuted):
                    return verdict
        if time.monotonic() > until:
            break
    return None


def _pairs(traces: list[Trace]) -> Iterator[tuple[Trace, Trace]]:
    yield from ((x, y) for i, x in enumerate(traces) for y in traces[:i])


def _told(session: Session, trace: Trace) -> tuple[Ends, Durations]:
    """How the attempts of a run ended, and how long they and the waits took."""
    ends: Ends = {}
    lengths: Durations = {}
    replayed = session.replay(session.system, trace)
    for question, answer in answers_of(session.system, trace, replayed.states, True).items():
        match question, answer:
            case (
                ("end", (("attempt", str() as name), int() as number)),
                ((str() as kind, str() as what), tuple() as inputs),
            ):
                if kind != RuleKind.TIMEOUT.value:
                    ends[name, number] = ((kind, what), inputs)
            case ("time", (("attempt", str() as name), int() as number)), (
                "=",
                Fraction() as length,
            ):
                lengths[name, number] = length
            case ("time", (("wait", int() as rule), int() as number)), ("=", Fraction() as length):
                lengths[session.system.rules[rule].name, number] = length
    return ends, lengths


def _marks(system: TransitionSystem) -> list[Fraction]:
    """Times of limits, and what is left of them after a step that is as fast as it can be."""
    limits: set[Fraction] = set()
    steps: set[Fraction] = {Fraction(0)}
    for r in system.rules:
        lo = r.delay.lo if r.delay is not None else None
        if lo is not None and lo.op is Op.CONST and isinstance(lo.value, int | Fraction):
            struck = r.kind in (RuleKind.INTERRUPT, RuleKind.TIMEOUT)
            (limits if struck else steps).add(Fraction(lo.value))
    return sorted({m - s for m in limits for s in steps if m >= s})[:MOST_MARKS]


def _paces(system: TransitionSystem) -> list[Pace]:
    marks = _marks(system)

    def just(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        """So that a limit strikes at the very moment, where that may be."""
        meet = [m for m in marks if lo <= m and (hi is None or m <= hi)]
        return rng.choice(meet) if meet else lo

    def lowest(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        return lo

    def level(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        """The same for as many as possible."""
        up = Fraction(-(-lo.numerator // lo.denominator))
        for value in (Fraction(1), Fraction(2), Fraction(5), up):
            if lo <= value and (hi is None or value <= hi):
                return value
        return lo

    def highest(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        return hi if hi is not None else lo + 100

    def mixed(lo: Fraction, hi: Fraction | None, rng: random.Random) -> Fraction:
        top = hi if hi is not None else lo + rng.choice([1, 10, 1000])
        return lo + (top - lo) * Fraction(rng.randrange(5), 4)

    return [level, just, mixed, highest, lowest, mixed]


__all__ = ["as_in_part", "as_scheduled", "at_random", "by_order"]
