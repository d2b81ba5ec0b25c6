"""A law with names of its own, and tests that stand for any test.

Its names get an underscore pair at their end, so that they are none of those that terms put in
for them use; `plain` takes it off again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from ...dsl import ast
from ...dsl.changed import replace
from ...dsl.format_expr import expr
from ...dsl.format_inline import inline
from ...dsl.records import dataclass
from ...dsl.walk import walk

OWN = "__"


def plain(text: str) -> str:
    """As a reader knows the names."""
    return text.replace(OWN, "")


@dataclass
class Renaming:
    """`terms`: what is put in place of a call, by the name that is called.  `tests`: the names of
    tests by their texts, as they are found."""

    terms: Mapping[str, ast.Term] = field(default_factory=dict)
    tests: dict[str, str] = field(default_factory=dict)

    def term(self, t: ast.Term, items: frozenset[str] = frozenset()) -> ast.Term:
        """`items`: the names of the items of the `each` around it."""

        def go(part: ast.Term) -> ast.Term:
            return self.term(part, items)

        def maybe(part: ast.Term | None) -> ast.Term | None:
            return None if part is None else go(part)

        def test(e: ast.Expression) -> ast.Expression:
            return self.test(e, items)

        match t:
            case ast.Call(name=name) if name in self.terms:
                return self.terms[name]
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
                return replace(t, body=self.term(t.body, items | {t.var}))
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

    def test(self, e: ast.Expression, items: frozenset[str]) -> ast.Expression:
        match e:
            case ast.BoolLit():
                return e
            case ast.Unary(op="not", arg=arg):
                return replace(e, arg=self.test(arg, items))
            case ast.Binary(op="and" | "or", left=left, right=right):
                return replace(e, left=self.test(left, items), right=self.test(right, items))
            case _ if any(isinstance(n, ast.Name) and n.name in items for n in walk(e)):
                return e  # a question of the item alone, which is a number (dsl.support)
            case _:
                name = self.tests.setdefault(expr(e), f"test{len(self.tests) + 1}{OWN}")
                return ast.Name(name, span=e.span)


def called(law: ast.Law, activities: Mapping[str, ast.Activity]) -> list[ast.Activity]:
    """The activities that a law calls, with what undoes them."""
    found: dict[str, ast.Activity] = {}
    todo = [c.name for c in walk((law.left, law.right)) if isinstance(c, ast.Call)]
    todo = [n for n in todo if n not in law.metavariables]
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = activities[name]
            undo = activities[name].undo
            todo += [c.name for c in walk(undo) if isinstance(c, ast.Call)]
    return [found[n] for n in sorted(found)]


def declared(a: ast.Activity) -> str:
    """As far as a law looks at it."""
    fails = f"fails {', '.join(f.error for f in a.fails)}" if a.fails else ""
    return f"activity {a.name}{OWN} {{ {fails} {_undo(a.undo)} }}"


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


def pools(law: ast.Law) -> tuple[str, ...]:
    """By their own names."""
    claims = (c for c in walk((law.left, law.right)) if isinstance(c, ast.Claim))
    return tuple(dict.fromkeys(c.resource + OWN for c in claims))


def errors(law: ast.Law, kinds: Mapping[str, str], calls: Sequence[ast.Activity]) -> dict[str, str]:
    """That a law names, and those with which what it calls may fail, with their kinds."""
    named = {e for node in walk((law.left, law.right)) for e in _named(node)}
    named |= {f.error for a in calls for f in a.fails}
    return {e: kinds.get(e, "permanent") for e in sorted(named)}


def _named(node: ast.Node) -> tuple[str, ...]:
    match node:
        case ast.Fail(error=e):
            return (e,)
        case ast.Handler(errors=es) | ast.RetrySpec(errors=es):
            return es
        case _:
            return ()
