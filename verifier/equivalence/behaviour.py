"""The labelled transition system of a transition system, as an observer sees it.

All reachable states in the untimed view, over the variables that can matter for a step or for what
is seen of it: what is left out decides nothing, so that nothing is merged that can be told apart.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import TypeVar, overload

from ...dsl.records import dataclass
from ...dsl.types import Int
from ...semantics.expr import FALSE, Expr, Op, Scalar, Sort, const, not_
from ...semantics.observing import Act, Observer, View, needed, plain
from ...semantics.symbolic import is_valid
from ...semantics.system import Input, Rule, RuleKind, TransitionSystem, Variable, VarKind
from ...semantics.values import evaluate, show
from ...semantics.walks import variables
from ..engines.common import after, input_condition, put, touched
from ..engines.search_space import Space, State, Unsupported
from .lts import INTERNAL, TAU, Lts
from .runs import OutOfReach
from .settled import Settled
from .standing import standing
from .symbolic import Moves

START = VarKind.ARG, VarKind.PARAM
RECEIVING = RuleKind.RECEIVE, RuleKind.INTERRUPT


@dataclass(frozen=True, slots=True)
class Size:
    states: int = 200_000
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`starts`: the values of arguments and parameters (as text) with the state they lead to.
    `acts[k]` is what edge k is.  `window`: only such answers and arguments (`narrowed`); in states
    of `cut` something is asked that has other answers only."""

    states: int
    starts: tuple[tuple[tuple[tuple[str, str], ...], int], ...]
    source: Sequence[int]
    target: Sequence[int]
    act: Sequence[int]
    acts: tuple[Act, ...]
    window: tuple[int, int] | None = None
    cut: frozenset[int] = frozenset()
    places: tuple[str, ...] = ()  # where a run stands, by state, where that was asked for

    def lts(self) -> Lts:
        """One first state; where there are arguments, a step `begin with n = 3` from it."""
        numbers = {INTERNAL: TAU}
        label = [numbers.setdefault(a.text, len(numbers)) for a in self.acts]
        source, target = array("i", self.source), array("i", self.target)
        named = array("i", (label[a] for a in self.act))
        if len(self.starts) == 1 and not self.starts[0][0]:
            return Lts(self.states, self.starts[0][1], tuple(numbers), source, named, target)
        for values, state in self.starts:
            source.append(self.states)
            named.append(numbers.setdefault(begin(values), len(numbers)))
            target.append(state)
        return Lts(self.states + 1, self.states, tuple(numbers), source, named, target)


def begin(values: Iterable[tuple[str, str]]) -> str:
    """The label of the first step."""
    return f"begin with {', '.join(f'{n} = {v}' for n, v in values)}"


def paired(left: Behaviour, right: Behaviour) -> tuple[Behaviour, Behaviour]:
    """With the same arguments: one that has fewer does the same for all values of the others."""
    mine, yours = _arguments(left), _arguments(right)
    return _padded(left, mine, yours), _padded(right, yours, mine)


def _arguments(b: Behaviour) -> dict[str, dict[str, None]]:
    out: dict[str, dict[str, None]] = {}
    for values, _ in b.starts:
        for name, text in values:
            out.setdefault(name, {})[text] = None
    return out


def _padded(
    b: Behaviour, mine: Mapping[str, Iterable[str]], yours: Mapping[str, Iterable[str]]
) -> Behaviour:
    starts = [(dict(values), state) for values, state in b.starts]
    for name, texts in yours.items():
        if name not in mine:
            starts = [({**values, name: t}, state) for values, state in starts for t in texts]
    ordered = [(tuple(sorted(values.items())), state) for values, state in starts]
    return replace(b, starts=tuple(ordered))


