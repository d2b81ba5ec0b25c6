"""Terms: calls, targets, claims, errors, and which form may stand where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, assert_never

from . import ast
from .ast import RefKind
from .check_claims import ClaimRules
from .check_expr import ExprChecker
from .constants import evaluate
from .errors import Span
from .names import Scope, Symbol
from .types import Bool, Duration, Enum, Int, Real, SetOf, Type

_SIMPLE: Final = (ast.Skip, ast.Assign, ast.If, ast.Switch, ast.Assert, ast.Seq, ast.Each)


@dataclass(frozen=True, slots=True)
class Context:
    """Where a term stands.  `simple` names the construct that restricts it (`do`, `atomic`)."""

    returns: Type | None = None
    has_result: bool = False
    in_workflow: bool = True
    simple: str = ""
    in_transaction: bool = False
    metavariables: frozenset[str] = frozenset()


class TermChecker(ClaimRules):
    """`term` returns the same term, checked."""

    def __init__(self, exprs: ExprChecker) -> None:
        super().__init__(exprs)
        self.calls: dict[str, list[tuple[str, Span]]] = {}  # workflow -> workflows it calls
        self.caller = ""

    def term(self, t: ast.Term, scope: Scope, ctx: Context) -> ast.Term:
        if ctx.simple and not (
            isinstance(t, _SIMPLE) and (not isinstance(t, ast.Each) or t.sequential)
        ):
            self.report.error(
                "E0406",
                t.span,
                f"`{ctx.simple}` is one step: {_form(t)} has no place in it",
                "it holds assignments, `if`, `switch`, `assert`, `skip`, `;` and `each … seq`",
            )
        match t:
            case ast.Skip() | ast.Abort():
                if isinstance(t, ast.Abort) and not ctx.in_transaction:
                    self.report.error("E0406", t.span, "`abort` stands only in a `transaction`")
                return t
            case ast.Call():
                return self.call(t, scope, ctx)
            case ast.Assign():
                return self.assign(t, scope, ctx)
            case ast.Fail():
                self.known_error(t.error, t.span)
                return t
            case ast.Assert() | ast.Assume():
                return replace(t, cond=self.x.expr(t.cond, scope, Bool()))
            case ast.Require():
                if not ctx.in_transaction:
                    self.report.error(
                        "E0406", t.span, "`require` stands only in a `transaction`", "use `assert`"
                    )
                return replace(t, cond=self.x.expr(t.cond, scope, Bool()))
            case ast.Return():
                return self.result(t, scope, ctx)
            case ast.Seq():
                return self.seq(t, scope, ctx)
            case ast.Par():
                parts = tuple(self.term(p, scope, ctx) for p in t.parts)
                n = self.count(t.n, scope, 1)
                size = evaluate(n, self.symbols.constants) if n is not None else None
                if isinstance(size, int) and size > len(parts):
                    self.report.error(
                        "E0408", t.span, f"{size} successes of {len(parts)} branches cannot be"
                    )
                return replace(t, parts=parts, n=n)
            case ast.Choice():
                return replace(t, parts=tuple(self.term(p, scope, ctx) for p in t.parts))
            case ast.If():
                return self.branch(t, scope, ctx)
            case ast.Switch():
                return self.switch(t, scope, ctx)
            case ast.While():
                cond = self.x.expr(t.cond, scope, Bool())
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
                inner = replace(ctx, in_transaction=True)
                return replace(t, body=self.term(t.body, scope, inner))
            case ast.Atomic():
                inner = replace(ctx, simple=ctx.simple or "atomic")
                return replace(t, body=self.term(t.body, scope, inner))
            case ast.Wait():
                return replace(t, duration=self.span_of_time(t.duration, scope))
            case ast.WaitUntil():
                return replace(t, cond=self.x.expr(t.cond, scope, Bool()))
            case ast.Send():
                type_ = self.channel(t.channel, t.span)
                return replace(
                    t,
                    value=self.x.expr(t.value, scope, type_),
                    key=self.channel_key(t.channel, t.key, t.span, scope),
                )
            case ast.Receive():
                return self.receive(t, scope)[0]
            case ast.Request():
                type_ = self.channel(t.channel, t.span)
                return replace(
                    t,
                    bind=self.target(t.bind, scope, ctx) if t.bind is not None else None,
                    value=self.x.expr(t.value, scope, type_),
                    within=self.maybe_time(t.within, scope),
                )
            case ast.Steps():
                return self.steps(t, scope, ctx)
            case ast.Flow():
                states = tuple(
                    replace(
                        s,
                        body=self.term(s.body, scope, ctx),
                        edges=tuple(
                            replace(g, cond=self.maybe(g.cond, scope, Bool())) for g in s.edges
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
            ended = part if isinstance(part, ast.Fail | ast.Return | ast.Abort) else None
        return replace(t, parts=tuple(parts))

    def branch(self, t: ast.If, scope: Scope, ctx: Context) -> ast.Term:
        cond = self.x.expr(t.cond, scope, Bool())
        value = evaluate(cond, self.symbols.constants)
        if value is False:
            self.report.warn("W0002", t.then.span, "this branch never runs: the test is false")
        elif value is True and t.orelse is not None:
            self.report.warn("W0002", t.orelse.span, "this branch never runs: the test is true")
        orelse = self.term(t.orelse, scope, ctx) if t.orelse is not None else None
        return replace(t, cond=cond, then=self.term(t.then, scope, ctx), orelse=orelse)

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
        return None if value is None else (type(value).__name__, value)

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
        bind = self.target(t.bind, scope, ctx) if t.bind is not None else None
        if callee is None:
            self.unknown_callee(t, scope)
            args = tuple(self.x.visit(a, scope) for a in t.args)
            return replace(t, args=args, bind=bind)
        params = callee.params
        if len(t.args) != len(params):
            shown = ", ".join(p.name for p in params)
            self.report.error(
                "E0305",
                t.span,
                f"`{t.name}` takes {_count(len(params), 'argument')}, not {len(t.args)}",
                f"call `{t.name}({shown})`",
            )
            return replace(t, args=tuple(self.x.visit(a, scope) for a in t.args), bind=bind)
        types = [self.resolver.resolved(p) for p in params]
        args = tuple(
            self.x.expr(a, scope, kind) if kind is not None else self.x.visit(a, scope)
            for a, kind in zip(t.args, types, strict=True)
        )
        if bind is not None:
            result = self.resolver.returned(callee)
            if callee.returns is None:
                self.report.error(
                    "E0306",
                    t.span,
                    f"`{t.name}` has no result to bind",
                    f"declare one: `{t.name}(…) -> int`, or drop `<-`",
                )
            elif result is not None and bind.type is not None:
                self.x.require(replace(bind, type=result), bind.type)
        return replace(t, args=args, bind=bind)

    def unknown_callee(self, t: ast.Call, scope: Scope) -> None:
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
        self.report.unknown(
            "E0201", t.span, "activity", t.name, known, f"declare it: `activity {t.name} {{ … }}`"
        )

    # --- targets ---------------------------------------------------------------------------------

    def target(self, e: ast.Expression, scope: Scope, ctx: Context) -> ast.Expression:
        typed = self.x.visit(e, scope)
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
                "wrap it: `transaction { … }`",
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
        value = self.x.expr(t.value, scope, target.type)
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
            return replace(t, value=self.x.visit(t.value, scope))
        return replace(t, value=self.x.expr(t.value, scope, ctx.returns))

    # --- blocks ----------------------------------------------------------------------------------

    def each(self, t: ast.Each, scope: Scope, ctx: Context) -> ast.Term:
        domain, kind = self.x.domain(t.domain, scope)
        inner = self.x.bind(t.var, kind, t.span, scope)
        bad = None
        if t.bad is not None:
            bad = self.target(t.bad, scope, ctx)
            if bad.type is not None:
                self.x.require(bad, Int())
        return replace(
            t,
            domain=domain,
            body=self.term(t.body, inner, ctx),
            at_once=self.count(t.at_once, scope, 1),
            tolerate=self.count(t.tolerate, scope, 0),
            bad=bad,
        )

    def within(self, t: ast.Within, scope: Scope, ctx: Context) -> ast.Term:
        receive, after = None, scope
        if t.receive is not None:
            receive, after = self.receive(t.receive, scope)
        return replace(
            t,
            body=self.term(t.body, scope, ctx),
            orelse=self.term(t.orelse, after, ctx) if t.orelse is not None else None,
            duration=self.maybe_time(t.duration, scope),
            until=self.maybe(t.until, scope, Bool()),
            receive=receive,
        )

    def attempt(self, t: ast.Try, scope: Scope, ctx: Context) -> ast.Term:
        caught: set[str] = set()
        everything = False
        handlers: list[ast.Handler] = []
        for handler in t.handlers:
            for name in handler.errors:
                self.known_error(name, handler.span)
                if name in caught:
                    self.report.warn(
                        "W0002", self.report.word(handler.span, name), f"`{name}` is caught before"
                    )
                caught.add(name)
            if everything:
                self.report.warn("W0002", handler.span, "`catch *` before it takes every error")
            everything |= not handler.errors
            handlers.append(replace(handler, body=self.term(handler.body, scope, ctx)))
        final = self.term(t.final, scope, ctx) if t.final is not None else None
        return replace(
            t, body=self.term(t.body, scope, ctx), handlers=tuple(handlers), final=final
        )

    def receive(self, t: ast.Receive, scope: Scope) -> tuple[ast.Receive, Scope]:
        """The term, and the scope after it: a new name, or the variable it writes to."""
        kind = self.channel(t.channel, t.span)
        known = scope.find(t.var)
        if known is not None and known.ref in (RefKind.VAR, RefKind.SHARED):
            after = scope
            scope.read.add(t.var)
            if kind is not None and known.type is not None:
                self.x.require(ast.Name(t.var, type=kind, span=t.span), known.type)
        else:
            after = scope.child({t.var: Symbol(RefKind.BINDER, kind, t.span)})
        key = self.channel_key(t.channel, t.key, t.span, scope)
        return replace(t, key=key, where=self.maybe(t.where, after, Bool())), after

    def steps(self, t: ast.Steps, scope: Scope, ctx: Context) -> ast.Term:
        names: dict[str, ast.StepNode] = {}
        for node in t.nodes:
            if node.name in names:
                self.report.error(
                    "E0202",
                    self.report.word(node.span, node.name),
                    f"the node `{node.name}` stands twice",
                    f"name it anew: `{node.name}_2 {{ {node.name} }}`",
                    ((names[node.name].span, "first here"),),
                )
            names.setdefault(node.name, node)
        nodes: list[ast.StepNode] = []
        for node in t.nodes:
            for name in node.after:
                if name not in names:
                    self.report.unknown("E0201", node.span, "node", name, names)
            n = self.count(node.n, scope, 1)
            size = evaluate(n, self.symbols.constants) if n is not None else None
            if isinstance(size, int) and size > len(node.after):
                self.report.error(
                    "E0408", node.span, f"`join {size} of` has {len(node.after)} nodes before it"
                )
            nodes.append(
                replace(
                    node,
                    body=self.term(node.body, scope, ctx),
                    when=self.maybe(node.when, scope, Bool()),
                    n=n,
                )
            )
        self.acyclic(names)
        return replace(t, nodes=tuple(nodes))

    def acyclic(self, nodes: dict[str, ast.StepNode]) -> None:
        edges = {name: [a for a in node.after if a in nodes] for name, node in nodes.items()}
        cycle = find_cycle(edges)
        if cycle:
            self.report.error(
                "E0407",
                nodes[cycle[0]].span,
                "the steps wait for each other: " + " after ".join(cycle),
                "drop one `after`",
            )


def find_cycle(edges: dict[str, list[str]]) -> list[str]:
    """A cycle `a, b, .., a` of a graph, or []; without recursion, the graph may be a long chain."""
    done: set[str] = set()
    for root in edges:
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, bool]] = [(root, False)]
        while stack:
            node, leave = stack.pop()
            if leave:
                path.pop()
                on_path.discard(node)
                done.add(node)
                continue
            if node in on_path:
                return [*path[path.index(node) :], node]
            if node in done:
                continue
            path.append(node)
            on_path.add(node)
            stack.append((node, True))
            stack += [(n, False) for n in edges.get(node, ())]
    return []


def _count(n: int, what: str) -> str:
    return f"no {what}s" if n == 0 else f"1 {what}" if n == 1 else f"{n} {what}s"


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
