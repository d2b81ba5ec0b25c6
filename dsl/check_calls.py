"""Calls, assignments and results."""

from __future__ import annotations

from . import ast
from .ast import RefKind
from .changed import replace
from .check_claims import ClaimRules
from .check_expr import ExprChecker
from .errors import Span
from .names import Scope
from .records import dataclass
from .types import Duration, Int, Real, SetOf, Type


@dataclass(frozen=True, slots=True)
class Context:
    """Where a term stands.  `simple` names the construct that restricts it (`do`, `atomic`)."""

    returns: Type | None = None
    has_result: bool = False
    in_workflow: bool = True
    simple: str = ""
    in_transaction: bool = False
    metavariables: frozenset[str] = frozenset()


class CallRules(ClaimRules):
    def __init__(self, exprs: ExprChecker) -> None:
        super().__init__(exprs)
        self.calls: dict[str, list[tuple[str, Span]]] = {}  # workflow -> workflows it calls
        self.caller = ""

    # --- calls -----------------------------------------------------------------------------------

    def call(self, t: ast.Call, scope: Scope, ctx: Context) -> ast.Term:
        if t.name in ctx.metavariables:
            if t.args or t.bind is not None:
                self.report.error("E0305", t.span, f"`{t.name}` of a law takes no arguments")
            return t
        self.symbols.used.add(t.name)
        callee: ast.Activity | ast.Workflow | None = self.x.activity(t.name)
        if callee is None and t.name in self.symbols.workflows:
            callee = self.symbols.workflows[t.name]
            self.calls.setdefault(self.caller, []).append((t.name, t.span))
        if isinstance(callee, ast.Activity) and not (callee.params or t.args or t.bind):
            return t  # (most calls of a large file)
        result = None if callee is None else self.resolver.returned(callee)
        bind = self.target(t.bind, scope, ctx, result) if t.bind is not None else None
        if callee is None:
            self.unknown_callee(t, scope, ctx)
            args = tuple(self.x.beside(a, scope, None) for a in t.args)
            return replace(t, args=args, bind=bind)
        params = callee.params
        if len(t.args) != len(params):
            shown = ", ".join(p.name for p in params)
            self.report.error(
                "E0305",
                self.report.word(t.span, t.name),
                f"`{t.name}` takes {counted(len(params), 'argument')}, not {len(t.args)}",
                f"call `{t.name}({shown})`",
            )
            args = tuple(self.x.beside(a, scope, None) for a in t.args)
            return replace(t, args=args, bind=bind)
        types = [self.resolver.resolved(p) for p in params]
        args = tuple(self.x.beside(a, scope, kind) for a, kind in zip(t.args, types, strict=True))
        if bind is not None:
            if callee.returns is None:
                self.report.error(
                    "E0306",
                    self.report.word(t.span, t.name),
                    f"`{t.name}` has no result to bind",
                    f"declare one: `{t.name}(…) -> int`, or drop `<-`",
                )
            elif result is not None and bind.type is not None:
                self.x.require(replace(bind, type=result), bind.type)
        return replace(t, args=args, bind=bind)

    def unknown_callee(self, t: ast.Call, scope: Scope, ctx: Context) -> None:
        where = self.report.word(t.span, t.name)
        kind = self.symbols.kind_of(t.name)
        symbol = scope.find(t.name)
        if symbol is not None:
            kind = symbol.ref.value
        if kind:
            article = "an" if kind[0] in "aeiou" else "a"
            self.report.error(
                "E0115" if symbol is not None or kind == "enum value" else "E0204",
                where,
                f"expression where an activity was meant: `{t.name}` is {article} {kind}",
                "assign a value with `:=`, or call an activity",
            )
            return
        known = [*self.x.local, *self.symbols.activities, *self.symbols.workflows]
        mend = f"declare it: `activity {t.name} {{ … }}`"
        if ctx.metavariables:
            known, mend = [], f"name it for all terms: `forall …, {t.name} :`"
        self.report.unknown("E0201", t.span, "activity", t.name, known, mend)

    # --- targets ---------------------------------------------------------------------------------

    def target(
        self, e: ast.Expression, scope: Scope, ctx: Context, given: Type | None = None
    ) -> ast.Expression:
        """`given`: the type of what is assigned, where that is known before."""
        typed = self.x.visit(e, scope, given)
        root: ast.Expression = typed
        while isinstance(root, ast.Index | ast.Member):
            root = root.base
        if not isinstance(root, ast.Name) or root.ref is None:
            if isinstance(root, ast.Now):
                self.report.error("E0404", e.span, "`now` cannot be assigned to")
            return typed
        if root.ref is RefKind.STORE and not ctx.in_transaction:
            self.report.error(
                "E0406",
                e.span,
                f"the store `{root.name}` changes only inside a `transaction`",
                "wrap it: `transaction { … }`"
                if not ctx.simple
                else f"`{ctx.simple}` cannot hold one: write it in `run`, after the activity",
            )
        if root.ref not in (RefKind.VAR, RefKind.SHARED, RefKind.STORE):
            fixes = {
                RefKind.ARG: f"copy it: `var x: … = {root.name}`",
                RefKind.ACTIVITY_ARG: "assign to a variable of the workflow",
                RefKind.CONST: "declare it `var` or `shared`",
                RefKind.PARAM: "declare it `var` or `shared`",
            }
            self.report.error(
                "E0404",
                e.span,
                f"the {root.ref.value} `{root.name}` cannot be assigned to",
                fixes.get(root.ref, ""),
            )
        return typed

    def assign(self, t: ast.Assign, scope: Scope, ctx: Context) -> ast.Term:
        target = self.target(t.target, scope, ctx)
        value = self.x.beside(t.value, scope, target.type)
        if t.op != ":=" and target.type is not None:
            if not isinstance(target.type, Int | Real | Duration | SetOf):
                self.report.error("E0301", t.span, f"`{t.op}` does not take {target.type}")
        return replace(t, target=target, value=value)

    def result(self, t: ast.Return, scope: Scope, ctx: Context) -> ast.Term:
        if not ctx.in_workflow:
            self.report.error("E0406", t.span, "`return` stands only in a workflow")
            return t
        if t.value is None:
            if ctx.has_result:
                self.report.error("E0306", t.span, "this workflow has a result", "`return e`")
            return t
        if not ctx.has_result:
            self.report.error(
                "E0306", t.span, "this workflow has no result", "declare it: `workflow w(…) -> int`"
            )
            return replace(t, value=self.x.beside(t.value, scope, None))
        return replace(t, value=self.x.beside(t.value, scope, ctx.returns))


def counted(n: int, what: str) -> str:
    return f"no {what}s" if n == 0 else f"1 {what}" if n == 1 else f"{n} {what}s"
