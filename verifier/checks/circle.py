"""A deadlock built from its circle: each thread goes on alone until it asks for what another holds.

Structure finds resources each of which is held while the next is asked for.  If those who ask can
be brought there one after the other, the run is a deadlock.  The number of states that are looked
at is the sum over the threads, not the product.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ...semantics.expr import Scalar, not_, whole
from ...semantics.system import Obligation, Rule, TransitionSystem
from ...semantics.trace import Step, Trace
from ...semantics.values import initial_holds, initial_state
from ..engines.restrict import restrict
from ..engines.search_live import at_state
from ..engines.search_threads import without_claims
from ..engines.search_trace import final_state
from ..engines.structure import Structure, upper
from ..session import Session

STATES = 10_000  # of one thread on its way
MOST_TRIED = 20  # threads that are left out, to see whether it takes them


def askers(session: Session, contended: set[int], cycle: Sequence[int]) -> list[list[Rule]]:
    """For each resource of a cycle, claims of the next one by threads enough to use it up, those
    who come there first."""
    structure, system = session.structure, session.system
    position = structure.resource_of()
    chosen: set[int] = set()  # threads
    out: list[list[Rule]] = []
    for k, place in enumerate(cycle):
        following = cycle[(k + 1) % len(cycle)]
        room = _room(system, place)
        asking = [
            system.rules[r.rule]
            for r in structure.requests(contended)
            if any(position[h] == place for h in r.held)
            and any(position[w] == following for w in r.wanted)
        ]
        if 1 < len(asking) <= MOST_TRIED:
            ways = {r.index: _brought(session, [r]) for r in asking}
            asking.sort(key=lambda r: len(w.steps) if (w := ways[r.index]) else STATES)
        taken = 0
        mine: list[Rule] = []
        for rule in asking:
            if taken >= room:
                break
            if rule.thread in chosen and len(asking) > 1:
                continue
            if rule.thread not in chosen:
                mine.append(rule)
            chosen.add(rule.thread)
            taken += max(1, _amount(system, rule, place))
        out.append(mine)
    return out


def with_parents(structure: Structure, threads: Collection[int]) -> set[int]:
    """The threads, and those that fork them."""
    return {a for t in threads for a, _ in structure.ancestors(t)}


def shortest(
    session: Session, groups: Sequence[Sequence[Rule]], stuck: Callable[[Trace], bool]
) -> Trace | None:
    """A run to where the threads of these claims are stuck, by no more of them than it takes: less
    than all of a resource may be held where more than the rest is asked for."""
    rules = [r for group in groups for r in group]
    best = _brought(session, rules)
    if best is None or not stuck(best):
        return None
    for rule in [r for group in groups if len(group) > 1 for r in reversed(group)][:MOST_TRIED]:
        fewer = [r for r in rules if r is not rule]
        trace = _brought(session, fewer)
        if trace is not None and stuck(trace):
            rules, best = fewer, trace
    return best


def _brought(session: Session, rules: Sequence[Rule]) -> Trace | None:
    """A run in which each of these claims' threads goes on, alone, until it makes the claim: in
    this order, but for those that have to let others go first."""
    system = session.system
    chosen: dict[int, Scalar] = {
        v.index: False if v.sort.value == "bool" else v.lo or 0
        for v in system.variables
        if v.init is None
    }
    first = initial_state(system, chosen)
    if not initial_holds(system, first):
        return None
    state, steps = first, list[Step]()
    left = list(rules)
    while left:
        for rule in left:
            more = _alone(session, state, rule)
            if more is not None:
                break
        else:
            return None
        left.remove(rule)
        steps += more
        state = final_state(system, Trace(state, tuple(more)))
    return Trace(first, tuple(steps))


def _alone(session: Session, state: Sequence[Scalar], rule: Rule) -> list[Step] | None:
    """The shortest way of the rule's thread to where only claims may keep the rule back."""
    from ..engines.search import Violated, explore

    here = at_state(session.system, state)
    kinds = [v.kind for v in here.variables]
    goal = Obligation("", "", not_(without_claims(rule, kinds)), "", rule.span)
    few = restrict(here, with_parents(session.structure, [rule.thread]), [goal])
    seconds = session.share(0.1)
    found = explore(few.system, few.system.obligations, max_states=STATES, seconds=seconds)
    match found.findings[0]:
        case Violated(trace):
            return list(few.widen(trace).steps)
    return None


def _room(system: TransitionSystem, place: int) -> int:
    r = system.resources[place]
    if r.exclusive is not None:
        return 1
    capacity = whole(r.capacity)
    return 1 if capacity is None else capacity


def _amount(system: TransitionSystem, rule: Rule, place: int) -> int:
    r = system.resources[place]
    return sum(upper(a, system) or 1 for u, a in rule.holds if u in (r.used, r.exclusive))
