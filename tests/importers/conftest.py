"""Helpers for machines written in the tests: import, lower, and walk every reachable state."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from wfverify.dsl import ast
from wfverify.dsl.errors import Diagnostic
from wfverify.dsl.importers import import_text
from wfverify.dsl.types import Enum
from wfverify.semantics.expr import Scalar, Sort
from wfverify.semantics.lower import lower
from wfverify.semantics.system import Input, TransitionSystem, Variable
from wfverify.semantics.values import (
    enabled,
    evaluate,
    fire,
    initial_holds,
    initial_state,
    relation_holds,
)

State = dict[str, Any]
SAMPLES = tuple(Fraction(n) for n in (0, 1, 2, 5, 7, 10))


def _values(declared: Variable | Input) -> Sequence[Scalar]:
    """All values of a finite type; a sample of the numbers."""
    if declared.sort is Sort.BOOL:
        return (False, True)
    if isinstance(declared.type, Enum):
        return tuple(range(len(declared.type.values)))
    if declared.lo is not None and declared.hi is not None:
        return tuple(range(declared.lo, declared.hi + 1))
    return (0, 1, 2) if declared.sort is Sort.INT else SAMPLES


@dataclass
class Seen:
    """What happens in some run of a machine."""

    spec: ast.Spec
    system: TransitionSystem
    steps: set[str] = field(default_factory=set)  # names of the rules that were taken
    uncovered: set[str] = field(default_factory=set)  # Choices with a value no rule covers
    errors: set[str] = field(default_factory=set)  # with which the machine ends
    states: int = 0

    @property
    def visited(self) -> set[str]:
        """The states of the machine that some transition leads to."""
        return {name.split(" -> ")[1] for name in self.steps if " -> " in name}

    @property
    def codes(self) -> list[str]:
        return [d.code for d in self.spec.warnings]

    def finding(self, code: str) -> Diagnostic:
        found = [d for d in self.spec.warnings if d.code == code]
        assert len(found) == 1, f"{code} among {self.codes}"
        return found[0]

    @property
    def workflow(self) -> ast.Workflow:
        return self.spec.workflows[0]

    def activity(self, name: str) -> ast.Activity:
        return next(a for a in self.workflow.activities if a.name == name)


def _walk(seen: Seen, limit: int) -> None:
    system = seen.system
    free = [v for v in system.variables if v.init is None]
    todo = list[tuple[Scalar, ...]]()
    for chosen in product(*map(_values, free)):
        first = initial_state(system, dict(zip([v.index for v in free], chosen, strict=True)))
        if initial_holds(system, first):
            todo.append(first)
    known = set(todo)
    goals = [o for o in system.obligations if o.check == "exhaustive"]
    while todo:
        state = todo.pop()
        for goal in goals:
            if goal.rule is None and not evaluate(goal.cond, state):
                seen.uncovered.add(goal.name)
        for instance in system.instances:
            if state[instance.error]:
                seen.errors.add(system.errors[int(state[instance.error]) - 1])
        for rule in system.rules:
            if not enabled(rule, state):
                continue
            for inputs in product(*map(_values, rule.inputs)):
                after = fire(rule, state, inputs)
                if not relation_holds(rule, state, inputs, after):
                    continue
                seen.steps.add(rule.name)
                if after not in known:
                    known.add(after)
                    todo.append(after)
        assert len(known) <= limit, "too many states for a test"
    seen.states = len(known)


def machine(states: State, start: str | None = None, **more: Any) -> State:
    return {"StartAt": start or next(iter(states)), "States": states, **more}


@pytest.fixture
def run() -> Callable[..., Seen]:
    """`run(states, start=.., **machine fields)`: everything that can happen."""

    def one(states: State, start: str | None = None, limit: int = 20_000, **more: Any) -> Seen:
        text = json.dumps(machine(states, start, **more), indent=1)
        spec = import_text(text, "machine.json")
        seen = Seen(spec, lower(spec))
        _walk(seen, limit)
        return seen

    return one


@pytest.fixture
def find() -> Callable[..., Seen]:
    """The same without walking: for findings and shapes."""

    def one(states: State, start: str | None = None, **more: Any) -> Seen:
        spec = import_text(json.dumps(machine(states, start, **more), indent=1), "machine.json")
        return Seen(spec, lower(spec))

    return one


def _task(next_: str | None = None, **more: Any) -> State:
    way: State = {"Next": next_} if next_ else {"End": True}
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", **way, **more}


@pytest.fixture
def task() -> Callable[..., State]:
    return _task


@pytest.fixture
def choice() -> Callable[..., State]:
    """`choice([(test, target), ..], default)`."""

    def one(rules: Iterable[tuple[State, str]], default: str | None = None) -> State:
        listed = [{**test, "Next": target} for test, target in rules]
        found: State = {"Type": "Choice", "Choices": listed}
        return {**found, "Default": default} if default else found

    return one
