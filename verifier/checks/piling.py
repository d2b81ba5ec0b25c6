"""`w arrive every p`: do messages pile up as time goes on?

Each instance may send a few messages only, and so a channel holds no more than so many for each.
But more and more come, and if nobody takes the messages as fast, there are more and more of those.
Where it is known how many instances are under way at once (`arrivals`), they are the rounds of as
many loops (`semantics.lower.recurring`), and it is asked of these, in time, whether a channel has a
bound (`growth`): a bound of theirs is one for any number of instances, and a round that leaves
messages behind is one of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from ...dsl import ast
from ...dsl.errors import Rejected
from ...semantics.expr import whole
from ...semantics.lower import lower
from ...semantics.lower.recurring import as_loops
from ...semantics.lower.throughput import Arriving, most_there
from ...semantics.system import ChannelInfo, TransitionSystem
from ..growth import fitted
from ..session import Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from .arrivals import arrivals, seconds
from .overload import overload
from .piled import piled

PART = 0.3  # of the time
OPEN = "whether it grows as more and more arrive was not decided: {}"


def piling(session: Session, spec: ast.Spec) -> dict[str, Verdict]:
    """By channel, of those that have no bound but for the number of instances, where all of any
    number arrive."""
    system = session.system
    open_ = {c.name for c in system.open_channels}
    channels = [c for c in system.channels if c.by_instances or c.name in open_]
    between = {g.workflow: seconds(g.between) for g in system.any_number}
    if not between or any(p is None for p in between.values()) or system.controls:
        return {}
    if spec.system is None or spec.system.faults:
        return {}
    times = {w: p for w, p in between.items() if p is not None}
    names = [c.name for c in channels]
    rooms = arrivals(session, spec).rooms
    out: dict[str, Verdict] = dict(_by_rates(session, spec, times))
    if not rooms or any(n not in out for n in names):
        with session.slot(PART):
            out |= piled(session, spec, times, [n for n in names if n not in out])
            if not any(w in out for w in times):
                out |= overload(session, spec, times)
    if any(n not in out for n in names):
        with session.slot(PART):
            out = {**_by_loops(session, spec, times), **out}
    undecided = Unknown("structure", OPEN.format("it is not known how many are under way at once"))
    return {**dict.fromkeys(names, undecided), **out}


def _by_rates(
    session: Session, spec: ast.Spec, between: Mapping[str, Fraction]
) -> dict[str, Proved]:
    known = arrivals(session, spec)
    if not known.rooms or not session.may("structure"):
        return {}
    arriving = {w: Arriving(p, known.rooms[w]) for w, p in between.items()}
    found = most_there(spec, arriving, known.free, session.system.room)
    return {
        name: Proved(
            "structure",
            f"never more than {most} message{'s' * (most != 1)} in `{name}`: they are taken as "
            "fast as they come (network calculus; "
            f"never more than {_said(known.rooms)} under way)",
        )
        for name, most in found.items()
    }


def _by_loops(
    session: Session, spec: ast.Spec, between: Mapping[str, Fraction]
) -> dict[str, Verdict]:
    rooms = arrivals(session, spec).rooms
    loops = as_loops(spec, rooms, between) if rooms else None
    if loops is None:
        return {}
    try:
        system = lower(loops, room=1)
    except Rejected:
        return {}
    options = replace(session.options, timeout=session.left())
    fit = fitted(loops, system, options, session.replay, session.schedule, session.simulate)
    said = _said(rooms)
    return {
        c.name: _of_loops(fit.growth[c.name], fit.system, said)
        if c.name in fit.growth
        else _bounded(c, said)
        for c in fit.system.channels
    }


def _said(rooms: Mapping[str, int]) -> str:
    return ", ".join(f"{n} of {w}" for w, n in rooms.items())


def _of_loops(verdict: Verdict, system: TransitionSystem, said: str) -> Verdict:
    match verdict:
        case Proved():
            how = f"{verdict.how} (never more than {said} under way at once, one after the other)"
            return replace(verdict, how=how)
        case Refuted():
            return replace(verdict, system=system)
        case Unknown():
            return verdict


def _bounded(c: ChannelInfo, said: str) -> Verdict:
    most = None if c.capacity is None else whole(c.capacity)
    if most is None:
        return Unknown("structure", OPEN.format("its bound is no number"))
    how = f"never more than {most} in `{c.name}`, so many may be there at once of {said}"
    return Proved("structure", how)


__all__ = ["piling"]
