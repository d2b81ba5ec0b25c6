"""Instances that come faster than a resource can serve them, under any scheduler.

Let each that comes be over only when it has held W unit-seconds of a pool at least, in runs in
which no attempt fails and each lasts as long as it may: the cheapest way through the points of its
root thread (`engines.moves`; Dijkstra 1959), where an attempt costs its time for each unit that is
held there, and all else nothing.  By the time T as many have come as there are steps of p seconds
in it, and no more than C T unit-seconds have been had of C units.  So of n that have come at least
n - C T / W are under way, and with n > T / p this grows without bound where W / p > C: whoever is
served first, and however little is left idle (the utilisation law; Denning and Buzen 1978).  Where
all claims are of u units, no more than the largest multiple of u is ever in use.  Several kinds
that come add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from heapq import heappop, heappush

from ...dsl import ast
from ...semantics.expr import FALSE, Expr, Op, whole
from ...semantics.lower import lower
from ...semantics.system import ResourceInfo, Rule, RuleKind, Thread, TransitionSystem
from ...semantics.trace import Trace
from ..engines.moves import OVER, Move, Moves
from ..session import Session
from ..verdict import Refuted

NUMBERS = (12, 30)  # of instances that come in the run that is shown
MORE = (
    "more and more are under way at once: those that come need {} units of {} all the time, and "
    "there {} {}"
)


@dataclass(frozen=True, slots=True)
class Load:
    """By workflow: the unit-seconds of a resource that each of its instances needs at least; of
    its `units` no more than `room` are in use at once."""

    resource: ResourceInfo
    each: Mapping[str, Fraction]
    units: int
    room: int

    def rate(self, between: Mapping[str, Fraction]) -> Fraction:
        """Units that are needed all the time."""
        return sum((n / between[w] for w, n in self.each.items()), Fraction(0))


def overload(
    session: Session, spec: ast.Spec, between: Mapping[str, Fraction]
) -> dict[str, Refuted]:
    """By workflow, of those that come one every so many seconds: that they wait more and more."""
    system = session.system
    if system.excluded is not FALSE or not session.may("structure") or system.controls:
        return {}
    for load in loads(session):
        if load.rate(between) > load.room:
            found = _shown(session, spec, between, load)
            if found is not None:
                return {next(iter(load.each)): found}
    return {}


def loads(session: Session) -> list[Load]:
    """Of each pool that is waited for."""
    out: list[Load] = []
    moves = Moves(session.structure)
    for r in session.system.resources:
        # (Of a lock that is taken by one at a time only.)
        used, capacity = (r.used, whole(r.capacity)) if r.kind == "pool" else (r.exclusive, 1)
        if used is None or r.kind not in ("pool", "lock") or not r.enforced or capacity is None:
            continue
        if not session.linking.linked.get(used):
            continue  # (what is in use is not known to be what is held)
        each: dict[str, Fraction] = {}
        for g in session.system.any_number:
            root = session.system.threads[session.system.instances[g.members[0]].root]
            least = _least(session.system, moves.of(root), root, used)
            if least:
                each[g.workflow] = least
        if each:
            out.append(Load(r, each, capacity, _room(session.system, used, capacity)))
    return out


def _room(system: TransitionSystem, used: int, capacity: int) -> int:
    """How many units may be in use at once."""
    asked = {_number(e) for rule in system.rules for v, e in rule.gains if v == used}
    units = asked.pop() if len(asked) == 1 else None
    return capacity if not units else int(capacity // units * units)


def _least(system: TransitionSystem, moves: list[Move], thread: Thread, used: int) -> Fraction:
    """The unit-seconds that the thread has held when it is over; 0 where it never is."""
    following: dict[int, list[tuple[int, Fraction]]] = {}
    for m in moves:
        rule = system.rules[m.rule]
        # (No attempt fails: the environment says so.)
        if rule.kind is not RuleKind.FAIL or rule.group is None:
            cost = _cost(system, moves, thread, m, used)
            following.setdefault(m.begin, []).append((m.end, cost))
    done: set[int] = set()
    todo: list[tuple[Fraction, int]] = [(Fraction(0), 0)]
    while todo:
        cost, at = heappop(todo)
        if at in done:
            continue
        if thread.points[at].kind in OVER:
            return cost
        done.add(at)
        for to, more in following.get(at, ()):
            heappush(todo, (cost + more, to))
    return Fraction(0)


def _cost(
    system: TransitionSystem, moves: list[Move], thread: Thread, move: Move, used: int
) -> Fraction:
    rule = system.rules[move.rule]
    if rule.thread != thread.id or rule.delay is None:
        return Fraction(0)

    def same(other: Rule) -> bool:
        return other is rule or (rule.group is not None and other.group == rule.group)

    if {m.begin for m in moves if same(system.rules[m.rule])} != {move.begin}:
        return Fraction(0)  # (its clock may have been started at another point)
    time = _number(rule.delay.lo if rule.delay.hi is None else rule.delay.hi)
    held = [_number(e) for v, e in thread.points[move.begin].holds if v == used]
    units = sum((n for n in held if n is not None), Fraction(0))
    return max(Fraction(0), time or Fraction(0)) * max(Fraction(0), units)


def _number(e: Expr) -> Fraction | None:
    return Fraction(e.value) if e.op is Op.CONST and e.value is not None else None


def _shown(
    session: Session, spec: ast.Spec, between: Mapping[str, Fraction], load: Load
) -> Refuted | None:
    """A run in which it can be seen; the more have come, the more wait."""
    for number in NUMBERS:
        room = None if session.system.room is None else 2 * number
        own = session.of(lower(spec, (number, number), room=room))
        simulate = own.simulator()
        made = None if simulate is None else simulate(session.options.seed, 0.0, {}, (), 1.0)
        if made is None or session.left() <= 0:
            return None
        until = (number - 1) * min(between.values())
        trace = Trace(made.initial, tuple(s for s in made.steps if s.time <= until))
        replayed = own.replay(own.system, trace)
        timed = own.schedule(own.system, trace) if replayed.ok else None
        if timed is None:
            return None
        waiting = _under_way(own.system, replayed.states[-1])
        if number == NUMBERS[-1] or sum(waiting.values()) > 2 * load.room:
            return _refuted(own, timed, between, load, waiting)
    return None


def _under_way(system: TransitionSystem, state: tuple[object, ...]) -> dict[str, int]:
    out: dict[str, int] = {}
    for g in system.any_number:
        for i in g.members:
            it = system.instances[i]
            at = state[system.threads[it.root].location]
            out[g.workflow] = out.get(g.workflow, 0) + (at not in (0, it.completed, it.failed))
    return out


def _refuted(
    own: Session,
    trace: Trace,
    between: Mapping[str, Fraction],
    load: Load,
    waiting: Mapping[str, int],
) -> Refuted:
    name, rate, room = load.resource.name, float(load.rate(between)), load.room
    notes = [
        f"each {w} has had {name} for {float(n):g} unit-seconds when it is over, where no attempt "
        f"fails and each lasts as long as it may, and one comes every {float(between[w]):g} s"
        for w, n in load.each.items()
    ]
    there = ", ".join(f"{n} of {w}" for w, n in waiting.items())
    notes.append(f"whoever is served first; after this run {there} are under way")
    if load.units != room:
        notes.append(f"of {load.units} units no more than {room} are ever in use")
    what = MORE.format(f"{rate:g}", name, "are" if room != 1 else "is", room)
    span = next(g.span for g in own.system.any_number if g.workflow in load.each)
    figure = f"{len(trace.steps)}-step run"
    found = Refuted("structure", what, trace, span, figure, notes=tuple(notes))
    return replace(found, system=own.system)


__all__ = ["Load", "loads", "overload"]
