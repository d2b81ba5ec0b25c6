"""Small changes to a checked spec, each of which a good set of properties should notice.

(DeMillo, Lipton, Sayward 1978.)  Properties are never changed, nor are declarations: only what
activities do and how workflows put them together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import ast
from .ast import Node
from .changed import replace
from .errors import Span
from .format_inline import inline
from .records import dataclass
from .walk import items_of, with_items


@dataclass(frozen=True, slots=True)
class Mutant:
    """`what` was changed, in words, at `span`; `spec` is the changed tree."""

    what: str
    span: Span
    spec: ast.Spec


Change = tuple[str, Span, Any]


def mutants(spec: ast.Spec) -> Iterator[Mutant]:
    """All specs that differ from `spec` by one change, in source order."""
    items = items_of(spec)
    for i, item in enumerate(items):
        if isinstance(item, ast.Workflow | ast.Activity):
            for what, span, new in _changes(item):
                yield Mutant(what, span, with_items(spec, (*items[:i], new, *items[i + 1 :])))


def _changes(node: Node) -> Iterator[Change]:
    """The node with one change at it or below it."""
    yield from _own(node)
    for name in _below(node):
        value = getattr(node, name)
        if isinstance(value, Node):
            for what, span, new in _changes(value):
                yield what, span, replace(node, **{name: new})
        elif isinstance(value, tuple):
            for i, part in enumerate(value):
                for what, span, new in _changes(part):
                    parts: Any = (*value[:i], new, *value[i + 1 :])
                    yield what, span, replace(node, **{name: parts})


def _below(node: Node) -> tuple[str, ...]:
    """Fields in which to look for more."""
    match node:
        case ast.Workflow():
            return ("activities", "body")
        case ast.Seq() | ast.Par() | ast.Choice():
            return ("parts",)
        case ast.If():
            return ("then", "orelse")
        case ast.Switch():
            return ("cases", "default")
        case ast.Try():
            return ("body", "handlers", "final")
        case ast.Within():
            return ("body", "orelse")
        case ast.Steps():
            return ("nodes",)
        case (
            ast.Case()
            | ast.Handler()
            | ast.While()
            | ast.Each()
            | ast.Retry()
            | ast.Saga()
            | ast.Using()
            | ast.NoCancel()
            | ast.StepNode()
        ):
            return ("body",)
    return ()


def _own(node: Node) -> Iterator[Change]:
    """The node with one change at it."""
    match node:
        case ast.Activity():
            yield from _activity(node)
        case ast.Seq():
            yield from _sequence(node)
        case ast.If(cond=cond) if not isinstance(cond, ast.BoolLit):
            for value in (True, False):
                fixed = ast.BoolLit(value, span=cond.span, type=cond.type)
                word = str(value).lower()
                yield f"the test of `if` is always {word}", cond.span, replace(node, cond=fixed)
        case ast.WaitUntil():
            yield "`wait until` does not wait", node.span, ast.Skip(span=node.span)
        case ast.Using():
            for what, span, claims in _claims("`using`", node.claims):
                yield what, span, replace(node, claims=claims) if claims else node.body
        case ast.Saga():
            yield "the saga is none: nothing is undone", node.span, node.body
        case ast.Within():
            yield "`within` has no limit", node.span, node.body
        case ast.Retry():
            yield "nothing is tried again", node.span, node.body
        case ast.NoCancel():
            yield "`nocancel` can be cancelled", node.span, node.body
        case ast.Try(final=final) if not isinstance(final, ast.Skip | None):
            nothing = ast.Skip(span=final.span)
            yield "`finally` is left out", final.span, replace(node, final=nothing)
        case ast.StepNode():
            yield from _node(node)


def _activity(a: ast.Activity) -> Iterator[Change]:
    for what, span, claims in _claims(a.name, a.uses):
        yield what, span, replace(a, uses=claims)
    if a.do is not None:
        yield f"{a.name} has no effect", a.do.span, replace(a, do=None)
    if a.undo is not None and a.undo.kind in ("block", "call"):
        yield f"{a.name} has no undo", a.undo.span, replace(a, undo=None)
    if a.retry is not None:
        yield f"{a.name} is not tried again", a.retry.span, replace(a, retry=None)
    if a.timeout is not None:
        yield f"{a.name} has no timeout", a.timeout.span, replace(a, timeout=None)


def _claims(
    who: str, claims: tuple[ast.Claim, ...]
) -> Iterator[tuple[str, Span, tuple[ast.Claim, ...]]]:
    for i, claim in enumerate(claims):
        others = (*claims[:i], *claims[i + 1 :])
        yield f"{who} does not claim {claim.resource}", claim.span, others
        if claim.mode == "exclusive":
            weaker = (*claims[:i], replace(claim, mode="shared"), *claims[i + 1 :])
            yield f"{who} borrows {claim.resource} shared, not exclusive", claim.span, weaker


def _sequence(node: ast.Seq) -> Iterator[Change]:
    parts = node.parts
    for i, part in enumerate(parts):
        if i + 1 < len(parts) and part != parts[i + 1]:
            swapped = (*parts[:i], parts[i + 1], part, *parts[i + 2 :])
            what = f"{_named(parts[i + 1])} comes before {_named(part)}"
            yield what, part.span, replace(node, parts=swapped)
        if isinstance(part, ast.Call | ast.Assign | ast.Atomic):
            left = (*parts[:i], ast.Skip(span=part.span), *parts[i + 1 :])
            yield f"{_named(part)} is left out", part.span, replace(node, parts=left)


def _node(node: ast.StepNode) -> Iterator[Change]:
    for name in node.after:
        after = tuple(a for a in node.after if a != name)
        join, n = (node.join, node.n) if after else ("all", None)
        what = f"{node.name} does not wait for {name}"
        yield what, node.span, replace(node, after=after, join=join, n=n)
    if node.when is not None:
        what = f"the `when` of {node.name} is always true"
        yield what, node.when.span, replace(node, when=None)


def _named(t: ast.Term) -> str:
    text = " ".join(inline(t).split())
    return f"`{text}`" if len(text) <= 30 else f"`{text[:27]}...`"
