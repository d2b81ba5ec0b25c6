"""Runs of any number of instances that go on for ever, seen from one of them.

One instance of a kind, those whose number is fixed, and what all share are explored as they are;
of the others only that each of their steps may come at any time (`crowd`, without its counters).
The graph is finite, and each run of any number of instances is a walk in it, with rests where
somebody moves whom it does not see.  Of a run that goes on for ever the walk comes, from some point
on, again and again to all nodes of one strongly connected part, and fairness (`fair`) says what
has to move there.  Fairness is asked for only where all states of a node allow it.

What one instance cannot do again and again no other one can, for all of a kind are alike, and each
is one that might have been looked at.  So those steps of the others are left out of what comes
again and again, and the question is asked anew, until nothing more is left out (a greatest fixed
point).  Beside it grows what is known of claims (a least one):

- *free at last*: nobody takes a resource again and again, and nobody keeps it for ever;
- *let go*: nobody keeps it for ever, and whenever somebody lets go of it, there is enough for whoever
  asks.  Then a scheduler that grants at last what could be granted again and again grants it.

Both fixed points are made for runs in which time goes on and for runs at one instant.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from ...dsl.errors import NOWHERE
from ...semantics.expr import FALSE, TRUE, Expr, Op, and_, const, le, lt, not_, or_, var, variables
from ...semantics.symbolic import is_valid
from ...semantics.system import (
    Delay,
    Obligation,
    PointKind,
    Rule,
    RuleKind,
    Thread,
    TransitionSystem,
    VarKind,
)
from .common import after, conjuncts, domain, initial_condition, put, touched, weakest
from .crowd import Crowd
from .crowd_terms import Unsupported, owned, serves
from .fair import Clock, clock, pressing, served
from .linking import Linking
from .search_graph import EXCLUDED, SPLIT, strong
from .search_run import Search
from .search_threads import ended
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
class _Graph:
    """`seen`: the instances that are looked at as they are."""

    slots: Mapping[int, int]
    nodes: Sequence[tuple[object, ...]]
    arcs: Sequence[Sequence[Arc]]
    seen: frozenset[int]

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


@dataclass(slots=True)
class _Known:
    """Of runs in which time goes on, or of those at one instant: the rules that may be taken again
    and again, and what is known of USED variables."""

    live: set[int]
    free: set[int] = field(default_factory=set)
    let_go: set[int] = field(default_factory=set)


class Endless:
    """`free` has exactly two members of each group, and `made` is its crowd.  Raises `Unsupported`
    where the graph is not finite, or not made within `seconds`.

    `granting`: whatever could be taken again and again is taken at last.  There is such a run from
    each state, so what comes in all of them is possible from each state.
    """

    def __init__(
        self,
        free: TransitionSystem,
        made: Crowd,
        linking: Linking,
        seconds: float,
        granting: bool = False,
        coarse: bool = False,
    ) -> None:
        if free.controls or any(r.kind is RuleKind.CRASH for r in free.rules):
            raise Unsupported("crashes and controllers")
        if any(r.turn is not TRUE for r in free.rules) or (granting and free.in_order):
            raise Unsupported("the scheduler says who is next")
        self.system = free
        self.made = made
        self.linking = linking
        self.granting = granting
        self.coarse = coarse
        self.until = time.monotonic() + seconds
        self.members = frozenset(g.members[1] for g in free.any_number)
        self.firsts = frozenset(g.members[0] for g in free.any_number)
        # What members have is not kept, even where a graph has a variable for it.
        self.hidden = frozenset(v.index for m in self.members for v in owned(free, m))
        self.like = self._twins()  # by rule of a member: that of the one that is looked at
        self.rules = self._rules()
        self.served = self._served()
        self.graphs = [self._graph(g.members[0]) for g in free.any_number]

    # --- the graphs ------------------------------------------------------------------------

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

    def _served(self) -> frozenset[int]:
        if self.granting:
            return frozenset(r.index for r in self.rules if r.gains)
        return served(self.system)

    def _graph(self, one: int) -> _Graph:
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
        for edges in search.edges:
            found = []
            for e in edges:
                if e.target != EXCLUDED and e.rule != SPLIT:
                    lost = claims.get(e.rule)
                    sure = e.sure and lost is not None
                    found.append(Arc(e.rule, e.target, sure, lost or frozenset()))
            arcs.append(found)
        nodes = [n.values for n in search.nodes]
        seen = frozenset(i.id for i in system.instances) - others - self.members
        return _Graph(search.space.slots, nodes, arcs, seen)

    def _serving(self, v: int) -> bool:
        return any(t.location == v and serves(t) for t in self.system.threads)

    def _too_large(self, v: int) -> bool:
        declared = self.made.system.variables[v]
        if v >= len(self.system.variables):
            return True  # how many there are
        return self.coarse and declared.kind is VarKind.DATA and domain(declared, 3) is None

    def _lost(self, rule: Rule, kept: Collection[int]) -> frozenset[int] | None:
        """The claims that a graph does not look at; None where it does not look at more."""
        parts = [*conjuncts(rule.guard), *conjuncts(after(rule, rule.relation))]
        lost = frozenset(v for p in parts for v in touched(p) if v not in kept or v in self.hidden)
        kinds = {self.system.variables[v].kind for v in lost}
        if not lost:
            return lost
        if kinds != {VarKind.USED}:
            # (Of a claim the capacity may be a parameter.)
            asked = [p for p in parts if touched(p) & lost]
            if not all(self._is_claim(p, kept) for p in asked):
                return None
        used = frozenset(v for v in lost if self.system.variables[v].kind is VarKind.USED)
        return used if self._fits(rule, used) else None

    def _is_claim(self, part: Expr, kept: Collection[int]) -> bool:
        kinds = {self.system.variables[v].kind for v in touched(part) if v not in kept}
        return VarKind.USED in kinds and kinds <= {VarKind.USED, VarKind.PARAM}

    def _fits(self, rule: Rule, used: Collection[int]) -> bool:
        """The claims are granted where nothing is in use."""
        none = {v: const(0) for v in used}
        asked = and_(*(put(p, none) for p in conjuncts(rule.guard) if variables([p]) & set(used)))
        given = initial_condition(self.system)
        return asked is TRUE or is_valid(or_(not_(given), asked), QUERY)

    # --- fair parts ------------------------------------------------------------------------

    def _instant(self, rule: Rule) -> bool:
        if rule.delay is None:
            return True
        lo = rule.delay.lo
        return lo.op is not Op.CONST or lo.value is None or lo.value <= 0

    def _fair(
        self,
        graph: _Graph,
        within: Collection[int],
        known: _Known,
        timeless: bool,
        without: Collection[int] = (),
    ) -> Iterator[tuple[list[int], list[tuple[int, Arc]]]]:
        """Parts in which a fair run may stay for ever, with what it may do there.  `without`: rules
        that it does not take."""

        def goes(n: int) -> list[Arc]:
            return [
                a
                for a in graph.arcs[n]
                if a.target in inside
                and self.like.get(a.rule, a.rule) in known.live
                and a.rule not in without
                and (not timeless or self._instant(self.rules[a.rule]))
            ]

        todo: list[set[int]] = [set(within)]
        while todo:
            inside = todo.pop()
            kept = {n: goes(n) for n in inside}
            following = [
                [a.target for a in kept[n]] if n in inside else [] for n in range(len(graph.nodes))
            ]
            for part in strong(following):
                if part[0] not in inside:
                    continue
                nodes = set(part)
                cycle = [(n, a) for n in part for a in kept[n] if a.target in nodes]
                taken = [self.rules[a.rule] for _, a in cycle if a.rule not in self.like]
                threads = {r.thread for r in taken}
                rung = {clock(r) for r in taken if r.delay is not None}
                if not self._asked(graph, part, known, timeless) <= threads:
                    continue
                if not timeless and not self._clocks(graph, part) <= rung:
                    continue
                if self.granting:
                    left = {n for n in part if self._ready(graph, n, known) <= threads}
                    if len(left) < len(part):
                        if left:
                            todo.append(left)
                        continue
                yield part, cycle

    def _ready(self, graph: _Graph, node: int, known: _Known) -> set[int]:
        """Threads with a step that can be taken now: at last, what it claims is free."""
        return {
            self.rules[a.rule].thread
            for a in graph.arcs[node]
            if a.sure and a.claims <= known.free and pressing(self.rules[a.rule])
        }

    def _asked(
        self, graph: _Graph, part: Sequence[int], known: _Known, timeless: bool
    ) -> set[int]:
        """The threads that have to move."""
        if timeless and self.system.in_order:
            return set()
        out = set.intersection(*(self._ready(graph, n, known) for n in part))
        there = [
            {
                a.rule
                for a in graph.arcs[n]
                if a.sure and a.rule in self.served and pressing(self.rules[a.rule])
                if len(a.claims - known.free) == 1 and self._comes_free(a, known)
            }
            for n in part
        ]
        # (One claim, asked for all the time, that can be granted again and again.)
        return out | {self.rules[r].thread for r in set.intersection(*there)}

    def _clocks(self, graph: _Graph, part: Sequence[int]) -> set[Clock]:
        return set.intersection(
            *(
                {
                    clock(self.rules[a.rule])
                    for a in graph.arcs[n]
                    if a.sure and not a.claims and self.rules[a.rule].delay is not None
                }
                for n in part
            )
        )

    # --- claims ----------------------------------------------------------------------------

    def _comes_free(self, arc: Arc, known: _Known) -> bool:
        """What is claimed and not free at last could be had whenever somebody lets go of it."""
        (used,) = arc.claims - known.free
        return used in known.let_go and self._enough(arc.rule, used)

    def _enough(self, rule: int, used: int) -> bool:
        key = rule, used
        if key not in self._found:
            self._found[key] = self._is_enough(rule, used)
        return self._found[key]

    @cached_property
    def _found(self) -> dict[tuple[int, int], bool]:
        return {}

    def _is_enough(self, rule: int, used: int) -> bool:
        """After each step by which less is in use there is enough for the rule.  What else it
        claims is free."""
        most = self._most(used)
        if most is None:
            return False
        others = {
            v: const(0)
            for v in variables([self.rules[rule].guard])
            if v != used and self.system.variables[v].kind is VarKind.USED
        }
        asked = and_(
            *(put(p, others) for p in conjuncts(self.rules[rule].guard) if used in variables([p]))
        )
        u = var(used, self.system.variables[used].sort)
        given = and_(initial_condition(self.system), le(const(0), u), le(u, most))
        for r in self.rules:
            new = dict(r.updates).get(used)
            if new is None or r.index in self.like:
                continue
            # (What is in use is a sum of what is held, so it never falls below 0.)
            lets_go = and_(given, r.guard, le(const(0), new), lt(new, u))
            fine = or_(not_(lets_go), weakest(r, asked))
            keeps = or_(not_(given), not_(r.guard), le(new, most))
            if not is_valid(fine, QUERY) or not is_valid(keeps, QUERY):
                return False
        return True

    def _most(self, used: int) -> Expr | None:
        for r in self.system.resources:
            if used == r.exclusive:
                return const(1) if r.enforced else None
            if used == r.used and r.enforced and r.kind == "pool" and r.exclusive is None:
                return r.capacity
        return None

    def _kept_for_ever(self, used: int, known: _Known, timeless: bool) -> bool:
        """Somebody may hold it, and neither take nor let go of any of it, for ever."""
        moving = {r.index for r in self.rules if any(v == used for v, _ in r.updates)}
        for graph in self.graphs:
            for i in graph.seen:
                threads = [t for t in self.system.threads if t.instance == i]
                holding = [
                    n for n in range(len(graph.nodes)) if self._holds(graph, n, threads, used)
                ]
                mine = {r for r in moving if self.rules[r].instance == i}
                if holding and any(self._fair(graph, holding, known, timeless, mine)):
                    return True
        return False

    def _holds(self, graph: _Graph, node: int, threads: Sequence[Thread], used: int) -> bool:
        return any(
            v == used for t in threads for v, _ in t.points[graph.at(node, t.location)].holds
        )

    # --- what comes again and again ----------------------------------------------------------

    def _settle(self, timeless: bool) -> _Known:
        known = _Known({r.index for r in self.rules if r.index not in self.like})
        used = [v.index for v in self.system.variables if v.kind is VarKind.USED]
        while True:
            before = len(known.live), len(known.free), len(known.let_go)
            self._prune(known, timeless)
            for u in used:
                if time.monotonic() > self.until:
                    raise Unsupported("out of time")
                if not self.linking.linked.get(u) or u in known.free:
                    continue
                taking = any(v == u for r in known.live for v, _ in self.rules[r].gains)
                if u in known.let_go:
                    kept = False
                else:
                    kept = self._kept_for_ever(u, known, timeless)
                if not kept:
                    known.let_go.add(u)
                    if not taking:
                        known.free.add(u)
            if (len(known.live), len(known.free), len(known.let_go)) == before:
                return known

    def _prune(self, known: _Known, timeless: bool) -> None:
        while True:
            if time.monotonic() > self.until:
                raise Unsupported("out of time")
            gone: set[int] = set()
            for graph in self.graphs:
                parts = self._fair(graph, range(len(graph.nodes)), known, timeless)
                found = {a.rule for _, cycle in parts for _, a in cycle}
                gone |= {
                    r for r in known.live - found if self.rules[r].instance in graph.seen
                }
            if not gone:
                return
            known.live -= gone

    @cached_property
    def _knowns(self) -> tuple[_Known, _Known]:
        return self._settle(False), self._settle(True)

    # --- answers -----------------------------------------------------------------------------

    def ends(self) -> bool:
        """No run goes on for ever."""
        return not any(known.live for known in self._knowns)

    def _never_stays(
        self, graph: _Graph, within: Collection[int], without: Collection[int] = ()
    ) -> bool:
        """No fair run stays for ever in these nodes."""
        for timeless, known in zip((False, True), self._knowns, strict=True):
            if known.live and any(self._fair(graph, within, known, timeless, without)):
                return False
        return True

    def passes(self, cond: Expr, instance: int | None) -> bool:
        """In no run that goes on for ever does it hold for ever; `instance`: of whose it speaks."""
        for graph in self.graphs:
            if instance is None or instance in graph.seen:
                nodes = range(len(graph.nodes))
                if self._never_stays(graph, [n for n in nodes if graph.may(n, cond)]):
                    return True
        return False

    def over(self, owed: Expr, instance: int | None) -> bool:
        """Where all have ended nothing is owed."""
        for graph in self.graphs:
            if instance is None or instance in graph.seen:
                ends = (ended(self.system, i) for i in self.system.instances if i.id in graph.seen)
                both = and_(owed, *ends)
                if not any(graph.may(n, both) for n in range(len(graph.nodes))):
                    return True
        return False

    @cached_property
    def _unblocked(self) -> frozenset[int]:
        """USED variables that nobody holds where no step at all can be taken: whoever holds some
        has a step that waits for nothing, or only for others of these (a least fixed point)."""
        out: set[int] = set()
        left = {v for v, linked in self.linking.linked.items() if linked}
        threads = {
            i: [t for t in self.system.threads if t.instance == i]
            for graph in self.graphs
            for i in graph.seen
        }
        while True:
            more = {
                u
                for u in left
                if not any(
                    self._holds(graph, n, threads[i], u) and not self._able(graph, n, out)
                    for graph in self.graphs
                    for i in graph.seen
                    for n in range(len(graph.nodes))
                )
            }
            if not more:
                return frozenset(out)
            out |= more
            left -= more

    def _able(self, graph: _Graph, node: int, claims: Collection[int]) -> bool:
        """Whether somebody has a step that waits for none but these claims."""
        return any(
            a.sure and a.claims <= set(claims) and a.rule not in self.like
            for a in graph.arcs[node]
        )

    def goes_on(self, cond: Expr, instance: int | None) -> bool:
        """Wherever it holds, a step can be taken; `instance`: of whose it speaks."""
        for graph in self.graphs:
            if instance is None or instance in graph.seen:
                if all(
                    self._able(graph, n, self._unblocked) or not graph.may(n, cond)
                    for n in range(len(graph.nodes))
                ):
                    return True
        return False

    def somebody_moves(self) -> bool:
        """Where not all have ended, a step can be taken: at each node, by somebody who is looked
        at, as any of those who have not ended might be."""
        for graph in self.graphs:
            over = and_(*(ended(self.system, i) for i in self.system.instances if i.id in graph.seen))
            for n in range(len(graph.nodes)):
                if not self._able(graph, n, self._unblocked) and graph.may(n, not_(over)):
                    return False
        return True

    def everybody_moves(self) -> bool:
        """In no run that goes on for ever does a thread that is not over rest for ever, together
        with those that it has forked."""
        assert self.granting
        below: dict[int, set[int]] = {t.id: {t.id} for t in self.system.threads}
        for t in self.system.threads:
            parent = t.parent
            while parent is not None:
                below[parent].add(t.id)
                parent = self.system.threads[parent].parent
        for graph in self.graphs:
            for t in self.system.threads:
                if t.instance not in graph.seen or serves(t):
                    continue
                mine = {r.index for r in self.rules if r.thread in below[t.id]}
                here = [n for n in range(len(graph.nodes)) if self._unfinished(graph, n, t)]
                if here and not self._never_stays(graph, here, mine):
                    return False
        return True

    def _unfinished(self, graph: _Graph, node: int, t: Thread) -> bool:
        if t.points[graph.at(node, t.location)].kind in (PointKind.END, PointKind.FAILED):
            return False
        (i,) = (i for i in self.system.instances if i.id == t.instance)
        if not graph.may(node, not_(ended(self.system, i))):
            return False
        if t.parent is None or t.fork is None:
            return True
        return graph.at(node, self.system.threads[t.parent].location) == t.fork


def _times(delay: Delay | None) -> tuple[object, object] | None:
    """Bounds that are constants."""
    return None if delay is None else (_constant(delay.lo), _constant(delay.hi))


def _constant(e: Expr | None) -> object:
    return e.value if e is not None and e.op is Op.CONST else type(e)


__all__ = ["Endless", "Unsupported"]
