"""What has to have bounds that are known before a run.

Branches of a parallel `each` are threads, a quantifier is written out, a channel is an array: there
are finitely many of them, whatever happens.  What goes round needs no bounds (`each .. seq`), and
nor does the number of instances (`w[*]`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from . import ast
from .constants import whole
from .errors import Diagnostic, Span
from .extent import Known, boundless
from .types import Int
from .walk import Kinds, walk

_RANGE = "a range or a type with bounds, such as `int 0..20`"
_ROOM = "say how many messages it holds, `capacity 8`: a send waits while it is full"
_MENDS = {
    "a parallel `each`": f"give it {_RANGE}; or write `each .. seq`, which needs none",
    "an `each` in one step": f"give it {_RANGE}; or take it out of the step",
    "a number of instances": f"give it {_RANGE}; or write `w[*]`, for any number of them",
    "a channel that a loop sends to": _ROOM,
}


def without_bounds(what: str, span: Span) -> Diagnostic:
    """E0411: `what` is not bounded before a run."""
    mend = _MENDS.get(what, f"give it {_RANGE}")
    return Diagnostic("E0411", span, f"{what} needs bounds that are known before a run", mend)


def unbounded(nodes: Kinds, constants: Mapping[str, object]) -> tuple[Diagnostic, ...]:
    """Every such place of the nodes of a checked tree, in source order.

    `constants` are their values.  Some bounds are known only where an activity is called, and how
    much is sent to a channel only of the whole: what has none there is told when rules are made.
    """
    known = whole(constants)
    found: dict[tuple[str, Span], None] = {}
    for node in nodes.all(*_BOUNDED):
        found.update(dict.fromkeys(_places(node, known)))
    ordered = sorted(found, key=lambda f: (f[1].line, f[1].col, f[0]))
    return tuple(without_bounds(what, span) for what, span in ordered)


_BOUNDED: Final[tuple[type[ast.Node], ...]] = (
    ast.Each,
    ast.Quantifier,
    ast.Atomic,
    ast.Transaction,
    ast.Undo,
    ast.Activity,
    ast.Channel,
    ast.Resource,
    ast.InstanceDecl,
)


def _places(node: ast.Node, known: Known) -> Iterator[tuple[str, Span]]:
    match node:
        case ast.Each(sequential=False) if _endless(node.domain, known):
            yield "a parallel `each`", node.span
        case ast.Quantifier() if _endless(node.domain, known):
            yield f"`{node.kind}`", node.span
        case (
            ast.Atomic(body=body)
            | ast.Transaction(body=body)
            | ast.Undo(kind="block", body=body)
            | ast.Activity(do=body)
        ):
            for inner in walk(body):
                if isinstance(inner, ast.Each) and _endless(inner.domain, known):
                    yield "an `each` in one step", inner.span
        case ast.Channel(capacity=ast.Node() as most) if boundless(most, known):
            yield "the capacity of a channel", most.span
        case ast.Resource(key=ast.Node() as key, key_type=Int(lo=None)):
            yield "a key", key.span
        case ast.InstanceDecl(domain=domain, count=count):
            if domain is not None and _endless(domain, known):
                yield "a number of instances", domain.span
            if count is not None and boundless(count, known):
                yield "a number of instances", count.span


def _endless(domain: ast.Expression, known: Known) -> bool:
    # Anything else that has no bounds is no domain, which is an error of its own.
    return isinstance(domain, ast.Range) and boundless(domain, known)
