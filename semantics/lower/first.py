"""What is known of the start: first values, the parts of `requires`, how many instances."""

from __future__ import annotations

from ...dsl import ast
from ...dsl.errors import Span
from ...dsl.types import Enum
from ..expr import Expr, Op, substitute
from .builder import Builder
from .context import not_supported
from .data import Value


def initially(b: Builder, e: Expr) -> Expr:
    """What an expression is in the first state, in terms of arguments and parameters."""

    def leaf(x: Expr) -> Expr:
        init = b.variables[x.index].init if x.op is Op.VAR else None
        return x if init is None else initially(b, init)

    return substitute(e, leaf)


def conjuncts(e: ast.Expression) -> list[ast.Expression]:
    if isinstance(e, ast.Binary) and e.op == "and":
        return [*conjuncts(e.left), *conjuncts(e.right)]
    return [e]


def label_of(e: ast.Expression, item: Value) -> str:
    if not isinstance(item, Expr) or not isinstance(item.value, int):
        return "?"
    if isinstance(e.type, Enum):
        return e.type.values[item.value]
    return str(item.value)


def most(b: Builder, count: Expr, span: Span) -> int:
    if count.op is Op.CONST and isinstance(count.value, int):
        return count.value
    if count.op is Op.VAR:
        hi = b.variables[count.index].hi
        if hi is not None:
            return hi
    raise not_supported("a number of instances without a static bound", span)
