"""A `law` of a spec as a claim: names of its own, and tests that stand for any test."""

from __future__ import annotations

from collections.abc import Mapping

from ....dsl import ast
from ....dsl.format_inline import inline
from ....semantics.lower.own_names import OWN, Renaming, called, declared, errors, plain, pools
from .prove import Claim


def read(law: ast.Law, kinds: dict[str, str], activities: Mapping[str, ast.Activity]) -> Claim:
    """`kinds`: the declared errors, permanent or transient.  `activities` that it may call."""
    own = Renaming()
    left, right = (own.term(t) for t in (law.left, law.right))
    calls = called(law, activities)
    return Claim(
        inline(left),
        inline(right),
        tuple(m + OWN for m in law.metavariables),
        tuple(own.tests.values()),
        pools(law),
        inside := "\n".join(f"  {declared(a)}" for a in calls),
        inside,
        errors=tuple(errors(law, kinds, calls).items()),
    )


def stands_for(law: ast.Law) -> dict[str, str]:
    """The names of its tests, with the texts that they replace."""
    own = Renaming()
    for side in (law.left, law.right):
        own.term(side)
    return {plain(name): text for text, name in own.tests.items()}
