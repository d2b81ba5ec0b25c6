"""Why a loop ends: a bound, or a linear ranking function that a solver confirms."""

from __future__ import annotations

from ...semantics.expr import (
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    and_,
    const,
    eq,
    le,
    lt,
    neg,
    not_,
    or_,
    substitute,
    var,
    variables,
)
from ...semantics.system import Loop, Rule, RuleKind, TransitionSystem
from ..engines.structure import Structure
from ..session import Session


def always_answerable(rule: Rule) -> bool:
    """Whatever the state, the environment has an answer that the contract allows."""
    if rule.relation is TRUE:
        return True
    if variables([rule.relation]):
        return False
    from ...semantics.symbolic import is_satisfiable

    return is_satisfiable(rule.relation)


def ends(session: Session, loop: Loop) -> str:
    """In words, why the loop ends; "" if that is not known."""
    if loop.bounded:
        return "bounded by at_most"
    if loop.graph:
        return ""
    key = str(id(loop))
    if key not in session.rankings:
        session.rankings[key] = _ranking(session.structure, loop)
    return session.rankings[key]


def _ranking(structure: Structure, loop: Loop) -> str:
    """Tries each candidate: bounded where the loop goes on, never growing, falling each round.

    A linear ranking function on the cut point at the loop's head (Podelski, Rybalchenko 2004),
    with candidates from the loop's own condition instead of Farkas' lemma.
    """
    from ...semantics.symbolic import is_valid

    system = structure.system
    inside = set(loop.rules)
    for f, words in _candidates(system, loop):
        writers = {r.index: r for v in variables([f]) for r in structure.writing(v)}
        outside = [r for i, r in writers.items() if i not in inside]
        if any(_may_interfere(system, r, loop) for r in outside):
            continue
        bounded = or_(not_(and_(loop.head, loop.cond)), le(const(0), f))
        if not is_valid(bounded):
            continue
        falling: set[int] = set()
        fine = True
        for r in writers.values():
            if r.index not in inside:
                continue
            after = _after(r, f)
            taken = and_(r.guard, r.relation)
            if not is_valid(or_(not_(taken), le(after, f))):
                fine = False
                break
            if is_valid(or_(not_(taken), lt(after, f))):
                falling.add(r.index)
        if fine and falling and _every_round(system, loop, falling):
            return f"{words} falls with every round and stays at least 0 while the loop goes on"
    return ""


def _after(rule: Rule, f: Expr) -> Expr:
    updates = dict(rule.updates)
    return substitute(f, lambda e: updates.get(e.index, e) if e.op is Op.VAR else e)


def _may_interfere(system: TransitionSystem, rule: Rule, loop: Loop) -> bool:
    """Could a rule outside the loop be taken while the loop runs?"""
    return rule.thread != loop.thread or rule.kind is RuleKind.INTERRUPT


def _candidates(system: TransitionSystem, loop: Loop) -> list[tuple[Expr, str]]:
    """From the loop's condition: b - a for a < b and a <= b; also `decreases`."""
    out: list[tuple[Expr, str]] = []
    if loop.decreases is not None:
        out.append((loop.decreases, "the expression after `decreases`"))
    stack = [loop.cond]
    while stack:
        e = stack.pop()
        match e.op:
            case Op.AND | Op.OR:
                stack.extend(e.args)
            case Op.LT | Op.LE if e.args[0].sort is Sort.INT:
                a, b = e.args
                out.append((add(b, neg(a)), "the distance between the two sides of the test"))
            case Op.NOT if e.args[0].op in (Op.LT, Op.LE) and e.args[0].args[0].sort is Sort.INT:
                a, b = e.args[0].args
                out.append((add(a, neg(b)), "the distance between the two sides of the test"))
            case Op.NOT if e.args[0].op is Op.EQ and e.args[0].args[0].sort is Sort.INT:
                a, b = e.args[0].args
                out.append((add(b, neg(a)), "the distance to the value that ends the loop"))
                out.append((add(a, neg(b)), "the distance to the value that ends the loop"))
            case _:
                pass
    return out


def _every_round(system: TransitionSystem, loop: Loop, falling: set[int]) -> bool:
    """Does every way round the loop, in its own thread, take a falling rule?

    Walks the points of the thread from the head without falling rules; sources of a rule are
    the points that its guard mentions.  What child threads do on the way is not counted.
    """
    location = system.threads[loop.thread].location
    edges: dict[int, set[int]] = {}
    mine = [system.rules[i] for i in loop.rules]
    starts: set[int] = _points(loop.head, location)
    for r in mine:
        new = dict(r.updates).get(location)
        if new is None or r.index in falling:
            continue
        targets = {new.value} if new.op is Op.CONST else None
        if targets is None:
            return False
        for source in _points(r.guard, location) or starts:
            edges.setdefault(source, set()).update(int(t) for t in targets if t is not None)
    reached: set[int] = set()
    stack = list(starts)
    while stack:
        for node in edges.get(stack.pop(), ()):
            if node in starts:
                return False
            if node not in reached:
                reached.add(node)
                stack.append(node)
    return True


def _points(e: Expr, location: int) -> set[int]:
    from ...semantics.expr import postorder

    out = set()
    for n in postorder([e]):
        if n.op is Op.EQ and n.args[0].op is Op.VAR and n.args[0].index == location:
            value = n.args[1].value
            if isinstance(value, int):
                out.add(value)
    return out


__all__ = ["always_answerable", "ends", "eq", "var"]
