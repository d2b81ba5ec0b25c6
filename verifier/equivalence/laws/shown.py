"""That an instance refutes a law, as others see it: its sides compared as two specs."""

from __future__ import annotations

from ....dsl import ast
from ....dsl.errors import Rejected
from ....semantics.evidence import Compared
from ....semantics.evidence import Instance as Put
from ....semantics.lower.instances import instance as instantiated
from ....semantics.lower.own_names import OWN
from ..behaviour import Size
from ..evidence import told
from ..findings import Asked, Fails
from ..workflows import compare
from .refute import Instance

SIZE = Size(5_000, 1.0)  # of each side


def shown(spec: ast.Spec, law: ast.Law, found: Instance, under: str) -> tuple[Compared, ...]:
    """The instance, and what tells its sides apart; nothing where nothing such was found."""
    terms = tuple((p.removesuffix(OWN), t) for p, t in found.terms)
    try:
        left, right = instantiated(spec, law, terms, found.beside)
    except Rejected:
        return ()
    asked = Asked(left.view.observed, size=SIZE)
    finding = compare(left.system, right.system, asked, (under,)).levels[under]
    how = told(finding) if isinstance(finding, Fails) else None
    return () if how is None else (Put(terms, found.beside), how)
