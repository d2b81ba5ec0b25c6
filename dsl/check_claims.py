"""Claims, retries, errors, channels, counts and times: what terms and activities share."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol

from . import ast
from .ast import RefKind
from .changed import replace
from .check_expr import ExprChecker
from .constants import evaluate
from .errors import Span
from .names import BUILTIN_ERRORS, Scope, Symbol
from .types import DURATION, Int, Real, Type


class Resolved(Protocol):
    """Types of formals and results, resolved once per declaration."""

    def resolved(self, param: ast.Param) -> Type | None: ...
    def returned(self, callee: ast.Activity | ast.Workflow) -> Type | None: ...


class ClaimRules:
    resolver: Resolved

    def __init__(self, exprs: ExprChecker) -> None:
        self.x = exprs
        self.symbols, self.report = exprs.symbols, exprs.report

    # --- small ones ------------------------------------------------------------------------------

    def maybe(
        self, e: ast.Expression | None, scope: Scope, expected: Type
    ) -> ast.Expression | None:
        return None if e is None else self.x.expr(e, scope, expected)

    def count(self, e: ast.Expression | None, scope: Scope, least: int) -> ast.Expression | None:
        """A whole number, at least `least` where that is known."""
        if e is None:
            return None
        typed = self.x.expr(e, scope, Int())
        value = evaluate(typed, self.symbols.constants)
        if isinstance(value, int) and value < least:
            self.report.error("E0408", e.span, f"{value} is less than {least}")
        return typed

    def span_of_time(self, e: ast.Expression, scope: Scope) -> ast.Expression:
        typed = self.x.expr(e, scope, DURATION)
        value = evaluate(typed, self.symbols.constants)
        if isinstance(value, Fraction) and value < 0:
            self.report.error("E0408", e.span, "a duration cannot be negative")
        return typed

    def maybe_time(self, e: ast.Expression | None, scope: Scope) -> ast.Expression | None:
        return None if e is None else self.span_of_time(e, scope)

    def number(
        self, e: ast.Expression | None, scope: Scope, low: int, high: int | None = None
    ) -> ast.Expression | None:
        """An int or a real, inside of low..high where that is known."""
        if e is None:
            return None
        typed = self.x.visit(e, scope, Real())
        if typed.type is not None and not isinstance(typed.type, Int | Real):
            self.x.require(typed, Real())
        value = evaluate(typed, self.symbols.constants)
        if isinstance(value, int | Fraction):
            if value < low or (high is not None and value > high):
                bounds = f"at least {low}" if high is None else f"between {low} and {high}"
                self.report.error("E0408", e.span, f"it is {bounds}, not {value}")
        return typed

    def known_error(self, name: str, span: Span) -> None:
        self.symbols.used.add(name)
        if name not in self.symbols.errors and name not in BUILTIN_ERRORS:
            kind = self.symbols.kind_of(name)
            if kind:
                self.report.error(
                    "E0205", self.report.word(span, name), f"`{name}` is no error but a {kind}"
                )
                return
            known = [*self.symbols.errors, *BUILTIN_ERRORS]
            self.report.unknown(
                "E0205", span, "error", name, known, f"declare it: `error {name} permanent`"
            )

    def retry(self, spec: ast.RetrySpec, scope: Scope) -> ast.RetrySpec:
        for name in spec.errors:
            self.known_error(name, spec.span)
        return replace(
            spec,
            attempts=self.count(spec.attempts, scope, 0) or spec.attempts,
            backoff=self.maybe_time(spec.backoff, scope),
            factor=self.number(spec.factor, scope, 0),
            max=self.maybe_time(spec.max, scope),
            jitter=self.number(spec.jitter, scope, 0, 1),
        )

    # --- claims ----------------------------------------------------------------------------------

    def claims(self, claims: tuple[ast.Claim, ...], scope: Scope) -> tuple[ast.Claim, ...]:
        """Claims of one `uses` or `using`: together they stay within each pool."""
        total: dict[str, int] = {}
        checked = []
        for claim in claims:
            checked.append(self.claim(claim, scope))
            units = 1
            if claim.amount is not None:
                value = evaluate(checked[-1].amount or claim.amount, self.symbols.constants)
                units = value if isinstance(value, int) else 0
            if claim.mode == "units" and claim.key is None:
                before = total.get(claim.resource, 0)
                total[claim.resource] = before + units
                self.within_capacity(claim, before, before + units)
        return tuple(checked)

    def within_capacity(self, claim: ast.Claim, before: int, total: int) -> None:
        resource = self.symbols.resources.get(claim.resource)
        if resource is None or resource.kind == "lock":
            return
        size = resource.burst if resource.burst is not None else resource.capacity
        capacity = evaluate(size, self.symbols.constants) if size is not None else None
        if isinstance(capacity, int) and before <= capacity < total:
            self.report.error(
                "E0402",
                claim.span,
                f"{total} units of `{claim.resource}` are claimed, there are {capacity}",
                f"claim at most {capacity}, or enlarge the {resource.kind}",
                ((resource.span, f"the {resource.kind}"),),
            )

    def claim(self, claim: ast.Claim, scope: Scope) -> ast.Claim:
        resource = self.symbols.resources.get(claim.resource)
        self.symbols.used.add(claim.resource)
        if resource is None:
            kind = self.symbols.kind_of(claim.resource)
            if kind:
                where = self.report.word(claim.span, claim.resource)
                self.report.error("E0204", where, f"`{claim.resource}` is no resource but a {kind}")
            else:
                known = self.symbols.resources
                fix = "" if known else f"declare it: `resource {claim.resource} : pool(3)`"
                self.report.unknown("E0201", claim.span, "resource", claim.resource, known, fix)
        elif resource.kind == "lock" and claim.mode == "units":
            self.report.error(
                "E0403",
                claim.span,
                f"`{claim.resource}` is a lock: it has no units",
                f"`{claim.resource} shared` or `{claim.resource} exclusive`",
            )
        elif resource.kind != "lock" and claim.mode != "units":
            self.report.error(
                "E0403",
                claim.span,
                f"`{claim.resource}` is a {resource.kind}: it is claimed in units",
                f"`{claim.resource} 1`",
            )
        key = claim.key
        if resource is not None and (resource.key is None) != (claim.key is None):
            what, fix = (
                ("has keys", f"`{claim.resource}[…]`")
                if resource.key is not None
                else ("has no keys", f"`{claim.resource}`")
            )
            self.report.error("E0403", claim.span, f"`{claim.resource}` {what}", fix)
        if key is not None:
            wanted = self.symbols.resource_keys.get(claim.resource)
            key = self.x.expr(key, scope, wanted) if wanted else self.x.visit(key, scope)
        return replace(claim, amount=self.count(claim.amount, scope, 1), key=key)

    def tokens(self, claims: tuple[ast.Claim, ...], scope: Scope) -> Scope:
        """The scope with the fencing tokens of `as t`."""
        named = {
            c.token: Symbol(RefKind.BINDER, Int(), c.span) for c in claims if c.token is not None
        }
        return scope.child(named) if named else scope

    # --- channels --------------------------------------------------------------------------------

    def channel(self, name: str, span: Span) -> Type | None:
        self.symbols.used.add(name)
        if name not in self.symbols.channels:
            self.report.unknown("E0201", span, "channel", name, self.symbols.channels)
            return None
        return self.symbols.channel_types.get(name, (None, None))[0]

    def channel_key(
        self, name: str, key: ast.Expression | None, span: Span, scope: Scope
    ) -> ast.Expression | None:
        channel = self.symbols.channels.get(name)
        if channel is not None and (channel.key is None) != (key is None):
            what = "has keys" if channel.key is not None else "has no keys"
            fix = f"`{name}[…]`" if channel.key is not None else f"`{name}`"
            self.report.error("E0301", self.report.word(span, name), f"`{name}` {what}", fix)
        if key is None:
            return None
        wanted = self.symbols.channel_types.get(name, (None, None))[1]
        return self.x.expr(key, scope, wanted) if wanted else self.x.visit(key, scope)
