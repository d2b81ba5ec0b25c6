"""Capacities that are set while a run goes on: what evidence on ones that stay says of them.

The rules have such a capacity as a parameter, of any value within the bounds of its controllers.
Where guards ask of it only that what is in use, and what is claimed, is no more, a run in which it
changes takes no step that it could not take with the largest one all the time.  So what each step
keeps is kept (facts, measures), and what steps do to each other (pairs) is as it was.  That
somebody can go on is shown of each state by itself, for all capacities that there may be then; its
facts must not tie a capacity to what came before it was set (decision 14).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..semantics.evidence import Evidence, Measure, Pairs, Progress
from ..semantics.expr import Expr, Op
from ..semantics.system import TransitionSystem
from ..semantics.walks import variables
from .reading import conjuncts

Kinds = frozenset[type[Evidence]]
ENDS: Kinds = frozenset((Measure, Progress))  # where runs have to come to their end
NEEDED: Mapping[str, Kinds] = {
    "race_free": frozenset((Pairs,)),
    "deadlock_free": frozenset((Progress,)),
    "terminates": ENDS,
    "can_finish": ENDS,
    "starvation_free": ENDS,
    "timing_independent": ENDS | {Pairs},
    "deterministic": ENDS | {Pairs},
}


def holds_anew(system: TransitionSystem, check: str, beside: Sequence[Evidence]) -> bool:
    """Whether evidence that shows a check of the whole system for each capacity that stays shows
    it where capacities are set."""
    kinds = {type(e) for e in beside}
    if check not in NEEDED or not NEEDED[check] <= kinds <= {Measure, Progress, Pairs}:
        return False
    set_ = {c.capacity for c in system.controls}
    written = {v for r in system.rules for v, _ in r.updates}
    facts = [
        f
        for e in beside
        if isinstance(e, Measure | Progress | Pairs)
        for whole in e.facts.invariants
        for f in conjuncts(whole)
    ]
    terms = [c.term for e in beside if isinstance(e, Measure) for c in e.components]
    tied = (f for f in facts if variables([f]) & set_ and variables([f]) & written)
    # (A ranking may count with one that changes.)
    if any(tied) or set_ & (written | variables(t for t in terms if t is not None)):
        return False
    return all(_only_room(p, set_) for r in system.rules for p in conjuncts(r.guard)) and not (
        set_ & variables(_others(system))
    )


def _only_room(part: Expr, set_: set[int]) -> bool:
    """A part of a guard speaks of no capacity, or says that there is room."""
    if not variables([part]) & set_:
        return True
    match part.op, part.args:
        case Op.LE, (needed, Expr(op=Op.VAR)):
            return not variables([needed]) & set_
    return False


def _others(system: TransitionSystem) -> list[Expr]:
    """All that rules say beside their guards."""
    out = [system.excluded, *(i.active for i in system.instances)]
    for r in system.rules:
        out += [r.relation, *(e for _, e in r.updates)]
        if r.delay is not None:
            out += [e for e in (r.delay.lo, r.delay.hi) if e is not None]
    return out
