"""`timeouts`: limits that cut off retries, and waits that nothing bounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain

from ...dsl import ast
from ...dsl.errors import Span
from ...semantics.expr import FALSE, TRUE, Expr, Scalar, const, lt, not_, or_, var
from ...semantics.lower.durations import Duration
from ...semantics.lower.lasting_facts import Beats, Cut, Open
from ...semantics.symbolic import Answer
from ...semantics.system import Obligation, RuleKind, TransitionSystem
from ...semantics.trace import Trace
from ...semantics.values import enabled, evaluate
from ..session import Session
from ..verdict import Proved, Refuted, Result, Unknown, Verdict
from .limits import counter, lasting, start_with
from .obligations import Claim, decide
from .pacing import runs

NOTHING = "no limit cuts off a retry, and each wait is bounded: by itself or by a limit around it"
NEVER = "whatever the clocks show, the limit never strikes while the retry is under way"
FAR = Fraction(3600)  # seconds that are added where nothing bounds a time
FEW, MOST = 6, 60  # runs that are tried
SECONDS = 2.0

States = Sequence[tuple[Scalar, ...]]
Seen = Callable[[States, Trace], int | None]  # after how many steps it is seen


def timeouts(session: Session, spec: ast.Spec, top: Span) -> Iterator[Result]:
    """A line for each retry inside a limit, for each activity that says how often it beats, and
    for each wait without a limit that may be long."""
    found = lasting(session, spec)
    cuts: dict[tuple[Span, Span], list[tuple[Duration, Cut]]] = {}
    waits: dict[Span, Open] = {}
    for d in found:
        for cut in d.cuts:
            cuts.setdefault((cut.retry.span, cut.span), []).append((d, cut))
        for place in d.open:
            if place.what:
                waits.setdefault(place.span, place)
    asked: list[tuple[Seen, str, Span]] = []
    lines: list[tuple[str, Span, bool, Verdict | None]] = []
    for group in cuts.values():
        cut = group[0][1]
        lines.append((cut.retry.what, cut.span, False, _fits(session.system, group)))
        message = f"the limit may cut off {_attempts(cut)}: not all of its attempts and waits fit"
        asked.append((_cut_off(session.system, cut), message, cut.span))
    beats = {b.span: (d, b) for d in found for b in d.beats}
    for d, beat in beats.values():
        lines.append((beat.name, beat.span, False, _beats(session.system, found, beat)))
        limit = "" if beat.limit is None else f" of {d.words(beat.limit)}"
        message = f"`{beat.name}` may beat later than its heartbeat{limit} allows"
        asked.append((_silent(session.system, beat), message, beat.span))
    for span, place in waits.items():
        lines.append((f"{place.what} (line {span.line})", span, True, None))
        asked.append(
            (_waiting(session.system, span), f"{place.why}, and there is no limit around it", span)
        )
    open_ = [k for k, (_, _, _, verdict) in enumerate(lines) if verdict is None]
    shown = _runs(session, [asked[k] for k in open_])
    watched = dict(zip(range(len(cuts), len(lines)), beats.values(), strict=False))
    for k, (name, span, warning, known) in enumerate(lines):
        verdict = known or shown.get(open_.index(k))
        if verdict is None and k in watched:
            verdict = _never(session, watched[k][1])
        if verdict is None and k < len(cuts):
            verdict = _by_states(session, list(cuts.values())[k][0][1], *asked[open_.index(k)])
        if verdict is None:
            verdict = _unknown(warning, cuts, k)
        yield Result("timeouts", name, verdict, span, warning)
    if not lines:
        yield Result("timeouts", "", Proved("structure", NOTHING), top)


def _attempts(cut: Cut) -> str:
    what = "a retry" if cut.retry.what == "retry" else f"the retry of `{cut.retry.what}`"
    return f"{what} (line {cut.retry.span.line})"


def _fits(system: TransitionSystem, group: Sequence[tuple[Duration, Cut]]) -> Proved | None:
    """All that the limit watches is sooner over, attempts and waits included."""
    said = ""
    for d, cut in group:
        if cut.body is None:
            return None
        fits: Expr = d.arithmetic.within(cut.body, cut.limit)
        if fits is not TRUE and counter(system, fits)[0] is not Answer.UNSAT:
            return None
        said = f"at most {d.words(cut.body)} of {d.words(cut.limit)}"
    return Proved("structure", "what the limit watches takes " + said, said[:40])


def _beats(system: TransitionSystem, found: Sequence[Duration], beat: Beats) -> Proved | None:
    """No beat comes too late."""
    for d in found:
        for other in d.beats:
            if other.span == beat.span and other.late is not FALSE:
                if counter(system, not_(other.late))[0] is not Answer.UNSAT:
                    return None
    return Proved("structure", "the longest time between two beats is within the heartbeat")


def _unheard(system: TransitionSystem, beat: Beats) -> set[int]:
    """The rules by which an attempt times out though it beats as it says."""
    return {
        r.index
        for r in system.rules
        if r.span == beat.span
        and r.group is not None
        and (r.unheard or (r.kind is RuleKind.TIMEOUT and r.error == "Timeout"))
    }


def _never(session: Session, beat: Beats) -> Verdict | None:
    """No beat comes too late in any state that can be reached, where data say when they come."""
    message = f"`{beat.name}` may beat later than its heartbeat allows"
    goals = tuple(
        Obligation("timeouts", beat.name, FALSE, message, beat.span, r)
        for r in sorted(_unheard(session.system, beat))
    )
    verdict = decide(session, [Claim("timeouts", beat.name, goals)])[0]
    return None if isinstance(verdict, Unknown) else verdict


def _silent(system: TransitionSystem, beat: Beats) -> Seen:
    """An attempt times out though it beats as it says."""
    ends = _unheard(system, beat)

    def seen(states: States, trace: Trace) -> int | None:
        return next((k for k, s in enumerate(trace.steps, 1) if s.rule in ends), None)

    return seen


def _unknown(
    warning: bool, cuts: dict[tuple[Span, Span], list[tuple[Duration, Cut]]], k: int
) -> Unknown:
    if warning:
        return Unknown("simulation", "no run was found that waits here")
    if k >= len(cuts):
        return Unknown("simulation", "no run was found in which a beat comes too late")
    d, cut = list(cuts.values())[k][0]
    longest = "not bounded" if cut.retry.most is None else f"at most {d.words(cut.retry.most)}"
    return Unknown(
        "simulation",
        f"no run was found in which the limit of {d.words(cut.limit)} cuts it off; its attempts "
        f"and waits take {longest}",
    )


def _by_states(session: Session, cut: Cut, seen: Seen, message: str, span: Span) -> Verdict | None:
    """Whether the limit strikes while a retry is under way, by all states with their clocks."""
    from ..engines.timed_states import MERGED, TimedStates, Unsupported

    system = session.system
    seconds = session.share(0.15)
    if not session.may("search") or system.excluded is not FALSE or seconds <= 0:
        return None
    tries = [system.variables[v] for v in _tries(system, cut)]
    again = or_(*(lt(const(0), var(v.index, v.sort)) for v in tries))
    goal = Obligation("timeouts", "", again, message, span)
    since = time.monotonic()
    try:
        states = TimedStates(system, goal, frozenset(_strikes(system, cut)))
        many = states.merged(since + MERGED[0][0] * seconds, 1)
        if many:
            return Proved("search", NEVER, f"{many} states")
        found = states.apart(since + seconds)
    except Unsupported:
        return None
    if found is None:
        return None
    if found[1] is None:
        return Proved("search", NEVER, f"{found[0]} states")
    trace = states.trace(found[1])
    timed = None if trace is None else session.schedule(system, trace)
    if timed is None:
        return None
    end = seen(session.replay(system, timed).states, timed)
    run = replace(timed, steps=timed.steps[:end])
    verdict = session.confirm("search", message, run, span, lambda s, t: seen(s, t) is not None)
    return verdict if isinstance(verdict, Refuted) else None


def _strikes(system: TransitionSystem, cut: Cut) -> set[int]:
    return {r.index for r in system.rules if r.kind is RuleKind.INTERRUPT and r.span == cut.span}


def _tries(system: TransitionSystem, cut: Cut) -> list[int]:
    return [r.tries for r in system.retries if r.span == cut.retry.span]


def _cut_off(system: TransitionSystem, cut: Cut) -> Seen:
    """The limit strikes while a retry is under way."""
    strikes, tries = _strikes(system, cut), _tries(system, cut)

    def seen(states: States, trace: Trace) -> int | None:
        for number, step in enumerate(trace.steps):
            if step.rule in strikes and any(states[number][v] for v in tries):
                return number + 1
        return None

    return seen


def _waiting(system: TransitionSystem, span: Span) -> Seen:
    """A step begins what may last for ever, or control comes to a wait that cannot end yet."""
    begins = {r.index for r in system.rules if r.kind is RuleKind.START and r.span == span}
    outside = [
        r
        for r in system.rules
        if r.kind is RuleKind.RECEIVE and r.delay is not None and r.span == span
    ]
    waits = [w for w in system.waits if w.span == span]
    urgent = [r for r in system.rules if r.delay is None and r.group is None]

    def seen(states: States, trace: Trace) -> int | None:
        for number, state in enumerate(states):
            if number and trace.steps[number - 1].rule in begins:
                return number
            here = [w for w in waits if evaluate(w.here, state) is True]
            if any(evaluate(w.over, state) is not True for w in here) or any(
                enabled(r, state) for r in outside
            ):
                if not any(enabled(r, state) for r in urgent):  # time passes
                    return number
        return None

    return seen


def _random(session: Session, enough: Callable[[], bool]) -> Iterator[tuple[int, Trace]]:
    """Where those at one pace do not come: a message from outside has no pace."""
    simulate = None if enough() else session.simulator()
    if simulate is not None:
        for number in range(FEW):
            trace = simulate(session.options.seed * 1000 + number, 0.0, {}, ())
            if trace is not None:
                yield FEW, trace


def _runs(session: Session, asked: Sequence[tuple[Seen, str, Span]]) -> dict[int, Verdict]:
    """The shortest runs that are found, by the position of the question."""
    best: dict[int, Trace] = {}
    initial = start_with(session.system, {}) if asked else None
    if initial is None:
        return {}
    share = min(SECONDS, session.share(0.1))
    tried = (
        (number, trace)
        for slow in (True, False)
        for number, trace in enumerate(runs(session.system, initial, slow, FAR, share, most=MOST))
    )
    for number, trace in chain(tried, _random(session, lambda: len(best) == len(asked))):
        if number >= FEW and len(best) == len(asked):
            continue
        states = session.replay(session.system, trace).states
        for k, (seen, _, _) in enumerate(asked):
            end = seen(states, trace)
            if end is not None and (k not in best or end < len(best[k].steps)):
                best[k] = replace(trace, steps=trace.steps[:end])
    out: dict[int, Verdict] = {}
    for k, trace in best.items():
        seen, message, span = asked[k]

        def breaks(states: States, other: Trace, seen: Seen = seen) -> bool:
            return seen(states, other) is not None

        verdict = session.confirm("simulation", message, trace, span, breaks)
        if isinstance(verdict, Refuted):
            out[k] = verdict
    return out
