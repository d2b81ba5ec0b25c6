"""The one expression language of the rules: typed, scalar, closed.

Composite data (records, arrays, options, sets) is split into scalars when a spec is lowered, so
every reading (values, SMT, generated code) deals with three sorts and the operators below.
Enums and strings are integers here; `Variable.type` and `Input.type` say how to print them.
The fourth sort is for what grows while a run goes on: a stack of scalars (the undo log of a loop).

Terms are immutable and compared by identity: they are shared as directed acyclic graphs, so walk
them with `fold` or a memo keyed by `id`, never by naive recursion over `args`.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..dsl.closed import Closed


class Sort(Closed):
    BOOL = "bool"
    INT = "int"
    REAL = "real"
    STACK = "stack"  # of scalars, of any of the other sorts


class Op(Closed):
    """The closed list of operators; the comment gives the sorts of the arguments."""

    CONST = "const"  # value: bool, int or Fraction
    VAR = "var"  # value: index into TransitionSystem.variables, in the state before the step
    POST = "post"  # value: the same, in the state after the step (only in step properties)
    INPUT = "input"  # value: index into Rule.inputs
    NOT = "not"  # bool
    AND = "and"  # bool*
    OR = "or"  # bool*
    ITE = "ite"  # bool, s, s
    EQ = "="  # s, s
    LE = "<="  # number, number of one sort
    LT = "<"
    ADD = "+"  # number*
    NEG = "-"  # number
    MUL = "*"  # number, number
    DIV = "/"  # int: Euclidean, real: exact; x/0 = 0 (and check `arithmetic` complains)
    MOD = "%"  # int: Euclidean, 0 <= x % y < |y|; x % 0 = 0
    TO_REAL = "to_real"  # int
    PUSH = "push"  # stack, scalar
    POP = "pop"  # stack; of an empty one: empty
    TOP = "top"  # stack; false or 0 where it is empty, or its top is not of the term's sort


NUMBERS = (Sort.INT, Sort.REAL)

# The value of a stack is a tuple of scalars, the top last.  Nothing but the functions `pushed`,
# `popped` and `topmost` looks into one, so the type of values leaves it out.
Scalar = bool | int | Fraction


class Expr:
    """A term.  `value` is the constant, or the index of a variable or an input."""

    __slots__ = ("args", "op", "sort", "value")

    def __init__(self, op: Op, args: tuple[Expr, ...], sort: Sort, value: Scalar | None = None):
        self.op = op
        self.args = args
        self.sort = sort
        self.value = value

    if TYPE_CHECKING:

        @property
        def index(self) -> int:
            """The `value` of a variable or an input."""

    def __repr__(self) -> str:
        if self.op is Op.CONST:
            return str(self.value)
        if self.op in (Op.VAR, Op.POST, Op.INPUT):
            return f"{self.op.value}{self.value}"
        return f"({self.op.value} {' '.join(map(repr, self.args))})"


if not TYPE_CHECKING:
    Expr.index = Expr.value  # the same slot: it is asked for millions of times


TRUE = Expr(Op.CONST, (), Sort.BOOL, True)
FALSE = Expr(Op.CONST, (), Sort.BOOL, False)
ZERO = Expr(Op.CONST, (), Sort.INT, 0)
ONE = Expr(Op.CONST, (), Sort.INT, 1)
EMPTY = Expr(Op.CONST, (), Sort.STACK, ())  # type: ignore[arg-type]


_MANY = 1024
# (The negative ones last, where an index below 0 finds them.)
_FEW = tuple(Expr(Op.CONST, (), Sort.INT, k) for k in (*range(_MANY), *range(-_MANY, 0)))


def const(value: Scalar) -> Expr:
    """A constant; the sort follows the Python type (a Fraction is real, also when whole)."""
    if type(value) is int:  # the small ones are shared: there are very many of them
        return _FEW[value] if -_MANY <= value < _MANY else Expr(Op.CONST, (), Sort.INT, value)
    if value is True:
        return TRUE
    if value is False:
        return FALSE
    if isinstance(value, tuple):
        return Expr(Op.CONST, (), Sort.STACK, value) if value else EMPTY
    return Expr(Op.CONST, (), Sort.REAL if isinstance(value, Fraction) else Sort.INT, value)


def whole(e: Expr) -> int | None:
    """The value of a constant whole number.  (The `value` of a variable is its index.)"""
    return e.value if e.op is Op.CONST and type(e.value) is int else None


def var(index: int, sort: Sort) -> Expr:
    return Expr(Op.VAR, (), sort, index)


def post(index: int, sort: Sort) -> Expr:
    return Expr(Op.POST, (), sort, index)


def inp(index: int, sort: Sort) -> Expr:
    return Expr(Op.INPUT, (), sort, index)


def same(a: Expr, b: Expr) -> bool:
    """Cheaply known to be equal: identical, or equal leaves."""
    if a is b:
        return True
    # (A junction without arguments is a knot that the builder ties later: like no other.)
    if a.op is not b.op or a.value is None or a.args or b.args:
        return False
    return a.value == b.value and a.sort is b.sort


def alike(a: Expr, b: Expr) -> bool:
    """Cheaply known to be equal: `same`, or a term of terms that are."""
    if a is b:
        return True
    if a.op is not b.op or a.value != b.value or a.sort is not b.sort:
        return False
    inside = a.args
    if not inside:
        return same(a, b)
    return len(inside) == len(b.args) and all(map(same, inside, b.args))


def not_(a: Expr) -> Expr:
    if a.op is Op.CONST:
        return FALSE if a.value else TRUE
    if a.op is Op.NOT:
        return a.args[0]
    return Expr(Op.NOT, (a,), Sort.BOOL)


def _junction(op: Op, unit: Expr, zero: Expr, parts: Iterable[Expr]) -> Expr:
    flat: list[Expr] = []
    seen: set[int] = set()
    for part in parts:
        if part is unit or id(part) in seen:
            continue
        if part is zero:
            return zero
        if part.op is Op.CONST:
            if part.value is zero.value:
                return zero
            continue
        seen.add(id(part))
        # Only small junctions are flattened: a wide shared one must stay shared (and one that
        # is still empty is a knot that the builder ties later).
        if part.op is op and 0 < len(part.args) <= 4:
            flat.extend(arg for arg in part.args if id(arg) not in seen)
            seen.update(id(arg) for arg in part.args)
        else:
            flat.append(part)
    if not flat:
        return unit
    if len(flat) == 1:
        return flat[0]
    return Expr(op, tuple(flat), Sort.BOOL)


def and_(*parts: Expr) -> Expr:
    if len(parts) == 2 and parts[1] is TRUE and parts[0].op is not Op.CONST:
        return parts[0]  # (asked of most steps)
    return _junction(Op.AND, TRUE, FALSE, parts)


def or_(*parts: Expr) -> Expr:
    return _junction(Op.OR, FALSE, TRUE, parts)


def implies(a: Expr, b: Expr) -> Expr:
    return or_(not_(a), b)


def ite(cond: Expr, then: Expr, other: Expr) -> Expr:
    if cond.op is Op.CONST:
        return then if cond.value else other
    if same(then, other):
        return then
    if then.sort is Sort.BOOL:
        if then.op is Op.CONST:
            return or_(cond, other) if then.value else and_(not_(cond), other)
        if other.op is Op.CONST:
            return or_(not_(cond), then) if other.value else and_(cond, then)
    return Expr(Op.ITE, (cond, then, other), then.sort)


def eq(a: Expr, b: Expr) -> Expr:
    if same(a, b):
        return TRUE
    if a.op is Op.CONST and b.op is Op.CONST:
        return const(a.value == b.value)
    if a.sort is Sort.BOOL:
        if a.op is Op.CONST:
            return b if a.value else not_(b)
        if b.op is Op.CONST:
            return a if b.value else not_(a)
    return Expr(Op.EQ, (a, b), Sort.BOOL)


def le(a: Expr, b: Expr) -> Expr:
    if a.op is Op.CONST and b.op is Op.CONST:
        return FALSE if _less(_number(b), _number(a)) else TRUE
    if same(a, b):
        return TRUE
    return Expr(Op.LE, (a, b), Sort.BOOL)


def lt(a: Expr, b: Expr) -> Expr:
    if a.op is Op.CONST and b.op is Op.CONST:
        return TRUE if _less(_number(a), _number(b)) else FALSE
    if same(a, b):
        return FALSE
    return Expr(Op.LT, (a, b), Sort.BOOL)


def _less(a: int | Fraction, b: int | Fraction) -> bool:
    """a < b.  (Comparing two fractions looks at what kind of numbers they are, which is slow.)"""
    return a.numerator * b.denominator < b.numerator * a.denominator


def ne(a: Expr, b: Expr) -> Expr:
    return not_(eq(a, b))


def _number(a: Expr) -> int | Fraction:
    assert a.value is not None
    return a.value


def add(*parts: Expr) -> Expr:
    """The sum; of one sort, at least one part."""
    sort = parts[0].sort
    total: int | Fraction = Fraction(0) if sort is Sort.REAL else 0
    flat: list[Expr] = []
    for part in parts:
        for arg in part.args if part.op is Op.ADD and 0 < len(part.args) <= 4 else (part,):
            if arg.op is Op.CONST:
                total += _number(arg)
            else:
                flat.append(arg)
    if total or not flat:
        flat.append(const(total))
    if len(flat) == 1:
        return flat[0]
    return Expr(Op.ADD, tuple(flat), sort)


def neg(a: Expr) -> Expr:
    if a.op is Op.CONST:
        return const(-_number(a))
    if a.op is Op.NEG:
        return a.args[0]
    return Expr(Op.NEG, (a,), a.sort)


def sub(a: Expr, b: Expr) -> Expr:
    if same(a, b):
        return const(Fraction(0) if a.sort is Sort.REAL else 0)
    return add(a, neg(b))


def mul(a: Expr, b: Expr) -> Expr:
    for x, y in ((a, b), (b, a)):
        if x.op is Op.CONST:
            if y.op is Op.CONST:
                return const(_number(x) * _number(y))
            if x.value == 1:
                return y
            if x.value == 0:
                return x
    return Expr(Op.MUL, (a, b), a.sort)


def euclid(a: int, b: int) -> tuple[int, int]:
    """Euclidean quotient and remainder, 0 <= r < |b|; (0, 0) for b = 0, a total reading."""
    if b == 0:
        return 0, 0
    r = a % abs(b)
    return (a - r) // b, r


def div(a: Expr, b: Expr) -> Expr:
    if a.op is Op.CONST and b.op is Op.CONST:
        x, y = _number(a), _number(b)
        if a.sort is Sort.REAL:
            return const(Fraction(x) / y if y else Fraction(0))
        return const(euclid(int(x), int(y))[0])
    return Expr(Op.DIV, (a, b), a.sort)


def mod(a: Expr, b: Expr) -> Expr:
    if a.op is Op.CONST and b.op is Op.CONST:
        return const(euclid(int(_number(a)), int(_number(b)))[1])
    return Expr(Op.MOD, (a, b), Sort.INT)


def to_real(a: Expr) -> Expr:
    if a.sort is Sort.REAL:
        return a
    if a.op is Op.CONST:
        return const(Fraction(_number(a)))
    return Expr(Op.TO_REAL, (a,), Sort.REAL)


def zero(sort: Sort) -> Expr:
    """What a variable of this sort holds when nothing has been put into it."""
    nothing = {Sort.BOOL: FALSE, Sort.INT: ZERO, Sort.STACK: EMPTY}
    return nothing.get(sort) or const(Fraction(0))


# --- stacks: the value of each operation, and its term ----------------------------------------


def pushed(stack: Any, value: Scalar) -> Any:
    return (*stack, value)


def popped(stack: Any) -> Any:
    return stack[:-1]


def topmost(stack: Any, sort: Sort) -> Any:
    kinds = {Sort.BOOL: bool, Sort.INT: int, Sort.REAL: Fraction}
    if stack and type(stack[-1]) is kinds[sort]:
        return stack[-1]
    return zero(sort).value


def push(stack: Expr, value: Expr) -> Expr:
    if stack.op is Op.CONST and value.op is Op.CONST:
        assert value.value is not None
        return const(pushed(stack.value, value.value))
    return Expr(Op.PUSH, (stack, value), Sort.STACK)


def pop(stack: Expr) -> Expr:
    if stack.op is Op.PUSH:
        return stack.args[0]
    if stack.op is Op.CONST:
        return const(popped(stack.value))
    return Expr(Op.POP, (stack,), Sort.STACK)


def top(stack: Expr, sort: Sort) -> Expr:
    if stack.op is Op.PUSH:
        return stack.args[1] if stack.args[1].sort is sort else zero(sort)
    if stack.op is Op.CONST:
        return const(topmost(stack.value, sort))
    return Expr(Op.TOP, (stack,), sort)
