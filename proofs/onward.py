"""What can still happen after a run: all states that can be reached from its last one, as long as
they are few, by plain evaluation; times are left out, so more is reached than can be in time."""

from __future__ import annotations

from collections.abc import Sequence

from ..dsl.records import dataclass
from ..semantics.expr import Scalar
from ..semantics.system import RuleKind, TransitionSystem, VarKind
from ..semantics.values import evaluate
from ..semantics.walks import variables
from .facts import Open, Wrong
from .reading import conjuncts
from .states import View

MOST_STATES = 5_000
WAITING = {
    "starvation_free": (VarKind.USED,),
    "messages": (VarKind.CHANNEL,),
    "deadlock_free": (VarKind.USED, VarKind.CHANNEL),
    "terminates": (VarKind.USED, VarKind.CHANNEL),
}


@dataclass(frozen=True, slots=True)
class Onward:
    """`moved`: variables that some step writes; `ends`: an end of all instances can come."""

    moved: frozenset[int]
    ends: bool


def onward(system: TransitionSystem, state: Sequence[Scalar], crashes: bool = True) -> Onward:
    """`Open` where there are too many states.  `crashes`: they are among what can happen."""
    try:
        view = View(system, tuple(range(len(system.variables))))
    except Wrong as why:
        raise Open(f"what can happen after the run was not checked: {why}") from None
    first = tuple(state)
    todo, found = [first], {first}
    moved: set[int] = set()
    ends = False
    while todo:
        here = todo.pop()
        ends = ends or all(_over(system, k, here) for k in range(len(system.instances)))
        for move, _, after in view.steps(here):
            if move.rule.kind is RuleKind.CRASH and not crashes:
                continue
            moved.update(v for v, _ in move.rule.updates)
            if after not in found:
                found.add(after)
                todo.append(after)
        if len(found) > MOST_STATES:
            raise Open("what can happen after the run was not checked: there are too many states")
    return Onward(frozenset(moved), ends)


def _over(system: TransitionSystem, k: int, state: Sequence[Scalar]) -> bool:
    i = system.instances[k]
    here = state[system.threads[i.root].location]
    return here in (i.completed, i.failed) or evaluate(i.active, state) is not True


def waits_for_ever(system: TransitionSystem, check: str, state: Sequence[Scalar]) -> bool:
    """Has somebody a step but for a claim, or for a message or room for one, who never moves
    again unless somebody crashes?"""
    kinds = WAITING.get(check, ())
    asked = {v.index for v in system.variables if v.kind in kinds}
    places = {t.location for t in system.threads}
    stuck: set[int] = set()
    for rule in system.rules:
        message = rule.kind in (RuleKind.SEND, RuleKind.RECEIVE) and VarKind.CHANNEL in kinds
        if message or (rule.gains and VarKind.USED in kinds):
            parts = [(p, variables([p]) & asked) for p in conjuncts(rule.guard)]
            # (Where a test of places looks at it as well, it is not known who stands where.)
            mixed = any(mine and variables([p]) & places for p, mine in parts)
            missing = [bool(mine) for p, mine in parts if evaluate(p, state) is not True]
            if not mixed and missing and all(missing):
                stuck.add(system.threads[rule.thread].location)
    return bool(stuck) and bool(stuck - onward(system, state, crashes=False).moved)
