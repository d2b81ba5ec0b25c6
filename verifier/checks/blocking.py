"""`deadlock_free`: can everybody always go on?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ...semantics.expr import FALSE, TRUE, Expr, Scalar, and_, implies, le, not_, or_
from ...semantics.idle import without
from ...semantics.system import (
    Obligation,
    ResourceInfo,
    RuleKind,
    TransitionSystem,
    VarKind,
)
from ...semantics.trace import Trace
from ...semantics.walks import variables
from ..engines.search_graph import Graph
from ..engines.search_threads import ended
from ..engines.structure import Structure, lower, upper
from ..session import Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from . import intime, layers, loops, obligations, standstill, waiting
from .deadlocked import among_few, at_once, by_marking, first_circle, refuted
from .graph import full_graph
from .stuck import blocked_for_ever
from .waiters import circle_of, holds_something, wait_for, waiting_in

if TYPE_CHECKING:
    from ..engines.search_live import Stuck

NEVER_SHORT = (
    "the place invariants leave no marking at which some threads wait for units that only they "
    "hold, so some holder can always go on until it lets go"
)
LAYERS = (
    "what is waited for can be put in an order such that each is brought about with the help of "
    "those before it only, however many wait: "
)
CIRCULAR = "who is to bring about a condition may wait for those who wait for it"


def deadlock_free(session: Session) -> Verdict:
    """In every reachable state, each set of waiting threads can be released from outside it."""
    obstacle, contended, waits = _obstacles(session)
    layered = _in_layers(session, obstacle, contended)
    if layered is not None:
        return layered
    cycle: list[int] | None = None
    if not obstacle and session.may("structure"):
        structure = session.structure
        if waits:
            if waiting.circle(structure, contended, waits) is None:
                return Proved(
                    "structure",
                    "each condition that is waited for holds, and stays, when others beside the "
                    "wait are over, who wait for none that waits for them; claims have an order",
                )
            obstacle = CIRCULAR
        elif not contended:
            return Proved(
                "structure",
                "no claim ever waits: what all threads together can hold at once stays within "
                "the capacity of every resource, and nothing else blocks",
            )
        cycle = structure.hold_and_wait(contended)
        if cycle is None and not waits:
            names = sorted({r.name for r in _resources(session, contended)})
            return Proved(
                "structure",
                "the resources can be put in an order such that whoever holds one only asks for "
                f"later ones (contended: {', '.join(names)}), so no circle of waiting is possible",
            )
    if cycle is not None and session.may("search"):
        found = at_once(session, contended, cycle)
        if found is not None:
            return found
    if not obstacle and not waits:
        never = never_short(session)
        if never is not None:
            return never
    if cycle is not None:
        marked = by_marking(session)
        if marked is not None:
            return marked
    if cycle is not None and session.may("search"):
        found = among_few(session, contended, cycle)
        if isinstance(found, Refuted):
            return found
    return _by_search(session, obstacle)


def is_structural(session: Session) -> bool:
    """Whether structure alone proves it, at once."""
    if not session.may("structure"):
        return False
    obstacle, contended, _ = _obstacles(session, search=False)
    if _in_layers(session, obstacle, contended) is not None:
        return True
    return not obstacle and (not contended or session.structure.hold_and_wait(contended) is None)


def by_order(session: Session, ends: Callable[[], bool]) -> Proved | None:
    """What structure alone proves, whatever the number of instances; `ends`: do all loops?"""
    obstacle, contended, waits = _obstacles(session, search=False, ends=ends)
    layered = _in_layers(session, obstacle, contended)
    if layered is not None:
        return layered
    if obstacle or waits or session.structure.hold_and_wait(contended) is not None:
        return None
    names = sorted({r.name for r in _resources(session, contended)})
    if not names:
        return Proved("structure", "nothing is claimed or waited for that others may hold")
    return Proved(
        "structure",
        "the resources can be put in an order such that whoever holds one only asks for later "
        f"ones ({', '.join(names)}), so no circle of waiting is possible, however many wait",
    )


def _in_layers(session: Session, obstacle: str, contended: set[int]) -> Proved | None:
    """Where nothing but messages is in the way of the order of claims."""
    if obstacle != waiting.FOR_MESSAGES or not session.may("structure"):
        return None
    order = layers.all_met(session.structure, contended)
    if order is None:
        return None
    return Proved("structure", f"{LAYERS}{', '.join(order)}")


def never_short(
    session: Session, many: Collection[int] = (), aside: Collection[int] = ()
) -> Proved | None:
    """Where claims have no order: no set of threads is ever blocked by what it holds itself."""
    from ..engines import siphons

    if not session.may("siphons"):
        return None
    seconds = session.share(0.1)
    if not siphons.never_short(session.structure, session.linking, seconds, many, aside):
        return None
    return Proved("siphons", NEVER_SHORT)


def of_any_number(session: Session, ends: Callable[[], bool]) -> Proved | None:
    """The same, whatever the number of instances is."""
    obstacle, _, waits = _obstacles(session, search=False, ends=ends)
    if obstacle or waits:
        return None
    groups = session.system.any_number
    firsts = [g.members[0] for g in groups]
    others = [i for g in groups for i in g.members[1:]]
    return never_short(session, firsts, others)


def _resources(session: Session, used: set[int]) -> list[ResourceInfo]:
    return [r for r in session.system.resources if r.used in used or r.exclusive in used]


def _obstacles(
    session: Session, search: bool = True, ends: Callable[[], bool] | None = None
) -> tuple[str, set[int], Sequence[waiting.Wait]]:
    """What, beside claims, may block or keep a holder from ending; the contended resources; and
    waits for what others are sure to bring about.

    The structural argument needs that every step but a claim can be taken, at the latest when
    the environment answers.  (A step that an `assume` forbids ends a run that does not count.)
    """
    system = session.system
    structure = session.structure
    contended = structure.contended()
    mute = without_answer(session, search)
    if mute:
        return f"{mute} may have no result that its contract allows", contended, ()
    never = may_never_fit(structure)
    if never:
        return never, contended, ()
    for loop in system.loops:
        if not _held_throughout(system, loop.rules) & contended:
            continue
        if not (ends() if ends is not None else search and loops.ends(session, loop)):
            return "a loop that may go on for ever holds a resource", contended, ()
    waits = waiting.waits(session, search)
    return ("", contended, waits) if not isinstance(waits, str) else (waits, contended, ())


def may_never_fit(structure: Structure) -> str:
    """Of what a claim may ask for more than there ever is; "" for none."""
    system = structure.system
    for r in system.resources:
        for rule in system.rules:
            for used, amount in rule.gains:
                if used == r.used and r.exclusive is None and r.enforced:
                    most = upper(amount, system)
                    least = lower(r.capacity, system)
                    fits = most is not None and least is not None and most <= least
                    if not fits and not _fits(structure, amount, r):
                        return f"a claim may exceed the capacity of {r.name}"
    return ""


def _fits(structure: Structure, amount: Expr, r: ResourceInfo) -> bool:
    """By what is said at the start of parameters and arguments."""
    from ...semantics.symbolic import is_valid

    system = structure.system
    read = variables([amount, r.capacity])
    if any(system.variables[v].kind not in (VarKind.ARG, VarKind.PARAM) for v in read):
        return False
    return is_valid(implies(and_(*structure.constants()), le(amount, r.capacity)))


def without_answer(session: Session, search: bool) -> str:
    """An activity that may run although nothing satisfies its contract then; "" for none."""
    goals: list[tuple[str, Obligation]] = []
    for rule in session.system.rules:
        if rule.kind is RuleKind.COMPLETE:
            cond = loops.answerable(rule)
            if cond is None:
                return rule.activity
            if cond is not TRUE:
                may = or_(not_(rule.guard), cond)
                goals.append((rule.activity, Obligation("contracts", "", may, "", rule.span)))
    if goals and not search:
        return goals[0][0]
    with session.slot(0.3):
        claims = [obligations.Claim("contracts", name, (goal,)) for name, goal in goals]
        found = obligations.decide(session, claims) if claims else {}
    return next((goals[k][0] for k, v in found.items() if not isinstance(v, Proved)), "")


def _held_throughout(system: TransitionSystem, rules: Sequence[int]) -> set[int]:
    held: set[int] | None = None
    for index in rules:
        mine = {u for u, _ in system.rules[index].holds}
        held = mine if held is None else held & mine
    return held or set()


# --- search ----------------------------------------------------------------------------------


def _by_search(session: Session, obstacle: str) -> Verdict:
    from ..engines.search_live import Free, Stuck, deadlocks

    quick = _by_ends(session) if session.may("search") else None
    if quick is not None:
        return quick
    if session.graph is None:  # there are too many states to see them all at once
        met = standstill.somebody(session, partial(refuted, session))
        if met is not None:
            return met
    graph, why = full_graph(session)
    if graph is None:
        return Unknown("search", why)
    if not graph.complete:
        found = _by_ends(session, messages=True)
        if found is not None:
            return found
    answer = deadlocks(graph)
    match answer:
        case Stuck():
            found = _stuck(session, graph, answer)
            if isinstance(found, Unknown):
                found = intime.deadlock_free(session, False) or found
            return found
        case Free(states):
            proved = Proved("search", f"all {states} states were visited", f"{states} states")
            return replace(proved, warning=_broken_by_timeout(session, graph))
        case _:
            if answer.timing:
                timed = intime.deadlock_free(session, True)
                if isinstance(timed, Proved):
                    return replace(timed, warning=_broken_by_timeout(session, graph))
                if timed is not None:
                    return timed
            met = standstill.somebody(session, partial(refuted, session))
            if met is not None:
                return met
            reason = answer.reason
            return Unknown("search", f"{obstacle}; {reason}" if obstacle else reason)


def _stuck(session: Session, graph: Graph, answer: Stuck) -> Verdict:
    return first_circle(session, graph) or refuted(session, answer.trace, answer.dead)


def stuck_in(session: Session, graph: Graph) -> Verdict | None:
    """What a graph of all states says at once."""
    from ..engines.search_live import Stuck, deadlocks

    answer = deadlocks(graph)
    return _stuck(session, graph, answer) if isinstance(answer, Stuck) else None


def _by_ends(session: Session, messages: bool = False) -> Verdict | None:
    """Where every run is finite: is each state without a step an end of all?  Then whoever waits
    can be released, as every run to its end shows.  The graph itself is not needed, so that
    interleavings and mirror images of states may be left out.  With `messages` also where rounds
    send or receive, of which it is seldom known that they end."""
    from ..engines.search import Holds, Violated, at_ends

    system = session.system
    known = session.graph is not None and session.graph[0] is not None and session.graph[0].complete
    if known or system.excluded is not FALSE or _late(session):
        return None
    if not messages and any(loops.by_messages(system, loop) for loop in system.loops):
        return None
    if any(r.kind is RuleKind.CRASH for r in system.rules):
        return None  # it may be the only step there is, and need not come
    if not all(loops.ends(session, loop) for loop in system.loops):
        return None
    over = and_(*(ended(system, i) for i in system.instances))
    goal = Obligation("deadlock_free", "", over, "nobody can ever go on", system.instances[0].span)
    found = at_ends(
        without(system, session.idle),
        goal,
        max_states=session.options.max_states,
        seconds=session.share(0.3),
    )
    match found:
        case Holds(states, up_to):
            how = (
                f"every run is finite, and of {states} states those without a step are ends of all"
            )
            how += f" (of states that differ by {up_to}, one was looked at)" if up_to else ""
            return Proved("search", how, f"{states} states")
        case Violated(trace):
            last = session.replay(session.system, trace).states[-1]
            verdict = refuted(session, trace, waiting_in(system, last))
            return verdict if isinstance(verdict, Refuted) else None
    return None


def _late(session: Session) -> set[int]:
    """Rules of time-outs, where one may break a circle of waiting."""
    late = {
        r.index for r in session.system.rules if r.kind in (RuleKind.INTERRUPT, RuleKind.TIMEOUT)
    }
    contended = session.structure.contended()
    circle = late and contended and session.structure.hold_and_wait(contended) is not None
    return late if circle else set()


def _broken_by_timeout(session: Session, graph: Graph) -> str:
    """A circle of waiting that a run comes to, and that nothing but a time-out breaks."""
    from ..engines.search_live import doomed

    system = session.system
    late = _late(session)
    if not late:
        return ""
    never = tuple(replace(r, guard=FALSE) if r.index in late else r for r in system.rules)
    structure = Structure(replace(system, rules=never))
    edges = [[e for e in out if e.rule not in late] for out in graph.edges]
    for node in doomed(replace(graph, edges=edges))[:100]:
        trace = graph.trace(node)
        replayed = session.replay(system, trace) if trace is not None else None
        if trace is None or replayed is None or not replayed.ok:
            continue
        state = replayed.states[-1]
        waiting = waiting_in(structure.system, state)
        core = circle_of(structure, state, blocked_for_ever(structure, state, waiting))
        if not any(holds_something(system, structure, t, state) for t in core):
            continue

        def same(states: Sequence[tuple[Scalar, ...]], _: Trace, core: list[int] = core) -> bool:
            return blocked_for_ever(structure, states[-1], core) == core

        if session.timed(trace, same) is not None:
            names = "; ".join(wait_for(structure.system, structure, state, core))
            return f"only a time-out breaks this circle of waiting: {names}"
    return ""
