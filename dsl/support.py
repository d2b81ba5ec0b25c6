"""Forms that parse and type-check, but whose meaning comes later."""

from __future__ import annotations

from collections.abc import Iterator

from . import ast
from .errors import Diagnostic, Span
from .names import LATER_CHECKS
from .walk import items_of, walk


def unsupported(spec: ast.Spec) -> tuple[Diagnostic, ...]:
    """Every use of such a form: `not supported yet: FORM`, code E0900, in source order.

    What depends on types is not seen in an unchecked tree.
    """
    found: dict[tuple[str, Span], Diagnostic] = {}
    for form, span in _of_many(spec):
        found.setdefault((form, span), not_supported(form, span))
    for item in items_of(spec):
        for node in walk(item):
            for form, span in _forms(node):
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
    if many and spec.system.scheduler == "head_of_line":
        yield "scheduler head_of_line for any number of instances", spec.system.span
    for r in spec.resources:
        if many and r.kind == "rate":
            yield "a rate for any number of instances", r.span
    if many and spec.channels:
        first = next(iter(many.values()))
        yield "messages of any number of instances", first.span


def _forms(node: ast.Node) -> Iterator[tuple[str, Span]]:
    span = node.span
    match node:
        case ast.Equivalent(kind="upgrade" as kind):
            yield kind, span
        case ast.Law():
            yield "law", span
        case ast.CheckOn(names=names):
            for name in names:
                if name in LATER_CHECKS:
                    yield f"check {name}", span
