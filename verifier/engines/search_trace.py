"""From a sequence of rules to a run with values, replayed before it is handed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, Expr, Op, Scalar, Sort, inp, not_, var
from ...semantics.system import Obligation, TransitionSystem
from ...semantics.trace import Step, Trace
from ...semantics.values import enabled, evaluate, fire, initial_holds, relation_holds
from ...semantics.walks import substitute
from .common import concerns, initial_condition, input_condition, is_state


@dataclass(frozen=True, slots=True)
class Path:
    """Rules to take in this order; None for values that are still to be chosen."""

    initial: Mapping[int, Scalar]  # of free variables
    rules: tuple[int, ...] = ()
    inputs: tuple[tuple[Scalar | None, ...], ...] = ()
    tests: tuple[tuple[int, Expr], ...] = ()  # (number of steps taken, condition on the state)

    def then(self, rule: int, inputs: tuple[Scalar | None, ...]) -> Path:
        """One step more."""
        return replace(self, rules=(*self.rules, rule), inputs=(*self.inputs, inputs))


def violates(system: TransitionSystem, trace: Trace, goal: Obligation | None) -> bool:
    """Replays a run on exact values: is it one, and does its last step (or state) break `goal`?

    Without a goal: is it a run at all.  A run through an excluded state does not count.
    """
    state: Sequence[Scalar] = trace.initial
    if not initial_holds(system, state) or evaluate(system.excluded, state):
        return False
    broken = goal is not None and is_state(goal) and not evaluate(goal.cond, state)
    for step in trace.steps:
        rule = system.rules[step.rule]
        if not enabled(rule, state):
            return False
        next_state = fire(rule, state, step.inputs)
        if not relation_holds(rule, state, step.inputs, next_state):
            return False
        if evaluate(system.excluded, next_state):
            return False
        if goal is not None:
            if is_state(goal):
                broken = not evaluate(goal.cond, next_state)
            elif concerns(goal, rule):
                broken = not evaluate(goal.cond, state, step.inputs, next_state)
            else:
                broken = False
        state = next_state
    return goal is None or broken


def realize(
    system: TransitionSystem,
    path: Path,
    goal: Obligation | None = None,
    also: Expr | None = None,
    milliseconds: int = 5000,
) -> Trace | None:
    """A run along `path` that breaks `goal` at its end (and satisfies `also` there).

    None when there is none, or when it was not found.  What is returned has been replayed.
    """
    trace = _by_values(system, path) if _closed(system, path) else None
    if trace is None:
        trace = _by_solver(system, path, goal, also, milliseconds)
    if trace is None or not violates(system, trace, goal):
        return None
    if also is not None and not evaluate(also, final_state(system, trace)):
        return None
    return trace


def final_state(system: TransitionSystem, trace: Trace) -> tuple[Scalar, ...]:
    """The state at the end of a run."""
    state = tuple(trace.initial)
    for step in trace.steps:
        state = fire(system.rules[step.rule], state, step.inputs)
    return state


def _closed(system: TransitionSystem, path: Path) -> bool:
    free = {v.index for v in system.variables if v.init is None}
    return free <= path.initial.keys() and all(
        value is not None for step in path.inputs for value in step
    )


def _by_values(system: TransitionSystem, path: Path) -> Trace | None:
    state: list[Scalar] = []
    for variable in system.variables:
        if variable.init is None:
            state.append(path.initial[variable.index])
        else:
            state.append(evaluate(variable.init, state))
    steps = tuple(
        Step(rule, tuple(v for v in inputs if v is not None))
        for rule, inputs in zip(path.rules, path.inputs, strict=True)
    )
    return Trace(tuple(state), steps)


class _Unrolled:
    """The states along a path as terms over the free initial values and the inputs."""

    def __init__(self, system: TransitionSystem, path: Path) -> None:
        self.parts: list[Expr] = []
        self.state: list[Expr] = []
        self.answers: list[list[Expr]] = []
        self._system = system
        self._inputs = 0
        for variable in system.variables:
            if variable.init is not None:
                self.state.append(self._read(variable.init, {}))
            elif variable.index in path.initial:
                self.state.append(_constant(path.initial[variable.index], variable.sort))
            else:
                self.state.append(var(variable.index, variable.sort))
        self.first = list(self.state)
        self.parts.append(self._read(initial_condition(system), {}))
        self._allow()

    def _read(self, expr: Expr, memo: dict[int, Expr], answers: Sequence[Expr] = ()) -> Expr:
        state = self.state

        def leaf(node: Expr) -> Expr:
            if node.op is Op.VAR:
                return state[node.index]
            return answers[node.index] if node.op is Op.INPUT else node

        return substitute(expr, leaf, memo)

    def _allow(self) -> None:
        if self._system.excluded is not FALSE:
            self.parts.append(not_(self._read(self._system.excluded, {})))

    def step(self, index: int, inputs: Sequence[Scalar | None]) -> None:
        rule = self._system.rules[index]
        answers: list[Expr] = []
        for declared, value in zip(rule.inputs, inputs, strict=True):
            if value is None:
                answers.append(inp(self._inputs, declared.sort))
                self._inputs += 1
            else:
                answers.append(_constant(value, declared.sort))
        self.answers.append(answers)
        memo: dict[int, Expr] = {}
        self.parts.append(self._read(rule.guard, memo))
        self.parts.append(self._read(input_condition(rule), {}, answers))
        after = list(self.state)
        memo = {}
        for v, e in rule.updates:
            after[v] = self._read(e, memo, answers)
        self.before, self.state = self.state, after
        self._allow()

    def goal(self, goal: Obligation) -> None:
        """The last state, or the last step, breaks the goal."""
        if is_state(goal):
            self.parts.append(not_(self._read(goal.cond, {})))
            return
        before, after, answers = self.before, self.state, self.answers[-1]
        tables = {Op.VAR: before, Op.POST: after, Op.INPUT: answers}

        def leaf(node: Expr) -> Expr:
            return node if node.op is Op.CONST else tables[node.op][node.index]

        self.parts.append(not_(substitute(goal.cond, leaf)))

    def final(self, expr: Expr) -> None:
        self.parts.append(self._read(expr, {}))


def _constant(value: Scalar, sort: Sort) -> Expr:
    return Expr(Op.CONST, (), sort, value)


def _by_solver(
    system: TransitionSystem,
    path: Path,
    goal: Obligation | None,
    also: Expr | None,
    milliseconds: int,
) -> Trace | None:
    from ...semantics.symbolic import Answer, Encoder, Smt

    run = _Unrolled(system, path)
    for at, (rule, inputs) in enumerate(zip(path.rules, path.inputs, strict=True)):
        for when, test in path.tests:
            if when == at:
                run.final(test)
        run.step(rule, inputs)
    for when, test in path.tests:
        if when == len(path.rules):
            run.final(test)
    if goal is not None:
        if not is_state(goal) and not path.rules:
            return None
        run.goal(goal)
    if also is not None:
        run.final(also)
    encode = Encoder()
    solver = Smt(milliseconds)
    solver.add(*map(encode, run.parts))
    if solver.check() is not Answer.SAT:
        return None

    def values(terms: Sequence[Expr]) -> list[Scalar] | None:
        out = [t.value if t.op is Op.CONST else solver.value(encode(t), t.sort) for t in terms]
        found = [v for v in out if v is not None]
        return found if len(found) == len(out) else None

    first = values(run.first)
    steps: list[Step] = []
    for index, answers in zip(path.rules, run.answers, strict=True):
        given = values(answers)
        if given is None:
            return None
        steps.append(Step(index, tuple(given)))
    return None if first is None else Trace(tuple(first), tuple(steps))
