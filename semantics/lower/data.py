"""Composite data as scalars: the shape of a value, and what can be done to all shapes alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import assert_never

from ...dsl.records import dataclass
from ...dsl.types import (
    Array,
    Bool,
    Duration,
    Enum,
    Instance,
    Int,
    Option,
    Real,
    Record,
    SetOf,
    Stack,
    Str,
    Type,
)
from ..expr import FALSE, Expr, Sort, and_, const, eq, ite, not_, or_, zero
from ..system import Seen


@dataclass(frozen=True, slots=True)
class Rec:
    fields: tuple[tuple[str, Value], ...]

    def get(self, name: str) -> Value:
        return next(v for n, v in self.fields if n == name)


@dataclass(frozen=True, slots=True)
class Arr:
    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Opt:
    present: Expr
    value: Value


@dataclass(frozen=True, slots=True)
class Members:
    """A set of an enum: one truth value for each of its values."""

    bits: tuple[Expr, ...]


Value = Expr | Rec | Arr | Opt | Members


def sort_of(type_: Type) -> Sort:
    """The sort of a scalar type."""
    match type_:
        case Bool():
            return Sort.BOOL
        case Real() | Duration():
            return Sort.REAL
        case Int() | Enum() | Str():
            return Sort.INT
        case Stack():
            return Sort.STACK
        case _:
            raise AssertionError(f"not a scalar type: {type_}")


def build(type_: Type, name: str, leaf: Callable[[str, Type], Expr]) -> Value:
    """A value of this type whose scalar parts are `leaf(path, scalar type)`."""
    match type_:
        case Bool() | Int() | Real() | Duration() | Str() | Enum() | Stack():
            return leaf(name, type_)
        case Record(fields):
            return Rec(tuple((n, build(t, f"{name}.{n}", leaf)) for n, t in fields))
        case Array(elem, size, index):
            keys = index.values if index else [str(i) for i in range(size)]
            return Arr(tuple(build(elem, f"{name}[{k}]", leaf) for k in keys))
        case Option(elem):
            return Opt(leaf(f"{name}.is_some", Bool()), build(elem, f"{name}.value", leaf))
        case SetOf(elem):
            return Members(tuple(leaf(f"{name} has {v}", Bool()) for v in elem.values))
        case Instance():
            raise AssertionError("an instance is not a value")
        case _:
            assert_never(type_)


def _paths(type_: Type, name: str) -> list[tuple[str, Type]]:
    """The scalar parts of a type: path and type of each, in the order of `leaves`."""
    kinds: list[tuple[str, Type]] = []

    def leaf(path: str, kind: Type) -> Expr:
        kinds.append((path, kind))
        return FALSE

    build(type_, name, leaf)
    return kinds


def scalars(type_: Type) -> list[Type]:
    return [kind for _, kind in _paths(type_, "")]


def seen(type_: Type, name: str, value: Value) -> tuple[Seen, ...]:
    """The scalar parts of a value, each with its path and type."""
    parts = zip(_paths(type_, name), leaves(value), strict=True)
    return tuple(Seen(path, kind, part) for (path, kind), part in parts)


def default(type_: Type, string: Callable[[str], int]) -> Value:
    """0, false, the first of the enum, none; a range starts at its lower bound if 0 is outside."""

    def leaf(_: str, t: Type) -> Expr:
        match t:
            case Bool():
                return FALSE
            case Real() | Duration():
                return const(Fraction(0))
            case Int(lo, hi) if lo is not None and hi is not None and not lo <= 0 <= hi:
                return const(lo)
            case Str():
                return const(string(""))
            case _:
                return const(0)

    return build(type_, "", leaf)


def leaves(value: Value) -> Iterator[Expr]:
    """The scalar parts, in a fixed order for each type."""
    match value:
        case Expr():
            yield value
        case Rec(fields):
            for _, v in fields:
                yield from leaves(v)
        case Arr(items):
            for v in items:
                yield from leaves(v)
        case Opt(present, inner):
            yield present
            yield from leaves(inner)
        case Members(bits):
            yield from bits
        case _:
            assert_never(value)


def transform(value: Value, f: Callable[[Expr], Expr]) -> Value:
    match value:
        case Expr():
            return f(value)
        case Rec(fields):
            return Rec(tuple((n, transform(v, f)) for n, v in fields))
        case Arr(items):
            return Arr(tuple(transform(v, f) for v in items))
        case Opt(present, inner):
            return Opt(f(present), transform(inner, f))
        case Members(bits):
            return Members(tuple(f(b) for b in bits))
        case _:
            assert_never(value)


def definite(value: Value) -> Value:
    """The same with nothing behind an absent option: equal values have equal parts."""
    match value:
        case Expr() | Members():
            return value
        case Rec(fields):
            return Rec(tuple((n, definite(v)) for n, v in fields))
        case Arr(items):
            return Arr(tuple(definite(v) for v in items))
        case Opt(present, inner):
            held = transform(definite(inner), lambda x: ite(present, x, zero(x.sort)))
            return Opt(present, held)
        case _:
            assert_never(value)


def choose(cond: Expr, a: Value, b: Value) -> Value:
    """`a` where `cond`, else `b`; of one shape."""
    parts = iter([ite(cond, x, y) for x, y in zip(leaves(a), leaves(b), strict=True)])
    return transform(a, lambda _: next(parts))


def equal(a: Value, b: Value) -> Expr:
    """Equality of values; two absent options are equal whatever their hidden parts are."""
    match a, b:
        case Expr(), Expr():
            return eq(a, b)
        case Opt(p, x), Opt(q, y):
            return and_(eq(p, q), or_(not_(p), equal(x, y)))
        case Rec(f), Rec(g):
            return and_(*(equal(x, dict(g)[n]) for n, x in f))
        case Arr(f), Arr(g):
            return and_(*(equal(x, y) for x, y in zip(f, g, strict=True)))
        case Members(f), Members(g):
            return and_(*(eq(x, y) for x, y in zip(f, g, strict=True)))
        case _:
            raise AssertionError("values of different shapes")


def select(items: Sequence[Value], index: Expr) -> Value:
    """`items[index]`; out of range gives the last one (check `arithmetic` complains)."""
    if index.op.value == "const":
        assert isinstance(index.value, int)
        return items[index.value] if 0 <= index.value < len(items) else items[-1]
    result = items[-1]
    for i in range(len(items) - 2, -1, -1):
        result = choose(eq(index, const(i)), items[i], result)
    return result
