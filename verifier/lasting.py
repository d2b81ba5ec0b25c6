"""How long each workflow takes: bounds by structure, and runs that attain them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil

from ..dsl import ast
from ..dsl.records import dataclass
from ..semantics.expr import FALSE, TRUE, Expr, Scalar, const, not_
from ..semantics.lower.durations import Duration
from ..semantics.system import TimeLimit
from ..semantics.trace import Trace
from ..semantics.values import evaluate, show_duration
from ..semantics.walks import variables
from .checks.contended import contended, run_of, scheduled
from .checks.limits import lasting, start_with, waiting
from .checks.pacing import ends_of, runs
from .engines.overrun import search
from .engines.schedules import available, latest
from .engines.search_threads import ended
from .session import Session

MOST_CORNERS = 64
MOST_HALVES = 12  # times between a run that was found and a bound that are tried
FAR = Fraction(3600)  # seconds that are added where nothing bounds a time


@dataclass(frozen=True, slots=True)
class Attained:
    """A run in which the instance is over after `seconds`, and no other that was seen is more
    extreme."""

    seconds: Fraction
    trace: Trace


@dataclass(frozen=True, slots=True)
class Lasting:
    """Of one instance.  `least` and `most` are formulas; the values are those of all parameters:
    nothing is shorter than `least_value`, nothing longer than `most_value` (None: not bounded, and
    `why`).  `exact`: both are attained for each value of the parameters, by structure."""

    name: str
    workflow: str
    least: str
    least_value: Fraction
    most: str
    most_value: Fraction | None
    exact: bool
    why: str
    believed: Fraction | None = None  # what OR-tools says that nothing exceeds
    shortest: Attained | None = None
    longest: Attained | None = None
    how: str = "structure"  # by which nothing is longer

    @property
    def least_attained(self) -> bool:
        return self.shortest is not None and self.shortest.seconds == self.least_value

    @property
    def most_attained(self) -> bool:
        return self.longest is not None and self.longest.seconds == self.most_value


def measured(session: Session, spec: ast.Spec) -> list[Lasting]:
    """Of every instance that there can be."""
    found = [d for d in lasting(session, spec) if d.active is TRUE or variables([d.active])]
    out = [_bounds(session, spec, d) for d in found]
    if spec.system is not None and any(i.arrive for i in spec.system.instances):
        return out  # (Of runs the times from the start are seen, not those from an arrival.)
    out = [_scheduled(session, spec, x) for x in out]
    shortest = _extremes(session, found, False)
    out = [replace(x, shortest=shortest.get(d.instance)) for x, d in zip(out, found, strict=True)]
    if all(x.most_attained for x in out):
        return out
    longest = _extremes(session, found, True)
    out = [
        replace(x, longest=_later(x.longest, longest.get(d.instance)))
        for x, d in zip(out, found, strict=True)
    ]
    out = [_by_states(session, x, d) for x, d in zip(out, found, strict=True)]
    if len(out) == 1 and not (out[0].exact or out[0].most_attained):
        return [_constrained(session, spec, out[0])]
    return out


def _later(a: Attained | None, b: Attained | None) -> Attained | None:
    if a is None or b is None:
        return b if a is None else a
    return a if a.seconds >= b.seconds else b


def _scheduled(session: Session, spec: ast.Spec, x: Lasting) -> Lasting:
    """With the schedule that ends last, where claims wait for each other."""
    if x.exact:
        return x
    found = scheduled(session, spec, session.left() * 0.8)
    if found is None:
        return x
    if found.trace is not None:
        x = replace(x, longest=Attained(found.seconds, found.trace))
    if x.most_value is None or found.bound < x.most_value:
        x = replace(x, most=show_duration(found.bound), most_value=found.bound, how="all schedules")
    return x


def _by_states(session: Session, x: Lasting, d: Duration) -> Lasting:
    """With what all states with their clocks say, where claims wait for each other: at best that
    nothing is later than the run that was found."""
    system = session.system
    asks = session.may("search") and d.contended and system.excluded is FALSE
    if x.exact or x.most_attained or x.longest is None or not asks or d.active is not TRUE:
        return x
    owed = not_(ended(system, system.instances[d.instance]))
    seen, high = x.longest.seconds, x.most_value
    low = within = seen
    until = time.monotonic() + session.share(0.3)
    for _ in range(MOST_HALVES):
        left = until - time.monotonic()
        if left <= 0 or (high is not None and within >= high):
            break
        limit = TimeLimit("deadline", d.workflow, owed, const(within), "", d.span, d.instance)
        result = search(system, limit, left / 2)
        if result is not None and not result[1].beyond:
            high = within
            x = replace(x, most=show_duration(high), most_value=high, how="all states", why="")
        else:
            low = within
        if high is None or high == seen:
            break
        within = Fraction(ceil((low + high) / 2))
    return x


def _constrained(session: Session, spec: ast.Spec, x: Lasting) -> Lasting:
    """With what OR-tools finds, if it is there."""
    known = contended(session, spec)
    if not available() or session.left() < 1 or known is None or not known.named:
        return x
    found = latest(known.tasks, known.capacity, session.left() * 0.9)
    if found is None or isinstance(found, bool):
        return x
    trace = run_of(session, known, found)
    mine = None if trace is None else Attained(trace.steps[-1].time, trace)
    return replace(x, longest=_later(x.longest, mine), believed=found.bound)


def _bounds(session: Session, spec: ast.Spec, d: Duration) -> Lasting:
    completes = d.completes or d.ends
    least, most = completes.lo, d.ends.hi
    lo = d.arithmetic.extent(least)[0] or Fraction(0)
    hi = None if most is None else d.arithmetic.extent(most)[1]
    exact = completes.exact and d.ends.exact
    words = "" if most is None else d.words(most)
    why = d.endless() if most is None else ""
    if most is None and not d.open and not d.restless:
        hi = waiting(session, spec).get(d.instance)
        if hi is not None:
            words, why = show_duration(hi), ""
    return Lasting(d.name, d.workflow, d.words(least), lo, words, hi, exact, why)


def _corners(session: Session, terms: Sequence[Expr]) -> list[dict[int, Scalar]]:
    """The ends of the ranges of what the terms speak of."""
    system = session.system
    free = [system.variables[v] for v in sorted(variables(terms))]
    ends: list[tuple[Scalar, ...]] = []
    for v in free:
        if v.init is not None or v.lo is None or v.hi is None:
            continue
        ends.append((v.lo, v.hi))
    names = [v.index for v in free if v.init is None and v.lo is not None and v.hi is not None]
    chosen = itertools.islice(itertools.product(*ends), MOST_CORNERS)
    return [dict(zip(names, values, strict=True)) for values in chosen]


def _extremes(session: Session, found: Sequence[Duration], slow: bool) -> dict[int, Attained]:
    """The most extreme runs of each instance that are found with some environments."""
    out: dict[int, Attained] = {}
    terms = [e for d in found for e in _ends(d, slow)]
    corners = _corners(session, terms)
    until = time.monotonic() + session.share(0.4)
    for number, corner in enumerate(corners):
        initial = start_with(session.system, corner)
        if initial is None or any(initial[v] != x for v, x in corner.items()):
            continue
        share = (until - time.monotonic()) / (len(corners) - number)
        for trace in runs(session.system, initial, slow, FAR, max(share, 0.1), most=40):
            _note(session, found, slow, trace, out)
        if _all_attained(found, out, slow):
            break
    return out


def _ends(d: Duration, slow: bool) -> list[Expr]:
    lasts = d.ends if slow else (d.completes or d.ends)
    return [lasts.lo] if not slow else [lasts.hi] if lasts.hi is not None else []


def _note(
    session: Session,
    found: Sequence[Duration],
    slow: bool,
    trace: Trace,
    out: dict[int, Attained],
) -> None:
    states = session.replay(session.system, trace).states
    ends = ends_of(session.system, trace, states)
    for d in found:
        if d.instance not in ends or evaluate(d.active, trace.initial) is not True:
            continue
        seconds, completed = ends[d.instance]
        if not slow and d.completes is not None and not completed:
            continue
        known = out.get(d.instance)
        better = known is None or (seconds > known.seconds if slow else seconds < known.seconds)
        if better:
            last = next(k for k, state in enumerate(states) if _over(session, d, state))
            run = replace(trace, steps=trace.steps[:last], exact=True)
            if session.schedule(session.system, run) is not None:
                out[d.instance] = Attained(seconds, run)


def _over(session: Session, d: Duration, state: Sequence[Scalar]) -> bool:
    i = session.system.instances[d.instance]
    return state[session.system.threads[i.root].location] in (i.completed, i.failed)


def _all_attained(found: Sequence[Duration], out: dict[int, Attained], slow: bool) -> bool:
    for d in found:
        known = out.get(d.instance)
        terms = _ends(d, slow)
        if known is None or not terms:
            return False
        bound = d.arithmetic.extent(terms[0])[1 if slow else 0]
        if known.seconds != bound:
            return False
    return True
