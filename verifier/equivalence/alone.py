"""One workflow of a spec by itself: one instance, with any arguments, and no claims."""

from __future__ import annotations

from dataclasses import replace

from ...dsl import ast
from ...dsl.errors import NOWHERE, Diagnostic, Rejected


def alone(spec: ast.Spec, workflow: str) -> ast.Spec:
    """Raises `Rejected` (E0201) where the spec has no such workflow."""
    w = next((w for w in spec.workflows if w.name == workflow), None)
    if w is None:
        names = ", ".join(w.name for w in spec.workflows) or "none"
        span = spec.workflows[0].span if spec.workflows else NOWHERE
        what = f"there is no workflow `{workflow}` in {spec.file}"
        raise Rejected((Diagnostic("E0201", span, what, f"there are: {names}"),))
    system = ast.System((ast.InstanceDecl(workflow, span=w.span),), span=w.span)
    return replace(silent(spec), system=system)


def silent(spec: ast.Spec) -> ast.Spec:
    """Without what is claimed of it; what arguments must satisfy stays."""
    workflows = tuple(replace(w, properties=_assumed(w.properties)) for w in spec.workflows)
    return replace(spec, workflows=workflows, properties=_assumed(spec.properties), items=())


def _assumed(properties: tuple[ast.Property, ...]) -> tuple[ast.Property, ...]:
    return tuple(p for p in properties if isinstance(p, ast.Requires))
