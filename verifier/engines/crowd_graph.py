"""Where one instance may be while any number of others move: a finite graph.

One instance of a kind, those whose number is fixed, and what all share are explored as they are; of
the others (`crowd`) only that each of their steps may come at any time: their counters, and what is
in use of resources, are left open.  So each run of any number of instances is a walk in the graph,
with rests where somebody moves whom it does not see.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from ...dsl.errors import NOWHERE
from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op, and_, const, not_, or_, var
from ...semantics.symbolic import is_valid
from ...semantics.system import Delay, Obligation, Rule, TransitionSystem, VarKind
from ...semantics.walks import variables
from .common import after, conjuncts, domain, initial_condition, put, touched
from .crowd import Crowd
from .crowd_terms import Unsupported, owned, serves
from .search_graph import EXCLUDED, SPLIT
from .search_run import Search
from .slice import slice_for

MOST_STATES = 20_000
QUERY = 300  # milliseconds
SOME_TIME = Delay(const(0), None)  # how long it is until an instance comes


class Arc(NamedTuple):
    """`sure`: every state of the node can take the step, but for `claims`: USED variables."""

    rule: int
    target: int
    sure: bool
    claims: frozenset[int]


@dataclass(frozen=True)
class Around:
    """`seen`: the instances that are looked at as they are.  `barred`: by node, rules of others
    that surely do not have their turn there."""

    slots: Mapping[int, int]
    nodes: Sequence[tuple[object, ...]]
    arcs: Sequence[Sequence[Arc]]
    seen: frozenset[int]
    barred: Sequence[frozenset[int]]

    def may(self, node: int, cond: Expr) -> bool:
        """Whether a condition may hold somewhere in the node."""
        known = {
            v: const(self.nodes[node][self.slots[v]])  # type: ignore[arg-type]
            for v in variables([cond])
            if v in self.slots
        }
        return put(cond, known) is not FALSE

    def at(self, node: int, location: int) -> int:
        value = self.nodes[node][self.slots[location]]
        assert isinstance(value, int)
        return value


class Graphs:
    """One for each group of `free`, which has exactly two members of each; `made` is its crowd.

    `coarse`: data of more than two values is left open, too.  `turns`: by rule, that nobody is
    ahead in the queue, of which `free` knows nothing: where it surely does not hold the step is
    not taken, and where it does not surely hold nobody counts on it.  Raises `Unsupported` where a
    graph is not finite, or not made within `seconds`.
    """

    def __init__(
        self,
        free: TransitionSystem,
        made: Crowd,
        seconds: float,
        coarse: bool,
        turns: Mapping[int, Expr] | None = None,
    ) -> None:
        self.system = free
        self.turns = turns or {}
        self.made = made
        self.coarse = coarse
        self.until = time.monotonic() + seconds
        self.members = frozenset(g.members[1] for g in free.any_number)
        self.firsts = frozenset(g.members[0] for g in free.any_number)
        # What members have is not kept, even where a graph has a variable for it.
        self.hidden = frozenset(v.index for m in self.members for v in owned(free, m))
        self.like = self._twins()  # by rule of a member: that of the one that is looked at
        self.rules = self._rules()
        self.all = [self._graph(g.members[0]) for g in free.any_number]

    def _twins(self) -> dict[int, int]:
        system = self.system
        serving = {t.id for t in system.threads if serves(t)}
        out: dict[int, int] = {}
        for group in system.any_number:
            first, second = (
                [r.index for r in system.rules if r.instance == i and r.thread not in serving]
                for i in group.members
            )
            out |= dict(zip(second, first, strict=True))
        return out

    def _rules(self) -> list[Rule]:
        """Where two that are alike begin their steps at other times, neither says when."""
        rules = list(self.system.rules)
        for other, mine in self.like.items():
            if _times(rules[other].delay) != _times(rules[mine].delay):
                rules[mine] = replace(rules[mine], delay=SOME_TIME)
        return rules

    def _graph(self, one: int) -> Around:
        """With this instance as it is; others of its kind, and of other kinds, are the crowd."""
        system = self.made.system
        others = self.firsts - {one}
        rules = tuple(
            replace(r, guard=FALSE) if r.instance in others and r.index in self.like.values() else r
            for r in system.rules
        )
        system = replace(system, rules=rules, excluded=FALSE)
        aside = {
            v.index
            for v in system.variables
            if v.index in self.made.counters
            or v.kind is VarKind.USED
            or (v.instance in others and not self._serving(v.index))
            or self._too_large(v.index)
        }
        aside |= {c.capacity for c in system.controls}  # which is set anew again and again
        # How many messages there are in a channel of which no more is known.
        aside |= {v for c in system.channels if c.capacity is None for v in (*c.lengths, *c.taken)}
        mine = {t.location for t in system.threads if t.instance not in others | self.members}
        goals = [
            Obligation("", "", FALSE, "", NOWHERE, rule=r.index)
            for r in system.rules
            if r.index not in self.like and r.guard is not FALSE
        ]
        owed = [g.owed for g in system.liveness if not variables([g.owed]) & aside]
        looked_at = [var(v, self.made.system.variables[v].sort) for v in sorted(mine)]
        while True:
            cone = slice_for(system, goals, aside, (*looked_at, *owed))
            search = Search(cone.system, cone, [], MOST_STATES, self.until, True, False)
            if not search.space.symbolic:
                break
            aside |= search.space.symbolic
            if mine & aside:
                raise Unsupported("where control is is not known")
            owed = [e for e in owed if not variables([e]) & aside]
        search.run()
        if search.stop or search.edges is None:
            raise Unsupported(search.stop)
        kept = set(search.space.slots)
        claims = {r.index: self._lost(r, kept) for r in self.rules if r.index not in self.like}
        arcs = []
        for node, edges in zip(search.nodes, search.edges, strict=False):
            found = []
            for e in edges:
                if e.target != EXCLUDED and e.rule != SPLIT:
                    turn = self._turn(e.rule, node.values, search.space.slots)
                    if turn is FALSE:
                        continue
                    lost = claims.get(e.rule)
                    sure = e.sure and lost is not None and turn is TRUE
                    found.append(Arc(e.rule, e.target, sure, lost or frozenset()))
            arcs.append(found)
        nodes = [n.values for n in search.nodes]
        slots, queued = search.space.slots, self.turns.keys() & self.like.keys()
        barred = [frozenset(r for r in queued if self._turn(r, n, slots) is FALSE) for n in nodes]
        seen = frozenset(i.id for i in system.instances) - others - self.members
        return Around(slots, nodes, arcs, seen, barred)

    def _turn(self, rule: int, values: Sequence[object], slots: Mapping[int, int]) -> Expr:
        """What the node says of it: who else of the crowd may be ahead is open."""
        turn = self.turns.get(rule, TRUE)
        if turn is TRUE:
            return TRUE
        known = {
            v: const(values[slots[v]])  # type: ignore[arg-type]
            for v in variables([turn])
            if v in slots and v not in self.hidden
        }
        return put(turn, known)

    def _serving(self, v: int) -> bool:
        return any(t.location == v and serves(t) for t in self.system.threads)

    def _too_large(self, v: int) -> bool:
        declared = self.made.system.variables[v]
        if v >= len(self.system.variables):
            return True  # how many there are
        return self.coarse and declared.kind is VarKind.DATA and domain(declared, 3) is None

    def _lost(self, rule: Rule, kept: Collection[int]) -> frozenset[int] | None:
        """The claims that a graph does not look at; None where it does not look at more."""

        def lost(part: Expr) -> set[int]:
            return {v for v in touched(part) if v not in kept or v in self.hidden}

        if any(lost(p) for p in conjuncts(after(rule, rule.relation))):
            return None
        kinds = {v.index: v.kind for v in self.system.variables}
        used: set[int] = set()
        for missing in filter(None, map(lost, conjuncts(rule.guard))):
            claimed = {v for v in missing if kinds[v] is VarKind.USED}
            # (Of a claim the capacity may be a parameter.)
            if not claimed or any(kinds[v] is not VarKind.PARAM for v in missing - claimed):
                return None
            used |= claimed
        return frozenset(used) if self._fits(rule, used) else None

    def _fits(self, rule: Rule, used: Collection[int]) -> bool:
        """The claims are granted where nothing is in use."""
        none = {v: const(0) for v in used}
        asked = and_(*(put(p, none) for p in conjuncts(rule.guard) if variables([p]) & set(used)))
        given = initial_condition(self.system)
        return asked is TRUE or is_valid(or_(not_(given), asked), QUERY)


def _times(delay: Delay | None) -> tuple[object, object] | None:
    """Bounds that are constants."""
    return None if delay is None else (_constant(delay.lo), _constant(delay.hi))


def _constant(e: Expr | None) -> object:
    return e.value if e is not None and e.op is Op.CONST else type(e)


__all__ = ["Arc", "Around", "Graphs", "Unsupported"]
