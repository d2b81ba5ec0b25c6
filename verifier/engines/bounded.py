"""Bounded model checking: all runs of a length in one formula (Biere, Cimatti, Clarke, Zhu 1999).

In one step of the formula any number of rules may be taken that do not get in each other's way:
none reads or writes what another writes, so that they can be taken in any order (the forall-step
semantics of Rintanen, Heljanko and Niemela 2006).  It finds runs only; what it does not find proves
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import field

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, Expr, Op, Scalar, Sort
from ...semantics.symbolic import Answer, Encoder, Smt, Term, any_of, negated, symbol
from ...semantics.system import Obligation, Rule, TransitionSystem
from ...semantics.trace import Trace
from ...semantics.walks import postorder
from .common import (
    after,
    concerns,
    conjuncts,
    fixed_by,
    initial_condition,
    input_condition,
    is_state,
    read,
    touched,
    written,
)
from .search_trace import Path, realize, violates
from .slice import Slice

MOST_RULES = 400
MOST_STEPS = 128


def find(system: TransitionSystem, goal: Obligation, cone: Slice, seconds: float) -> Trace | None:
    """A run of the whole system that breaks the goal, or None: not found.

    `cone` must be exact for the goal.
    """
    if not cone.exact or len(cone.system.rules) > MOST_RULES:
        return None
    until = time.monotonic() + seconds
    formula = _Formula(cone.system, sorted(cone.variables), goal)
    depth = 0
    while depth <= MOST_STEPS:
        left = until - time.monotonic()
        if left <= 0:
            return None
        path = formula.ask(depth, left)
        if path is not None:
            left = max(0.5, until - time.monotonic())
            trace = _shortest(system, goal, realize(system, path, None, None, int(1000 * left)))
            if trace is not None:
                return trace
        # Each question is about all lengths up to a depth.
        depth += max(1, depth // 4)
    return None


def _shortest(system: TransitionSystem, goal: Obligation, trace: Trace | None) -> Trace | None:
    """The beginning of a run that breaks the goal."""
    if trace is None:
        return None
    for end in range(len(trace.steps) + 1):
        part = Trace(trace.initial, trace.steps[:end])
        if violates(system, part, goal):
            return part
    return None


@dataclass(slots=True)
class _Formula:
    """States 0, 1, 2, .. of a run; `f R @ K` says that rule R is taken in step K."""

    system: TransitionSystem
    kept: Sequence[int]
    goal: Obligation
    solver: Smt = field(default_factory=Smt)
    depth: int = 0  # steps that have been added
    _encoders: list[Encoder] = field(default_factory=list)
    _of_rules: dict[tuple[int, int], Encoder] = field(default_factory=dict)
    _clashes: list[tuple[int, int]] = field(default_factory=list)
    _broken: list[Term] = field(default_factory=list)  # by step: the goal is broken there

    _places: dict[int, set[Scalar]] = field(default_factory=dict)  # where locations may be by now
    _busy: Term = None  # some rule was taken in the step before

    def __post_init__(self) -> None:
        for t in self.system.threads:
            init = self.system.variables[t.location].init
            if t.location in self.kept and init is not None and init.value is not None:
                self._places[t.location] = {init.value}
        self._clashes = _clashes(self.system, self.goal)
        self.solver.add(self.at(initial_condition(self.system, self.kept), 0))
        for v in self.kept:
            init = self.system.variables[v].init
            if init is not None:
                self.solver.add(self.value(v, 0) == self.at(init, 0))
        self._counts(0)
        self._broken.append(negated(self.at(self.goal.cond, 0)) if is_state(self.goal) else None)

    def at(self, expr: Expr, step: int) -> Term:
        while len(self._encoders) <= step:
            self._encoders.append(Encoder(len(self._encoders)))
        return self._encoders[step](expr)

    def value(self, v: int, step: int) -> Term:
        return symbol(f"v{v}@{step}", self.system.variables[v].sort)

    def ask(self, depth: int, seconds: float) -> Path | None:
        """The rules of a run that breaks the goal within so many steps."""
        while self.depth < depth:
            self._step(self.depth)
            self.depth += 1
        broken = [t for t in self._broken if t is not None]
        if not broken:
            return None
        self.solver.limit(int(1000 * seconds))
        self.solver.push()
        self.solver.add(any_of(broken))
        path = self._path() if self.solver.check() is Answer.SAT else None
        self.solver.pop()
        return path

    def _step(self, k: int) -> None:
        able = [r for r in self.system.rules if self._able(r)]
        taken = {r.index: self._taken(r, k) for r in able}
        for a, b in self._clashes:
            if a in taken and b in taken:
                self.solver.add(any_of([negated(taken[a]), negated(taken[b])]))
        busy = any_of(list(taken.values()))
        if self._busy is not None:
            # Whoever does nothing has done all.
            self.solver.add(any_of([negated(busy), self._busy]))
        self._busy = busy
        writers: dict[int, list[tuple[Rule, Expr]]] = {v: [] for v in self.kept}
        broken: list[Term] = []
        for r in able:
            encode = self._encoder(r, k)
            for part in (r.guard, input_condition(r)):
                self.solver.add(any_of([negated(taken[r.index]), encode(part)]))
            for v, e in r.updates:
                if v in writers:
                    writers[v].append((r, e))
            if not is_state(self.goal) and concerns(self.goal, r):
                wrong = negated(encode(after(r, self.goal.cond)))
                broken.append(negated(any_of([negated(taken[r.index]), negated(wrong)])))
        for v, some in writers.items():
            new, old = self.value(v, k + 1), self.value(v, k)
            for r, e in some:
                written_ = new == self._encoder(r, k)(e)
                self.solver.add(any_of([negated(taken[r.index]), written_]))
            self.solver.add(any_of([new == old, *(taken[r.index] for r, _ in some)]))
        self._counts(k + 1)
        if is_state(self.goal):
            broken.append(negated(self.at(self.goal.cond, k + 1)))
        self._broken.append(any_of(broken) if broken else None)
        for r in able:
            for v, e in r.updates:
                if v in self._places:
                    self._places[v] |= _values(e, self._places[v])

    def _able(self, r: Rule) -> bool:
        """Whether control may be by now where the rule wants it."""
        return all(
            pin.value in self._places[v]
            for v, pin in fixed_by(conjuncts(r.guard)).items()
            if v in self._places
        )

    def _taken(self, r: Rule, k: int) -> Term:
        return symbol(f"f{r.index}@{k}", Sort.BOOL)

    def _encoder(self, r: Rule, k: int) -> Encoder:
        def leaf(node: Expr) -> Term:
            if node.op is Op.INPUT:
                return symbol(f"i{r.index}.{node.index}@{k}", node.sort)
            return self.value(node.index, k)

        return self._of_rules.setdefault((r.index, k), Encoder(k, leaf=leaf))

    def _counts(self, k: int) -> None:
        if self.system.excluded is not FALSE:
            self.solver.add(negated(self.at(self.system.excluded, k)))

    def _path(self) -> Path | None:
        """The rules of the model, those of one step in any order."""
        initial: dict[int, Scalar] = {}
        for v in self.kept:
            if self.system.variables[v].init is None:
                value = self.solver.value(self.value(v, 0), self.system.variables[v].sort)
                if value is None:
                    return None
                initial[v] = value
        path = Path(initial)
        for k in range(self.depth):
            for r in self.system.rules:
                if self.solver.value(self._taken(r, k), Sort.BOOL) is not True:
                    continue
                inputs = tuple(
                    self.solver.value(symbol(f"i{r.index}.{j}@{k}", i.sort), i.sort)
                    for j, i in enumerate(r.inputs)
                )
                path = path.then(r.index, inputs)
        return path


def _values(e: Expr, old: set[Scalar]) -> set[Scalar]:
    """What a location may become: it is a constant, or chosen between some."""
    out: set[Scalar] = set()
    for node in postorder([e]):
        if node.op is Op.CONST and type(node.value) is int:
            out.add(node.value)
        elif node.op not in (Op.CONST, Op.ITE) and node.sort is Sort.INT:
            out |= old
    return out


def _clashes(system: TransitionSystem, goal: Obligation) -> list[tuple[int, int]]:
    """Pairs of rules that may not be taken in one step.

    Where states are excluded, one rule at a time: those in between are not in the formula.
    """
    rules = system.rules
    if system.excluded is not FALSE:
        return [(a.index, b.index) for i, a in enumerate(rules) for b in rules[:i]]
    touching: dict[int, set[int]] = {}  # by variable: rules that read or write it
    writes = {r.index: written(r) for r in rules}
    for r in rules:
        looks = set() if is_state(goal) or not concerns(goal, r) else touched(goal.cond)
        for v in read(r) | writes[r.index] | looks:
            touching.setdefault(v, set()).add(r.index)
    pairs = {
        (min(r.index, other), max(r.index, other))
        for r in rules
        for v in writes[r.index]
        for other in touching.get(v, ())
        if other != r.index
    }
    return sorted(pairs)
