"""Assignment: to a variable, a part of one, or one of its items at a computed index."""

from __future__ import annotations

from collections.abc import Iterator

from ...dsl import ast
from ...dsl.types import Array, Type
from ..expr import FALSE, TRUE, Expr, Sort, and_, const, eq, ite, to_real
from .data import Arr, Rec, Value, leaves
from .env import Env, read
from .expressions import require, scalar, within


def assign(
    env: Env, target: ast.Expression, value: Value, type_: Type | None
) -> Iterator[tuple[int, Expr]]:
    """Updates that store `value` in an assignable expression; indices may be computed."""
    match target:
        case ast.Name(name=n):
            old = env.variables[n]
            yield from _store(old, read(env, old), value, TRUE)
        case _:
            for place, here in _places(env, target):
                yield from _store(place, read(env, place), value, here)


def _store(place: Value, old: Value, new: Value, here: Expr) -> Iterator[tuple[int, Expr]]:
    for p, o, n in zip(leaves(place), leaves(old), leaves(new), strict=True):
        n = to_real(n) if p.sort is Sort.REAL else n
        yield p.index, ite(here, n, o)


def _places(env: Env, target: ast.Expression) -> list[tuple[Value, Expr]]:
    """The scalar groups that `target` may denote, each with the condition that it does."""
    match target:
        case ast.Name(name=n):
            return [(env.variables[n], TRUE)]
        case ast.Member(base=b, name=n):
            out = []
            for place, here in _places(env, b):
                assert isinstance(place, Rec)
                out.append((place.get(n), here))
            return out
        case ast.Index(base=b, index=i):
            index = scalar(env, i)
            assert isinstance(b.type, Array)
            require(env, within(index, 0, b.type.size - 1), "index out of range", target.span)
            out = []
            for place, here in _places(env, b):
                assert isinstance(place, Arr)
                for k, item in enumerate(place.items):
                    cond = and_(here, eq(index, const(k)))
                    if cond is not FALSE:
                        out.append((item, cond))
            return out
        case _:
            raise AssertionError(f"{target.span}: not assignable")
