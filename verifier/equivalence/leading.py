"""A run of one workflow along a word of activities, for which arguments and answers are found.

It is taken with terms for its data; a solver chooses arguments and answers, and the run is then
taken again with values.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import islice

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar, Sort, and_, const, not_, var
from ...semantics.observing import ENDS, Act, Observer, View, plain
from ...semantics.symbolic import Answer, Encoder, Smt
from ...semantics.system import Rule, RuleKind, TransitionSystem, VarKind
from ...semantics.values import (
    enabled,
    evaluate,
    fire,
    initial_holds,
    initial_state,
    relation_holds,
    show,
)
from ...semantics.walks import substitute, variables
from ..engines.common import initial_condition, input_condition
from .lazily import Lazily
from .lts import INTERNAL
from .runs import OutOfReach

FREE = VarKind.ARG, VarKind.PARAM
MILLISECONDS = 2000
MOST_TRIED = 3_000  # steps with terms, for one word
BEYOND = 300  # steps behind the word
Values = tuple[Scalar, ...]
Arguments = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Taken:
    rule: Rule
    inputs: Values
    act: Act


@dataclass(frozen=True, slots=True)
class Run:
    """With values.  `chosen`: of what is free at the start, by name."""

    chosen: Mapping[str, Scalar]
    arguments: Arguments
    steps: tuple[Taken, ...]

    @property
    def outcome(self) -> str | None:
        return self.steps[-1].act.outcome if self.steps else None

    def seen(self) -> list[str]:
        return [s.act.text for s in self.steps if s.act.text != INTERNAL]


def observer(system: TransitionSystem, view: View) -> Observer:
    """Raises OutOfReach where a run is not told by what it does step by step."""
    if system.reads_clock:
        raise OutOfReach("a step reads the clock, and time is not compared")
    for v in system.variables:
        if v.init is None and v.kind not in FREE:
            raise OutOfReach("where it begins is the system's own choice")
    for r in system.rules:
        if r.inputs and (r.kind not in ENDS or not r.activity):
            raise OutOfReach("a choice that is not an answer")
    return Observer(system, view)


@dataclass(frozen=True, slots=True)
class _Step:
    before: object  # the step before, or None
    rule: Rule
    inputs: tuple[Expr, ...]


# The data, what holds of the arguments and answers, and the last step (or None).
Config = tuple[dict[int, Expr], tuple[Expr, ...], object]


@dataclass(slots=True)
class Leader:
    """Of one system, along activities that are started one after the other."""

    lazily: Lazily
    view: View
    until: float
    symbols: int = 0
    tried: int = 0
    beyond: Rule | None = None  # where a run might have gone on
    about: dict[int, frozenset[int]] = field(default_factory=dict)  # variables, by identity
    alive: list[Expr] = field(default_factory=list)

    def some(self, word: Sequence[str], over: bool, most: int) -> list[Run]:
        """The first of `runs`."""
        return list(islice(self.runs(word, over), most))

    def runs(self, word: Sequence[str], over: bool) -> Iterator[Run]:
        """Runs that start these activities and no other before; with `over`, on to an end without
        another start.  Raises OutOfReach, and `Reached` where there is none in what is lowered."""
        system = self.lazily.system
        seen = observer(system, self.view)
        self.symbols, self.tried, self.beyond = len(system.variables), 0, None
        none = True
        for found in self._along(system, seen, self._start(system), word):
            end = next(self._to_an_end(system, found), None) if over else found
            run = None if end is None else self._valued(system, seen, end)
            if run is not None:
                none = False
                yield run
        if none and self.beyond is not None:
            self.lazily.reached(self.beyond)

    def _start(self, system: TransitionSystem) -> Config:
        state: dict[int, Expr] = {}
        for v in system.variables:
            here = var(v.index, v.sort)
            state[v.index] = here if v.init is None else put(v.init, state)
        cond = and_(put(initial_condition(system), state), not_(put(system.excluded, state)))
        return state, (cond,), None

    def _along(
        self,
        system: TransitionSystem,
        seen: Observer,
        start: Config,
        word: Sequence[str],
    ) -> Iterator[Config]:
        """Depth first; what has started all of them."""
        todo = [(*start, 0)]
        if not word:
            yield start
        while todo and self.tried < MOST_TRIED:
            state, conds, last, at = todo.pop()
            for rule, then in self._steps(system, state, conds, last):
                if rule.kind is RuleKind.START and rule.activity:
                    if at >= len(word) or seen.name(rule) != word[at]:
                        continue
                    if at + 1 == len(word):
                        yield then
                        continue
                    todo.append((*then, at + 1))
                else:
                    todo.append((*then, at))

    def _to_an_end(self, system: TransitionSystem, start: Config) -> Iterator[Config]:
        most = self.tried + BEYOND
        todo = [start]
        ends = {system.threads[i.root].location: {i.completed, i.failed} for i in system.instances}
        while todo and self.tried < most:
            config = todo.pop()
            if all(config[0][v].value in points for v, points in ends.items()):
                yield config
                continue
            for rule, then in self._steps(system, *config):
                if rule.kind is not RuleKind.START:
                    todo.append(then)

    def _steps(
        self,
        system: TransitionSystem,
        state: dict[int, Expr],
        conds: tuple[Expr, ...],
        last: object,
    ) -> list[tuple[Rule, Config]]:
        """The one to be tried first comes last: ends before failures."""
        if time.monotonic() > self.until:
            raise OutOfReach("no more time")
        memo: dict[int, Expr] = {}
        out: list[tuple[Rule, Config]] = []
        for rule in self.lazily.at(state[self.lazily.location()].value):
            guard = put(rule.guard, state, memo)
            if guard is FALSE:
                continue
            self.tried += 1
            inputs = tuple(self._symbol(i.sort) for i in rule.inputs)
            given = dict(enumerate(inputs))
            cond = and_(guard, put(input_condition(rule), state, None, given))
            if cond is FALSE:
                continue
            more = conds if cond is TRUE else (*conds, cond)
            if cond is not TRUE and not self._possible(conds, cond):
                continue
            if self.lazily.beyond(rule):
                self.beyond = rule
                continue
            after = _known(state, cond)
            effects: dict[int, Expr] = {}
            for v, e in rule.updates:
                after[v] = put(e, state, effects, given)
            if system.excluded is not FALSE:
                more = (*more, not_(put(system.excluded, after)))
            out.append((rule, (after, more, _Step(last, rule, inputs))))
        out.sort(key=lambda o: o[0].kind is not RuleKind.COMPLETE and o[0].kind in ENDS)
        return out[::-1]

    def _symbol(self, sort: Sort) -> Expr:
        self.symbols += 1
        return var(self.symbols - 1, sort)

    def _possible(self, conds: Sequence[Expr], new: Expr) -> bool:
        """Whether one more condition may hold beside those that can: only those are asked that
        it has to do with."""
        about = self._about(new)
        linked = [new]
        left = list(conds)
        while True:
            near = [c for c in left if self._about(c) & about]
            if not near:
                break
            left = [c for c in left if not self._about(c) & about]
            linked += near
            about = about.union(*map(self._about, near))
        if len(linked) == 1 and (
            new.op is Op.VAR or (new.op is Op.NOT and new.args[0].op is Op.VAR)
        ):
            return True
        return self._model(linked) is not None

    def _about(self, cond: Expr) -> frozenset[int]:
        found = self.about.get(id(cond))
        if found is None:
            self.alive.append(cond)
            found = self.about[id(cond)] = frozenset(variables([cond]))
        return found

    def _model(self, conds: Sequence[Expr]) -> tuple[Smt, Encoder] | None:
        solver, encode = Smt(MILLISECONDS), Encoder()
        solver.add(*(encode(c) for c in conds))
        return (solver, encode) if solver.check() is Answer.SAT else None

    def _valued(
        self,
        system: TransitionSystem,
        seen: Observer,
        config: Config,
    ) -> Run | None:
        """The run with values, taken step by step."""
        found = self._model(config[1])
        if found is None:
            return None
        solver, encode = found
        free = [v for v in system.variables if v.init is None]
        chosen: dict[int, Scalar] = {}
        for v in free:
            value = solver.value(encode(var(v.index, v.sort)), v.sort)
            if value is None:
                return None
            chosen[v.index] = value
        state = initial_state(system, chosen)
        if not initial_holds(system, state) or evaluate(system.excluded, state):
            return None
        steps: list[Taken] = []
        for step in _listed(config[2]):
            inputs = []
            for declared, symbol in zip(step.rule.inputs, step.inputs, strict=True):
                value = solver.value(encode(symbol), declared.sort)
                if value is None:
                    return None
                inputs.append(value)
            taken = fired(system, seen, step.rule, state, tuple(inputs))
            if taken is None:
                return None
            steps.append(Taken(step.rule, tuple(inputs), taken[1]))
            state = taken[0]
        names = {plain(system, v.name): chosen[v.index] for v in free}
        told = sorted(
            (plain(system, v.name), show(v, chosen[v.index], system.strings)) for v in free
        )
        return Run(names, tuple(told), tuple(steps))


def _known(state: Mapping[int, Expr], cond: Expr) -> dict[int, Expr]:
    """The data, where a condition says what one of them is."""
    literal, value = (cond.args[0], False) if cond.op is Op.NOT else (cond, True)
    if literal.op is not Op.VAR:
        return dict(state)
    same = const(value)
    return {v: same if e.op is Op.VAR and e.index == literal.index else e for v, e in state.items()}


def _listed(last: object) -> list[_Step]:
    out: list[_Step] = []
    while isinstance(last, _Step):
        out.append(last)
        last = last.before
    return out[::-1]


def put(
    e: Expr,
    state: Mapping[int, Expr],
    memo: dict[int, Expr] | None = None,
    inputs: Mapping[int, Expr] | None = None,
) -> Expr:
    def leaf(n: Expr) -> Expr:
        if n.op is Op.VAR:
            return state[n.index]
        return inputs[n.index] if n.op is Op.INPUT and inputs is not None else n

    return substitute(e, leaf, memo)


def fired(
    system: TransitionSystem, seen: Observer, rule: Rule, state: Values, inputs: Values
) -> tuple[Values, Act] | None:
    """One step with values; None: it is not possible."""
    if not enabled(rule, state):
        return None
    after = fire(rule, state, inputs)
    if not relation_holds(rule, state, inputs, after) or evaluate(system.excluded, after):
        return None
    return after, seen.act(rule, inputs, state, after)
