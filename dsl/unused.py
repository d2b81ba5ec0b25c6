"""Warnings about items that nothing speaks of."""

from __future__ import annotations

from . import ast
from .errors import Diagnostic, Severity
from .names import Symbols


def unused(spec: ast.Spec, symbols: Symbols, read: set[str]) -> list[Diagnostic]:
    """W0001 for each declaration whose name stands nowhere else."""
    used = symbols.used | read
    found: list[Diagnostic] = []

    def warn(node: ast.Node, what: str, name: str) -> None:
        if name not in used and not name.startswith("_"):
            message = f"the {what} `{name}` is never used"
            fix = "remove it, or begin its name with `_`"
            found.append(Diagnostic("W0001", node.span, message, fix, Severity.WARNING))

    for c in spec.constants:
        warn(c, "constant", c.name)
    for p in spec.params:
        warn(p, "parameter", p.name)
    for e in spec.enums:
        warn(e, "enum", e.name)
    for t in spec.types:
        warn(t, "type", t.name)
    for r in spec.resources:
        warn(r, "resource", r.name)
    for error in spec.errors:
        warn(error, "error", error.name)
    for channel in spec.channels:
        warn(channel, "channel", channel.name)
    for s in spec.shared:
        warn(s, "store" if s.durable else "shared variable", s.decl.name)
    for a in spec.activities:
        warn(a, "activity", a.name)
    for w in spec.workflows:
        if spec.system is not None:
            warn(w, "workflow", w.name)
        for v in w.variables:
            if f"{w.name}.{v.name}" not in used:
                warn(v, "variable", v.name)
        for a in w.activities:
            warn(a, "activity", a.name)
        for argument in w.params:
            if f"{w.name}.{argument.name}" not in used:
                warn(argument, "argument", argument.name)
    return found
