"""Is a trace a run?  Checked step by step with the plain evaluator, which shares no code with
the generated functions of the runner or the formulas of the solver.
"""

from __future__ import annotations

from ..dsl.records import dataclass
from ..semantics.expr import Scalar
from ..semantics.idle import alike, idle
from ..semantics.system import TransitionSystem
from ..semantics.trace import Trace
from ..semantics.values import enabled, evaluate, fire, fits, initial_holds, relation_holds

ROUNDS = 5  # that are taken again of a run whose rounds are never twice the same


@dataclass(frozen=True, slots=True)
class Replay:
    """`states[i]` is the state before step i, the last one after all steps.

    Of a trace that is no run: `failed` is the step that does not fire, -1 for the initial state,
    and `why` says what is wrong; `states` end before it.
    """

    states: tuple[tuple[Scalar, ...], ...]
    failed: int | None = None
    why: str = ""

    @property
    def ok(self) -> bool:
        return self.failed is None


def replay(system: TransitionSystem, trace: Trace) -> Replay:
    """Run the steps again, in the untimed view: times are not looked at (see `schedule`)."""
    wrong = _initial(system, trace)
    if wrong:
        return Replay((), -1, wrong)
    states = [tuple(trace.initial)]
    for number, step in enumerate(trace.steps):
        if not 0 <= step.rule < len(system.rules):
            return Replay(tuple(states), number, f"there is no rule {step.rule}")
        rule = system.rules[step.rule]
        state = states[-1]
        if not enabled(rule, state):
            return Replay(tuple(states), number, f"`{rule.name}` is not enabled")
        if not relation_holds(rule, state, step.inputs):
            return Replay(
                tuple(states), number, f"the environment cannot answer `{rule.name}` like this"
            )
        states.append(fire(rule, state, step.inputs))
    if trace.loop_at is not None:
        if not 0 <= trace.loop_at < len(trace.steps):
            return Replay(tuple(states), len(trace.steps), "the loop begins outside the trace")
        # What only records may go on growing.
        closes = alike(states[-1], states[trace.loop_at], idle(system))
        if not (closes if trace.recurs is None else _goes_on(system, trace, states[-1])):
            return Replay(tuple(states), len(trace.steps), "the loop does not close")
    return Replay(tuple(states))


def _goes_on(system: TransitionSystem, trace: Trace, state: tuple[Scalar, ...]) -> bool:
    """A few more rounds of a run that never comes to the same state again."""
    assert trace.recurs is not None and trace.loop_at is not None
    for _ in range(ROUNDS):
        if evaluate(trace.recurs, state) is not True:
            return False
        for step in trace.steps[trace.loop_at :]:
            rule = system.rules[step.rule]
            if not (enabled(rule, state) and relation_holds(rule, state, step.inputs)):
                return False
            state = fire(rule, state, step.inputs)
    return True


def _initial(system: TransitionSystem, trace: Trace) -> str:
    if len(trace.initial) != len(system.variables):
        return f"{len(trace.initial)} values for {len(system.variables)} variables"
    if initial_holds(system, trace.initial):
        return ""
    for v in system.variables:
        value = trace.initial[v.index]
        if v.init is None:
            if not fits(v, value):
                return f"`{v.name}` cannot be {value}"
        elif evaluate(v.init, trace.initial) != value:
            return f"`{v.name}` does not begin as {value}"
    return "the arguments do not satisfy `requires` or their ranges"
