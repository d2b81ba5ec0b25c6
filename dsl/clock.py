"""Where the clock may be read.

`now` is the time of the step that reads it: of an assignment, of what an activity does, of the end
of a workflow.  A test looks at it in a step of its own.  What holds between steps (an invariant, a
condition that somebody waits for) cannot speak of it, for it changes there by itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Final

from . import ast
from .errors import Diagnostic, Span
from .walk import Kinds, children, items_of, walk

_READ: Final[dict[Hashable, tuple[str, ...]]] = {
    ast.Assign: ("value",),
    ast.Assert: ("cond",),
    ast.Call: ("args",),
    ast.If: ("cond",),
    ast.Return: ("value",),
    ast.Request: ("value",),
    ast.Send: ("value",),
    ast.Switch: ("subject",),
    ast.Wait: ("duration",),
    ast.While: ("cond",),
    ast.Within: ("duration",),
    ast.Activity: ("ensures",),
}
_ONE_STEP: Final[dict[Hashable, tuple[str, ...]]] = {
    ast.Activity: ("do",),
    ast.Atomic: ("body",),
}


def misread(spec: ast.Spec, nodes: Kinds) -> tuple[Diagnostic, ...]:
    """E0406 for every `now` that stands anywhere else, in source order; `nodes` of its items."""
    if not any(nodes.all(ast.Now)):
        return ()
    found = [span for item in items_of(spec) for span in _places(item)]
    return tuple(
        Diagnostic(
            "E0406",
            span,
            "the clock is not read here",
            "let a step before read it, `t := now`; limits of time are `deadline`, `within`, "
            "`leads_to .. within`",
        )
        for span in sorted(found, key=lambda s: (s.line, s.col))
    )


def reads(node: object) -> bool:
    """Whether the clock is read somewhere in there."""
    return any(isinstance(n, ast.Now) for n in walk(node))


def _places(root: object) -> Iterator[Span]:
    # With each node: may it be read in this expression; may it be everywhere, in one step?
    stack: list[tuple[object, bool, bool]] = [(root, False, False)]
    while stack:
        node, read, step = stack.pop()
        if isinstance(node, tuple):
            stack += [(part, read, step) for part in node]
        elif isinstance(node, ast.Now):
            if not read:
                yield node.span
        elif isinstance(node, ast.Node):
            stack += _parts(node, read, step)


def _parts(node: ast.Node, read: bool, step: bool) -> Iterator[tuple[object, bool, bool]]:
    kind: Hashable = node.__class__  # type: ignore[assignment]
    whole = _ONE_STEP.get(kind, ())
    if isinstance(node, ast.Undo) and node.kind == "block":
        whole = ("body",)
    parts = _READ.get(kind, ())
    if isinstance(node, ast.Workflow):
        yield from ((p.cond, True, False) for p in node.properties if isinstance(p, ast.Ensures))
    inner = step and not isinstance(node, ast.Transaction)
    same = read and isinstance(node, ast.Expr)
    for name in children(kind):
        value = getattr(node, name)
        if isinstance(node, ast.Workflow) and name == "properties":
            value = tuple(p for p in node.properties if not isinstance(p, ast.Ensures))
        if isinstance(value, ast.Now) and name in ("target", "bind"):
            continue  # which cannot be assigned to: that has been said
        once = inner or name in whole
        yield value, once or same or name in parts, once
