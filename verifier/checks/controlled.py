"""Pools whose capacity is set while a run goes on: what a capacity that stays the same says of it.

The rules have the capacity as a parameter, any value within the bounds of its controllers
(docs/decisions/0014).  A run in which it changes takes no step that it could not take with the
largest one all the time.  So what is proved of states, steps and orders of steps for each
capacity holds whatever is set.  That somebody *can* go on is another matter: a claim that is
refused now may have been granted to others before.  Of that only arguments are believed that
count with the least capacity at any time: the order of claims, and loops that end by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...semantics.system import Control, TransitionSystem
from ...semantics.walks import variables
from ...semantics.words import in_words
from ..verdict import Proved, Refuted, Unknown, Verdict
from .obligations import Claim

BY_ORDER = frozenset({"structure", "ranking"})
# What a proof of the check may rest on, beside itself.
RESTS_ON: Mapping[str, tuple[str, ...]] = {
    "deadlock_free": (),
    "race_free": (),
    "terminates": ("deadlock_free",),
    "can_finish": ("deadlock_free", "terminates"),
    "starvation_free": ("deadlock_free", "terminates"),
    "timing_independent": ("deadlock_free",),
    "deterministic": ("deadlock_free", "timing_independent"),
}
WHATEVER = frozenset({"atomicity"})
# Whatever the scheduler does.
WHICHEVER = frozenset({"deadlock_free", "race_free", "terminates", "can_finish"})


def of_claim(system: TransitionSystem, verdict: Verdict, claim: Claim) -> Verdict:
    """Of states and steps."""
    if isinstance(verdict, Refuted):
        return _noted(system, verdict)
    set_ = {c.capacity for c in system.controls}
    if isinstance(verdict, Proved) and variables([g.cond for g in claim.goals]) & set_:
        return _same_only(system, verdict)
    return verdict


def of_whole(
    system: TransitionSystem, check: str, verdict: Verdict, known: Mapping[str, Verdict]
) -> Verdict:
    """Of a check of the whole system, or ("") of a property about what comes at last."""
    match verdict:
        case Refuted() if check == "no_dead_code":
            why = f"{verdict.message}; where the capacity changes, it may"
            return Unknown(verdict.engine, why)
        case Refuted():
            return _noted(system, verdict)
        case Proved() if check == "no_dead_code" or check in WHATEVER:
            return verdict
        case Proved():
            orders = system.scheduler == "any" or check in WHICHEVER
            if check in RESTS_ON and orders and by_order(verdict):
                others = [known.get(n) for n in RESTS_ON[check]]
                if all(by_order(v) for v in others if isinstance(v, Proved)):
                    return verdict
            return _same_only(system, verdict)
    return verdict


def by_order(verdict: Verdict) -> bool:
    """Proved by what counts with the least capacity at any time."""
    return isinstance(verdict, Proved) and set(verdict.engine.split(", ")) <= BY_ORDER


def _names(system: TransitionSystem) -> str:
    return ", ".join(dict.fromkeys(c.resource for c in system.controls))


def _same_only(system: TransitionSystem, verdict: Proved) -> Unknown:
    why = f"it holds as long as the capacity of {_names(system)} stays as it is"
    return Unknown(verdict.engine, f"{why}; for one that is set anew it was not proved")


def within(system: TransitionSystem, c: Control) -> str:
    """The bounds of a controller, in words."""
    return "..".join(in_words(system, e) for e in (c.lo, c.hi))


def _noted(system: TransitionSystem, verdict: Refuted) -> Refuted:
    notes = tuple(
        f"the capacity of {c.resource} is one that `{c.name}` may set: {within(system, c)}"
        for c in system.controls
    )
    return replace(verdict, notes=(*verdict.notes, *notes)) if verdict.trace.initial else verdict
