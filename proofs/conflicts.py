"""Steps that conflict on data: none of them ever meet.

Only rules that speak of data which some rule writes are looked at, two by two where they speak of
the same; so the work grows with those, not with the system.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from ..semantics.evidence import Facts
from ..semantics.expr import Expr, Op
from ..semantics.system import Rule, RuleKind, VarKind
from ..semantics.walks import variables
from .apart import Meeting
from .facts import Prover, Wrong
from .pairs import Met, Pair, may_meet, meetings, reads, without_ghosts
from .reading import Step, settled
from .shapes import Known

DATA = (VarKind.DATA, VarKind.SHARED)


def touching_any(prover: Prover, kinds: Sequence[VarKind]) -> list[Rule]:
    """Rules that say something of a variable of these kinds that some rule writes.  (What they
    touch once their guards are put in is less.)"""
    system = prover.model.system
    written = {v for r in system.rules for v, _ in r.updates if system.variables[v].kind in kinds}
    silent: set[int] = set()  # terms that say nothing of these, by identity

    def speak(todo: list[Expr]) -> bool:
        new: list[int] = []
        while todo:
            node = todo.pop()
            if node.args:
                if id(node) not in silent:
                    silent.add(id(node))
                    new.append(id(node))
                    todo += node.args
            elif (node.op is Op.VAR or node.op is Op.POST) and node.value in written:
                silent.difference_update(new)  # some of them are above it
                return True
        return False

    def touches(rule: Rule) -> bool:
        delay = (rule.delay.lo, rule.delay.hi) if rule.delay is not None else ()
        terms = [rule.guard, rule.relation, *(e for e in delay if e is not None)]
        terms += [*(e for _, e in rule.updates), *prover.tree.asked.get(rule.index, ())]
        own = written.intersection([*rule.reads, *(v for v, _ in rule.updates)])
        return bool(own) or speak(terms)

    return [r for r in system.rules if touches(r)] if written else []


def races(prover: Prover, facts: Facts, met: Met | None = None) -> None:
    """No two steps that conflict on data meet; `x := x + e` and `x := x + f` do not conflict.  A
    crash is nobody's step: what it loses is a matter of the properties.

    That two steps never meet is mostly seen from where the guards say that threads are.  `met`:
    pairs that do, where that is known.
    """
    known = prover.established(facts)
    meeting = Meeting(prover) if prover.tree.steady else None
    rules = [r for r in touching_any(prover, DATA) if r.kind is not RuleKind.CRASH]
    whole = (Step(r, [], {}, dict(r.updates)) for r in rules)
    for one, other in meetings(prover, whole, DATA):
        if not may_meet(met, one.rule, other.rule):
            continue
        if meeting is None or not meeting.exclude(one.rule, other.rule):
            _race(prover, one.rule, other.rule, known)


def _race(prover: Prover, one: Rule, other: Rule, known: Known) -> None:
    """No step of the one conflicts with one of the other."""
    for a, b in product(prover.model.cases(one), prover.model.cases(other)):
        pair = Pair(prover, a, b, known)
        if pair.never:
            continue
        # Where both are: a test that a step makes of data is a read, whatever it must find.
        places = {v: e for v, e in pair.pins.items() if v in prover.model.locations}
        sides = []
        for step in (a, b):
            now = {v: settled(e, places) for v, e in without_ghosts(prover, step.updates).items()}
            own = {v: e for v, e in now.items() if not (e.op is Op.VAR and e.index == v)}
            added = {v for v, e in own.items() if _adds(v, e)}
            others = {v: e for v, e in own.items() if v not in added}
            amounts = {-v - 1: _rest(v, own[v]) for v in added}
            sides.append((own.keys(), added, reads(prover, step.rule, others | amounts, places)))
        (w, x, r), (w2, x2, r2) = sides
        serial = a.rule.transaction and b.rule.transaction
        variables_ = prover.model.system.variables
        data = {v.index for v in variables_ if v.kind in DATA and not (v.durable and serial)}
        both = {v for v in w & w2 if not (v in x - r and v in x2 - r2)} | (w & r2) | (w2 & r)
        if both & data and not pair.impossible():
            raise Wrong(f"`{a.rule.name}` and `{b.rule.name}` may meet")


def _adds(v: int, e: Expr) -> bool:
    parts = e.args if e.op is Op.ADD else ()
    own = [p for p in parts if p.op is Op.VAR and p.index == v]
    return len(own) == 1 and v not in variables([p for p in parts if p is not own[0]])


def _rest(v: int, e: Expr) -> Expr:
    rest = tuple(p for p in e.args if not (p.op is Op.VAR and p.index == v))
    return Expr(Op.ADD, rest, e.sort)
