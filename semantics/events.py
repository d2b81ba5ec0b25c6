"""The event vocabulary and what each kind does to the state.

`apply` is written per kind of event and knows nothing of rules: a log alone rebuilds the state.
The same code runs over values (the log) and over terms (`fold_updates`), so that the checker can
prove, rule by rule, that folding the events of a step equals its updates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol, TypeVar

from .expr import Expr, Scalar, Sort, ite, var
from .expr import add as add_terms
from .expr import sub as subtract_terms
from .system import EventKind, EventTemplate, Rule, TransitionSystem
from .trace import Trace
from .values import State, evaluate_all, fire

T = TypeVar("T")


class Event(NamedTuple):
    """One entry of a log.  A named tuple: a run makes hundreds of thousands of them.

    `changes` pairs a variable's index with its new value; of ResourceAllocated and
    ResourceReleased with the amount.  `rule` is -1 for what happens before the first step.
    """

    seq: int
    time: Fraction
    instance: int | None
    kind: EventKind
    subject: str
    rule: int
    inputs: tuple[Scalar, ...]
    changes: tuple[tuple[int, Scalar], ...]
    detail: str = ""


class Arithmetic(Protocol[T]):
    """What `apply` needs to know of values or terms."""

    def add(self, a: T, b: T) -> T: ...
    def subtract(self, a: T, b: T) -> T: ...


class _Values:
    def add(self, a: Scalar, b: Scalar) -> Scalar:
        return a + b

    def subtract(self, a: Scalar, b: Scalar) -> Scalar:
        return a - b


class _Terms:
    def add(self, a: Expr, b: Expr) -> Expr:
        return add_terms(a, b)

    def subtract(self, a: Expr, b: Expr) -> Expr:
        return subtract_terms(a, b)


# Events that say by how much something grows or shrinks; others say what is written.
COUNTED = (EventKind.RESOURCE_ALLOCATED, EventKind.RESOURCE_RELEASED)


def effect(
    kind: EventKind,
    changes: Iterable[tuple[int, T]],
    read: Callable[[int], T],
    numbers: Arithmetic[T],
) -> Iterator[tuple[int, T]]:
    """What an event of this kind writes; `read` gives the state before it."""
    match kind:
        case EventKind.RESOURCE_ALLOCATED:
            for index, amount in changes:
                yield index, numbers.add(read(index), amount)
        case EventKind.RESOURCE_RELEASED:
            for index, amount in changes:
                yield index, numbers.subtract(read(index), amount)
        case _:
            yield from changes


def apply(event: Event, state: State) -> tuple[Scalar, ...]:
    """The state after the event."""
    after = list(state)
    apply_in_place(event.kind, event.changes, after)
    return tuple(after)


def apply_in_place(
    kind: EventKind, changes: Iterable[tuple[int, Scalar]], state: list[Scalar]
) -> None:
    """The same on a list that the caller owns: rebuilding long logs must not copy states."""
    for index, value in list(effect(kind, changes, state.__getitem__, _Values())):
        state[index] = value


def fold(events: Iterable[Event], state: State) -> tuple[Scalar, ...]:
    """The state after all events."""
    now = list(state)
    for event in events:
        apply_in_place(event.kind, event.changes, now)
    return tuple(now)


def fold_updates(rule: Rule) -> dict[int, Expr]:
    """What the events of a step write, as terms over the state before it and the inputs.

    Atomicity of the log means: for every variable the term here equals the rule's update (or
    the variable itself where only one of the two mentions it).
    """
    now: dict[int, Expr] = {}
    sorts: dict[int, Sort] = {}

    def read(index: int) -> Expr:
        if index in now:
            return now[index]
        if not sorts:
            changes = (change for template in rule.events for change in template.changes)
            sorts.update((v, term.sort) for v, term in (*changes, *rule.updates))
        return var(index, sorts[index])

    for template in rule.events:
        if template.when is None and template.kind not in COUNTED:
            now.update(template.changes)  # (most, at once)
            continue
        for index, term in list(effect(template.kind, template.changes, read, _Terms())):
            now[index] = term if template.when is None else ite(template.when, term, read(index))
    return now


def instantiate(
    rule: Rule,
    state: State,
    inputs: Sequence[Scalar] = (),
    seq: int = 0,
    time: Fraction = Fraction(0),
) -> list[Event]:
    """The events of the step that fires `rule` in `state`, numbered from `seq`."""
    return _instantiate(tuple(rule.events), rule.index, state, tuple(inputs), seq, time)


def initial_events(system: TransitionSystem, state: State) -> list[Event]:
    """What a log begins with: a snapshot of every variable, then the system's own events."""
    everything = tuple(enumerate(state))
    snapshot = Event(
        0, Fraction(0), None, EventKind.SNAPSHOT_CREATED, system.name, -1, (), everything, "initial"
    )
    rest = _instantiate(system.initial_events, -1, state, (), 1, Fraction(0))
    return [snapshot, *rest]


def events_of(system: TransitionSystem, trace: Trace) -> Iterator[Event]:
    """All events of a run, from its steps; the steps are trusted to be possible."""
    state: State = trace.initial
    seq = 0
    for event in initial_events(system, state):
        yield event
        seq += 1
    for step in trace.steps:
        rule = system.rules[step.rule]
        for event in instantiate(rule, state, step.inputs, seq, step.time):
            yield event
            seq += 1
        state = fire(rule, state, step.inputs)


def _instantiate(
    templates: tuple[EventTemplate, ...],
    rule: int,
    state: State,
    inputs: tuple[Scalar, ...],
    seq: int,
    time: Fraction,
) -> list[Event]:
    terms = [term for t in templates for _, term in t.changes]
    terms.extend(t.when for t in templates if t.when is not None)
    values = evaluate_all(terms, state, inputs)
    conditions = iter(values[sum(len(t.changes) for t in templates) :])
    at = 0
    out: list[Event] = []
    for t in templates:
        changes = tuple((v, values[at + i]) for i, (v, _) in enumerate(t.changes))
        at += len(t.changes)
        if t.when is not None and not next(conditions):
            continue
        out.append(
            Event(
                seq + len(out), time, t.instance, t.kind, t.subject, rule, inputs, changes, t.detail
            )
        )
    return out
