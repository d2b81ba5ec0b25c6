"""Takes out of a tree what may be meant otherwise: declarations in which there is a slip.

Whatever speaks of them finds no declaration, and `Damage.words` says that this is no error.
"""

from __future__ import annotations

from . import ast
from .changed import replace
from .damage import Damage
from .errors import Span
from .walk import items_of, with_items


def prune(spec: ast.Spec, damage: Damage) -> tuple[ast.Spec, Damage]:
    """The tree without doubtful declarations, and the damage with their names."""
    if not damage.zones:
        return spec, damage
    pruning = _Pruning(damage)
    items = tuple(pruning.inside(i) for i in items_of(spec) if not pruning.drops(i))
    return with_items(spec, items), replace(
        damage,
        words=damage.words | pruning.names,
        properties=damage.properties | pruning.properties,
    )


class _Pruning:
    """Says what goes, and keeps the names that went."""

    def __init__(self, damage: Damage) -> None:
        self.damage = damage
        self.names: set[str] = set()
        self.properties: set[str] = set()

    def inside(self, item: ast.Item) -> ast.Item:
        if not isinstance(item, ast.Workflow):
            return item
        return replace(
            item,
            variables=tuple(v for v in item.variables if not self.drops(v)),
            activities=tuple(a for a in item.activities if not self.drops(a)),
            properties=tuple(p for p in item.properties if not self.drops(p)),
        )

    def drops(self, node: ast.Item | ast.VarDecl) -> bool:
        match node:
            case ast.System():
                return False
            case ast.Activity() | ast.Workflow():
                span = _header(node)
            case _:
                span = node.span
        if not self.damage.doubtful(span):
            # It may be another thing than the word says that begins it.
            if isinstance(node, ast.Activity | ast.Workflow) and self.damage.doubtful(node.span):
                self.names.add(node.name)
            return False
        decl = node.decl if isinstance(node, ast.Shared) else node
        names = self.properties if isinstance(node, ast.PROPERTIES) else self.names
        names.add(getattr(decl, "name", ""))
        match node:
            case ast.EnumDecl(values=values):
                names.update(values)
            case ast.Workflow():
                names.update(a.name for a in node.activities)
                names.update(v.name for v in node.variables)
                self.properties.update(getattr(p, "name", "") for p in node.properties)
        return True


def _header(node: ast.Activity | ast.Workflow) -> Span:
    """From the first word to the last type before the `{`: all that a caller sees."""
    start, end = node.span, node.span
    parts = [*node.params, *([node.returns] if node.returns is not None else [])]
    if parts:
        end = parts[-1].span
        return start.to(end)
    return Span(start.file, start.line, start.col, start.line, start.col + len(node.name) + 9)
