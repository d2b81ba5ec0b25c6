"""All nodes of a tree, in source order, without recursion."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from .ast import Node


@cache
def _children(kind: type[Node]) -> tuple[str, ...]:
    fields: dict[str, object] = kind.__dataclass_fields__
    return tuple(f for f in fields if f not in ("span", "type_", "source", "file", "doc"))


def walk(root: object) -> Iterator[Node]:
    """`root` and every node below it; the items of a `Spec` once."""
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple):
            stack.extend(reversed(node))
        elif isinstance(node, Node):
            yield node
            for name in reversed(_children(type(node))):
                value = getattr(node, name)
                if isinstance(value, tuple | Node):
                    stack.append(value)
