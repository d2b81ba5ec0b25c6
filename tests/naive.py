"""The oracle: explores a finite transition system by the definitions, slowly.

Independent of the engines and of `semantics.values`: terms are evaluated by plain recursion, and
free values and inputs by trying all of a declared range.  Use it on small systems only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

from wfverify.dsl.types import Enum
from wfverify.semantics.expr import Expr, Op, Scalar, Sort
from wfverify.semantics.system import (
    Input,
    Obligation,
    PointKind,
    Rule,
    RuleKind,
    TransitionSystem,
    Variable,
)
from wfverify.semantics.trace import Trace

State = tuple[Scalar, ...]


class TooBig(Exception):
    """Infinitely many values, or more states than allowed."""


def value(
    e: Expr, state: Sequence[Scalar], inputs: Sequence[Scalar] = (), after: Sequence[Scalar] = ()
) -> Scalar:
    """The value of a term, by recursion."""
    if e.op is Op.CONST:
        return e.value
    if e.op is Op.VAR:
        return state[e.value]
    if e.op is Op.POST:
        return after[e.value]
    if e.op is Op.INPUT:
        return inputs[e.value]
    a = [value(x, state, inputs, after) for x in e.args]
    if e.op is Op.NOT:
        return not a[0]
    if e.op is Op.AND:
        return all(a)
    if e.op is Op.OR:
        return any(a)
    if e.op is Op.ITE:
        return a[1] if a[0] else a[2]
    if e.op is Op.EQ:
        return a[0] == a[1]
    if e.op is Op.LE:
        return a[0] <= a[1]
    if e.op is Op.LT:
        return a[0] < a[1]
    if e.op is Op.ADD:
        total = a[0]
        for x in a[1:]:
            total = total + x
        return total
    if e.op is Op.NEG:
        return -a[0]
    if e.op is Op.MUL:
        return a[0] * a[1]
    if e.op is Op.TO_REAL:
        return Fraction(a[0])
    if e.op is Op.PUSH:
        return (*a[0], a[1])
    if e.op is Op.POP:
        return a[0][:-1]
    if e.op is Op.TOP:
        return a[0][-1] if a[0] else (False if e.sort is Sort.BOOL else 0)
    if e.op is Op.DIV and e.sort is Sort.REAL:
        return Fraction(0) if a[1] == 0 else Fraction(a[0]) / Fraction(a[1])
    # Euclid: the remainder is the r with 0 <= r < |b| and b divides a - r.
    if a[1] == 0:
        return 0
    r = next(r for r in range(abs(a[1])) if (a[0] - r) % a[1] == 0)
    return r if e.op is Op.MOD else (a[0] - r) // a[1]


def values_of(d: Variable | Input) -> list[Scalar]:
    """All values of a declared type."""
    if d.sort is Sort.BOOL:
        return [False, True]
    if isinstance(d.type, Enum):
        low, high = 0, len(d.type.values) - 1
    elif d.lo is not None and d.hi is not None:
        low, high = d.lo, d.hi
    else:
        raise TooBig(d.name)
    return [Fraction(v) if d.sort is Sort.REAL else v for v in range(low, high + 1)]


def initial_states(system: TransitionSystem) -> Iterator[State]:
    """Every initial state that is not excluded."""
    free = [v for v in system.variables if v.init is None]
    for choice in product(*map(values_of, free)):
        given = dict(zip([v.index for v in free], choice, strict=True))
        state: list[Scalar] = []
        for v in system.variables:
            state.append(given[v.index] if v.init is None else value(v.init, state))
        if value(system.initial, state) and not value(system.excluded, state):
            yield tuple(state)


def steps(system: TransitionSystem, state: State) -> Iterator[tuple[Rule, State, State]]:
    """(rule, inputs, next state) of every step; into excluded states too."""
    for rule in system.rules:
        if not value(rule.guard, state):
            continue
        for inputs in product(*map(values_of, rule.inputs)):
            after = list(state)
            for v, e in rule.updates:
                after[v] = value(e, state, inputs)
            if value(rule.relation, state, inputs, after):
                yield rule, inputs, tuple(after)


@dataclass
class Naive:
    """The reachable graph.  `successors` has only steps to states that are not excluded."""

    system: TransitionSystem
    states: dict[State, int] = field(default_factory=dict)  # with the distance
    successors: dict[State, list[tuple[int, State, State]]] = field(default_factory=dict)
    leaves: set[State] = field(default_factory=set)  # has a step into an excluded state

    def broken(self, goal: Obligation) -> int | None:
        """Length of the shortest violation, or None: the goal holds."""
        found: list[int] = []
        for state, distance in self.states.items():
            if goal.rule is None and not goal.every_step:
                if not value(goal.cond, state):
                    found.append(distance)
                continue
            for rule, inputs, after in self.successors[state]:
                if goal.every_step or goal.rule == rule:
                    if not value(goal.cond, state, inputs, after):
                        found.append(distance + 1)
        return min(found, default=None)

    def fires(self) -> set[int]:
        """Rules that are taken in some run."""
        return {rule for moves in self.successors.values() for rule, _, _ in moves}

    def reach(self, state: State) -> set[State]:
        """All states that can be reached from one, itself included."""
        seen = {state}
        todo = [state]
        while todo:
            for _, _, after in self.successors[todo.pop()]:
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
        return seen

    def ended(self, state: State, instance: int) -> bool:
        one = self.system.instances[instance]
        at = state[self.system.threads[one.root].location]
        return at in (one.completed, one.failed) or not value(one.active, state)

    def kind(self, state: State, thread: int) -> PointKind:
        t = self.system.threads[thread]
        return t.points[state[t.location]].kind

    def never_moves(self, state: State) -> set[int]:
        """Threads that move in no state reachable from this one without a crash, which need not
        come."""
        found, todo = {state}, [state]
        moving = set()
        for s in todo:
            for rule, _, after in self.successors[s]:
                if self.system.rules[rule].kind is RuleKind.CRASH:
                    continue
                moving.add(self.system.rules[rule].thread)
                if after not in found:
                    found.add(after)
                    todo.append(after)
        return {t.id for t in self.system.threads} - moving

    def dead_threads(self, state: State) -> set[int]:
        """Unfinished threads that never move again.

        Unfinished: the instance has not ended, and the thread is neither at an end nor at its
        entry (a root thread at its entry is unfinished).  A thread is not dead while one
        of its children (or theirs) can move: control may be with them.
        """
        still = self.never_moves(state)
        out = set()
        for t in self.system.threads:
            kind = self.kind(state, t.id)
            if t.id not in still or self.ended(state, t.instance):
                continue
            if kind in (PointKind.END, PointKind.FAILED):
                continue
            if kind is PointKind.ENTRY and t.parent is not None:
                continue
            if not self.below(t.id) <= still:
                continue
            out.add(t.id)
        return out

    def below(self, thread: int) -> set[int]:
        direct = {t.id for t in self.system.threads if t.parent == thread}
        return direct.union(*(self.below(t) for t in direct))

    def can_finish(self, state: State) -> bool:
        return any(
            all(self.ended(s, i.id) for i in self.system.instances) for s in self.reach(state)
        )


def explore(system: TransitionSystem, limit: int = 20_000) -> Naive:
    """The reachable graph of a finite system; raises TooBig."""
    out = Naive(system)
    level = list(dict.fromkeys(initial_states(system)))
    distance = 0
    while level:
        for state in level:
            out.states.setdefault(state, distance)
        following: dict[State, None] = {}
        for state in level:
            moves: list[tuple[int, State, State]] = []
            for rule, inputs, after in steps(system, state):
                if value(system.excluded, after):
                    out.leaves.add(state)
                    continue
                moves.append((rule.index, inputs, after))
                if after not in out.states:
                    following[after] = None
            out.successors[state] = moves
        if len(out.states) > limit:
            raise TooBig(f"more than {limit} states")
        level = list(following)
        distance += 1
    return out


def replays(system: TransitionSystem, trace: Trace, goal: Obligation | None = None) -> bool:
    """Is this a run of the system, and does its last step (or state) break the goal?"""
    state = tuple(trace.initial)
    given = {v.index: state[v.index] for v in system.variables if v.init is None}
    for v in system.variables:
        if v.init is None:
            try:
                if given[v.index] not in values_of(v):
                    return False
            except TooBig:
                pass
        elif value(v.init, state) != state[v.index]:
            return False
    if not value(system.initial, state) or value(system.excluded, state):
        return False
    is_state = goal is not None and goal.rule is None and not goal.every_step
    broken = is_state and not value(goal.cond, state)
    states = [state]
    for step in trace.steps:
        rule = system.rules[step.rule]
        after = list(state)
        for v, e in rule.updates:
            after[v] = value(e, state, step.inputs)
        if not value(rule.guard, state) or value(system.excluded, after):
            return False
        if not value(rule.relation, state, step.inputs, after):
            return False
        if is_state:
            broken = not value(goal.cond, after)
        elif goal is not None and (goal.every_step or goal.rule == rule.index):
            broken = not value(goal.cond, state, step.inputs, after)
        else:
            broken = False
        state = tuple(after)
        states.append(state)
    if trace.loop_at is not None and states[trace.loop_at] != state:
        return False
    return goal is None or broken
