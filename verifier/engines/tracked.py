"""A system as an explicit graph of what decides its result, for arguments about pairs of steps.

Tracked are the variables that can influence control (guards, relations, delays, assumptions) and
those observed data that never receive a value out of an unbounded domain.  The other observed
variables are *data in transit*: they are not part of a state here; who argues about steps looks at
who reads and writes them (`clash`).  Control may depend on unbounded data by comparisons with
constants: then both is done (see `regions`).  Everything else does not matter for any result.

Answers that reach nothing tracked are not told apart: one representative stands for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice, product
from random import Random
from typing import NamedTuple, cast

from ...dsl.records import dataclass
from ...semantics.expr import Expr, Op, Scalar, Sort, inp
from ...semantics.system import Rule, TransitionSystem, VarKind
from ...semantics.values import evaluate
from ...semantics.walks import postorder, variables
from .common import after, conjuncts, domain, in_domain, whereabouts
from .flows import Flows
from .guards import competes, shut
from .polynomial import named
from .regions import Regions
from .search_compile import Fire, compile_rule, compile_state
from .search_space import Unsupported

MOST_INITIAL = 64
MOST_ANSWERS = 64
State = tuple[Scalar, ...]
Key = tuple[object, ...]  # what is the same step in another state


class Move(NamedTuple):
    """A step from a tracked state.  `key` names the same step of the same environment in
    another state: an end of an attempt by kind and error, because where a failure lands may
    change while the attempt runs."""

    key: Key
    rule: Rule
    inputs: State
    target: State


@dataclass(frozen=True, slots=True)
class Touch:
    """What a rule does to the data in transit, and what it reads of anything to compute them."""

    reads: frozenset[int]
    writes: frozenset[int]
    adds: frozenset[int]  # of the writes, those of the form x := x + e
    tracked: frozenset[int]  # tracked variables that it writes


def observed(system: TransitionSystem) -> set[int]:
    """Variables that make up the result, with the errors."""
    return {v for i in system.instances for v in (*i.observed, i.error)} | {
        v.index for v in system.variables if v.kind is VarKind.SHARED
    }


class Tracked:
    """Moves of the tracked part of a system, each state worked out once.

    Raises `Unsupported` when control depends on data that cannot be enumerated.
    """

    def __init__(
        self, system: TransitionSystem, formal: bool = False, results: bool = True
    ) -> None:
        """`formal`: numbers in transit that are sums and products of arguments are tracked, too, as
        polynomials in those; a state then is one for all of their values.  `results`: observed data
        matter, not only what decides which steps there are."""
        self.system = system
        # No POST in relations: `after` reads what the rule itself writes.
        self.rules = tuple(replace(r, relation=after(r, r.relation)) for r in system.rules)
        self.sides: dict[int, tuple[tuple[int, int], ...]] = {}  # rule -> its (choice, side)s
        for choice, sides in enumerate(system.choices):
            for side, mine in enumerate(sides):
                for rule in mine:
                    self.sides[rule] = (*self.sides.get(rule, ()), (choice, side))
        flows = Flows(system, self.rules)
        control = flows.closure(flows.control())
        matters = flows.closure(control | observed(system)) if results else control
        wide = flows.wide(matters)
        ranged = wide & control
        self.formal = flows.formal(wide & matters - control, wide) if formal else frozenset()
        self.kept = sorted(matters - (wide - ranged - self.formal))
        self.regions = Regions(system, self.rules, ranged, self.kept)
        if ranged and not self.regions.fits:
            name = system.variables[min(ranged)].name
            raise Unsupported(f"control depends on {name}, which has too many values")
        self.slots = {v: at for at, v in enumerate(self.kept)}
        self.transit = frozenset(wide & matters - self.formal)
        self.touches = {r.index: self._touch(r) for r in self.rules}
        self._fires: dict[int, Fire] = {}
        self._tables: list[tuple[int, dict[Scalar, list[Rule]]]] = []
        self._always: list[Rule] = []
        self._domains: dict[int, list[tuple[Scalar, ...]]] = {}
        self._index()
        # Rules whose answers may be impossible in some states: nobody knows when they are taken.
        self.late = frozenset(
            r.index for r in self.rules if r.delay is not None and variables([r.relation])
        )
        self._guards = {
            r.index: compile_state([r.guard], self.slots) for r in self.rules if r.delay is not None
        }
        self._delayed: dict[State, tuple[Rule, ...]] = {}
        self.excluded = compile_state([system.excluded], self.slots)
        self._moves: dict[State, tuple[Move, ...]] = {}
        self._barred: dict[State, tuple[Rule, ...]] = {}
        self._decides: dict[int, frozenset[int]] = {}
        self._silent: dict[tuple[int, int], set[int]] = {}
        self._to: Mapping[State, State] = {}

    def _touch(self, rule: Rule) -> Touch:
        reads: set[int] = set()
        writes: set[int] = set()
        adds: set[int] = set()
        tracked: set[int] = set()
        for v, e in rule.updates:
            if v in self.slots:
                tracked.add(v)
            if v not in self.transit:
                continue
            writes.add(v)
            rest = [a for a in e.args if not (a.op is Op.VAR and a.index == v)]
            if e.op is Op.ADD and len(rest) == len(e.args) - 1 and v not in variables(rest):
                adds.add(v)
                reads |= variables(rest)
            else:
                reads |= variables([e])
        return Touch(frozenset(reads), frozenset(writes), frozenset(adds), frozenset(tracked))

    def clash(self, a: Rule, b: Rule) -> bool:
        """May the order of the two matter for the data in transit?"""
        x, y = self.touches[a.index], self.touches[b.index]
        for p, q in ((x, y), (y, x)):
            if p.writes & q.reads or p.tracked & q.reads:
                return True
        both = x.writes & y.writes
        return not both <= (x.adds & y.adds)

    # --- moves ------------------------------------------------------------------------------

    def _index(self) -> None:
        tables: dict[int, dict[Scalar, list[Rule]]] = {}
        for rule in self.rules:
            if rule.guard.op is Op.CONST and not rule.guard.value:
                continue
            there = whereabouts(self.system, rule, self.slots)
            if there is None:
                self._always.append(rule)
            else:
                tables.setdefault(there[0], {}).setdefault(there[1], []).append(rule)
            self._domains[rule.index] = self._answers(rule)
        self._tables = [(self.slots[v], table) for v, table in sorted(tables.items())]

    def _answers(self, rule: Rule) -> list[tuple[Scalar, ...]]:
        """Values to try for each input: all of them where they reach something tracked."""
        if not rule.inputs:
            return []
        matter = variables([e for v, e in rule.updates if v in self.slots], Op.INPUT)
        exact = set(matter)
        parts = [(variables([p], Op.INPUT), bool(variables([p]))) for p in conjuncts(rule.relation)]
        grown = -1
        while grown != len(exact):
            grown = len(exact)
            for inputs, reads in parts:
                if inputs & exact or reads:
                    exact |= inputs
        domains = [domain(i) for i in rule.inputs]
        for k in self.regions.open(rule):
            domains[k] = self.regions.values(rule.inputs[k], rule.index)
        total = 1
        for k in exact:
            values = domains[k]
            total *= len(values) if values is not None else MOST_ANSWERS + 1
        if total > MOST_ANSWERS:
            raise Unsupported(f"`{rule.name}` has too many answers")
        if len(exact) == len(rule.inputs):
            return [d for d in domains if d is not None]
        return self._representative(rule, exact, domains)

    def _representative(
        self, rule: Rule, exact: set[int], domains: Sequence[tuple[Scalar, ...] | None]
    ) -> list[tuple[Scalar, ...]]:
        """One value for each input that does not matter; the relation does not tie them to
        those that do, nor to the state."""
        loose = [k for k in range(len(rule.inputs)) if k not in exact]
        parts = [p for p in conjuncts(rule.relation) if variables([p], Op.INPUT) & set(loose)] + [
            in_domain(rule.inputs[k], _input(rule, k)) for k in loose
        ]
        rng = Random(rule.index)
        numbers = sorted(
            {int(c.value) for p in parts for c in _constants(p) if c.value is not None} | {0, 1}
        )
        for attempt in range(400):
            given: list[Scalar] = [0] * len(rule.inputs)
            for k in loose:
                values = domains[k]
                if values is not None:
                    given[k] = rng.choice(values)
                    continue
                # Different rules answer differently, so that a race shows in the result.
                base = 100 + rule.index if attempt < 5 else rng.choice(numbers) + rng.randint(-1, 1)
                given[k] = base if rule.inputs[k].sort is Sort.INT else _real(base)
            if all(evaluate(p, (), given) is True for p in parts):
                break
        else:
            raise Unsupported(f"no answer of `{rule.name}` was found")
        return [d if k in exact and d is not None else (given[k],) for k, d in enumerate(domains)]

    def initial(self) -> Iterator[State]:
        """States in which a run may begin; parts of the condition that speak of what is not
        tracked are left out, which only adds some."""
        free = [v for v in self.system.variables if v.init is None and v.index in self.slots]
        choices: list[tuple[Scalar, ...]] = []
        total = 1
        for v in free:
            values: tuple[Scalar, ...] | None = domain(v)
            if v.index in self.formal:
                values = (cast(Scalar, named(v.index)),)
            elif values is None:
                values = self.regions.values(v, v.index)
            choices.append(values)
            total *= len(values)
        if total > MOST_INITIAL:
            raise Unsupported("there are too many arguments to try")
        known = self.slots.keys() - self.formal
        parts = [p for p in conjuncts(self.system.initial) if variables([p]) <= known]
        for given in islice(product(*choices), MOST_INITIAL):
            state = self._begin(dict(zip([v.index for v in free], given, strict=True)))
            if all(evaluate(p, self.view(state)) is True for p in parts):
                yield self._to.get(state, state)

    def _begin(self, given: dict[int, Scalar]) -> State:
        known: dict[int, Scalar] = {}
        for i in self.kept:
            v = self.system.variables[i]
            known[i] = given[i] if v.init is None else evaluate(v.init, _View(known))
        return tuple(known[i] for i in self.kept)

    def view(self, state: State) -> Sequence[Scalar]:
        """The tracked state, to be read by variable."""
        return _View(dict(zip(self.kept, state, strict=True)))

    def project(self, state: Sequence[Scalar]) -> State:
        return tuple(state[v] for v in self.kept)

    def moves(self, state: State) -> tuple[Move, ...]:
        """All steps, but those into states that an assumption excludes."""
        known = self._moves.get(state)
        if known is not None:
            return known
        rules = list(self._always)
        for slot, table in self._tables:
            rules += table.get(state[slot], ())
        raw: list[tuple[Rule, State, State]] = []
        for rule in rules:
            fire = self._fires.get(rule.index)
            if fire is None:
                fire = compile_rule(self._tame(rule), self.slots, {}, self._domains[rule.index])
                self._fires[rule.index] = fire
            fire(state, raw)
        out: list[Move] = []
        barred: list[Rule] = []
        for rule, inputs, target in raw:
            whole = self.system.rules[rule.index]
            if self.excluded(target):
                barred.append(whole)
            else:
                out.append(Move(key(rule, inputs), whole, inputs, target))
        self._moves[state] = tuple(out)
        self._barred[state] = tuple(barred)
        return self._moves[state]

    def lead(self, to: Mapping[State, State]) -> None:
        """Let every step and every beginning lead to another state instead."""
        self._to = to
        self._moves = {
            s: tuple(m._replace(target=to.get(m.target, m.target)) for m in moves)
            for s, moves in self._moves.items()
        }

    def barred(self, state: State) -> tuple[Rule, ...]:
        """Rules with a step into a state that an assumption excludes: no run ends before it."""
        self.moves(state)
        return self._barred[state]

    def delayed(self, state: State) -> tuple[Rule, ...]:
        """Enabled rules that wait for their time, whether they have an answer or not."""
        known = self._delayed.get(state)
        if known is None:
            rules = [r for r in self._always if r.delay is not None]
            for slot, table in self._tables:
                rules += [r for r in table.get(state[slot], ()) if r.delay is not None]
            known = tuple(r for r in rules if self._guards[r.index](state))
            self._delayed[state] = known
        return known

    def silent(self, a: Rule, b: Rule) -> set[int]:
        """Choices of which `a` is a step of a side, and `b` comes after a side without steps."""
        pair = a.index, b.index
        if pair not in self._silent:
            outside = {c for c, _ in self.sides.get(a.index, ())}
            outside -= {c for c, _ in self.sides.get(b.index, ())}
            fits = bool(outside) and competes(self.system, a, b)
            self._silent[pair] = outside if fits else set()
        return self._silent[pair]

    def decides(self, rule: Rule) -> frozenset[int]:
        """Choices that the rule belongs to, or may come after a side without steps of."""
        known = self._decides.get(rule.index)
        if known is None:
            found = {c for c, _ in self.sides.get(rule.index, ())}
            for other in self.sides:
                found |= self.silent(self.system.rules[other], rule)
            known = self._decides[rule.index] = frozenset(found)
        return known

    def open_sides(self, state: State, choice: int) -> set[int]:
        """Sides that can move now; -1 is one that passes without a step."""
        moves = self.moves(state)
        inside = [m for m in moves if any(c == choice for c, _ in self.sides.get(m.rule.index, ()))]
        out = {s for m in inside for c, s in self.sides[m.rule.index] if c == choice}
        if any(choice in self.silent(m.rule, o.rule) for m in inside for o in moves):
            out.add(-1)
        return out

    def answered(self, state: State, move: Move) -> list[tuple[int, int]]:
        """Choices that the step decides or goes on with, and the sides."""
        out = list(self.sides.get(move.rule.index, ()))
        if self.sides:
            out += sorted(
                {(c, -1) for o in self.moves(state) for c in self.silent(o.rule, move.rule)}
            )
        return out

    def _tame(self, rule: Rule) -> Rule:
        """Without updates of what is not tracked: their terms may read what is not there."""
        own = tuple((v, e) for v, e in rule.updates if v in self.slots)
        guard, relation = shut(rule.guard), shut(rule.relation)
        return replace(rule, guard=guard, relation=relation, own=own, bundle=None)

    def seen(self) -> int:
        return len(self._moves)

    def results(self, full: Sequence[Scalar]) -> State:
        """What can be observed of a run that has stopped in this state of the whole system."""
        ends: list[Scalar] = []
        for i in self.system.instances:
            at = full[self.system.threads[i.root].location]
            ends.append(at if at in (i.completed, i.failed) else -1)
        return (*ends, *(full[v] for v in sorted(observed(self.system))))


class _View(Sequence[Scalar]):
    """Values by variable, of some variables."""

    def __init__(self, known: dict[int, Scalar]) -> None:
        self.known = known

    def __getitem__(self, index: int) -> Scalar:  # type: ignore[override]
        return self.known[index]

    def __len__(self) -> int:
        return len(self.known)


def key(rule: Rule, inputs: State) -> Key:
    if rule.group is not None:
        return ("end", rule.group, rule.way, inputs)
    return ("step", rule.index, inputs)


def _input(rule: Rule, k: int) -> Expr:
    return inp(k, rule.inputs[k].sort)


def _real(value: int) -> Scalar:
    return Fraction(value)


def _constants(e: Expr) -> list[Expr]:
    return [n for n in postorder([e]) if n.op is Op.CONST and n.sort is Sort.INT]


__all__ = ["Key", "Move", "Tracked", "Unsupported"]
