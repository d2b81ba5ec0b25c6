"""A bisimulation (or a simulation) between systems with data of any values, by induction over both
side by side.

For each pair of places that come together, a set of equations between the data of the two (and
between data and constants): all that hold in the beginning, less those that some pair of matching
steps breaks (Flanagan and Leino 2001).  What is left relates states; then each step of one must
have one that matches it in the other, whatever the data are, as long as the equations hold.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import product

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op, and_, const, eq, inp, not_, or_, var
from ...semantics.symbolic import Answer, Encoder, Smt, is_valid
from ...semantics.system import Input
from ...semantics.walks import substitute
from .beginnings import beginnings, numbered
from .runs import OutOfReach
from .symbolic import Move, Moves, Place

Pair = tuple[Place, Place]
Values = Mapping[int, Expr]  # by number of variable, the right ones behind the left ones
MILLISECONDS = 2000
INTERNALLY = 2  # internal steps before one that matches


@dataclass(frozen=True, slots=True)
class Coupled:
    """`places`: pairs of places; `equations`: how many hold there in all.  `steps`: each internal
    step has its like, too."""

    places: int
    equations: int
    steps: bool


@dataclass(frozen=True, slots=True)
class _Way:
    """Moves of one side, one after the other: all internal but the last.  `stops` are the states
    between them: where the side is, and its data as terms over those before the first move."""

    cond: Expr
    target: Place
    updates: Mapping[int, Expr]
    seen: tuple[str, ...]
    values: tuple[Expr, ...]
    stops: tuple[tuple[Place, Mapping[int, Expr], Expr], ...] = ()


@dataclass(slots=True)
class Coupling:
    """`steps`: internal steps are matched by internal steps; otherwise also by none.  `inclusion`:
    only those of the left one need a match (a simulation: it has no runs but those of the right
    one)."""

    left: Moves
    right: Moves
    steps: bool
    seconds: float
    inclusion: bool = False
    most: int = 2000
    until: float = 0.0
    known: dict[Pair, list[Expr]] = field(default_factory=dict)
    roots: set[Pair] = field(default_factory=set)
    waits: dict[tuple[Pair, Pair], None] = field(default_factory=dict)

    def run(self) -> Coupled:
        """Raises OutOfReach: none was found."""
        self.until = self.left.until = self.right.until = time.monotonic() + self.seconds
        queue = list(self._start())
        while queue:
            pair = queue.pop()
            for then, cond, values in self._following(pair):
                if self._met(then, cond, values) and then not in queue:
                    queue.append(then)
        for pair in self.known:
            self._check(pair)
        if not self.inclusion:
            self._ends()
        equations = sum(map(len, self.known.values()))
        return Coupled(len(self.known), equations, self.steps)

    def _start(self) -> Iterator[Pair]:
        """For each choice of the arguments that are enumerated; the others are terms."""
        for begin in beginnings(self.left, self.right):
            if not begin.arguments:
                self.roots.add(begin.places)  # else these are a first step by themselves
            if self._met(begin.places, begin.cond, begin.values):
                yield begin.places

    def _number(self, side: Moves, v: int) -> int:
        return numbered(side, self.left, v)

    def _own(self, side: Moves, v: int) -> Expr:
        return var(self._number(side, v), side.system.variables[v].sort)

    def _candidates(self, values: Values) -> Iterator[Expr]:
        """Equations, before it is known whether they hold."""
        mine = [self._own(self.left, v) for v in self.left.data]
        yours = [self._own(self.right, v) for v in self.right.data]
        for a, b in product(mine, yours):
            if a.sort is b.sort:
                yield eq(a, b)
        for a in (*mine, *yours):
            value = values[a.index]
            if value.op is Op.CONST:
                yield eq(a, value)

    # --- equations ---------------------------------------------------------------------------

    def _met(self, pair: Pair, cond: Expr, values: Values) -> bool:
        """A way to come there; True: less is known of the pair than before."""
        if cond is FALSE or is_valid(not_(cond), MILLISECONDS):
            return False
        before = self.known.get(pair)
        if before is None and len(self.known) >= self.most:
            raise OutOfReach(f"more than {self.most} pairs of places")
        candidates = list(self._candidates(values)) if before is None else before
        kept = self._kept(cond, candidates, values)
        self.known[pair] = kept
        return before is None or len(kept) < len(before)

    def _kept(self, cond: Expr, candidates: Sequence[Expr], values: Values) -> list[Expr]:
        """Those that surely hold of these values where `cond` does."""
        read = [(e, _put(e, values)) for e in candidates]
        left = [(e, r) for e, r in read if r is not FALSE]
        while True:
            self._tick()
            goal = and_(*(r for _, r in left))
            if goal is TRUE:
                return [e for e, _ in left]
            solver, encode = Smt(MILLISECONDS), Encoder()
            solver.add(encode(cond), encode(not_(goal)))
            answer = solver.check()
            if answer is Answer.UNSAT:
                return [e for e, _ in left]
            model = None
            if answer is Answer.SAT:
                model = [r for _, r in left if solver.value(encode(r), r.sort) is False]
            if not model:  # one by one
                return [e for e, r in left if is_valid(or_(not_(cond), r), MILLISECONDS)]
            gone = {id(r) for r in model}
            left = [(e, r) for e, r in left if id(r) not in gone]

    def _tick(self) -> None:
        if time.monotonic() > self.until:
            raise OutOfReach(f"{len(self.known)} pairs of places were looked at")

    # --- matching ----------------------------------------------------------------------------

    def _following(self, pair: Pair) -> Iterator[tuple[Pair, Expr, Values]]:
        """Where matching steps lead, under what condition, with which values."""
        for move, ways, first in self._matched(pair):
            assumed = and_(*self.known[pair], move.cond)
            rest = assumed
            for way, met in ways:
                both = and_(rest, met)
                rest = and_(rest, not_(met))
                if both is FALSE:
                    continue
                here = pair[0] if first else pair[1]
                for place, updates, cond in way.stops:
                    stop = (here, place) if first else (place, here)
                    yield stop, and_(both, cond), self._values({}, updates, first)
                target = (move.target, way.target) if first else (way.target, move.target)
                if not way.seen and way.target == (pair[1] if first else pair[0]):
                    if not way.updates and not self.steps:
                        self.waits[pair, target] = None
                yield target, both, self._values(move.updates, way.updates, first)

    def _check(self, pair: Pair) -> None:
        """Each step has a match, whatever the data."""
        for move, ways, first in self._matched(pair):
            self._tick()
            assumed = and_(*self.known[pair], move.cond)
            if not is_valid(or_(not_(assumed), *(met for _, met in ways)), MILLISECONDS):
                side = "first" if first else "second"
                what = move.seen[0] if move.seen else "an internal step"
                raise OutOfReach(f"`{what}` of the {side} one has no match that is always possible")

    def _matched(self, pair: Pair) -> Iterator[tuple[_Way, list[tuple[_Way, Expr]], bool]]:
        """Each move, over all variables, with the ways of the other side that look like it and
        when they are possible with the same values.  They are tried in this order."""
        for first in (True,) if self.inclusion else (True, False):
            mine, yours = (self.left, self.right) if first else (self.right, self.left)
            here, there = pair if first else (pair[1], pair[0])
            weakly = not self.steps and pair not in self.roots
            others = list(self._ways(yours, there, INTERNALLY if weakly else 0))
            for m in mine.moves(here):
                self._tick()
                move = self.one(mine, m)
                ways = []
                for way, inputs in others:
                    if way.seen != m.seen or len(way.values) != len(m.values):
                        continue
                    for put in _inputs(m.inputs, inputs):
                        there_ = _with_inputs(way, put)
                        same = (eq(a, b) for a, b in zip(move.values, there_.values, strict=True))
                        ways.append((there_, and_(there_.cond, *same)))
                if weakly and not m.seen:
                    ways.append((_Way(TRUE, there, {}, (), ()), TRUE))
                yield move, ways, first

    def _ways(
        self, side: Moves, place: Place, internally: int
    ) -> Iterator[tuple[_Way, tuple[Input, ...]]]:
        """Moves; the ones after internal moves (that ask nothing) later."""
        for m in side.moves(place):
            yield self.one(side, m), m.inputs
        if not internally:
            return
        for m in side.moves(place):
            if m.seen or m.inputs:
                continue
            self._tick()
            step = self.one(side, m)
            for rest, inputs in self._ways(side, m.target, internally - 1):
                if not rest.seen:
                    continue  # where it leads by internal steps alone, a shorter way leads as well
                after = {v: _put(e, step.updates) for v, e in rest.updates.items()}
                stops = tuple(
                    (
                        p,
                        {**step.updates, **{v: _put(e, step.updates) for v, e in u.items()}},
                        _put(c, step.updates),
                    )
                    for p, u, c in rest.stops
                )
                yield (
                    _Way(
                        and_(step.cond, _put(rest.cond, step.updates)),
                        rest.target,
                        {**step.updates, **after},
                        rest.seen,
                        tuple(_put(e, step.updates) for e in rest.values),
                        ((m.target, step.updates, TRUE), *stops),
                    ),
                    inputs,
                )

    def one(self, side: Moves, m: Move) -> _Way:
        """A move, over the variables of both sides."""
        own = {v: self._own(side, v) for v in side.data}
        updates = {self._number(side, v): _put(e, own) for v, e in m.updates.items()}
        values = tuple(_put(e, own) for e in m.values)
        return _Way(_put(m.cond, own), m.target, updates, m.seen, values)

    def _values(self, mine: Values, yours: Values, first: bool) -> Values:
        out: dict[int, Expr] = {}
        for side in (self.left, self.right):
            out.update((self._number(side, v), self._own(side, v)) for v in side.data)
        out.update(mine)
        out.update(yours)
        return out

    # --- internal steps for ever -------------------------------------------------------------

    def _ends(self) -> None:
        """Nobody waits for ever while the other one goes on internally."""
        after: dict[Pair, list[Pair]] = {}
        for a, b in self.waits:
            after.setdefault(a, []).append(b)
        state: dict[Pair, int] = {}
        for root in after:
            stack = [(root, iter(after[root]))]
            if state.get(root):
                continue
            state[root] = 1
            while stack:
                node, rest = stack[-1]
                for then in rest:
                    if state.get(then) == 1:
                        raise OutOfReach("one may go on internally for ever")
                    if then not in state:
                        state[then] = 1
                        stack.append((then, iter(after.get(then, ()))))
                        break
                else:
                    state[node] = 2
                    stack.pop()


def _put(term: Expr, values: Values) -> Expr:
    return substitute(term, lambda n: values.get(n.index, n) if n.op is Op.VAR else n)


def _inputs(mine: Sequence[Input], yours: Sequence[Input]) -> Iterator[Mapping[int, Expr]]:
    """What the environment answers the other side: the same under the same name, and either truth
    value where there is none."""
    options: list[list[Expr]] = []
    for i in yours:
        same = [k for k, j in enumerate(mine) if j.name == i.name and j.sort is i.sort]
        if same:
            options.append([inp(same[0], i.sort)])
        elif i.sort.value == "bool":
            options.append([const(False), const(True)])
        else:
            return
    for chosen in product(*options):
        yield dict(enumerate(chosen))


def _with_inputs(way: _Way, put: Mapping[int, Expr]) -> _Way:
    def read(e: Expr) -> Expr:
        return substitute(e, lambda n: put[n.index] if n.op is Op.INPUT else n)

    if not put:
        return way
    updates = {v: read(e) for v, e in way.updates.items()}
    values = tuple(map(read, way.values))
    stops = tuple((p, {v: read(e) for v, e in u.items()}, read(c)) for p, u, c in way.stops)
    return _Way(read(way.cond), way.target, updates, way.seen, values, stops)
