"""What a step touches in one state: read as it is computed, branch by branch.

Written for the oracle, independently of the verifier's footprints, which look at terms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from naive import value
from wfverify.semantics.expr import Expr, Op
from wfverify.semantics.system import Rule, RuleKind, TransitionSystem, VarKind

DATA = (VarKind.DATA, VarKind.SHARED)


@dataclass
class Touches:
    reads: set[int] = field(default_factory=set)
    writes: set[int] = field(default_factory=set)
    adds: set[int] = field(default_factory=set)  # written by `x := x + e` only


def look(e: Expr, state: Sequence, inputs: Sequence, out: set[int], after: Sequence = ()) -> None:
    """Notes the variables that computing the term needs, from left to right, no further than
    needed."""
    if e.op is Op.VAR:
        out.add(e.value)
    elif e.op is Op.ITE:
        look(e.args[0], state, inputs, out, after)
        taken = e.args[1] if value(e.args[0], state, inputs, after) else e.args[2]
        look(taken, state, inputs, out, after)
    elif e.op in (Op.AND, Op.OR):
        parts = {id(p): bool(value(p, state, inputs, after)) for p in e.args}
        decided = [p for p in e.args if parts[id(p)] is (e.op is Op.OR)]
        for p in decided[:1] or e.args:  # one is enough where it decides
            look(p, state, inputs, out, after)
    else:
        for p in e.args:
            look(p, state, inputs, out, after)


def footprint(system: TransitionSystem, rule: Rule, state: Sequence, inputs: Sequence) -> Touches:
    out = Touches()
    parts = rule.guard.args if rule.guard.op is Op.AND else (rule.guard,)
    for p in parts:  # all of them must hold
        look(p, state, inputs, out.reads)
    after = list(state)
    for v, e in rule.updates:
        after[v] = value(e, state, inputs)
    look(rule.relation, state, inputs, out.reads, after)
    if rule.delay is not None:
        for bound in (rule.delay.lo, rule.delay.hi):
            if bound is not None:
                look(bound, state, inputs, out.reads)
    out.reads |= set(rule.reads)
    for o in system.obligations:
        if o.rule == rule.index and o.check in ("assert", "contracts", "ensures"):
            if rule.kind is not RuleKind.END:
                look(o.cond, state, inputs, out.reads, after)
    for v, e in rule.updates:
        kind = system.variables[v].kind
        if kind is VarKind.GHOST:
            continue
        while e.op is Op.ITE:
            look(e.args[0], state, inputs, out.reads)
            e = e.args[1] if value(e.args[0], state, inputs) else e.args[2]
        if e.op is Op.VAR and e.value == v:
            continue
        inside: set[int] = set()
        rest = [a for a in e.args if not (a.op is Op.VAR and a.value == v)]
        plain = e.op is Op.ADD and len(rest) == len(e.args) - 1
        for a in rest if plain else [e]:
            look(a, state, inputs, inside)
        if kind in DATA:
            out.writes.add(v)
            if plain and v not in inside:
                out.adds.add(v)
        out.reads |= inside
    data = {v.index for v in system.variables if v.kind in DATA}
    out.reads &= data
    return out


def conflict(a: Touches, b: Touches) -> bool:
    for v in (a.writes & (b.reads | b.writes)) | (b.writes & a.reads):
        if v in a.adds and v in b.adds and v not in a.reads and v not in b.reads:
            continue
        return True
    return False


def unsettled(
    system: TransitionSystem, a: tuple[Rule, Sequence], b: tuple[Rule, Sequence], state: Sequence
) -> bool:
    """Does the order of two steps, taken at one instant, matter through data?  By taking them."""
    for (first, given), (then, answers) in ((a, b), (b, a)):
        data = _taken(system, first, given, state, True)
        control = _taken(system, first, given, state, False)
        both = _taken(system, first, given, data, False)
        if value(then.guard, control) and not value(then.guard, both):
            return True
        if _effect(system, then, answers, state) != _effect(system, then, answers, data):
            return True
    ends = [
        _taken(system, then, answers, _taken(system, first, given, state, True), True)
        for (first, given), (then, answers) in ((a, b), (b, a))
    ]
    return ends[0] != ends[1]


def _taken(
    system: TransitionSystem, rule: Rule, inputs: Sequence, state: Sequence, data: bool
) -> list:
    """After its updates of data, or all others."""
    out = list(state)
    for v, e in rule.updates:
        if (system.variables[v].kind in DATA) is data:
            out[v] = value(e, state, inputs)
    return out


def _effect(system: TransitionSystem, rule: Rule, inputs: Sequence, state: Sequence) -> list:
    """What else the step does, and whether what is asked of it holds."""
    after = list(state)
    for v, e in rule.updates:
        after[v] = value(e, state, inputs)
    out = [value(rule.relation, state, inputs, after)]
    for o in system.obligations:
        if o.rule == rule.index and o.check in ("assert", "contracts", "ensures"):
            if rule.kind is not RuleKind.END:
                out.append(value(o.cond, state, inputs, after))
    for v, e in rule.updates:
        if system.variables[v].kind not in (*DATA, VarKind.GHOST):
            out.append(value(e, state, inputs))
    return out


def looks_while_running(
    system: TransitionSystem, runs: Rule, other: Rule, inputs: Sequence, state: Sequence
) -> bool:
    """Does the other step change what this one is said to read, or how long it takes?"""
    reads = set(runs.reads)
    if runs.delay is not None:
        for bound in (runs.delay.lo, runs.delay.hi):
            if bound is not None:
                look(bound, state, (), reads)
    after = _taken(system, other, inputs, state, True)
    return any(after[v] != state[v] for v in reads)


def own_claims(system: TransitionSystem, rule: Rule, other: Rule, state: Sequence) -> dict:
    """What the rule's thread and those above it hold, or take now, but not those that are above
    the other's thread too."""

    def above(t: int | None) -> list[int]:
        out = []
        while t is not None:
            out.append(t)
            t = system.threads[t].parent
        return out

    shared = set(above(other.thread))
    out: dict[int, int] = {}
    for t in above(rule.thread):
        if t not in shared:
            thread = system.threads[t]
            for used, amount in thread.points[state[thread.location]].holds:
                out[used] = out.get(used, 0) + value(amount, state)
    for used, amount in rule.gains:
        out[used] = out.get(used, 0) + value(amount, state)
    return {u: n for u, n in out.items() if n}