@dataclass(slots=True)
class Exploring:
    """Of one system.  `also` names arguments that must be kept though nothing reads them here;
    `window` are the values that are tried of what has too many."""

    system: TransitionSystem
    view: View
    also: frozenset[str] = frozenset()
    window: tuple[int, int] | None = None
    size: Size = field(default_factory=Size)
    standing: bool = False  # whether it is told where runs stand

    def free(self) -> frozenset[str]:
        """The arguments and parameters that matter."""
        kept = self._kept(Observer(self.system, self.view))
        free = (v for v in self.system.variables if v.kind in START and v.init is None)
        return frozenset(plain(self.system, v.name) for v in free if v.index in kept)

    def moves(self, settled: bool) -> Moves:
        """For data of any values; with `settled`, up to branching bisimulation.  Raises
        OutOfReach."""
        kind = Settled if settled else Moves
        self._timeless()
        observer = Observer(self.system, self.view)
        try:
            return kind(self.system, observer, self._kept(observer))
        except Unsupported as error:
            raise OutOfReach(str(error)) from None

    def explore(self) -> Behaviour:
        """Raises OutOfReach: too many states, or data without bounds."""
        self._timeless()
        observer = Observer(self.system, self.view)
        kept = self._kept(observer)
        system = self.system if self.window is None else narrowed(self.system, self.window)
        try:
            return self._search(system, observer, kept)
        except Unsupported as error:
            raise OutOfReach(str(error)) from None

    def _timeless(self) -> None:
        """What the clock says is no answer that two systems could be given alike."""
        if self.system.reads_clock:
            raise OutOfReach("a step reads the clock, and time is not compared")

    def _kept(self, observer: Observer) -> set[int]:
        system = self.system
        kept = set(needed(observer)) | touched(system.initial) | variables([system.excluded])
        for i in system.instances:
            kept |= variables([i.active])
        for rule in system.rules:
            kept |= variables([rule.guard]) | touched(after(rule, rule.relation))
            kept |= variables([s.term for s in rule.seen])
        for one in system.variables:
            if one.kind in START and one.init is None and plain(system, one.name) in self.also:
                kept.add(one.index)
        updates: dict[int, list[Expr]] = {}
        for rule in system.rules:
            for v, e in rule.updates:
                updates.setdefault(v, []).append(e)
        todo = list(kept)
        while todo:
            index = todo.pop()
            init = system.variables[index].init
            terms = updates.get(index, []) + ([] if init is None else [init])
            for more in variables(terms) - kept:
                kept.add(more)
                todo.append(more)
        return kept

    def _search(self, system: TransitionSystem, observer: Observer, kept: set[int]) -> Behaviour:
        space = Space(system, kept)
        self._finite(space)
        until = time.monotonic() + self.size.seconds
        number: dict[State, int] = {}
        order: list[State] = []
        starts: list[tuple[tuple[tuple[str, str], ...], int]] = []

        def at(state: State) -> int:
            known = number.get(state)
            if known is None:
                known = number[state] = len(order)
                order.append(state)
            return known

        for state in space.initial():
            if not self._excluded(space, state):
                starts.append((self._start(space, state), at(state)))
        if not starts:
            raise OutOfReach("no arguments are allowed")
        acts: dict[Act, int] = {}
        source, target, act = array("i"), array("i"), array("i")
        reading = _Reading(self.system, observer, space)
        both = zip(system.rules, self.system.rules, strict=True)
        less = {r.index for r, whole in both if r is not whole}
        cut: set[int] = set()
        for n, state in enumerate(order):
            if len(order) > self.size.states or (not n % 64 and time.monotonic() > until):
                raise OutOfReach(f"more than {len(order) - 1} states")
            moves = space.moves(state)
            for rule in less - {m.rule.index for m in moves} if less else ():
                if _asks(self.system.rules[rule], reading.full(state)):
                    cut.add(n)
            for move in moves:
                if move.target.condition:
                    raise OutOfReach("data that are not enumerated")
                if self._excluded(space, move.target):
                    continue
                source.append(n)
                target.append(at(move.target))
                found = reading.act(move.rule.index, move.inputs, state, move.target)
                act.append(acts.setdefault(found, len(acts)))
        where = (standing(self.system, reading.full(s)) for s in order if self.standing)
        return Behaviour(
            len(order),
            tuple(starts),
            source,
            target,
            act,
            tuple(acts),
            self.window,
            frozenset(cut),
            tuple(where),
        )

    def _finite(self, space: Space) -> None:
        """Raises OutOfReach where some data have too many values."""
        names = [self.system.variables[v].name for v in sorted(space.symbolic)]
        for rule in space.system.rules:
            if rule.guard is not FALSE:
                space.input_domains(rule.index)
        if names:
            what = ", ".join(f"`{n}`" for n in names[:3]) + (" and others" if names[3:] else "")
            raise OutOfReach(f"too many values of {what}")

    def _excluded(self, space: Space, state: State) -> bool:
        return space.excluded is not FALSE and bool(
            space.excluded_plain is not None and space.excluded_plain(state.values)
        )

    def _start(self, space: Space, state: State) -> tuple[tuple[str, str], ...]:
        out = []
        for v in self.system.variables:
            if v.kind in START and v.init is None and v.index in space.slots:
                text = show(v, state.values[space.slots[v.index]], self.system.strings)
                out.append((plain(self.system, v.name), text))
        return tuple(sorted(out))


