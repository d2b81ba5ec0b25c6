"""What is known of the start: first values, the parts of `requires`, how many instances."""

from __future__ import annotations

from ...dsl import ast
from ...dsl.types import Enum
from ..expr import Expr, Op
from ..walks import substitute
from .builder import Builder
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
