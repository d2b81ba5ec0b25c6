"""Forms that parse and type-check, but whose meaning comes later."""

from __future__ import annotations

from collections.abc import Iterator

from . import ast
from .errors import Diagnostic, Span
from .walk import Kinds, items_of, walk


def unsupported(spec: ast.Spec, nodes: Kinds | None = None) -> tuple[Diagnostic, ...]:
    """Every use of such a form: `not supported yet: FORM`, code E0900, in source order; `nodes` of
    its items, where they are known already.

    What depends on types is not seen in an unchecked tree.
    """
    found: dict[tuple[str, Span], Diagnostic] = {}
    for law in (nodes or Kinds.of(items_of(spec))).all(ast.Law):
        for form, span in _forms(law):
            found.setdefault((form, span), not_supported(form, span))
    return tuple(sorted(found.values(), key=lambda d: (d.span.line, d.span.col, d.message)))


def not_supported(form: str, span: Span) -> Diagnostic:
    return Diagnostic("E0900", span, f"not supported yet: {form}")


# What a law is made of; anything else is no term that stands for any term.
_IN_LAWS = (
    ast.Skip | ast.Call | ast.Fail | ast.WaitUntil | ast.Seq | ast.Choice | ast.Par | ast.If
    | ast.While | ast.Try | ast.Handler | ast.Retry | ast.RetrySpec | ast.NoCancel | ast.Expr
)  # fmt: skip


def _beyond(part: ast.Node) -> bool:
    match part:
        case ast.Now():
            return True
        case ast.WaitUntil(cond=cond):
            return cond != ast.BoolLit(False)
        case ast.Par(policy=policy):
            return policy != "all"
        case ast.While(at_most=most, decreases=measure):
            return most is not None or measure is not None
        case ast.RetrySpec(attempts=attempts, backoff=wait):
            return not isinstance(attempts, ast.IntLit) or wait is not None
        case _:
            return False


def _word(part: ast.Node) -> str:
    """The word that a form begins with."""
    match part:
        case ast.RetrySpec(attempts=attempts) if not isinstance(attempts, ast.IntLit):
            return "retry (variable)"
        case ast.RetrySpec():
            return "backoff"
        case ast.WaitUntil():
            return "wait until"
        case ast.Par(policy=policy):
            return f"par {policy}"
        case ast.While():
            return "at_most"
        case ast.Assign():
            return ":="
        case _:
            return type(part).__name__.lower()


def _forms(law: ast.Law) -> Iterator[tuple[str, Span]]:
    for part in walk((law.left, law.right)):
        if not isinstance(part, _IN_LAWS) or _beyond(part):
            yield f"a law with `{_word(part)}`", part.span
