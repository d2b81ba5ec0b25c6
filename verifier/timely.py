"""Turns a run of the untimed view into one of the timed system, where that is possible.

A shortest run leaves out what does not matter for its claim, but time does not: urgent steps of
other threads must be taken before time passes, and attempts that run must end in time.  Here the
run is played on a clock; what must happen in between is brought forward if it comes later in the
run, and added otherwise.
"""

from __future__ import annotations

import random
from fractions import Fraction

from ..semantics.expr import Scalar
from ..semantics.system import Rule, RuleKind, TransitionSystem
from ..semantics.trace import Step, Trace
from ..semantics.values import enabled, evaluate, fire, relation_holds

MOST_RULES = 5_000  # it looks at every guard in every step


def played(system: TransitionSystem, trace: Trace) -> Trace | None:
    """A run with times that contains the steps of `trace`; None if it is lost on the way."""
    if trace.loop_at is not None or len(system.rules) > MOST_RULES:
        return None
    return _Player(system, trace).play()


class _Player:
    def __init__(self, system: TransitionSystem, trace: Trace) -> None:
        self.system = system
        self.rules = system.rules
        self.initial = trace.initial
        self.state = trace.initial
        self.rest = list(trace.steps)
        self.done: list[Step] = []
        self.now = Fraction(0)
        self.since: dict[int, Fraction] = {}
        self.arm(None)

    def play(self) -> Trace | None:
        limit = 40 * (len(self.rest) + 10)
        while self.rest:
            if len(self.done) > limit or not self.advance():
                return None
        return Trace(self.initial, tuple(self.done))

    def advance(self) -> bool:
        """One step: the next of the run, or what must come before it."""
        step = self.rest[0]
        rule = self.rules[step.rule]
        if rule.delay is None and enabled(rule, self.state):
            return self.take(self.rest.pop(0))
        at = self.now
        if rule.delay is not None and rule.index in self.since:
            at = max(self.now, step.time, self.since[rule.index] + self.bound(rule)[0])
            if at == self.now:
                return self.take(self.rest.pop(0))
        urgent = next((r for r in self.rules if r.delay is None and enabled(r, self.state)), None)
        if urgent is not None:
            return self.bring(urgent)
        if rule.delay is None or rule.index not in self.since:
            return self.end_first()
        forced, deadline = self.first_deadline(rule)
        if forced and deadline is not None and deadline < at:
            self.now = max(self.now, deadline)
            return self.end_one(forced)
        self.now = at
        return self.take(self.rest.pop(0))

    def end_first(self) -> bool:
        """The next step has to wait for somebody: what can end first, and is not in the run
        later, ends."""
        later = {s.rule for s in self.rest}
        able = [
            (max(self.now, begun + self.bound(self.rules[i])[0]), i)
            for i, begun in self.since.items()
            if i not in later and self.rules[i].kind is not RuleKind.TIMEOUT
        ]
        # Of the ends of one attempt, that without an error.
        able.sort(key=lambda a: (a[0], self.rules[a[1]].kind is not RuleKind.COMPLETE))
        for at, i in able:
            if not self.members_later(i, later):
                inputs = self.answer(self.rules[i])
                if inputs is not None:
                    self.now = at
                    return self.take(Step(i, inputs))
        return False

    def members_later(self, index: int, later: set[int]) -> bool:
        """Does the run itself end that attempt?"""
        group = self.rules[index].group
        return group is not None and any(self.rules[i].group == group for i in later)

    def bound(self, rule: Rule) -> tuple[Fraction, Fraction | None]:
        assert rule.delay is not None
        lo = Fraction(evaluate(rule.delay.lo, self.state))
        if rule.delay.hi is None:
            return lo, None
        return lo, Fraction(evaluate(rule.delay.hi, self.state))

    def first_deadline(self, coming: Rule) -> tuple[list[Rule], Fraction | None]:
        """The attempt or wait, beside that of the coming step, that must end first."""
        groups: dict[object, list[Rule]] = {}
        for index in self.since:
            r = self.rules[index]
            if r.index == coming.index or (r.group is not None and r.group == coming.group):
                continue
            groups.setdefault(("group", r.group) if r.group is not None else r.index, []).append(r)
        best: Fraction | None = None
        chosen: list[Rule] = []
        for members in groups.values():
            latest: list[Fraction | None] = []
            for r in members:
                _, hi = self.bound(r)
                latest.append(None if hi is None else self.since[r.index] + hi)
            timeouts = [
                t
                for t, r in zip(latest, members, strict=True)
                if r.kind is RuleKind.TIMEOUT and t is not None
            ]
            known = [t for t in latest if t is not None]
            deadline = max(known) if len(known) == len(latest) else None
            if timeouts:
                deadline = min(timeouts) if deadline is None else min(min(timeouts), deadline)
            if deadline is not None and (best is None or deadline < best):
                best, chosen = deadline, members
        return chosen, best

    def end_one(self, members: list[Rule]) -> bool:
        """End an attempt at its deadline: as the run says later, or by completing."""
        indices = {r.index for r in members}
        for k, step in enumerate(self.rest):
            if step.rule in indices:
                return self.take(self.rest.pop(k))
        order = sorted(members, key=lambda r: r.kind is not RuleKind.COMPLETE)
        for r in order:
            lo, _ = self.bound(r)
            if self.since[r.index] + lo <= self.now:
                inputs = self.answer(r)
                if inputs is not None:
                    return self.take(Step(r.index, inputs))
        return False

    def answer(self, rule: Rule) -> tuple[Scalar, ...] | None:
        if not rule.inputs:
            return () if relation_holds(rule, self.state, ()) else None
        from .checks.walk import Walker

        return Walker(self.system).answer(rule, self.state, random.Random(0))

    def bring(self, rule: Rule) -> bool:
        for k, step in enumerate(self.rest):
            if step.rule == rule.index:
                return self.take(self.rest.pop(k))
        inputs = self.answer(rule)
        return inputs is not None and self.take(Step(rule.index, inputs))

    def take(self, step: Step) -> bool:
        rule = self.rules[step.rule]
        if not enabled(rule, self.state):
            return False
        self.state = fire(rule, self.state, step.inputs)
        self.done.append(Step(step.rule, step.inputs, self.now))
        self.arm(rule)
        return True

    def arm(self, fired: Rule | None) -> None:
        """Clocks of rules that are enabled now; that of the rule just fired starts anew."""
        alive = {}
        for r in self.rules:
            if r.delay is not None and enabled(r, self.state):
                restart = fired is not None and fired.index == r.index
                alive[r.index] = self.now if restart else self.since.get(r.index, self.now)
        self.since = alive
