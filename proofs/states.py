"""Sets of states that no rule leads out of, by plain evaluation.

The states give the values of some variables, kept; the others may be anything.  So a part of a
guard that mentions others is taken as true, and a rule whose result depends on others is refused
(of a Boolean, both values are taken).  Every run of the system, looked at through the kept
variables, is then a run here; the reverse need not hold, so such sets show safety only.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import product
from math import inf, prod
from typing import TypeVar

from ..dsl.records import dataclass
from ..dsl.types import Enum
from ..semantics.evidence import States
from ..semantics.expr import Expr, Op, Scalar, Sort, var
from ..semantics.system import Input, Obligation, Rule, RuleKind, TransitionSystem, Variable
from ..semantics.values import evaluate
from ..semantics.walks import substitute, variables
from .facts import Wrong
from .reading import conjuncts, pinned, touched

MOST_VALUES = 1000  # of one input or variable
MOST_CHOICES = 10_000  # of all of them at once
State = tuple[Scalar, ...]
Node = TypeVar("Node")


def domain(declared: Variable | Input, most: int = MOST_VALUES) -> Sequence[Scalar] | None:
    """All values of a type, or None where they are many."""
    if declared.sort is Sort.BOOL:
        return (False, True)
    low, high = declared.lo, declared.hi
    if isinstance(declared.type, Enum):
        last = len(declared.type.values) - 1
        low, high = max(low or 0, 0), last if high is None else min(high, last)
    if declared.sort is Sort.REAL or low is None or high is None or high - low >= most:
        return None
    return range(low, high + 1)


@dataclass(frozen=True, slots=True)
class Move:
    """What can be seen of a rule: `tests` of the state, `relation` of the inputs too; `inputs`
    are the domains of those that matter."""

    rule: Rule
    tests: tuple[Expr, ...]
    relation: tuple[Expr, ...]
    inputs: tuple[Sequence[Scalar], ...]
    updates: tuple[tuple[int, Expr | None], ...]  # slot, new value; None: any Boolean
    all_seen: bool  # nothing was taken as true


@dataclass
class View:
    """The system through the kept variables; `also`: inputs that matter beside (by position);
    `values`: those of a type that are looked at (None: too many)."""

    system: TransitionSystem
    kept: tuple[int, ...]
    also: frozenset[int] = frozenset()
    moves: dict[tuple[int, object] | None, list[Move]] = field(default_factory=dict)
    values: Callable[[Variable | Input], Sequence[Scalar] | None] = domain

    def __post_init__(self) -> None:
        self.slots = {v: k for k, v in enumerate(self.kept)}
        for rule in self.system.rules:
            move = self._move(rule)
            pins = pinned(move.tests)
            # A rule is looked at only where the first location that it asks for has that value.
            name = next(((v, e.value) for v, e in pins.items()), None)
            self.moves.setdefault(name, []).append(move)
        self.asked = sorted({n[0] for n in self.moves if n is not None})

    def _move(self, rule: Rule) -> Move:
        new = dict(rule.updates)

        def after(e: Expr) -> Expr:
            return substitute(
                e, lambda n: new.get(n.index, var(n.index, n.sort)) if n.op is Op.POST else n
            )

        domains = [self.values(d) for d in rule.inputs]

        def seen(e: Expr) -> bool:
            inputs = variables([e], Op.INPUT)
            return variables([e]) <= self.slots.keys() and all(
                domains[i] is not None for i in inputs
            )

        guard, relation = conjuncts(rule.guard), [after(e) for e in conjuncts(rule.relation)]
        tests, tied = [e for e in guard if seen(e)], [e for e in relation if seen(e)]
        updates: list[tuple[int, Expr | None]] = []
        for v, e in new.items():
            if v in self.slots:
                if not seen(e) and e.sort is not Sort.BOOL:
                    raise Wrong(f"{self.system.variables[v].name} depends on what is left out")
                updates.append((self.slots[v], e if seen(e) else None))
        needed = variables([*tied, *(e for _, e in updates if e is not None)], Op.INPUT)
        needed |= self.also
        values = [
            ((0,) if d is None else d) if i in needed else (0,) for i, d in enumerate(domains)
        ]
        if prod(map(len, values)) > MOST_CHOICES:
            raise Wrong(f"`{rule.name}` may be answered in too many ways")
        whole = len(tests) == len(guard) and len(tied) == len(relation)
        return Move(rule, tuple(tests), tuple(tied), tuple(values), tuple(updates), whole)

    def full(self, state: State) -> list[Scalar]:
        """By the index of the variable; what is not kept is not looked at."""
        out: list[Scalar] = [0] * len(self.system.variables)
        for v, value in zip(self.kept, state, strict=True):
            out[v] = value
        return out

    def able(self, state: State) -> Iterator[tuple[Move, list[Scalar]]]:
        """Rules whose visible tests hold."""
        full = self.full(state)
        names = [None, *((v, full[v]) for v in self.asked)]
        for name in names:
            for move in self.moves.get(name, ()):
                if all(evaluate(t, full) for t in move.tests):
                    yield move, full

    def steps(self, state: State) -> Iterator[tuple[Move, tuple[Scalar, ...], State]]:
        """(rule, inputs, state after), of all that may happen."""
        for move, full in self.able(state):
            for inputs in product(*move.inputs):
                if all(evaluate(e, full, inputs) for e in move.relation):
                    values = [
                        (s, (False, True) if e is None else (evaluate(e, full, inputs),))
                        for s, e in move.updates
                    ]
                    for chosen in product(*(v for _, v in values)):
                        after = list(state)
                        for (s, _), value in zip(values, chosen, strict=True):
                            after[s] = value
                        if not self.excluded(tuple(after)):
                            yield move, inputs, tuple(after)

    def excluded(self, state: State) -> bool:
        """A run that comes here does not count."""
        cond = self.system.excluded
        return touched(cond) <= self.slots.keys() and evaluate(cond, self.full(state)) is True

    def first(self) -> Iterator[State]:
        """The first states, as far as they can be seen."""
        declared = self.system.variables
        needed = set(self.kept)
        for v in reversed(declared):
            if v.index in needed and v.init is not None:
                needed |= variables([v.init])
        order = [declared[k] for k in sorted(needed)]
        free = {v.index: self.values(v) for v in order if v.init is None}
        for k, values in free.items():
            if values is None:
                raise Wrong(f"{declared[k].name} may begin with too many values")
        if prod(len(d) for d in free.values() if d is not None) > MOST_CHOICES:
            raise Wrong("there are too many ways to begin")
        tests = [e for e in conjuncts(self.system.initial) if variables([e]) <= needed]
        for chosen in product(*(d for d in free.values() if d is not None)):
            full: list[Scalar] = [0] * len(declared)
            for k, value in zip(free, chosen, strict=True):
                full[k] = value
            for v in order:
                if v.init is not None:
                    full[v.index] = evaluate(v.init, full)
            state = tuple(full[k] for k in self.kept)
            if all(evaluate(e, full) for e in tests) and not self.excluded(state):
                yield state


def explored(view: View, most: int, until: float = inf) -> States | None:
    """The least such set; None where there are more than `most`, or where it takes longer than
    `until` (of `time.monotonic`)."""
    todo = list(dict.fromkeys(view.first()))
    found = dict.fromkeys(todo)
    while todo:
        for _, _, after in view.steps(todo.pop()):
            if after not in found:
                found[after] = None
                todo.append(after)
        if len(found) > most or time.monotonic() > until:
            return None
    return States(view.kept, tuple(sorted(found)))


def closed(view: View, evidence: States) -> set[State]:
    """The states, once it is sure that no run leaves them."""
    states = set(evidence.states)
    for state in view.first():
        if state not in states:
            raise Wrong("a first state is missing")
    for state in states:
        for move, _, after in view.steps(state):
            if after not in states:
                raise Wrong(f"`{move.rule.name}` leads out of the states")
    return states


def holds(view: View, states: Iterable[State], goal: Obligation) -> None:
    """In every state, or with every step, of a set that is closed."""
    if not touched(goal.cond) <= view.slots.keys():
        raise Wrong("the claim speaks of a variable that the states leave out")
    for state in states:
        if goal.rule is None and not goal.every_step:
            if evaluate(goal.cond, view.full(state)) is not True:
                raise Wrong("it fails in one of the states")
            continue
        for move, inputs, after in view.steps(state):
            if goal.every_step or goal.rule == move.rule.index:
                seen = variables([goal.cond], Op.INPUT)
                if any(domain(move.rule.inputs[i]) is None for i in seen):
                    raise Wrong("the claim speaks of an answer that the states leave out")
                value = evaluate(goal.cond, view.full(state), inputs, view.full(after))
                if value is not True:
                    raise Wrong(f"`{move.rule.name}` may break it")


def finishes(view: View, states: Collection[State]) -> None:
    """From every state of a closed set every run comes to an end, where all instances are over.

    No rule leads round, also none of those that can only be seen in part; and wherever somebody
    is not over, some rule can surely be taken.
    """
    if any(t.location not in view.slots for t in view.system.threads):
        raise Wrong("the states leave out where somebody is")
    following: dict[State, set[State]] = {}
    for state in states:
        sure = False
        following[state] = set()
        for move, _, after in view.steps(state):
            following[state].add(after)
            # (A crash need not come.)
            seen = move.all_seen and move.rule.kind is not RuleKind.CRASH
            sure = sure or (seen and all(e is not None for _, e in move.updates))
        if not sure and not over(view, state):
            raise Wrong("somebody may be stuck")
    acyclic(following)


def acyclic(following: Mapping[Node, Collection[Node]]) -> None:
    """No run goes round."""
    missing = Counter(t for targets in following.values() for t in targets)
    ready = [n for n in following if not missing[n]]
    for node in ready:  # grows while it is gone through
        for t in following[node]:
            missing[t] -= 1
            if not missing[t]:
                ready.append(t)
    if len(ready) < len(following):
        raise Wrong("some steps lead round")


def over(view: View, state: State) -> bool:
    """Whether all instances are over, as far as can be seen."""
    full = view.full(state)
    for i in view.system.instances:
        root = view.system.threads[i.root]
        known = variables([i.active]) <= view.slots.keys()
        if full[root.location] not in (i.completed, i.failed):
            if not known or evaluate(i.active, full):
                return False
    return True
