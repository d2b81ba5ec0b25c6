"""A term of the language as a term of a `Store`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ....dsl import ast
from ....dsl.format_expr import expr
from ....dsl.format_inline import inline
from ....dsl.walk import walk
from .store import Op, Store

Build = Callable[[Sequence[int]], int] | Op  # of an operation: it alone, of what its parts are
Part = ast.Term | ast.Expression
_SKIP = ast.Skip()
_NOTED = (Op.ACT, Op.TEST, Op.OTHER)
_PLACES = (ast.Seq, ast.If, ast.While)


def read(
    store: Store,
    term: ast.Term,
    sources: dict[int, Part] | None = None,
    nodes: dict[int, list[ast.Term]] | None = None,
    sagas: bool = False,
) -> int:
    """The term; forms without laws of their own are OTHER, with all but their parts as label.

    Names mean what they mean where the term stands: terms are compared within one scope only.
    `sources` notes where leaves and other forms come from, for `write`; `nodes` all places where a
    term stands.  `sagas`: what stands in one is read as well.  Not every law holds there under
    every equivalence, so what is made of it is to be compared with what it was.
    """
    values: list[int] = []
    todo: list[Part | tuple[int, Build, Part]] = [term]
    # Of plain calls and of plain tests, which are most of the leaves.
    calls: dict[str, int] = {}
    names: dict[str, int] = {}
    while todo:
        item = todo.pop()
        kids: Sequence[int] = ()
        plain: dict[str, int] | None = None
        name = ""
        if isinstance(item, tuple):
            number, build, source = item
            kids = values[-number:]
            del values[-number:]
        else:
            source = item
            if isinstance(item, ast.Call):
                if not item.args and item.bind is None and not item.place:
                    plain, name = calls, item.name
            elif isinstance(item, ast.Name):
                plain, name = names, item.name
            if plain is not None and name in plain:
                values.append(plain[name])
                continue
            parts, build = _parts(store, source, sagas)
            if parts:
                todo.append((len(parts), build, source))
                todo += parts[::-1]
                continue
        made = store.make(build, kids) if isinstance(build, Op) else build(kids)
        values.append(made)
        if plain is not None:
            plain[name] = made
        if sources is not None and store.op[made] in _NOTED:
            sources.setdefault(made, source)
        if nodes is not None and isinstance(source, _PLACES):
            nodes.setdefault(made, []).append(source)
    return values[0]


def _parts(s: Store, t: Part, sagas: bool) -> tuple[Sequence[Part], Build]:
    match t:
        case ast.Seq(parts=parts):
            return parts, Op.SEQ
        case ast.If() if not _clocked(t.cond):
            return (t.cond, t.then, t.orelse or _SKIP), Op.IF
        case ast.Skip():
            return [], lambda _: s.skip
        case ast.Fail(error=e):
            return [], lambda _: s.fail(e)
        case ast.WaitUntil(cond=ast.BoolLit(value=False)):
            return [], lambda _: s.stuck
        case ast.Choice(parts=parts):
            return parts, Op.CHOICE
        case ast.Par(parts=parts, policy="all"):
            return parts, Op.PAR
        case ast.While(at_most=None) if not _clocked(t.cond):
            return (t.cond, t.body), Op.WHILE
        case ast.BoolLit(value=value):
            return [], lambda _: s.true if value else s.false
        case ast.Unary(op="not", arg=arg):
            return (arg,), Op.NOT
        case ast.Binary(op="and" | "or" as op, left=left, right=right):
            return (left, right), Op.AND if op == "and" else Op.OR
        case _:
            return _other(s, t, sagas)


def _clocked(e: ast.Expression) -> bool:
    """Such a test is a step of its own, for which the laws of tests do not hold."""
    todo: list[ast.Expression] = [e]
    while todo:
        match todo.pop():  # (of what most tests are made)
            case ast.Name():
                pass
            case ast.Unary(arg=arg):
                todo.append(arg)
            case ast.Binary(left=left, right=right):
                todo += (left, right)
            case other:
                if any(isinstance(n, ast.Now) for n in walk(other)):
                    return True
    return False


def _other(s: Store, t: Part, sagas: bool) -> tuple[list[Part], Build]:
    """An atomic test or step, or a form of which only the parts are read."""
    parts: list[Part]
    bare: ast.Term
    match t:
        case ast.Try():
            parts = [t.body, *(h.body for h in t.handlers)]
            handlers = tuple(replace(h, body=_SKIP) for h in t.handlers)
            if t.final is not None:
                parts.append(t.final)
            final = None if t.final is None else _SKIP
            bare = replace(t, body=_SKIP, handlers=handlers, final=final)
        case ast.Within():
            parts = [t.body] if t.orelse is None else [t.body, t.orelse]
            bare = replace(t, body=_SKIP, orelse=None if t.orelse is None else _SKIP)
        case ast.Par():
            parts = list(t.parts)
            bare = replace(t, parts=tuple(_SKIP for _ in parts))
        case ast.Retry() | ast.Using() | ast.NoCancel() | ast.Each() | ast.While():
            parts = [t.body]
            bare = replace(t, body=_SKIP)
        case ast.Saga() if sagas:
            parts = [t.body]
            bare = replace(t, body=_SKIP)
        case ast.Call() | ast.Assign():
            return [], lambda _: s.act(inline(t))
        case ast.Expr():
            return [], lambda _: s.test(expr(t))
        case _:
            # Whatever is in it stays as it is written.
            return [], lambda _: s.make(Op.OTHER, (), inline(t))
    return parts, lambda k: s.make(Op.OTHER, k, inline(bare))
