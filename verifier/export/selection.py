"""What of a spec a model for another checker shall claim."""

from __future__ import annotations

from collections.abc import Sequence

from ...dsl import ast
from ...dsl.records import dataclass
from ...semantics.system import Obligation, TransitionSystem
from ..directives import called
from ..portfolio import CHECKS, SAFETY, WARNINGS

ENDS = "deadlock_free"


@dataclass(frozen=True, slots=True)
class Selection:
    """`whole`: the model has all of the system, for its invalid end states or every claim.

    `unknown` are names that nothing in the spec has; `other` name what no assertion can say.
    """

    goals: tuple[Obligation, ...]
    whole: bool
    unknown: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


def select(spec: ast.Spec, system: TransitionSystem, only: Sequence[str]) -> Selection:
    """The claims of the given checks or properties.

    Without names: all that decide the exit status, but for what the spec skips or expects to be
    refuted.
    """
    if only:
        return _named(system, [called(n) for n in only])
    properties = [*spec.properties, *(p for w in spec.workflows for p in w.properties)]
    raised = {called(n) for p in properties if isinstance(p, ast.CheckOn) for n in p.names}
    left_out = {called(p.name) for p in properties if isinstance(p, ast.ExpectRefuted)}
    left_out |= {
        called(p.name) for p in properties if isinstance(p, ast.SkipCheck) and p.at is None
    }
    goals = [
        g
        for g in system.obligations
        if g.check in SAFETY
        and not {g.check, g.name} & left_out
        and (g.check in raised or not (g.warning or g.check in WARNINGS))
    ]
    return Selection(tuple(goals), True)


def _named(system: TransitionSystem, only: Sequence[str]) -> Selection:
    goals = [
        g for g in system.obligations if g.check in SAFETY and (g.check in only or g.name in only)
    ]
    here = {g.check for g in goals} | {g.name for g in goals}
    later = {goal.name for goal in system.liveness} | (set(CHECKS) - set(SAFETY) - {ENDS})
    missing = [n for n in only if n not in here and n != ENDS]
    other = tuple(n for n in missing if n in later)
    unknown = tuple(n for n in missing if n not in later and n not in SAFETY)
    return Selection(tuple(goals), ENDS in only or not goals, unknown, other)
