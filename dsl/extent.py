"""Between which integers an expression lies, as far as constants and ranged types tell."""

from __future__ import annotations

from collections.abc import Callable

from . import ast
from .ast import RefKind
from .types import Int
from .walk import walk

Extent = tuple[int, int]
Known = Callable[[ast.Expression], int | None]  # the value of an expression that is constant

_LATER = (RefKind.ACTIVITY_ARG, RefKind.BINDER, RefKind.RESULT)


def extent(e: ast.Expression, known: Known) -> Extent | None:
    """The least and the largest value of a checked integer expression; None: without bounds."""
    found: Extent | None = None
    match e:
        case ast.IntLit(value=v):
            return v, v
        case ast.Unary(op="-", arg=arg):
            inner = extent(arg, known)
            found = None if inner is None else (-inner[1], -inner[0])
        case ast.Binary(op="+" | "-" | "*" as op, left=left, right=right):
            a, b = extent(left, known), extent(right, known)
            found = None if a is None or b is None else _combined(op, a, b)
        case ast.Apply(func="min" | "max" as func, args=args):
            found = _extreme(func, [extent(arg, known) for arg in args])
    if found is not None:
        return found
    value = known(e)
    if value is not None:
        return value, value
    if isinstance(e.type, Int) and e.type.lo is not None and e.type.hi is not None:
        return e.type.lo, e.type.hi
    return None


def _combined(op: str, a: Extent, b: Extent) -> Extent:
    if op == "+":
        return a[0] + b[0], a[1] + b[1]
    if op == "-":
        return a[0] - b[1], a[1] - b[0]
    corners = [x * y for x in a for y in b]
    return min(corners), max(corners)


def _extreme(func: str, sides: list[Extent | None]) -> Extent | None:
    ends = [side for side in sides if side is not None]
    if len(ends) < len(sides):
        return None
    pick = min if func == "min" else max
    return pick(lo for lo, _ in ends), pick(hi for _, hi in ends)


def boundless(e: ast.Expression, known: Known) -> bool:
    """Whether an integer or a range certainly has no bounds, wherever its place is run.

    What an argument of an activity or a bound name is may be constant there.
    """
    if isinstance(e, ast.Range):
        return boundless(e.lo, known) or boundless(e.hi, known)
    return isinstance(e.type, Int) and extent(e, known) is None and not _settled_later(e)


def _settled_later(e: ast.Expression) -> bool:
    return any(isinstance(node, ast.Name) and node.ref in _LATER for node in walk(e))
