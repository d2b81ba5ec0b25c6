"""Declarations that nothing speaks of: a spec means the same without them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.walk import Kinds, nodes_of

# (A channel may be filled by the environment, whoever takes from it or not.)
_DROPPED = (ast.Activity, ast.Resource, ast.ErrorDecl, ast.ConstDecl, ast.TypeDecl)

D = TypeVar("D", ast.Activity, ast.Resource, ast.ErrorDecl, ast.ConstDecl, ast.TypeDecl)


def needed(*specs: ast.Spec) -> tuple[ast.Spec, ...]:
    """Without activities, resources, errors, constants and types whose names stand in none of these
    specs but where they are declared, or where only such are declared.

    Every word of the trees counts as a name, so some that are not needed may stay.
    """
    bodies = {name for s in specs for w in s.workflows for name in _words(nodes_of(w))}
    while True:
        said = bodies.union(*map(_said, specs))
        less = tuple(_less(s, said) for s in specs)
        if all(one is other for one, other in zip(less, specs, strict=True)):
            return specs
        specs = tuple(replace(s, items=()) for s in less)


def _said(spec: ast.Spec) -> Iterator[str]:
    """The words outside of bodies."""
    bare = replace(spec, workflows=tuple(replace(w, body=ast.Skip()) for w in spec.workflows))
    # (Lists by kind are what is there: `items` are the same again, in another order.)
    parts = tuple(getattr(bare, f.name) for f in fields(bare) if f.name != "items")
    return _words(Kinds.of(parts))


def _less(spec: ast.Spec, said: set[str]) -> ast.Spec:
    return replace(
        spec,
        activities=_kept(spec.activities, said),
        resources=_kept(spec.resources, said),
        errors=_kept(spec.errors, said),
        constants=_kept(spec.constants, said),
        types=_kept(spec.types, said),
        workflows=tuple(replace(w, activities=_kept(w.activities, said)) for w in spec.workflows),
    )


def _kept(declared: tuple[D, ...], said: set[str]) -> tuple[D, ...]:
    return tuple(d for d in declared if d.name in said)


def _words(nodes: Kinds) -> Iterator[str]:
    """All words in some nodes, but for what declarations call themselves."""
    for kind, found in nodes.found.items():
        for name in _worded(kind):
            for value in {getattr(node, name) for node in found}:
                yield from _in(value)


@cache
def _worded(kind: Hashable) -> Sequence[str]:
    """The fields of a class of nodes in which words may stand."""
    own = "name" if kind in _DROPPED else ""
    return [f.name for f in fields(kind) if "str" in f.type and f.name != own]  # type: ignore


def _in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _in(part)
