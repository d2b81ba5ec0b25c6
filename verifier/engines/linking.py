"""Control and resource invariants, checked rule by rule without a solver.

Two invariants are read off the threads and shown inductive by exact bookkeeping:

- *quiet*: a thread that its parent forks at point p is at a quiet point (not begun, or over), or
  its parent is at p, or at a point where it waits for the thread to undo what it has done (which
  these are is found on the way: the least set that no step leaves; at an end there is none);
- *linking*: a USED variable equals the sum of what all threads hold at their points.

A third one, *admitted* (`admission`), says of a branch that begins only under a condition that it
is at its entry where the condition does not hold.

Together they give conservation: when every root is over, every thread below is quiet, quiet
points hold nothing, so nothing is in use.  (Place invariants of the net of points; Lautenbach
1973.)  What cannot be shown this way is left to the other engines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field

from ...dsl.records import dataclass
from ...semantics.expr import Expr, Op, Sort, add, const, eq, ite, or_, var
from ...semantics.system import PointKind, Rule, Thread, TransitionSystem, VarKind
from ...semantics.walks import postorder
from .admission import ENTRY, Numbers, Places, admitted
from .amounts import Amount, clean, held, sum_of
from .common import conjuncts
from .rank_terms import placed

QUIET = (PointKind.ENTRY, PointKind.END, PointKind.FAILED)

SOMEWHERE = -1  # no point at all

Move = int | tuple[frozenset[int], ...]  # a point, or those that it may lead to, by source


@dataclass(slots=True)
class Linking:
    """`quiet` and `linked` (by USED variable) tell which of the invariants hold; `above`: at which
    points of its parent *quiet* lets a thread run."""

    quiet: bool = False
    linked: dict[int, bool] = field(default_factory=dict)
    above: dict[int, set[int]] = field(default_factory=dict)  # by thread: where its parent may be
    why_not: str = ""

    def conserved(self, used: Iterable[int]) -> bool:
        """Nothing of these USED variables is held once all roots are over."""
        return self.quiet and all(self.linked.get(u, False) for u in used)


def check(system: TransitionSystem) -> Linking:
    """Both invariants, for all threads and all USED variables."""
    return _Checking(system).run()


def terms(
    system: TransitionSystem, used: Iterable[int], above: Mapping[int, Iterable[int]]
) -> list[Expr]:
    """*Linking* of these USED variables and *quiet*, as terms: what a thread holds at a point may
    depend on data, of which bookkeeping knows nothing.  Candidates; `above`: that of `Linking`."""
    here = {t.id: var(t.location, Sort.INT) for t in system.threads}
    out = []
    for u in used:
        parts = [
            ite(eq(here[t.id], const(p.id)), amount, const(0))
            for t in system.threads
            for p in t.points
            for v, amount in p.holds
            if v == u
        ]
        out.append(eq(var(u, Sort.INT), add(const(0), *parts)))
    for t in system.threads:
        if t.parent is not None:
            rests = [eq(here[t.id], const(p.id)) for p in t.points if p.kind in QUIET]
            waits = [eq(here[t.parent], const(p)) for p in sorted(above[t.id])]
            out.append(or_(*rests, *waits))
    return out


class _Checking:
    def __init__(self, system: TransitionSystem) -> None:
        self.system = system
        self.by_location = {t.location: t for t in system.threads}
        self.children: dict[int, dict[int, list[Thread]]] = {}
        for t in system.threads:
            if t.parent is not None and t.fork is not None:
                self.children.setdefault(t.parent, {}).setdefault(t.fork, []).append(t)
        self.places: dict[int, Places] = {}  # by id of a shared guard term
        self.bundles: dict[int, Mapping[int, Move] | None] = {}
        self.numbers = Numbers()
        self.admitted: Mapping[int, frozenset[int]] = {}
        # Where its parent is while a thread runs.
        self.above_it = {t.id: {t.fork} for t in system.threads if t.fork is not None}
        self.wider: set[tuple[int, int | None]] = set()  # forks where there are other points, too
        self.more = False  # some more were found
        self.out = Linking(above=self.above_it)

    def run(self) -> Linking:
        out, system = self.out, self.system
        used = [v for v in system.variables if v.kind is VarKind.USED]
        out.linked = {
            v.index: v.init is not None and v.init.op is Op.CONST and v.init.value == 0
            for v in used
        }
        for t in system.threads:
            init = system.variables[t.location].init
            if init is None or init.op is not Op.CONST or init.value != 0:
                out.why_not = f"{t.name} does not begin at its entry"
            elif any(p.holds for p in t.points if p.kind in QUIET):
                out.why_not = f"{t.name} holds something when it is over"
            if out.why_not:
                return out
        once = True
        while once or self.more:
            once, self.more = False, False
            self.places, self.admitted = {}, {}
            self.admitted = admitted(
                system, self.numbers, lambda r: self.above(self.possible(r.guard)), self.sent
            )
            self.places.clear()  # more can be said from here on
            for rule in system.rules:
                if not self.rule(rule):
                    out.why_not = out.why_not or f"`{rule.name}` may leave a branch running"
                    return out
        out.quiet = True
        return out

    def rule(self, rule: Rule) -> bool:
        moves = self.moves(rule)
        if moves is None:
            return False
        gone = self.cancelled(rule) or {}
        at = self.above(self.possible(rule.guard))
        self.linking(rule, {t: m for t, m in moves.items() if t not in gone}, gone, at)
        return all(
            self.child(t, m, moves, at) and self.parent(t, m, moves, at) for t, m in moves.items()
        )

    def moves(self, rule: Rule) -> dict[int, Move] | None:
        """Where the rule sends threads, by id; None if that is not known."""
        after = self.sending(rule.own)
        gone = self.cancelled(rule)
        return None if gone is None or after is None else {**after, **gone}

    def cancelled(self, rule: Rule) -> Mapping[int, Move] | None:
        """Those that its bundle sends."""
        if rule.bundle is None:
            return {}
        key = id(rule.bundle)
        if key not in self.bundles:
            self.bundles[key] = self.sending(rule.bundle.updates)
        return self.bundles[key]

    def sending(self, updates: Iterable[tuple[int, Expr]]) -> dict[int, Move] | None:
        out: dict[int, Move] = {}
        for v, e in updates:
            thread = self.by_location.get(v)
            if thread is None:
                continue
            if e.op is Op.CONST and isinstance(e.value, int):
                out[thread.id] = e.value
                continue
            targets = [_leaves(placed(e, v, p.id)) for p in thread.points]
            known = tuple(t for t in targets if t is not None)
            if len(known) < len(targets):
                return None
            out[thread.id] = known
        return out

    def sent(self, rule: Rule) -> dict[int, int] | None:
        """The one point to which the rule sends a thread, by id; SOMEWHERE if there are several."""
        moves = self.moves(rule)
        if moves is None:
            return None
        return {t: m if isinstance(m, int) else SOMEWHERE for t, m in moves.items()}

    def above(self, at: Places) -> Places:
        """With what *quiet* says of the state before: where parents of running branches are."""
        out = dict(at)
        todo = [self.by_location[v] for v in at]
        while todo:
            thread = todo.pop()
            if thread.parent is None or thread.fork is None or not self.was_running(thread, out):
                continue
            parent = self.system.threads[thread.parent]
            here = frozenset(self.above_it[thread.id])
            known = out.get(parent.location)
            if known is None or not known <= here:
                out[parent.location] = here if known is None else here & known
                todo.append(parent)
        return out

    def child(self, t_id: int, move: Move, moves: Mapping[int, Move], at: Places) -> bool:
        """If it runs afterwards, its parent is where it may be then."""
        thread = self.system.threads[t_id]
        if thread.parent is None:
            return True
        parent = self.system.threads[thread.parent]
        allowed = self.above_it[t_id]
        for p in self.at(thread, at):
            if all(self.rests(thread, q) for q in _targets(move, p)):
                continue
            before = self.at(parent, at)
            if not self.rests(thread, p):
                before = allowed.intersection(before)
            step = moves.get(parent.id)
            after = before if step is None else {q for s in before for q in _targets(step, s)}
            if not all(q in allowed or self.lingers(thread, q) for q in after):
                return False
        return True

    def parent(self, t_id: int, move: Move, moves: Mapping[int, Move], at: Places) -> bool:
        """Those of its branches that the rule does not move rest, or it is where it may be."""
        thread = self.system.threads[t_id]
        sources = self.at(thread, at)
        for fork, group in self.children.get(t_id, {}).items():
            if (t_id, fork) not in self.wider and (
                fork not in sources or _targets(move, fork) == {fork}
            ):
                continue  # of all branches at once: there may be very many
            for child in group:
                if child.id in moves:
                    continue
                allowed = self.above_it[child.id]
                after = {
                    q for p in allowed.intersection(self.at(thread, at)) for q in _targets(move, p)
                } - allowed
                if not after:
                    continue
                if all(self.rests(child, p) for p in self.at(child, at)):
                    continue
                if not all(self.lingers(child, q) for q in after):
                    return False
        return True

    def lingers(self, thread: Thread, point: int) -> bool:
        """The thread may run while its parent is there, too: if the parent is not over then."""
        assert thread.parent is not None
        if self.rests(self.system.threads[thread.parent], point):
            return False
        self.above_it[thread.id].add(point)
        self.wider.add((thread.parent, thread.fork))
        self.more = True
        return True

    def at(self, thread: Thread, at: Places) -> Iterable[int]:
        return at.get(thread.location, range(len(thread.points)))

    def rests(self, thread: Thread, point: int) -> bool:
        return thread.points[point].kind in QUIET

    def was_running(self, thread: Thread, at: Places) -> bool:
        here = at.get(thread.location)
        return here is not None and all(thread.points[p].kind not in QUIET for p in here)

    # --- linking ---------------------------------------------------------------------------

    def linking(
        self, rule: Rule, own: Mapping[int, Move], gone: Mapping[int, Move], at: Places
    ) -> None:
        """Compares what the rule adds to each USED variable with what its threads gain."""
        expected: dict[int, Amount] = {}
        for t_id, move in own.items():
            thread = self.system.threads[t_id]
            gains = [
                _gain(thread, p, q) for p in sorted(self.at(thread, at)) for q in _targets(move, p)
            ]
            for used in {u for gain in gains for u in gain}:
                amounts = [gain.get(used, Counter()) for gain in gains]
                if any(a != amounts[0] for a in amounts):
                    self.out.linked[used] = False
                    continue
                expected.setdefault(used, Counter()).update(amounts[0])
        for t_id, move in gone.items():
            thread = self.system.threads[t_id]
            for p in range(len(thread.points)):
                first, *others = (_gain(thread, p, q) for q in _targets(move, p))
                for used in {u for gain in (first, *others) for u in gain}:
                    amount = first.get(used, Counter())
                    if any(gain.get(used, Counter()) != amount for gain in others):
                        self.out.linked[used] = False
                    back = frozenset((k, -n) for k, n in amount.items())
                    total = expected.setdefault(used, Counter())
                    total[("at", thread.location, p, back)] -= 1
        actual = {v: e for v, e in rule.updates if v in self.out.linked}
        for used in {*expected, *actual}:
            wanted = clean(expected.get(used, Counter()))
            if used not in actual:
                if wanted:
                    self.out.linked[used] = False
                continue
            got = sum_of(actual[used])
            got[("var", used)] -= 1
            if clean(got) != wanted:
                self.out.linked[used] = False

    # --- where a guard can hold ------------------------------------------------------------

    def possible(self, guard: Expr) -> Places:
        """For locations that the guard constrains, the points at which it can hold."""
        for e in postorder([guard]):
            if id(e) in self.places:
                continue
            self.places[id(e)] = self._possible(e)
        return self.places[id(guard)]

    def _possible(self, e: Expr) -> Places:
        if e.op is Op.EQ and e.args[0].op is Op.VAR and e.args[0].index in self.by_location:
            value = e.args[1].value
            if isinstance(value, int):
                return {e.args[0].index: frozenset((value,))}
        if e.op is Op.NOT and self.admitted:
            held = [self.admitted.get(self.numbers(a), frozenset()) for a in conjuncts(e.args[0])]
            return dict.fromkeys(frozenset.intersection(*held), frozenset((ENTRY,)))
        if e.op is Op.AND:
            both: dict[int, frozenset[int]] = {}
            for a in e.args:
                for v, points in self.places[id(a)].items():
                    both[v] = both[v] & points if v in both else points
            return both
        if e.op is Op.OR:
            parts = [self.above(self.places[id(a)]) for a in e.args]
            merged: dict[int, frozenset[int]] = {}
            for v in set().union(*parts):
                found = [p[v] if v in p else self.resting(v, p) for p in parts]
                known = [f for f in found if f is not None]
                if len(known) == len(found):
                    merged[v] = frozenset().union(*known)
            return merged
        return {}

    def resting(self, location: int, at: Places) -> frozenset[int] | None:
        """The quiet points of a branch, where *quiet* says that it is at one of them."""
        thread = self.by_location[location]
        if thread.parent is None:
            return None
        above = self.system.threads[thread.parent].location
        parent = at[above] if above in at else self.resting(above, at)
        if parent is None or not self.above_it[thread.id].isdisjoint(parent):
            return None
        return frozenset(p.id for p in thread.points if p.kind in QUIET)


class PlacesOf(_Checking):
    """Where threads can be when a rule is taken, if branches run only while their parents are at
    their forks."""

    def __call__(self, rule: Rule) -> Places:
        return self.above(self.possible(rule.guard))


def _targets(move: Move, point: int) -> frozenset[int]:
    return frozenset((move,)) if isinstance(move, int) else move[point]


def _leaves(e: Expr) -> frozenset[int] | None:
    """All numbers that the term may be; None if they are not known."""
    if e.op is Op.ITE:
        some, others = _leaves(e.args[1]), _leaves(e.args[2])
        return None if some is None or others is None else some | others
    return frozenset((e.value,)) if e.op is Op.CONST and isinstance(e.value, int) else None


def _gain(thread: Thread, before: int, after: int) -> dict[int, Amount]:
    """What the thread holds more at one point than at another, by USED variable."""
    out = held(thread.points[after].holds)
    for used, amount in held(thread.points[before].holds).items():
        out.setdefault(used, Counter()).subtract(amount)
    return {used: a for used, b in out.items() if (a := clean(b))}
