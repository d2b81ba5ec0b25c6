"""Exhaustive search over schedules of the timed system under one fixed environment.

An environment fixes, for every occurrence of an attempt, how it ends, with what result, and how
long it takes, and which side of each `+` it names among those that can move; what is left free is
the order of steps that are ready at the same instant, and who is granted a contended claim.  Two
runs of one environment with different results refute `deterministic`; of two environments that
differ in durations only, they refute `timing_independent`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import field
from fractions import Fraction

from ...dsl.records import dataclass
from ...semantics.expr import Scalar
from ...semantics.system import Rule, RuleKind, TransitionSystem
from ...semantics.trace import Step, Trace
from ...semantics.values import enabled, evaluate, fire, relation_holds

Occurrence = tuple[str, int]  # activity (or rule) and which start of it
Ends = dict[Occurrence, tuple[tuple[str, str], tuple[Scalar, ...]]]  # way, inputs
Pace = Callable[[Fraction, Fraction | None, random.Random], Fraction]
Move = tuple[Rule, tuple[Scalar, ...], Fraction]  # with its inputs, and how long from now
Answer = Callable[[Rule, Sequence[Scalar], random.Random], tuple[Scalar, ...] | None]


@dataclass
class Environment:
    """Answers by occurrence, made up when first asked for and then kept.

    `failing` makes attempts fail with that probability; `pace` picks a duration in [lo, hi].
    """

    seed: int
    failing: float
    pace: Pace
    answer: Answer
    ends: Ends = field(default_factory=dict)
    durations: dict[Occurrence, Fraction] = field(default_factory=dict)
    broken: bool = False  # an answer kept earlier is not allowed in another state

    def end(
        self, occurrence: Occurrence, group: Sequence[Rule], state: Sequence[Scalar]
    ) -> tuple[int, tuple[Scalar, ...]] | None:
        """Which rule ends this attempt, and with what inputs.  By the way it ends, not by rule: a
        failure lands differently when retries are used up."""
        if occurrence in self.ends:
            way, kept = self.ends[occurrence]
            for rule in group:
                if rule.way == way and enabled(rule, state):
                    if relation_holds(rule, state, kept):
                        return rule.index, kept
            self.broken = True
            return None
        rng = random.Random(f"{self.seed}/{occurrence}")
        choices = [r for r in group if r.kind is RuleKind.COMPLETE]
        failures = sorted({r.way for r in group if r.kind is RuleKind.FAIL})
        if failures and rng.random() < self.failing:
            want = rng.choice(failures)
            choices = [r for r in group if r.way == want]
        for rule in choices:
            if enabled(rule, state):
                inputs = self.answer(rule, state, rng)
                if inputs is not None:
                    self.ends[occurrence] = (rule.way, inputs)
                    return rule.index, inputs
        return None

    def duration(self, occurrence: Occurrence, lo: Fraction, hi: Fraction | None) -> Fraction:
        if occurrence not in self.durations:
            rng = random.Random(f"{self.seed}/time/{occurrence}")
            self.durations[occurrence] = self.pace(lo, hi, rng)
        chosen = self.durations[occurrence]
        if chosen < lo or (hi is not None and chosen > hi):
            self.broken = True
        return chosen

    def side(self, choice: int, sides: Collection[int]) -> int:
        """The side of a `+` that is named among those that can move: by one order for all of its
        occurrences, because two runs may not agree on which occurrence is which."""
        return min(sides, key=lambda s: random.Random(f"{self.seed}/+/{choice}/{s}").random())


@dataclass(frozen=True, slots=True)
class Node:
    """`due` pairs a rule that waits for its time with what is left of it and its inputs;
    `counts` says how often each activity was started."""

    state: tuple[Scalar, ...]
    due: tuple[tuple[int, Fraction, tuple[Scalar, ...]], ...]
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, as far as anybody can observe, and the run."""

    result: tuple[Scalar, ...]
    trace: Trace
    ended: bool


