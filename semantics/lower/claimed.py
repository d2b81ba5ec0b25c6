"""What a spec claims of two of its workflows, each taken by itself; and its laws."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ...dsl import ast
from ...dsl.format_props import property_text
from ..claimed import COMPARED, OUTCOME, Claimed, Side, Terms
from ..observing import View, in_both
from .alone import alone
from .differing import compared_terms, one_term, plain_terms
from .instances import instance as instantiated
from .world import lower


def claimed(spec: ast.Spec) -> dict[tuple[str, str], Claimed]:
    """By kind and name."""
    all_ = [*spec.properties, *(p for w in spec.workflows for p in w.properties)]
    return {
        (kind, p.name): _claimed(spec, kind, p)
        for p in all_
        if isinstance(p, ast.Equivalent | ast.Law)
        for kind in ("law" if isinstance(p, ast.Law) else p.kind,)
    }


def _claimed(spec: ast.Spec, kind: str, p: ast.Equivalent | ast.Law) -> Claimed:
    place = f"{p.span.line}:{p.span.col}"
    under = p.under or OUTCOME
    if isinstance(p, ast.Law):
        both = plain_terms((p.left, p.right))
        # (Two that do not differ differ in nothing that says anything.)
        if one_term(p.left, p.right):
            both = ast.Skip(), ast.Skip()
        law = None if both is None else [Terms(*both)]

        def instance(put: Sequence[tuple[str, str]], beside: str) -> Claimed:
            of_it = partial(instantiated, spec, p, put, beside)
            return Claimed(COMPARED[0], under, property_text(p), place, of_it)

        return Claimed(kind, under, property_text(p), place, None, lambda: law, instance)

    def sides() -> tuple[Side, Side]:
        left, right = (lower(alone(spec, w)) for w in (p.left, p.right))
        if kind == "upgrade":
            return Side(right, View()), Side(left, View())
        view = View(p.observing or in_both(left, right), p.observing)
        return Side(left, view), Side(right, view)

    def terms() -> Sequence[Terms] | None:
        if kind == "upgrade":
            return None
        return compared_terms(alone(spec, p.left), alone(spec, p.right))

    return Claimed(kind, under, property_text(p), place, sides, terms)
