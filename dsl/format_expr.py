"""Expressions and types as text, with no more parentheses than they need."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, assert_never

from . import ast
from .transform_expr import CHAIN, UNITS, fold

# How tightly a form binds; ARRAY stands between comparisons and sums (see grammar.lark).
QUANTIFIER, IMPLIES, OR, AND, NOT, COMPARE, ARRAY, SUM, PRODUCT, UNARY, POSTFIX = range(11)
_LEVELS: Final = {
    "=>": IMPLIES,
    "or": OR,
    "and": AND,
    "in": COMPARE,
    "+": SUM,
    "-": SUM,
    "*": PRODUCT,
    "/": PRODUCT,
    "%": PRODUCT,
}


def expr(e: ast.Expression, level: int = QUANTIFIER) -> str:
    """`e` as text that binds at least as tightly as `level`."""
    text, own = _expr(e)
    return f"({text})" if own < level else text


def _expr(e: ast.Expression) -> tuple[str, int]:
    match e:
        case ast.BoolLit(value=value):
            return ("true" if value else "false"), POSTFIX
        case ast.IntLit(value=value):
            return str(value), POSTFIX if value >= 0 else UNARY
        case ast.RealLit(value=number):
            return _decimal(number)
        case ast.DurationLit(value=number, text=text):
            return text or duration(number), POSTFIX
        case ast.StrLit(value=text):
            return string(text), POSTFIX
        case ast.Name(name=name):
            return name, POSTFIX
        case ast.Now():
            return "now", POSTFIX
        case ast.NoneLit():
            return "none", POSTFIX
        case ast.Unary(op=op, arg=arg):
            if op == "not":
                return f"not {expr(arg, NOT)}", NOT
            return f"-{expr(arg, UNARY)}", UNARY
        case ast.Binary():
            return _binary(e)
        case ast.Range(lo=lo, hi=hi):
            # `0..N-1` reads better than `0..N - 1`.
            return f"{_tight(lo)}..{_tight(hi)}", ARRAY
        case ast.Index(base=base, index=index):
            return f"{expr(base, POSTFIX)}[{expr(index)}]", POSTFIX
        case ast.Member(base=base, name=name):
            return f"{expr(base, POSTFIX)}.{name}", POSTFIX
        case ast.RecordLit(fields=fields):
            return "{" + ", ".join(f"{n}: {expr(v)}" for n, v in fields) + "}", POSTFIX
        case ast.ArrayLit(items=items):
            return "[" + exprs(items) + "]", ARRAY
        case ast.SetLit(items=items):
            return "{" + exprs(items) + "}", POSTFIX
        case ast.Apply(func=func, args=args):
            return f"{func}({exprs(args)})", POSTFIX
        case ast.Quantifier(kind=kind, var=var, domain=domain, body=body):
            return f"{kind} {var} in {in_domain(domain)}: {expr(body)}", QUANTIFIER
        case ast.StatePredicate(kind=kind, target=target, instance=instance):
            return f"{kind}({instance + '.' if instance else ''}{target})", POSTFIX
    assert_never(e)


def exprs(items: tuple[ast.Expression, ...]) -> str:
    return ", ".join(expr(i) for i in items)


def _tight(e: ast.Expression) -> str:
    match e:
        case ast.Binary("+" | "-" as op, ast.Name(left), ast.IntLit(right)) if right >= 0:
            return f"{left}{op}{right}"
        case _:
            return expr(e, SUM)


def in_domain(e: ast.Expression) -> str:
    return expr(e) if isinstance(e, ast.Range) else expr(e, SUM)


def _binary(e: ast.Binary) -> tuple[str, int]:
    level = _LEVELS.get(e.op, COMPARE)
    if level == COMPARE:
        right = in_domain(e.right) if e.op == "in" else expr(e.right, ARRAY)
        return f"{expr(e.left, ARRAY)} {e.op} {right}", COMPARE
    if level == IMPLIES:
        return f"{expr(e.left, OR)} => {expr(e.right, IMPLIES)}", IMPLIES
    operands = _balanced(e)
    if operands:
        return f" {e.op} ".join(expr(o, level + 1) for o in operands), level
    count, node, same = 1, e.left, e.op in _ASSOCIATIVE
    while isinstance(node, ast.Binary) and _LEVELS.get(node.op) == level and not _balanced(node):
        count, same, node = count + 1, same and node.op == e.op, node.left
    # A chain too long would be read as a balanced tree, and a balanced one must stay whole.
    grouped = bool(_balanced(e.left)) or (same and count >= CHAIN)
    left = f"({expr(e.left)})" if grouped else expr(e.left, level)
    return f"{left} {e.op} {expr(e.right, level + 1)}", level


_ASSOCIATIVE: Final = ("and", "or", "+", "*")


def _balanced(e: ast.Expression) -> list[ast.Expression]:
    """The operands of a long chain, which is read as a balanced tree; [] for anything else."""
    if not isinstance(e, ast.Binary) or e.op not in _ASSOCIATIVE:
        return []
    operands = _flat(e, e.op)
    return operands if len(operands) > CHAIN and fold(e.op, operands) == e else []


def _flat(e: ast.Expression, op: str) -> list[ast.Expression]:
    found: list[ast.Expression] = []
    stack: list[ast.Expression] = [e]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Binary) and node.op == op:
            stack += [node.right, node.left]
        else:
            found.append(node)
    return found


def _decimal(value: Fraction) -> tuple[str, int]:
    digits = value.denominator
    for prime in (2, 5):
        while digits % prime == 0:
            digits //= prime
    if digits != 1:
        return f"{value.numerator}.0 / {value.denominator}.0", PRODUCT
    places = 1
    while (value * 10**places).denominator != 1:
        places += 1
    scaled = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{scaled[:-places]}.{scaled[-places:]}", UNARY if sign else POSTFIX


def duration(seconds: Fraction) -> str:
    """A literal of that value: `1h30m`, `1.5s`."""
    parts, rest = "", seconds
    for unit in ("d", "h", "m", "s"):
        count = rest // UNITS[unit]
        if count:
            parts += f"{count}{unit}"
            rest -= count * UNITS[unit]
    if rest:
        milli = rest * 1000
        if milli.denominator == 1:
            return parts + f"{milli}ms"
        return parts + _decimal(milli)[0] + "ms"
    return parts or "0s"


def string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r") + '"'


def type_text(t: ast.TypeExpr, inner: bool = False) -> str:
    """A type as written; `inner` where a suffix `[..]` follows."""
    match t:
        case ast.TypeName(name=name):
            return name
        case ast.RangeType(lo=lo, hi=hi):
            return f"int {expr(lo, UNARY)}..{expr(hi, UNARY)}"
        case ast.RecordType(fields=fields):
            return "{ " + ", ".join(f"{n}: {type_text(f)}" for n, f in fields) + " }"
        case ast.ArrayType(elem=elem, index=index):
            return f"{type_text(elem, True)}[{expr(index, SUM)}]"
        case ast.SetType(elem=elem):
            text = f"set of {type_text(elem)}"
        case ast.OptionType(elem=elem):
            text = f"option {type_text(elem)}"
        case _:
            assert_never(t)
    return f"({text})" if inner else text
