"""What has no meaning where it stands, though its words and types are right: E0403 and E0406."""

from __future__ import annotations

from collections.abc import Iterator

from . import ast
from .errors import Diagnostic
from .walk import Kinds, items_of, walk

_OF_RUNS = ("started", "running", "done", "failed", "times", "held")


def misplaced(spec: ast.Spec, nodes: Kinds) -> tuple[Diagnostic, ...]:
    """All of them in a checked tree, in source order; `nodes` of its items."""
    found = [*_of_calls(spec, nodes), *_of_controllers(spec), *_too_early(spec, nodes)]
    return tuple(sorted(found, key=lambda d: (d.span.line, d.span.col)))


def _of_calls(spec: ast.Spec, nodes: Kinds) -> Iterator[Diagnostic]:
    """A call is no run of its own, and the patterns of runs speak of one."""
    called = {node.name for node in nodes.all(ast.Call)}
    for w in spec.workflows:
        for p in w.properties:
            if isinstance(p, ast.Pattern) and w.name in called:
                yield Diagnostic(
                    "E0406",
                    p.span,
                    f"a property of runs, but `{w.name}` is called: a call is no run of its own",
                    "say it of the workflow that calls it",
                )


def _of_controllers(spec: ast.Spec) -> Iterator[Diagnostic]:
    """A smaller capacity must do no more than keep somebody waiting."""
    pools = {c.resource for c in spec.controllers}
    for r in spec.resources:
        plain = r.key is None and r.kind == "pool" and r.lease is None
        if r.name in pools and (r.on_busy != "wait" or not plain):
            yield Diagnostic(
                "E0403",
                r.span,
                f"a controller sets the capacity of `{r.name}`, which is no plain pool",
                "let it act on a pool whose claims wait, without keys and leases",
            )
    # How much is free changes by itself where a controller sets how much there is.
    shifting = {m.name for m in spec.metrics if any(_free(n, pools) for n in walk(m.value))}
    if not pools and not shifting:
        return
    for item in items_of(spec):
        if isinstance(item, ast.Metric | ast.Detector | ast.Controller):
            continue
        for node in walk(item):
            if _free(node, pools) or _named(node, shifting):
                yield Diagnostic(
                    "E0406",
                    node.span,
                    "what is free of a pool that a controller sets changes between steps",
                    "say it of what is in use, `used(r)`",
                )


def _free(node: ast.Node, pools: set[str]) -> bool:
    match node:
        case ast.StatePredicate(kind="free", target=name):
            return name in pools
    return False


def _too_early(spec: ast.Spec, nodes: Kinds) -> Iterator[Diagnostic]:
    """What a run has done is not asked before there is one."""
    of_runs = {m.name for m in spec.metrics if any(_asks(n, set()) for n in walk(m.value))}
    for node in nodes.all(ast.Workflow, ast.Shared, ast.InstanceDecl):
        match node:
            case ast.Workflow(variables=declared):
                first: list[object] = [v.init for v in declared]
            case ast.Shared(decl=decl):
                first = [decl.init]
            case ast.InstanceDecl(args=args):
                first = [value for _, value in args]
        for e in walk(tuple(first)):
            if _asks(e, of_runs):
                yield Diagnostic(
                    "E0406",
                    e.span,
                    "before a run nothing has been done",
                    "assign it in a step of the run",
                )


def _asks(e: ast.Node, metrics: set[str]) -> bool:
    if isinstance(e, ast.StatePredicate):
        return e.kind in _OF_RUNS
    return _named(e, metrics)


def _named(e: ast.Node, metrics: set[str]) -> bool:
    return isinstance(e, ast.Name) and e.ref is ast.RefKind.METRIC and e.name in metrics
