"""A run as a person reads it: who did what, and what it changed.

Text and JSON are both made from a `RunView`, so that they say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from ..dsl.errors import Span
from ..dsl.records import dataclass
from ..interpreter.parts import paths
from ..semantics.expr import Op, Scalar
from ..semantics.system import (
    Obligation,
    PointKind,
    Rule,
    RuleKind,
    TransitionSystem,
    Variable,
    VarKind,
)
from ..semantics.trace import Trace
from ..semantics.values import State, evaluate, fire, show, show_duration
from ..semantics.walks import variables
from ..semantics.words import in_words
from ..verifier.verdict import Refuted, Result
from .values import Plain, to_plain

# What a person reads of a state; locations, counters and ghosts are how it is computed.
TAKING = (RuleKind.RECEIVE, RuleKind.INTERRUPT)
VISIBLE = frozenset(
    (
        VarKind.DATA,
        VarKind.SHARED,
        VarKind.CHANNEL,
        VarKind.RECEIVED,
        VarKind.ARG,
        VarKind.PARAM,
        VarKind.USED,
    )
)

SILENT = "misses a heartbeat"
_VERBS = {
    RuleKind.START: "starts",
    RuleKind.COMPLETE: "completes",
    RuleKind.FAIL: "fails",
    RuleKind.TIMEOUT: "times out",
    RuleKind.BACKOFF: "tries again",
    RuleKind.UNDO: "is undone",
}


@dataclass(frozen=True, slots=True)
class Value:
    """A variable's value, as shown and as plain data."""

    name: str
    text: str
    plain: Plain


@dataclass(frozen=True, slots=True)
class Change:
    """`short` is the name without the instance, where that is the one that takes the step."""

    name: str
    short: str
    before: str
    after: str
    old: Plain
    new: Plain


@dataclass(frozen=True, slots=True)
class StepView:
    """`lane` is an index into `RunView.lanes`; `brief` is `text` without the instance's name.

    `stand` tells for each lane what its thread is at after the step.
    """

    number: int
    lane: int
    kind: RuleKind
    text: str
    brief: str
    instance: str
    activity: str
    time: str
    seconds: Fraction
    inputs: tuple[Value, ...]
    changes: tuple[Change, ...]
    span: Span
    stand: tuple[PointKind, ...] = ()


@dataclass(frozen=True, slots=True)
class RunView:
    """`start`: chosen before the first step; `end`: the relevant values after the last one.

    `lanes` are the threads that take a step, in the order of their ids.  `timed` is false where
    all steps happen at time 0, as in a run found without clocks.  `recurs`: of a loop that never
    comes to the same state again, what holds whenever a round begins.
    """

    lanes: tuple[str, ...]
    start: tuple[Value, ...]
    steps: tuple[StepView, ...]
    end: tuple[Value, ...]
    loop_at: int | None
    recurs: str
    timed: bool
    single: bool  # one instance only: its name says nothing

    def said(self, step: StepView) -> str:
        """The step in words, without the instance where there is only one."""
        return step.brief if self.single else step.text


def states(system: TransitionSystem, trace: Trace) -> tuple[State, ...]:
    """The state before each step, and the last one: one more than there are steps."""
    out: list[State] = [trace.initial]
    for step in trace.steps:
        out.append(fire(system.rules[step.rule], out[-1], step.inputs))
    return tuple(out)


def view(system: TransitionSystem, trace: Trace, relevant: Iterable[int] | None = None) -> RunView:
    """`relevant` are the variables to show at the end; None: those that the run changed."""
    along = states(system, trace)
    rules = [system.rules[step.rule] for step in trace.steps]
    threads = sorted({rule.thread for rule in rules})
    steps = tuple(
        _step(system, number, threads, rule, trace, along) for number, rule in enumerate(rules, 1)
    )
    if relevant is None:
        chosen = {index for rule in rules for index, _ in rule.updates}
    else:
        chosen = set(relevant)
    chosen -= _unused(system, along[-1])
    if trace.loop_at is not None:
        # What a round leaves otherwise than it was is not so for ever.
        before = along[trace.loop_at]
        chosen = {v for v in chosen if along[-1][v] == before[v]}
        if trace.recurs is not None:  # A queue that is used in each round may have become longer.
            kinds = {v.index: v.kind for v in system.variables}
            chosen = {v for v in chosen if kinds[v] is not VarKind.CHANNEL}
    end = tuple(
        _value(system, variable, along[-1])
        for variable in system.variables
        if variable.index in chosen and _visible(system, variable)
    )
    return RunView(
        lanes=tuple(system.threads[thread].name for thread in threads),
        start=_start(system, trace),
        steps=steps,
        end=end,
        loop_at=trace.loop_at,
        recurs="" if trace.recurs is None else in_words(system, trace.recurs),
        timed=any(step.time for step in trace.steps),
        single=len(system.instances) == 1,
    )


def _visible(system: TransitionSystem, variable: Variable) -> bool:
    """Is it something to read?  Which message is the oldest is how a queue is kept."""
    turn = variable.kind is VarKind.CHANNEL and any(
        variable.index in turns for c in system.channels for turns in c.turns
    )
    return variable.kind in VISIBLE and not turn


def _unused(system: TransitionSystem, state: State) -> set[int]:
    """Slots of channels in which there is nothing: what stands there says nothing."""
    out: set[int] = set()
    for c in system.channels:
        for queue, slots in enumerate(c.slots):
            for number, slot in enumerate(slots):
                if c.turns:
                    empty = state[c.turns[queue][number]] == 0
                else:
                    empty = number >= int(state[c.lengths[queue]])
                if empty:
                    out.update(slot)
    return out


