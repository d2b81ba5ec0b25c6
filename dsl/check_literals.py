"""Literals of records, arrays and sets; quantifiers and their domains; words of a place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from . import ast
from .ast import RefKind
from .changed import replace
from .check_apply import ApplyRules
from .errors import Span
from .names import Scope, Symbol
from .resolve_types import join
from .types import BOOL, Array, Duration, Enum, Instance, Int, Real, Record, SetOf, Type

Typed = tuple[ast.Expression, Type | None]


class LiteralRules(ApplyRules):
    """The part of the expression checker below operators; see `check_expr`."""

    if TYPE_CHECKING:

        def range(self, e: ast.Range, scope: Scope) -> ast.Range: ...

    # --- literals --------------------------------------------------------------------------------

    def record(self, e: ast.RecordLit, scope: Scope, expected: Type | None) -> ast.Expression:
        wanted = dict(expected.fields) if isinstance(expected, Record) else {}
        fields: list[tuple[str, ast.Expression]] = []
        for name, value in e.fields:
            if any(n == name for n, _ in fields):
                self.report.error("E0202", value.span, f"the field `{name}` stands twice")
            elif wanted and name not in wanted:
                self.report.unknown("E0308", e.span, "field", name, wanted)
            fields.append((name, self.expr(value, scope, wanted.get(name))))
        absent = [n for n in wanted if all(n != m for m, _ in fields)]
        if absent:
            self.report.error("E0308", e.span, f"the field `{absent[0]}` is missing")
        kind: Type | None = expected if wanted else None
        if not wanted and all(v.type is not None for _, v in fields):
            kind = Record(tuple((n, v.type) for n, v in fields if v.type is not None))
        return replace(e, fields=tuple(fields), type=kind)

    def array(self, e: ast.ArrayLit, scope: Scope, expected: Type | None) -> ast.Expression:
        if isinstance(expected, Array):
            items = tuple(self.expr(i, scope, expected.elem) for i in e.items)
            if len(items) != expected.size:
                self.report.error(
                    "E0301", e.span, f"expected {expected.size} elements, found {len(items)}"
                )
            return replace(e, items=items, type=expected)
        kind: Type | None = None
        items = ()
        for item in e.items:
            typed = self.visit(item, scope, kind)
            if kind is not None and typed.type is not None:
                self.require(typed, kind)
            kind = typed.type if kind is None else join(kind, typed.type or kind)
            items += (typed,)
        if not items:
            self.report.error("E0301", e.span, "an array has at least one element")
        return replace(e, items=items, type=Array(kind, len(items)) if kind and items else None)

    def set(self, e: ast.SetLit, scope: Scope, expected: Type | None) -> ast.Expression:
        elem: Type | None = expected.elem if isinstance(expected, SetOf) else None
        items: tuple[ast.Expression, ...] = ()
        for item in e.items:
            typed = self.expr(item, scope, elem)
            elem = elem or typed.type
            items += (typed,)
        if isinstance(elem, Enum):
            return replace(e, items=items, type=SetOf(elem))
        if elem is not None:
            self.report.error("E0301", e.span, f"sets are of enums, not of {elem}")
        elif not items:
            self.report.error("E0301", e.span, "`{}` of which type?", "name a set variable instead")
        return replace(e, items=items)

    # --- quantifiers -----------------------------------------------------------------------------

    def quantifier(self, e: ast.Quantifier, scope: Scope) -> ast.Expression:
        domain, kind = self.domain(e.domain, scope)
        inner = self.bind(e.var, kind, e.span, scope)
        if e.kind == "sum":
            body = self.visit(e.body, inner)
            if body.type is not None and not isinstance(body.type, Int | Real | Duration):
                self.report.error("E0301", body.span, f"`sum` adds numbers, not {body.type}")
            result: Type | None = Int() if isinstance(body.type, Int) else body.type
        else:
            body = self.expr(e.body, inner, BOOL)
            result = Int() if e.kind == "count" else BOOL
        return replace(e, domain=domain, body=body, type=result)

    def bind(self, name: str, kind: Type | None, span: Span, scope: Scope) -> Scope:
        """A scope with a bound name, which must not hide a name of the same body."""
        hidden = scope.find(name)
        if hidden is not None and hidden.ref is not RefKind.ENUM_TYPE:
            self.report.error(
                "E0202",
                self.report.word(span, name),
                f"`{name}` is already a {hidden.ref.value} here",
                "choose another name",
                ((hidden.span, "declared here"),),
            )
        return scope.child({name: Symbol(RefKind.BINDER, kind, span)})

    def domain(self, e: ast.Expression, scope: Scope) -> Typed:
        """A domain, and the type of what is bound to its elements."""
        match e:
            case ast.Range():
                typed = self.range(e, scope)
                return typed, typed.type
            case ast.Name(name=name) if scope.find(name) is None and name in self.symbols.enums:
                self.symbols.used.add(name)
                enum = self.symbols.enums[name]
                return replace(e, ref=RefKind.ENUM_TYPE, type=enum), enum
            case ast.Name(name=name) if scope.find(name) is None and (
                name in self.symbols.types and isinstance(self.symbols.types[name], Enum)
            ):
                kind = self.symbols.types[name]
                return replace(e, ref=RefKind.ENUM_TYPE, type=kind), kind
            case ast.Name(name=name) if scope.find(name) is None and name in self.symbols.workflows:
                kind = Instance(name)
                return replace(e, ref=RefKind.INSTANCES, type=kind), kind
        value = self.visit(e, scope)
        if isinstance(value.type, SetOf | Array):
            return value, value.type.elem
        if value.type is not None:
            self.report.error(
                "E0301",
                e.span,
                f"{value.type} is no domain",
                "use a range `a..b`, an enum, a workflow, a set or an array",
            )
        return value, None

    @contextmanager
    def words(self, *allowed: str) -> Iterator[None]:
        """`old`, `next` are allowed in the expressions checked meanwhile."""
        before, self.allowed = self.allowed, frozenset(allowed)
        try:
            yield
        finally:
            self.allowed = before

    @contextmanager
    def outside_of_runs(self) -> Iterator[None]:
        """The expressions checked meanwhile speak of all instances at once."""
        self.outside = True
        try:
            yield
        finally:
            self.outside = False
