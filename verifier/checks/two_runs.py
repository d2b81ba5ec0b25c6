"""Two runs of one environment that end differently: whether they are, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...dsl.errors import Span
from ...semantics.expr import Scalar
from ...semantics.system import TransitionSystem, VarKind
from ...semantics.trace import Step, Trace
from ...semantics.values import enabled, show
from ..engines.environments import full_start
from ..engines.jointly import jointly
from ..engines.partings import End, agree, answers_of, choices_of, contradiction
from ..engines.tracked import Tracked, observed
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


MOST_PAIRS = 60  # of which common durations are looked for


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


class Judge:
    """Makes pairs of runs in the tracked graph into two runs of the system, if they differ."""

    def __init__(
        self, session: Session, tracked: Tracked, start: tuple[Scalar, ...], durations: bool
    ) -> None:
        self.session = session
        self.tracked = tracked
        self.durations = durations
        self.unsure = False  # a pair that differs could not be shown
        self.initial = full_start(tracked, start)
        self._results: dict[int, tuple[Scalar, ...]] = {}
        self._kept: list[End] = []  # the table of results goes by identity

    def first(self, pairs: Iterator[tuple[End, End]], why: str, note: str) -> Verdict | None:
        found = [
            (x, y)
            for x, y in pairs
            if agree(x.answers, y.answers) and self._result(x) != self._result(y)
        ]
        found.sort(key=lambda p: (len(p[0].moves) + len(p[1].moves), -_common(*p)))
        for x, y in found[:MOST_PAIRS]:
            if self.session.left() <= 0:
                break
            traces = self._timed(x, y)
            if traces is not None:
                return refuted(self.session, *traces, why, note, self.durations)
        self.unsure |= bool(found)
        return None

    def _result(self, end: End) -> tuple[Scalar, ...]:
        known = self._results.get(id(end))
        if known is None:
            if self.tracked.transit and self.initial is not None:
                states = self._states(self._trace(end))
                known = self.tracked.results(states[-1])
            else:
                known = _tracked_result(self.tracked, end.state)
            self._results[id(end)] = known
            self._kept.append(end)
        return known

    def _trace(self, end: End) -> Trace:
        assert self.initial is not None
        return Trace(self.initial, tuple(Step(m.rule.index, m.inputs) for m in end.moves))

    def _states(self, trace: Trace) -> Sequence[tuple[Scalar, ...]]:
        replayed = self.session.replay(self.session.system, trace)
        if not replayed.ok:
            raise InternalError(f"a run of the timed graph does not replay: {replayed.why}")
        return replayed.states

    def _timed(self, x: End, y: End) -> tuple[Trace, Trace] | None:
        if self.initial is None:
            return None
        system = self.session.system
        first, second = self._trace(x), self._trace(y)
        if not self._same_sides(first, second):
            return None  # of a choice that is passed again, its later answers were not compared
        if not self.durations:
            return jointly(system, (first, self._states(first)), (second, self._states(second)))
        one = self._taken(first, first)
        two = self._taken(second, one) if one is not None else None
        if one is None or two is None or one_environment(self.session, one, two, True) is not None:
            return None
        return one, two

    def _same_sides(self, one: Trace, two: Trace) -> bool:
        """Are the two answered alike, at each `+` with the same open sides?"""
        named = [choices_of(self.tracked, t, self._states(t)) for t in (one, two)]
        return all(n is not None for n in named) and agree(*(n or {} for n in named))

    def _taken(self, trace: Trace, beside: Trace) -> Trace | None:
        """The run with times, or one with the same result that the scheduler takes; of one
        environment with `beside`."""
        system = self.session.system
        result = results_of(system, self._states(trace)[-1])
        given = answers_of(system, beside, self._states(beside), False)

        def same(states: Sequence[tuple[Scalar, ...]], other: Trace) -> bool:
            return (
                other.initial == trace.initial
                and results_of(system, states[-1]) == result
                and not any(enabled(r, states[-1]) for r in system.rules)
                and contradiction(answers_of(system, other, states, False), given) is None
                and self._same_sides(other, beside)
            )

        if not system.in_order:
            return self.session.schedule(system, trace)
        return self.session.timed(trace, same)


def _tracked_result(tracked: Tracked, state: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    system = tracked.system
    ends: list[Scalar] = []
    for i in system.instances:
        at = state[tracked.slots[system.threads[i.root].location]]
        ends.append(at if at in (i.completed, i.failed) else -1)
    return (
        *ends,
        *(state[tracked.slots[v]] for v in sorted(observed(system)) if v in tracked.slots),
    )


def _common(a: End, b: End) -> int:
    same = 0
    for x, y in zip(a.moves, b.moves, strict=False):
        if x.rule.index != y.rule.index or x.inputs != y.inputs:
            break
        same += 1
    return same


__all__ = ["Judge", "one_environment", "refuted", "results_of"]
