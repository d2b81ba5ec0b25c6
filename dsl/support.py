"""Forms that parse and type-check, but whose meaning comes later."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from . import ast
from .errors import Diagnostic, Span
from .names import LATER_CHECKS
from .walk import items_of, walk

_OF_RUNS = ("started", "running", "done", "failed", "times", "held")


def unsupported(spec: ast.Spec) -> tuple[Diagnostic, ...]:
    """Every use of such a form: `not supported yet: FORM`, code E0900, in source order.

    What depends on types is not seen in an unchecked tree.
    """
    found: dict[tuple[str, Span], Diagnostic] = {}
    set_ = {c.resource for c in spec.controllers}
    # A smaller capacity must do no more than keep somebody waiting.
    for r in spec.resources:
        plain = r.key is None and r.kind == "pool" and r.lease is None
        if r.name in set_ and (r.on_busy != "wait" or not plain):
            form = "a controller of anything but a plain pool with `on_busy wait`"
            found[form, r.span] = not_supported(form, r.span)
    for form, span in chain(_of_calls(spec), _of_many(spec)):
        found.setdefault((form, span), not_supported(form, span))
    for item in items_of(spec):
        for node in walk(item):
            free = () if isinstance(item, ast.Metric) else _free(node, set_)
            for form, span in chain(_forms(node), _too_early(node), free):
                found.setdefault((form, span), not_supported(form, span))
    return tuple(sorted(found.values(), key=lambda d: (d.span.line, d.span.col, d.message)))


def not_supported(form: str, span: Span) -> Diagnostic:
    return Diagnostic("E0900", span, f"not supported yet: {form}")


def _of_many(spec: ast.Spec) -> Iterator[tuple[str, Span]]:
    """What is not known of any number of instances."""
    if spec.system is None:
        return
    many = {
        d.workflow: d
        for d in spec.system.instances
        if d.any_number or (d.arrive is not None and d.count is None)
    }
    for fault in spec.system.faults:
        if fault.workflow in many:
            yield "a crash among any number of instances", fault.span
    for r in spec.resources:
        if many and r.kind == "rate":
            yield "a rate for any number of instances", r.span
    if many and spec.channels:
        first = next(iter(many.values()))
        yield "messages of any number of instances", first.span


def _of_calls(spec: ast.Spec) -> Iterator[tuple[str, Span]]:
    """A call is no run of its own, and the patterns of runs speak of one."""
    called = {node.name for node in walk(items_of(spec)) if isinstance(node, ast.Call)}
    for w in spec.workflows:
        for p in w.properties:
            if isinstance(p, ast.Pattern) and w.name in called:
                yield "property of a called workflow", p.span


# What a law is made of; anything else is no term that stands for any term.
_IN_LAWS = (
    ast.Skip | ast.Call | ast.Fail | ast.WaitUntil | ast.Seq | ast.Choice | ast.Par | ast.If
    | ast.While | ast.Try | ast.Handler | ast.Retry | ast.RetrySpec | ast.NoCancel | ast.Expr
)  # fmt: skip


def _beyond(part: ast.Node) -> bool:
    match part:
        case ast.Now():
            return True
        case ast.WaitUntil(cond=cond):
            return cond != ast.BoolLit(False)
        case ast.Par(policy=policy):
            return policy != "all"
        case ast.While(at_most=most, decreases=measure):
            return most is not None or measure is not None
        case ast.RetrySpec(attempts=attempts, backoff=wait):
            return not isinstance(attempts, ast.IntLit) or wait is not None
        case _:
            return False


def _word(part: ast.Node) -> str:
    """The word that a form begins with."""
    match part:
        case ast.RetrySpec(attempts=attempts) if not isinstance(attempts, ast.IntLit):
            return "retry (variable)"
        case ast.RetrySpec():
            return "backoff"
        case ast.WaitUntil():
            return "wait until"
        case ast.Par(policy=policy):
            return f"par {policy}"
        case ast.While():
            return "at_most"
        case ast.Assign():
            return ":="
        case _:
            return type(part).__name__.lower()


def _free(node: ast.Node, pools: set[str]) -> Iterator[tuple[str, Span]]:
    """How much is free changes by itself where a controller sets how much there is."""
    match node:
        case ast.StatePredicate(kind="free", target=name) if name in pools:
            yield "free of a pool whose capacity a controller sets", node.span


def _too_early(node: ast.Node) -> Iterator[tuple[str, Span]]:
    """What a run has done is not asked before there is one."""
    match node:
        case ast.Workflow(variables=declared):
            first: list[object] = [v.init for v in declared]
        case ast.Shared(decl=decl):
            first = [decl.init]
        case ast.InstanceDecl(args=args):
            first = [value for _, value in args]
        case _:
            return
    for e in walk(tuple(first)):
        if isinstance(e, ast.StatePredicate) and e.kind in _OF_RUNS:
            yield f"{e.kind} before a run", e.span


def _forms(node: ast.Node) -> Iterator[tuple[str, Span]]:
    span = node.span
    match node:
        case ast.Name(ref=ast.RefKind.METRIC):
            yield "metric in an expression", span
        case _:
            yield from _term_or_property(node)


def _term_or_property(node: ast.Node) -> Iterator[tuple[str, Span]]:
    span = node.span
    match node:
        case ast.Equivalent(kind="upgrade" as kind):
            yield kind, span
        case ast.Law(left=left, right=right):
            for part in walk((left, right)):
                if not isinstance(part, _IN_LAWS) or _beyond(part):
                    yield f"a law with `{_word(part)}`", part.span
        case ast.CheckOn(names=names):
            for name in names:
                if name in LATER_CHECKS:
                    yield f"check {name}", span
