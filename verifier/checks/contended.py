"""How long workflows take whose activities wait for each other's units: the schedule that ends last
(`engines/response`), and a run that takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from ...dsl import ast
from ...dsl.records import dataclass
from ...semantics.lower.contended import network
from ...semantics.network import Task
from ...semantics.trace import Trace
from ..engines.response import latest_end
from ..engines.schedules import Latest
from ..session import Session
from .limits import start_with
from .pacing import as_planned


@dataclass(frozen=True, slots=True)
class Contended:
    """The activities of all instances, and how many units there are of what they ask for."""

    tasks: Sequence[Task]
    capacity: Mapping[str, int]

    @property
    def named(self) -> bool:
        """A name says which activity it is: so a run can be made of a schedule."""
        return len({t.activity for t in self.tasks}) == len(self.tasks)


def contended(session: Session, spec: ast.Spec) -> Contended | None:
    """None: it is more than activities that run once each, or they never wait."""
    tasks = network(spec, session.structure.uncontended(), session.system.room)
    if tasks is None:
        return None
    asked: dict[str, int] = {}
    for t in tasks:
        for name, units in t.asks:
            asked[name] = max(asked.get(name, 0), units)
    capacity: dict[str, int] = {}
    for r in session.system.resources:
        if r.name in asked:
            there = r.capacity.value if r.exclusive is None else None
            if not isinstance(there, int) or there < asked[r.name]:
                return None
            capacity[r.name] = there
    return Contended(tasks, capacity) if asked and len(capacity) == len(asked) else None


@dataclass(frozen=True, slots=True)
class Scheduled:
    """Nothing ends after `bound`; a run in which something ends after `seconds`."""

    bound: Fraction
    seconds: Fraction
    trace: Trace | None


def scheduled(session: Session, spec: ast.Spec, seconds: float) -> Scheduled | None:
    """By zones; made once."""
    if session.scheduled is None:
        found: Scheduled | None = None
        known = contended(session, spec)
        if known is not None:
            latest = latest_end(known.tasks, known.capacity, seconds)
            trace = run_of(session, known, latest)
            at = trace.steps[-1].time if trace is not None else Fraction(0)
            found = Scheduled(latest.bound, at, trace)
        session.scheduled = (found,)
    return session.scheduled[0]


def run_of(session: Session, known: Contended, latest: Latest) -> Trace | None:
    """A timed run that takes a schedule, if the interpreter agrees that it is one."""
    system = session.system
    initial = start_with(system, {})
    if initial is None or not latest.begins or not known.named or len(system.instances) != 1:
        return None
    names = [t.activity for t in known.tasks]
    trace = as_planned(system, initial, names, latest.begins, latest.takes)
    if trace is None or not trace.steps:
        return None
    run = replace(trace, exact=True)
    return None if session.schedule(system, run) is None else run
