"""Terms of the rules in words that a reader of the spec understands."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from .expr import Expr, Op, same
from .system import TransitionSystem, VarKind
from .values import show
from .walks import fold

_INFIX = {Op.AND: " and ", Op.OR: " or ", Op.MUL: " * ", Op.LE: " <= ", Op.LT: " < "}


def in_words(system: TransitionSystem, root: Expr, most: int = 400) -> str:
    """The term with the names of the spec, places of threads included; cut after `most`."""

    def build(node: Expr, args: Sequence[str]) -> str:
        match node.op:
            case Op.CONST:
                return _constant(node)
            case Op.VAR:
                return system.variables[node.index].name
            case Op.POST:
                return f"next({system.variables[node.index].name})"
            case Op.INPUT:
                return f"answer {node.index + 1}"
            case Op.NOT:
                return f"not {args[0]}"
            case Op.NEG:
                return f"-{args[0]}"
            case Op.ITE if _cut(node):
                return f"max(0, {_bare(args[1])})"
            case Op.ITE:
                return f"({args[1]} if {_bare(args[0])} else {args[2]})"
            case Op.ADD:
                return f"({_sum(args)})"
            case Op.EQ:
                return _equation(system, node, args)
            case Op.DIV | Op.MOD:
                return f"({args[0]} {node.op.value} {args[1]})"
            case Op.TO_REAL:
                return args[0]
            case Op.PUSH | Op.POP | Op.TOP:
                return f"{node.op.value}({', '.join(map(_bare, args))})"
            case _:
                text = _INFIX[node.op].join(args)
                return f"({text})"

    text = fold(root, build)
    if root.op is not Op.ITE:
        text = _bare(text)
    return text if len(text) <= most else text[: most - 3] + "..."


def _sum(args: Sequence[str]) -> str:
    """`3 - x` instead of `-x + 3`."""
    first = next((k for k, a in enumerate(args) if not a.startswith("-")), 0)
    out = args[first]
    for a in (*args[:first], *args[first + 1 :]):
        out += f" - {a[1:]}" if a.startswith("-") else f" + {a}"
    return out


def _bare(text: str) -> str:
    """Without the parentheses around all of it."""
    if not text.startswith("("):
        return text
    depth = 0
    for k, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return text[1:-1] if k == len(text) - 1 else text
    return text


def _cut(node: Expr) -> bool:
    """`x if 0 < x else 0`."""
    test, then, other = node.args
    zero = other.op is Op.CONST and other.value == 0
    return zero and test.op is Op.LT and same(test.args[1], then) and same(test.args[0], other)


def _equation(system: TransitionSystem, node: Expr, args: Sequence[str]) -> str:
    left, right = node.args
    if left.op is Op.VAR and right.op is Op.CONST and right.value is not None:
        variable = system.variables[left.index]
        if variable.kind is VarKind.LOCATION:
            thread = next(t for t in system.threads if t.location == left.index)
            if isinstance(right.value, int) and right.value < len(thread.points):
                return f"{thread.name} is at «{thread.points[right.value].label}»"
        return f"{args[0]} == {show(variable, right.value, system.strings)}"
    return f"{args[0]} == {args[1]}"


def _constant(node: Expr) -> str:
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    if isinstance(node.value, Fraction) and node.value.denominator == 1:
        return str(node.value.numerator)
    return str(node.value)
