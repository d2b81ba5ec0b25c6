"""Names, types and static rules of a whole file.

`check` is pure: it returns a new tree and everything it has to say.  The order is: collect the
names, evaluate constants, resolve types, then visit every item once.
"""

from __future__ import annotations

from functools import partial

from . import ast
from .ast import RefKind
from .changed import replace
from .check_activity import check_activity
from .check_blocks import find_cycle
from .check_calls import Context
from .check_expr import ExprChecker
from .check_items import ItemChecker
from .check_props import PropertyChecker
from .check_system import check_system, count_instances
from .check_terms import TermChecker
from .clock import misread
from .collect import Collected, collect
from .damage import Damage
from .errors import Diagnostic
from .misplaced import misplaced
from .names import Reporter, Scope, Symbol
from .prune import prune
from .static_bounds import unbounded
from .support import unsupported
from .unused import unused
from .walk import Kinds, items_of, walk, with_items


def check(spec: ast.Spec, damage: Damage | None = None) -> tuple[ast.Spec, tuple[Diagnostic, ...]]:
    """The tree with types and references, and all errors and warnings (in no special order).

    With `damage`, `spec` is what syntax errors have left over: what follows from them is not said.
    """
    return _Checker(*prune(spec, damage or Damage())).run()


class _Checker:
    """Lives as long as one call of `check`."""

    def __init__(self, spec: ast.Spec, damage: Damage) -> None:
        self.spec = spec
        self.report = Reporter(spec, damage)
        self.damaged = bool(damage.zones)

    def run(self) -> tuple[ast.Spec, tuple[Diagnostic, ...]]:
        spec = self.spec
        names = collect(spec, self.report)
        self.names = names
        symbols = names.symbols
        symbols.counted = partial(count_instances, spec, symbols)
        self.x = ExprChecker(symbols, self.report)
        self.x.shapes = names.shapes
        self.terms = TermChecker(self.x)
        self.terms.resolver = names
        self.items = ItemChecker(self.terms, names)
        self.props = PropertyChecker(self.terms)
        top = Scope(None, symbols.values)
        self.top = top
        done = {id(item): self.item(item, top) for item in items_of(spec)}
        self.recursion()
        warnings = unused(spec, symbols, top.read)
        for message in warnings:
            self.report.found.append(message)
        rebuilt = _rebuilt(spec, done)
        nodes = Kinds.of(items_of(rebuilt))
        # Where something is lost, a bound may be what is.
        bounds = () if self.damaged else unbounded(nodes, symbols.constants)
        other = (*misread(rebuilt, nodes), *misplaced(rebuilt, nodes), *unsupported(rebuilt, nodes))
        for later in (*bounds, *other):
            self.report.error(later.code, later.span, later.message, later.fix)
        return rebuilt, tuple(self.report.found)

    def item(self, item: ast.Item, top: Scope) -> ast.Item:
        match item:
            case ast.Workflow():
                return self.workflow(item, top)
            case ast.Activity():
                return check_activity(item, self.terms, self.names, top)
            case ast.System():
                return check_system(item, self.terms, self.names, top)
            case (
                ast.ConstDecl()
                | ast.ParamDecl()
                | ast.EnumDecl()
                | ast.TypeDecl()
                | ast.Resource()
                | ast.ErrorDecl()
                | ast.Channel()
                | ast.Environment()
                | ast.Metric()
                | ast.Detector()
                | ast.Controller()
                | ast.Shared()
            ):
                return self.items.item(item, top)
            case _:
                with self.x.outside_of_runs():
                    done: ast.Item = self.props.property(item, top, self.spec.properties)
                return done

    def workflow(self, w: ast.Workflow, top: Scope) -> ast.Workflow:
        names: dict[str, Symbol] = {}
        params = []
        for p in w.params:
            kind = self.names.resolved(p)
            self.local_name(p.name, p, names)
            names[p.name] = Symbol(RefKind.ARG, kind, p.span)
            params.append(replace(p, resolved=kind))
        # An initial value sees constants, parameters and the workflow's arguments.
        before = top.child(dict(names))
        variables = []
        for v in w.variables:
            variables.append(self.items.variable(v, before))
            self.local_name(v.name, v, names)
            names[v.name] = Symbol(RefKind.VAR, variables[-1].resolved, v.span)
        scope = top.child(names)
        self.x.local = {a.name: a for a in reversed(w.activities)}
        self.x.workflow = w
        self.terms.caller = w.name
        seen: dict[str, ast.Activity] = {}
        for a in w.activities:
            where = self.report.word(a.span, a.name)
            if a.name in seen:
                self.report.error(
                    "E0202",
                    where,
                    f"the activity `{a.name}` stands twice in `{w.name}`",
                    "choose another name",
                    ((seen[a.name].span, "first here"),),
                )
            elif a.name in self.names.symbols.workflows or a.name in self.names.symbols.activities:
                other = self.names.symbols.kind_of(a.name)
                self.report.error(
                    "E0202", where, f"`{a.name}` is already a {other}", "choose another name"
                )
            seen.setdefault(a.name, a)
        for name in w.fails:
            self.terms.known_error(name, w.span)
        activities = tuple(check_activity(a, self.terms, self.names, scope) for a in w.activities)
        result = self.names.returned(w)
        context = Context(returns=result, has_result=w.returns is not None)
        body = self.terms.term(w.body, scope, context)
        final = scope
        if w.returns is not None:
            final = scope.child({"result": Symbol(RefKind.RESULT, result, w.span)})
        properties = tuple(
            self.props.property(p, final if isinstance(p, ast.Ensures) else scope, w.properties)
            for p in w.properties
        )
        self.x.local, self.x.workflow, self.terms.caller = {}, None, ""
        return replace(
            w,
            params=tuple(params),
            body=body,
            resolved=result,
            variables=tuple(variables),
            activities=activities,
            properties=properties,
            nodes=Kinds.of(body),
        )

    def local_name(self, name: str, node: ast.Node, names: dict[str, Symbol]) -> None:
        if name in names:
            where = self.report.word(node.span, name)
            self.report.error(
                "E0202",
                where,
                f"`{name}` is already a{'n' if names[name].ref is RefKind.ARG else ''} "
                f"{names[name].ref.value} here",
                "choose another name",
                ((names[name].span, "first here"),),
            )
        elif name in self.names.symbols.values:
            outer = self.names.symbols.values[name]
            self.report.error(
                "E0202",
                self.report.word(node.span, name),
                f"`{name}` is already a {outer.ref.value}",
                "choose another name",
                ((outer.span, "first here"),),
            )
        self.names.own_name(name, node)

    def recursion(self) -> None:
        edges = {
            w.name: [callee for callee, _ in self.terms.calls.get(w.name, ())]
            for w in self.spec.workflows
        }
        # Each cycle once: after one is reported its first edge is taken out.
        for _ in range(10):
            cycle = find_cycle(edges)
            if not cycle:
                break
            span = next(s for c, s in self.terms.calls[cycle[0]] if c == cycle[1])
            self.report.error(
                "E0401",
                span,
                "workflows call themselves: " + " -> ".join(cycle),
                "use a loop, or a fixed number of levels",
            )
            edges[cycle[0]] = [c for c in edges[cycle[0]] if c != cycle[1]]
        self.metrics()

    def metrics(self) -> None:
        metrics = {m.name: m for m in self.spec.metrics}
        edges = {
            name: [n.name for n in walk(m.value) if isinstance(n, ast.Name) and n.name in metrics]
            for name, m in metrics.items()
        }
        cycle = find_cycle(edges)
        if cycle:
            self.report.error(
                "E0401",
                metrics[cycle[0]].span,
                "metrics measure themselves: " + " -> ".join(cycle),
                "let one of them measure something else",
            )


def _rebuilt(spec: ast.Spec, done: dict[int, ast.Item]) -> ast.Spec:
    rebuilt = with_items(spec, tuple(done[id(i)] for i in items_of(spec)))
    return rebuilt if spec.items else replace(rebuilt, items=())


__all__ = ["Collected", "check"]
