"""All nodes of a tree, in source order, without recursion."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, Final, TypeVar

from . import ast
from .ast import Node
from .changed import replace
from .records import dataclass

N = TypeVar("N", bound=Node)

# Annotations of fields in which no node stands.
_LEAVES: Final = frozenset(
    (
        *("str", "bool", "int", "Fraction", "str | None", "tuple[str, ...]"),
        *("Span", "Type | None", "RefKind | None", "tuple[Diagnostic, ...]", "Kinds | None"),
    )
)


@cache
def children(kind: Hashable) -> tuple[str, ...]:
    """Names of the fields of a class of nodes in which other nodes may stand."""
    return tuple(f.name for f in fields(kind) if f.type not in _LEAVES)  # type: ignore[arg-type]


@cache
def _reader(kind: Hashable) -> Callable[[Node], tuple[object, ...]]:
    """Reads these fields, the last first."""
    names = children(kind)[::-1]
    if len(names) > 1:
        return attrgetter(*names)
    return (lambda node: (getattr(node, names[0]),)) if names else (lambda node: ())


def walk(root: object) -> Iterator[Node]:
    """`root` and every node below it; the items of a `Spec` once."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node.__class__ is tuple:
            stack += node[::-1]
        elif isinstance(node, Node):
            yield node
            kind: Hashable = node.__class__  # type: ignore[assignment]
            stack += filter(None, _reader(kind)(node))


@dataclass(frozen=True, slots=True)
class Kinds:
    """All nodes of a tree (`root`) by their classes, those of one class in source order."""

    root: object
    found: Mapping[type, Sequence[Any]]

    @staticmethod
    def of(root: object) -> Kinds:
        found: dict[type, list[Any]] = {}
        # The loop of `walk`, with what is looked up by class at hand.
        known: dict[type, tuple[list[Any], Callable[[Node], tuple[object, ...]] | None]] = {}
        stack: list[Any] = [root]
        while stack:
            node = stack.pop()
            cls = node.__class__
            if cls is tuple:
                stack += node[::-1]
                continue
            if cls is Kinds:
                for kind_of, nodes in node.found.items():
                    found.setdefault(kind_of, []).extend(nodes)
                continue
            kind = known.get(cls)
            if kind is None:
                inner = None
                if issubclass(cls, Node):
                    found.setdefault(cls, [])
                    inner = _reader(cls) if children(cls) else None
                    inner = _known_body if cls is ast.Workflow else inner
                kind = known[cls] = found.get(cls, []), inner
            nodes, reader = kind
            nodes.append(node)
            if reader is not None:
                stack += filter(None, reader(node))
        return Kinds(root, found)

    def all(self, *kinds: type[N]) -> Iterator[N]:
        """Those of some classes."""
        for kind in kinds:
            yield from self.found.get(kind, ())

    def each(self, holds: Callable[[Node], bool], of_each: tuple[type, ...]) -> bool:
        """Does it hold of all nodes?  Of those `of_each` it depends on the node, of all others on
        the class alone."""
        return all(
            all(map(holds, nodes)) if kind in of_each else holds(nodes[0])
            for kind, nodes in self.found.items()
        )


def nodes_of(workflow: ast.Workflow) -> Kinds:
    """Those of its body.  (Bodies may be large: a checked one has been looked through.)"""
    known = workflow.nodes
    return known if known is not None and known.root is workflow.body else Kinds.of(workflow.body)


def _known_body(workflow: Any) -> tuple[object, ...]:
    """What stands in it, the last first; of its body the nodes, where they are known."""
    read = _reader(ast.Workflow)(workflow)
    known = workflow.nodes
    if known is None or known.root is not workflow.body:
        return read
    return tuple(known if part is workflow.body else part for part in read)


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
