"""Terms as SMT-LIB 2.6 text, and back.

The text is what certificates keep and what solvers other than our own encoding read.  Shared
parts are named by `let`, so a term is printed in the size of its graph.  Division is total
(x/0 = 0), as `Op.DIV` and `Op.MOD` say; integer `div` and `mod` of SMT-LIB are Euclidean too.
Stacks have no text: terms with one raise `Unreadable`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from .expr import FALSE, TRUE, Expr, Op, Sort, const
from .walks import postorder

SORTS = {Sort.BOOL: "Bool", Sort.INT: "Int", Sort.REAL: "Real"}
_NAMES = {
    Op.NOT: "not",
    Op.AND: "and",
    Op.OR: "or",
    Op.ITE: "ite",
    Op.EQ: "=",
    Op.LE: "<=",
    Op.LT: "<",
    Op.ADD: "+",
    Op.NEG: "-",
    Op.MUL: "*",
    Op.TO_REAL: "to_real",
}


class Unreadable(ValueError):
    """Not a term that `text` writes, or cannot be written."""


def text(root: Expr, name: Callable[[Expr], str]) -> str:
    """The term; `name` gives symbols to `VAR`, `POST` and `INPUT` leaves."""
    order = postorder([root])
    uses: dict[int, int] = {}
    for node in order:
        for a in node.args:
            uses[id(a)] = uses.get(id(a), 0) + 1
    said: dict[int, str] = {}
    lets: list[str] = []
    for node in order:
        out = _one(node, [said[id(a)] for a in node.args], name)
        if node.args and uses.get(id(node), 0) > 1:
            lets.append(f"(let ((.{len(lets)} {out})) ")
            out = f".{len(lets) - 1}"
        said[id(node)] = out
    return "".join(lets) + said[id(root)] + ")" * len(lets)


def _one(node: Expr, args: Sequence[str], name: Callable[[Expr], str]) -> str:
    match node.op:
        case Op.CONST:
            return literal(node)
        case Op.VAR | Op.POST | Op.INPUT:
            return name(node)
        case Op.AND | Op.OR if len(args) < 2:
            return args[0] if args else ("true" if node.op is Op.AND else "false")
        case Op.ADD if len(args) == 1:
            return args[0]
        case Op.DIV | Op.MOD:
            real = node.sort is Sort.REAL
            word = "mod" if node.op is Op.MOD else "/" if real else "div"
            zero = "0.0" if real else "0"
            if node.args[1].op is Op.CONST:
                return f"({word} {args[0]} {args[1]})" if node.args[1].value else zero
            return f"(ite (= {args[1]} {zero}) {zero} ({word} {args[0]} {args[1]}))"
    if node.op not in _NAMES:
        raise Unreadable(f"{node.op.value} has no text")
    return f"({_NAMES[node.op]} {' '.join(args)})"


def literal(node: Expr) -> str:
    """A constant."""
    value = node.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or node.sort not in SORTS:
        raise Unreadable("a stack has no text")
    x = Fraction(value)
    dot = ".0" if node.sort is Sort.REAL else ""
    out = f"{abs(x.numerator)}{dot}"
    if x.denominator != 1:
        out = f"(/ {out} {x.denominator}.0)"
    return f"(- {out})" if x < 0 else out


# --- reading -----------------------------------------------------------------------------------

_TOKEN = re.compile(r"\s*(\(|\)|\|[^|]*\||[^\s()|]+)")
_INTEGER = re.compile(r"[0-9]+", re.ASCII)
_DECIMAL = re.compile(r"[0-9]+\.0", re.ASCII)
_OPS = {word: op for op, word in _NAMES.items()} | {"div": Op.DIV, "/": Op.DIV, "mod": Op.MOD}
_ARITY = {Op.NOT: 1, Op.ITE: 3, Op.EQ: 2, Op.LE: 2, Op.LT: 2, Op.NEG: 1, Op.MUL: 2, Op.DIV: 2}
_ARITY |= {Op.MOD: 2, Op.TO_REAL: 1}


def read(source: str, symbols: Mapping[str, Expr]) -> Expr:
    """The term that `text` wrote; every other text is refused.  Raises `Unreadable`."""
    stack: list[list[object]] = [[]]
    at = 0
    scopes: dict[str, Expr] = {}
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            raise Unreadable(f"at {at}: {source[at : at + 20]!r}")
        at = found.end()
        token = found[1]
        if token == "(":
            stack.append([])
        elif token != ")":
            stack[-1].append(_atom(token, symbols, scopes))
        elif len(stack) > 1:
            done = stack.pop()
            stack[-1].append(_closed(done, stack[-1], scopes))
        else:
            raise Unreadable("a parenthesis too many")
    if len(stack) != 1 or len(stack[0]) != 1 or not isinstance(stack[0][0], Expr):
        raise Unreadable("not one term")
    return stack[0][0]


def _atom(token: str, symbols: Mapping[str, Expr], scopes: Mapping[str, Expr]) -> object:
    if token in ("true", "false"):
        return TRUE if token == "true" else FALSE
    if _INTEGER.fullmatch(token):
        return const(int(token))
    if _DECIMAL.fullmatch(token):
        return const(Fraction(token))
    known = scopes.get(token) or symbols.get(token)
    return token if known is None else known


def _closed(items: list[object], around: list[object], scopes: dict[str, Expr]) -> object:
    """A list that has just ended.  Inside a `let` its bindings are lists of lists."""
    match items:
        case [str(name), Expr() as value] if name.startswith(".") and not around:
            if name in scopes:
                raise Unreadable(f"{name} twice")
            scopes[name] = value
            return (name,)
        case [(str(),)]:
            return ("bound",)
        case ["let", ("bound",), Expr() as body]:
            return body
        case [str(word), *args] if word in _OPS and all(isinstance(a, Expr) for a in args):
            return _applied(word, [a for a in args if isinstance(a, Expr)])
    raise Unreadable(f"{items[0] if items else '()'!r:.40}")


def _applied(word: str, args: list[Expr]) -> Expr:
    """Built as it stands, without simplifying: what is read is what was written."""
    op = _OPS[word]
    sorts = {a.sort for a in args}
    if len(args) != _ARITY.get(op, len(args)) or not args:
        raise Unreadable(f"{word} with {len(args)} arguments")
    if op in (Op.NOT, Op.AND, Op.OR):
        if sorts != {Sort.BOOL}:
            raise Unreadable(f"{word} of a number")
        return Expr(op, tuple(args), Sort.BOOL)
    if op is Op.ITE:
        if args[0].sort is not Sort.BOOL or args[1].sort is not args[2].sort:
            raise Unreadable("ite of different sorts")
        return Expr(op, tuple(args), args[1].sort)
    if op is Op.TO_REAL:
        if sorts != {Sort.INT}:
            raise Unreadable("to_real of no integer")
        return Expr(op, tuple(args), Sort.REAL)
    if len(sorts) != 1 or (op is not Op.EQ and Sort.BOOL in sorts):
        raise Unreadable(f"{word} of different sorts")
    (sort,) = sorts
    if op in (Op.DIV, Op.MOD) and sort is not (Sort.REAL if word == "/" else Sort.INT):
        raise Unreadable(f"{word} of a number of another sort")
    if op is Op.NEG and args[0].op is Op.CONST and args[0].value is not None:
        return const(-args[0].value)
    if op is Op.DIV and sort is Sort.REAL and args[0].op is Op.CONST and args[1].value:
        return const(Fraction(args[0].value or 0) / Fraction(args[1].value))
    if op in (Op.EQ, Op.LE, Op.LT):
        sort = Sort.BOOL
    return Expr(op, tuple(args), sort)
