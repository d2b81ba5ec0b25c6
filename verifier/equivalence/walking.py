"""Runs by chance of one workflow, followed by the other: where there are too many states to look
at all of them, and no terms that say where two differ (`||`, `+`, other names, any form).

What is found is shortened: steps without which it still is a run of one only are left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from ...dsl.records import dataclass
from ...semantics.expr import Scalar
from ...semantics.observing import View, plain
from ...semantics.system import Rule, RuleKind, TransitionSystem
from ...semantics.values import initial_state, show
from .behaviour import begin
from .following import Follower, Script, draw
from .lazily import places
from .leading import Run, Taken, Values, fired, observer
from .lts import INTERNAL
from .runs import OutOfReach
from .spectrum import Apart

T = TypeVar("T")  # of what is found
STEPS = 400  # of one walk
WALKS = 400
NARROW = 40  # steps that are possible; of more not all are looked at wherever a walk stands
WIDE = 400  # states of the other, where a walk may stand


class Whole:
    """A system as it is; rules are looked for where control is (as `Lazily` does)."""

    def __init__(self, system: TransitionSystem) -> None:
        self.system = system
        self.always: list[Rule] = []
        self.placed: list[tuple[int, Mapping[Scalar | None, Sequence[Rule]]]] = []
        own: list[list[Rule]] = [[] for _ in system.threads]
        for rule in system.rules:
            own[rule.thread].append(rule)
        for thread, rules in zip(system.threads, own, strict=True):
            always, placed = places(rules, thread.location)
            self.always += always
            self.placed.append((thread.location, placed))

    def rules(self, state: Values) -> Iterator[Rule]:
        yield from self.always
        for location, placed in self.placed:
            yield from placed.get(state[location], ())

    def reached(self, rule: Rule) -> None:
        """All is lowered."""

    def opening(self, found: Callable[[], T]) -> T:
        return found()


@dataclass(slots=True)
class _Walk:
    both: tuple[Follower, Follower]
    side: int  # who leads
    random: Random

    def run(self) -> Run | None:
        """A run of one only that was met by chance."""
        leader, other = self.both[self.side], self.both[1 - self.side]
        system = leader.lazily.system
        seen, theirs = observer(system, leader.view), observer(other.lazily.system, other.view)
        script = Script({}, self.random)
        chosen = {v.index: draw(self.random, v) for v in system.variables if v.init is None}
        state = initial_state(system, chosen)
        names = {plain(system, system.variables[v].name): x for v, x in chosen.items()}
        told = sorted((n, x) for n, x in _shown(system, chosen))
        run = Run(names, tuple(told), ())
        try:
            leader.start(run)
            here = {other.start(run)}
        except OutOfReach:
            return None
        steps: list[Taken] = []
        for n in range(STEPS):
            options = list(leader.enabled(system, state))
            if not options:
                return None
            if len(options) <= NARROW or not n & (n + 1):
                alone = self._alone(options, state, here)
                if alone is not None:
                    return replace(run, steps=(*steps, alone))
            rule = self._chosen(options)
            inputs = leader.drawn(rule, state, script) if rule.inputs else ()
            found = fired(system, seen, rule, state, inputs)
            if found is None:
                continue
            state = found[0]
            steps.append(Taken(rule, inputs, found[1]))
            if found[1].text == INTERNAL:
                continue
            here = other.after(theirs, here, steps[-1], WIDE)
            if not here:
                return replace(run, steps=tuple(steps))
        return None

    def _alone(self, options: Sequence[Rule], state: Values, here: set[Values]) -> Taken | None:
        """A step that the leader may take there, and the other one may not."""
        leader, other = self.both[self.side], self.both[1 - self.side]
        system, seen = leader.lazily.system, observer(leader.lazily.system, leader.view)
        theirs = observer(other.lazily.system, other.view)
        told: frozenset[str] | None = None
        for rule in options:
            if rule.inputs:
                continue
            found = fired(system, seen, rule, state, ())
            if found is None or found[1].text == INTERNAL:
                continue
            told = told if told is not None else other.told(theirs, here, WIDE)
            if found[1].text not in told:
                taken = Taken(rule, (), found[1])
                if not other.after(theirs, here, taken, WIDE):
                    return taken
        return None

    def _chosen(self, options: Sequence[Rule]) -> Rule:
        """Failures seldom: behind them there is little."""
        good = [r for r in options if r.kind not in (RuleKind.FAIL, RuleKind.TIMEOUT)]
        return self.random.choice(good if good and self.random.random() < 0.9 else options)


def _shown(system: TransitionSystem, chosen: Mapping[int, Scalar]) -> Iterator[tuple[str, str]]:
    for index, value in chosen.items():
        v = system.variables[index]
        yield plain(system, v.name), show(v, value, system.strings)


def walked(
    systems: tuple[TransitionSystem, TransitionSystem],
    views: tuple[View, View],
    arguments: frozenset[str],
    seconds: float,
    inclusion: bool = False,
) -> Apart | None:
    """A run of one only (with `inclusion`: of the first one).  May raise OutOfReach."""
    until = time.monotonic() + seconds
    wholes = [Whole(s) for s in systems]
    both = Follower(wholes[0], views[0], until), Follower(wholes[1], views[1], until)
    for n in range(WALKS):
        side = 0 if inclusion else n % 2
        if time.monotonic() > until:
            return None
        try:
            found = _Walk(both, side, Random(n)).run()
        except OutOfReach:
            continue
        if found is not None:
            short = _shortened(both, side, found)
            told = [(n, x) for n, x in short.arguments if n in arguments]
            begun = (begin(told),) if told else ()
            return Apart(run=(*begun, *short.seen()), left=not side)
    return None


def _shortened(both: tuple[Follower, Follower], side: int, run: Run) -> Run:
    """Without steps that do not matter: many at once (Zeller and Hildebrandt 2002, delta
    debugging), then one by one; of what comes last first, for others depend on it."""
    size = len(run.steps) // 2
    while size:
        last = len(run.steps)
        while last > 0:
            first = max(0, last - size)
            fewer = _without(both, side, run, set(range(first, last)))
            if fewer is not None:
                run = fewer
            last = min(first, len(run.steps))
        size //= 2
    while True:
        for k in range(len(run.steps) - 1, -1, -1):
            fewer = _without(both, side, run, _same(run.steps, k))
            fewer = fewer or _without(both, side, run, {k})
            if fewer is not None:
                run = fewer
                break
        else:
            return run


def _same(steps: Sequence[Taken], k: int) -> set[int]:
    """This step, and the end of what it starts."""
    name = steps[k].rule.activity
    later = (j for j in range(k + 1, len(steps)) if steps[j].rule.activity == name)
    end = next(later, None)
    return {k} if end is None or not name else {k, end}


def _without(both: tuple[Follower, Follower], side: int, run: Run, gone: set[int]) -> Run | None:
    leader, other = both[side], both[1 - side]
    system = leader.lazily.system
    seen = observer(system, leader.view)
    try:
        state = leader.start(run)
        steps: list[Taken] = []
        for k, taken in enumerate(run.steps):
            if k in gone:
                continue
            found = fired(system, seen, taken.rule, state, taken.inputs)
            if found is None:
                return None
            state = found[0]
            steps.append(Taken(taken.rule, taken.inputs, found[1]))
        made = replace(run, steps=tuple(steps))
        done = other.follows(made)
    except OutOfReach:
        return None
    if done is None:
        return None
    visible = [k for k, s in enumerate(steps) if s.act.text != INTERNAL]
    return replace(made, steps=tuple(steps[: visible[done] + 1]))
