"""A `law` of a spec as a claim: names of its own, and tests that stand for any test.

Names get an underscore pair at their end, so that they are none of those that instances use;
`plain` takes it off again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ....dsl import ast
from ....dsl.format_expr import expr
from ....dsl.format_inline import inline
from ....dsl.walk import walk
from .prove import Claim

OWN = "__"


def read(law: ast.Law, kinds: dict[str, str], activities: Mapping[str, ast.Activity]) -> Claim:
    """`kinds`: the declared errors, permanent or transient.  `activities` that it may call."""
    tests: dict[str, str] = {}
    terms = [_renamed(t, law, tests) for t in (law.left, law.right)]
    both = list(walk((law.left, law.right)))
    called = _called([c.name for c in both if isinstance(c, ast.Call)], law, activities)
    named = {e for node in both for e in _errors(node)}
    named |= {f.error for a in called for f in a.fails}
    pools = (c.resource + OWN for c in both if isinstance(c, ast.Claim))
    return Claim(
        inline(terms[0]),
        inline(terms[1]),
        tuple(m + OWN for m in law.metavariables),
        tuple(tests.values()),
        tuple(dict.fromkeys(pools)),
        inside := "\n".join(map(_declared, called)),
        inside,
        errors=tuple((e, kinds.get(e, "permanent")) for e in sorted(named)),
    )


def _called(
    names: Sequence[str], law: ast.Law, activities: Mapping[str, ast.Activity]
) -> list[ast.Activity]:
    """With what undoes them."""
    found: dict[str, ast.Activity] = {}
    todo = [n for n in names if n not in law.metavariables]
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = activities[name]
            undo = activities[name].undo
            todo += [c.name for c in walk(undo) if isinstance(c, ast.Call)]
    return [found[n] for n in sorted(found)]


def _declared(a: ast.Activity) -> str:
    """As far as a law looks at it."""
    fails = f"fails {', '.join(f.error for f in a.fails)}" if a.fails else ""
    return f"  activity {a.name}{OWN} {{ {fails} {_undo(a.undo)} }}"


def _undo(u: ast.Undo | None) -> str:
    match u:
        case None:
            return ""
        case ast.Undo(kind="skip" | "none" as kind):
            return f"undo {kind}"
        case _:
            assert u.body is not None
            orelse = "" if u.orelse is None else f" else {{ {inline(_own(u.orelse))} }}"
            body = inline(_own(u.body))
            return f"undo {body}(){orelse}" if u.kind == "call" else f"undo {{ {body} }}{orelse}"


def _own(t: ast.Term) -> ast.Term:
    match t:
        case ast.Call(name=name):
            return replace(t, name=name + OWN)
        case ast.Seq(parts=parts):
            return replace(t, parts=tuple(map(_own, parts)))
        case _:
            return t


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


def _renamed(
    t: ast.Term, law: ast.Law, tests: dict[str, str], items: frozenset[str] = frozenset()
) -> ast.Term:
    """`items`: the names of the items of the `each` around it."""

    def go(part: ast.Term) -> ast.Term:
        return _renamed(part, law, tests, items)

    def maybe(part: ast.Term | None) -> ast.Term | None:
        return None if part is None else go(part)

    def test(e: ast.Expression) -> ast.Expression:
        return _test(e, tests, items)

    match t:
        case ast.Call(name=name):
            return replace(t, name=name + OWN)
        case ast.Seq(parts=parts) | ast.Choice(parts=parts) | ast.Par(parts=parts):
            return replace(t, parts=tuple(map(go, parts)))
        case ast.If():
            return replace(t, cond=test(t.cond), then=go(t.then), orelse=maybe(t.orelse))
        case ast.While():
            return replace(t, cond=test(t.cond), body=go(t.body))
        case ast.WaitUntil():
            return replace(t, cond=test(t.cond))
        case ast.Each():
            body = _renamed(t.body, law, tests, items | {t.var})
            return replace(t, body=body)
        case ast.Within(until=until):
            until = None if until is None else test(until)
            return replace(t, body=go(t.body), orelse=maybe(t.orelse), until=until)
        case ast.Try():
            handlers = tuple(replace(h, body=go(h.body)) for h in t.handlers)
            return replace(t, body=go(t.body), handlers=handlers, final=maybe(t.final))
        case ast.Using():
            claims = tuple(replace(c, resource=c.resource + OWN) for c in t.claims)
            return replace(t, claims=claims, body=go(t.body))
        case ast.Retry() | ast.NoCancel() | ast.Saga():
            return replace(t, body=go(t.body))
        case _:
            return t


def _test(e: ast.Expression, tests: dict[str, str], items: frozenset[str]) -> ast.Expression:
    match e:
        case ast.BoolLit():
            return e
        case ast.Unary(op="not", arg=arg):
            return replace(e, arg=_test(arg, tests, items))
        case ast.Binary(op="and" | "or", left=left, right=right):
            left, right = (_test(x, tests, items) for x in (left, right))
            return replace(e, left=left, right=right)
        case _ if any(isinstance(n, ast.Name) and n.name in items for n in walk(e)):
            return e  # a question of the item alone, which is a number (dsl.support)
        case _:
            name = tests.setdefault(expr(e), f"test{len(tests) + 1}{OWN}")
            return ast.Name(name, span=e.span)
