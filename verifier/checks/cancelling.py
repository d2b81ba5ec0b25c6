"""Steps that cut off branches beside them: when that cannot be seen (see `independence`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...semantics.expr import TRUE, Expr, Op
from ...semantics.system import Bundle, Rule, TransitionSystem, VarKind
from ...semantics.walks import fold, variables
from ..session import Session

MOST_WORK = 2_000_000


def bundles(system: TransitionSystem) -> list[Bundle]:
    found = {id(r.bundle): r.bundle for r in system.rules if r.bundle is not None}
    return list(found.values())


def conditions(rule: Rule) -> set[int]:
    """What decides whether, when and with which answers the rule fires."""
    out = variables([rule.guard, rule.relation]) | variables([rule.relation], Op.POST)
    if rule.delay is not None:
        hi = rule.delay.hi
        out |= variables([rule.delay.lo, *([hi] if hi is not None else [])])
    return out


# --- cancellation ----------------------------------------------------------------------------


def cancellations(system: TransitionSystem) -> list[list[Rule]]:
    """Rules that cancel branches side by side, those with the same bundle together."""
    location = {t.location: t.id for t in system.threads}
    wide: dict[int, bool] = {}
    for bundle in bundles(system):
        siblings: set[tuple[int | None, int | None]] = set()
        wide[id(bundle)] = False
        for v, _ in bundle.updates:
            if v in location:
                thread = system.threads[location[v]]
                place = (thread.parent, thread.fork)
                wide[id(bundle)] |= place in siblings
                siblings.add(place)
    groups: dict[int, list[Rule]] = {}
    for r in system.rules:
        if r.bundle is not None and wide[id(r.bundle)]:
            groups.setdefault(id(r.bundle), []).append(r)
    return list(groups.values())


def cancellation_matters(
    session: Session, group: list[Rule], matters: set[int], urgent: bool
) -> str:
    """A cancellation is harmless if all that may cause it lead to the same, and nothing that
    the cancelled branches may have done by then can be seen."""
    system = session.system
    bundle = group[0].bundle
    assert bundle is not None
    location = {t.location: t.id for t in system.threads}
    killed = {location[v] for v, _ in bundle.updates if v in location}
    aside = {v.index for v in system.variables if v.kind is VarKind.USED} | location.keys()
    causes = {r.index for r in group}
    first = group[0]
    # Causes in one thread exclude each other, but for those that look at the branches.
    threads = {r.thread for r in group}
    if len(threads) > 1 or any(r.over_children for r in group):
        for r in group[1:]:
            if _effect(r, matters - aside) != _effect(first, matters - aside) or (
                _effect(r, location.keys()) != _effect(first, location.keys())
            ):
                return f"it matters whether `{first.name}` or `{r.name}` comes first"
    alone = first.thread if len(threads) == 1 and not first.over_children else None
    for r in system.rules:
        if r.thread not in killed or r.index in causes or r.thread == alone:
            continue
        if urgent and r.delay is not None:
            continue
        for v, e in r.own if r.bundle is None else r.updates:
            if v in matters and v not in aside:
                name = system.variables[v].name
                return f"`{first.name}` may come before or after `{r.name}`, which writes {name}"
            if v in location and location[v] not in killed and not enters(system, r, v, e):
                return f"it matters whether `{first.name}` or `{r.name}` comes first"
    if _entered_again(session, killed):
        return f"what `{first.name}` cuts off may be started again"
    return ""


def _effect(rule: Rule, of: Collection[int]) -> dict[int, object]:
    """Own updates of these variables; terms that are not constant are told apart by identity."""
    return {v: (e.value if e.op is Op.CONST else id(e)) for v, e in rule.own if v in of}


def enters(system: TransitionSystem, rule: Rule, location: int, value: Expr) -> bool:
    """Does the update put an ancestor at the fork that the rule's thread is below?"""
    thread = system.threads[rule.thread]
    while thread.parent is not None:
        above = system.threads[thread.parent]
        if above.location == location:
            return value.op is Op.CONST and value.value == thread.fork
        thread = above
    return False


def _entered_again(session: Session, killed: set[int]) -> bool:
    """May a fork whose branches were cancelled be entered once more?"""
    system = session.system
    hosts: set[tuple[int, int]] = set()
    for t in killed:
        thread = system.threads[t]
        while thread.parent is not None and thread.fork is not None:
            hosts.add((thread.parent, thread.fork))
            thread = system.threads[thread.parent]
    for host, fork in sorted(hosts):
        if host not in killed and _on_a_cycle(session, host, fork):
            return True
    return False


def _on_a_cycle(session: Session, thread: int, point: int) -> bool:
    """May control of the thread leave the point and come back?  In doubt, yes."""
    system = session.system
    at = system.threads[thread].location
    points = system.threads[thread].points
    movers = [(r.guard, e) for r in system.rules for v, e in r.own if v == at]
    movers += [(TRUE, e) for b in bundles(system) for v, e in b.updates if v == at]
    if len(movers) * len(points) > MOST_WORK:
        return True
    edges: dict[int, set[int]] = {}
    for guard, target in movers:
        if target.op is not Op.CONST or not isinstance(target.value, int):
            return True
        for p in points:
            if p.id != target.value and possible(guard, at, p.id):
                edges.setdefault(p.id, set()).add(target.value)
    seen: set[int] = set()
    stack = [point]
    while stack:
        for to in edges.get(stack.pop(), ()):
            if to == point:
                return True
            if to not in seen:
                seen.add(to)
                stack.append(to)
    return False


def possible(guard: Expr, location: int, point: int) -> bool:
    """Could the guard hold with the thread at this point, whatever else is the case?"""

    def value(node: Expr, given: Sequence[bool | None]) -> bool | None:
        match node.op:
            case Op.CONST:
                return node.value if isinstance(node.value, bool) else None
            case Op.EQ:
                a, b = node.args
                if a.op is Op.CONST:
                    a, b = b, a
                if a.op is Op.VAR and a.index == location and b.op is Op.CONST:
                    return b.value == point
                return None
            case Op.NOT:
                return None if given[0] is None else not given[0]
            case Op.AND:
                if False in given:
                    return False
                return None if None in given else True
            case Op.OR:
                if True in given:
                    return True
                return None if None in given else False
            case _:
                return None

    return fold(guard, value) is not False
