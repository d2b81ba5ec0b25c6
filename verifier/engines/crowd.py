"""Any number of instances: one of them as it is, the others counted (counter abstraction).

`crowd` makes of a system with two instances `a` and `b` of a workflow one that has at least the
runs of any number of them: `a` stays, and `b` becomes a crowd of N.  A place of a thread of `b`
is a counter, how many of the crowd have this thread there; a step of `b` takes one of them from
one place to another (German and Sistla 1992, "Reasoning about systems with many processes").

What is given up, so that there are more runs, never fewer:
- where the threads of one member are counted apart, which parent belongs to which branch is not
  known (`crowd_control`);
- data of a member is any value whenever it is read, and is not kept (but what is known to stay in
  its range for each instance is any value of that range);
- of what is sent to a member nothing is kept, nor that a sender may have to wait for it;
- whom of the crowd an answer is for is not known;
- clocks and schedulers: the untimed view under `scheduler any`;
- runs that an `assume` of a member of the crowd ends go on.

Instances of one workflow are alike, so what holds of `a` in every such run holds of each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction
from types import MappingProxyType

from ...dsl.records import dataclass
from ...dsl.types import Int
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
    ite,
    le,
    or_,
    post,
    var,
)
from ...semantics.system import (
    AnyNumber,
    Delay,
    Obligation,
    Rule,
    RuleKind,
    TransitionSystem,
    Variable,
    VarKind,
)
from ...semantics.walks import variables
from .common import after, conjuncts, in_domain, put
from .crowd_arrivals import Limited
from .crowd_claims import Claims
from .crowd_control import Group, groups, targets, value_at, which
from .crowd_moves import moving
from .crowd_places import facts, place_invariants, there
from .crowd_terms import Opened, Shapes, Unsupported, names_of, owned, serves

ANY_TIME = Delay(const(Fraction(0)), None)
FEW = 4  # places at which a step may be taken, to be told


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
    counters: frozenset[int]  # variables that say where those of the crowd are
    others: tuple[int, ...]  # variables that say how many they are, by group
    members: frozenset[int]  # instances that stand for all of the crowd
    tracked: int  # how many variables of a member its place tells
    ranged: frozenset[int]  # variables of `a` that have a range, and stand for those of the crowd
    said: str = ""  # what is known of how many are under way, in words


def crowd(
    system: TransitionSystem,
    within: Collection[int] = (),
    data: bool = False,
    tidy: bool = False,
    rooms: Mapping[str, int] = MappingProxyType({}),
) -> Crowd:
    """Of a system in which each `AnyNumber` has exactly two members.  Rules keep their numbers.

    `data`: what finite data a member has is part of its place, if these are not too many.

    `within`: variables of `a` that are known to stay in their ranges, in every run with any number
    of instances, up to the step that is looked at.

    `tidy`: it is known, in the same way, that nobody asks from a place while an older request from
    there is still under way: so that no request loses its number (see `asks_once`).

    `rooms`: of some workflows whose instances arrive, how many are under way at once at most.
    Raises `Unsupported`.
    """
    made = _Crowd(system, frozenset(within), data, tidy, rooms)
    return made.run()


def asks_once(made: Crowd) -> list[Obligation]:
    """That one instance, when it asks, has no older request from there under way: none loses its
    number, in the queue or in somebody's hands.

    Shown of a crowd of which it is taken for granted (`tidy`) it holds of all: the first step of a
    run that breaks it is a step of somebody, before which nobody has broken it; and all are alike.
    """
    out = []
    members = {i.id for i in made.system.instances} - made.members
    for c in made.system.channels:
        for r in made.system.rules:
            if (
                c.asks
                and not c.turns
                and r.kind is RuleKind.SEND
                and r.channel == c.name
                and r.instance in members
            ):
                conds = [_stays(v) for v in c.hands]
                for length, slots in zip(c.lengths, c.slots, strict=bool(c.slots)):
                    there = var(length, Sort.INT)
                    conds += [or_(le(there, const(i)), _stays(s[-1])) for i, s in enumerate(slots)]
                out.append(Obligation("messages", c.name, and_(*conds), "", r.span, r.index))
    return out


def _stays(v: int) -> Expr:
    return eq(post(v, Sort.INT), var(v, Sort.INT))


@dataclass(slots=True)
class _Crowd:
    system: TransitionSystem
    within: frozenset[int] = frozenset()
    data: bool = False
    tidy: bool = False
    rooms: Mapping[str, int] = field(default_factory=dict)
    variables: list[Variable] = field(default_factory=list)
    mine: set[int] = field(default_factory=set)  # variables of members of a crowd
    members: set[int] = field(default_factory=set)
    groups: list[Group] = field(default_factory=list)
    standing: list[Group] = field(default_factory=list)  # of instances that are no members
    counters: list[tuple[Expr, ...]] = field(default_factory=list)  # by group, by place
    others: dict[int, Expr] = field(default_factory=dict)  # how many there are, by member
    twins: dict[int, int] = field(default_factory=dict)  # of a variable of a member: that of `a`
    names: dict[int, Expr] = field(default_factory=dict)  # what tells a member from another one

    def run(self) -> Crowd:
        system = self.system
        self.variables = list(system.variables)
        for group in system.any_number:
            if len(group.members) != 2 or group.number is not None:
                raise Unsupported("two instances were meant")
            self._counted(group)
        self.standing = self._standing()
        claims = Claims(
            system, self.mine, self.members, self.groups, self.counters, self.names, self.variables
        )
        obligations, lost = claims.obligations()
        ranged = {b: system.variables[a] for b, a in self.twins.items() if a in self.within}
        moves = moving(
            system, self.mine, self.members, self.groups, self.counters, self.variables, ranged
        )
        limited = Limited(system, self.rooms, self.groups, self.counters)
        made = replace(
            system,
            variables=tuple(self.variables),
            initial=and_(
                *(p for p in conjuncts(system.initial) if not variables([p]) & self.mine),
                *(le(const(0), n) for n in self.others.values()),
            ),
            rules=tuple(limited.rule(r, self._rule(r)) for r in system.rules),
            obligations=obligations,
            loops=tuple(
                x for x in system.loops if system.threads[x.thread].instance not in self.members
            ),
            liveness=claims.liveness(lost),
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
        could = {a for a in self.twins.values() if _has_range(system.variables[a])}
        invariants = (
            *self._facts(),
            *limited.facts(),
            *place_invariants(made, self.standing),
        )
        counters = frozenset(c.index for places in self.counters for c in places)
        tracked = sum(len(g.tracked) for g in self.groups)
        return Crowd(
            made,
            invariants,
            frozenset(lost),
            moves,
            counters,
            tuple(n.index for n in self.others.values()),
            frozenset(self.members),
            tracked,
            frozenset(could),
            limited.said(),
        )

    def _counted(self, group: AnyNumber) -> None:
        member = group.members[1]
        self._alike(group.members[0], member)
        self.members.add(member)
        first, own = (owned(self.system, i) for i in group.members)
        if len(first) != len(own):
            raise Unsupported("instances have different variables")
        self.mine |= {v.index for v in own}
        self.twins |= {b.index: a.index for a, b in zip(first, own, strict=True)}
        self.names |= names_of(self.system, group.members[0], member)
        many = self._variable(f"others of {group.workflow}", VarKind.PARAM, None)
        self.others[member] = many
        for made in groups(self.system, member, self.data):
            self.groups.append(made)
            self.counters.append(
                tuple(
                    self._variable(
                        f"others at {self._place(made, k)}",
                        VarKind.HIDDEN,
                        const(0) if k else many,
                    )
                    for k in range(len(made.places))
                )
            )

    def _place(self, group: Group, k: int) -> str:
        """In words."""
        threads = {t.location: t for t in self.system.threads}
        return ", ".join(
            f"{threads[v].name}: {threads[v].points[int(x)].label}"
            if v in threads
            else f"{self.system.variables[v].name} = {x}"
            for v, x in zip(group.tracked, group.places[k], strict=True)
        )

    def _alike(self, one: int, other: int) -> None:
        """The rules of both are the same up to the names of what is their own."""
        serving = {t.id for t in self.system.threads if serves(t)}
        first, second = (
            [r for r in self.system.rules if r.instance == i and r.thread not in serving]
            for i in (one, other)
        )
        if len(first) != len(second):
            raise Unsupported("instances have different rules")
        shapes = Shapes(
            {v.index: (i, k) for i in (one, other) for k, v in enumerate(owned(self.system, i))}
        )
        for a, b in zip(first, second, strict=True):
            if a.kind is not b.kind or shapes.of(a) != shapes.of(b):
                raise Unsupported(f"`{a.name}` and `{b.name}` differ")

    def _variable(self, name: str, kind: VarKind, init: Expr | None) -> Expr:
        index = len(self.variables)
        self.variables.append(Variable(index, name, Sort.INT, Int(), kind, init))
        return var(index, Sort.INT)

    def _standing(self) -> list[Group]:
        """Of instances that are not counted: where they may be, as nobody else puts them there."""
        system = self.system
        foreign = {
            v
            for r in system.rules
            for v, _ in r.updates
            if system.variables[v].instance not in (None, r.instance)
        }
        return [
            g
            for i in system.instances
            if i.id not in self.members
            for g in groups(system, i.id, self.data)
            if foreign.isdisjoint(g.tracked)
        ]

    def _facts(self) -> Iterator[Expr]:
        many = [self.others[g.instance] for g in self.groups]
        return facts(self.system, self.mine, self.groups, self.counters, many, self.standing)

    # --- rules -----------------------------------------------------------------------------

    def _rule(self, r: Rule) -> Rule:
        """A step of a member, or of somebody who looks at one."""
        guards = conjuncts(r.guard)
        asked_for = after(r, r.relation)
        updates = dict(r.updates)
        if r.instance not in self.members:
            return self._beside(r, updates)
        tracked = {v for g in self.groups for v in g.tracked if g.instance == r.instance}
        moves = {v: e for v, e in updates.items() if v in tracked}
        kept = {v: e for v, e in updates.items() if v not in self.mine}
        looked_at = variables([*guards, asked_for, *kept.values(), *moves.values()])
        for v in updates.keys() & self.mine:
            if self.variables[v].instance != r.instance and not self._any_value(v):
                raise Unsupported(f"`{r.name}` touches other instances")
        inputs = list(r.inputs)
        pins: dict[int, Expr] = {}
        there: list[Expr] = []
        chosen: list[tuple[int, list[tuple[int, Expr]]]] = []  # by group: places, when it is which
        for n, g in enumerate(self.groups):
            if g.instance == r.instance and not (looked_at | moves.keys()).isdisjoint(g.tracked):
                places = which(g.candidates(r), inputs)
                if not places:
                    return replace(r, guard=FALSE, relation=TRUE, own=(), bundle=None)
                chosen.append((n, places))
                pins |= {v: value_at(v, g, places) for v in g.tracked}
                here = self.counters[n]
                there.append(or_(*(and_(is_, le(const(1), here[k])) for k, is_ in places)))
        ranged = {b: self.variables[a] for b, a in self.twins.items() if a in self.within}
        tidy = self.tidy and r.kind is RuleKind.SEND
        opened = Opened(self.mine, pins, inputs, ranged, self.names, tidy)
        parts = [opened(p) for p in guards]
        relation = opened(asked_for)
        new = {v: opened(e) for v, e in kept.items()}
        for n, places in chosen:
            if not moves.keys().isdisjoint(self.groups[n].tracked):
                new |= self._moved(n, places, moves, opened)
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

    def _any_value(self, v: int) -> bool:
        """Whether of a variable of a member nothing is kept, so that others may write it: its
        queue, and what is remembered for a claim only (what a saga is to leave behind, say)."""
        return self.variables[v].kind in (VarKind.CHANNEL, VarKind.GHOST)

    def _beside(self, r: Rule, updates: Mapping[int, Expr]) -> Rule:
        """A step of an instance that is no member.  Of a member it only fills its queue, for which
        it may have to wait, or answers it; and what watches may look at one."""
        inputs = list(r.inputs)
        any_value = Opened(self.mine, {}, inputs)
        kept = {}
        for v, e in updates.items():
            if v in self.mine:
                if not self._any_value(v):
                    raise Unsupported(f"`{r.name}` touches other instances")
            elif not variables([e]) & self.mine:
                kept[v] = e
            elif self.variables[v].kind is VarKind.GHOST:
                kept[v] = any_value.fresh(e.sort)
            else:
                raise Unsupported(f"`{r.name}` looks at other instances")
        guard, relation = (self._without_members(r, e) for e in (r.guard, r.relation))
        for g in self.standing if self.data else ():
            if g.instance == r.instance and not updates.keys().isdisjoint(g.tracked):
                places = g.candidates(r)
                if len(places) <= FEW:
                    guard = and_(guard, or_(*(there(g.values[k]) for k in places)))
        return replace(
            r,
            guard=guard,
            relation=relation,
            inputs=tuple(inputs),
            own=tuple(kept.items()),
            bundle=None,
        )

    def _without_members(self, r: Rule, cond: Expr) -> Expr:
        """Where it asks for room in the queue of a member, it is granted."""
        parts = []
        for part in conjuncts(cond):
            seen = (variables([part]) | variables([part], Op.POST)) & self.mine
            if not seen:
                parts.append(part)
            elif not any(self.variables[v].kind is VarKind.CHANNEL for v in seen):
                raise Unsupported(f"`{r.name}` looks at other instances")
        return and_(*parts)

    def _moved(
        self,
        n: int,
        places: Sequence[tuple[int, Expr]],
        moves: Mapping[int, Expr],
        opened: Opened,
    ) -> dict[int, Expr]:
        """One less here, one more there."""
        group, counters = self.groups[n], self.counters[n]
        more: dict[int, list[Expr]] = {}
        for k, is_ in places:
            known = group.values[k]
            to = {v: opened(put(e, known)) for v, e in moves.items() if v in known}
            found = list(targets(group, k, to))
            if not found:
                raise Unsupported("a step leads to a place that was not foreseen")
            for j, values in found:
                if j != k or values:
                    goes = and_(is_, *(eq(to[v], value) for v, value in values.items()))
                    more.setdefault(j, []).append(ite(goes, const(1), const(0)))
            if found != [(k, {})]:
                more.setdefault(k, []).append(ite(is_, const(-1), const(0)))
        return {counters[k].index: add(counters[k], *parts) for k, parts in more.items()}


def _has_range(v: Variable) -> bool:
    return v.sort is not Sort.BOOL and in_domain(v, var(v.index, v.sort)) is not TRUE


def _disjuncts(e: Expr) -> tuple[Expr, ...]:
    return e.args if e.op is Op.OR else (e,)


__all__ = ["Crowd", "Unsupported", "crowd"]
