"""Declarations: constants, parameters, types, resources, channels, shared state, later forms."""

from __future__ import annotations

from . import ast, check_control
from .ast import RefKind
from .changed import replace
from .check_terms import TermChecker
from .collect import Collected
from .constants import evaluate
from .names import Scope
from .types import Array, Bool, Duration, Enum, Int, Real, Record, SetOf, Str, Type
from .walk import walk


class ItemChecker:
    def __init__(self, terms: TermChecker, names: Collected) -> None:
        self.terms, self.x, self.names = terms, terms.x, names
        self.report, self.symbols = terms.report, terms.symbols

    def item(self, item: ast.Item, top: Scope) -> ast.Item:
        match item:
            case ast.ConstDecl():
                return self.constant(item, top)
            case ast.ParamDecl():
                kind = self.names.type_of(item.type)
                if kind is not None and not isinstance(kind, Int | Bool | Enum):
                    self.report.error(
                        "E0301", item.span, f"a parameter is a number, bool or enum, not {kind}"
                    )
                return replace(item, resolved=kind)
            case ast.Resource():
                return self.resource(item, top)
            case ast.Channel():
                return self.channel(item, top)
            case ast.Shared():
                return replace(item, decl=self.variable(item.decl, top))
            case ast.Environment():
                return check_control.environment(item, self.terms, top)
            case ast.Metric():
                return check_control.metric(item, self.terms, top)
            case ast.Detector():
                return check_control.detector(item, self.terms, top)
            case ast.Controller():
                return check_control.controller(item, self.terms, top)
        return item

    def channel(self, c: ast.Channel, top: Scope) -> ast.Item:
        kind, key = self.symbols.channel_types.get(c.name, (None, None))
        if c.environment:
            given = (
                ("capacity", c.capacity is not None),
                ("delivery", bool(c.delivery)),
                (c.order, bool(c.order)),
                ("ttl", c.ttl is not None),
                ("broadcast", c.broadcast),
                ("->", c.answer is not None),
                ("[..]", c.key is not None),
            )
            for word, said in given:
                if said:
                    self.report.error(
                        "E0410",
                        c.span,
                        f"`{word}` says nothing of messages from the environment",
                        f"drop `{word}`: any message may come at any time, or never",
                    )
        if c.broadcast and c.answer is not None:
            self.report.error(
                "E0410",
                c.span,
                "many may answer a request that is broadcast",
                "drop `broadcast`, or `-> ..`",
            )
        if key is not None and not _finite(key):
            self.report.error(
                "E0301",
                c.key.span if c.key is not None else c.span,
                f"a channel has a queue for each key, and there are too many of {key}",
                "use an enum, bool or `int a..b`",
            )
        return replace(
            c,
            capacity=self.terms.count(c.capacity, top, 1),
            ttl=self.terms.maybe_time(c.ttl, top),
            resolved=kind,
            resolved_key=key,
            resolved_answer=self.symbols.answer_types.get(c.name),
        )

    def constant(self, item: ast.ConstDecl, top: Scope) -> ast.Item:
        value = self.x.visit(item.value, top)
        # What speaks of a constant in error, or of a lost one, is not in error itself.
        doubtful = any(isinstance(n, ast.Name) and self.valueless(n) for n in walk(value))
        if value.type is not None and not doubtful and not self.is_constant(value):
            self.report.error(
                "E0304",
                item.value.span,
                "a constant is made of literals and constants",
                "use `param` or a variable",
            )
        return replace(item, value=value)

    def valueless(self, e: ast.Name) -> bool:
        scalar = isinstance(e.type, Bool | Int | Real | Duration | Str)
        known = e.ref is not RefKind.CONST or not scalar or e.name in self.symbols.constants
        return e.ref is None or not known

    def is_constant(self, e: ast.Expression) -> bool:
        match e:
            case ast.Name(ref=RefKind.ENUM_VALUE):
                return True
            case ast.ArrayLit(items=items) | ast.SetLit(items=items):
                return all(self.is_constant(i) for i in items)
            case ast.Apply(func="some", args=items):
                return all(self.is_constant(i) for i in items)
            case ast.RecordLit(fields=fields):
                return all(self.is_constant(v) for _, v in fields)
            case ast.Name(ref=RefKind.CONST):
                return True
            case ast.Binary(op="/" | "%", right=right):
                if evaluate(right, self.symbols.constants) == 0:
                    self.report.error("E0304", e.span, "division by zero")
                    return True
        return evaluate(e, self.symbols.constants) is not None

    def variable(self, v: ast.VarDecl, scope: Scope) -> ast.VarDecl:
        kind = self.names.type_of(v.type)
        if v.init is None:
            if isinstance(kind, Int) and kind.lo is not None and kind.hi is not None:
                if not kind.lo <= 0 <= kind.hi:
                    self.report.error(
                        "E0303",
                        v.span,
                        f"the default 0 is outside of {kind}",
                        f"give it a value: `= {kind.lo}`",
                    )
            elif kind is not None and not _has_default(kind):
                self.report.error(
                    "E0303", v.span, f"{kind} has no default value", "give it a value: `= …`"
                )
            return replace(v, resolved=kind)
        init = self.x.beside(v.init, scope, kind)
        return replace(v, init=init, resolved=kind)

    def period(self, e: ast.Expression | None, top: Scope) -> ast.Expression | None:
        typed = self.terms.maybe_time(e, top)
        if e is not None and typed is not None:
            if evaluate(typed, self.symbols.constants) == 0:
                self.report.error("E0408", e.span, "a period is longer than 0s")
        return typed

    def resource(self, r: ast.Resource, top: Scope) -> ast.Resource:
        if r.busy_error is not None:
            self.terms.known_error(r.busy_error, r.span)
        kind = self.names.type_of(r.key) if r.key is not None else None
        if r.key is not None:
            if kind is not None and not isinstance(kind, Enum | Int):
                self.report.error("E0301", r.key.span, f"a key is an enum or an int, not {kind}")
        if r.advisory and r.on_busy != "wait":
            self.report.error(
                "E0403", r.span, "an advisory resource is never busy", "drop `on_busy`"
            )
        elif r.on_busy == "cancel_holder" and r.kind != "lock":
            self.report.error(
                "E0403",
                r.span,
                f"of a {r.kind} it is not known whose claim is in the way",
                "use a `lock`, or another `on_busy`",
            )
        elif r.on_busy == "replace_waiting" and r.kind == "rate":
            self.report.error(
                "E0403", r.span, "nobody waits for who has taken tokens", "drop `on_busy`"
            )
        return replace(
            r,
            capacity=self.terms.count(r.capacity, top, 1 if r.kind == "rate" else 0),
            per=self.period(r.per, top),
            burst=self.terms.count(r.burst, top, 0),
            lease=self.terms.maybe_time(r.lease, top),
            key_type=kind,
        )


MOST_KEYS = 1000


def _finite(key: Type) -> bool:
    if isinstance(key, Int):
        return key.lo is not None and key.hi is not None and key.hi - key.lo < MOST_KEYS
    return isinstance(key, Enum | Bool)


def _has_default(kind: Type) -> bool:
    """Whether 0, false, the first of the enum, none is a value of the type."""
    match kind:
        case Int(lo, hi):
            return lo is None or hi is None or lo <= 0 <= hi
        case Array(elem):
            return _has_default(elem)
        case Record(fields):
            return all(_has_default(t) for _, t in fields)
        case SetOf():
            return True
        case _:
            return True
