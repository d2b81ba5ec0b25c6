"""Two runs that show that a result depends on more than the environment: both come to an end, they
were answered alike, and what can be observed of them differs.

An answer belongs to an occurrence: of an attempt, by its place and the how-many-th time it is run
there; of a wait, a choice or another question, by its rule.  `durations`: how long attempts and
waits take is an answer, too (`deterministic`); then an end by a time-out is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from fractions import Fraction

from ..dsl.records import dataclass
from ..semantics.expr import Scalar
from ..semantics.system import Rule, RuleKind, TransitionSystem, VarKind
from ..semantics.trace import Step, Trace
from .facts import Open, Wrong
from .runs import Run, Watch, steps

Question = tuple[object, ...]


def parted(watch: Watch, first: Trace, second: Trace, durations: bool) -> None:
    """`Wrong` where the two do not show it, `Open` where that is not plain."""
    if first.initial != second.initial:
        raise Wrong("they begin differently")
    one, two = (Heard(watch, t, durations) for t in (first, second))
    if one.result == two.result:
        raise Wrong("both runs end alike")
    for question in one.answers.keys() & two.answers.keys():
        if not _compatible(one.answers[question], two.answers[question]):
            raise Wrong(f"they were answered differently: {question}")
    for question in one.sides.keys() & two.sides.keys():
        (a, able), (b, able_too) = one.sides[question], two.sides[question]
        if a != b and able == able_too:
            raise Wrong("they took different sides of a choice")
        if a != b:
            raise Open("that others decide which sides of a choice can move was not checked")
    if durations and watch.system.ties and (one.tied or two.tied):
        raise Open("that no step waits for the instant of another was not checked")


@dataclass(frozen=True, slots=True)
class Lasted:
    """For so long; at least, where it was cut off."""

    seconds: Fraction
    ended: bool


def _compatible(a: object, b: object) -> bool:
    if isinstance(a, Lasted) and isinstance(b, Lasted):
        if a.ended and b.ended:
            return a.seconds == b.seconds
        if a.ended or b.ended:
            whole, part = (a, b) if a.ended else (b, a)
            return part.seconds <= whole.seconds
        return True
    return a == b


@dataclass
class Heard:
    """What a run was answered, and its result."""

    watch: Watch
    trace: Trace
    durations: bool
    answers: dict[Question, object] = field(default_factory=dict)
    sides: dict[Question, tuple[int, frozenset[int]]] = field(default_factory=dict)
    tied: bool = False
    result: tuple[Scalar, ...] = ()

    def __post_init__(self) -> None:
        if self.trace.loop_at is not None:
            raise Wrong("a run that goes on for ever has no result")
        self.counts: dict[Question, int] = {}
        self.open: dict[Question, tuple[Question, Fraction]] = {}  # clock -> question, begun
        self.instants: set[Fraction] = set()
        self.due: dict[Question, Fraction] = {}  # of clocks that know when
        system, before = self.watch.system, None
        choices = [
            (k, {i: n for n, side in enumerate(sides) for i in side})
            for k, sides in enumerate(system.choices)
        ]
        for number, (run, rule) in enumerate(steps(self.watch, self.trace)):
            if rule is not None:
                assert before is not None
                step = self.trace.steps[number - 1]
                for k, side in choices:
                    if rule.index in side:
                        able = frozenset(side[i] for i in before if i in side)
                        self.sides[self._next(("choice", k))] = side[rule.index], able
                self._taken(rule, step)
            self._clocks(run, rule)
            before = {*run.urgent, *run.since}
            last = run
        if last.urgent or last.since:
            raise Wrong("a run has not come to its end")
        self.result = tuple(_result(system, last.state))

    def _next(self, place: Question) -> Question:
        self.counts[place] = self.counts.get(place, 0) + 1
        return (*place, self.counts[place])

    def _taken(self, rule: Rule, step: Step) -> None:
        if rule.delay is None:
            if rule.inputs:
                self.answers[self._next(("answer", rule.index))] = step.inputs
            return
        clock = _clock(rule)
        others = any(at == step.time for c, at in self.due.items() if c != clock)
        self.tied = self.tied or others or step.time in self.instants
        self.instants.add(step.time)
        question, begun = self.open[clock]
        late = rule.kind is RuleKind.TIMEOUT
        if self.durations:
            self.answers["time", *question] = Lasted(step.time - begun, not late)
        if rule.group is not None and (self.durations or not late):
            self.answers["end", *question] = rule.way, step.inputs

    def _clocks(self, run: Run, fired: Rule | None) -> None:
        """Those that stop and start; what is cut off has lasted so long at least."""
        rules = self.watch.system.rules
        running = {_clock(rules[i]): rules[i] for i in run.since}
        exact = [(rules[i], t + low) for i, (t, low, high) in run.since.items() if low == high]
        self.due = {_clock(r): at for r, at in exact}
        done = _clock(fired) if fired is not None and fired.delay is not None else None
        for clock in [c for c in self.open if c not in running or c == done]:
            question, begun = self.open.pop(clock)
            if clock != done and self.durations:
                self.answers["time", *question] = Lasted(run.now - begun, False)
        for clock, rule in running.items():
            if clock not in self.open:
                place = ("wait", rule.index) if rule.group is None else ("attempt", rule.occurrence)
                self.open[clock] = self._next(place), run.now


def _clock(rule: Rule) -> Question:
    return ("wait", rule.index) if rule.group is None else ("attempt", rule.group)


def _result(system: TransitionSystem, state: list[Scalar]) -> Iterator[Scalar]:
    """How each instance ended, if it did, and what is observed of it."""
    for i in system.instances:
        here = state[system.threads[i.root].location]
        yield here if here in (i.completed, i.failed) else -1
    seen = {v for i in system.instances for v in (*i.observed, i.error)}
    seen |= {v.index for v in system.variables if v.kind is VarKind.SHARED}
    yield from (state[v] for v in sorted(seen))
