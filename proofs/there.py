"""A system with as many instances as are declared of those of which there may be any number."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..dsl.changed import replace
from ..semantics.expr import TRUE, Expr, Op, and_, const
from ..semantics.system import Bundle, Delay, Rule, TransitionSystem
from ..semantics.walks import fold, rebuild
from .reading import conjuncts


def all_there(system: TransitionSystem, key: Callable[[Expr], int]) -> TransitionSystem:
    """With as many of each kind as are declared, whatever the parameter says.  Nobody waits for its
    turn: these are more runs."""
    sizes = {g.number: const(len(g.members)) for g in system.any_number if g.number is not None}
    memo: dict[int, Expr] = {}  # by identity
    alive: list[Expr] = []
    bundles: dict[int, Bundle] = {}

    def build(node: Expr, args: list[Expr]) -> Expr:
        if not node.args:
            return sizes.get(node.index, node) if node.op is Op.VAR else node
        if all(x is y for x, y in zip(args, node.args, strict=True)):
            return node
        return rebuild(node, args)

    def put(e: Expr) -> Expr:
        alive.append(e)
        return fold(e, build, memo)  # type: ignore[arg-type]

    def pairs(found: Iterable[tuple[int, Expr]]) -> tuple[tuple[int, Expr], ...]:
        return tuple((v, put(e)) for v, e in found)

    def bundle(b: Bundle) -> Bundle:
        if id(b) not in bundles:
            bundles[id(b)] = replace(b, updates=pairs(b.updates))
        return bundles[id(b)]

    def delay(d: Delay) -> Delay:
        return replace(d, lo=put(d.lo), hi=None if d.hi is None else put(d.hi))

    def rule(r: Rule) -> Rule:
        turn = {key(p) for p in conjuncts(r.turn)}
        return replace(
            r,
            guard=put(and_(*(p for p in conjuncts(r.guard) if key(p) not in turn))),
            relation=put(r.relation),
            turn=TRUE,
            own=pairs(r.own),
            bundle=None if r.bundle is None else bundle(r.bundle),
            delay=None if r.delay is None else delay(r.delay),
        )

    return replace(
        system,
        variables=tuple(
            v if v.init is None else replace(v, init=put(v.init)) for v in system.variables
        ),
        initial=put(system.initial),
        excluded=put(system.excluded),
        rules=tuple(map(rule, system.rules)),
        instances=tuple(replace(i, active=put(i.active)) for i in system.instances),
        obligations=tuple(replace(o, cond=put(o.cond)) for o in system.obligations),
    )
