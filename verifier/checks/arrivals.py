"""`w arrive every p`: how many are under way at once, where each is over in time.

Let an instance last at most L where no claim of it waits, and let the claims of m of them, beside
all others that there are, never have to wait (`Structure.contended`).  If L < m p then there are
never more than m under way, and none lasts longer than L: suppose the contrary, and look at the
first moment at which there are m + 1, or one has lasted longer.  Until then no more than m were
under way, so no claim waited, so nobody lasted longer; and of m + 1 the oldest has come m p or more
before the last, and would have.  (The least m that will do is the best.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from fractions import Fraction

from ...dsl import ast
from ...dsl.records import dataclass
from ...semantics.expr import Expr, Op
from ...semantics.lower import lower
from ...semantics.lower.durations import durations
from ..session import Session

MOST = 6  # at once, that are tried


@dataclass(frozen=True, slots=True)
class Arrivals:
    """`rooms`: by workflow, how many are under way at once at most; `free` names resources whose
    claims never wait.  Nothing is known of workflows that do not arrive, or that pile up."""

    rooms: Mapping[str, int] = field(default_factory=dict)
    free: tuple[str, ...] = ()


def arrivals(session: Session, spec: ast.Spec) -> Arrivals:
    """Of a system in which each workflow of any number arrives; made once."""
    if session.arrivals is None:
        session.arrivals = _arrivals(session, spec)
    return session.arrivals


def _arrivals(session: Session, spec: ast.Spec) -> Arrivals:
    system = session.system
    groups = system.any_number
    between = [seconds(g.between) for g in groups]
    given = spec.system
    if (
        not groups
        or any(p is None for p in between)
        or len({g.workflow for g in groups}) < len(groups)
        or system.controls
        or (given is not None and (given.faults or given.scheduler == "head_of_line"))
    ):
        return Arrivals()
    for many in range(1, MOST + 1):
        free = _free(session, spec, many)
        lasts = {d.instance: d for d in durations(spec, free, room=system.room)}
        rooms = {}
        for group, p in zip(groups, between, strict=True):
            mine = lasts[group.members[0]]
            most = None if mine.ends.hi is None else mine.arithmetic.extent(mine.ends.hi)[1]
            if most is None or p is None:
                return Arrivals()  # (With more of them no fewer claims wait.)
            rooms[group.workflow] = int(most // p) + 1
        if all(n <= many for n in rooms.values()):
            return Arrivals(rooms, free)
    return Arrivals()


def _free(session: Session, spec: ast.Spec, many: int) -> tuple[str, ...]:
    """Resources whose claims never wait, of so many of each."""
    few = session.of(replace(lower(spec, (many, many), room=session.system.room), any_number=()))
    if any(p.protected for t in few.system.threads for p in t.points):
        return ()  # what is protected may hold units when its instance is over
    return tuple(few.structure.uncontended())


def seconds(between: Expr | None) -> Fraction | None:
    """None: it depends on parameters, or no time is between."""
    if between is None or between.op is not Op.CONST or not between.value:
        return None
    return Fraction(between.value)
