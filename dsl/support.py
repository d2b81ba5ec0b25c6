"""Forms that parse and type-check, but whose meaning comes later."""

from __future__ import annotations

from collections.abc import Iterator

from . import ast
from .errors import Diagnostic, Span
from .names import LATER_CHECKS
from .walk import items_of, walk


def unsupported(spec: ast.Spec) -> tuple[Diagnostic, ...]:
    """Every use of such a form: `not supported yet: FORM`, code E0900, in source order."""
    found: dict[tuple[str, Span], Diagnostic] = {}
    for item in items_of(spec):
        for node in walk(item):
            for form, span in _forms(node):
                message = f"not supported yet: {form}"
                found.setdefault((form, span), Diagnostic("E0900", span, message))
    return tuple(sorted(found.values(), key=lambda d: (d.span.line, d.span.col, d.message)))


def _forms(node: ast.Node) -> Iterator[tuple[str, Span]]:
    span = node.span
    match node:
        case ast.Resource():
            if node.kind == "rate":
                yield "rate", span
            if node.lease is not None:
                yield "lease", node.lease.span
            if node.on_busy != "wait":
                yield "on_busy", span
            if node.key is not None:
                yield "keyed resource", node.key.span
        case ast.Channel():
            yield "channel", span
            if node.key is not None:
                yield "keyed channel", node.key.span
        case ast.Shared(durable=True):
            yield "store", span
        case ast.Unsupported(form=form):
            yield form, span
        case ast.Claim(token=str()):
            yield "as t", span
        case ast.StatePredicate(kind="len"):
            yield "len(c)", span
        case ast.System():
            if node.scheduler == "fair":
                yield "scheduler fair", span
        case ast.Fault():
            yield "faults", span
        case ast.InstanceDecl():
            if node.any_number:
                yield f"{node.workflow}[*]", span
            if node.arrive is not None:
                yield "arrive", span
        case ast.Activity():
            yield from _activity(node)
        case _:
            yield from _term_or_property(node)


def _activity(a: ast.Activity) -> Iterator[tuple[str, Span]]:
    if a.runs_in is not None:
        yield "runs_in", a.span
    if a.timeout_schedule is not None:
        yield "timeout schedule", a.timeout_schedule.span
    if a.heartbeat is not None:
        yield "heartbeat", a.heartbeat.span
    elif a.beats is not None:
        yield "heartbeat", a.beats.span
    if a.idempotent_by is not None:
        yield "idempotent by", a.idempotent_by.span
    if a.at_least_once:
        yield "at_least_once", a.span
    if a.undo is not None:
        if a.undo.kind == "none":
            yield "undo none", a.undo.span
        if a.undo.orelse is not None:
            yield "undo else", a.undo.span


def _term_or_property(node: ast.Node) -> Iterator[tuple[str, Span]]:
    span = node.span
    match node:
        case ast.Send():
            yield "send", span
        case ast.Receive():
            yield "receive", span
        case ast.Request():
            yield "request", span
        case ast.Within(receive=ast.Receive()):
            yield "within receive", span
        case ast.Transaction():
            yield "transaction", span
        case ast.Abort():
            yield "abort", span
        case ast.Require():
            yield "require", span
        case ast.Pattern(within=ast.Node()):
            yield "leads_to within", span
        case ast.AssumeEventually():
            yield "assume eventually", span
        case ast.Deadline():
            yield "deadline", span
        case ast.Equivalent(kind=kind):
            yield kind, span
        case ast.Law():
            yield "law", span
        case ast.CheckOn(names=names):
            for name in names:
                if name in LATER_CHECKS:
                    yield f"check {name}", span
