"""What a step touches: which variables it reads and writes, where, and whether by `x := x + e`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar, and_, ite, not_, or_, same, var
from ...semantics.expr import const as constant
from ...semantics.system import Rule, RuleKind, TransitionSystem, VarKind
from ...semantics.walks import rebuild, substitute, variables

MOST_CASES = 64  # of one update


@dataclass(frozen=True, slots=True)
class Access:
    """How a rule touches a variable; `commutes`: only by `x := x + e`."""

    rule: int
    reads: bool
    writes: bool
    commutes: bool


def against(a: Access, b: Access) -> bool:
    """Does it matter which comes first?"""
    return (a.writes or b.writes) and not (a.commutes and b.commutes)


def looked_at(system: TransitionSystem) -> dict[int, list[Expr]]:
    """What is asked of a step (`assert`, `needs`, a proved `ensures`) reads data, by rule."""
    out: dict[int, list[Expr]] = {}
    for o in system.obligations:
        if o.check in ("assert", "contracts", "ensures") and o.rule is not None:
            if system.rules[o.rule].kind is not RuleKind.END:  # that one is about the whole run
                out.setdefault(o.rule, []).append(o.cond)
    return out


def touched(
    system: TransitionSystem, rule: Rule, wanted: Collection[int], asked: Sequence[Expr] = ()
) -> dict[int, Access]:
    """How a rule touches the wanted variables."""
    terms = [rule.guard, rule.relation, *asked]
    if rule.delay is not None:
        terms += [rule.delay.lo] if rule.delay.hi is None else [rule.delay.lo, rule.delay.hi]
    reads = (variables(terms) | set(rule.reads)) & set(wanted)
    writes: dict[int, bool] = {}
    for v, e in rule.updates:
        if system.variables[v].kind is VarKind.GHOST:
            continue
        if v not in wanted:
            reads |= variables([e]) & set(wanted)
            continue
        amount = commuting(v, e)
        writes[v] = amount is not None
        for where, value in cases(v, e):
            reads |= variables([where]) & set(wanted)
            if amount is None and not _keeps(v, value):
                reads |= variables([value]) & set(wanted)
        if amount is not None:
            reads |= variables([amount]) & set(wanted)
    return {
        v: Access(rule.index, v in reads, v in writes, v in writes and writes[v] and v not in reads)
        for v in reads | writes.keys()
    }


def cases(v: int, e: Expr) -> list[tuple[Expr, Expr]]:
    """The values that an update may give, each with the condition on which it does."""
    out: list[tuple[Expr, Expr]] = []
    stack = [(TRUE, e)]
    while stack:
        where, x = stack.pop()
        if x.op is Op.ITE:
            stack.append((and_(where, not_(x.args[0])), x.args[2]))
            stack.append((and_(where, x.args[0]), x.args[1]))
        else:
            out.append((where, x))
        if len(out) + len(stack) > MOST_CASES:
            return [(TRUE, e)]
    return out


def _keeps(v: int, value: Expr) -> bool:
    return value.op is Op.VAR and value.index == v


def commuting(index: int, value: Expr) -> Expr | None:
    """For an update `x := x + e` with `e` not reading x, the amount `e`; otherwise None.

    Also where it depends on a condition that does not read x: `f[i] += e`, seen from `f[0]`.
    """
    zero = Expr(Op.CONST, (), value.sort, 0)
    if _keeps(index, value):
        return zero
    if value.op is Op.ITE and index not in variables([value.args[0]]):
        test, yes, no = value.args
        then = commuting(index, _given(test, yes, True))
        other = commuting(index, _given(test, no, False))
        if then is None or other is None:
            return None
        return ite(value.args[0], then, other)
    if value.op is not Op.ADD:
        return None
    own = [a for a in value.args if a.op is Op.VAR and a.index == index]
    rest = [a for a in value.args if not (a.op is Op.VAR and a.index == index)]
    if len(own) != 1 or index in variables(rest):
        return None
    return Expr(Op.ADD, tuple(rest), value.sort) if len(rest) > 1 else rest[0]


def _given(test: Expr, e: Expr, holds: bool) -> Expr:
    """A term where a test has come out so."""
    if e.op is Op.ITE and _alike(e.args[0], test):
        return _given(test, e.args[1 if holds else 2], holds)
    if e.op is Op.ITE and holds and _excludes(test, e.args[0]):
        return _given(test, e.args[2], holds)
    if e.op in (Op.ITE, Op.ADD, Op.NEG):
        return rebuild(e, [_given(test, a, holds) for a in e.args])
    return e


def _excludes(a: Expr, b: Expr) -> bool:
    """`x = 1` and `x = 2`."""
    if a.op is not Op.EQ or b.op is not Op.EQ or not _alike(a.args[0], b.args[0]):
        return False
    x, y = a.args[1], b.args[1]
    return x.op is Op.CONST and y.op is Op.CONST and x.value != y.value


def _alike(a: Expr, b: Expr) -> bool:
    """The same small term."""
    if a is b:
        return True
    if a.op is not b.op or a.sort is not b.sort or a.value != b.value or len(a.args) > 4:
        return False
    return len(a.args) == len(b.args) and all(map(_alike, a.args, b.args))


def changes(rule: Rule, v: int) -> Expr:
    """The states in which the step may give the variable another value than it has."""
    e = next((e for w, e in rule.updates if w == v), None)
    if e is None:
        return FALSE
    found = [where for where, value in cases(v, e) if not _keeps(v, value)]
    return or_(FALSE, *(w if not variables([w], Op.INPUT) else TRUE for w in found))


def looks(rule: Rule, v: int, asked: Sequence[Expr] = ()) -> Expr:
    """The states in which the step may depend on the variable, but for keeping or adding to it."""
    if v in rule.reads:
        return TRUE
    terms = [rule.guard, rule.relation, *asked]
    if rule.delay is not None:
        terms += [rule.delay.lo] if rule.delay.hi is None else [rule.delay.lo, rule.delay.hi]
    for w, e in rule.updates:
        if w != v:
            terms.append(e)
            continue
        amount = commuting(v, e)
        if amount is not None:
            terms.append(amount)
        else:
            for where, value in cases(v, e):
                terms += [where] if _keeps(v, value) else [where, value]
    found = or_(FALSE, *(_depends(t, v) for t in terms))
    return TRUE if variables([found], Op.INPUT) or variables([found], Op.POST) else found


def _depends(e: Expr, v: int) -> Expr:
    """When the value of a term may depend on the variable: not where what does not mention it
    decides already."""
    if v not in variables([e]) | variables([e], Op.POST):
        return FALSE
    if e.op is Op.NOT:
        return _depends(e.args[0], v)
    if e.op in (Op.AND, Op.OR):
        other = [a for a in e.args if v not in variables([a]) | variables([a], Op.POST)]
        open_ = and_(*other) if e.op is Op.AND else and_(*(not_(a) for a in other))
        mine = (_depends(a, v) for a in e.args if not any(a is b for b in other))
        return and_(open_, or_(FALSE, *mine))
    if e.op is Op.ITE and v not in variables([e.args[0]]):
        test, then, no = e.args
        return or_(and_(test, _depends(then, v)), and_(not_(test), _depends(no, v)))
    return TRUE


def at_place(rule: Rule, where: Expr) -> Rule:
    """The rule where `location = point`."""
    location, point = where.args
    return _with(rule, lambda n: point if n.op is Op.VAR and n.index == location.index else n)


def in_state(
    rule: Rule, asked: Sequence[Expr], state: Sequence[Scalar], but: int
) -> tuple[Rule, list[Expr]]:
    """The rule, and what is asked of it, in one state of which only the variable `but` is left
    open."""

    def leaf(n: Expr) -> Expr:
        return constant(state[n.index]) if n.op is Op.VAR and n.index != but else n

    return _with(rule, leaf), [substitute(e, leaf) for e in asked]


def _with(rule: Rule, leaf: Callable[[Expr], Expr]) -> Rule:
    """With leaves replaced; updates that then change nothing are left out."""
    memo: dict[int, Expr] = {}

    def updates(given: Sequence[tuple[int, Expr]]) -> tuple[tuple[int, Expr], ...]:
        placed = [(v, e, substitute(e, leaf, memo)) for v, e in given]
        return tuple((v, new) for v, e, new in placed if new is e or not same(new, var(v, e.sort)))

    bundle, delay = rule.bundle, rule.delay
    if delay is not None:
        hi = delay.hi and substitute(delay.hi, leaf, memo)
        delay = replace(delay, lo=substitute(delay.lo, leaf, memo), hi=hi)
    return replace(
        rule,
        delay=delay,
        guard=substitute(rule.guard, leaf, memo),
        relation=substitute(rule.relation, leaf, memo),
        own=updates(rule.own),
        bundle=bundle and replace(bundle, updates=updates(bundle.updates)),
    )
