"""Built-in functions, state predicates, and instances of workflows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import ast
from .ast import RefKind
from .changed import replace
from .names import Reporter, Scope, Symbols
from .transform_expr import FUNCTIONS, PREDICATES
from .types import BOOL, Array, Duration, Instance, Int, Option, Real, SetOf, Type

_OF_ACTIVITY = ("started", "running", "done", "failed", "times")


class ApplyRules:
    """The part of the expression checker that knows functions; see `check_expr`."""

    def __init__(self, symbols: Symbols, report: Reporter) -> None:
        self.symbols, self.report = symbols, report
        self.allowed: frozenset[str] = frozenset()  # of `old`, `next`
        self.local: Mapping[str, ast.Activity] = {}  # activities of the enclosing workflow
        self.workflow: ast.Workflow | None = None
        self.outside = False  # in a property at top level
        self.shapes: dict[str, dict[str, Type | None]] = {}  # workflow -> its variables

    if TYPE_CHECKING:

        def expr(
            self, e: ast.Expression, scope: Scope, expected: Type | None = None
        ) -> ast.Expression: ...
        def visit(
            self, e: ast.Expression, scope: Scope, expected: Type | None = None
        ) -> ast.Expression: ...
        def require(self, typed: ast.Expression, expected: Type) -> None: ...

    def activity(self, name: str) -> ast.Activity | None:
        """The activity of that name as seen from here."""
        return self.local.get(name) or self.symbols.activities.get(name)

    # --- functions -------------------------------------------------------------------------------

    def apply(self, e: ast.Apply, scope: Scope, expected: Type | None) -> ast.Expression:
        if e.func not in FUNCTIONS:
            return self.no_function(e, scope)
        least, most = (2, None) if e.func in ("min", "max") else (1, 1)
        if len(e.args) < least or (most is not None and len(e.args) > most):
            wanted = "at least 2 arguments" if most is None else "1 argument"
            self.report.error("E0305", e.span, f"`{e.func}` takes {wanted}, not {len(e.args)}")
            return replace(e, args=tuple(self.visit(a, scope) for a in e.args))
        if e.func in ("old", "next") and e.func not in self.allowed:
            place = "`ensures` and `undone when` of an activity" if e.func == "old" else "`always`"
            self.report.error("E0405", e.span, f"`{e.func}` stands only in {place}")
        match e.func:
            case "old" | "next":
                before, self.allowed = self.allowed, frozenset()
                arg = self.visit(e.args[0], scope, expected)
                self.allowed = before
                return replace(e, args=(arg,), type=arg.type)
            case "some":
                inner = expected.elem if isinstance(expected, Option) else None
                arg = self.expr(e.args[0], scope, inner)
                return replace(e, args=(arg,), type=Option(inner or arg.type) if arg.type else None)
            case "is_some" | "value":
                arg = self.visit(e.args[0], scope)
                elem = arg.type.elem if isinstance(arg.type, Option) else None
                if arg.type is not None and elem is None:
                    self.report.error("E0301", arg.span, f"expected an option, found {arg.type}")
                return replace(e, args=(arg,), type=BOOL if e.func == "is_some" else elem)
            case "size":
                arg = self.visit(e.args[0], scope)
                if arg.type is not None and not isinstance(arg.type, SetOf | Array):
                    self.report.error(
                        "E0301", arg.span, f"expected a set or an array, found {arg.type}"
                    )
                return replace(e, args=(arg,), type=Int())
        return self.numeric(e, scope, expected)

    def numeric(self, e: ast.Apply, scope: Scope, expected: Type | None) -> ast.Expression:
        """`min max abs`: numbers or durations, all of one type."""
        kind: Type | None = expected if isinstance(expected, Real | Duration) else None
        # A literal takes the type that the others have.
        for arg in e.args:
            if kind is None and not isinstance(arg, ast.IntLit | ast.Unary):
                kind = self.visit(arg, scope).type
        args = tuple(self.visit(a, scope, kind) for a in e.args)
        for arg in args:
            if arg.type is None:
                continue
            if not isinstance(arg.type, Int | Real | Duration):
                self.report.error("E0301", arg.span, f"expected a number, found {arg.type}")
                return replace(e, args=args)
            if kind is None:
                kind = arg.type
            self.require(arg, Int() if isinstance(kind, Int) else kind)
        return replace(e, args=args, type=Int() if isinstance(kind, Int) else kind)

    def no_function(self, e: ast.Apply, scope: Scope) -> ast.Expression:
        args = tuple(self.visit(a, scope) for a in e.args)
        where = self.report.word(e.span, e.func)
        if self.activity(e.func) is not None or e.func in self.symbols.workflows:
            what = "activity" if self.activity(e.func) is not None else "workflow"
            self.symbols.used.add(e.func)
            self.report.error(
                "E0204",
                where,
                f"`{e.func}` is a{'n' * (what == 'activity')} {what}: expressions call none",
                f"take its result first: `x <- {e.func}(…) ; …`",
            )
        else:
            known = [*FUNCTIONS, *PREDICATES]
            self.report.unknown("E0201", e.span, "function", e.func, known)
        return replace(e, args=args)

    # --- instances -------------------------------------------------------------------------------

    def instance(self, base: ast.Name, scope: Scope) -> ast.Name | None:
        """`base` as an instance of a workflow, or None when it is an ordinary value."""
        symbol = scope.find(base.name)
        if symbol is not None:
            if isinstance(symbol.type, Instance):
                return replace(base, ref=symbol.ref, type=symbol.type)
            return None
        if base.name == "self":
            if self.workflow is None:
                self.report.error("E0405", base.span, "`self` stands only inside a workflow")
                return replace(base, ref=RefKind.BINDER)
            return replace(base, ref=RefKind.BINDER, type=Instance(self.workflow.name))
        if base.name in self.symbols.workflows:
            self.several(base)
            return replace(base, ref=RefKind.INSTANCES, type=Instance(base.name))
        return None

    def several(self, base: ast.Name) -> None:
        if self.symbols.instances.get(base.name, 0) > 1:
            self.report.error(
                "E0208",
                base.span,
                f"`{base.name}` has several instances",
                f"quantify: `forall o in {base.name}: … o.x …`",
            )

    def instance_member(self, e: ast.Member, base: ast.Name, scope: Scope) -> ast.Expression:
        if not isinstance(base.type, Instance):
            return replace(e, base=base)
        shape = self.shapes.get(base.type.workflow, {})
        if e.name in shape:
            self.symbols.used.add(f"{base.type.workflow}.{e.name}")
            return replace(e, base=base, type=shape[e.name])
        self.report.unknown("E0201", e.span, f"variable of `{base.type.workflow}`:", e.name, shape)
        return replace(e, base=base)

    # --- state predicates ------------------------------------------------------------------------

    def predicate(self, e: ast.StatePredicate, scope: Scope) -> ast.Expression:
        kinds: dict[str, Type] = {
            "times": Int(),
            "used": Int(),
            "free": Int(),
            "len": Int(),
            "instances": Int(),
        }
        typed = replace(e, type=kinds.get(e.kind, BOOL))
        self.symbols.used.add(e.target)
        if e.kind in _OF_ACTIVITY:
            self.activity_target(e, scope)
            return typed
        tables: dict[str, tuple[str, Mapping[str, object]]] = {
            "len": ("channel", self.symbols.channels),
            "instances": ("workflow", self.symbols.workflows),
        }
        what, table = tables.get(e.kind, ("resource", self.symbols.resources))
        if e.kind == "held" and e.instance is None:
            self.whose(e)
        elif e.kind == "held":
            self.instance_of(e, scope)
        elif e.instance is not None:
            self.report.error("E0204", e.span, f"`{e.kind}` takes the name of a {what}")
            return typed
        if e.target not in table:
            self.wrong_target(e, what, table)
        return typed

    def activity_target(self, e: ast.StatePredicate, scope: Scope) -> None:
        if e.instance is None:
            self.whose(e)
            if self.activity(e.target) is None:
                known = [*self.local, *self.symbols.activities]
                owners = [
                    w.name
                    for w in self.symbols.workflows.values()
                    if any(a.name == e.target for a in w.activities)
                ]
                if owners and self.workflow is None:
                    self.report.error(
                        "E0201",
                        self.report.word(e.span, e.target),
                        f"`{e.target}` is an activity of `{owners[0]}`",
                        f"write `forall o in {owners[0]}: {e.kind}(o.{e.target})`",
                    )
                    return
                self.wrong_target(e, "activity", dict.fromkeys(known))
            return
        base = self.instance_of(e, scope)
        if base is not None and isinstance(base.type, Instance):
            workflow = self.symbols.workflows[base.type.workflow]
            names = [*(a.name for a in workflow.activities), *self.symbols.activities]
            if e.target not in names:
                self.report.unknown(
                    "E0201", e.span, f"activity of `{workflow.name}`:", e.target, names
                )

    def whose(self, e: ast.StatePredicate) -> None:
        """A property at top level says which instance it speaks of, unless there is one only."""
        if not self.outside or list(self.symbols.instances.values()) == [1]:
            return
        if e.kind != "held" and self.activity(e.target) is None:
            return  # an error of its own
        names = list(self.symbols.instances) or list(self.symbols.workflows)
        self.report.error(
            "E0208",
            e.span,
            f"`{e.kind}({e.target})` of which instance?",
            f"quantify: `forall o in {names[0]}: {e.kind}(o.{e.target})`" if names else "",
        )

    def instance_of(self, e: ast.StatePredicate, scope: Scope) -> ast.Expression | None:
        assert e.instance is not None
        base = self.instance(ast.Name(e.instance, span=self.report.word(e.span, e.instance)), scope)
        self.symbols.used.add(e.instance)
        symbol = scope.find(e.instance)
        if base is None and (symbol is None or symbol.type is not None):
            known = [*scope.all(), *self.symbols.workflows, "self"]
            self.report.unknown("E0201", e.span, "instance", e.instance, known)
        return base

    def wrong_target(self, e: ast.StatePredicate, what: str, known: Mapping[str, object]) -> None:
        where = self.report.word(e.span, e.target)
        kind = self.symbols.kind_of(e.target)
        if kind:
            article = "an" if what[0] in "aeiou" else "a"
            self.report.error(
                "E0204", where, f"`{e.kind}` takes {article} {what}; `{e.target}` is a {kind}"
            )
        else:
            self.report.unknown("E0201", where, what, e.target, known)
