"""Arguments from the structure alone: threads, points, forks, and what rules claim.

Nearly linear in the size of the system, for any data and any number of steps.

Peaks.  A thread is at one point; at a fork its children may all be at theirs.  So the peak of a
resource is a maximum over points of what the point holds plus, at a fork, what the children reach
(with dependencies among them: the heaviest antichain, `antichain`).  Where a cancelled thread may
linger in a protected part while its parent has moved on, what it holds there is added.

Deadlock.  See `hold_and_wait`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field

from ...dsl.records import dataclass
from ...semantics.evidence import Evidence
from ...semantics.expr import TRUE, Expr, Op, Sort, const, eq, not_, var
from ...semantics.intervals import UNKNOWN, Range, interval
from ...semantics.system import PointKind, Rule, Thread, TransitionSystem, VarKind
from ...semantics.walks import fold, postorder, variables
from .antichain import heaviest_antichain
from .common import conjuncts, initial_condition, may_stand
from .cycles import find_cycle, shortest_cycle


def upper(e: Expr, system: TransitionSystem) -> int | None:
    """An upper bound of a non-negative amount, from constants and ranged constants of the run."""
    found = _interval(e, system)
    return None if found is None else found[1]


def lower(e: Expr, system: TransitionSystem) -> int | None:
    """A lower bound of an amount, from the same."""
    found = _interval(e, system)
    return None if found is None else found[0]


def _interval(e: Expr, system: TransitionSystem) -> tuple[int, int] | None:
    if e.op is Op.CONST and type(e.value) is int:
        return e.value, e.value  # nearly all amounts are

    def leaf(node: Expr, args: Sequence[Range]) -> Range:
        if node.op is Op.VAR:
            v = system.variables[node.index]
            # Only a free initial value is known to keep its range.
            if v.kind.name in ("ARG", "PARAM") and v.lo is not None and v.hi is not None:
                return (v.lo, v.hi) if v.init is None else fold(v.init, leaf)
            return UNKNOWN
        return interval(node, args)

    lo, hi = fold(e, leaf) if e.sort is Sort.INT else UNKNOWN
    return (lo, hi) if isinstance(lo, int) and isinstance(hi, int) else None


@dataclass(frozen=True, slots=True)
class Request:
    """A rule that asks for `wanted` while `held` is held around it (USED variables)."""

    rule: int
    held: frozenset[int]
    wanted: frozenset[int]


@dataclass(slots=True)
class _Standing:
    points: frozenset[int]
    memo: dict[int, frozenset[int]] = field(default_factory=dict)
    terms: list[Expr] = field(default_factory=list)  # kept alive for the memo


@dataclass(slots=True)
class Structure:
    """What can be read off threads and rules; every figure is computed once."""

    system: TransitionSystem
    forks: list[dict[int, list[Thread]]] = field(default_factory=list)  # by thread, by point
    values: tuple[Expr, ...] | None = None  # what hidden variables are where (`certify`)
    kept: dict[object, list[Evidence]] = field(default_factory=dict)  # candidates (`certify`)
    _peaks: dict[int, int | None] = field(default_factory=dict)
    _moving: dict[int, list[Rule]] | None = None
    _writers: dict[int, set[int]] | None = None
    _writing: dict[int, list[Rule]] | None = None
    _constants: list[Expr] | None = None
    _preceding: dict[int, int] = field(default_factory=dict)  # thread -> a bit for each sibling
    _standing: dict[int, _Standing] = field(default_factory=dict)  # by location

    def __post_init__(self) -> None:
        self.forks = [{} for _ in self.system.threads]
        for t in self.system.threads:
            if t.parent is not None and t.fork is not None:
                self.forks[t.parent].setdefault(t.fork, []).append(t)

    def moving(self) -> dict[int, list[Rule]]:
        """By thread: its own rules, and those that write its location."""
        if self._moving is None:
            self._index()
        assert self._moving is not None
        return self._moving

    def writers(self) -> dict[int, set[int]]:
        """By variable that is no location: threads whose rules write it."""
        if self._writers is None:
            self._index()
        assert self._writers is not None
        return self._writers

    def standing(self, cond: Expr, thread: Thread) -> frozenset[int]:
        """The points at which the thread may be when a condition holds: all, where it does not
        say."""
        known = self._standing.get(thread.location)
        if known is None:
            known = _Standing(frozenset(p.id for p in thread.points))
            self._standing[thread.location] = known
        if id(cond) not in known.memo:
            known.terms.append(cond)
        return may_stand(cond, thread.location, known.points, known.memo)

    def never_entered(self) -> list[Expr]:
        """For each point that no step leads to, that its thread is not there."""
        out = []
        for t in self.system.threads:
            entered = self.entered(t)
            here = var(t.location, Sort.INT)
            out += [not_(eq(here, const(p.id))) for p in t.points if p.id not in entered]
        return out

    def entered(self, thread: Thread) -> set[int]:
        """The points at which some step may put a thread."""
        found = {0}
        for rule in self.writing(thread.location):
            value = next(e for v, e in rule.updates if v == thread.location)
            leaves = [n for n in postorder([value]) if n.op is Op.CONST]
            found |= {n.value for n in leaves if isinstance(n.value, int)}
        return found

    def writing(self, variable: int) -> list[Rule]:
        """The rules that write a variable."""
        if self._writing is None:
            self._writing = {}
            for rule in self.system.rules:
                for v, _ in rule.updates:
                    self._writing.setdefault(v, []).append(rule)
        return self._writing.get(variable, [])

    def constants(self) -> list[Expr]:
        """What is said at the start of values that never change, so that it always holds."""
        if self._constants is None:
            system = self.system
            self._constants = [
                part
                for part in conjuncts(initial_condition(system))
                if part is not TRUE
                and all(
                    system.variables[v].kind in (VarKind.ARG, VarKind.PARAM) and not self.writing(v)
                    for v in variables([part])
                )
            ]
        return self._constants

    def _index(self) -> None:
        thread_at = {t.location: t.id for t in self.system.threads}
        moving: dict[int, list[Rule]] = {}
        writers: dict[int, set[int]] = {}
        for rule in self.system.rules:
            moving.setdefault(rule.thread, []).append(rule)
            for v, _ in rule.updates:
                if v not in thread_at:
                    writers.setdefault(v, set()).add(rule.thread)
                elif thread_at[v] != rule.thread:
                    moving.setdefault(thread_at[v], []).append(rule)
        self._moving, self._writers = moving, writers

    def roots(self) -> Iterator[Thread]:
        return (t for t in self.system.threads if t.parent is None)

    def peak(self, used: int) -> int | None:
        """The most of a USED variable that can be held at once; None: no bound is known."""
        if used not in self._peaks:
            # (Tokens that are missing in a bucket are held by nobody.)
            spent = any(r.used == used and r.kind == "rate" for r in self.system.resources)
            self._peaks[used] = None if spent else self._peak(used)
        return self._peaks[used]

    def _peak(self, used: int) -> int | None:
        # Children have larger numbers than their parents.
        best: list[int | None] = [0] * len(self.system.threads)
        lingering: list[int | None] = [0] * len(self.system.threads)
        for t in reversed(self.system.threads):
            top: int | None = 0
            protected: int | None = 0
            for p in t.points:
                here = self._held(p.holds, used)
                group = self.forks[t.id].get(p.id, ())
                if group:
                    here = _plus(here, self._group(group, best))
                top = _max(top, here)
                if p.protected:
                    protected = _max(protected, here)
            below: int | None = 0
            for group in self.forks[t.id].values():
                for child in group:
                    below = _plus(below, lingering[child.id])
            best[t.id] = _plus(top, below)
            lingering[t.id] = _plus(protected, below)
        many = {i for group in self.system.any_number for i in group.members}
        total: int | None = 0
        for t in self.roots():
            # Of any number of instances there is no bound on what all of them hold.
            here = None if t.instance in many and best[t.id] != 0 else best[t.id]
            total = _plus(total, here)
        return total

    def _held(self, holds: Sequence[tuple[int, Expr]], used: int) -> int | None:
        total: int | None = 0
        for variable, amount in holds:
            if variable == used:
                total = _plus(total, upper(amount, self.system))
        return total

    def _group(self, group: Sequence[Thread], best: list[int | None]) -> int | None:
        weights = [best[t.id] for t in group]
        known = [w for w in weights if w is not None]
        if len(known) < len(weights):
            return None
        if not any(t.after for t in group):
            return sum(known)
        place = {t.id: i for i, t in enumerate(group)}
        edges = [(place[a], i) for i, t in enumerate(group) for a in t.after]
        return heaviest_antichain(known, edges)

    # --- contention ------------------------------------------------------------------------

    def contended(self) -> set[int]:
        """USED variables of enforced resources on which a claim may ever have to wait."""
        out: set[int] = set()
        for r in self.system.resources:
            if not r.enforced:
                continue
            shared = self.peak(r.used)
            if r.exclusive is None:
                capacity = _interval(r.capacity, self.system)
                if shared is None or capacity is None or shared > capacity[0]:
                    out.add(r.used)
                continue
            exclusive = self.peak(r.exclusive)
            if exclusive == 0 or (exclusive == 1 and shared == 0):
                continue
            out |= {r.used, r.exclusive}
        return out

    def bounds(self, e: Expr) -> tuple[int, int] | None:
        """Between which numbers a term lies whose variables never change."""
        return _interval(e, self.system)

    def uncontended(self) -> list[str]:
        """Resources whose claims never wait."""
        waits = self.contended()
        return [r.name for r in self.system.resources if not {r.used, r.exclusive} & waits]

    def resource_of(self) -> dict[int, int]:
        """USED variable -> position of its resource."""
        out = {}
        for i, r in enumerate(self.system.resources):
            out[r.used] = i
            if r.exclusive is not None:
                out[r.exclusive] = i
        return out

    def requests(self, contended: set[int]) -> list[Request]:
        """Who waits for its turn in a queue waits for what is asked for by whoever is ahead."""
        out = []
        anything = frozenset(u for r in self.system.rules for u, _ in r.gains if u in contended)
        for rule in self.system.rules:
            if rule.gains:
                wanted = frozenset(u for u, _ in rule.gains if u in contended)
                if rule.turn is not TRUE:
                    wanted = anything
                if wanted:
                    held = frozenset(u for u, _ in rule.holds if u in contended)
                    out.append(Request(rule.index, held, wanted))
        return out

    def hold_and_wait(self, contended: set[int]) -> list[int] | None:
        """A cycle of resources each held while the next is asked for, as positions; or None.

        Without one, claims alone cannot deadlock, provided that every block that holds a
        contended resource can end when its claims are granted: in a set of threads that wait
        for ever, take the resource last in the order among those that members hold.  Its
        holder waits for later ones, which no member holds, and which others give back; so its
        claim, which fits into the capacity, can be granted.  (Havender 1968; also Coffman,
        Elphick, Shoshani 1971, "System deadlocks", condition 4.)
        """
        position = self.resource_of()
        edges: dict[int, set[int]] = {}
        for request in self.requests(contended):
            for h in request.held:
                for w in request.wanted:
                    edges.setdefault(position[h], set()).add(position[w])
        cycle = find_cycle(edges)
        return None if cycle is None else shortest_cycle(edges, cycle)

    # --- what may run at once --------------------------------------------------------------

    def ancestors(self, thread: int) -> list[tuple[int, int | None]]:
        """(thread, point at which it forked the one before), from the thread to its root."""
        out: list[tuple[int, int | None]] = [(thread, None)]
        t = self.system.threads[thread]
        while t.parent is not None:
            out.append((t.parent, t.fork))
            t = self.system.threads[t.parent]
        return out

    def beside(self, a: Rule, b: Rule) -> bool:
        """May the two rules be taken in either order from one state, as far as threads tell?"""
        if a.thread == b.thread:
            return False
        below_a, below_b, _ = self._meet(a.thread, b.thread)
        if below_a is None:
            return below_b is None or a.over_children
        if below_b is None:
            return b.over_children
        forked = self.system.threads[below_a].fork == self.system.threads[below_b].fork
        return forked and not self.ordered(below_a, below_b)

    def _meet(self, a: int, b: int) -> tuple[int | None, int | None, int | None]:
        """The innermost thread above both, and its children on the way to each (None where it
        is that one itself).  Threads of different instances do not meet."""
        down: dict[int, int | None] = {}
        child: int | None = None
        at: int | None = a
        while at is not None:
            down[at] = child
            child, at = at, self.system.threads[at].parent
        child, at = None, b
        while at is not None:
            if at in down:
                return down[at], child, at
            child, at = at, self.system.threads[at].parent
        return None, None, None

    def held_around(self, a: int, b: int) -> list[tuple[int, Expr]]:
        """What is held at the fork where two threads branch off, and around it."""
        below, other, parent = self._meet(a, b)
        thread = below if below is not None else other
        out: list[tuple[int, Expr]] = []
        if parent is None or thread is None:
            return out
        at: int | None = thread
        while at is not None:
            t = self.system.threads[at]
            if t.parent is not None and t.fork is not None:
                out += self.system.threads[t.parent].points[t.fork].holds
            at = t.parent
        return out

    def joined(self, a: Rule, b: Rule) -> Expr | None:
        """Where the threads of both are branches of one fork: that their parent is there.

        The tests on the way to a fork are taken with the first step into it, once for all its
        branches.  So they are no reads of one branch beside another.
        """
        below_a, below_b, parent = self._meet(a.thread, b.thread)
        if below_a is None or below_b is None or parent is None:
            return None
        fork = self.system.threads[below_a].fork
        assert fork is not None
        return eq(var(self.system.threads[parent].location, Sort.INT), const(fork))

    def ordered(self, a: int, b: int) -> bool:
        """Does one sibling come after the other, directly or through others?"""
        return self.precedes(b, a) or self.precedes(a, b)

    def precedes(self, early: int, late: int) -> bool:
        """Has the sibling `early` surely ended when `late` takes a step, even if that is a skip?

        `Thread.after` says so of direct predecessors; it may be followed through a node that was
        skipped, which waits for its predecessors all the same (docs/decisions/0001, 5).
        """
        todo = [late]
        while todo:
            after = self.system.threads[todo[-1]].after
            missing = [a for a in after if a not in self._preceding]
            if missing:
                todo += missing
                continue
            mask = 0
            for a in after:
                mask |= self._preceding[a] | (1 << a)
            self._preceding[todo.pop()] = mask
        return bool(self._preceding[late] >> early & 1)

    def points_of_kind(self, kind: PointKind) -> int:
        return sum(p.kind is kind for t in self.system.threads for p in t.points)


def _plus(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b


def _max(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else max(a, b)
