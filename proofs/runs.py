"""Runs, taken again step by step with the plain evaluator, and their times.

The clock of a rule with a delay starts when the rule becomes enabled, and of several ends of one
attempt with the first of them; it stops when the rule fires or is no longer enabled.  By then at
most the longest time may have passed (of an attempt: of its outcomes, or a time-out that is
sooner); a rule fires at the earliest after its shortest.  Where a rule without a delay is enabled,
no time passes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from fractions import Fraction

from ..dsl.records import dataclass
from ..semantics.expr import TRUE, Scalar
from ..semantics.system import Rule, RuleKind, TransitionSystem
from ..semantics.trace import Step, Trace
from ..semantics.values import evaluate, evaluate_all, fits, initial_holds, relation_holds
from ..semantics.walks import variables
from .facts import Open, Wrong
from .reading import conjuncts, pinned
from .tree import Tree

COPY = re.compile(r"\[\d+\]|#\d+")  # of one activity


@dataclass
class Watch:
    """The rules of a system by what has to change before their guards do."""

    system: TransitionSystem
    tree: Tree | None = None  # says where threads are when a rule can be taken
    pinned: dict[tuple[int, Scalar], list[int]] = field(default_factory=dict)
    readers: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.groups: dict[int, list[int]] = {}
        self.locations = {t.location for t in self.system.threads}
        self.places: list[list[tuple[int, Collection[Scalar]]]] = []  # by rule
        for r in self.system.rules:
            if r.group is not None and r.delay is not None:
                self.groups.setdefault(r.group, []).append(r.index)
            places = self._places(r)
            self.places.append([*places.items()])
            for v in variables([r.guard]):
                if v in places:
                    for p in places[v]:
                        self.pinned.setdefault((v, p), []).append(r.index)
                else:
                    self.readers.setdefault(v, []).append(r.index)

    def _places(self, r: Rule) -> Mapping[int, Collection[Scalar]]:
        """Where threads can be when it is enabled, of some of those that its guard asks about."""
        if self.tree is not None and self.tree.steady:
            before = self.tree.before[r.index]
            if before is None:
                return dict.fromkeys(self.locations, ())
            rests = {v: self.tree.resting(v, before) for v in variables([r.guard]) & self.locations}
            return {**{v: points for v, points in rests.items() if points}, **before}
        pins = {v: e.value for v, e in pinned(conjuncts(r.guard)).items()}
        place = self.system.threads[r.thread].location
        return {place: (pins[place] or 0,)} if pins.get(place) is not None else {}

    def concerned(self, changed: Iterable[tuple[int, Scalar, Scalar]]) -> set[int]:
        """Rules that may become enabled or disabled."""
        out: set[int] = set()
        for v, old, new in changed:
            out.update(self.readers.get(v, ()))
            out.update(self.pinned.get((v, old), ()))
            out.update(self.pinned.get((v, new), ()))
        return out


class Run:
    """One run under way: its state, what is enabled, and since when."""

    def __init__(self, watch: Watch, trace: Trace) -> None:
        self.watch = watch
        self.system = watch.system
        if not initial_holds(self.system, trace.initial):
            raise Wrong("the run does not begin in a first state")
        self.state = list(trace.initial)
        self.now = Fraction(0)
        self.urgent: set[int] = set()
        self.since: dict[int, tuple[Fraction, Fraction, Fraction | None]] = {}  # begin, lo, hi
        self.attempts: dict[int, tuple[Fraction, Fraction | None]] = {}  # begin, latest end
        self._look(r.index for r in self.system.rules)

    def take(self, number: int, step: Step) -> Rule:
        """One more step; `Wrong` where it is not possible."""
        where = f"step {number + 1}"
        if not 0 <= step.rule < len(self.system.rules):
            raise Wrong(f"{where}: there is no rule {step.rule}")
        rule = self.system.rules[step.rule]
        if rule.index not in self.urgent and rule.index not in self.since:
            raise Wrong(f"{where}: `{rule.name}` is not enabled")
        if not _answers(rule, self.state, step.inputs):
            raise Wrong(f"{where}: the environment cannot answer `{rule.name}` like this")
        if step.time < self.now or (self.urgent and step.time != self.now):
            raise Wrong(f"{where}: `{rule.name}` cannot happen at {step.time} s")
        self.now = step.time
        if rule.delay is not None:
            begun, low, high = self.since[rule.index]
            if not low <= self.now - begun or (high is not None and self.now - begun > high):
                raise Wrong(f"{where}: `{rule.name}` cannot happen at {step.time} s")
        pairs = list(rule.updates)
        values = evaluate_all([e for _, e in pairs], self.state, step.inputs)
        changed = [(v, self.state[v], x) for (v, _), x in zip(pairs, values, strict=True)]
        for v, _, x in changed:
            self.state[v] = x
        self._look(self.watch.concerned(changed), rule)
        return rule

    def _look(self, rules: Iterable[int], fired: Rule | None = None) -> None:
        started = []
        again: Collection[int] = ()
        if fired is not None and fired.delay is not None:
            again = [fired.index] if fired.group is None else self.watch.groups[fired.group]
        for i in rules:
            rule = self.system.rules[i]
            here = all(self.state[v] in points for v, points in self.watch.places[i])
            able = here and evaluate(rule.guard, self.state) is True
            if rule.delay is None:
                (self.urgent.add if able else self.urgent.discard)(i)
            elif not able and i in self.since:
                self._stop(i)
            elif able and i not in self.since:
                started.append(i)
        if fired is not None and fired.index in self.since:  # it is enabled still
            restarted = [i for i in again if i in self.since]
            for i in restarted:
                self._stop(i)
            started += restarted
        fresh: set[int] = set()
        for i in started:
            rule = self.system.rules[i]
            assert rule.delay is not None
            low = max(Fraction(0), Fraction(evaluate(rule.delay.lo, self.state)))
            high = None if rule.delay.hi is None else Fraction(evaluate(rule.delay.hi, self.state))
            begun = self.now
            if rule.group is not None:
                if rule.group in self.attempts and rule.group not in fresh:
                    begun = self.attempts[rule.group][0]
                else:
                    fresh.add(rule.group)
            self.since[i] = begun, low, None if high is None else max(low, high)
        for group in fresh:
            self.attempts[group] = self.now, self._deadline(group)

    def _deadline(self, group: int) -> Fraction | None:
        members = [i for i in self.watch.groups[group] if i in self.since]
        late = [i for i in members if self.system.rules[i].kind is RuleKind.TIMEOUT]
        ends = [self.since[i][2] for i in members if i not in late]
        limits = [h for i in late if (h := self.since[i][2]) is not None]
        if ends and None not in ends:
            limits.append(max(h for h in ends if h is not None))
        return min(limits, default=None)

    def _stop(self, i: int) -> None:
        begun, _, high = self.since.pop(i)
        group = self.system.rules[i].group
        if group is not None:
            if any(m in self.since for m in self.watch.groups[group]):
                return
            begun, high = self.attempts.pop(group)
        if high is not None and self.now - begun > high:
            raise Wrong(f"`{self.system.rules[i].name}` waits longer than it may")

    @property
    def until(self) -> Fraction | None:
        """How long nothing need happen; None: for ever."""
        if self.urgent:
            return self.now
        alone = [x for i, x in self.since.items() if self.system.rules[i].group is None]
        ends = [(begun, high) for begun, _, high in alone] + [*self.attempts.values()]
        return min((begun + high for begun, high in ends if high is not None), default=None)

    def end(self) -> None:
        """What is still enabled has not stayed too long."""
        for i in list(self.since):
            self._stop(i)


def _answers(rule: Rule, state: list[Scalar], inputs: tuple[Scalar, ...]) -> bool:
    if len(inputs) != len(rule.inputs):
        return False
    return all(fits(d, x) for d, x in zip(rule.inputs, inputs, strict=True)) and relation_holds(
        rule, state, inputs
    )


def steps(watch: Watch, trace: Trace) -> Iterator[tuple[Run, Rule | None]]:
    """The run before its first step and after each; `Wrong` where it is none."""
    run = Run(watch, trace)
    yield run, None
    for number, step in enumerate(trace.steps):
        yield run, run.take(number, step)
    run.end()


def fired(watch: Watch, traces: Iterable[Trace]) -> set[int]:
    """The rules that fire in some runs that count."""
    out: set[int] = set()
    for trace in traces:
        mine = set()
        for run, rule in steps(watch, trace):
            if evaluate(watch.system.excluded, run.state) is True:
                break
            if rule is not None:
                mine.add(rule.index)
        out |= mine
    return out


def by_runs(check: str, watch: Watch, runs: Sequence[Trace]) -> None:
    """`Wrong` where runs do not show what is said of a spec; `Open` where no one asked who takes
    them."""
    if check == "contracts":
        met(watch, runs)
    else:
        places(watch, runs)


def contracts(system: TransitionSystem) -> dict[int, str]:
    """By the rules that end an attempt with an answer of which something is asked: whose it is."""
    return {
        r.index: COPY.sub("", r.activity)
        for r in system.rules
        if r.kind is RuleKind.COMPLETE and r.relation is not TRUE
    }


def met(watch: Watch, runs: Sequence[Trace]) -> None:
    """Of each activity with a contract one run has an answer that satisfies it, in a state to which
    it comes."""
    asked = contracts(watch.system)
    seen = {asked[i] for i in fired(watch, runs) if i in asked}
    if not asked:
        raise Wrong("there is no contract")
    if seen != {*asked.values()}:
        raise Wrong("an `ensures` is met in none of the runs")


def places(watch: Watch, runs: Sequence[Trace]) -> None:
    """Everything that is meant to run is run by one of them."""
    seen = fired(watch, runs)
    alive: dict[object, bool] = {}
    for k, place in enumerate(watch.system.places):
        # Rounds, calls and instances have copies of one place; one that runs is enough.
        key = (place.what, place.span) if place.span.line else k
        alive[key] = alive.get(key, False) or any(r in seen for r in place.rules)
    if not all(alive.values()):
        raise Wrong(f"{list(alive.values()).count(False)} places are in none of the runs")
    if alive and watch.system.in_order:
        raise Open(f"that `scheduler {watch.system.scheduler}` takes these runs was not checked")
