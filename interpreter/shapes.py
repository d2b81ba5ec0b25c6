"""A term's shape: what is left of it when the variables' numbers and the constants are taken out.

`draft` splits terms into a key, equal for equal shapes, and the values for its open places
`a0, a1, ..`; the source text is made only for a key that is new.  Small terms, nearly all, are
read in prefix order, which is quick; large or shared ones are written as text at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..dsl.records import dataclass
from ..semantics.expr import Expr, Op, Sort
from ..semantics.walks import postorder

# Terms of more nodes than this are written by `_Writer`, which shares common parts.
_SMALL = 48
# Deeper nesting than this gets a local name: Python's parser has limits of its own.
_DEPTH = 12
_WIDE = 16

# Codes of leaves; INPUT k is -1 - k, operators are the ids of `Op` members (large).
_CONST, _VAR, _TRUE, _FALSE, _ZERO, _FLOOR_DIV, _FLOOR_MOD, _RATIO = range(8)
_TOPS = {Sort.BOOL: 8, Sort.INT: 9, Sort.REAL: 10}
_OPS = {id(op): op for op in Op}
# Lowering may leave a junction or a sum without parts.
_EMPTY = {Op.AND: _TRUE, Op.OR: _FALSE, Op.ADD: _ZERO}


@dataclass(slots=True)
class Draft:
    """`values` fill the open places in order; `roots` are kept alive for the ids in the key."""

    key: tuple[object, ...]
    values: list[object]
    first: int  # how many places the caller put in front
    writer: _Writer | None

    def text(self) -> tuple[list[str], list[str]]:
        """Lines that define locals, and one expression a root."""
        if self.writer is not None:
            return self.writer.lines, self.writer.texts
        return [], _infix(self.key, self.first)


def draft(roots: Sequence[Expr], first: Sequence[object] = ()) -> Draft:
    """The shape of several terms; `first` are values whose places the caller names itself."""
    values: list[object] = list(first)
    key: list[object] = []
    stack = list(roots)
    stack.reverse()
    left = _SMALL + 4 * len(roots)
    while stack:
        node = stack.pop()
        op = node.op
        if op is Op.CONST:
            if node.value is True:
                key.append(_TRUE)
            elif node.value is False:
                key.append(_FALSE)
            else:
                key.append(_CONST)
                values.append(node.value)
        elif op is Op.VAR:
            key.append(_VAR)
            values.append(node.value)
        elif op is Op.INPUT:
            key.append(-1 - node.index)
        elif not node.args:
            key.append(_EMPTY[op])
        else:
            args = node.args
            if op is Op.DIV or op is Op.MOD:
                key.append(_division(node))
            elif op is Op.TOP:
                key.append(_TOPS[node.sort])
            else:
                key.append(id(op))
            key.append(len(args))
            stack.extend(args[::-1])
            left -= 1
            if left < 0 or len(args) > _WIDE or op is Op.POST:
                writer = _Writer(roots, list(first))
                return Draft(
                    (*writer.lines, None, *writer.texts), writer.values, len(first), writer
                )
    return Draft(tuple(key), values, len(first), None)


def canonical(root: Expr) -> tuple[tuple[object, ...], list[int]] | None:
    """Equal for terms that are equal up to a renaming of variables, and the variables in order.

    None for a term that is too large to be worth it.
    """
    drafted = draft((root,))
    if drafted.writer is not None:
        return None
    numbers: dict[int, int] = {}
    values: list[object] = []
    given = iter(drafted.values)
    codes = iter(drafted.key)
    for code in codes:
        if code == _VAR:
            index = next(given)
            assert isinstance(index, int)
            values.append(numbers.setdefault(index, len(numbers)))
        elif code == _CONST:
            constant = next(given)
            values.append((type(constant), constant))
        elif isinstance(code, int) and code > _ZERO:
            next(codes)  # the number of arguments
    return (drafted.key, *values), list(numbers)


def _division(node: Expr) -> int:
    if node.sort is Sort.REAL:
        return _RATIO
    divisor = node.args[1]
    # Python's own operators agree with Euclid's for a positive divisor.
    if divisor.op is Op.CONST and divisor.index > 0:
        return _FLOOR_DIV if node.op is Op.DIV else _FLOOR_MOD
    return id(node.op)


def _infix(key: Sequence[object], first: int) -> list[str]:
    tokens: list[tuple[int, int, int]] = []  # code, number of arguments, place
    place = first
    codes = iter(key)
    for code in codes:
        assert isinstance(code, int)
        if code in (_CONST, _VAR):
            tokens.append((code, 0, place))
            place += 1
        elif code <= _ZERO:
            tokens.append((code, 0, -1))
        else:
            arity = next(codes)
            assert isinstance(arity, int)
            tokens.append((code, arity, -1))
    stack: list[str] = []
    for code, arity, at in reversed(tokens):
        args = [stack.pop() for _ in range(arity)]
        stack.append(_leaf(code, at) if not arity else _operator(code, args))
    return stack[::-1]


def _leaf(code: int, place: int) -> str:
    if code == _CONST:
        return f"a{place}"
    if code == _VAR:
        return f"s[a{place}]"
    if code in (_TRUE, _FALSE):
        return str(code == _TRUE)
    if code == _ZERO:
        return "0"
    return f"x[{-1 - code}]"


_JOINED = {Op.AND: "and", Op.OR: "or", Op.EQ: "==", Op.LE: "<=", Op.LT: "<", Op.MUL: "*"}


def _operator(code: int, args: list[str]) -> str:
    match code:
        case 5:
            return f"({args[0]} // {args[1]})"
        case 6:
            return f"({args[0]} % {args[1]})"
        case 7:
            return f"ratio({args[0]}, {args[1]})"
        case 8 | 9 | 10:
            return f"topmost({args[0]}, {('BOOL', 'INT', 'REAL')[code - 8]})"
    op = _OPS[code]
    match op:
        case Op.NOT:
            return f"(not {args[0]})"
        case Op.ITE:
            return f"({args[1]} if {args[0]} else {args[2]})"
        case Op.ADD if len(args) > _WIDE:
            return f"sum(({', '.join(args)}))"
        case Op.ADD:
            return f"({' + '.join(args)})"
        case Op.NEG:
            return f"(-{args[0]})"
        case Op.DIV:
            return f"div({args[0]}, {args[1]})"
        case Op.MOD:
            return f"mod({args[0]}, {args[1]})"
        case Op.TO_REAL:
            return f"Fraction({args[0]})"
        case Op.PUSH:
            return f"pushed({args[0]}, {args[1]})"
        case Op.POP:
            return f"popped({args[0]})"
        case Op.AND | Op.OR | Op.EQ | Op.LE | Op.LT | Op.MUL:
            return f"({f' {_JOINED[op]} '.join(args)})"
        case _:
            raise ValueError("a rule does not speak of the state after its step")


class _Writer:
    """Writes large terms, with locals for what is shared or deep."""

    def __init__(self, roots: Sequence[Expr], values: list[object]) -> None:
        self.values = values
        self.lines: list[str] = []
        self._places: dict[int, str] = {}
        text: dict[int, str] = {}
        nodes = postorder(roots)
        uses: dict[int, int] = {}
        for node in nodes:
            for arg in node.args:
                uses[id(arg)] = uses.get(id(arg), 0) + 1
        for root in roots:
            uses[id(root)] = uses.get(id(root), 0) + 1
        depth: dict[int, int] = {}
        for node in nodes:
            written = self._node(node, [text[id(a)] for a in node.args])
            deep = 1 + max((depth[id(a)] for a in node.args), default=0)
            if node.args and (uses[id(node)] > 1 or deep >= _DEPTH):
                name = f"t{len(self.lines)}"
                self.lines.append(f"{name} = {written}")
                written, deep = name, 0
            text[id(node)], depth[id(node)] = written, deep
        self.texts = [text[id(root)] for root in roots]

    def _place(self, value: object) -> str:
        self.values.append(value)
        return f"a{len(self.values) - 1}"

    def _node(self, node: Expr, args: list[str]) -> str:
        match node.op:
            case Op.CONST:
                return str(node.value) if node.sort is Sort.BOOL else self._place(node.value)
            case Op.VAR:
                name = self._places.get(node.index)
                if name is None:
                    name = self._places[node.index] = self._place(node.index)
                return f"s[{name}]"
            case Op.INPUT:
                return f"x[{node.index}]"
            case Op.DIV | Op.MOD:
                return _operator(_division(node), args)
            case Op.TOP:
                return _operator(_TOPS[node.sort], args)
            case _ if not args:
                return _leaf(_EMPTY[node.op], -1)
            case _:
                return _operator(id(node.op), args)
