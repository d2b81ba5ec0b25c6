"""Any number of instances: one of them as it is, the others counted (counter abstraction).

`crowd` makes of a system with two instances `a` and `b` of a workflow one that has at least the
runs of any number of them: `a` stays, and `b` becomes a crowd of N.  A place of a thread of `b`
is a counter, how many of the crowd have this thread there; a step of `b` takes one of them from
one place to another (German and Sistla 1992, "Reasoning about systems with many processes").

What is given up, so that there are more runs, never fewer:
- the threads of one member are counted apart: which parent belongs to which branch is not known;
- data of a member is any value whenever it is read, and is not kept;
- clocks and schedulers: the untimed view under `scheduler any`;
- runs that an `assume` of a member of the crowd ends go on.

Instances of one workflow are alike, so what holds of `a` in every such run holds of each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ...dsl.types import Bool, Int, Real, Type
from ...semantics.expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    and_,
    const,
    eq,
    fold,
    inp,
    ite,
    le,
    or_,
    rebuild,
    sub,
    var,
    variables,
)
from ...semantics.system import (
    AnyNumber,
    Delay,
    Input,
    Obligation,
    Rule,
    Thread,
    TransitionSystem,
    Variable,
    VarKind,
)
from .common import after, conjuncts, fixed_by
from .crowd_moves import ends_of, moving, nobody_but, point_of

ANY_TIME = Delay(const(Fraction(0)), None)
TYPES: Mapping[Sort, Type] = {Sort.BOOL: Bool(), Sort.INT: Int(), Sort.REAL: Real()}
# How the lowering ends the message of what must hold when all instances have ended.
AFTER_THE_END = ("after the end", "when every instance has ended")


class Unsupported(Exception):
    """The abstraction does not cover something in the rules."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """`lost`: obligations (check, name) that speak of several instances at once.

    `moves`: where it holds in every state, some step can be taken until all have ended (None:
    that cannot be said).
    """

    system: TransitionSystem
    invariants: tuple[Expr, ...]  # candidates: what should hold, to be shown
    lost: frozenset[tuple[str, str]]
    moves: Expr | None


def crowd(system: TransitionSystem) -> Crowd:
    """Of a system in which each `AnyNumber` has exactly two members.  Rules keep their numbers.

    Raises `Unsupported`.
    """
    made = _Crowd(system)
    return made.run()


@dataclass(slots=True)
class _Crowd:
    system: TransitionSystem
    variables: list[Variable] = field(default_factory=list)
    mine: set[int] = field(default_factory=set)  # variables of members of a crowd
    members: set[int] = field(default_factory=set)
    threads: dict[int, Thread] = field(default_factory=dict)  # of members, by location
    counters: dict[int, tuple[Expr, ...]] = field(default_factory=dict)  # by location, by point
    others: dict[int, Expr] = field(default_factory=dict)  # how many there are, by member

    def run(self) -> Crowd:
        system = self.system
        self.variables = list(system.variables)
        for group in system.any_number:
            if len(group.members) != 2 or group.number is not None:
                raise Unsupported("two instances were meant")
            self._counted(group)
        obligations, lost = self._obligations()
        moves = moving(system, self.mine, self.members, self.threads, self.counters, self.variables)
        made = replace(
            system,
            variables=tuple(self.variables),
            initial=and_(
                *(p for p in conjuncts(system.initial) if not variables([p]) & self.mine),
                *(le(const(0), n) for n in self.others.values()),
            ),
            rules=tuple(self._rule(r) for r in system.rules),
            obligations=obligations,
            loops=tuple(
                x for x in system.loops if system.threads[x.thread].instance not in self.members
            ),
            liveness=(),
            places=(),
            sagas=(),
            choices=(),
            excluded=or_(
                *(p for p in _disjuncts(system.excluded) if not variables([p]) & self.mine)
            ),
            initial_events=(),
            scheduler="any",
            any_number=(),
        )
        return Crowd(made, tuple(self._invariants()), frozenset(lost), moves)

    def _counted(self, group: AnyNumber) -> None:
        member = group.members[1]
        self._alike(group.members[0], member)
        self.members.add(member)
        self.mine |= {v.index for v in self.system.variables if v.instance == member}
        many = self._variable(f"others of {group.workflow}", VarKind.PARAM, None)
        self.others[member] = many
        for t in self.system.threads:
            if t.instance == member:
                self.threads[t.location] = t
                self.counters[t.location] = tuple(
                    self._variable(
                        f"others at {t.name}: {p.label}", VarKind.HIDDEN, const(0) if p.id else many
                    )
                    for p in t.points
                )

    def _alike(self, one: int, other: int) -> None:
        """The rules of both are the same up to the names of what is their own."""
        first, second = ([r for r in self.system.rules if r.instance == i] for i in (one, other))
        if len(first) != len(second):
            raise Unsupported("instances have different rules")
        shape = _Shapes(
            {
                v.index: k
                for i in (one, other)
                for k, v in enumerate(v for v in self.system.variables if v.instance == i)
            }
        )
        for a, b in zip(first, second, strict=True):
            if a.kind is not b.kind or shape.of(a) != shape.of(b):
                raise Unsupported(f"`{a.name}` and `{b.name}` differ")

    def _variable(self, name: str, kind: VarKind, init: Expr | None) -> Expr:
        index = len(self.variables)
        self.variables.append(Variable(index, name, Sort.INT, Int(), kind, init))
        return var(index, Sort.INT)

    # --- rules -----------------------------------------------------------------------------

    def _rule(self, r: Rule) -> Rule:
        """A step of a member, or of somebody who looks at one."""
        guards = conjuncts(r.guard)
        asked_for = after(r, r.relation)
        updates = dict(r.updates)
        if r.instance not in self.members:
            return self._beside(r, updates)
        moves = {v: e for v, e in updates.items() if v in self.threads}
        kept = {v: e for v, e in updates.items() if v not in self.mine}
        pins = {v: e for v, e in fixed_by(guards).items() if v in self.threads}
        opened = _Opened(self.mine, pins, list(r.inputs))
        parts = [opened(p) for p in guards]
        relation = opened(asked_for)
        new = {v: opened(e) for v, e in kept.items()}
        to = {v: opened(e) for v, e in moves.items()}
        places = {v: pins.get(v) or opened.value(v, Sort.INT) for v in moves.keys() | pins.keys()}
        there: list[Expr] = []
        for v, at in places.items():
            there.append(self._somebody(v, at))
        for v, place in opened.known.items():
            if v in self.threads and v not in places:
                there.append(self._somebody(v, place))
        for v, e in to.items():
            new |= self._moved(v, places[v], e)
        free = [p for p in (*parts, *there) if not variables([p], Op.INPUT)]
        asked = [p for p in (*parts, *there) if variables([p], Op.INPUT)]
        return replace(
            r,
            guard=and_(*free),
            relation=and_(relation, *asked),
            inputs=tuple(opened.inputs),
            own=tuple(new.items()),
            bundle=None,
            own_events=(),
            delay=ANY_TIME,
            probability=None,
            priority=None,
            holds=(),
            gains=(),
            reads=(),
        )

    def _beside(self, r: Rule, updates: Mapping[int, Expr]) -> Rule:
        """A step of an instance that is no member: only what watches looks at one."""
        kept = {}
        for v, e in updates.items():
            looks = bool(variables([e]) & self.mine)
            if v in self.mine or (looks and self.variables[v].kind is not VarKind.GHOST):
                raise Unsupported(f"`{r.name}` touches other instances")
            if not looks:
                kept[v] = e
        if variables([r.guard, r.relation]) & self.mine:
            raise Unsupported(f"`{r.name}` looks at other instances")
        return replace(r, own=tuple(kept.items()), bundle=None)

    def _somebody(self, location: int, at: Expr) -> Expr:
        """Some member has this thread there."""
        counters = self.counters[location]
        if at.op is Op.CONST:
            return le(const(1), counters[point_of(at)])
        return or_(*(and_(eq(at, const(p)), le(const(1), c)) for p, c in enumerate(counters)))

    def _moved(self, location: int, at: Expr, to: Expr) -> dict[int, Expr]:
        """One less here, one more there."""
        counters = self.counters[location]
        out = {}
        for p, c in enumerate(counters):
            change = sub(_is(to, p), _is(at, p))
            if change.op is not Op.CONST or change.value != 0:
                out[c.index] = add(c, change)
        return out

    # --- claims ----------------------------------------------------------------------------

    def _obligations(self) -> tuple[tuple[Obligation, ...], set[tuple[str, str]]]:
        """Those of `a`, of fixed instances, and of what is shared; the others mirror those of `a`
        or speak of several at once."""
        out: list[Obligation] = []
        lost: set[tuple[str, str]] = set()
        for goal in self.system.obligations:
            if goal.rule is not None and self.system.rules[goal.rule].instance in self.members:
                continue
            if goal.message.endswith(AFTER_THE_END):
                goal = replace(goal, cond=self._after_the_end(goal.cond))
            parts = []
            for part in conjuncts(goal.cond) or [TRUE]:
                seen = variables([part]) | variables([part], Op.POST)
                spoken = {self.variables[v].instance for v in seen & self.mine}
                if not spoken:
                    parts.append(part)
                elif len(spoken) > 1 or any(
                    self.variables[v].instance is not None for v in seen - self.mine
                ):
                    lost.add((goal.check, goal.name))
            if parts:
                unless = goal.unless
                if unless is not None and variables([unless]) & self.mine:
                    unless = None
                out.append(replace(goal, cond=and_(*parts), unless=unless))
        return tuple(out), lost

    def _after_the_end(self, cond: Expr) -> Expr:
        """That a member has ended becomes: all of the crowd have."""

        def build(node: Expr, args: Sequence[Expr]) -> Expr:
            if node.op is Op.EQ and node.args[0].op is Op.VAR and node.args[1].op is Op.CONST:
                thread = self.threads.get(node.args[0].index)
                if thread is not None and thread.parent is None:
                    ends = ends_of(self.system, thread)
                    over = nobody_but(self.counters[thread.location], ends)
                    return over if node.args[1].value == ends[0] else FALSE
            return node if not node.args else rebuild(node, args)

        return fold(cond, build)

    # --- what should hold ------------------------------------------------------------------

    def _invariants(self) -> Iterator[Expr]:
        for location, counters in self.counters.items():
            yield from (le(const(0), c) for c in counters)
            many = self.others[self.threads[location].instance]
            yield eq(add(const(0), *counters), many)
            yield from (eq(c, const(0)) for c in counters[1:])  # where nobody ever comes
        for t in self.system.threads:
            if t.location not in self.threads:
                here = var(t.location, Sort.INT)
                yield or_(*(eq(here, const(p.id)) for p in t.points))
        for v in self.system.variables:
            if v.kind is VarKind.USED and v.index not in self.mine:
                used = var(v.index, Sort.INT)
                yield le(const(0), used)
                held = self._held(v.index)
                if held is not None:
                    yield eq(used, held)

    def _held(self, used: int) -> Expr | None:
        """What all threads hold where they are; None where that is data of a member."""
        parts: list[Expr] = []
        for t in self.system.threads:
            here = var(t.location, Sort.INT)
            for p in t.points:
                for v, amount in p.holds:
                    if v != used:
                        continue
                    if t.location not in self.threads:
                        parts.append(ite(eq(here, const(p.id)), amount, const(0)))
                    elif amount.op is Op.CONST and isinstance(amount.value, int):
                        parts += [self.counters[t.location][p.id]] * amount.value
                    else:
                        return None
        return add(const(0), *parts)


@dataclass(slots=True)
class _Shapes:
    """Rules up to the names of what belongs to an instance: equal rules have equal shapes.

    `places`: the number of a variable within its instance.
    """

    places: Mapping[int, int]
    numbers: dict[object, int] = field(default_factory=dict)
    memo: dict[int, int] = field(default_factory=dict)

    def of(self, r: Rule) -> list[tuple[object, int]]:
        updates = sorted(((self._name(v), e) for v, e in r.updates), key=lambda x: x[0])
        named = [("guard", r.guard), ("relation", r.relation), *updates]
        return [(name, fold(e, self._number, self.memo)) for name, e in named]

    def _name(self, v: int) -> tuple[bool, int]:
        return (True, self.places[v]) if v in self.places else (False, v)

    def _number(self, node: Expr, args: Sequence[int]) -> int:
        of: object = node.value
        if node.op in (Op.VAR, Op.POST):
            of = self._name(node.index)
        key = (node.op, node.sort, type(of), of, *args)
        return self.numbers.setdefault(key, len(self.numbers))


@dataclass(slots=True)
class _Opened:
    """Reads what belongs to the member that takes the step: where a guard says where it is, that;
    otherwise any value, the same throughout the step."""

    mine: set[int]
    pins: Mapping[int, Expr]
    inputs: list[Input]
    known: dict[int, Expr] = field(default_factory=dict)
    tops: dict[tuple[int, Sort], Expr] = field(default_factory=dict)
    kept: list[Expr] = field(default_factory=list)  # keeps identities

    def __call__(self, e: Expr) -> Expr:
        if not variables([e]) & self.mine:
            return e
        if e.sort is Sort.STACK:
            raise Unsupported("a stack of a member is kept elsewhere")

        def build(node: Expr, args: Sequence[Expr]) -> Expr:
            if node.op is Op.VAR:
                if node.index not in self.mine or node.sort is Sort.STACK:
                    return node
                return self.pins.get(node.index) or self.value(node.index, node.sort)
            if node.op is Op.TOP and variables([node]) & self.mine:
                return self._top(node)
            return node if not node.args else rebuild(node, args)

        out = fold(e, build)
        if variables([out]) & self.mine:
            raise Unsupported("a stack of a member is looked at")
        return out

    def value(self, v: int, sort: Sort) -> Expr:
        if v not in self.known:
            self.known[v] = self._fresh(sort)
        return self.known[v]

    def _top(self, node: Expr) -> Expr:
        key = (id(node), node.sort)
        if key not in self.tops:
            self.kept.append(node)
            self.tops[key] = self._fresh(node.sort)
        return self.tops[key]

    def _fresh(self, sort: Sort) -> Expr:
        self.inputs.append(Input("of one of the others", sort, TYPES[sort]))
        return inp(len(self.inputs) - 1, sort)


def _is(e: Expr, point: int) -> Expr:
    if e.op is Op.CONST:
        return const(1) if e.value == point else const(0)
    return ite(eq(e, const(point)), const(1), const(0))


def _disjuncts(e: Expr) -> tuple[Expr, ...]:
    return e.args if e.op is Op.OR else (e,)


__all__ = ["Crowd", "Unsupported", "crowd"]
