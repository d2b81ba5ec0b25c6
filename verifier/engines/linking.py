"""Control and resource invariants, checked rule by rule without a solver.

Two invariants are read off the threads and shown inductive by exact bookkeeping:

- *quiet*: a thread that its parent forks at point p is at a quiet point (not begun, or over) or
  its parent is at p;
- *linking*: a USED variable equals the sum of what all threads hold at their points.

A third one, *admitted* (`admission`), says of a branch that begins only under a condition that it
is at its entry where the condition does not hold.

Together they give conservation: when every root is over, every thread below is quiet, quiet
points hold nothing, so nothing is in use.  (Place invariants of the net of points; Lautenbach
1973.)  What cannot be shown this way is left to the other engines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...semantics.expr import TRUE, Expr, Op, not_, postorder, same
from ...semantics.system import PointKind, ResourceInfo, Rule, Thread, TransitionSystem, VarKind
from .admission import ENTRY, Numbers, Places, admitted
from .common import conjuncts

QUIET = (PointKind.ENTRY, PointKind.END, PointKind.FAILED)

Amount = Counter[object]  # a sum: multiplicities of terms; the constant part under 1


@dataclass(slots=True)
class Linking:
    """`quiet` and `linked` (by USED variable) tell which of the invariants hold."""

    quiet: bool = False
    linked: dict[int, bool] = field(default_factory=dict)
    why_not: str = ""

    def conserved(self, used: Iterable[int]) -> bool:
        """Nothing of these USED variables is held once all roots are over."""
        return self.quiet and all(self.linked.get(u, False) for u in used)


def check(system: TransitionSystem) -> Linking:
    """Both invariants, for all threads and all USED variables."""
    return _Checking(system).run()


class _Checking:
    def __init__(self, system: TransitionSystem) -> None:
        self.system = system
        self.by_location = {t.location: t for t in system.threads}
        self.children: dict[int, dict[int, list[Thread]]] = {}
        for t in system.threads:
            if t.parent is not None and t.fork is not None:
                self.children.setdefault(t.parent, {}).setdefault(t.fork, []).append(t)
        self.places: dict[int, Places] = {}  # by id of a shared guard term
        self.cancels: dict[int, frozenset[int] | None] = {}
        self.numbers = Numbers()
        self.admitted: Mapping[int, frozenset[int]] = {}
        self.out = Linking()

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
        whole = self.sent(rule)
        if whole is None:
            return False
        gone = self.cancelled(rule) or frozenset()
        after = {
            self.by_location[v].id: whole[self.by_location[v].id]
            for v, _ in rule.own
            if v in self.by_location
        }
        at = self.above(self.possible(rule.guard))
        self.linking(rule, after, gone, at)
        return all(self.quiet(t, point, whole, at) for t, point in whole.items())

    def sent(self, rule: Rule) -> dict[int, int] | None:
        """Where the rule sends threads, by id; None if that depends on more than the rule."""
        after: dict[int, int] = {}
        for v, e in rule.own:
            if v in self.by_location:
                if e.op is not Op.CONST or not isinstance(e.value, int):
                    return None
                after[self.by_location[v].id] = e.value
        gone = self.cancelled(rule)
        return None if gone is None else {**after, **dict.fromkeys(gone, ENTRY)}

    def above(self, at: Places) -> Places:
        """With what *quiet* says of the state before: parents of running branches are at forks."""
        out = dict(at)
        todo = [self.by_location[v] for v in at]
        while todo:
            thread = todo.pop()
            if thread.parent is None or thread.fork is None or not self.was_running(thread, out):
                continue
            parent = self.system.threads[thread.parent]
            here = frozenset((thread.fork,))
            if out.get(parent.location) != here:
                out[parent.location] = here
                todo.append(parent)
        return out

    def quiet(self, t_id: int, point: int, after: Mapping[int, int], at: Places) -> bool:
        thread = self.system.threads[t_id]
        if thread.parent is not None and thread.points[point].kind not in QUIET:
            # It runs afterwards: its parent must be at the fork then.
            if thread.parent in after:
                if after[thread.parent] != thread.fork:
                    return False
            elif not self.was_running(thread, at):
                parent = self.system.threads[thread.parent]
                if at.get(parent.location) != frozenset((thread.fork,)):
                    return False
        for fork, group in self.children.get(t_id, {}).items():
            before = at.get(thread.location)
            if fork == point or (before is not None and fork not in before):
                continue
            # It leaves this fork: the children must be quiet afterwards.
            for child in group:
                places = (
                    frozenset((after[child.id],)) if child.id in after else at.get(child.location)
                )
                if places is None or any(child.points[p].kind not in QUIET for p in places):
                    return False
        return True

    def was_running(self, thread: Thread, at: Places) -> bool:
        here = at.get(thread.location)
        return here is not None and all(thread.points[p].kind not in QUIET for p in here)

    def cancelled(self, rule: Rule) -> frozenset[int] | None:
        """Threads that the bundle sends to their entry; None if it does anything else."""
        if rule.bundle is None:
            return frozenset()
        key = id(rule.bundle)
        if key not in self.cancels:
            updates = rule.bundle.updates
            plain = all(
                v in self.by_location and e.op is Op.CONST and e.value == 0 for v, e in updates
            )
            # A protected part that lives on needs another argument.
            gone = frozenset(self.by_location[v].id for v, _ in updates) if plain else None
            self.cancels[key] = gone
        return self.cancels[key]

    # --- linking ---------------------------------------------------------------------------

    def linking(
        self, rule: Rule, after: Mapping[int, int], gone: frozenset[int], at: Places
    ) -> None:
        """Compares what the rule adds to each USED variable with what its threads gain."""
        expected: dict[int, Amount] = {}
        for t_id, target in after.items():
            if t_id in gone:
                continue
            thread = self.system.threads[t_id]
            places = at.get(thread.location)
            sources = range(len(thread.points)) if places is None else sorted(places)
            held = [_held(thread.points[p].holds) for p in sources]
            then = _held(thread.points[target].holds)
            for used in {*then, *(u for h in held for u in h)}:
                amounts = [h.get(used, Counter()) for h in held]
                if any(a != amounts[0] for a in amounts):
                    self.out.linked[used] = False
                    continue
                total = expected.setdefault(used, Counter())
                total.update(then.get(used, Counter()))
                total.subtract(amounts[0] if amounts else Counter())
        for t_id in gone:
            thread = self.system.threads[t_id]
            for p in thread.points:
                for used, amount in _held(p.holds).items():
                    total = expected.setdefault(used, Counter())
                    total[("at", thread.location, p.id, frozenset(amount.items()))] -= 1
        actual = {v: e for v, e in rule.updates if v in self.out.linked}
        for used in {*expected, *actual}:
            wanted = _clean(expected.get(used, Counter()))
            if used not in actual:
                if wanted:
                    self.out.linked[used] = False
                continue
            got = _sum(actual[used])
            got[("var", used)] -= 1
            if _clean(got) != wanted:
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
        if parent is None or thread.fork in parent:
            return None
        return frozenset(p.id for p in thread.points if p.kind in QUIET)


class PlacesOf(_Checking):
    """Where threads can be when a rule is taken, if branches run only while their parents are at
    their forks."""

    def __call__(self, rule: Rule) -> Places:
        return self.above(self.possible(rule.guard))


def guarded(writing: Iterable[Rule], resource: ResourceInfo) -> bool:
    """Every step that adds to the pool checks in its guard that there is room for it; `writing`:
    the rules that write what is in use of it."""
    used = resource.used
    for rule in writing:
        for v, e in rule.updates:
            if v != used:
                continue
            if not _growth(used, e):
                continue
            room = [
                _clean(_sum(part.args[0]))
                for part in _conjuncts(rule.guard)
                if part.op is Op.LE and same(part.args[1], resource.capacity)
            ]
            if _clean(_sum(e)) not in room:
                return False
    return True


def compatible(writing: Iterable[Rule], lock: ResourceInfo) -> bool:
    """Every step that borrows the lock checks in its guard that the borrow is compatible with
    those that there are: an exclusive one with none, a shared one with shared ones."""
    assert lock.exclusive is not None
    for rule in writing:
        written = dict(rule.updates)
        more = {v: _growth(v, written[v]) for v in (lock.used, lock.exclusive) if v in written}
        taken = [v for v, grows in more.items() if grows]
        if not taken:
            continue
        if len(taken) > 1:
            return False
        amount = dict(rule.gains).get(taken[0])
        mine = None if amount is None else _one(amount)
        if amount is None or mine is None or more[taken[0]] != _clean(_sum(amount)):
            return False
        free = {lock.exclusive} if taken[0] == lock.used else {lock.used, lock.exclusive}
        for part in _conjuncts(rule.guard):
            cond = part
            if part.op is Op.OR and mine is not TRUE and len(part.args) == 2:
                # `mine => nobody has it`
                first, cond = part.args
                if not same(first, not_(mine)):
                    continue
            if cond.op is Op.EQ and cond.args[1].op is Op.CONST and cond.args[1].value == 0:
                free.discard(cond.args[0].index if cond.args[0].op is Op.VAR else -1)
        if free:
            return False
    return True


def _growth(used: int, e: Expr) -> Amount:
    """By how much a step makes it grow; nothing, if it surely only gives back."""
    change = _sum(e)
    change[("var", used)] -= 1
    change = _clean(change)
    if all(k == 1 or (isinstance(k, tuple) and k[0] == "at") for k in change):
        if all(n <= 0 for n in change.values()) and _positive(change):
            return Counter()
    return change


def _one(amount: Expr) -> Expr | None:
    """When a claim is of one unit, and otherwise of none; None: it may be of more."""
    if amount.op is Op.CONST:
        return TRUE if amount.value == 1 else None
    if amount.op is Op.ITE and all(x.op is Op.CONST for x in amount.args[1:]):
        if (amount.args[1].value, amount.args[2].value) == (1, 0):
            return amount.args[0]
    return None


def _positive(change: Amount) -> bool:
    """What cancelled threads give back is a known amount, not a negative one."""
    return all(
        k == 1 or (isinstance(k, tuple) and all(x == 1 and n >= 0 for x, n in k[3])) for k in change
    )


def _conjuncts(guard: Expr) -> list[Expr]:
    out, stack = [], [guard]
    while stack:
        e = stack.pop()
        if e.op is Op.AND:
            stack.extend(e.args)
        else:
            out.append(e)
    return out


def _held(holds: Sequence[tuple[int, Expr]]) -> dict[int, Amount]:
    out: dict[int, Amount] = {}
    for used, amount in holds:
        out.setdefault(used, Counter()).update(_sum(amount))
    return {u: _clean(a) for u, a in out.items()}


def _sum(e: Expr) -> Amount:
    """A sum as a multiset of terms; what a cancelled thread held is recognised by its form."""
    out: Amount = Counter()
    stack = [(e, 1)]
    while stack:
        x, sign = stack.pop()
        if x.op is Op.ADD:
            stack.extend((a, sign) for a in x.args)
        elif x.op is Op.NEG:
            stack.append((x.args[0], -sign))
        elif x.op is Op.CONST:
            assert isinstance(x.value, int)
            out[1] += sign * x.value
        elif x.op is Op.VAR:
            out[("var", x.index)] += sign
        elif _is_place(x):
            place, amount = x.args[0], x.args[1]
            key = ("at", place.args[0].index, place.args[1].value)
            out[(*key, frozenset(_clean(_sum(amount)).items()))] += sign
        else:
            out[id(x)] += sign
    return out


def _is_place(e: Expr) -> bool:
    """`amount if location = point else 0`."""
    return (
        e.op is Op.ITE
        and e.args[0].op is Op.EQ
        and e.args[0].args[0].op is Op.VAR
        and e.args[0].args[1].op is Op.CONST
        and e.args[2].op is Op.CONST
        and e.args[2].value == 0
    )


def _clean(a: Amount) -> Amount:
    return Counter({k: n for k, n in a.items() if n})
