"""Runs of any number of instances that go on for ever, seen from one of them.

Each run of any number of instances is a walk in a finite graph (`crowd_graph`).  Of a run that goes
on for ever the walk comes, from some point on, again and again to all nodes of one strongly
connected part, and fairness (`fair`) says what has to move there.  Fairness is asked for only where
all states of a node allow it.

What one instance cannot do again and again no other one can, for all of a kind are alike, and each
is one that might have been looked at.  So those steps of the others are left out of what comes
again and again, and the question is asked anew, until nothing more is left out (a greatest fixed
point).  Beside it grows what is known of claims (a least one):

- *free at last*: nobody takes a resource again and again, and nobody keeps it for ever;
- *let go*: nobody keeps it for ever.  Where there is enough for whoever asks whenever somebody lets
  go, a scheduler that grants at last what could be granted again and again grants it.

Both fixed points are made for runs in which time goes on and for runs at one instant.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import field, replace
from functools import cached_property

from ...dsl.records import dataclass
from ...semantics.expr import TRUE, Expr, Op, and_, const, eq, le, lt, not_, or_, var
from ...semantics.symbolic import is_valid
from ...semantics.system import PointKind, Rule, RuleKind, Thread, VarKind
from ...semantics.walks import variables
from .common import conjuncts, initial_condition, put, weakest
from .crowd_graph import QUERY, Arc, Around, Graphs, Unsupported
from .crowd_terms import serves
from .fair import Clock, clock, pressing, served
from .linking import Linking
from .search_graph import strong
from .search_threads import ended


@dataclass(slots=True)
class _Known:
    """Of runs in which time goes on, or of those at one instant: the rules that may be taken again
    and again, and what is known of USED variables."""

    live: set[int]
    free: set[int] = field(default_factory=set)
    let_go: set[int] = field(default_factory=set)


class Endless:
    """`granting`: whatever could be taken again and again is taken at last.  There is such a run
    from each state, so what comes in all of them is possible from each state.

    Raises `Unsupported`, also later: where it takes more than `seconds`.
    """

    def __init__(self, made: Graphs, linking: Linking, seconds: float, granting: bool) -> None:
        system = made.system
        if any(r.turn is not TRUE for r in system.rules) or (granting and system.in_order):
            raise Unsupported("the scheduler says who is next")
        self.system = system
        self.linking = linking
        self.granting = granting
        self.until = time.monotonic() + seconds
        self.members, self.like, self.rules, self.graphs = (
            made.members,
            made.like,
            made.rules,
            made.all,
        )
        gaining = frozenset(r.index for r in self.rules if r.gains)
        self.served = gaining if granting else served(system)

    # --- fair parts ------------------------------------------------------------------------

    def _instant(self, rule: Rule) -> bool:
        if rule.delay is None:
            return True
        lo = rule.delay.lo
        return lo.op is not Op.CONST or lo.value is None or lo.value <= 0

    def _fair(
        self,
        graph: Around,
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
                known_here = self._known_in(graph, part, cycle, known)
                if not self._asked(graph, part, known_here, timeless) <= threads:
                    continue
                if not timeless and not self._clocks(graph, part) <= rung:
                    continue
                if self.granting:
                    left = {n for n in part if self._ready(graph, n, known_here) <= threads}
                    if len(left) < len(part):
                        if left:
                            todo.append(left)
                        continue
                yield part, cycle

    def _known_in(
        self,
        graph: Around,
        part: Sequence[int],
        cycle: Sequence[tuple[int, Arc]],
        known: _Known,
    ) -> _Known:
        """What nobody takes there is free at last, as nobody keeps it for ever.  (Of the crowd many
        a step is not seen: whatever its like may do again and again may be done there, but for what
        nowhere there has its turn.)"""
        taken = [self.rules[a.rule] for _, a in cycle]
        barred = frozenset.intersection(*(graph.barred[n] for n in part))
        taken += [
            self.rules[r] for r, m in self.like.items() if m in known.live and r not in barred
        ]
        free = {u for u in known.let_go - known.free if not any(self._takes(r, u) for r in taken)}
        return replace(known, free=known.free | free) if free else known

    def _ready(self, graph: Around, node: int, known: _Known) -> set[int]:
        """Threads with a step that can be taken now: at last, what it claims is free."""
        return {
            self.rules[a.rule].thread
            for a in graph.arcs[node]
            if a.sure and a.claims <= known.free and pressing(self.rules[a.rule])
        }

    def _asked(self, graph: Around, part: Sequence[int], known: _Known, timeless: bool) -> set[int]:
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

    def _clocks(self, graph: Around, part: Sequence[int]) -> set[Clock]:
        return set.intersection(
            *(
                {
                    clock(self.rules[a.rule])
                    for a in graph.arcs[n]
                    if a.sure and not a.claims and self._due(self.rules[a.rule])
                }
                for n in part
            )
        )

    def _due(self, rule: Rule) -> bool:
        """It has a clock that rings at last.  (A crash need not come.)"""
        return rule.delay is not None and rule.kind is not RuleKind.CRASH

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
        """After each step by which less is in use there is enough for the rule; or it asks for no
        more than anybody.  What else it claims is free."""
        if self._asks_least(rule, used):
            return True
        if any(
            r.used == used and variables([r.capacity]) & self._set for r in self.system.resources
        ):
            return False  # (what is enough now may be too much for what is set then)
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

    @cached_property
    def _set(self) -> frozenset[int]:
        """Capacities that controllers set anew while a run goes on."""
        return frozenset(c.capacity for c in self.system.controls)

    def _asks_least(self, rule: int, used: int) -> bool:
        """Whenever anybody takes some of a pool, the rule could have been granted what it asks for.

        So if it never could from some point on, nobody takes any more; and as nobody keeps it for
        ever, all is let go of at last, and there is enough, whatever capacity is set: then what the
        rule asks for is there (`Graphs`).
        """
        asked = [e for v, e in self.rules[rule].gains if v == used]
        pool = any(
            r.used == used and r.kind == "pool" and r.enforced for r in self.system.resources
        )
        if not pool or len(asked) != 1 or asked[0].op is not Op.CONST:
            return False
        for r in self.rules:
            taken = [e for v, e in r.gains if v == used]
            if r.kind is RuleKind.RECOVER and self._takes(r, used):
                return False
            if taken and (
                len(taken) != 1
                or taken[0].op is not Op.CONST
                or int(taken[0].value or 0) < int(asked[0].value or 0)
            ):
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

    def _holds(self, graph: Around, node: int, threads: Sequence[Thread], used: int) -> bool:
        return any(
            v == used and graph.may(node, not_(eq(amount, const(0))))
            for t in threads
            for v, amount in t.points[graph.at(node, t.location)].holds
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
                taking = any(self._takes(self.rules[r], u) for r in known.live)
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

    def _takes(self, rule: Rule, used: int) -> bool:
        """Who comes back after a crash claims again what it had."""
        again = rule.kind is RuleKind.RECOVER and any(v == used for v, _ in rule.updates)
        return again or any(v == used for v, _ in rule.gains)

    def _prune(self, known: _Known, timeless: bool) -> None:
        while True:
            if time.monotonic() > self.until:
                raise Unsupported("out of time")
            gone: set[int] = set()
            for graph in self.graphs:
                parts = self._fair(graph, range(len(graph.nodes)), known, timeless)
                found = {a.rule for _, cycle in parts for _, a in cycle}
                gone |= {r for r in known.live - found if self.rules[r].instance in graph.seen}
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
        self, graph: Around, within: Collection[int], without: Collection[int] = ()
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

    def _able(self, graph: Around, node: int, claims: Collection[int]) -> bool:
        """Whether somebody has a step that waits for none but these claims."""
        return any(
            a.sure
            and a.claims <= set(claims)
            and a.rule not in self.like
            and self.rules[a.rule].kind is not RuleKind.CRASH
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
            over = and_(
                *(ended(self.system, i) for i in self.system.instances if i.id in graph.seen)
            )
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

    def _unfinished(self, graph: Around, node: int, t: Thread) -> bool:
        if t.points[graph.at(node, t.location)].kind in (PointKind.END, PointKind.FAILED):
            return False
        (i,) = (i for i in self.system.instances if i.id == t.instance)
        if not graph.may(node, not_(ended(self.system, i))):
            return False
        if t.parent is None or t.fork is None:
            return True
        return graph.at(node, self.system.threads[t.parent].location) == t.fork


__all__ = ["Endless", "Unsupported"]
