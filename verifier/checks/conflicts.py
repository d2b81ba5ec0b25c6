"""`race_free`: no two steps that may run at once conflict on data without a common lock."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...semantics.expr import Expr, Op, Scalar, and_, not_, or_
from ...semantics.system import Obligation, Rule, TransitionSystem, VarKind
from ...semantics.trace import Trace
from ...semantics.values import enabled
from ..engines.structure import Structure
from ..session import Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from . import intime
from .footprints import Access, against, at_place, changes, in_state, looked_at, looks, touched
from .simulated import FAILING, RUNS, broken_at

DATA = (VarKind.DATA, VarKind.SHARED)
MOST_ASKED = 40  # pairs
MOST_PAIRS = 400


@dataclass(frozen=True, slots=True)
class Conflict:
    variable: int
    first: int
    second: int


def accesses(system: TransitionSystem, kinds: Sequence[VarKind] = DATA) -> dict[int, list[Access]]:
    """For each variable, the rules that read or write it."""
    out: dict[int, list[Access]] = {}
    wanted = {v.index for v in system.variables if v.kind in kinds}
    asked = looked_at(system)
    for rule in system.rules:
        for v, access in touched(system, rule, wanted, asked.get(rule.index, ())).items():
            out.setdefault(v, []).append(access)
    return out


def conflicts(
    structure: Structure, kinds: Sequence[VarKind] = DATA, locks: bool = True
) -> Iterator[Conflict]:
    """Pairs of rules that threads do not keep apart and that conflict on a variable."""
    system = structure.system
    asked = looked_at(system)
    for v, found in accesses(system, kinds).items():
        if not any(a.writes for a in found):
            continue
        threads = {system.rules[a.rule].thread for a in found}
        if len(threads) < 2 and not any(system.rules[a.rule].over_children for a in found):
            continue
        for i, a in enumerate(found):
            for b in found[i + 1 :]:
                if not against(a, b):
                    continue
                first, second = system.rules[a.rule], system.rules[b.rule]
                if not structure.beside(first, second):
                    continue
                if locks and _common_lock(structure, first, second):
                    continue
                where = structure.joined(first, second)
                if where is not None:
                    # Looked at again without the tests on the way to the fork.
                    first, second = at_place(first, where), at_place(second, where)
                    x = touched(system, first, {v}, asked.get(a.rule, ())).get(v)
                    y = touched(system, second, {v}, asked.get(b.rule, ())).get(v)
                    if x is None or y is None or not against(x, y):
                        continue
                yield Conflict(v, a.rule, b.rule)


def _common_lock(structure: Structure, a: Rule, b: Rule) -> bool:
    """Do both hold claims that cannot be granted together?"""
    system = structure.system
    held_a, held_b = _held(structure, a, b), _held(structure, b, a)
    for r in system.resources:
        if not r.enforced:
            continue
        if r.exclusive is not None:
            both = {r.used, r.exclusive}
            mine, theirs = _sure(held_a) & both, _sure(held_b) & both
            if mine and theirs and r.exclusive in mine | theirs:
                return True
            continue
        if r.used in held_a and r.used in held_b and isinstance(r.capacity.value, int):
            # Amounts must be known from below: constants only.
            x, y = held_a[r.used], held_b[r.used]
            if x is not None and y is not None and x + y > r.capacity.value:
                return True
    return False


def _sure(held: dict[int, int | None]) -> set[int]:
    return {used for used, amount in held.items() if amount is not None}


def _held(structure: Structure, rule: Rule, other: Rule) -> dict[int, int | None]:
    """What the rule holds by itself (None: how much is not known).

    What is held where the threads of both branch off, and around it, keeps neither away.
    """
    out = _amounts((*rule.holds, *rule.gains))
    for used, amount in _amounts(structure.held_around(rule.thread, other.thread)).items():
        mine = out.get(used)
        out[used] = None if mine is None or amount is None else mine - amount
    return {used: amount for used, amount in out.items() if amount != 0}


def _amounts(holds: Iterable[tuple[int, Expr]]) -> dict[int, int | None]:
    out: dict[int, int | None] = {}
    for used, amount in holds:
        known = amount.value if amount.op is Op.CONST and isinstance(amount.value, int) else None
        before = out.get(used, 0)
        out[used] = None if known is None or before is None else before + known
    return out


def race_free(session: Session) -> Verdict:
    found = []
    for conflict in conflicts(session.structure):
        found.append(conflict)
        if len(found) > MOST_PAIRS:
            break
    if not found:
        return Proved(
            "structure",
            "steps that may run side by side share no data that one of them writes, "
            "but under a common lock or by commuting updates",
        )
    return _reachable(session, found)


def _reachable(session: Session, found: list[Conflict]) -> Verdict:
    """Is there a state in which both steps of a pair can be taken?"""
    from ..engines.search import Holds, Open, Violated, explore
    from ..engines.slice import slice_for

    system = session.system
    doubt = ""
    states = 0
    open_: list[tuple[Conflict, Obligation]] = []
    asked: list[tuple[Conflict, Obligation]] = []
    for conflict in found[:MOST_ASKED]:
        a, b = system.rules[conflict.first], system.rules[conflict.second]
        both = and_(a.guard, b.guard, _may_clash(system, a, b, conflict.variable))
        asked.append((conflict, Obligation("race_free", "", not_(both), "", a.span)))
    never = _never(session, [goal for _, goal in asked])
    for k, (conflict, goal) in enumerate(asked):
        if k in never:
            continue
        if session.left() <= 0:
            doubt = "out of time"
            break
        cone = slice_for(system, [goal])
        result = explore(
            system,
            [goal],
            max_states=session.options.max_states,
            seconds=session.share(0.15),
            cone=cone,
        )
        match result.findings[0]:
            case Violated(trace):
                verdict = _refuted(session, conflict, trace)
                if isinstance(verdict, Refuted):
                    return verdict
                doubt = verdict.why if isinstance(verdict, Unknown) else doubt
                open_.append((conflict, goal))
            case Holds(n):
                states = max(states, n)
            case Open(reason, _):
                doubt = reason
                open_.append((conflict, goal))
    for conflict, trace in _met(session, open_):
        verdict = _refuted(session, conflict, trace, "simulation")
        if isinstance(verdict, Refuted):
            return verdict
    if doubt or len(found) > MOST_ASKED:
        nodes = intime.never_at_once(session, [(c.first, c.second) for c in found])
        if nodes:
            how = "the steps that conflict can never be taken at once, whatever the clocks show"
            return Proved("search", how, f"{nodes} states")
        c = found[0]
        name = system.variables[c.variable].name
        return Unknown(
            "search",
            f"{system.rules[c.first].name} and {system.rules[c.second].name} conflict on {name}; "
            f"whether they can run at once was not decided ({doubt or 'too many pairs'})",
        )
    how = "the steps that conflict can never be taken at once"
    if len(never) == len(asked):
        return Proved("induction", how)
    return Proved("search", how, f"{states} states")


def _never(session: Session, goals: Sequence[Obligation]) -> set[int]:
    """Which of the goals are kept by every rule, with what holds besides."""
    from ..engines.common import Budget
    from ..engines.induction import Inductive, prove_invariants

    control = session.structure.never_entered()
    budget = Budget(session.share(0.1))
    found = prove_invariants(session.system, control, goals, budget)
    return {k for k, a in enumerate(found.answers) if isinstance(a, Inductive)}


def _met(
    session: Session, open_: Sequence[tuple[Conflict, Obligation]]
) -> Iterator[tuple[Conflict, Trace]]:
    """Random timed runs up to a state in which both steps of a pair can be taken."""
    simulate = session.simulator() if open_ else None
    until = time.monotonic() + session.share(0.1)
    for number in range(RUNS if simulate is not None else 0):
        if time.monotonic() > until:
            return
        assert simulate is not None
        failing = FAILING[number % len(FAILING)]
        trace = simulate(session.options.seed * 1000 + number, failing, {}, ())
        if trace is None:
            continue
        trace = Trace(trace.initial, trace.steps[:500])
        states = session.replay(session.system, trace).states
        for conflict, goal in open_:
            end = broken_at(goal, states, trace)
            if end is not None:
                yield conflict, Trace(trace.initial, trace.steps[:end])


def _may_clash(system: TransitionSystem, a: Rule, b: Rule, v: int) -> Expr:
    """The states in which one of the steps may change what the other touches."""
    asked = looked_at(system)
    x, y = changes(a, v), changes(b, v)
    read_a, read_b = (looks(r, v, asked.get(r.index, ())) for r in (a, b))
    return or_(and_(x, y), and_(x, read_b), and_(y, read_a))


def clash(system: TransitionSystem, a: Rule, b: Rule, v: int, state: Sequence[Scalar]) -> bool:
    """Do both steps, taken in this state, touch the variable so that their order matters?"""
    asked = looked_at(system)
    found = []
    for r in (a, b):
        there, terms = in_state(r, asked.get(r.index, ()), state, v)
        found.append(touched(system, there, {v}, terms).get(v))
    return found[0] is not None and found[1] is not None and against(found[0], found[1])


def _refuted(session: Session, c: Conflict, trace: Trace, engine: str = "search") -> Verdict:
    system = session.system
    a, b = system.rules[c.first], system.rules[c.second]
    name = system.variables[c.variable].name

    def both(states: Sequence[tuple[Scalar, ...]], _: Trace) -> bool:
        return (
            enabled(a, states[-1])
            and enabled(b, states[-1])
            and clash(system, a, b, c.variable, states[-1])
        )

    replayed = session.replay(system, trace)
    if replayed.ok and not clash(system, a, b, c.variable, replayed.states[-1]):
        return Unknown("search", "where both can be taken they do not touch the same")
    what = "write" if _writes(a, c.variable) and _writes(b, c.variable) else "use"
    notes = (f"step one: {a.name} ({a.span})", f"step two: {b.name} ({b.span})")
    return session.confirm(
        engine,
        f"`{a.name}` and `{b.name}` may both be taken now, both {what} {name}, and share no lock",
        trace,
        a.span,
        both,
        notes=notes,
    )


def _writes(rule: Rule, variable: int) -> bool:
    return any(v == variable for v, _ in rule.updates)
