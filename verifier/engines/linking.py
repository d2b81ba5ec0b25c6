"""Control and resource invariants, checked rule by rule without a solver.

Two invariants are read off the threads and shown inductive by exact bookkeeping:

- *quiet*: a thread that its parent forks at point p is at a quiet point (not begun, or over) or
  its parent is at p;
- *linking*: a USED variable equals the sum of what all threads hold at their points.

Together they give conservation: when every root is over, every thread below is quiet, quiet
points hold nothing, so nothing is in use.  (Place invariants of the net of points; Lautenbach
1973.)  What cannot be shown this way is left to the other engines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ...semantics.expr import Expr, Op, Sort, postorder
from ...semantics.system import PointKind, Rule, Thread, TransitionSystem

QUIET = (PointKind.ENTRY, PointKind.END, PointKind.FAILED)


@dataclass(slots=True)
class Linking:
    """`quiet` and `linked` tell which of the invariants hold."""

    system: TransitionSystem
    quiet: bool = False
    linked: dict[int, bool] = field(default_factory=dict)
    why_not: str = ""

    def conserved(self, used: Iterable[int]) -> bool:
        """Nothing of these USED variables is held once all roots are over."""
        return self.quiet and all(self.linked.get(u, False) for u in used)


def check(system: TransitionSystem) -> Linking:
    """Both invariants, for all threads and all USED variables."""
    out = Linking(system)
    by_location = {t.location: t for t in system.threads}
    out.linked = {v.index: True for v in system.variables if v.kind.name == "USED"}
    if any(not _starts_at_entry(system, t) for t in system.threads):
        out.why_not = "a thread does not begin at its entry"
        return out
    children: dict[tuple[int, int], list[Thread]] = {}
    for t in system.threads:
        if any(p.protected for p in t.points):
            out.why_not = f"{t.name} has protected parts"
        if t.parent is not None and t.fork is not None:
            children.setdefault((t.parent, t.fork), []).append(t)
        if any(p.holds for p in t.points if p.kind in QUIET):
            out.why_not = f"{t.name} holds something when it is over"
    if out.why_not:
        return out
    cancelled: dict[int, frozenset[int] | None] = {}
    for rule in system.rules:
        if rule.bundle is not None and id(rule.bundle) not in cancelled:
            cancelled[id(rule.bundle)] = _cancels(system, rule, by_location)
        if not _quiet_kept(system, rule, by_location, children, cancelled):
            out.why_not = f"`{rule.name}` may leave a branch running after its fork"
            return out
        _linking_kept(system, rule, by_location, cancelled, out.linked)
    out.quiet = True
    return out


def _starts_at_entry(system: TransitionSystem, t: Thread) -> bool:
    init = system.variables[t.location].init
    return init is not None and init.op is Op.CONST and init.value == 0


def _cancels(
    system: TransitionSystem, rule: Rule, by_location: Mapping[int, Thread]
) -> frozenset[int] | None:
    """Threads that the bundle sends to their entry; None if it does anything else."""
    assert rule.bundle is not None
    out = set()
    for v, e in rule.bundle.updates:
        if v not in by_location or e.op is not Op.CONST or e.value != 0:
            return None
        out.add(by_location[v].id)
    return frozenset(out)


def pinned(guard: Expr) -> dict[int, int]:
    """Locations that a guard fixes: top-level conjuncts `location = point`."""
    out: dict[int, int] = {}
    stack = [guard]
    while stack:
        e = stack.pop()
        if e.op is Op.AND:
            stack.extend(e.args)
        elif e.op is Op.EQ and e.args[0].op is Op.VAR and isinstance(e.args[1].value, int):
            out[e.args[0].index] = e.args[1].value
    return out


def possible(guard: Expr, location: int) -> set[int] | None:
    """Points at which the guard can hold, as far as its positive structure tells; None: any."""
    memo: dict[int, set[int] | None] = {}
    for e in postorder([guard]):
        result: set[int] | None = None
        if e.op is Op.EQ and e.args[0].op is Op.VAR and e.args[0].index == location:
            result = {e.args[1].value} if isinstance(e.args[1].value, int) else None
        elif e.op is Op.AND:
            for a in e.args:
                part = memo[id(a)]
                if part is not None:
                    result = part if result is None else result & part
        elif e.op is Op.OR:
            parts = [memo[id(a)] for a in e.args]
            if all(p is not None for p in parts):
                result = set().union(*(p for p in parts if p is not None))
        elif e.op is Op.CONST and e.value is False:
            result = set()
        memo[id(e)] = result
    return memo[id(guard)]


def _quiet_kept(
    system: TransitionSystem,
    rule: Rule,
    by_location: Mapping[int, Thread],
    children: Mapping[tuple[int, int], list[Thread]],
    cancelled: Mapping[int, frozenset[int] | None],
) -> bool:
    own = {v: e for v, e in rule.own if v in by_location}
    gone: frozenset[int] = frozenset()
    if rule.bundle is not None:
        found = cancelled[id(rule.bundle)]
        if found is None:
            return False
        gone = found
    after: dict[int, int] = {}
    for v, e in own.items():
        if e.op is not Op.CONST or not isinstance(e.value, int):
            return False
        after[by_location[v].id] = e.value
    for t in gone:
        after[t] = 0
    for t_id, point in after.items():
        thread = system.threads[t_id]
        if thread.points[point].kind not in QUIET and thread.parent is not None:
            # It runs afterwards: its parent must be at the fork then.
            if thread.parent in after:
                if after[thread.parent] != thread.fork:
                    return False
            else:
                parent = system.threads[thread.parent]
                at = possible(rule.guard, parent.location)
                mine = possible(rule.guard, thread.location)
                was_running = mine is not None and all(
                    thread.points[p].kind not in QUIET for p in mine
                )
                if at != {thread.fork} and not was_running:
                    return False
        # A parent that leaves a fork (or may) must leave quiet children behind.
        for (parent_id, fork), group in _forks(children, t_id):
            if parent_id == t_id and point != fork:
                for child in group:
                    if child.id in after:
                        if child.points[after[child.id]].kind not in QUIET:
                            return False
                        continue
                    here = possible(rule.guard, thread.location)
                    if here is not None and fork not in here:
                        continue  # it was not at that fork, so its children were quiet
                    there = possible(rule.guard, child.location)
                    if there is None or any(
                        child.points[p].kind not in QUIET for p in there
                    ):
                        return False
    return True


def _forks(
    children: Mapping[tuple[int, int], list[Thread]], thread: int
) -> list[tuple[tuple[int, int], list[Thread]]]:
    # Forks of one thread have consecutive keys in no order: keep an index on first use.
    return [(k, g) for k, g in children.items() if k[0] == thread]


def _linking_kept(
    system: TransitionSystem,
    rule: Rule,
    by_location: Mapping[int, Thread],
    cancelled: Mapping[int, frozenset[int] | None],
    linked: dict[int, bool],
) -> None:
    raise NotImplementedError


__all__ = ["Linking", "Sort", "check", "pinned", "possible"]
