"""All nodes of a tree, in source order, without recursion."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from . import ast
from .ast import Node


@cache
def children(kind: Hashable) -> tuple[str, ...]:
    """Names of the fields of a class of nodes in which other nodes may stand."""
    names = getattr(kind, "__match_args__")  # noqa: B009
    return tuple(f for f in names if f not in ("source", "file", "doc"))


def walk(root: object) -> Iterator[Node]:
    """`root` and every node below it; the items of a `Spec` once."""
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(reversed(node))
        elif isinstance(node, Node):
            yield node
            kind: Hashable = node.__class__  # type: ignore[assignment]
            for name in reversed(children(kind)):
                value = getattr(node, name)
                if isinstance(value, tuple | Node):
                    stack.append(value)


def parts_of(node: Node) -> Iterator[tuple[object, ...] | Node]:
    """What stands directly below a node."""
    kind: Hashable = node.__class__  # type: ignore[assignment]
    for name in children(kind):
        value = getattr(node, name)
        if isinstance(value, tuple | Node):
            yield value


def items_of(spec: ast.Spec) -> tuple[ast.Item, ...]:
    """All items in file order, or in a good order where the tree was built and not read."""
    if spec.items:
        return spec.items
    system = (spec.system,) if spec.system is not None else ()
    return (
        *spec.constants,
        *spec.params,
        *spec.enums,
        *spec.types,
        *spec.resources,
        *spec.channels,
        *spec.shared,
        *spec.errors,
        *spec.environments,
        *spec.metrics,
        *spec.detectors,
        *spec.controllers,
        *spec.activities,
        *spec.workflows,
        *system,
        *spec.properties,
    )


def with_items(spec: ast.Spec, items: tuple[ast.Item, ...]) -> ast.Spec:
    """`spec` with these items, also by their kinds; the first `system` counts."""

    def of(*kinds: type) -> Any:
        return tuple(i for i in items if isinstance(i, kinds))

    return replace(
        spec,
        constants=of(ast.ConstDecl),
        params=of(ast.ParamDecl),
        enums=of(ast.EnumDecl),
        types=of(ast.TypeDecl),
        resources=of(ast.Resource),
        errors=of(ast.ErrorDecl),
        channels=of(ast.Channel),
        environments=of(ast.Environment),
        metrics=of(ast.Metric),
        detectors=of(ast.Detector),
        controllers=of(ast.Controller),
        shared=of(ast.Shared),
        activities=of(ast.Activity),
        workflows=of(ast.Workflow),
        system=next(iter(of(ast.System)), None),
        properties=of(*ast.PROPERTIES),
        items=items,
    )
