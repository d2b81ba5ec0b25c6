"""Expressions: names resolved, types computed, units compared."""

from __future__ import annotations

from . import ast
from .ast import RefKind
from .changed import maker, replace
from .check_literals import LiteralRules
from .constants import evaluate, whole
from .errors import Span
from .extent import extent
from .names import Scope
from .records import dataclass
from .resolve_types import fits
from .types import (
    BOOL,
    DURATION,
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

_EQUAL = ("==", "!=")
_ORDER = ("<", "<=", ">", ">=")
Typed = tuple[ast.Expression, Type | None]


@dataclass(frozen=True, slots=True)
class Missing:
    """A name that has no meaning here, with the reason."""

    message: str
    fix: str


def untyped(e: ast.Expression) -> bool:
    """Whether only its place says of which type `e` is."""
    match e:
        case ast.NoneLit() | ast.SetLit(items=()):
            return True
        case ast.ArrayLit(items=items):
            return any(untyped(item) for item in items)
        case ast.RecordLit(fields=fields):
            return any(untyped(value) for _, value in fields)
    return False


class ExprChecker(LiteralRules):
    """`expr` returns the same expression with types and references; None where in error."""

    def expr(self, e: ast.Expression, scope: Scope, expected: Type | None = None) -> ast.Expression:
        """Check `e`; with `expected`, also that it fits."""
        typed = self.visit(e, scope, expected)
        if expected is not None and typed.type is not None:
            self.require(typed, expected)
        return typed

    def beside(self, e: ast.Expression, scope: Scope, kind: Type | None) -> ast.Expression:
        """`e` where something of type `kind` decides; None: that is in error, already reported,
        and a literal that takes its type from there is not to blame."""
        if kind is not None:
            return self.expr(e, scope, kind)
        return e if untyped(e) else self.visit(e, scope)

    def require(self, typed: ast.Expression, expected: Type) -> None:
        actual = typed.type
        if actual is None:
            return
        if not fits(expected, actual):
            self.mismatch(typed.span, expected, actual)
        elif isinstance(expected, Int) and expected.lo is not None and expected.hi is not None:
            value = evaluate(typed, self.symbols.constants)
            if isinstance(value, int) and not expected.lo <= value <= expected.hi:
                self.report.error("E0303", typed.span, f"{value} is outside of {expected}")

    def mismatch(self, span: Span, expected: Type, actual: Type) -> None:
        fix = ""
        if isinstance(expected, Duration) and isinstance(actual, Int | Real):
            self.report.error(
                "E0302", span, f"expected a duration, found {actual}", "give it a unit: `5s`"
            )
            return
        if isinstance(expected, Int | Real) and isinstance(actual, Duration):
            self.report.error("E0302", span, f"expected {expected}, found a duration")
            return
        if isinstance(expected, Option) and fits(expected.elem, actual):
            fix = "wrap it: `some(…)`"
        elif isinstance(actual, Option) and fits(expected, actual.elem):
            fix = "unwrap it: `value(…)`"
        elif isinstance(expected, Real) and isinstance(actual, Int):
            fix = "there is no implicit conversion: declare it `real`"
        elif isinstance(expected, Int) and isinstance(actual, Real):
            fix = "there is no implicit conversion: use whole numbers, or declare the other `real`"
        self.report.error("E0301", span, f"expected {expected}, found {actual}", fix)

    def visit(
        self, e: ast.Expression, scope: Scope, expected: Type | None = None
    ) -> ast.Expression:
        match e:
            case ast.BoolLit():
                return replace(e, type=BOOL)
            case ast.IntLit():
                # A whole number may be written where a real is expected.
                return replace(e, type=Real() if isinstance(expected, Real) else Int())
            case ast.RealLit():
                return replace(e, type=Real())
            case ast.DurationLit() | ast.Now():
                return replace(e, type=DURATION)
            case ast.StrLit():
                return replace(e, type=Str())
            case ast.Name():
                return self.name(e, scope, expected)
            case ast.Unary():
                return self.unary(e, scope, expected)
            case ast.Binary():
                return self.binary(e, scope, expected)
            case ast.Range():
                self.report.error(
                    "E0406", e.span, "a range is a domain, no value", "use it after `in`"
                )
                return e
            case ast.Index():
                return self.index(e, scope)
            case ast.Member():
                return self.member(e, scope)
            case ast.RecordLit():
                return self.record(e, scope, expected)
            case ast.ArrayLit():
                return self.array(e, scope, expected)
            case ast.SetLit():
                return self.set(e, scope, expected)
            case ast.NoneLit():
                if isinstance(expected, Option):
                    return replace(e, type=expected)
                what = f"expected {expected}, found `none`" if expected else "`none` of which type?"
                self.report.error("E0301", e.span, what, "compare with `is_some(o)`")
                return e
            case ast.Apply():
                return self.apply(e, scope, expected)
            case ast.Quantifier():
                return self.quantifier(e, scope)
            case ast.StatePredicate():
                return self.predicate(e, scope)

    # --- names -----------------------------------------------------------------------------------

    def name(self, e: ast.Name, scope: Scope, expected: Type | None) -> ast.Expression:
        symbol = scope.find(e.name)
        if symbol is not None:
            scope.read.add(e.name)
            self.symbols.used.add(e.name)
            if isinstance(symbol.type, Instance):
                fix = f"write `{e.name}.x` or `done({e.name}.a)`"
                self.report.error("E0204", e.span, f"`{e.name}` is an instance, no value", fix)
                return e
            named: ast.Name = maker(ast.Name)(e.span, e.name, symbol.type, symbol.ref)
            return named
        candidates = self.symbols.enum_values.get(e.name, [])
        chosen = next((c for c in candidates if c == expected), None)
        if chosen is None and isinstance(expected, Option | SetOf):
            chosen = next((c for c in candidates if c == expected.elem), None)
        if chosen is None and len(candidates) == 1:
            chosen = candidates[0]
        if chosen is not None:
            self.symbols.used.add(chosen.name)
            return replace(e, ref=RefKind.ENUM_VALUE, type=chosen)
        if candidates:
            owners = " and ".join(f"`{c.name}`" for c in candidates)
            self.report.error(
                "E0203",
                e.span,
                f"`{e.name}` is a value of {owners}",
                "rename one of them, or compare with a variable",
            )
            return e
        missing = self.missing(e.name, scope, expected)
        fix = self.report.mend(e.name, missing.fix)
        self.report.error("E0201", e.span, missing.message, fix)
        return e

    def missing(self, name: str, scope: Scope, expected: Type | None = None) -> Missing:
        if name == "result":
            return Missing(
                "`result` has no meaning here",
                "it stands in `ensures`, `undo` and `undone when` of what has a result",
            )
        kind = self.symbols.kind_of(name)
        if not kind and self.activity(name) is not None:
            kind = "activity"
        if kind in ("activity", "workflow"):
            article = "an" if kind == "activity" else "a"
            return Missing(
                f"`{name}` is {article} {kind}, no value", f"its result: `x <- {name}(…)` as a term"
            )
        if kind:
            article = "an" if kind[0] in "aeiou" else "a"
            return Missing(f"`{name}` is {article} {kind}, no value", "")
        known = [*scope.all(), *self.symbols.enum_values]
        wanted = "int" if expected is None else str(expected)
        hint = f"declare it: `var {name}: {wanted}`, or as a `const`, a `param` or an argument"
        return Missing(f"unknown name `{name}`", self.report.suggest(name, known, hint))

    # --- operators -------------------------------------------------------------------------------

    def unary(self, e: ast.Unary, scope: Scope, expected: Type | None) -> ast.Expression:
        if e.op == "not":
            arg = self.expr(e.arg, scope, BOOL)
            negated: ast.Unary = maker(ast.Unary)(e.span, e.op, arg, BOOL)
            return negated
        arg = self.visit(e.arg, scope, expected if isinstance(expected, Real) else None)
        if arg.type is not None and not isinstance(arg.type, Int | Real | Duration):
            self.report.error("E0301", e.span, f"`-` takes a number or a duration, not {arg.type}")
            return replace(e, arg=arg)
        return replace(e, arg=arg, type=Int() if isinstance(arg.type, Int) else arg.type)

    def binary(self, e: ast.Binary, scope: Scope, expected: Type | None) -> ast.Expression:
        if e.op in ("and", "or", "=>"):
            left, right = self.expr(e.left, scope, BOOL), self.expr(e.right, scope, BOOL)
            joined: ast.Binary = maker(ast.Binary)(e.span, e.op, left, right, BOOL)
            return joined
        if e.op == "in":
            return self.contains(e, scope)
        compares = e.op in _EQUAL or e.op in _ORDER
        wish = None if compares else expected
        left, right = self.pair(e.left, e.right, scope, wish, mixed=e.op == "*")
        typed = replace(e, left=left, right=right)
        if left.type is None or right.type is None:
            return replace(typed, type=BOOL) if compares else typed
        result = self.combine(e.op, left.type, right.type, e.span)
        return replace(typed, type=BOOL if compares else result)

    def pair(
        self, a: ast.Expression, b: ast.Expression, scope: Scope, wish: Type | None, mixed: bool
    ) -> tuple[ast.Expression, ast.Expression]:
        """Two sides of one type: the side that leaves its type open takes it from the other."""
        if self.open_type(a) and not self.open_type(b):
            right, left = self.pair_open(b, a, scope, wish, mixed)
            return left, right
        return self.pair_open(a, b, scope, wish, mixed)

    def pair_open(
        self, a: ast.Expression, b: ast.Expression, scope: Scope, wish: Type | None, mixed: bool
    ) -> tuple[ast.Expression, ast.Expression]:
        """The same, where `a` decides."""
        first = self.visit(a, scope, wish)
        if first.type is None and untyped(b):
            return first, b
        return first, self.visit(b, scope, self.hint_from(first.type, wish, mixed))

    def hint_from(self, other: Type | None, wish: Type | None, mixed: bool) -> Type | None:
        """What the other side lets expect; a factor of a duration is no duration."""
        return wish if other is None or (mixed and isinstance(other, Duration)) else other

    def open_type(self, e: ast.Expression) -> bool:
        match e:
            case ast.IntLit() | ast.NoneLit() | ast.RecordLit() | ast.ArrayLit():
                return True
            case ast.SetLit(items=items):
                return not items or any(self.open_type(i) for i in items)
            case ast.Name(name=name):
                return len(self.symbols.enum_values.get(name, ())) > 1
            case ast.Unary(arg=arg):
                return self.open_type(arg)
            case ast.Binary(left=left, right=right):
                return self.open_type(left) and self.open_type(right)
            case ast.Apply(func="some" | "min" | "max" | "abs", args=args):
                return all(self.open_type(a) for a in args)
            case _:
                return False

    def combine(self, op: str, a: Type, b: Type, span: Span) -> Type | None:
        """The type of `a op b`; an error is reported and gives None."""
        if op in _EQUAL:
            if not fits(a, b):
                self.clash(op, a, b, span)
            return BOOL
        if op in _ORDER:
            if isinstance(a, Int | Real | Duration) and fits(a, b):
                return BOOL
            self.clash(op, a, b, span)
            return BOOL
        match op, a, b:
            case (("+" | "-" | "*" | "/" | "%"), Int(), Int()):
                return Int()
            case (("+" | "-" | "*" | "/"), Real(), Real()):
                return Real()
            case (("+" | "-"), Duration(), Duration()):
                return Duration()
            case "*", Duration(), Int() | Real():
                return Duration()
            case "*", Int() | Real(), Duration():
                return Duration()
            case (("+" | "-"), SetOf(), SetOf()) if a == b:
                return a
        self.clash(op, a, b, span)
        return None

    def clash(self, op: str, a: Type, b: Type, span: Span) -> None:
        if isinstance(a, Duration) != isinstance(b, Duration):
            self.report.error(
                "E0302",
                span,
                f"units do not agree: {a} {op} {b}",
                "durations add and compare with durations: `5s`; they multiply by a number",
            )
            return
        numbers = isinstance(a, Int | Real) and isinstance(b, Int | Real)
        fix = "there is no implicit conversion between int and real" if numbers else ""
        if isinstance(a, Str) and isinstance(b, Str):
            fix = "strings are only compared: `==`, `!=`"
        self.report.error("E0301", span, f"`{op}` does not take {a} and {b}", fix)

    def contains(self, e: ast.Binary, scope: Scope) -> ast.Expression:
        if isinstance(e.right, ast.Range):
            domain = self.range(e.right, scope)
            left = self.expr(e.left, scope, Int())
            return replace(e, left=left, right=domain, type=BOOL)
        if self.open_type(e.left):
            right = self.visit(e.right, scope)
            hint = right.type.elem if isinstance(right.type, SetOf) else None
            left = self.visit(e.left, scope, hint)
        else:
            left = self.visit(e.left, scope)
            wanted = SetOf(left.type) if isinstance(left.type, Enum) else None
            right = self.visit(e.right, scope, wanted)
        if right.type is not None and not isinstance(right.type, SetOf):
            self.report.error("E0301", right.span, f"`in` takes a set or a range, not {right.type}")
        elif right.type is not None and left.type is not None:
            self.require(left, right.type.elem)
        return replace(e, left=left, right=right, type=BOOL)

    def range(self, e: ast.Range, scope: Scope) -> ast.Range:
        lo, hi = self.expr(e.lo, scope, Int()), self.expr(e.hi, scope, Int())
        known = whole(self.symbols.constants)
        least, most = extent(lo, known), extent(hi, known)
        kind = Int()
        # An empty range is allowed: `0..N-1` of an N that may be 0.
        if least is not None and most is not None and least[0] <= most[1]:
            kind = Int(least[0], most[1])
        return replace(e, lo=lo, hi=hi, type=kind)

    # --- access ----------------------------------------------------------------------------------

    def index(self, e: ast.Index, scope: Scope) -> ast.Expression:
        base = self.visit(e.base, scope)
        if not isinstance(base.type, Array):
            if base.type is not None:
                self.report.error("E0301", e.base.span, f"{base.type} has no elements")
            return replace(e, base=base, index=self.visit(e.index, scope))
        array = base.type
        if array.index is not None:
            index = self.expr(e.index, scope, array.index)
        else:
            index = self.expr(e.index, scope, Int())
            value = evaluate(index, self.symbols.constants)
            if isinstance(value, int) and not 0 <= value < array.size:
                self.report.error(
                    "E0303", e.index.span, f"index {value} is outside of 0..{array.size - 1}"
                )
        return replace(e, base=base, index=index, type=array.elem)

    def member(self, e: ast.Member, scope: Scope) -> ast.Expression:
        if isinstance(e.base, ast.Name):
            base_name = self.instance(e.base, scope)
            if base_name is not None:
                return self.instance_member(e, base_name, scope)
        base = self.visit(e.base, scope)
        if not isinstance(base.type, Record):
            if base.type is not None:
                self.report.error("E0308", e.span, f"{base.type} has no field `{e.name}`")
            return replace(e, base=base)
        for name, kind in base.type.fields:
            if name == e.name:
                return replace(e, base=base, type=kind)
        fields = [n for n, _ in base.type.fields]
        self.report.unknown("E0308", e.span, "field", e.name, fields)
        return replace(e, base=base)
