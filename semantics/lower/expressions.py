"""Expressions of the language as expressions of the rules.

Partial operations (division, indexing, the value of an option) are made total; the condition
under which each is defined is collected with its place, under the condition that it is evaluated
at all (the right side of `and`, a branch), for check `arithmetic`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import assert_never

from ...dsl import ast
from ...dsl.ast import RefKind
from ...dsl.changed import replace
from ...dsl.errors import Span
from ...dsl.extent import Extent, extent
from ...dsl.types import Enum, Int, Option, Record, SetOf, Type
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    and_,
    const,
    div,
    eq,
    implies,
    ite,
    le,
    lt,
    mod,
    mul,
    neg,
    not_,
    or_,
    sub,
    to_real,
)
from .data import (
    Arr,
    Members,
    Opt,
    Rec,
    Value,
    build,
    default,
    equal,
    leaves,
    select,
)
from .env import Definedness, Env, NotConstant, read, unasked
from .interval import Interval
from .refusals import without_bounds


def scalar(env: Env, e: ast.Expression) -> Expr:
    """Lower an expression of a scalar type."""
    value = lower(env, e)
    assert isinstance(value, Expr), f"{e.span}: a scalar was expected"
    return value


def as_sort(env: Env, e: ast.Expression, sort: Sort) -> Expr:
    """A number, read as real where a real is wanted."""
    value = scalar(env, e)
    return to_real(value) if sort is Sort.REAL and value.sort is Sort.INT else value


def counted(env: Env, e: ast.Expression, least: int, most: int | None = None) -> Expr:
    """How many times or how many of something: an integer that is not too small or too large."""
    value = scalar(env, e)
    require(env, le(const(least), value), f"this may be less than {least}", e.span)
    if most is not None:
        message = f"this may be more than the {most} that there are"
        require(env, le(value, const(most)), message, e.span)
    return value


_NO_TIME = const(Fraction(0))


def measured(env: Env, e: ast.Expression) -> Expr:
    """A time that is waited or taken, or what it is multiplied by: not negative."""
    value = as_sort(env, e, Sort.REAL)
    require(env, le(_NO_TIME, value), "this may be negative", e.span)
    return value


def lower(env: Env, e: ast.Expression) -> Value:
    """The value of a checked expression.  Recursion is as deep as the expression."""
    match e:
        case ast.BoolLit(value=v):
            return const(v)
        case ast.IntLit(value=v):
            return const(v)
        case ast.RealLit(value=v) | ast.DurationLit(value=v):
            return const(v if v.__class__ is Fraction else Fraction(v))
        case ast.StrLit(value=s):
            return const(env.string(s))
        case ast.Name():
            return _name(env, e)
        case ast.Unary(op="not", arg=a):
            return not_(scalar(env, a))
        case ast.Unary(arg=a):
            return neg(scalar(env, a))
        case ast.Binary():
            return _binary(env, e)
        case ast.Index(base=b, index=i):
            base = lower(env, b)
            assert isinstance(base, Arr)
            index = scalar(env, i)
            require(env, within(index, 0, len(base.items) - 1), "index out of range", e.span)
            return select(base.items, index)
        case ast.Member(base=b, name=n):
            if isinstance(b, ast.Name) and b.name in env.bound:
                return read(env, env.bound[b.name].variables[n])
            if isinstance(b, ast.Name) and b.name == "self" and env.own is not None:
                return read(env, env.own.variables[n])
            base = lower(env, b)
            assert isinstance(base, Rec)
            return base.get(n)
        case ast.RecordLit(fields=fields):
            given = {n: lower(env, v) for n, v in fields}
            # The parts of a value are matched by their order, which is that of the type.
            order = [n for n, _ in e.type.fields] if isinstance(e.type, Record) else list(given)
            return Rec(tuple((n, given[n]) for n in order))
        case ast.ArrayLit(items=items):
            return Arr(tuple(lower(env, v) for v in items))
        case ast.SetLit(items=items):
            assert isinstance(e.type, SetOf)
            members = [scalar(env, v) for v in items]
            size = range(len(e.type.elem.values))
            return Members(tuple(or_(*(eq(m, const(k)) for m in members)) for k in size))
        case ast.NoneLit():
            assert isinstance(e.type, Option)
            return Opt(FALSE, default(e.type.elem, env.string))
        case ast.Apply():
            return _apply(env, e)
        case ast.Quantifier():
            return _quantifier(env, e)
        case ast.StatePredicate(instance=i):
            answer = env.predicate(e, env.own if i in (None, "self") else env.bound[i], env.after)
            return answer if env.after else read(env, answer)
        case ast.Now():
            return env.now(e.span)
        case ast.Range():
            raise AssertionError(f"{e.span}: a range is not a value")
        case _:
            assert_never(e)


def require(env: Env, cond: Expr, message: str, span: Span, check: str = "arithmetic") -> None:
    """What a partial expression needs.  Who lowers it says when it is read: see `collecting`."""
    needed = implies(env.guard, cond) if cond is not TRUE else TRUE
    if needed is TRUE:
        return
    assert env.defined is not None, f"{span}: nobody asks whether this is defined"
    env.defined.append(Definedness(needed, message, span, check))


def within(e: Expr, lo: int, hi: int) -> Expr:
    return and_(le(const(lo), e), le(e, const(hi)))


def _under(env: Env, cond: Expr) -> Env:
    return replace(env, guard=and_(env.guard, cond))


def _name(env: Env, e: ast.Name) -> Value:
    if e.ref is RefKind.ENUM_VALUE:
        assert isinstance(e.type, Enum)
        return const(e.type.values.index(e.name))
    if e.ref in (RefKind.VAR, RefKind.SHARED, RefKind.STORE):
        return read(env, env.variables[e.name])
    if e.ref is RefKind.METRIC:
        # What it measures, now.
        measure, top = env.metrics[e.name]
        here = replace(
            top(), store=env.store, defined=env.defined, guard=env.guard, after=env.after
        )
        return as_sort(here, measure, Sort.REAL)
    return read(env, env.names[e.name])


def _binary(env: Env, e: ast.Binary) -> Value:
    op = e.op
    if op in ("and", "or", "=>"):
        left = scalar(env, e.left)
        right = scalar(_under(env, not_(left) if op == "or" else left), e.right)
        if op == "and":
            return and_(left, right)
        return or_(left, right) if op == "or" else implies(left, right)
    if op == "in":
        return _membership(env, e)
    left_value, right_value = lower(env, e.left), lower(env, e.right)
    if op in ("==", "!="):
        if isinstance(left_value, Expr) and isinstance(right_value, Expr):
            left_value, right_value = _same_sort(left_value, right_value)
        result = equal(left_value, right_value)
        return result if op == "==" else not_(result)
    if isinstance(left_value, Members) and isinstance(right_value, Members):
        pairs = zip(left_value.bits, right_value.bits, strict=True)
        if op == "+":
            return Members(tuple(or_(x, y) for x, y in pairs))
        return Members(tuple(and_(x, not_(y)) for x, y in pairs))
    assert isinstance(left_value, Expr) and isinstance(right_value, Expr)
    x, y = _same_sort(left_value, right_value)
    match op:
        case "<":
            return lt(x, y)
        case "<=":
            return le(x, y)
        case ">":
            return lt(y, x)
        case ">=":
            return le(y, x)
        case "+":
            return add(x, y)
        case "-":
            return sub(x, y)
        case "*":
            return mul(x, y)
        case "/" | "%":
            zero = const(Fraction(0)) if y.sort is Sort.REAL else const(0)
            require(env, not_(eq(y, zero)), "division by zero", e.span)
            return div(x, y) if op == "/" else mod(x, y)
    raise AssertionError(f"{e.span}: unknown operator {op}")


def _same_sort(x: Expr, y: Expr) -> tuple[Expr, Expr]:
    """A duration may be multiplied by an int, a real compared with an integer literal."""
    if x.sort is Sort.REAL and y.sort is Sort.INT:
        return x, to_real(y)
    if x.sort is Sort.INT and y.sort is Sort.REAL:
        return to_real(x), y
    return x, y


def _membership(env: Env, e: ast.Binary) -> Expr:
    if isinstance(e.right, ast.Range):
        x = scalar(env, e.left)
        lo, hi = scalar(env, e.right.lo), scalar(env, e.right.hi)
        return and_(le(*_same_sort(lo, x)), le(*_same_sort(x, hi)))
    left, right = lower(env, e.left), lower(env, e.right)
    if isinstance(right, Members):
        assert isinstance(left, Expr)
        return or_(*(and_(eq(left, const(k)), bit) for k, bit in enumerate(right.bits)))
    assert isinstance(right, Arr)
    return or_(*(equal(left, item) for item in right.items))


def _apply(env: Env, e: ast.Apply) -> Value:
    match e.func:
        case "old":
            return lower(replace(env, store=env.entry), e.args[0])
        case "next":
            return lower(replace(env, after=True), e.args[0])
        case "some":
            return Opt(TRUE, lower(env, e.args[0]))
        case "is_some" | "value":
            option = lower(env, e.args[0])
            assert isinstance(option, Opt)
            if e.func == "is_some":
                return option.present
            require(env, option.present, "the option may be none here", e.span)
            return option.value
        case "size":
            value = lower(env, e.args[0])
            if isinstance(value, Arr):
                return const(len(value.items))
            assert isinstance(value, Members)
            return add(const(0), *(ite(b, const(1), const(0)) for b in value.bits))
        case "abs":
            x = scalar(env, e.args[0])
            zero = const(Fraction(0)) if x.sort is Sort.REAL else const(0)
            return ite(lt(x, zero), neg(x), x)
        case "min" | "max":
            result = scalar(env, e.args[0])
            for arg in e.args[1:]:
                result, other = _same_sort(result, scalar(env, arg))
                smaller = le(result, other)
                result = ite(smaller if e.func == "min" else not_(smaller), result, other)
            return result
    raise AssertionError(f"{e.span}: unknown function {e.func}")


def interval(env: Env, e: ast.Range) -> Interval:
    """A range with static bounds.  Raises `NotConstant`.

    Its ends may be parameters or variables of a ranged type: then it lies within what the types
    allow.
    """
    lo, hi = scalar(env, e.lo), scalar(env, e.hi)
    return Interval(lo, hi, bounds(env, e.lo)[0], bounds(env, e.hi)[1])


def domain(env: Env, e: ast.Expression) -> list[tuple[Expr, Value]]:
    """The elements of a domain with static bounds: (is in the domain, element).

    Raises `NotConstant`.
    """
    if isinstance(e, ast.Range):
        return interval(env, e).items()
    if isinstance(e, ast.Name) and e.ref is RefKind.ENUM_TYPE:
        assert isinstance(e.type, Enum | SetOf)
        enum = e.type if isinstance(e.type, Enum) else e.type.elem
        return [(TRUE, const(k)) for k in range(len(enum.values))]
    value = lower(env, e)
    if isinstance(value, Members):
        return [(bit, const(k)) for k, bit in enumerate(value.bits)]
    if isinstance(value, Arr):
        return [(TRUE, item) for item in value.items]
    raise NotConstant(e.span)


def bounds(env: Env, e: ast.Expression) -> Extent:
    """Static bounds of an integer expression.  Raises `NotConstant`."""

    def known(part: ast.Expression) -> int | None:
        value = scalar(unasked(env), part)
        return int(value.value) if value.op is Op.CONST and value.value is not None else None

    found = extent(e, known)
    if found is None:
        raise NotConstant(e.span)
    return found


def _quantifier(env: Env, e: ast.Quantifier) -> Value:
    zero = const(0)
    if isinstance(e.domain, ast.Name) and e.domain.ref is RefKind.INSTANCES:
        parts = []
        for bound in env.instances(e.domain.name):
            # Instances that a parameter leaves out do not exist.
            inner = replace(_under(env, bound.exists), bound={**env.bound, e.var: bound})
            parts.append((bound.exists, scalar(inner, e.body)))
    else:
        try:
            elements = domain(env, e.domain)
        except NotConstant:
            raise without_bounds(f"`{e.kind}`", e.span) from None
        parts = []
        for inside, element in elements:
            if inside is FALSE:
                continue
            inner = _under(env, inside).bind(**{e.var: element})
            parts.append((inside, scalar(inner, e.body)))
    match e.kind:
        case "forall":
            return and_(*(implies(i, b) for i, b in parts))
        case "exists":
            return or_(*(and_(i, b) for i, b in parts))
        case "count":
            return add(zero, *(ite(and_(i, b), const(1), zero) for i, b in parts))
        case "sum":
            if not parts:
                return zero
            unit = const(Fraction(0)) if parts[0][1].sort is Sort.REAL else zero
            return add(unit, *(ite(i, b, unit) for i, b in parts))
    raise AssertionError(f"{e.span}: unknown quantifier {e.kind}")


def ranged(type_: Type | None, name: str, value: Value, span: Span) -> list[Definedness]:
    """What keeps a value that is passed as a ranged type inside of it."""
    kinds: list[tuple[str, Type]] = []

    def leaf(path: str, t: Type) -> Expr:
        kinds.append((path, t))
        return FALSE

    assert type_ is not None
    build(type_, name, leaf)
    out = []
    for (path, t), v in zip(kinds, leaves(value), strict=True):
        if isinstance(t, Int) and t.lo is not None and t.hi is not None:
            inside = within(v, t.lo, t.hi)
            if inside is not TRUE:
                out.append(Definedness(inside, f"{path} may leave {t.lo}..{t.hi}", span))
    return out