class _Reading:
    """What is seen of each step, remembered by the values that tell it."""

    def __init__(self, system: TransitionSystem, observer: Observer, space: Space) -> None:
        self.system, self.observer, self.space = system, observer, space
        ends = {system.threads[i.root].location: {i.completed, i.failed} for i in system.instances}
        self._slots: dict[int, list[int] | None] = {}
        for rule in system.rules:
            last = any(
                v in ends and (e.op is not Op.CONST or e.value in ends[v]) for v, e in rule.updates
            )
            watches = any(v in observer.watched for v, _ in rule.updates)
            reads = variables([s.term for s in rule.seen])
            slots = None if last or watches else sorted(space.slots[v] for v in reads)
            self._slots[rule.index] = slots
        self._known: dict[tuple[int, tuple[Scalar, ...], tuple[Scalar | None, ...]], Act] = {}

    def act(self, rule: int, inputs: Sequence[Scalar | None], before: State, then: State) -> Act:
        slots = self._slots[rule]
        if slots is None:
            return self._read(rule, inputs, before, then)
        key = (rule, tuple(before.values[k] for k in slots), tuple(inputs))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._read(rule, inputs, before, then)
        return known

    def _read(self, rule: int, inputs: Sequence[Scalar | None], before: State, then: State) -> Act:
        given = [x for x in inputs if x is not None]
        states = (_Whole(self.space.slots, s.values) for s in (before, then))
        return self.observer.act(self.system.rules[rule], given, *states)

    def full(self, state: State) -> list[Scalar]:
        """By variable; what is left out has a value that nobody looks at."""
        full: list[Scalar] = [0] * len(self.system.variables)
        for v, slot in self.space.slots.items():
            full[v] = state.values[slot]
        return full


class _Whole(Sequence[Scalar]):
    """A state by variable; what is left out is never looked at."""

    def __init__(self, slots: Mapping[int, int], values: Sequence[Scalar]) -> None:
        self._slots, self._values = slots, values

    def __len__(self) -> int:
        return len(self._values)

    @overload
    def __getitem__(self, index: int) -> Scalar: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Scalar]: ...

    def __getitem__(self, index: int | slice) -> Scalar | Sequence[Scalar]:
        assert isinstance(index, int)
        return self._values[self._slots[index]]


def _asks(rule: Rule, state: Sequence[Scalar]) -> bool:
    """Whether it can be taken, with some answer, as far as is known."""
    if not evaluate(rule.guard, state):
        return False
    values = {v: const(x) for v, x in enumerate(state)}
    return not is_valid(not_(put(input_condition(rule), values)))


def narrowed(system: TransitionSystem, window: tuple[int, int]) -> TransitionSystem:
    """Of whole numbers that the environment answers, sends or gives as arguments only those within
    a window.  All of them are seen, so that two systems which differ then differ."""
    # (Which message of an unordered channel comes next is not seen.)
    outside = {c.name for c in system.channels if not c.lengths}
    rules = tuple(
        replace(r, inputs=tuple(_within(i, window) for i in r.inputs))
        if r.kind is RuleKind.COMPLETE or (r.kind in RECEIVING and r.channel in outside)
        else r
        for r in system.rules
    )
    free = tuple(
        _within(v, window) if v.init is None and v.kind in START else v for v in system.variables
    )
    return replace(system, rules=rules, variables=free)


D = TypeVar("D", Input, Variable)


def _within(declared: D, window: tuple[int, int]) -> D:
    if declared.sort is not Sort.INT or not isinstance(declared.type, Int):
        return declared
    lo, hi = window
    low = lo if declared.lo is None else max(lo, declared.lo)
    high = hi if declared.hi is None else min(hi, declared.hi)
    return replace(declared, lo=low, hi=high)
