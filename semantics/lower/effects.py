"""`do { .. }`, `atomic { .. }` and undo blocks: straight-line code as one simultaneous update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ...dsl import ast
from ...dsl.errors import Span
from ..expr import TRUE, Expr, Op, Sort, add, and_, implies, ite, neg, not_, or_, to_real, var
from .assign import assign
from .context import not_supported
from .data import Members, Value, equal
from .env import Definedness, Env, collecting
from .expressions import domain, lower, scalar


@dataclass(frozen=True, slots=True)
class Effect:
    """`updates` of variables; `demands` are asserts and definedness met on the way."""

    updates: Mapping[int, Expr]
    asserts: tuple[tuple[Expr, Span], ...]
    defined: tuple[Definedness, ...]


def effect(env: Env, term: ast.Term | None) -> Effect:
    """Run the term on symbols.  Reads see earlier assignments of the same block."""
    asserts: list[tuple[Expr, Span]] = []
    with collecting(env) as (inner, found):
        store = _run(inner, term, asserts) if term is not None else {}
    return Effect(store, tuple(asserts), tuple(found))


def assigned(env: Env, target: ast.Expression, value: Value, op: str) -> dict[int, Expr]:
    """The updates of one assignment; `+=` keeps the form `x + e`, which commutes."""
    if op == ":=":
        return dict(assign(env, target, value, target.type))
    old = lower(replace(env, defined=None), target)
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


def _run(env: Env, term: ast.Term, asserts: list[tuple[Expr, Span]]) -> dict[int, Expr]:
    store: dict[int, Expr] = dict(env.store)
    match term:
        case ast.Skip():
            pass
        case ast.Assign(target=t, value=v, op=op):
            store.update(assigned(env, t, lower(env, v), op))
        case ast.Seq(parts=parts):
            for part in parts:
                store = _run(replace(env, store=store), part, asserts)
        case ast.If(cond=c, then=a, orelse=b):
            cond = scalar(env, c)
            store = _merge(env, cond, a, b, asserts)
        case ast.Switch(subject=s, cases=cases, default=d):
            subject = lower(env, s)
            tests = [or_(*(equal(subject, lower(env, v)) for v in c.values)) for c in cases]
            bodies = [c.body for c in cases]
            store = _switch(env, tests, bodies, d, asserts)
        case ast.Assert(cond=c):
            asserts.append((implies(env.guard, scalar(env, c)), term.span))
        case ast.Each(var=v, domain=d, body=b, sequential=True):
            for inside, item in domain(env, d):
                inner = replace(env, store=store).bind(**{v: item})
                here = inside
                store = _merge(inner, here, b, None, asserts)
        case _:
            raise not_supported(f"{type(term).__name__.lower()} inside one step", term.span)
    return store


def _switch(
    env: Env,
    tests: list[Expr],
    bodies: list[ast.Term],
    default: ast.Term | None,
    asserts: list[tuple[Expr, Span]],
) -> dict[int, Expr]:
    if not tests:
        return _run(env, default, asserts) if default is not None else dict(env.store)
    inside = replace(env, guard=and_(env.guard, tests[0]))
    outside = replace(env, guard=and_(env.guard, not_(tests[0])))
    a = _run(inside, bodies[0], asserts)
    b = _switch(outside, tests[1:], bodies[1:], default, asserts)
    return _join(env, tests[0], a, b)


def _merge(
    env: Env,
    cond: Expr,
    then: ast.Term,
    other: ast.Term | None,
    asserts: list[tuple[Expr, Span]],
) -> dict[int, Expr]:
    a = _run(replace(env, guard=and_(env.guard, cond)), then, asserts)
    b = dict(env.store)
    if other is not None:
        b = _run(replace(env, guard=and_(env.guard, not_(cond))), other, asserts)
    return _join(env, cond, a, b) if cond is not TRUE else a


def _join(env: Env, cond: Expr, a: dict[int, Expr], b: dict[int, Expr]) -> dict[int, Expr]:
    out: dict[int, Expr] = {}
    for index in {**a, **b}:
        value = a.get(index, b.get(index))
        assert value is not None
        before = var(index, value.sort)
        out[index] = ite(cond, a.get(index, before), b.get(index, before))
    return out
