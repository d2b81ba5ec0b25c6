"""A log read back: the state from the events alone, and whether the log can be believed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from ..dsl.records import dataclass
from ..semantics.events import apply_in_place
from ..semantics.expr import Scalar
from ..semantics.system import EventKind, TransitionSystem
from ..semantics.trace import Step, Trace
from .collection import paused
from .compile import Emitter, Row, Term
from .log import Log, LogError, RunEnd, RunInfo, checksum, open_log, read_scalar, seal, to_event
from .plan import Plan, build_plan
from .recorder import first_rows
from .timing import Scheduling

# From where the spec came from (as the log has it) to what it means.
LoadSystem = Callable[[str], TransitionSystem]
# From the head of a run to the rules that it is compared with; None: there are none to compare.
LoadPlan = Callable[[RunInfo], Plan | None]


@dataclass(frozen=True, slots=True)
class LogReplay:
    """`problem` "": the state rebuilt from the events is the recorded one, and, where the spec
    could be loaded, every event is the one that its rule emits.  `event` is the first wrong one.
    """

    run: int
    info: RunInfo
    end: RunEnd | None
    events: int
    state: tuple[Scalar, ...]
    problem: str = ""
    event: int | None = None
    checked_rules: bool = False

    @property
    def ok(self) -> bool:
        return not self.problem


def replay_log(
    path: str | Path, load_system: LoadSystem | None = None, run: int | None = None
) -> LogReplay:
    """Rebuild the state of a run (the last one) from its events alone, and compare.

    With `load_system` the rules are fired again too, so that any event that was altered is
    named.  LogError: there is no log there, or no such run.
    """

    def load(info: RunInfo) -> Plan | None:
        return build_plan(load_system(info.source)) if load_system is not None else None

    (found,) = replay_runs(path, load, -1 if run is None else run)
    return found


def replay_runs(
    path: str | Path, load_plan: LoadPlan, run: int | None = None, name: str = ""
) -> Iterator[LogReplay]:
    """The same for all runs of a log, one after the other; or for one, -1 being the last.

    `name` is what messages call the log, if not by its path.
    """
    place = Path(path)
    name = name or str(path)
    if not place.is_file():
        what = f"{name} is no file" if place.exists() else f"there is no file {name}"
        raise LogError(what)
    if place.stat().st_size == 0:
        # To open it would make a log of it.
        raise LogError(f"{name} holds no run")
    log = open_log(path, name)
    try:
        runs = log.runs()
        if not runs:
            raise LogError(f"{name} holds no run")
        if run is not None and run != -1 and run not in runs:
            many = f"runs 1 to {len(runs)}" if len(runs) > 1 else "run 1 only"
            raise LogError(f"{name} has no run {run}; it has {many}")
        for number in runs if run is None else [runs[run] if run == -1 else run]:
            try:
                info = log.info(number)
            except LogError as wrong:
                yield LogReplay(number, RunInfo(), None, 0, (), str(wrong))
                continue
            plan = load_plan(info)
            with paused():
                found = _Rebuild(log, number, info, plan).replay()
            yield found
    finally:
        log.close()


def snapshot(log: Log, run: int, seq: int) -> tuple[Scalar, ...]:
    """The state of a run after event `seq`, from the events alone."""
    state: list[Scalar] = []
    for row in log.rows(run):
        event = to_event(row)
        _apply(event.kind, event.changes, state)
        if event.seq >= seq:
            break
    return tuple(state)


def _apply(kind: EventKind, changes: Sequence[tuple[int, Scalar]], state: list[Scalar]) -> None:
    if kind is EventKind.SNAPSHOT_CREATED:
        state[:] = [value for _, value in changes]
        return
    try:
        apply_in_place(kind, changes, state)
    except (IndexError, TypeError) as wrong:
        raise LogError(f"it changes what there is not: {wrong}") from None


class _Rebuild:
    def __init__(self, log: Log, run: int, info: RunInfo, plan: Plan | None) -> None:
        self._log = log
        self._run = run
        self._info = info
        self._rules: _Rules | None = None
        self._last = Fraction(0)
        self._state: list[Scalar] = []
        self._count = 0
        self._sum = 0
        if plan is not None:
            self._rules = _Rules(plan, self._state)

    def replay(self) -> LogReplay:
        try:
            problem, event = self._events()
            end = self._log.final(self._run)
        except LogError as wrong:
            return self._answer(None, str(wrong), self._count)
        if not problem and end is not None:
            problem = self._compare(end)
        elif end is None:
            # Said first: whatever else is wrong is likely to come from that.
            problem = f"the log is cut off after event {self._count - 1}: the run has no end"
            event = None
        return self._answer(end, problem, event)

    def _answer(self, end: RunEnd | None, problem: str, event: int | None) -> LogReplay:
        return LogReplay(
            self._run,
            self._info,
            end,
            self._count,
            tuple(self._state),
            problem,
            event if problem else None,
            self._rules is not None,
        )

    def _events(self) -> tuple[str, int | None]:
        rules = self._rules
        for row in self._log.rows(self._run):
            if row[0] != self._count:
                return f"event {self._count} is missing: {row[0]} comes in its place", self._count
            event = to_event(row)
            self._sum = checksum((row,), self._sum)
            if rules is not None:
                wrong = rules.check(row, event.inputs)
                if wrong:
                    return f"event {event.seq}: {wrong}", event.seq
            try:
                _apply(event.kind, event.changes, self._state)
            except LogError as wrong_change:
                return f"event {event.seq}: {wrong_change}", event.seq
            self._count += 1
            self._last = event.time
        return rules.times() if rules is not None else ("", None)

    def _compare(self, end: RunEnd) -> str:
        if self._count != end.events:
            return f"{self._count} events, but the run ended with {end.events}"
        if self._rules is not None:
            if self._rules.steps != end.steps:
                return f"{self._rules.steps} steps, but the run ended with {end.steps}"
            if self._rules.names != self._info.variables:
                return "its variables are not called as in the spec"
        if end.time < self._last:
            return f"the run ended at {end.time} seconds, before its last event at {self._last}"
        names = self._info.variables
        if len(end.state) != len(self._state):
            return f"the final state has {len(end.state)} values, not {len(self._state)}"
        for i, (built, recorded) in enumerate(zip(self._state, end.state, strict=True)):
            if built != recorded:
                name = names[i] if i < len(names) else f"variable {i}"
                return f"{name} is {built} after the events, but the log ends with {recorded}"
        if seal(self._info, end, self._sum) != end.checksum:
            return (
                "an event, or what the log says of the run, was altered, though the final state"
                " agrees: the checksum differs"
            )
        return ""


class _Rules:
    """Fires the rules again beside the log, and says which row is not what its rule emits."""

    def __init__(self, plan: Plan, state: list[Scalar]) -> None:
        self._system = plan.system
        self._plan = plan
        self._state = state  # the rebuilt one: the caller applies the events to it
        self._expected: list[Row] = []
        self._emitters: dict[int, Emitter] = {}
        self._guards: dict[int, Term] = {}
        self._begun = False
        self._initial: tuple[Scalar, ...] = ()
        self._steps: list[Step] = []
        self._first_events: list[int] = []  # by step

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(v.name for v in self._system.variables)

    @property
    def steps(self) -> int:
        return len(self._steps)

    def times(self) -> tuple[str, int | None]:
        """When all rows have been checked: could the steps happen at their times?"""
        trace = Trace(self._initial, tuple(self._steps))
        wrong = Scheduling(self._system, self._plan).misplaced(trace)
        if wrong is None:
            return "", None
        step, event = self._steps[wrong], self._first_events[wrong]
        name = self._system.rules[step.rule].name
        return f"event {event}: `{name}` cannot happen at {step.time} seconds", event

    def check(self, row: Row, inputs: tuple[Scalar, ...]) -> str:
        if not self._begun:
            self._begun = True
            wrong = self._first(row)
            if wrong:
                return wrong
        elif not self._expected:
            wrong = self._next_step(row, inputs)
            if wrong:
                return wrong
        expected = self._expected.pop()
        if expected == row:
            return ""
        names = (
            "seq",
            "time",
            "instance",
            "kind",
            "subject",
            "rule",
            "inputs",
            "changes",
            "detail",
        )
        for name, mine, theirs in zip(names, expected, row, strict=True):
            if mine != theirs:
                return f"its {name} is {theirs}, but the rule gives {mine}"
        return "it is not what the rule gives"

    def _first(self, row: Row) -> str:
        try:
            values = [read_scalar(value) for _, value in json.loads(row[7])]
        except (ValueError, TypeError):
            return "the initial state cannot be read"
        if len(values) != len(self._system.variables):
            return (
                f"the initial state has {len(values)} variables,"
                f" the spec has {len(self._system.variables)}"
            )
        self._initial = tuple(values)
        self._expected = first_rows(self._plan, values)[::-1]
        return ""

    def _next_step(self, row: Row, inputs: tuple[Scalar, ...]) -> str:
        seq, time, number = row[0], row[1], row[5]
        if not 0 <= number < len(self._system.rules):
            return f"there is no rule {number}"
        rule = self._system.rules[number]
        emit = self._emitters.get(number)
        if emit is None:
            emit = self._emitters[number] = self._plan.compiler.emitter(rule)
            self._guards[number] = self._plan.compiler.term(rule.guard)
        if not self._guards[number](self._state, ()):
            return f"`{rule.name}` is not enabled"
        relation = self._plan.compiler.relation(rule)
        if len(inputs) != len(rule.inputs) or not (
            relation is None or relation(self._state, inputs)
        ):
            return f"the environment cannot answer `{rule.name}` like this"
        self._steps.append(Step(number, inputs, Fraction(time)))
        self._first_events.append(seq)
        emit(self._state, inputs, seq, time, row[6], self._expected.append)
        self._expected.reverse()
        return "" if self._expected else f"`{rule.name}` emits no event here"
