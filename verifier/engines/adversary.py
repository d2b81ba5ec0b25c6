"""Runs in which somebody is served last: an adversary as a scheduler (Lynch 1996, chapter 8).

A run is played on a clock.  Of steps that are ready at one instant those of the others come first,
so what one waits for is taken by these as long as so many of them come by.  How long something
takes and what is answered is the same each time, so what has been comes again: a state in which
each clock has as long to go as before begins a round that may be taken again and again.  That is
looked for.  Where nobody can go on, the run stops.

Nothing is proved by this.  Whether a round is fair, and what it shows, is for the caller to see.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from ...semantics.expr import Expr, Scalar
from ...semantics.idle import idle
from ...semantics.system import Rule, RuleKind, TransitionSystem
from ...semantics.trace import Step, Trace
from ...semantics.values import enabled, evaluate, fire
from ...semantics.walks import variables
from .fair import Clock, clock

Answer = Callable[[Rule, Sequence[Scalar], random.Random], tuple[Scalar, ...] | None]

MORE = Fraction(1)  # seconds above the least, of what may take any time
MOST_PASSED = 200  # states that come again, with what is owed having come between
MOST_AT_ONCE = 2_000  # steps of one instant


@dataclass(frozen=True, slots=True)
class Manner:
    """`seed`: which answers, sides and ends are chosen, each the same for ever; `failing`: ends are
    any, not only those without an error; `holding` and `free`: whether who holds something, or
    holds nothing, takes as long as possible; `turns`: who has rested longest comes first, otherwise
    always the same (so that a state comes again sooner)."""

    seed: int
    failing: bool
    holding: bool
    free: bool
    turns: bool = False


ALIKE = tuple(Manner(k, bool(k % 2), k > 1, k > 1) for k in range(4))  # all last as long
MANNERS = (
    Manner(0, False, True, False),
    Manner(0, False, True, False, True),
    Manner(0, False, False, False),
    Manner(1, False, True, True, True),
    Manner(2, True, True, False),
    Manner(3, True, False, True, True),
)


@dataclass
class Adversary:
    """`last`: instances that are served last."""

    system: TransitionSystem
    answer: Answer
    last: Collection[int]
    manner: Manner
    reading: dict[int, list[int]] = field(default_factory=dict, init=False)  # rules, by variable
    members: dict[int, list[int]] = field(default_factory=dict, init=False)  # rules, by group
    liking: list[float] = field(default_factory=list, init=False)  # of each rule, the least first
    # By instance: where control is, and where something is held there.
    holding: dict[int, list[tuple[int, frozenset[int]]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for r in self.system.rules:
            for v in variables([r.guard]):
                self.reading.setdefault(v, []).append(r.index)
            if r.group is not None:
                self.members.setdefault(r.group, []).append(r.index)
            liking = self.random(r).random()
            ends_well = r.kind is RuleKind.COMPLETE and not self.manner.failing
            self.liking.append(liking - 1 if ends_well else liking)
        for t in self.system.threads:
            points = frozenset(p.id for p in t.points if p.holds)
            if points:
                self.holding.setdefault(t.instance, []).append((t.location, points))

    def random(self, rule: Rule) -> random.Random:
        """The same for one step each time."""
        return random.Random(f"{self.manner.seed}/{rule.name}")

    def rounds(
        self, initial: tuple[Scalar, ...], owed: Expr, most: int, until: float
    ) -> Iterator[Trace]:
        """Runs that go round while `owed` holds, shortest first; of at most so many steps.  The
        last has no round: there, nobody can go on."""
        played = _Played(self, initial)
        idling = idle(self.system)
        kept = [v for v in range(len(initial)) if v not in idling]
        seen: dict[tuple[object, ...], int] = {}  # when it was last there
        since = at_once = passed = 0  # since when it is owed; rounds in which it was not
        shown = 0  # (the round before can begin with each of its steps)
        while len(played.steps) < most and time.monotonic() < until:
            if not evaluate(owed, played.state):
                since = len(played.steps) + 1
            key = (tuple(played.state[v] for v in kept), played.clocks())
            begin = seen.get(key)
            if begin is not None and begin >= since:
                if len(played.steps) >= shown:
                    yield played.trace(begin)
                    shown = 2 * len(played.steps) - begin
            elif begin is not None:
                passed += 1
                # (The order of those who take turns may differ from round to round.)
                if not self.manner.turns or passed > MOST_PASSED:
                    return
            seen[key] = len(played.steps)
            before = played.now
            moved = played.step()
            if moved is None:
                return
            if not moved:
                if evaluate(owed, played.state):
                    yield played.trace(None)
                return
            at_once = at_once + 1 if played.now == before else 0
            if at_once > MOST_AT_ONCE:
                return

    def whole(self, initial: tuple[Scalar, ...], most: int, until: float) -> Trace | None:
        """The run to its end; None where it is not seen."""
        played = _Played(self, initial)
        while len(played.steps) < most and time.monotonic() < until:
            moved = played.step()
            if not moved:
                return None if moved is None else played.trace(None)
        return None


class _Played:
    def __init__(self, by: Adversary, initial: tuple[Scalar, ...]) -> None:
        self.by = by
        self.rules = by.system.rules
        self.initial = self.state = initial
        self.now = Fraction(0)
        self.steps: list[Step] = []
        self.able = {r.index for r in self.rules if enabled(r, initial)}
        self.due: dict[Clock, tuple[Fraction, bool]] = {}  # when, and whether it is a time-out
        self.moved: dict[int, int] = {}  # by thread: in which step it has moved last
        self._arm(None)

    def trace(self, loop_at: int | None) -> Trace:
        return Trace(self.initial, tuple(self.steps), loop_at)

    def clocks(self) -> frozenset[tuple[Clock, Fraction]]:
        """What is left of each."""
        return frozenset((k, due - self.now) for k, (due, _) in self.due.items())

    def step(self) -> bool | None:
        """Whether there was one to take; None: an assumption leaves out what comes next."""
        for rule in self._next():
            inputs = self.by.answer(rule, self.state, self.by.random(rule))
            if inputs is not None:
                if rule.delay is not None:
                    self.now = max(self.now, self.due[clock(rule)][0])
                self._take(rule, inputs)
                return None if evaluate(self.by.system.excluded, self.state) is True else True
        return False

    def _next(self) -> list[Rule]:
        """What might be taken, the best first."""
        able = [self.rules[i] for i in self.able]
        ready = [r for r in able if r.delay is None]
        least = min((due for due, _ in self.due.values()), default=None)
        if least is not None and (not ready or least <= self.now):
            for r in able:
                due, late = self.due.get(clock(r), (None, False))
                # (An attempt ends in time if it can.)
                if r.delay is not None and due == least:
                    if r.group is None or late is (r.kind is RuleKind.TIMEOUT):
                        ready.append(r)
        return sorted(ready, key=self._rank)

    def _rank(self, rule: Rule) -> tuple[bool, bool, int, float]:
        last, rings = rule.instance in self.by.last, rule.delay is not None
        first = self.moved.get(rule.thread, -1) if self.by.manner.turns else rule.thread
        return last, rings, first, self.by.liking[rule.index]

    # --- clocks ------------------------------------------------------------------------------

    def _take(self, rule: Rule, inputs: tuple[Scalar, ...]) -> None:
        before = self.state
        self.state = fire(rule, before, inputs)
        self.steps.append(Step(rule.index, inputs, self.now))
        self.moved[rule.thread] = len(self.steps)
        changed = [v for v, _ in rule.updates if self.state[v] != before[v]]
        for i in {i for v in changed for i in self.by.reading.get(v, ())}:
            if enabled(self.rules[i], self.state):
                self.able.add(i)
            else:
                self.able.discard(i)
        self._arm(rule)

    def _arm(self, fired: Rule | None) -> None:
        """Clocks of what is possible: those that run go on, but for that of what was taken."""
        running = {clock(r): r for i in self.able if (r := self.rules[i]).delay is not None}
        self.due = {k: due for k, due in self.due.items() if k in running}
        if fired is not None and fired.delay is not None:
            self.due.pop(clock(fired), None)
        for k, rule in running.items():
            if k not in self.due and rule.kind is not RuleKind.CRASH:
                takes, late = self._ends_after(rule)
                self.due[k] = self.now + takes, late

    def _ends_after(self, rule: Rule) -> tuple[Fraction, bool]:
        """How long what begins now takes, and whether it is cut off then."""
        ends = [rule]
        if rule.group is not None:
            ends = [self.rules[i] for i in self.by.members[rule.group] if i in self.able]
        out = [self._takes(r) for r in ends if r.kind is RuleKind.TIMEOUT]
        others = [r for r in ends if r.kind is not RuleKind.TIMEOUT]
        mine = [self._takes(r) for r in sorted(others, key=self._rank)[:1]]
        return min((*((t, False) for t in mine), *((t, True) for t in out)))

    def _takes(self, rule: Rule) -> Fraction:
        assert rule.delay is not None
        lo = max(Fraction(0), Fraction(evaluate(rule.delay.lo, self.state)))
        holding = self.by.holding.get(rule.instance, ())
        holds = any(self.state[at] in points for at, points in holding)
        long = self.by.manner.holding if holds else self.by.manner.free
        if not long or rule.kind is RuleKind.TIMEOUT:
            return lo
        hi = rule.delay.hi
        return lo + MORE if hi is None else max(lo, Fraction(evaluate(hi, self.state)))


__all__ = ["ALIKE", "MANNERS", "Adversary", "Manner"]
