"""Variables that only record: what a run can do does not depend on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from ..dsl.changed import replace
from .expr import Expr, Op, Scalar, Sort, const
from .system import Input, Rule, TransitionSystem, Variable, VarKind
from .values import evaluate, fits
from .walks import postorder, variables


def idle(system: TransitionSystem) -> frozenset[int]:
    """The largest set of variables that nothing reads but their own updates: no guard, answer,
    duration, claim or liveness property, and no update of another variable.

    Two states that differ in these alone have the same runs from there on, so that a run which
    comes back to a state but for them goes round for ever.  (Conditions of obligations may read
    them.)
    """
    read = _seeds(system)
    by_variable: dict[int, list[Expr]] = {}
    seen: set[int] = set()
    for rule in system.rules:
        shared = () if rule.bundle is None or id(rule.bundle) in seen else rule.bundle.updates
        seen.add(id(rule.bundle))
        for v, e in (*rule.own, *shared):
            by_variable.setdefault(v, []).append(e)
    todo = list(read)
    while todo:
        for v in variables(by_variable.pop(todo.pop(), ())):
            if v not in read:
                read.add(v)
                todo.append(v)
    return frozenset(
        v.index
        for v in system.variables
        if v.index not in read and v.kind not in (VarKind.LOCATION, VarKind.USED)
    )


def _seeds(system: TransitionSystem) -> set[int]:
    terms = [system.initial, *_deciding(system)]
    return variables(terms) | variables(terms, Op.POST)


def _deciding(system: TransitionSystem) -> list[Expr]:
    """All that says what can be done, and when, and that something must come."""
    terms: list[Expr] = [system.excluded]
    terms += [r.capacity for r in system.resources]
    terms += [i.active for i in system.instances]
    terms += [e for e, _ in system.eventually]
    for goal in system.liveness:
        terms += [goal.owed, goal.at_end.cond]
    for limit in system.limits:
        terms += [limit.owed, limit.within]
    for thread in system.threads:
        terms += [amount for p in thread.points for _, amount in p.holds]
    for rule in system.rules:
        terms += _decides(rule)
    return terms


def _decides(rule: Rule) -> Iterator[Expr]:
    yield rule.guard
    yield rule.relation
    if rule.delay is not None:
        yield rule.delay.lo
        yield from () if rule.delay.hi is None else (rule.delay.hi,)
        yield from rule.delay.args
    yield from (e for e in (rule.priority, rule.probability) if e is not None)
    yield from (amount for _, amount in (*rule.holds, *rule.gains))


def without(system: TransitionSystem, left_out: frozenset[int]) -> TransitionSystem:
    """The system in which these variables keep their initial value; an answer that nothing else
    looks at is one of those that are possible."""
    if not left_out:
        return system
    rules = [
        _unheard(replace(r, own=tuple(u for u in r.updates if u[0] not in left_out), bundle=None))
        if any(v in left_out for v, _ in r.updates)
        else r
        for r in system.rules
    ]
    return replace(system, rules=tuple(rules))


def _unheard(rule: Rule) -> Rule:
    parts = _conjuncts(rule.relation)
    mine = {k: [c for c in parts if _only(c, k)] for k in range(len(rule.inputs))}
    told = {id(c) for own in mine.values() for c in own}
    heard = [c for c in parts if id(c) not in told]
    heard += [e for e in _decides(rule) if e is not rule.relation]
    heard += [e for _, e in rule.updates]
    left = mine.keys() - variables(heard, Op.INPUT)
    chosen = {k: x for k in left if (x := _answer(rule.inputs[k], k, mine[k])) is not None}
    if not chosen:
        return rule
    inputs = [
        replace(i, lo=chosen[k], hi=chosen[k]) if k in chosen else i
        for k, i in enumerate(rule.inputs)
    ]
    return replace(rule, inputs=tuple(inputs))


def _only(cond: Expr, k: int) -> bool:
    """Whether it speaks of one answer alone."""
    others = variables([cond]) or variables([cond], Op.POST)
    return not others and variables([cond], Op.INPUT) == {k}


def _answer(given: Input, k: int, allowed: Sequence[Expr]) -> int | None:
    """An integer that the type and these conditions allow; None where none is plain."""
    if given.sort is not Sort.INT or given.clock:
        return None
    near = [x for x in (given.lo, given.hi, 0) if x is not None]
    ends = (n.value for n in postorder(allowed) if n.op is Op.CONST)
    near += [e + d for e in ends if type(e) is int for d in (-1, 0, 1)]

    def holds(x: int) -> bool:
        return all(evaluate(c, (), (0,) * k + (x,)) is True for c in allowed)

    return next((x for x in near if fits(given, x) and holds(x)), None)


def alike(a: Sequence[Scalar], b: Sequence[Scalar], left_out: Iterable[int]) -> bool:
    """Are two states the same but for these variables?"""
    pairs = enumerate(zip(a, b, strict=True))
    return a == b or all(x == y for v, (x, y) in pairs if v not in left_out)


def settled(system: TransitionSystem) -> TransitionSystem:
    """The system in which free variables that nothing reads begin with one of their values: all
    it can do and all that is asked of it is the same for each of them."""
    free = {v.index for v in system.variables if v.init is None}
    ranges = {v: [c for c in _conjuncts(system.initial) if variables([c]) == {v}] for v in free}
    mine = {id(c) for parts in ranges.values() for c in parts}
    terms = [c for c in _conjuncts(system.initial) if id(c) not in mine]
    terms += [v.init for v in system.variables if v.init is not None]
    terms += _deciding(system)
    terms += [g.cond for g in system.obligations]
    terms += [g.unless for g in system.obligations if g.unless is not None]
    terms += [x for loop in system.loops for x in (loop.head, loop.cond)]
    terms += [loop.decreases for loop in system.loops if loop.decreases is not None]
    terms += [place.path for place in system.places]
    touched = {v for saga in system.sagas for v in saga.written}
    seen: set[int] = set()
    for rule in system.rules:
        touched.update(rule.reads)
        shared = () if rule.bundle is None or id(rule.bundle) in seen else rule.bundle.updates
        seen.add(id(rule.bundle))
        for v, e in (*rule.own, *shared):
            touched.add(v)
            terms.append(e)
    free -= touched | variables(terms) | variables(terms, Op.POST)
    chosen = {v: x for v in free if (x := _some(system.variables[v], ranges[v])) is not None}
    if not chosen:
        return system
    begun = tuple(
        replace(v, init=const(chosen[v.index])) if v.index in chosen else v
        for v in system.variables
    )
    return replace(system, variables=begun)


def _conjuncts(e: Expr) -> list[Expr]:
    if e.op is not Op.AND:
        return [e]
    return [part for a in e.args for part in _conjuncts(a)]


def _some(variable: Variable, allowed: Sequence[Expr]) -> Scalar | None:
    """A value that the type and these conditions allow; None where none is plain."""
    ends = [x for x in (variable.lo, variable.hi, 0) if x is not None]
    near: list[Scalar] = [Fraction(x) if variable.sort is Sort.REAL else x for x in ends]

    def holds(x: Scalar) -> bool:
        return all(evaluate(c, [x] * (variable.index + 1)) is True for c in allowed)

    near = [False] if variable.sort is Sort.BOOL else near
    return next((x for x in near if fits(variable, x) and holds(x)), None)
