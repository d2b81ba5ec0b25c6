"""Which names a file declares, once per name; constants evaluated, types resolved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from . import ast
from .ast import RefKind
from .constants import evaluate, in_order
from .damage import Damage
from .errors import Span
from .names import BUILTIN_ERRORS, BUILTIN_TYPES, OWN_NAMES, Reporter, Scope, Symbol, Symbols
from .records import dataclass
from .resolve_types import TypeResolver
from .types import Array, Bool, Enum, Int, Real, Str, Type
from .walk import items_of


@dataclass(slots=True)
class Collected:
    """Symbols of a file, and resolved types by the place where they are written."""

    symbols: Symbols
    report: Reporter
    types: TypeResolver
    known: dict[int, Type | None] = field(default_factory=dict)
    shapes: dict[str, dict[str, Type | None]] = field(default_factory=dict)

    def type_of(self, written: ast.TypeExpr) -> Type | None:
        """Resolves each written type once, so that an error in it is reported once."""
        key = id(written)
        if key not in self.known:
            self.known[key] = self.types.resolve(written)
        return self.known[key]

    def resolved(self, param: ast.Param) -> Type | None:
        return self.type_of(param.type)

    def returned(self, callee: ast.Activity | ast.Workflow) -> Type | None:
        return None if callee.returns is None else self.type_of(callee.returns)

    def own_name(self, name: str, node: ast.Node) -> None:
        if name in OWN_NAMES:
            self.report.error(
                "E0116",
                self.report.word(node.span, name),
                f"`{name}` has a meaning of its own",
                "choose another name",
            )


def collect(spec: ast.Spec, report: Reporter) -> Collected:
    symbols = Symbols()
    aliases = {t.name: t for t in reversed(spec.types)}
    names = Collected(symbols, report, TypeResolver(symbols, report, aliases))
    _declare(spec, names)
    _constants(spec, names)
    for alias in aliases:
        names.types.alias(alias)
    for param in spec.params:
        kind = names.type_of(param.type)
        symbols.values.setdefault(param.name, Symbol(RefKind.PARAM, kind, param.span))
    for shared in spec.shared:
        ref = RefKind.STORE if shared.durable else RefKind.SHARED
        kind = names.type_of(shared.decl.type)
        symbols.values.setdefault(shared.decl.name, Symbol(ref, kind, shared.span))
    for e in spec.environments:
        symbols.environments.setdefault(e.name, e)
    for m in spec.metrics:
        symbols.metrics.setdefault(m.name, m)
        symbols.values.setdefault(m.name, Symbol(RefKind.METRIC, Real(), m.span))
    for d in spec.detectors:
        symbols.detectors.setdefault(d.name, d)
    for c in spec.controllers:
        symbols.controllers.setdefault(c.name, c)
    for resource in spec.resources:
        if resource.key is not None:
            symbols.resource_keys[resource.name] = names.type_of(resource.key)
    for channel in spec.channels:
        key = names.type_of(channel.key) if channel.key is not None else None
        symbols.channel_types[channel.name] = (names.type_of(channel.type), key)
        if channel.answer is not None:
            symbols.answer_types[channel.name] = names.type_of(channel.answer)
    for w in spec.workflows:
        shape = {p.name: names.resolved(p) for p in w.params}
        shape.update({v.name: names.type_of(v.type) for v in w.variables})
        names.shapes.setdefault(w.name, shape)
    return names


def _declare(spec: ast.Spec, names: Collected) -> None:
    symbols, report = names.symbols, names.report
    first: dict[str, tuple[Span, str]] = {}
    properties: dict[str, Span] = {}
    for item in items_of(spec):
        name = _name(item)
        if name is None:
            continue
        if isinstance(item, ast.PROPERTIES):
            _once(name, item, properties, report)
            continue
        kind = _kind(item)
        if name in first:
            span, what = first[name]
            report.error(
                "E0202",
                report.word(item.span, name),
                f"`{name}` is already {'an' if what[0] in 'aeiou' else 'a'} {what}",
                "choose another name",
                ((span, "first here"),),
            )
            continue
        first[name] = (item.span, kind)
        names.own_name(name, item)
        builtin = name in BUILTIN_TYPES and isinstance(item, ast.EnumDecl | ast.TypeDecl)
        if builtin or (name in BUILTIN_ERRORS and isinstance(item, ast.ErrorDecl)):
            report.error(
                "E0202", report.word(item.span, name), f"`{name}` is built in", "drop this line"
            )
            continue
        _enter(item, name, names)
    for w in spec.workflows:
        local: dict[str, Span] = {}
        for p in w.properties:
            property_name = _name(p)
            if property_name is not None:
                _once(property_name, p, local, report)
    for value, enums in symbols.enum_values.items():
        if value in first and first[value][1] in ("constant", "parameter", "variable"):
            report.error(
                "E0202",
                report.word(first[value][0], value),
                f"`{value}` is already a value of `{enums[0].name}`",
                "choose another name",
            )


def _once(name: str, node: ast.Node, seen: dict[str, Span], report: Reporter) -> None:
    if name in seen:
        report.error(
            "E0202",
            report.word(node.span, name),
            f"the property `{name}` stands twice",
            "choose another name",
            ((seen[name], "first here"),),
        )
    seen.setdefault(name, node.span)


def _enter(item: ast.Item, name: str, names: Collected) -> None:
    symbols = names.symbols
    match item:
        case ast.EnumDecl(values=values):
            enum = Enum(name, tuple(dict.fromkeys(values)))
            if len(enum.values) < len(values):
                twice = next(v for i, v in enumerate(values) if v in values[:i])
                names.report.error(
                    "E0202", item.span, f"the value `{twice}` stands twice in `{name}`"
                )
            symbols.enums[name] = enum
            for value in enum.values:
                names.own_name(value, item)
                symbols.enum_values.setdefault(value, []).append(enum)
        case ast.Resource():
            symbols.resources[name] = item
        case ast.ErrorDecl():
            symbols.errors[name] = item
        case ast.Channel():
            symbols.channels[name] = item
        case ast.Activity():
            symbols.activities[name] = item
        case ast.Workflow():
            symbols.workflows[name] = item
        case _:
            pass


def _name(item: ast.Item) -> str | None:
    match item:
        case ast.Shared(decl=decl):
            return decl.name
        case ast.ExpectRefuted() | ast.SkipCheck():
            return None
        case _:
            name: str | None = getattr(item, "name", None)
            return name


def _kind(item: ast.Item) -> str:
    match item:
        case ast.ConstDecl():
            return "constant"
        case ast.ParamDecl():
            return "parameter"
        case ast.EnumDecl():
            return "enum"
        case ast.TypeDecl():
            return "type"
        case ast.ErrorDecl():
            return "error"
        case ast.Shared():
            return "variable"
        case _:
            return type(item).__name__.lower()


def _constants(spec: ast.Spec, names: Collected) -> None:
    """Constants may speak of each other in any order."""
    symbols = names.symbols
    type_of = _quiet(names)
    order, circular = in_order(spec.constants)
    for decl in order:
        value = evaluate(decl.value, symbols.constants)
        kind = type_of(decl.value)
        if value is not None:
            symbols.constants[decl.name] = value
        symbols.values[decl.name] = Symbol(RefKind.CONST, kind, decl.span)
    for decl in circular:
        names.report.error("E0401", decl.span, f"the constant `{decl.name}` is defined by itself")
        symbols.values[decl.name] = Symbol(RefKind.CONST, None, decl.span)


def _quiet(names: Collected) -> Callable[[ast.Expression], Type | None]:
    """The type of a constant: found by the ordinary rules, silently; errors come with its item."""
    from .check_expr import ExprChecker

    checker = ExprChecker(names.symbols, Reporter(ast.Spec(file="", source=""), Damage()))
    scope = Scope(None)
    scope.names = names.symbols.values  # not a copy: each constant sees those before it
    return lambda e: checker.visit(e, scope).type


__all__ = ["Array", "Bool", "Collected", "Int", "Str", "collect"]
