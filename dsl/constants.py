"""Values of constant expressions, with the language's own arithmetic (Euclidean `/` and `%`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from . import ast
from .types import Duration, Real
from .walk import walk

_LARGE: int = 1 << 4096  # nobody means a larger one, and Python would take for ever to print it


def evaluate(expr: ast.Expression, constants: Mapping[str, object]) -> object | None:
    """An int, Fraction, bool, str or tuple; None where `expr` is not constant.

    Works on checked and unchecked trees; on the latter a duration is a Fraction of seconds.
    """
    match expr:
        case ast.Name(name=name, ref=ref):  # (what there is most of comes first)
            return constants.get(name) if ref in (None, ast.RefKind.CONST) else None
        case ast.IntLit(value=value):
            return Fraction(value) if isinstance(expr.type, Real | Duration) else value
        case ast.BoolLit(value=flag):
            return flag
        case ast.RealLit(value=number) | ast.DurationLit(value=number):
            return number
        case ast.StrLit(value=text):
            return text
        case ast.Unary(op="-", arg=arg):
            inner = evaluate(arg, constants)
            return -inner if _is_number(inner) else None  # type: ignore[operator]
        case ast.Unary(op="not", arg=arg):
            inner = evaluate(arg, constants)
            return (not inner) if isinstance(inner, bool) else None
        case ast.Binary(op=op, left=left, right=right):
            return _binary(op, evaluate(left, constants), evaluate(right, constants))
        case ast.Apply(func="min" | "max" | "abs" as func, args=args):
            values = [evaluate(a, constants) for a in args]
            numbers: list[int | Fraction] = [
                v for v in values if isinstance(v, int | Fraction) and not isinstance(v, bool)
            ]
            if not numbers or len(numbers) < len(values):
                return None
            if func == "abs":
                return abs(numbers[0])
            return min(numbers) if func == "min" else max(numbers)
        case _:
            return None


def in_order(
    constants: Sequence[ast.ConstDecl],
) -> tuple[list[ast.ConstDecl], list[ast.ConstDecl]]:
    """One declaration of each name, those that it speaks of first; and those defined by themselves.

    Of a name that is declared twice the first counts.
    """
    pending = {c.name: c for c in reversed(constants)}
    speakers: dict[str, list[str]] = {}
    open_: dict[str, int] = {}  # of how many constants it speaks that have no value yet
    for c in pending.values():
        used = {n.name for n in walk(c.value) if isinstance(n, ast.Name)} & pending.keys()
        open_[c.name] = len(used)
        for name in used:
            speakers.setdefault(name, []).append(c.name)
    order = [name for name in pending if not open_[name]]
    for name in order:  # which grows meanwhile
        for speaker in speakers.get(name, ()):
            open_[speaker] -= 1
            if not open_[speaker]:
                order.append(speaker)
    found = [pending.pop(name) for name in order]
    return found, list(pending.values())


def whole(constants: Mapping[str, object]) -> Callable[[ast.Expression], int | None]:
    """What `extent` asks: the integer that an expression is, None where it is not constant."""

    def known(e: ast.Expression) -> int | None:
        value = evaluate(e, constants)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    return known


def _is_number(value: object) -> bool:
    return isinstance(value, int | Fraction) and not isinstance(value, bool)


def _binary(op: str, a: object, b: object) -> object | None:
    if isinstance(a, bool) or isinstance(b, bool):
        # One side may decide alone.
        match op:
            case "and" if a is False or b is False:
                return False
            case "or" if a is True or b is True:
                return True
            case "=>" if a is False or b is True:
                return True
        if not (isinstance(a, bool) and isinstance(b, bool)):
            return None
        return {"and": a and b, "or": a or b, "=>": not a or b, "==": a == b, "!=": a != b}.get(op)
    if a is None or b is None:
        return None
    if isinstance(a, str) or isinstance(b, str):
        return {"==": a == b, "!=": a != b}.get(op)
    if not (isinstance(a, int | Fraction) and isinstance(b, int | Fraction)):
        return None
    return _arithmetic(op, a, b)


def _arithmetic(op: str, a: int | Fraction, b: int | Fraction) -> object | None:
    if not (-_LARGE < a < _LARGE and -_LARGE < b < _LARGE):
        return None
    match op:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/" | "%" if b == 0:
            return None
        case "/":
            if isinstance(a, int) and isinstance(b, int):
                return (a - a % abs(b)) // b
            return Fraction(a) / b
        case "%":
            return a % abs(b) if isinstance(a, int) and isinstance(b, int) else None
        case "<":
            return a < b
        case "<=":
            return a <= b
        case ">":
            return a > b
        case ">=":
            return a >= b
        case "==":
            return a == b
        case "!=":
            return a != b
    return None
