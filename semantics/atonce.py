"""What a spec says of several instances at once, of those of which there may be any number."""

from __future__ import annotations

from collections.abc import Iterator

from ..dsl import ast
from ..dsl.walk import walk


def looks_at_instances(spec: ast.Spec, many: frozenset[str]) -> bool:
    """Whether a step may depend on which, or how many, instances there are."""
    given = (p for p in spec.properties if isinstance(p, ast.Requires))
    bodies = (*spec.activities, *spec.workflows, *spec.shared, *given)
    return any(_of_instances(node, many) for node in walk(tuple(bodies)))


def _of_instances(node: object, many: frozenset[str]) -> bool:
    match node:
        case ast.Quantifier(domain=ast.Name(name=name)):
            return name in many
        case ast.Each(domain=ast.Name(name=name)):
            return name in many
        case ast.StatePredicate(kind="instances", target=name):
            return name in many
    return False


def unlike(spec: ast.Spec, many: frozenset[str]) -> Iterator[str]:
    """Names of properties at top level that do not speak of one instance at a time."""
    for p in spec.properties:
        conditions = [e for e in walk(p) if isinstance(e, ast.Expression)]
        if not any(_of_instances(e, many) for e in conditions):
            continue
        if isinstance(p, ast.Invariant | ast.Always) and _one_by_one(p.cond, many):
            continue
        yield "system" if isinstance(p, ast.Ensures) else getattr(p, "name", "")


def _one_by_one(e: ast.Expression, many: frozenset[str]) -> bool:
    if isinstance(e, ast.Binary) and e.op == "and":
        return _one_by_one(e.left, many) and _one_by_one(e.right, many)
    if isinstance(e, ast.Quantifier) and e.kind == "forall" and _of_instances(e, many):
        return not any(_of_instances(x, many) for x in walk(e.body))
    return not any(_of_instances(x, many) for x in walk(e))
