"""Runs that take as long, or as short, as they may: one environment after the other is tried."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, MutableSequence, Sequence
from dataclasses import field
from fractions import Fraction
from typing import Any

from ...dsl.records import dataclass
from ...semantics.expr import Scalar
from ...semantics.system import Rule, RuleKind, TransitionSystem
from ...semantics.trace import Trace
from ..engines.timed import Environment, Occurrence, Schedules
from .walk import Walker

MOST_RULES = 3_000
MOST_STATES = 20_000
EVERY = 99  # no retry makes so many attempts
PLANS = (0, EVERY, 1, 2, 3)  # how many attempts fail before one is done; then at random


@dataclass
class Pushed(Environment):
    """The first attempts of an activity fail, as many as its plan says; then it is done."""

    plan: int | None = None
    tries: dict[str, int] = field(default_factory=dict)

    def end(
        self, occurrence: Occurrence, group: Sequence[Rule], state: Sequence[Scalar]
    ) -> tuple[int, tuple[Scalar, ...]] | None:
        name, number = occurrence
        if name not in self.tries:
            chosen = random.Random(f"{self.seed}/plan/{name}").choice(PLANS)
            self.tries[name] = chosen if self.plan is None else self.plan
        self.failing = 1.0 if number <= self.tries[name] else 0.0
        return super().end(occurrence, group, state)


def runs(
    system: TransitionSystem,
    initial: tuple[Scalar, ...],
    slow: bool,
    more: Fraction,
    seconds: float,
    seed: int = 0,
    most: int = 200,
) -> Iterator[Trace]:
    """Timed runs to their end, with the longest times (`slow`) or the shortest; where nothing
    bounds a time, `more` is added to its least."""
    if len(system.rules) > MOST_RULES:
        return
    until = time.monotonic() + seconds
    answer = Walker(system).answer

    def pace(lo: Fraction, hi: Fraction | None, _: random.Random) -> Fraction:
        lo = max(lo, Fraction(0))
        if not slow:
            return lo
        return lo + more if hi is None else max(lo, hi)

    for number in range(most):
        left = until - time.monotonic()
        if left <= 0:
            return
        plan = PLANS[number] if number < len(PLANS) else None
        environment = Pushed(seed * 1000 + number, 0.0, pace, answer, plan=plan)
        order = random.Random(f"{seed}/{number}") if number else None
        schedules = Schedules(system, environment, order)
        found, _ = schedules.outcomes(initial, left, MOST_STATES, first_only=True)
        if not environment.broken:
            yield from (outcome.trace for outcome in found)


class _Planned(random.Random):
    """Puts first (which is last in the list) what begins first by the plan."""

    def __init__(self, begins: Mapping[str, Fraction]) -> None:
        super().__init__(0)
        self.begins = begins

    def shuffle(self, x: MutableSequence[Any]) -> None:
        x[:] = sorted(x, key=lambda move: -self.begins.get(_activity(move[0]), Fraction(-1)))


def _activity(rule: Rule) -> str:
    """Its name, where the step begins it."""
    return rule.activity.rpartition(".")[2] if rule.kind is RuleKind.START else ""


def as_planned(
    system: TransitionSystem,
    initial: tuple[Scalar, ...],
    names: Sequence[str],
    begins: Sequence[Fraction],
    takes: Sequence[Fraction],
) -> Trace | None:
    """A timed run in which activities take so long, and are granted their claims in this order."""
    lasting = dict(zip(names, takes, strict=True))

    class Plan(Pushed):
        def duration(self, occurrence: Occurrence, lo: Fraction, hi: Fraction | None) -> Fraction:
            return lasting.get(occurrence[0].rpartition(".")[2], lo)

    def shortest(lo: Fraction, hi: Fraction | None, _: random.Random) -> Fraction:
        return lo

    environment = Plan(0, 0.0, shortest, Walker(system).answer, plan=0)
    order = _Planned(dict(zip(names, begins, strict=True)))
    schedules = Schedules(system, environment, order)
    found, _ = schedules.outcomes(initial, 5.0, MOST_STATES, first_only=True)
    return next((outcome.trace for outcome in found if outcome.ended), None)


def ends_of(
    system: TransitionSystem, trace: Trace, states: Sequence[tuple[Scalar, ...]]
) -> dict[int, tuple[Fraction, bool]]:
    """When each instance was over, by number, and whether it had completed."""
    out: dict[int, tuple[Fraction, bool]] = {}
    for number, state in enumerate(states):
        now = trace.steps[number - 1].time if number else Fraction(0)
        for i in system.instances:
            at = state[system.threads[i.root].location]
            if at in (i.completed, i.failed):
                out.setdefault(i.id, (now, at == i.completed))
    return out
