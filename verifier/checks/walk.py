"""Random walks over concrete states, for coverage: quick, no proof of anything by themselves."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from fractions import Fraction

from ...dsl.types import Enum
from ...semantics.expr import Expr, Op, Scalar, Sort
from ...semantics.system import Input, Rule, RuleKind, TransitionSystem, Variable
from ...semantics.trace import Step, Trace
from ...semantics.values import evaluate, fire, initial_state, relation_holds
from ...semantics.walks import postorder


class Walker:
    """Walks with urgent steps first, which makes most walks possible in time."""

    def __init__(self, system: TransitionSystem) -> None:
        self.system = system
        self.by_variable: dict[int, list[int]] = {}
        for rule in system.rules:
            for v in {n.index for n in postorder([rule.guard]) if n.op is Op.VAR}:
                self.by_variable.setdefault(v, []).append(rule.index)
        self.constants = sorted(
            {
                int(n.value)
                for o in [system.initial, *(r.relation for r in system.rules)]
                for n in postorder([o])
                if n.op is Op.CONST and n.sort is Sort.INT and n.value is not None
            }
        )[:40]

    def start(self, rng: random.Random) -> tuple[Scalar, ...] | None:
        free = [v for v in self.system.variables if v.init is None]
        for _ in range(200):
            choice = {v.index: self.draw(v, rng) for v in free}
            state = initial_state(self.system, choice)
            if evaluate(self.system.initial, state) is True:
                return state
        return None

    def draw(self, of: Variable | Input, rng: random.Random) -> Scalar:
        if of.sort is Sort.BOOL:
            return rng.random() < 0.5
        if isinstance(of.type, Enum):
            return rng.randrange(len(of.type.values))
        if of.lo is not None and of.hi is not None:
            near = rng.choice([of.lo, of.hi, of.lo + 1, (of.lo + of.hi) // 2])
            return min(max(near, of.lo), of.hi)
        pool = [0, 1, 2, 5, 10, 100, *self.constants, *(c + 1 for c in self.constants)]
        value = rng.choice(pool)
        return Fraction(value) if of.sort is Sort.REAL else value

    def answer(
        self, rule: Rule, state: Sequence[Scalar], rng: random.Random
    ) -> tuple[Scalar, ...] | None:
        if not rule.inputs:
            return () if relation_holds(rule, state, ()) else None
        for _ in range(30):
            inputs = tuple(self.draw(i, rng) for i in rule.inputs)
            if relation_holds(rule, state, inputs):
                return inputs
        return None

    def run(self, rng: random.Random, limit: int, seconds: float) -> Trace | None:
        state = self.start(rng)
        if state is None:
            return None
        until = time.monotonic() + seconds
        rules = self.system.rules
        holds: dict[int, None] = {r.index: None for r in rules if self._enabled(r.guard, state)}
        steps: list[Step] = []
        initial = state
        failing = rng.choice([0.02, 0.3, 0.6])
        while holds and len(steps) < limit and time.monotonic() < until:
            urgent = [i for i in holds if rules[i].delay is None]
            pool = urgent or list(holds)
            rule = rules[rng.choice(pool)]
            if rule.kind in (RuleKind.FAIL, RuleKind.TIMEOUT) and rng.random() > failing:
                others = [i for i in pool if rules[i].kind is RuleKind.COMPLETE]
                if others:
                    rule = rules[rng.choice(others)]
            inputs = self.answer(rule, state, rng)
            if inputs is None:
                del holds[rule.index]
                continue
            before = state
            state = fire(rule, state, inputs)
            if evaluate(self.system.excluded, state) is True:
                break
            steps.append(Step(rule.index, inputs))
            touched = {
                i
                for v, _ in rule.updates
                if state[v] != before[v]
                for i in self.by_variable.get(v, ())
            }
            for i in touched:
                if self._enabled(rules[i].guard, state):
                    holds[i] = None
                else:
                    holds.pop(i, None)
        return Trace(initial, tuple(steps))

    def _enabled(self, guard: Expr, state: Sequence[Scalar]) -> bool:
        return evaluate(guard, state) is True
