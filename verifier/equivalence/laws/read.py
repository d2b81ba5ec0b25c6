"""A `law` of a spec as a claim: names of its own, and tests that stand for any test.

Names get an underscore pair at their end, so that they are none of those that instances use;
`plain` takes it off again.
"""

from __future__ import annotations

from dataclasses import replace

from ....dsl import ast
from ....dsl.format_expr import expr
from ....dsl.format_inline import inline
from ....dsl.walk import walk
from .prove import Claim

OWN = "__"


def read(law: ast.Law, kinds: dict[str, str]) -> Claim:
    """`kinds`: the declared errors, permanent or transient."""
    tests: dict[str, str] = {}
    terms = [_renamed(t, law, tests) for t in (law.left, law.right)]
    named = {e for node in walk((law.left, law.right)) for e in _errors(node)}
    return Claim(
        inline(terms[0]),
        inline(terms[1]),
        tuple(m + OWN for m in law.metavariables),
        tuple(tests.values()),
        errors=tuple((e, kinds.get(e, "permanent")) for e in sorted(named)),
    )


def plain(text: str) -> str:
    return text.replace(OWN, "")


def stands_for(law: ast.Law) -> dict[str, str]:
    """The names of its tests, with the texts that they replace."""
    tests: dict[str, str] = {}
    for side in (law.left, law.right):
        _renamed(side, law, tests)
    return {plain(name): text for text, name in tests.items()}


def _errors(node: ast.Node) -> tuple[str, ...]:
    match node:
        case ast.Fail(error=e):
            return (e,)
        case ast.Handler(errors=es) | ast.RetrySpec(errors=es):
            return es
        case _:
            return ()


def _renamed(t: ast.Term, law: ast.Law, tests: dict[str, str]) -> ast.Term:
    def go(part: ast.Term) -> ast.Term:
        return _renamed(part, law, tests)

    match t:
        case ast.Call(name=name):
            return replace(t, name=name + OWN)
        case ast.Seq(parts=parts) | ast.Choice(parts=parts) | ast.Par(parts=parts):
            return replace(t, parts=tuple(map(go, parts)))
        case ast.If():
            cond = _test(t.cond, tests)
            orelse = None if t.orelse is None else go(t.orelse)
            return replace(t, cond=cond, then=go(t.then), orelse=orelse)
        case ast.While():
            return replace(t, cond=_test(t.cond, tests), body=go(t.body))
        case ast.Try():
            handlers = tuple(replace(h, body=go(h.body)) for h in t.handlers)
            final = None if t.final is None else go(t.final)
            return replace(t, body=go(t.body), handlers=handlers, final=final)
        case ast.Retry() | ast.NoCancel():
            return replace(t, body=go(t.body))
        case _:
            return t


def _test(e: ast.Expression, tests: dict[str, str]) -> ast.Expression:
    match e:
        case ast.BoolLit():
            return e
        case ast.Unary(op="not", arg=arg):
            return replace(e, arg=_test(arg, tests))
        case ast.Binary(op="and" | "or", left=left, right=right):
            return replace(e, left=_test(left, tests), right=_test(right, tests))
        case _:
            name = tests.setdefault(expr(e), f"test{len(tests) + 1}{OWN}")
            return ast.Name(name, span=e.span)
