"""Times for two runs of one environment, durations included: linear constraints for the solver.

Unknown are the instants of the steps of both runs and, shared by them, how long every attempt and
every wait takes.  What the timed system asks of them is in `interpreter.timing`; the solver's
answer is looked at again by whoever uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import z3

from ...dsl.records import dataclass
from ...semantics.expr import Expr, Scalar
from ...semantics.system import Rule, RuleKind, TransitionSystem
from ...semantics.trace import Trace
from ...semantics.values import enabled, evaluate

State = Sequence[Scalar]


@dataclass(slots=True)
class _Clock:
    question: str
    begun: z3.ArithRef
    lo: dict[tuple[str, str], Fraction]
    hi: dict[tuple[str, str], Fraction | None]


class _Times:
    def __init__(self, system: TransitionSystem) -> None:
        self.system = system
        self.solver = z3.Solver()
        self.solver.set("timeout", 1000)
        self.waits = [r for r in system.rules if r.delay is not None]
        self.urgent = [r for r in system.rules if r.delay is None]

    def run(self, name: str, trace: Trace, states: Sequence[State]) -> list[z3.ArithRef]:
        add = self.solver.add
        instants = [z3.Real(f"{name}{i}") for i in range(len(trace.steps) + 1)]
        add(instants[0] == 0)
        clocks: dict[tuple[str, int], _Clock] = {}
        counts: dict[str, int] = {}
        last: z3.ArithRef | z3.RatNumRef = z3.RealVal(-1)
        self._arm(clocks, counts, states[0], instants[0])
        for i, step in enumerate(trace.steps):
            rule = self.system.rules[step.rule]
            before, now = instants[i], instants[i + 1]
            add(before <= now)
            if any(enabled(r, states[i]) and not r.inputs for r in self.urgent):
                add(before == now)
            if rule.delay is not None:
                clock = clocks.pop(_clock(rule))
                self._ended(clock, rule, now)
                if self.system.ties:  # none: see `partings.tied`
                    add(last < now)
                last = now
            alive = {_clock(r) for r in self.waits if enabled(r, states[i + 1])}
            for c in [c for c in clocks if c not in alive]:
                self._cut(clocks.pop(c), now)
            self._arm(clocks, counts, states[i + 1], now)
        for clock in clocks.values():
            self._cut(clock, instants[-1])
        return instants

    def _arm(
        self,
        clocks: dict[tuple[str, int], _Clock],
        counts: dict[str, int],
        state: State,
        now: z3.ArithRef,
    ) -> None:
        new: dict[tuple[str, int], list[Rule]] = {}
        for r in self.waits:
            if _clock(r) not in clocks and enabled(r, state):
                new.setdefault(_clock(r), []).append(r)
        for c, rules in new.items():
            place = rules[0].occurrence if rules[0].group is not None else f"rule {c[1]}"
            counts[place] = counts.get(place, 0) + 1
            lo: dict[tuple[str, str], Fraction] = {}
            hi: dict[tuple[str, str], Fraction | None] = {}
            for r in rules:
                assert r.delay is not None
                end = (r.kind.value, r.error)
                lo[end] = max(Fraction(0), _value(r.delay.lo, state))
                above = None if r.delay.hi is None else _value(r.delay.hi, state)
                hi[end] = None if above is None else max(lo[end], above)
            clocks[c] = _Clock(f"{place} {counts[place]}", now, lo, hi)

    def _ended(self, clock: _Clock, rule: Rule, now: z3.ArithRef) -> None:
        end = (rule.kind.value, rule.error)
        lo, hi = clock.lo.get(end, Fraction(0)), clock.hi.get(end)
        passed, takes = now - clock.begun, z3.Real(clock.question)
        add = self.solver.add
        self._in_time(clock, passed)
        add(passed >= _real(lo))
        if hi is not None:
            add(passed <= _real(hi))
        # With a time-out all that is known of the attempt is that it would have taken longer.
        add(takes >= passed if rule.kind is RuleKind.TIMEOUT else takes == passed)

    def _cut(self, clock: _Clock, now: z3.ArithRef) -> None:
        passed = now - clock.begun
        self._in_time(clock, passed)
        self.solver.add(z3.Real(clock.question) >= passed)
        if self.system.ties:  # what is cut off was not over yet
            ends = [h for e, h in clock.hi.items() if h is not None and h == clock.lo[e]]
            self.solver.add(*(passed < _real(h) for h in ends if h > 0))

    def _in_time(self, clock: _Clock, passed: z3.ArithRef) -> None:
        """Nobody waits longer than the longest end, nor than a time-out."""
        limit = RuleKind.TIMEOUT.value
        ends = [h for (kind, _), h in clock.hi.items() if kind != limit]
        if ends and all(h is not None for h in ends):
            self.solver.add(passed <= _real(max(h for h in ends if h is not None)))
        for (kind, _), h in clock.hi.items():
            if kind == limit and h is not None:
                self.solver.add(passed <= _real(h))


def jointly(
    system: TransitionSystem,
    first: tuple[Trace, Sequence[State]],
    second: tuple[Trace, Sequence[State]],
) -> tuple[Trace, Trace] | None:
    """Both runs with times, everything that both do taking equally long; None: impossible."""
    times = _Times(system)
    one = times.run("s", *first)
    two = times.run("t", *second)
    if times.solver.check() != z3.sat:
        return None
    # Whole seconds, if that is possible, are easier to read.
    times.solver.push()
    times.solver.add(*(z3.IsInt(x) for x in (*one, *two)))
    if times.solver.check() != z3.sat:
        times.solver.pop()
        times.solver.check()
    model = times.solver.model()
    return _timed(first[0], one, model), _timed(second[0], two, model)


def _timed(trace: Trace, instants: Sequence[z3.ArithRef], model: z3.ModelRef) -> Trace:
    steps = []
    for step, instant in zip(trace.steps, instants[1:], strict=True):
        value = model.eval(instant, model_completion=True)
        assert isinstance(value, z3.RatNumRef)
        steps.append(replace(step, time=value.as_fraction()))
    return replace(trace, steps=tuple(steps))


def _clock(rule: Rule) -> tuple[str, int]:
    return ("attempt", rule.group) if rule.group is not None else ("rule", rule.index)


def _value(e: Expr, state: State) -> Fraction:
    return Fraction(evaluate(e, state))


def _real(x: Fraction) -> z3.RatNumRef:
    return z3.Q(x.numerator, x.denominator)