def of_result(
    system: TransitionSystem | None, result: Result, trace: Trace | None
) -> RunView | None:
    """The view of a result's run; None where there is no run (a contradiction needs none)."""
    if isinstance(result.verdict, Refuted) and result.verdict.system is not None:
        system = result.verdict.system
    if system is None or trace is None or len(trace.initial) != len(system.variables):
        return None
    return view(system, trace, relevant(system, result, trace))


def relevant(system: TransitionSystem, result: Result, trace: Trace) -> set[int] | None:
    """The variables that the violated condition reads; None when it is not known."""
    found = [o for o in system.obligations if _answers(o, result)]
    if not found:
        return None
    # Of a claim about each instance, those that the end of the run breaks.
    last = states(system, trace)[-1]
    rule = trace.steps[-1].rule if trace.steps else None
    broken = [o for o in found if _may_break(o, rule, last)]
    conditions = [o.cond for o in broken or found]
    return variables(conditions) | variables(conditions, Op.POST)


def _answers(obligation: Obligation, result: Result) -> bool:
    if obligation.check != result.check:
        return False
    return obligation.name == result.name or obligation.span == result.span


def _may_break(obligation: Obligation, rule: int | None, last: State) -> bool:
    """Can the last step, or the state after it, break it?"""
    if obligation.rule is not None or obligation.every_step:
        return obligation.rule in (None, rule)
    return evaluate(obligation.cond, last) is False


def _start(system: TransitionSystem, trace: Trace) -> tuple[Value, ...]:
    """Arguments of those who move, parameters, and variables that may start with any value."""
    moved = {system.rules[step.rule].instance for step in trace.steps}
    idle = {i.id for i in system.instances} - moved if moved else set()
    return tuple(
        _value(system, v, trace.initial)
        for v in system.variables
        if v.instance not in idle
        if v.kind in (VarKind.ARG, VarKind.PARAM)
        or (v.init is None and v.kind in (VarKind.DATA, VarKind.SHARED))
    )


def _value(system: TransitionSystem, variable: Variable, state: State) -> Value:
    value = state[variable.index]
    # A resource's variable is called like the resource; what it says is how much is in use.
    used = variable.kind is VarKind.USED and variable.name.isidentifier()
    return Value(
        f"used({variable.name})" if used else variable.name,
        show(variable, value, system.strings),
        to_plain(value, variable.type, system.strings),
    )


def _step(
    system: TransitionSystem,
    number: int,
    threads: Sequence[int],
    rule: Rule,
    trace: Trace,
    along: Sequence[State],
) -> StepView:
    step = trace.steps[number - 1]
    before, after = along[number - 1], along[number]
    instance = _instance(system, rule)
    brief = describe(rule)
    text = brief if instance in brief else f"{instance}: {brief}"
    return StepView(
        number=number,
        lane=threads.index(rule.thread),
        kind=rule.kind,
        text=text,
        brief=_without(brief, instance),
        instance=instance,
        activity=rule.activity,
        time=show_duration(step.time),
        seconds=step.time,
        inputs=_inputs(system, rule, step.inputs),
        changes=_changes(system, rule, before, after),
        span=rule.span,
        stand=tuple(_stand(system, thread, after) for thread in threads),
    )


def _instance(system: TransitionSystem, rule: Rule) -> str:
    """Whose step it is: an instance's, or a channel's own."""
    thread = system.threads[rule.thread]
    if rule.channel and thread.parent is None and thread.id != _root(system, rule):
        return thread.name
    return system.instances[rule.instance].name if system.instances else ""


def _root(system: TransitionSystem, rule: Rule) -> int:
    return system.instances[rule.instance].root


def _without(text: str, instance: str) -> str:
    return text.removeprefix(f"{instance}.") if instance else text


def _stand(system: TransitionSystem, thread: int, state: State) -> PointKind:
    found = system.threads[thread]
    return found.points[int(state[found.location])].kind


def describe(rule: Rule) -> str:
    """`trip[0].charge fails with Declined`; the rule's own name where it is not an activity."""
    verb = _VERBS.get(rule.kind)
    if not rule.activity or verb is None:
        return rule.name
    if rule.name.endswith(SILENT):
        verb = SILENT
    elif rule.error and rule.kind is RuleKind.FAIL:
        verb = f"{verb} with {rule.error}"
    return f"{rule.activity} {verb}"


def _inputs(system: TransitionSystem, rule: Rule, values: Sequence[Scalar]) -> tuple[Value, ...]:
    return tuple(
        Value(
            name,
            show(given, value, system.strings),
            to_plain(value, given.type, system.strings),
        )
        for name, given, value in zip(paths(rule, system), rule.inputs, values, strict=False)
    )


def _changes(
    system: TransitionSystem, rule: Rule, before: State, after: State
) -> tuple[Change, ...]:
    out = []
    instance = _instance(system, rule)
    for index in sorted({index for index, _ in rule.updates}):
        variable = system.variables[index]
        if not _visible(system, variable) or before[index] == after[index]:
            continue
        if variable.kind is VarKind.RECEIVED and rule.kind not in TAKING:
            continue  # it is forgotten
        old, new = _value(system, variable, before), _value(system, variable, after)
        short = _without(new.name, instance) if variable.instance == rule.instance else new.name
        out.append(Change(new.name, short, old.text, new.text, old.plain, new.plain))
    return tuple(out)


def parting(first: RunView, second: RunView) -> int:
    """The number of steps that two runs have in common at their beginning."""
    if first.start != second.start:
        return 0
    common = 0
    for one, two in zip(first.steps, second.steps, strict=False):
        if (one.text, one.inputs, one.changes) != (two.text, two.inputs, two.changes):
            break
        common += 1
    return common
