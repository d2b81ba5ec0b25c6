"""The system: which instances there are, with which arguments."""

from __future__ import annotations

from . import ast
from .ast import RefKind
from .changed import replace
from .check_calls import counted
from .check_terms import TermChecker
from .collect import Collected
from .constants import evaluate
from .names import Scope, Symbol, Symbols
from .walk import Kinds, walk


def count_instances(spec: ast.Spec, symbols: Symbols) -> dict[str, int]:
    """1 where a workflow has exactly one instance in the system, 2 where it may have more."""
    counts: dict[str, int] = {}
    if spec.system is None:
        counts.update(dict.fromkeys(symbols.workflows, 1))
    else:
        for i in spec.system.instances:
            single = (
                (i.count is None or evaluate(i.count, symbols.constants) == 1)
                and not i.any_number
                and i.binder is None
                and i.arrive is None
            )
            counts[i.workflow] = counts.get(i.workflow, 0) + (1 if single else 2)
    nodes = Kinds.of(tuple(w.body for w in spec.workflows))
    counts.update((c.name, 2) for c in nodes.all(ast.Call) if c.name in symbols.workflows)
    return counts


def check_system(s: ast.System, terms: TermChecker, names: Collected, top: Scope) -> ast.System:
    _faults(s, terms)
    return replace(
        s,
        instances=tuple(_instance(i, terms, names, top) for i in s.instances),
        faults=tuple(_fault(f, terms, top) for f in s.faults),
    )


def _faults(s: ast.System, terms: TermChecker) -> None:
    """One for each workflow, which has instances of its own."""
    seen: dict[str, ast.Fault] = {}
    there = {i.workflow for i in s.instances}
    for f in s.faults:
        if f.workflow in seen:
            related = ((seen[f.workflow].span, "first here"),)
            message = f"the crashes of `{f.workflow}` are declared twice"
            terms.report.error("E0202", f.span, message, "leave one of them", related)
        elif f.workflow in terms.symbols.workflows and f.workflow not in there:
            message = f"`{f.workflow}` has no instance of its own that could crash"
            fix = "let the workflow that calls it crash, or name an instance in `system`"
            terms.report.error("E0208", f.span, message, fix)
        seen.setdefault(f.workflow, f)


def _fault(f: ast.Fault, terms: TermChecker, top: Scope) -> ast.Fault:
    terms.symbols.used.add(f.workflow)
    if f.workflow not in terms.symbols.workflows:
        terms.report.unknown("E0201", f.span, "workflow", f.workflow, terms.symbols.workflows)
    return replace(
        f,
        at_most=terms.count(f.at_most, top, 0),
        back_within=terms.maybe_time(f.back_within, top),
    )


def _fixed(e: ast.Expression | None, terms: TermChecker) -> None:
    """Which instances there are does not change while they run."""
    for node in walk(e):
        if isinstance(node, ast.Name) and node.ref in (RefKind.SHARED, RefKind.STORE):
            terms.report.error(
                "E0304",
                node.span,
                f"the number of instances is fixed before a run: `{node.name}` may change",
                "use a `const` or a `param`",
            )


def _instance(
    i: ast.InstanceDecl, terms: TermChecker, names: Collected, top: Scope
) -> ast.InstanceDecl:
    report, symbols = terms.report, terms.symbols
    symbols.used.add(i.workflow)
    scope, domain = top, i.domain
    if i.binder is not None and i.domain is not None:
        domain, kind = terms.x.domain(i.domain, top)
        if top.find(i.binder) is not None:
            report.error("E0202", report.word(i.span, i.binder), f"`{i.binder}` is already in use")
        scope = top.child({i.binder: Symbol(RefKind.BINDER, kind, i.span)})
    if i.binder is not None and (i.any_number or i.count is not None):
        report.error(
            "E0406",
            i.span,
            f"`{i.workflow}[..] for` says twice how many instances there are",
            "write one of the two; `for p in P` gives one instance for each `p`",
        )
    count = terms.count(i.count, top, 0)
    for part in (count, domain):
        _fixed(part, terms)
    workflow = symbols.workflows.get(i.workflow)
    args: list[tuple[str | None, ast.Expression]] = []
    if workflow is None:
        report.unknown("E0201", i.span, "workflow", i.workflow, symbols.workflows)
        args = [(n, terms.x.beside(e, scope, None)) for n, e in i.args]
    else:
        types = {p.name: names.resolved(p) for p in workflow.params}
        order = list(types)
        given: set[str] = set()
        positional = sum(1 for n, _ in i.args if n is None)
        if positional and len(i.args) != len(order):
            report.error(
                "E0305",
                i.span,
                f"`{i.workflow}` takes {counted(len(order), 'argument')}, not {len(i.args)}",
                "name the ones you give, `id: 7`: the others are free",
            )
        for position, (name, value) in enumerate(i.args):
            target = name if name is not None else (order + [""] * len(i.args))[position]
            if name is not None and name not in types:
                report.unknown("E0201", i.span, f"argument of `{i.workflow}`:", name, types)
            elif target in given:
                report.error("E0202", value.span, f"the argument `{target}` is given twice")
            given.add(target)
            kind = types.get(target)
            typed = terms.x.beside(value, scope, kind)
            args.append((name, typed))
    return replace(
        i,
        count=count,
        args=tuple(args),
        domain=domain,
        arrive=terms.maybe_time(i.arrive, top),
    )
