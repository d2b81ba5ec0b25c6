"""Types as written -> types; default values are no concern here."""

from __future__ import annotations

from . import ast
from .constants import evaluate
from .errors import Span
from .names import BUILTIN_TYPES, Reporter, Symbols
from .types import (
    BOOL,
    Array,
    Duration,
    Enum,
    Instance,
    Int,
    Option,
    Real,
    Record,
    SetOf,
    Str,
    Type,
)
from .walk import walk

MAX_SIZE = 100_000  # elements are variables of the transition system
MAX_NESTING = 64

_PLAIN: dict[str, Type] = {
    "bool": BOOL,
    "int": Int(),
    "real": Real(),
    "duration": Duration(),
    "string": Str(),
}


class TypeResolver:
    """Resolves types of one file; None stands for a type in error, already reported."""

    def __init__(self, symbols: Symbols, report: Reporter, aliases: dict[str, ast.TypeDecl]):
        self.symbols, self.report, self.aliases = symbols, report, aliases
        self.open: list[str] = []
        # How many plain variables a value of the type is; by identity, because types share parts
        # and walking them could take exponential time.
        self.sizes: dict[int, tuple[Type, int]] = {}

    def sized(self, type_: Type, size: int, span: Span) -> Type | None:
        if size > MAX_SIZE:
            self.report.error(
                "E0307", span, f"the type is too large: more than {MAX_SIZE:,} plain values"
            )
            return None
        self.sizes[id(type_)] = (type_, size)
        return type_

    def size(self, type_: Type) -> int:
        return self.sizes.get(id(type_), (type_, 1))[1]

    def alias(self, name: str) -> Type | None:
        """The type of a `type` item; a cycle is reported once."""
        if name in self.symbols.types:
            return self.symbols.types[name]
        decl = self.aliases[name]
        if len(self.open) > MAX_NESTING:
            self.report.error("E0004", decl.span, "types nested too deeply")
            return None
        if name in self.open:
            cycle = " -> ".join([*self.open[self.open.index(name) :], name])
            self.report.error("E0401", decl.span, f"type defined by itself: {cycle}")
            return None
        self.open.append(name)
        resolved = self.resolve(decl.type)
        self.open.pop()
        self.symbols.types[name] = resolved
        return resolved

    def resolve(self, written: ast.TypeExpr) -> Type | None:
        match written:
            case ast.TypeName(name=name):
                return self.named(name, written)
            case ast.RangeType(lo=lo, hi=hi):
                return self.range(lo, hi, written)
            case ast.RecordType(fields=fields):
                return self.record(fields, written)
            case ast.ArrayType(elem=elem, index=index):
                return self.array(elem, index)
            case ast.SetType(elem=elem):
                inner = self.resolve(elem)
                if inner is None or isinstance(inner, Enum):
                    return SetOf(inner) if inner else None
                self.report.error(
                    "E0301", elem.span, f"sets are of enums, not of {inner}", "use an array"
                )
                return None
            case ast.OptionType(elem=elem):
                inner = self.resolve(elem)
                if inner is None:
                    return None
                return self.sized(Option(inner), self.size(inner), written.span)

    def named(self, name: str, written: ast.TypeName) -> Type | None:
        if name in _PLAIN:
            return _PLAIN[name]
        self.symbols.used.add(name)
        if name in self.symbols.enums:
            return self.symbols.enums[name]
        if name in self.aliases:
            return self.alias(name)
        kind = self.symbols.kind_of(name)
        if kind:
            self.report.error("E0207", written.span, f"`{name}` is no type but a {kind}")
        else:
            known = [*BUILTIN_TYPES, *self.symbols.enums, *self.aliases]
            self.report.unknown("E0207", written.span, "type", name, known)
        return None

    def bound(self, expr: ast.Expression) -> int | None:
        value = self.constant(expr)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self.report.error("E0301", expr.span, "a bound is a whole number")
        return None

    def constant(self, expr: ast.Expression) -> object | None:
        value = evaluate(expr, self.symbols.constants)
        if value is not None:
            if isinstance(expr, ast.Name):
                self.symbols.used.add(expr.name)
            return value
        for node in walk(expr):
            if isinstance(node, ast.Name):
                kind = self.symbols.kind_of(node.name)
                if not kind:
                    known = self.symbols.constants
                    self.report.unknown("E0201", node.span, "constant", node.name, known)
                    return None
                if kind == "constant":
                    return None  # its declaration is in error
        self.report.error(
            "E0304", expr.span, "a constant is needed here", "use a number or a `const`"
        )
        return None

    def range(self, lo: ast.Expression, hi: ast.Expression, written: ast.RangeType) -> Type | None:
        low, high = self.bound(lo), self.bound(hi)
        if low is None or high is None:
            return None
        if low > high:
            self.report.error("E0307", written.span, f"the range {low}..{high} is empty")
            return None
        return Int(low, high)

    def record(
        self, fields: tuple[tuple[str, ast.TypeExpr], ...], written: ast.RecordType
    ) -> Type | None:
        seen: set[str] = set()
        resolved = []
        for name, type_ in fields:
            if name in seen:
                self.report.error("E0202", type_.span, f"the field `{name}` stands twice")
            seen.add(name)
            resolved.append((name, self.resolve(type_)))
        if any(t is None for _, t in resolved):
            return None
        fields_ = tuple((n, t) for n, t in resolved if t is not None)
        return self.sized(Record(fields_), sum(self.size(t) for _, t in fields_), written.span)

    def array(self, elem: ast.TypeExpr, index: ast.Expression) -> Type | None:
        inner = self.resolve(elem)
        if isinstance(index, ast.Name) and (
            index.name in self.symbols.enums or index.name in self.aliases
        ):
            named = self.named(index.name, ast.TypeName(index.name, span=index.span))
            if isinstance(named, Enum):
                return self.array_of(inner, len(named.values), named, index.span)
            if named is not None:
                self.report.error(
                    "E0301", index.span, f"arrays are indexed by an enum or a size, not by {named}"
                )
            return None
        size = self.bound(index)
        if size is None:
            return None
        if not 1 <= size <= MAX_SIZE:
            self.report.error(
                "E0307", index.span, f"an array of {size} elements", f"1 to {MAX_SIZE:,} elements"
            )
            return None
        return self.array_of(inner, size, None, index.span)

    def array_of(self, elem: Type | None, size: int, index: Enum | None, span: Span) -> Type | None:
        if elem is None:
            return None
        return self.sized(Array(elem, size, index), size * self.size(elem), span)


def fits(target: Type, source: Type) -> bool:
    """Whether a value of `source` may stand where `target` is expected.

    Ranges are not compared: whether a value stays inside is proved, not typed.
    """
    if target is source:
        return True
    match target, source:
        case Int(), Int():
            return True
        case (Array(e, n, i), Array(f, m, j)):
            return n == m and i == j and fits(e, f)
        case Option(e), Option(f):
            return fits(e, f)
        case Record(fs), Record(gs):
            return len(fs) == len(gs) and all(
                a == b and fits(t, u) for (a, t), (b, u) in zip(fs, gs, strict=True)
            )
        case Instance(), Instance():
            return target == source
        case _:
            return target == source


def join(a: Type, b: Type) -> Type:
    """The type of either of two values that fit each other: ranges widen to `int`."""
    return Int() if isinstance(a, Int) and isinstance(b, Int) and a != b else a
