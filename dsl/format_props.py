"""Properties on one line each."""

from __future__ import annotations

from . import ast
from .format_expr import SUM, expr, string
from .format_inline import inline


def property_text(p: ast.Node) -> str:
    match p:
        case ast.Invariant(name=name, cond=cond):
            return f"invariant {name} : {expr(cond)}"
        case ast.Always(name=name, cond=cond):
            return f"always {name} : {expr(cond)}"
        case ast.Requires(cond=cond):
            return f"requires {expr(cond)}"
        case ast.Ensures(cond=cond):
            return f"ensures {expr(cond)}"
        case ast.Pattern():
            return f"property {p.name} : {_pattern(p)}"
        case ast.AssumeEventually(cond=cond):
            return f"assume eventually {expr(cond)}"
        case ast.CheckOn(names=names):
            return f"check {', '.join(names)}"
        case ast.SkipCheck(name=name, reason=reason, at=at):
            place = f" at {at}" if at else ""
            return f"skip_check {name}{place} {string(reason)}"
        case ast.ExpectRefuted(name=name):
            return f"expect refuted {name}"
        case ast.Deadline(duration=duration):
            return f"deadline {expr(duration)}"
        case ast.Equivalent(kind="upgrade"):
            return f"upgrade {p.name} : {p.left} from {p.right}"
        case ast.Equivalent():
            text = f"{p.kind} {p.name} : {p.left}, {p.right}"
            if p.under:
                text += f" under {p.under}"
            return text + (f" observing {', '.join(p.observing)}" if p.observing else "")
        case ast.Law():
            variables = ", ".join(p.metavariables)
            left, right = inline(p.left, law=True), inline(p.right, law=True)
            under = f" under {p.under}" if p.under else ""
            return f"law {p.name} forall {variables} : {left} == {right}{under}"
    raise TypeError(f"{type(p).__name__} is no property")


def _pattern(p: ast.Pattern) -> str:
    left = expr(p.p)
    right = expr(p.q) if p.q is not None else ""
    match p.kind:
        case "never_after":
            return f"never {left} after {right}" if right else f"never {left}"
        case "precedes":
            return f"{left} precedes {right}"
        case "leads_to":
            within = f" within {expr(p.within, SUM)}" if p.within is not None else ""
            return f"{right} leads_to {left}{within}"
        case _:
            return f"eventually {left}"
