"""Which rules are enabled, kept up to date step by step.

The cost of a step is that of the rules at the points it leaves and enters, and of those that
watch a variable it changes; it does not grow with the number of rules or instances.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..semantics.expr import Scalar
from .compile import State
from .plan import Plan

# How far a rule has come: its thread elsewhere, its private part false, in its bucket.
_AWAY, _WAITING, _READY = 0, 1, 2


class Urgent(Protocol):
    """Holds the enabled rules without a delay; see `scheduler`."""

    def add(self, bucket: int, rule: int) -> None: ...
    def remove(self, bucket: int, rule: int) -> None: ...
    def open(self, bucket: int) -> None: ...
    def close(self, bucket: int) -> None: ...


class Dynamics:
    """A state and its enabled rules.

    After each `fire`, `started` and `stopped` name the rules with a delay that have become
    enabled or disabled; the caller empties them.
    """

    def __init__(self, plan: Plan, state: Sequence[Scalar], urgent: Urgent) -> None:
        self.plan = plan
        self.state: State = list(state)
        self.urgent = urgent
        self.started: list[int] = []
        self.stopped: list[int] = []
        self.level = bytearray(len(plan.private))
        # By variable: rules that watch it, and gates that have rules (~g is gate g).
        self._watchers: list[dict[int, None] | None] = [None] * len(self.state)
        self._gate = bytearray(len(plan.gates))  # which are open, of those that have rules
        self._behind: list[dict[int, None]] = [{} for _ in plan.gates]  # rules at their points
        self._delayed = plan.delayed
        self._open = bytearray(len(plan.conditions))
        for number in range(len(plan.conditions)):
            self._reopen(number)
        for rule in plan.anywhere:
            self._check(rule)
        for v, table in enumerate(plan.at):
            if table is not None:
                for rule in table.get(self.state[v], ()):
                    self._check(rule)

    def enabled(self, rule: int) -> bool:
        """Whether the rule's guard holds now."""
        if self.level[rule] != _READY:
            return False
        return self._delayed[rule] or bool(self._open[self.plan.bucket[rule]])

    def fire(self, rule: int, inputs: Sequence[Scalar] = ()) -> Sequence[tuple[int, Scalar]]:
        """Take the step; answers the variables that it wrote, with their old values."""
        plan = self.plan
        state = self.state
        step = plan.steps[rule]
        changed = plan.step(rule, state, inputs) if step is None else step(state, inputs)
        level = self.level
        arrived: list[int] = []
        touched: list[int] = []
        buckets: list[int] = []
        for v, old in changed:
            new = state[v]
            if new == old:
                continue
            table = plan.at[v]
            if table is not None:
                come = table.get(new, ())
                for r in table.get(old, ()):
                    if level[r] and r not in come:
                        self._drop(r)
                if come:
                    arrived += come
            watchers = self._watchers[v]
            if watchers:
                touched += watchers
            if plan.opens[v]:
                buckets += plan.opens[v]
        # Everything is evaluated in the new state, so nothing is enabled just in passing.
        if touched and min(touched) < 0:
            touched = self._through_gates(touched)
        for r in arrived:
            self._check(r)
        for r in touched:
            if level[r]:
                self._check(r)
        for b in buckets:
            self._reopen(b)
        return changed

    def _check(self, rule: int) -> None:
        """The rule's thread is at its point: is its private part true?"""
        plan = self.plan
        private = plan.private[rule]
        before = self.level[rule]
        if not before:
            self._watch(rule, plan.watch[rule])
            for g in plan.gated[rule]:
                behind = self._behind[g]
                if not behind:
                    self._watch(~g, plan.reads[g])
                    self._gate[g] = bool(plan.gates[g](self.state, ()))
                behind[rule] = None
        if all(self._gate[g] for g in plan.gated[rule]) and (
            private is None or private(self.state, ())
        ):
            if before != _READY:
                self.level[rule] = _READY
                if self._delayed[rule]:
                    self.started.append(rule)
                else:
                    self.urgent.add(plan.bucket[rule], rule)
        else:
            self.level[rule] = _WAITING
            if before == _READY:
                self._leave(rule)

    def _through_gates(self, touched: list[int]) -> list[int]:
        """The rules that are touched, those behind gates that now open or shut among them."""
        out: list[int] = []
        for t in touched:
            if t >= 0:
                out.append(t)
                continue
            g = ~t
            now = bool(self.plan.gates[g](self.state, ()))
            if now != self._gate[g]:
                self._gate[g] = now
                out += self._behind[g]
        return out

    def _watch(self, who: int, variables: Sequence[int]) -> None:
        for v in variables:
            watchers = self._watchers[v]
            if watchers is None:
                watchers = self._watchers[v] = {}
            watchers[who] = None

    def _ignore(self, who: int, variables: Sequence[int]) -> None:
        for v in variables:
            watchers = self._watchers[v]
            if watchers is not None:
                watchers.pop(who, None)

    def _drop(self, rule: int) -> None:
        self._ignore(rule, self.plan.watch[rule])
        for g in self.plan.gated[rule]:
            behind = self._behind[g]
            behind.pop(rule, None)
            if not behind:
                self._ignore(~g, self.plan.reads[g])
        if self.level[rule] == _READY:
            self._leave(rule)
        self.level[rule] = _AWAY

    def _leave(self, rule: int) -> None:
        if self._delayed[rule]:
            self.stopped.append(rule)
        else:
            self.urgent.remove(self.plan.bucket[rule], rule)

    def _reopen(self, bucket: int) -> None:
        condition = self.plan.conditions[bucket]
        now = 1 if condition is None or condition(self.state, ()) else 0
        if now != self._open[bucket]:
            self._open[bucket] = now
            if now:
                self.urgent.open(bucket)
            else:
                self.urgent.close(bucket)
