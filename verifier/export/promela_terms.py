"""Terms in Promela, whose numbers have 32 bits: refused where a value might not fit.

The rules compute with numbers of any size.  Each variable of the model has a range that it keeps
(`Ranges`); from these follows how large the value of a term can be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...dsl.records import dataclass
from ...dsl.types import Enum
from ...semantics.expr import Expr, Op, Scalar, Sort
from ...semantics.system import TransitionSystem, Variable
from ...semantics.walks import postorder
from ...semantics.words import in_words
from .finite import NotFinite, place
from .notation import Notation, must_be_plain, must_be_short

LARGEST = 2**31 - 1  # of Promela's int; its negative fits too
WINDOW = 2**15 - 1  # of a number without a declared range: so a product of two of them fits

DEFINITIONS = (
    "#define ABS(b) ((b) < 0 -> -(b) : (b))",
    "#define REM(a, b) ((a) % (b) < 0 -> (a) % (b) + ABS(b) : (a) % (b))",
    "#define MOD(a, b) ((b) == 0 -> 0 : REM(a, b))",
    "#define DIV(a, b) ((b) == 0 -> 0 : ((a) - REM(a, b)) / (b))",
)
_COPIES = {Op.MOD: (3, 8), Op.DIV: (4, 10)}  # of the arguments, once these are written out

Range = tuple[int, int]
PROMELA = Notation(
    "Promela",
    "true",
    "false",
    {Op.AND: "&&", Op.OR: "||", Op.EQ: "==", Op.LE: "<=", Op.LT: "<", Op.ADD: "+", Op.MUL: "*"},
    {
        Op.NOT: "!({})",
        Op.ITE: "({} -> {} : {})",
        Op.NEG: "(-{})",
        Op.DIV: "DIV({}, {})",
        Op.MOD: "MOD({}, {})",
    },
)


@dataclass(frozen=True, slots=True)
class Ranges:
    """The range within which the model follows each number: its declared one, or `window`."""

    system: TransitionSystem
    window: int
    places: Mapping[int, int]  # last point of each location

    def of(self, index: int) -> Range:
        variable = self.system.variables[index]
        if index in self.places:
            return 0, self.places[index]
        if isinstance(variable.type, Enum):
            return 0, len(variable.type.values) - 1
        low = -self.window if variable.lo is None else variable.lo
        high = self.window if variable.hi is None else variable.hi
        low, high = min(low, high), max(low, high)
        if not -LARGEST <= low <= high <= LARGEST:
            raise NotFinite(
                f"the range {low}..{high} of {variable.name} does not fit in 32 bits",
                place(self.system, variable),
                "declare a smaller one",
            )
        return low, high

    def kind(self, variable: Variable) -> str:
        """The smallest type of Promela that keeps the range."""
        if variable.sort is Sort.BOOL:
            return "bool"
        low, high = self.of(variable.index)
        if low >= 0 and high <= 255:
            return "byte"
        return "short" if low >= -(2**15) and high < 2**15 else "int"

    def value(self, root: Expr, inputs: Sequence[Scalar] = ()) -> Range:
        """The values that a number, and all terms in it, can have.  Raises `NotFinite`."""
        done: dict[int, Range] = {}
        for node in postorder([root]):
            found = (0, 1)
            if node.sort is Sort.INT:
                found = self._of(node, [done[id(a)] for a in node.args], inputs)
            low, high = found
            if not -LARGEST <= low <= high <= LARGEST:
                words = in_words(self.system, node, 60)
                raise NotFinite(
                    f"{words} can be {low}..{high}, which does not fit in 32 bits",
                    fix="declare smaller ranges for the numbers in it (`int 0..100`)",
                )
            done[id(node)] = found
        return done[id(root)]

    def _of(self, node: Expr, a: Sequence[Range], inputs: Sequence[Scalar]) -> Range:
        match node.op:
            case Op.CONST:
                return int(node.value or 0), int(node.value or 0)
            case Op.VAR:
                return self.of(node.index)
            case Op.INPUT:
                return int(inputs[node.index]), int(inputs[node.index])
            case Op.ITE:
                return min(a[1][0], a[2][0]), max(a[1][1], a[2][1])
            case Op.ADD:
                # The sum is made from left to right, so each part of it must fit.
                low = high = least = most = 0
                for x, y in a:
                    low, high = low + x, high + y
                    least, most = min(least, low), max(most, high)
                return (low, high) if least >= -LARGEST and most <= LARGEST else (least, most)
            case Op.NEG:
                return -a[0][1], -a[0][0]
            case Op.MUL:
                corners = [x * y for x in a[0] for y in a[1]]
                return min(corners), max(corners)
            case Op.DIV:
                # What DIV computes on the way is less than the sum of both.
                most = _size(a[0])
                return (-most, most) if most + _size(a[1]) <= LARGEST else (0, LARGEST + 1)
            case Op.MOD:
                most = _size(a[0]) + _size(a[1])
                return (0, _size(a[1])) if most <= LARGEST else (0, LARGEST + 1)
        raise NotFinite(f"the operator {node.op.value} has no counterpart in Promela")


def _size(of: Range) -> int:
    return max(abs(of[0]), abs(of[1]))


def term(root: Expr, ranges: Ranges, inputs: Sequence[Scalar] = ()) -> str:
    """The text of a term; `inputs` are the answers of the environment.  Raises `NotFinite`."""
    done: dict[int, tuple[str, int]] = {}
    ranges.value(root, inputs)
    for node in postorder([root]):
        must_be_plain(ranges.system, node)
        parts = [done[id(a)] for a in node.args]
        text = PROMELA.text(node, [t for t, _ in parts], inputs)
        size = len(text)
        if node.op in _COPIES:
            size += sum(n * s for n, (_, s) in zip(_COPIES[node.op], parts, strict=True))
        else:
            size += sum(s - len(t) for t, s in parts)
        must_be_short(size)
        done[id(node)] = text, size
    return done[id(root)][0]
