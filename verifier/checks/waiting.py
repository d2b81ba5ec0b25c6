"""Waits for conditions on data that others are sure to bring about, as claims are waited for.

A wait for a condition C is like a claim on what some threads, the helpers, hold until they are
over: no step makes C false again, and as long as it does not hold, some helper is not over.  The
helpers run beside whoever waits: they are branches of one of the forks around it, or other
instances.  So the argument about the order of resources (Havender 1968,
`Structure.hold_and_wait`) covers such waits as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...dsl.records import dataclass
from ...semantics.expr import TRUE, Expr, and_, not_, or_
from ...semantics.symbolic import is_valid
from ...semantics.system import WAITING, Obligation, Rule, RuleKind, Thread, VarKind
from ...semantics.walks import variables
from ..engines.common import conjuncts, input_condition, weakest
from ..engines.cycles import find_cycle
from ..engines.structure import Structure
from ..session import Session
from ..verdict import Proved
from . import loops, obligations

MOST_WAITS = 200
FOR_MESSAGES = "it waits for messages, or for room for them"
FREE = tuple(k for k in VarKind if k is not VarKind.USED)


@dataclass(frozen=True, slots=True)
class Wait:
    """`rule` waits until `cond` holds; until then some of the `helpers` are not over."""

    rule: int
    cond: Expr
    helpers: frozenset[int]


def waits(session: Session, search: bool) -> list[Wait] | str:
    """All waits for data, or what is the matter with one.  Without `search` none is shown."""
    system = session.system
    found: list[tuple[Wait, Expr]] = []
    messages = {v.index for v in system.variables if v.kind is VarKind.CHANNEL}
    for rule in system.rules:
        if rule.kind in (RuleKind.SEND, RuleKind.RECEIVE) and variables([rule.guard]) & messages:
            # Who waits for the same may take it away.
            return FOR_MESSAGES
        if rule.kind is not RuleKind.WAIT:
            continue
        places = {t.location for t in system.threads}
        parts = conjuncts(rule.guard)
        cond = and_(*(p for p in parts if variables([p]) - places))
        if cond is not TRUE:
            here = and_(*(p for p in parts if not variables([p]) - places))
            helpers = frozenset(_helpers(session.structure, rule, variables([cond])))
            found.append((Wait(rule.index, cond, helpers), here))
    said = "it waits for conditions on data"
    if found and (not search or len(found) > MOST_WAITS):
        return said
    used = {v.index for v in system.variables if v.kind is VarKind.USED}
    for wait, _ in found:
        if not wait.helpers or variables([wait.cond]) & used or not _stays(session, wait.cond):
            return said
    goals = [_comes(session, wait, here) for wait, here in found]
    claims = [obligations.Claim("deadlock_free", str(k), (g,)) for k, g in enumerate(goals)]
    with session.slot(0.4):
        answers = obligations.decide(session, claims) if claims else {}
    if not all(isinstance(answers[k], Proved) for k in range(len(goals))):
        return said
    helping = frozenset(h for wait, _ in found for h in wait.helpers)
    for loop in system.loops:
        if helping & {t for t, _ in session.structure.ancestors(loop.thread)}:
            if not loops.ends(session, loop):
                return "a loop that may go on for ever keeps others waiting for data"
    return [wait for wait, _ in found]


def _helpers(structure: Structure, rule: Rule, data: set[int]) -> Iterator[int]:
    """Branches beside the one that waits, and other instances, that write some of the data."""
    system = structure.system
    writers = {t for v in data for t in structure.writers().get(v, ())}
    above = [{t for t, _ in structure.ancestors(w)} for w in writers]
    mine = [t for t, _ in structure.ancestors(rule.thread)]
    for thread in mine:
        t = system.threads[thread]
        if t.parent is None or t.fork is None:
            continue
        siblings = structure.forks[t.parent].get(t.fork, [])
        for s in siblings:
            if s.id != thread and any(s.id in a for a in above) and _free(structure, s, siblings):
                yield s.id
    for i in system.instances:
        if i.root not in mine and i.active is TRUE and any(i.root in a for a in above):
            yield i.root


def _free(structure: Structure, thread: Thread, siblings: Sequence[Thread]) -> bool:
    """It waits for none of its siblings to begin or end."""
    return not any(structure.precedes(s.id, thread.id) for s in siblings if s.id != thread.id)


def _stays(session: Session, cond: Expr) -> bool:
    """No step makes it false."""
    writing = session.structure.writing
    rules = {r.index: r for v in variables([cond]) for r in writing(v)}
    return all(
        is_valid(
            or_(not_(r.guard), not_(input_condition(r)), not_(cond), weakest(r, cond)),
            200,
        )
        for r in rules.values()
    )


def _comes(session: Session, wait: Wait, here: Expr) -> Obligation:
    """While it is waited for and the condition does not hold, some helper has a step, but for
    claims and waits of its own.  (A branch may be over without a last step of its own: its place
    does not say so.)"""
    system, structure = session.system, session.structure
    going = []
    for r in system.rules:
        if wait.helpers & {t for t, _ in structure.ancestors(r.thread)}:
            kinds = {v.index: v.kind for v in system.variables}
            still = (VarKind.LOCATION,) if r.kind in WAITING else FREE
            parts = conjuncts(r.guard)
            going.append(
                and_(*(p for p in parts if all(kinds[v] in still for v in variables([p]))))
            )
    cond = or_(not_(here), wait.cond, *going)
    return Obligation("deadlock_free", "", cond, "", system.rules[wait.rule].span)


def circle(structure: Structure, contended: set[int], waits: Sequence[Wait]) -> list[int] | None:
    """A cycle of resources and conditions, each held (or still to be brought about) while the next
    is waited for; as positions, conditions after the resources.  None: there is none."""
    position = structure.resource_of()
    base = len(structure.system.resources)
    edges: dict[int, set[int]] = {}
    asking: list[tuple[int, set[int], set[int]]] = []
    for q in structure.requests(contended):
        asking.append((q.rule, {position[h] for h in q.held}, {position[w] for w in q.wanted}))
    for k, wait in enumerate(waits):
        held = {position[u] for u, _ in structure.system.rules[wait.rule].holds if u in contended}
        asking.append((wait.rule, held, {base + k}))
    for rule, held, wanted in asking:
        above = {t for t, _ in structure.ancestors(structure.system.rules[rule].thread)}
        owed = {base + k for k, wait in enumerate(waits) if above & wait.helpers}
        for h in held | owed:
            edges.setdefault(h, set()).update(wanted)
    return find_cycle(edges)
