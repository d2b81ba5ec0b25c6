"""Refusals that never come: of claims that do not wait (`on_busy fail`), where there always is
enough of what is asked for."""

from __future__ import annotations

from collections.abc import Collection

from ...semantics.expr import FALSE
from ...semantics.system import RuleKind, TransitionSystem, VarKind
from ...semantics.walks import variables
from ..engines.unreached import without
from ..session import Session


def never_refused(session: Session) -> Session:
    """The system without them, and without what comes after them only."""
    system = session.system
    lean = unrefused(system, session.structure.uncontended()) if refuses(system) else system
    return session if lean is system else session.of(lean)


def refuses(system: TransitionSystem) -> bool:
    return any(r.kind is RuleKind.BUSY and r.guard is not FALSE for r in system.rules)


def unrefused(system: TransitionSystem, free: Collection[str]) -> TransitionSystem:
    """The same where claims of the resources named in `free` never have to wait.

    The guard of a refusal says that one of the resources in it has too little.
    """
    given = {
        v
        for r in system.resources
        if r.enforced and r.name in free
        for v in (r.used, r.exclusive)
        if v is not None
    }
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    off = {
        r.index
        for r in system.rules
        if r.kind is RuleKind.BUSY
        and r.guard is not FALSE
        and (read := variables([r.guard]) & used)
        and read <= given
    }
    return without(system, off)


__all__ = ["never_refused", "refuses", "unrefused"]
