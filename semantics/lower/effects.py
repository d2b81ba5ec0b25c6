"""`do { .. }`, `atomic { .. }` and undo blocks: straight-line code as one simultaneous update."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.records import dataclass
from ...dsl.types import Bool, Enum, Type
from ..expr import FALSE, TRUE, Expr, Op, Sort, add, and_, ite, neg, not_, or_, to_real, var
from .assign import assign
from .data import Members, Value, equal
from .env import Definedness, Env, NotConstant, collecting, unasked
from .expressions import domain, lower, require, scalar
from .refusals import without_bounds

ASSERTED = "the assertion may fail"
NOT_COVERED = "no case of this switch covers the value"
_ABORTED = -1  # kept where the assigned variables are: whether the block is given up by now


@dataclass(frozen=True, slots=True)
class Effect:
    """`updates` of variables; `defined` is what must hold of values, asserts and cases met on the
    way."""

    updates: Mapping[int, Expr]
    defined: tuple[Definedness, ...]
    aborted: Expr = FALSE  # of a transaction: it is given up, and nothing is written


def effect(env: Env, term: ast.Term | None) -> Effect:
    """Run the term on symbols.  Reads see earlier assignments of the same block."""
    if term is None:
        return Effect(env.store, ())
    with collecting(env) as (inner, found):
        start = {**inner.store, _ABORTED: FALSE}
        store = _run(replace(inner, store=start), term)
    aborted = store.pop(_ABORTED)
    return Effect(store, tuple(found), aborted)


def assigned(env: Env, target: ast.Expression, value: Value, op: str) -> dict[int, Expr]:
    """The updates of one assignment; `+=` keeps the form `x + e`, which commutes."""
    if op == ":=":
        return dict(assign(env, target, value, target.type))
    old = lower(unasked(env), target)  # `assign` asks
    if isinstance(value, Members):
        assert isinstance(old, Members)
        pairs = zip(old.bits, value.bits, strict=True)
        joined = Members(tuple(or_(o, n) if op == "+=" else and_(o, not_(n)) for o, n in pairs))
        # What is neither put in nor taken out is not touched.
        return {
            i: e
            for i, e in assign(env, target, joined, target.type)
            if not (e.op is Op.VAR and e.index == i and i not in env.store)
        }
    assert isinstance(value, Expr) and isinstance(old, Expr)
    amount = to_real(value) if old.sort is Sort.REAL else value
    return dict(assign(env, target, add(old, amount if op == "+=" else neg(amount)), target.type))


def _run(env: Env, term: ast.Term) -> dict[int, Expr]:
    store: dict[int, Expr] = dict(env.store)
    match term:
        case ast.Skip():
            pass
        case ast.Assign(target=t, value=v, op=op):
            store.update(assigned(env, t, lower(env, v), op))
        case ast.Seq(parts=parts):
            for part in parts:
                going = and_(env.guard, not_(store[_ABORTED]))
                store = _run(replace(env, store=store, guard=going), part)
        case ast.Abort():
            store[_ABORTED] = TRUE
        case ast.Require(cond=c):
            store[_ABORTED] = or_(store[_ABORTED], not_(scalar(env, c)))
        case ast.If(cond=c, then=a, orelse=b):
            store = _merge(env, scalar(env, c), a, b)
        case ast.Switch():
            store = _switch(env, term)
        case ast.Assert(cond=c):
            require(env, scalar(env, c), ASSERTED, term.span, "assert")
        case ast.Each(var=v, domain=d, body=b, sequential=True):
            try:
                items = domain(env, d)
            except NotConstant:
                raise without_bounds("an `each` in one step", term.span) from None
            for inside, item in items:
                going = and_(env.guard, not_(store[_ABORTED]))
                at = replace(env, store=store, guard=going).bind(**{v: item})
                store = _merge(at, inside, b, None)
        case _:
            raise AssertionError(f"{term.span}: refused by the front end")
    return store


def _switch(env: Env, t: ast.Switch) -> dict[int, Expr]:
    subject = lower(env, t.subject)
    values = [[lower(env, v) for v in c.values] for c in t.cases]
    tests = [or_(*(equal(subject, v) for v in case)) for case in values]
    rest = replace(env, guard=and_(env.guard, *(not_(test) for test in tests)))
    if t.default is not None:
        store = _run(rest, t.default)
    else:
        if not covers(t.subject.type, [v for case in values for v in case]):
            require(rest, FALSE, NOT_COVERED, t.span, "exhaustive")
        store = dict(env.store)
    for i in reversed(range(len(tests))):
        before = and_(env.guard, *(not_(test) for test in tests[:i]))
        taken = _run(replace(env, guard=and_(before, tests[i])), t.cases[i].body)
        store = _join(tests[i], taken, store)
    return store


def covers(type_: Type | None, cases: Iterable[Value]) -> bool:
    """Whether the cases name every value of an enum or of bool."""
    named = {v.value for v in cases if isinstance(v, Expr) and v.op is Op.CONST}
    if isinstance(type_, Enum):
        return named >= set(range(len(type_.values)))
    return isinstance(type_, Bool) and named >= {False, True}


def _merge(env: Env, cond: Expr, then: ast.Term, other: ast.Term | None) -> dict[int, Expr]:
    a = _run(replace(env, guard=and_(env.guard, cond)), then)
    b = dict(env.store)
    if other is not None:
        b = _run(replace(env, guard=and_(env.guard, not_(cond))), other)
    return _join(cond, a, b) if cond is not TRUE else a


def _join(cond: Expr, a: dict[int, Expr], b: dict[int, Expr]) -> dict[int, Expr]:
    out: dict[int, Expr] = {}
    for index in {**a, **b}:
        value = a.get(index, b.get(index))
        assert value is not None
        before = var(index, value.sort)
        out[index] = ite(cond, a.get(index, before), b.get(index, before))
    return out
