"""The other workflow follows a run wherever it can, with values, over all its own steps.

Where it cannot, the run is one of the leader only.  For outcomes it is run to its ends under the
environment that the leader had.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from random import Random
from typing import Protocol, TypeVar

from ...dsl.records import dataclass
from ...semantics.expr import Scalar, Sort, const, inp
from ...semantics.observing import ENDS, Observer, View, plain
from ...semantics.symbolic import Answer, Encoder, Smt
from ...semantics.system import Input, Rule, RuleKind, TransitionSystem, Variable
from ...semantics.values import enabled as holds
from ...semantics.values import (
    evaluate,
    fire,
    initial_holds,
    initial_state,
    relation_holds,
)
from ..engines.common import domain, input_condition
from .leading import MILLISECONDS, Run, Taken, Values, fired, observer, put
from .lts import INTERNAL
from .runs import OutOfReach

MOST_STATES = 5_000
MOST_STEPS = 1_500  # of one thread under one environment: a run that is longer may have no end
DRAWN = 20  # answers, before the solver is asked for one
T = TypeVar("T")
_Config = tuple[Values, tuple[tuple[str, int], ...]]  # and how often each was asked


@dataclass(frozen=True, slots=True)
class Given:
    """An answer; `name`: of the activity."""

    answer: str
    inputs: Values
    name: str


@dataclass(slots=True)
class Script:
    """What the environment answers, by what it is asked and for which time."""

    known: dict[tuple[str, int], Given]
    random: Random
    failing: bool = False  # as soon as ending


def draw(random: Random, declared: Input | Variable) -> Scalar:
    """A value of the type, a small one."""
    values = domain(declared)
    if values is not None:
        return random.choice(values)
    low = 0 if declared.lo is None else declared.lo
    high = low + 3 if declared.hi is None else declared.hi
    whole = random.randint(low, max(low, min(high, low + 3)))
    return Fraction(whole) if declared.sort is Sort.REAL else whole


class Rules(Protocol):
    """A system, perhaps lowered only as far as runs have come."""

    @property
    def system(self) -> TransitionSystem: ...
    def rules(self, state: Values) -> Iterable[Rule]: ...
    def reached(self, rule: Rule) -> None: ...
    def opening(self, found: Callable[[], T]) -> T: ...


@dataclass(slots=True)
class Follower:
    """Runs the other system with values, under what the leader was answered."""

    lazily: Rules
    view: View
    until: float

    def start(self, run: Run) -> Values:
        system = self.lazily.system
        chosen = {}
        for v in system.variables:
            if v.init is None:
                name = plain(system, v.name)
                if name not in run.chosen:
                    raise OutOfReach(f"`{name}` is an argument of one only")
                chosen[v.index] = run.chosen[name]
        state = initial_state(system, chosen)
        if not initial_holds(system, state) or evaluate(system.excluded, state):
            raise OutOfReach("the two allow other arguments")
        return state

    def follows(self, run: Run) -> int | None:
        """How many of the steps that are seen it can take, too; None: all.  Raises OutOfReach,
        and `Reached`."""
        seen = observer(self.lazily.system, self.view)
        here = {self.start(run)}
        done = 0
        for taken in run.steps:
            if taken.act.text == INTERNAL:
                continue
            here = self.after(seen, here, taken)
            if not here:
                return done
            done += 1
        return None

    def after(
        self, seen: Observer, here: Iterable[Values], taken: Taken, most: int = MOST_STATES
    ) -> set[Values]:
        """Where it may stand after what looks like this step."""
        system = self.lazily.system
        return {
            then
            for state in self._quiet(system, seen, here, most)
            for rule in self.enabled(system, state)
            if (then := self._like(system, seen, rule, state, taken)) is not None
        }

    def told(self, seen: Observer, here: Iterable[Values], most: int) -> frozenset[str]:
        """What is seen of the steps there that no answer is needed for."""
        system = self.lazily.system
        return frozenset(
            step[1].text
            for state in self._quiet(system, seen, here, most)
            for rule in self.enabled(system, state)
            if not rule.inputs and (step := fired(system, seen, rule, state, ())) is not None
        )

    def enabled(self, system: TransitionSystem, state: Values) -> Iterator[Rule]:
        rules = self.lazily.rules(state)
        # (What is not known of an environment is that attempts end.)
        for rule in sorted(rules, key=lambda r: r.kind is not RuleKind.COMPLETE):
            if holds(rule, state):
                self.lazily.reached(rule)
                yield rule

    def _like(
        self, system: TransitionSystem, seen: Observer, rule: Rule, state: Values, taken: Taken
    ) -> Values | None:
        """The state after a step that is seen as the leader's was."""
        # All that is answered is seen, so that only the same answers can look alike.
        if rule.inputs and len(rule.inputs) != len(taken.inputs):
            return None
        found = fired(system, seen, rule, state, taken.inputs if rule.inputs else ())
        return found[0] if found is not None and found[1].text == taken.act.text else None

    def _quiet(
        self, system: TransitionSystem, seen: Observer, states: Iterable[Values], most: int
    ) -> set[Values]:
        found = set(states)
        todo = list(found)
        while todo:
            state = todo.pop()
            if len(found) > most or time.monotonic() > self.until:
                raise OutOfReach(f"more than {len(found)} states")
            for rule in self.enabled(system, state):
                if rule.inputs:
                    continue
                step = fired(system, seen, rule, state, ())
                if step is not None and step[1].text == INTERNAL and step[0] not in found:
                    found.add(step[0])
                    todo.append(step[0])
        return found

    # --- outcomes ----------------------------------------------------------------------------

    def outcomes(self, run: Run, script: Script) -> dict[str, tuple[Taken, ...]]:
        """All of them under an environment, each with a run to it; where it was not asked before,
        an answer is drawn, and noted in the script.  Raises OutOfReach, and `Reached`."""
        system = self.lazily.system
        seen = observer(system, self.view)
        first: _Config = self.start(run), ()
        todo: list[tuple[_Config, object]] = [(first, ())]
        met = {first}
        out: dict[str, tuple[Taken, ...]] = {}
        most = MOST_STATES if len(system.threads) > 1 else MOST_STEPS
        while todo:
            (state, counts), path = todo.pop()
            if len(met) > most or time.monotonic() > self.until:
                raise OutOfReach(f"more than {len(met)} states")
            rules = list(self.enabled(system, state))
            if script.failing:
                script.random.shuffle(rules)
            for rule in rules:
                step = self._answered(system, seen, rule, state, dict(counts), script)
                if step is None:
                    continue
                after, taken, counted = step
                longer = (path, taken)
                if taken.act.outcome is not None:
                    out.setdefault(taken.act.outcome, _steps(longer))
                then = after, tuple(sorted(counted.items()))
                if then not in met:
                    met.add(then)
                    todo.append((then, longer))
        return out

    def _answered(
        self,
        system: TransitionSystem,
        seen: Observer,
        rule: Rule,
        state: Values,
        counts: dict[str, int],
        script: Script,
    ) -> tuple[Values, Taken, dict[str, int]] | None:
        """A step with the answer that is given then; None: it is another one."""
        key = ("", 0)
        if rule.activity and rule.kind in ENDS:
            asked = seen.asked(rule, state)
            key = asked, counts.get(asked, 0) + 1
        if key in script.known:
            inputs = script.known[key].inputs
        else:
            inputs = self.drawn(rule, state, script)
        found = (
            fired(system, seen, rule, state, inputs) if len(inputs) == len(rule.inputs) else None
        )
        if found is None:
            return None
        after, act = found
        taken = Taken(rule, inputs, act)
        if act.answered is None:
            return after, taken, counts
        given = Given(act.answered[1], inputs, seen.name(rule))
        if script.known.setdefault(key, given).answer != given.answer:
            return None
        return after, taken, {**counts, key[0]: key[1]}

    def drawn(self, rule: Rule, state: Values, script: Script) -> Values:
        for _ in range(DRAWN if rule.inputs else 1):
            drawn = tuple(draw(script.random, i) for i in rule.inputs)
            if relation_holds(rule, state, drawn, fire(rule, state, drawn)):
                return drawn
        return self._some(rule, state)

    def _some(self, rule: Rule, state: Values) -> Values:
        """Inputs that are possible there.  Raises OutOfReach where none is found."""
        values = {k: const(x) for k, x in enumerate(state)}
        solver, encode = Smt(MILLISECONDS), Encoder()
        solver.add(encode(put(input_condition(rule), values)))
        if solver.check() is not Answer.SAT:
            raise OutOfReach("an answer that is not known")
        out = []
        for k, declared in enumerate(rule.inputs):
            value = solver.value(encode(inp(k, declared.sort)), declared.sort)
            if value is None:
                raise OutOfReach("an answer that is not known")
            out.append(value)
        return tuple(out)


def _steps(path: object) -> tuple[Taken, ...]:
    out: list[Taken] = []
    while path:
        assert isinstance(path, tuple)
        path, taken = path
        out.append(taken)
    return tuple(reversed(out))


def script(run: Run, seen: Observer, seed: int) -> Script:
    """What the environment answered in a run; beyond, what it draws (if `seed` is odd, failures
    as well)."""
    known: dict[tuple[str, int], Given] = {}
    counts: dict[str, int] = {}
    for taken in run.steps:
        if taken.act.answered is not None:
            name, answer = taken.act.answered
            counts[name] = counts.get(name, 0) + 1
            known[name, counts[name]] = Given(answer, taken.inputs, seen.name(taken.rule))
    return Script(known, Random(seed), bool(seed % 2))