class Schedules:
    """All schedules of one environment, depth first, each state once."""

    def __init__(
        self,
        system: TransitionSystem,
        environment: Environment,
        order: random.Random | None = None,
    ) -> None:
        """`order`: steps of one instant are tried in an order that it draws."""
        self.system = system
        self.environment = environment
        self.order = order
        self.groups: dict[int, list[Rule]] = {}
        for r in system.rules:
            if r.group is not None:
                self.groups.setdefault(r.group, []).append(r)
        self.sides: dict[int, dict[int, int]] = {}  # rule -> choice -> side
        for choice, sides in enumerate(system.choices):
            for side, mine in enumerate(sides):
                for rule in mine:
                    self.sides.setdefault(rule, {})[choice] = side
        self.observed = sorted(
            {v for i in system.instances for v in (*i.observed, i.error)}
            | {v.index for v in system.variables if v.kind.name == "SHARED"}
        )

    def outcomes(
        self,
        initial: tuple[Scalar, ...],
        seconds: float,
        most: int,
        *,
        first_only: bool = False,
    ) -> tuple[list[Outcome], bool]:
        """One run for each different result; False if the search was cut short."""
        until = time.monotonic() + seconds
        begin = self._arm(initial, (), (), None)
        stack: list[tuple[Node, Fraction, tuple[Step, ...]]] = [(begin, Fraction(0), ())]
        seen: set[Node] = {begin}
        found: dict[tuple[Scalar, ...], Outcome] = {}
        while stack:
            if time.monotonic() > until or len(seen) > most:
                return list(found.values()), False
            node, now, steps = stack.pop()
            moves = self._moves(node)
            if moves is None:
                result, ended = self._result(node.state)
                if result not in found:
                    found[result] = Outcome(result, Trace(initial, steps), ended)
                    if first_only:
                        return list(found.values()), True
                continue
            if self.order is not None:
                self.order.shuffle(moves)
            for rule, inputs, wait in moves:
                if rule.inputs and not relation_holds(rule, node.state, inputs):
                    # Answered when the attempt started; what it may answer has changed since.
                    self.environment.broken = True
                    continue
                state = fire(rule, node.state, inputs)
                if evaluate(self.system.excluded, state) is True:
                    continue
                due = tuple((i, left - wait, x) for i, left, x in node.due if i != rule.index)
                after = self._arm(state, due, node.counts, rule)
                if after not in seen:
                    seen.add(after)
                    step = Step(rule.index, inputs, now + wait)
                    stack.append((after, now + wait, (*steps, step)))
        return list(found.values()), True

    def _moves(self, node: Node) -> list[Move] | None:
        """What may be taken next; None when the run is over."""
        rules = self.system.rules
        urgent: list[Move] = []
        for r in rules:
            if r.delay is None and r.group is None and enabled(r, node.state):
                inputs = self.environment.answer(r, node.state, random.Random(0))
                if inputs is not None:
                    urgent.append((r, inputs, Fraction(0)))
        if urgent:
            ready = [(rules[i], x, Fraction(0)) for i, left, x in node.due if left == 0]
            return self._named(urgent + ready)
        if not node.due:
            return None
        least = min(left for _, left, _ in node.due)
        return self._named([(rules[i], x, least) for i, left, x in node.due if left == least])

    def _named(self, moves: list[Move]) -> list[Move]:
        """Without the sides of a `+` that the environment does not name.

        Steps of two sides can be taken in one state only while the choice is open.
        """
        for choice in sorted({c for m in moves for c in self.sides.get(m[0].index, ())}):
            able = {self.sides.get(m[0].index, {}).get(choice) for m in moves} - {None}
            if len(able) > 1:
                named = self.environment.side(choice, {s for s in able if s is not None})
                kept = (None, named)
                moves = [m for m in moves if self.sides.get(m[0].index, {}).get(choice) in kept]
        return moves

    def _arm(
        self,
        state: tuple[Scalar, ...],
        due: tuple[tuple[int, Fraction, tuple[Scalar, ...]], ...],
        counts: tuple[tuple[str, int], ...],
        fired: Rule | None,
    ) -> Node:
        """Drop clocks of rules that are disabled now, start those of rules newly enabled."""
        rules = self.system.rules
        kept = []
        for i, left, x in due:
            same = self._still(rules[i], state)
            if same is not None:
                kept.append((same.index, left, x))
        running = {rules[i].group for i, _, _ in kept if rules[i].group is not None}
        have = {i for i, _, _ in kept}
        table = dict(counts)
        for group, members in self.groups.items():
            alive = [r for r in members if enabled(r, state)]
            if not alive or group in running:
                continue
            name = members[0].occurrence
            table[name] = table.get(name, 0) + 1
            occurrence = (name, table[name])
            end = self.environment.end(occurrence, alive, state)
            for r in alive:
                assert r.delay is not None
                if r.kind is RuleKind.TIMEOUT:
                    kept.append((r.index, _number(evaluate(r.delay.lo, state)), ()))
                elif end is not None and r.index == end[0]:
                    lo = _number(evaluate(r.delay.lo, state))
                    hi = r.delay.hi
                    most = None if hi is None else _number(evaluate(hi, state))
                    kept.append((r.index, self.environment.duration(occurrence, lo, most), end[1]))
        for r in rules:
            if r.delay is None or r.group is not None or r.index in have:
                continue
            if enabled(r, state):
                name = r.name
                table[name] = table.get(name, 0) + 1
                lo = _number(evaluate(r.delay.lo, state))
                most = None if r.delay.hi is None else _number(evaluate(r.delay.hi, state))
                left = self.environment.duration((name, table[name]), lo, most)
                kept.append((r.index, left, ()))
        del fired
        return Node(state, tuple(sorted(kept)), tuple(sorted(table.items())))

    def _still(self, rule: Rule, state: tuple[Scalar, ...]) -> Rule | None:
        """The rule, or the one that now stands for the same end of the attempt: where a failure
        lands may change while the attempt runs (`tolerate`)."""
        if enabled(rule, state):
            return rule
        for other in self.groups.get(rule.group, ()) if rule.group is not None else ():
            if other.kind is rule.kind and other.error == rule.error and enabled(other, state):
                return other
        return None

    def _result(self, state: tuple[Scalar, ...]) -> tuple[tuple[Scalar, ...], bool]:
        ends: list[Scalar] = []
        ended = True
        for i in self.system.instances:
            at = state[self.system.threads[i.root].location]
            over = at in (i.completed, i.failed)
            ended &= over or evaluate(i.active, state) is False
            ends.append(at if over else -1)
        return (*ends, *(state[v] for v in self.observed)), ended


def _number(value: Scalar) -> Fraction:
    return Fraction(value)
