"""`race_free`: no two steps that may run at once conflict on data without a common lock."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from ...semantics.expr import Expr, Op, Scalar, and_, not_, same, substitute, var, variables
from ...semantics.system import Obligation, Rule, TransitionSystem, VarKind
from ...semantics.trace import Trace
from ...semantics.values import enabled
from ..engines.structure import Structure
from ..session import Session
from ..verdict import Proved, Refuted, Unknown, Verdict

DATA = (VarKind.DATA, VarKind.SHARED)
MOST_PAIRS = 400


@dataclass(frozen=True, slots=True)
class Access:
    """How a rule touches a variable; `commutes`: only by `x := x + e`."""

    rule: int
    reads: bool
    writes: bool
    commutes: bool


@dataclass(frozen=True, slots=True)
class Conflict:
    variable: int
    first: int
    second: int


def accesses(system: TransitionSystem, kinds: Sequence[VarKind] = DATA) -> dict[int, list[Access]]:
    """For each variable, the rules that read or write it."""
    out: dict[int, list[Access]] = {}
    wanted = {v.index for v in system.variables if v.kind in kinds}
    asserted = looked_at(system)
    for rule in system.rules:
        for v, access in touched(system, rule, wanted, asserted.get(rule.index, ())).items():
            out.setdefault(v, []).append(access)
    return out


def looked_at(system: TransitionSystem) -> dict[int, list[Expr]]:
    """What `assert` reads, by rule."""
    out: dict[int, list[Expr]] = {}
    for o in system.obligations:
        if o.check == "assert" and o.rule is not None:
            out.setdefault(o.rule, []).append(o.cond)
    return out


def touched(
    system: TransitionSystem, rule: Rule, wanted: Collection[int], asserted: Sequence[Expr] = ()
) -> dict[int, Access]:
    """How a rule touches the wanted variables."""
    reads = variables([rule.guard, rule.relation, *asserted]) & set(wanted)
    writes: dict[int, bool] = {}
    for v, e in rule.updates:
        if system.variables[v].kind is VarKind.GHOST:
            continue
        if v in wanted:
            amount = commuting(v, e)
            writes[v] = amount is not None
            reads |= variables([amount if amount is not None else e]) & set(wanted)
        else:
            reads |= variables([e]) & set(wanted)
    return {
        v: Access(rule.index, v in reads, v in writes, v in writes and writes[v] and v not in reads)
        for v in reads | writes.keys()
    }


def at_place(rule: Rule, where: Expr) -> Rule:
    """The rule where `location = point`; updates that change nothing there are left out."""
    location, point = where.args
    memo: dict[int, Expr] = {}

    def put(e: Expr) -> Expr:
        return substitute(
            e, lambda n: point if n.op is Op.VAR and n.index == location.index else n, memo
        )

    def updates(given: Sequence[tuple[int, Expr]]) -> tuple[tuple[int, Expr], ...]:
        placed = [(v, e, put(e)) for v, e in given]
        return tuple((v, new) for v, e, new in placed if new is e or not same(new, var(v, e.sort)))

    bundle = rule.bundle
    return replace(
        rule,
        guard=put(rule.guard),
        relation=put(rule.relation),
        own=updates(rule.own),
        bundle=bundle and replace(bundle, updates=updates(bundle.updates)),
    )


def commuting(index: int, value: Expr) -> Expr | None:
    """For an update `x := x + e` with `e` not reading x, the amount `e`; otherwise None."""
    if value.op is not Op.ADD:
        return None
    own = [a for a in value.args if a.op is Op.VAR and a.index == index]
    rest = [a for a in value.args if not (a.op is Op.VAR and a.index == index)]
    if len(own) != 1 or index in variables(rest):
        return None
    return Expr(Op.ADD, tuple(rest), value.sort) if len(rest) > 1 else rest[0]


def conflicts(
    structure: Structure, kinds: Sequence[VarKind] = DATA, locks: bool = True
) -> Iterator[Conflict]:
    """Pairs of rules that threads do not keep apart and that conflict on a variable."""
    system = structure.system
    asserted = looked_at(system)
    for v, found in accesses(system, kinds).items():
        if not any(a.writes for a in found):
            continue
        threads = {system.rules[a.rule].thread for a in found}
        if len(threads) < 2 and not any(system.rules[a.rule].over_children for a in found):
            continue
        for i, a in enumerate(found):
            for b in found[i + 1 :]:
                if not _against(a, b):
                    continue
                first, second = system.rules[a.rule], system.rules[b.rule]
                if not structure.beside(first, second):
                    continue
                if locks and _common_lock(system, first, second):
                    continue
                where = structure.joined(first, second)
                if where is not None:
                    # Looked at again without the tests on the way to the fork.
                    first, second = at_place(first, where), at_place(second, where)
                    x = touched(system, first, {v}, asserted.get(a.rule, ())).get(v)
                    y = touched(system, second, {v}, asserted.get(b.rule, ())).get(v)
                    if x is None or y is None or not _against(x, y):
                        continue
                yield Conflict(v, a.rule, b.rule)


def _against(a: Access, b: Access) -> bool:
    return (a.writes or b.writes) and not (a.commutes and b.commutes)


def _common_lock(system: TransitionSystem, a: Rule, b: Rule) -> bool:
    """Do both hold claims that cannot be granted together?"""
    held_a, held_b = _held(a), _held(b)
    for r in system.resources:
        if not r.enforced:
            continue
        if r.exclusive is not None:
            both = {r.used, r.exclusive}
            if (r.exclusive in held_a and both & held_b.keys()) or (
                r.exclusive in held_b and both & held_a.keys()
            ):
                return True
            continue
        if r.used in held_a and r.used in held_b and isinstance(r.capacity.value, int):
            # Amounts must be known from below: constants only.
            x, y = held_a[r.used], held_b[r.used]
            if x is not None and y is not None and x + y > r.capacity.value:
                return True
    return False


def _held(rule: Rule) -> dict[int, int | None]:
    out: dict[int, int | None] = {}
    for used, amount in (*rule.holds, *rule.gains):
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
    for conflict in found[:40]:
        a, b = system.rules[conflict.first], system.rules[conflict.second]
        goal = Obligation("race_free", "", not_(and_(a.guard, b.guard)), "", a.span)
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
            case Holds(n):
                states = max(states, n)
            case Open(reason, _):
                doubt = reason
    if doubt or len(found) > 40:
        c = found[0]
        name = system.variables[c.variable].name
        return Unknown(
            "search",
            f"{system.rules[c.first].name} and {system.rules[c.second].name} conflict on {name}; "
            f"whether they can run at once was not decided ({doubt or 'too many pairs'})",
        )
    return Proved(
        "search", "the steps that conflict can never be taken at once", f"{states} states"
    )


def _refuted(session: Session, c: Conflict, trace: Trace) -> Verdict:
    system = session.system
    a, b = system.rules[c.first], system.rules[c.second]
    name = system.variables[c.variable].name

    def both(states: Sequence[tuple[Scalar, ...]], _: Trace) -> bool:
        return enabled(a, states[-1]) and enabled(b, states[-1])

    what = "write" if _writes(a, c.variable) and _writes(b, c.variable) else "use"
    notes = (f"step one: {a.name} ({a.span})", f"step two: {b.name} ({b.span})")
    return session.confirm(
        "search",
        f"`{a.name}` and `{b.name}` may both be taken now, both {what} {name}, and share no lock",
        trace,
        a.span,
        both,
        notes=notes,
    )


def _writes(rule: Rule, variable: int) -> bool:
    return any(v == variable for v, _ in rule.updates)
