"""Terms: calls, targets, claims, errors, and which form may stand where."""

from __future__ import annotations

from typing import Final, assert_never

from . import ast
from .ast import RefKind
from .changed import maker, replace
from .check_blocks import BlockRules
from .check_calls import Context
from .constants import evaluate
from .errors import Span
from .names import Scope
from .types import BOOL, Enum, Int

_SIMPLE: Final = (ast.Skip, ast.Assign, ast.If, ast.Switch, ast.Assert, ast.Seq, ast.Each)

_ENDING: Final = (ast.Fail, ast.Return, ast.Abort)


class TermChecker(BlockRules):
    """`term` returns the same term, checked."""

    def term(self, t: ast.Term, scope: Scope, ctx: Context) -> ast.Term:
        if ctx.simple and not _fits(t, ctx):
            held = "assignments, `if`, `switch`, `assert`, `skip`, `;` and `each … seq`"
            more = ", `require`, `abort`" if ctx.in_transaction else ""
            self.report.error(
                "E0406",
                t.span,
                f"`{ctx.simple}` is one step: {_form(t)} has no place in it",
                f"it holds {held}{more}",
            )
        match t:  # (what there is most of comes first)
            case ast.Call():
                return self.call(t, scope, ctx)
            case ast.Seq():
                return self.seq(t, scope, ctx)
            case ast.If():
                return self.branch(t, scope, ctx)
            case ast.Skip() | ast.Abort():
                if isinstance(t, ast.Abort) and not ctx.in_transaction:
                    self.report.error("E0406", t.span, "`abort` stands only in a `transaction`")
                return t
            case ast.Assign():
                return self.assign(t, scope, ctx)
            case ast.Fail():
                self.known_error(t.error, t.span)
                return t
            case ast.Assert() | ast.Assume():
                return replace(t, cond=self.x.expr(t.cond, scope, BOOL))
            case ast.Require():
                if not ctx.in_transaction:
                    self.report.error(
                        "E0406", t.span, "`require` stands only in a `transaction`", "use `assert`"
                    )
                return replace(t, cond=self.x.expr(t.cond, scope, BOOL))
            case ast.Return():
                return self.result(t, scope, ctx)
            case ast.Par():
                parts = tuple(self.term(p, scope, ctx) for p in t.parts)
                n = self.count(t.n, scope, 1)
                size = evaluate(n, self.symbols.constants) if n is not None else None
                if isinstance(size, int) and size > len(parts):
                    self.report.error(
                        "E0408",
                        t.span,
                        f"{size} successes of {len(parts)} branches cannot be",
                        f"ask for at most {len(parts)}, or put `||` between more branches",
                    )
                return replace(t, parts=parts, n=n)
            case ast.Choice():
                return replace(t, parts=tuple(self.term(p, scope, ctx) for p in t.parts))
            case ast.Switch():
                return self.switch(t, scope, ctx)
            case ast.While():
                cond = self.x.expr(t.cond, scope, BOOL)
                if evaluate(cond, self.symbols.constants) is False:
                    self.report.warn("W0002", t.body.span, "this loop never runs")
                return replace(
                    t,
                    cond=cond,
                    body=self.term(t.body, scope, ctx),
                    at_most=self.count(t.at_most, scope, 0),
                    decreases=self.maybe(t.decreases, scope, Int()),
                )
            case ast.Each():
                return self.each(t, scope, ctx)
            case ast.Within():
                return self.within(t, scope, ctx)
            case ast.Try():
                return self.attempt(t, scope, ctx)
            case ast.Retry():
                spec = self.retry(t.spec, scope)
                return replace(t, spec=spec, body=self.term(t.body, scope, ctx))
            case ast.Saga() | ast.NoCancel():
                return replace(t, body=self.term(t.body, scope, ctx))
            case ast.Using():
                claims = self.claims(t.claims, scope)
                return replace(
                    t, claims=claims, body=self.term(t.body, self.tokens(claims, scope), ctx)
                )
            case ast.Transaction():
                inner = replace(ctx, in_transaction=True, simple=ctx.simple or "transaction")
                return replace(t, body=self.term(t.body, scope, inner))
            case ast.Atomic():
                inner = replace(ctx, simple=ctx.simple or "atomic")
                return replace(t, body=self.term(t.body, scope, inner))
            case ast.Wait():
                return replace(t, duration=self.span_of_time(t.duration, scope))
            case ast.WaitUntil():
                return replace(t, cond=self.x.expr(t.cond, scope, BOOL))
            case ast.Send():
                return self.send(t, scope)
            case ast.Receive():
                return self.receive(t, scope)[0]
            case ast.Request():
                return self.request(t, scope, ctx)
            case ast.Steps():
                return self.steps(t, scope, ctx)
            case ast.Flow():
                for state in t.states:
                    for handler in state.catches:
                        for name in handler.errors:
                            self.known_error(name, handler.span)
                states = tuple(
                    replace(
                        s,
                        body=self.term(s.body, scope, ctx),
                        edges=tuple(
                            replace(g, cond=self.maybe(g.cond, scope, BOOL)) for g in s.edges
                        ),
                    )
                    for s in t.states
                )
                return replace(t, states=states)
        assert_never(t)

    # --- sequences and branches ------------------------------------------------------------------

    def seq(self, t: ast.Seq, scope: Scope, ctx: Context) -> ast.Term:
        parts: list[ast.Term] = []
        ended: ast.Term | None = None
        for part in t.parts:
            if ended is not None:
                word = {ast.Fail: "fail", ast.Return: "return"}.get(type(ended), "abort")
                self.report.warn("W0002", part.span, f"nothing runs after `{word}`", "remove it")
            if isinstance(part, ast.Receive):
                done, scope = self.receive(part, scope)
                parts.append(done)
            else:
                parts.append(self.term(part, scope, ctx))
            ended = part if isinstance(part, _ENDING) else None
        return replace(t, parts=tuple(parts))

    def branch(self, t: ast.If, scope: Scope, ctx: Context) -> ast.Term:
        cond = self.x.expr(t.cond, scope, BOOL)
        value = evaluate(cond, self.symbols.constants)
        if value is False:
            self.report.warn("W0002", t.then.span, "this branch never runs: the test is false")
        elif value is True and t.orelse is not None:
            self.report.warn("W0002", t.orelse.span, "this branch never runs: the test is true")
        orelse = self.term(t.orelse, scope, ctx) if t.orelse is not None else None
        then = self.term(t.then, scope, ctx)
        checked: ast.If = maker(ast.If)(t.span, cond, then, orelse)
        return checked

    def switch(self, t: ast.Switch, scope: Scope, ctx: Context) -> ast.Term:
        subject = self.x.visit(t.subject, scope)
        seen: dict[object, Span] = {}
        cases: list[ast.Case] = []
        for case in t.cases:
            values = []
            for value in case.values:
                typed = self.x.expr(value, scope, subject.type)
                values.append(typed)
                key = self.case_key(typed)
                if key is None and typed.type is not None:
                    self.report.error(
                        "E0304", value.span, "a case is a constant", "use `if … else if …`"
                    )
                elif key in seen:
                    self.report.error(
                        "E0409",
                        value.span,
                        "this case stands twice",
                        "remove one of them",
                        ((seen[key], "first here"),),
                    )
                elif key is not None:
                    seen[key] = value.span
            cases.append(replace(case, values=tuple(values), body=self.term(case.body, scope, ctx)))
        default = self.term(t.default, scope, ctx) if t.default is not None else None
        if default is not None and isinstance(subject.type, Enum):
            if len(seen) == len(subject.type.values):
                self.report.warn("W0002", default.span, "every value has its case already")
        return replace(t, subject=subject, cases=tuple(cases), default=default)

    def case_key(self, e: ast.Expression) -> object | None:
        if isinstance(e, ast.Name) and e.ref is RefKind.ENUM_VALUE:
            return ("enum", e.name)
        value = evaluate(e, self.symbols.constants)
        if value is None and isinstance(e, ast.Name) and e.ref is RefKind.CONST:
            return ("constant", e.name)
        return None if value is None else (type(value).__name__, value)


def _fits(t: ast.Term, ctx: Context) -> bool:
    """Whether a term may stand in what is one step."""
    if isinstance(t, ast.Abort | ast.Require):
        return True  # outside of a transaction that has its own message
    return isinstance(t, _SIMPLE) and (not isinstance(t, ast.Each) or t.sequential)


def _form(t: ast.Term) -> str:
    match t:
        case ast.Call():
            return "a call"
        case ast.Par():
            return "`||`"
        case ast.Choice():
            return "`+`"
        case ast.WaitUntil():
            return "`wait until`"
        case ast.NoCancel():
            return "`nocancel`"
        case _:
            return f"`{type(t).__name__.lower()}`"
