"""`race_free`: where two steps can be taken at once, their order does not matter through data,
or a common lock keeps them apart."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from ...dsl.records import dataclass
from ...semantics.expr import Expr, Op, Scalar, and_, not_
from ...semantics.system import Obligation, Rule, RuleKind, TransitionSystem, VarKind
from ...semantics.trace import Trace
from ...semantics.values import enabled
from ...semantics.walks import variables
from ..engines.common import conjuncts
from ..engines.structure import Structure, upper
from ..prompt import alike
from ..session import Session
from ..verdict import Proved, Refuted, Unknown, Verdict
from . import intime
from .footprints import Access, against, at_place, looked_at, touched
from .graph import NOT_CHOSEN
from .instants import possible, together
from .order import DATA, matters, order
from .racing import told
from .simulated import FAILING, RUNS, broken_at

MOST_PAIRS = 400
MOST_SEARCHED = 40
MOST_ALONE = 20_000  # states of one instance by itself
APART = (
    "steps that may run side by side share no data that one of them writes, "
    "but under a common lock or by commuting updates"
)
ALONE = (
    "steps that conflict are steps of one instance, which can never take both at once, whatever "
    "others do"
)
UNTIMELY = "no run was found in which both can be taken at one instant"


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
                if locks and _apart(structure, v, first, second):
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


def _apart(structure: Structure, variable: int, a: Rule, b: Rule) -> bool:
    """Has the user said how they are kept apart: by transactions on a store, or by a lock?"""
    if RuleKind.CRASH in (a.kind, b.kind):
        return True  # a crash is nobody's step: what it loses is a matter of the properties
    if structure.system.variables[variable].durable and a.transaction and b.transaction:
        return True
    if _sets_the_time(a, variable) and _sets_the_time(b, variable):
        return True  # at one instant both set the same
    return _common_lock(structure, a, b)


def _sets_the_time(rule: Rule, variable: int) -> bool:
    value = dict(rule.updates).get(variable)
    return value is not None and value.op is Op.INPUT and rule.inputs[value.index].clock


def _common_lock(structure: Structure, a: Rule, b: Rule) -> bool:
    """Do both hold claims that cannot be granted together?"""
    system = structure.system
    held_a, held_b = _held(structure, a, b), _held(structure, b, a)
    for r in system.resources:
        if not r.enforced or r.kind == "rate":
            continue
        if r.exclusive is not None:
            both = {r.used, r.exclusive}
            mine, theirs = _sure(held_a) & both, _sure(held_b) & both
            if mine and theirs and r.exclusive in mine | theirs:
                return True
            continue
        capacity = upper(r.capacity, system)
        if r.used in held_a and r.used in held_b and capacity is not None:
            # Amounts must be known from below: constants only.
            x, y = held_a[r.used], held_b[r.used]
            if x is not None and y is not None and x + y > capacity:
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
    proved, found = locally(session)
    return proved or _reachable(session, found)


def locally(session: Session) -> tuple[Proved | None, list[Pair]]:
    """Proved, where structure or what one instance does by itself keeps all steps that conflict
    apart, of any number of instances; and the pairs that are left."""
    pairs: dict[tuple[int, int], list[int]] = {}
    for c in conflicts(session.structure):
        pairs.setdefault((c.first, c.second), []).append(c.variable)
        if len(pairs) > MOST_PAIRS:
            break
    if not pairs:
        return Proved("structure", APART), []
    rules = session.system.rules
    found = [Pair(rules[a], rules[b], tuple(vs)) for (a, b), vs in pairs.items()]
    if len(pairs) <= MOST_PAIRS and session.may("search"):
        found, states = _left_by_one_instance(session, found)
        if not found:
            return Proved("search", ALONE, f"{states} states"), []
    return None, found


@dataclass(frozen=True, slots=True)
class Pair:
    """Two steps that structure does not keep apart, and the variables on which they conflict."""

    a: Rule
    b: Rule
    variables: tuple[int, ...]


def _left_by_one_instance(session: Session, found: list[Pair]) -> tuple[list[Pair], int]:
    """The pairs that are not seen to be kept apart by what their instance does by itself, whatever
    others write and hold; with the number of states that were looked at.

    Others may be any number: what the members of its own kind write counts as theirs, too.
    """
    from ..engines.search import Holds, explore
    from ..engines.slice import slice_for

    system = session.system
    crowd = {m for kind in system.any_number for m in kind.members}
    left = [p for p in found if p.a.instance != p.b.instance]
    states = 0
    for instance in sorted({p.a.instance for p in found if p.a.instance == p.b.instance}):
        mine = [p for p in found if p.a.instance == p.b.instance == instance]
        cut = {v.index for v in system.variables if v.kind is VarKind.USED}
        for rule in system.rules:
            if rule.instance != instance:
                cut.update(v for v, _ in rule.updates)
            elif instance in crowd:
                cut.update(v for v, _ in rule.updates if system.variables[v].instance is None)
        goals = [_never_both_without(system, p, cut) for p in mine]
        result = explore(
            system,
            goals,
            max_states=MOST_ALONE,
            seconds=session.share(0.1),
            cone=slice_for(system, goals, cut),
            reduce=True,
        )
        for pair, finding in zip(mine, result.findings, strict=True):
            if isinstance(finding, Holds):
                states = max(states, finding.states)
            else:
                left.append(pair)
    return left, states


def _never_both_without(system: TransitionSystem, pair: Pair, cut: Collection[int]) -> Obligation:
    """The same, with what depends on some variables taken as true."""
    goal = _never_both(system, pair)
    parts = [p for p in conjuncts(not_(goal.cond)) if variables([p]).isdisjoint(cut)]
    return replace(goal, cond=not_(and_(*parts)))


def _reachable(session: Session, found: list[Pair]) -> Verdict:
    """Is there a state in which both steps of a pair can be taken, and their order matters?"""
    from ..engines.search import Finding, Holds, Open, Violated, explore
    from ..engines.slice import slice_for

    system = session.system
    goals = [_never_both(system, pair) for pair in found]
    # Most are settled by one look at all states; the others have a smaller cone of their own.
    findings: dict[int, Finding] = {k: Open(NOT_CHOSEN, 0) for k in range(len(goals))}
    searched = session.may("search")
    if searched:
        first = explore(
            system,
            goals,
            max_states=session.options.max_states,
            seconds=session.share(0.25),
            cone=slice_for(system, goals),
            reduce=True,
        )
        findings = dict(enumerate(first.findings))
    doubt = "too many pairs" if len(found) > MOST_PAIRS else ""  # then they are not all
    states = 0
    open_: list[tuple[Pair, Obligation]] = []
    alone = 0
    for k in sorted(findings, key=lambda k: not isinstance(findings[k], Violated)):
        pair, goal, finding = found[k], goals[k], findings[k]
        if isinstance(finding, Open) and len(found) > 1 and searched:
            alone += 1
            if alone > MOST_SEARCHED or session.left() <= 0:
                doubt = "too many pairs" if session.left() > 0 else "out of time"
                break
            finding = explore(
                system,
                [goal],
                max_states=session.options.max_states,
                seconds=session.share(0.15),
                cone=slice_for(system, [goal]),
                reduce=True,
            ).findings[0]
        match finding:
            case Violated(trace):
                verdict = _refuted(session, pair, trace)
                if isinstance(verdict, Refuted):
                    return verdict
                doubt = verdict.why if isinstance(verdict, Unknown) else doubt
                open_.append((pair, goal))
            case Holds(states=n):
                states = max(states, n)
            case Open(reason, _):
                doubt = reason
                open_.append((pair, goal))
    if doubt:
        return _by_clocks(session, found, open_, doubt)
    return Proved(
        "search",
        "steps that conflict can never be taken at once, or their order does not matter then",
        f"{states} states",
    )


def _never_both(system: TransitionSystem, pair: Pair) -> Obligation:
    matters_ = order(system, pair.a, pair.b, pair.variables).anywhere
    both = and_(pair.a.guard, pair.b.guard, matters_)
    return Obligation("race_free", "", not_(both), "", pair.a.span)


def _by_clocks(
    session: Session, found: list[Pair], open_: list[tuple[Pair, Obligation]], doubt: str
) -> Verdict:
    """What the order of steps alone does not tell."""
    if doubt != UNTIMELY:  # it is large: runs find more than its states with their clocks
        for pair, trace in _met(session, open_):
            verdict = _refuted(session, pair, trace, "simulation")
            if isinstance(verdict, Refuted):
                return verdict
    nodes, runs = intime.races(session, [(p.a, p.b, p.variables) for p in found])
    if nodes and len(found) <= MOST_PAIRS:  # else these are not all
        how = "the steps that conflict can never be taken at once, whatever the clocks show"
        return Proved("search", how, f"{nodes} states")
    for number, trace in runs:
        verdict = _refuted(session, found[number], trace)
        if isinstance(verdict, Refuted):
            return verdict
    if doubt == UNTIMELY:
        for pair, trace in _met(session, open_):
            verdict = _refuted(session, pair, trace, "simulation")
            if isinstance(verdict, Refuted):
                return verdict
    pair = open_[0][0] if open_ else found[0]
    name = session.system.variables[pair.variables[0]].name
    return Unknown(
        "search",
        f"{pair.a.name} and {pair.b.name} conflict on {name}; "
        f"whether they can run at once was not decided ({doubt})",
    )


def _met(
    session: Session, open_: Sequence[tuple[Pair, Obligation]]
) -> Iterator[tuple[Pair, Trace]]:
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
        for pair, goal in open_:
            end = broken_at(goal, states, trace)
            if end is not None:
                yield pair, Trace(trace.initial, trace.steps[:end])


def _refuted(session: Session, pair: Pair, trace: Trace, engine: str = "search") -> Verdict:
    """REFUTED by this run, or by one like it, if both steps can be taken at one instant after it
    (or, where one reads while it runs, beside each other)."""
    system = session.system

    def both(states: Sequence[tuple[Scalar, ...]], _: Trace) -> bool:
        if not (enabled(pair.a, states[-1]) and enabled(pair.b, states[-1])):
            return False
        return any(matters(system, pair.a, pair.b, pair.variables, states[-1]))

    def at_once(run: Trace) -> bool:
        replayed = session.replay(system, run)
        if not replayed.ok or not both(replayed.states, run):
            return False
        state = replayed.states[-1]
        instant, *running = matters(system, pair.a, pair.b, pair.variables, state)
        return (instant and together(session, run, state, pair.a, pair.b)) or any(
            looks and possible(session, run, state, other)
            for looks, other in zip(running, (pair.b, pair.a), strict=True)
        )

    replayed = session.replay(system, trace)
    if replayed.ok and not both(replayed.states, trace):
        return Unknown(engine, "where both can be taken their order does not matter")
    run = next((t for t in (trace, *alike(system, trace)) if at_once(t)), None)
    if run is None:
        return Unknown(engine, UNTIMELY)
    state = session.replay(system, run).states[-1]
    message, notes = told(system, pair.a, pair.b, pair.variables, state)
    return session.confirm(engine, message, run, pair.a.span, both, notes=notes)
