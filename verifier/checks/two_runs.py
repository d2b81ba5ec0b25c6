"""Two runs of one environment that end differently: whether they are, and what is told of them."""

from __future__ import annotations

from collections.abc import Sequence

from ...dsl.errors import Span
from ...semantics.expr import Scalar
from ...semantics.system import TransitionSystem, VarKind
from ...semantics.trace import Trace
from ...semantics.values import show
from ..engines.partings import answers_of, contradiction
from ..engines.tracked import observed
from ..session import InternalError, Session
from ..verdict import Refuted, Unknown, Verdict


def one_environment(session: Session, first: Trace, second: Trace, durations: bool) -> object:
    """A question that the two runs were answered differently, read from their steps alone."""
    answers = []
    for trace in (first, second):
        replayed = session.replay(session.system, trace)
        if not replayed.ok:
            raise InternalError(f"a run that parts does not replay: {replayed.why}")
        answers.append(answers_of(session.system, trace, replayed.states, not durations))
    return contradiction(*answers)


def refuted(
    session: Session, first: Trace, second: Trace, why: str, note: str, durations: bool
) -> Verdict:
    """REFUTED by these two, if the declared scheduler takes them.

    Raises `InternalError` if they are not two such runs.
    """
    system = session.system
    asked = one_environment(session, first, second, durations)
    if asked is not None:
        raise InternalError(f"two runs of one environment answer {asked} differently")
    results = []
    for trace in (first, second):
        timed = session.schedule(system, trace)
        if system.in_order and (timed is None or (not durations and timed != trace)):
            return Unknown("simulation", f"two runs end differently, but {session.unlikely}")
        if timed is None:
            raise InternalError("a run that parts is not possible at any times")
        results.append(results_of(system, session.replay(system, trace).states[-1]))
    if results[0] == results[1]:
        raise InternalError("two runs that part end alike")
    same = "the same answers of the environment"
    if not durations:
        same += ", durations included,"
    differ = _difference(system, *results)
    return Refuted(
        "simulation",
        f"with {same} two runs end differently: {differ}",
        first,
        _parting(system, first, second) or system.instances[0].span,
        f"{len(first.steps)} and {len(second.steps)} steps",
        second=second,
        notes=(note or f"cause: {why}",),
    )


def results_of(system: TransitionSystem, state: Sequence[Scalar]) -> tuple[Scalar, ...]:
    """What can be observed of a run that has stopped in this state."""
    ends: list[Scalar] = []
    for i in system.instances:
        at = state[system.threads[i.root].location]
        ends.append(at if at in (i.completed, i.failed) else -1)
    return (*ends, *(state[v] for v in sorted(observed(system))))


def _difference(system: TransitionSystem, a: tuple[Scalar, ...], b: tuple[Scalar, ...]) -> str:
    """What differs, in the words of the spec: an end, an error, or a variable."""
    count = len(system.instances)
    for k, instance in enumerate(system.instances):
        if a[k] != b[k]:
            words = [_end(system, k, x[k]) for x in (a, b)]
            return f"{instance.name} {words[0]} or {words[1]}"
    for v, x, y in zip(sorted(observed(system)), a[count:], b[count:], strict=True):
        if x != y:
            variable = system.variables[v]
            if variable.kind is VarKind.HIDDEN:
                owner = next((i.name for i in system.instances if i.error == v), variable.name)
                return f"{owner} fails with {_error(system, x)} or {_error(system, y)}"
            shown = [show(variable, value, system.strings) for value in (x, y)]
            return f"{variable.name} is {shown[0]} or {shown[1]}"
    return "their results"


def _error(system: TransitionSystem, value: Scalar) -> str:
    return system.errors[int(value) - 1] if int(value) > 0 else "none"


def _end(system: TransitionSystem, instance: int, at: Scalar) -> str:
    i = system.instances[instance]
    return {i.completed: "completes", i.failed: "fails"}.get(int(at), "never ends")


def _parting(system: TransitionSystem, a: Trace, b: Trace) -> Span | None:
    for x, y in zip(a.steps, b.steps, strict=False):
        if x.rule != y.rule or x.inputs != y.inputs:
            return system.rules[x.rule].span
    return None


__all__ = ["one_environment", "refuted", "results_of"]
