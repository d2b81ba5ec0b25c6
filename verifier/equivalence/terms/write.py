"""A term of a `Store` as a term of the language again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ....dsl import ast
from .store import Op, Store

Sources = Mapping[int, ast.Term | ast.Expression]  # where leaves and other forms were read


def write(s: Store, root: int, sources: Sources) -> ast.Term:
    """`sources` are those that `read` has noted."""
    done: dict[int, ast.Term | ast.Expression] = {}
    # A form whose parts have changed is another term; its label says which form it is.
    forms = {s.label[t]: source for t, source in sources.items() if s.op[t] is Op.OTHER}
    for t in s.below(root):
        kids = [done[k] for k in s.kids[t]]
        source = sources.get(t, forms.get(s.label[t]))
        done[t] = _one(s, t, kids, source)
    made = done[root]
    assert not isinstance(made, ast.Expr)
    return made


def _one(
    s: Store, t: int, kids: Sequence[object], source: ast.Term | ast.Expression | None
) -> ast.Term | ast.Expression:
    parts: tuple[ast.Term, ...] = tuple(kids)  # type: ignore[arg-type]
    tests: tuple[ast.Expression, ...] = tuple(kids)  # type: ignore[arg-type]
    match s.op[t]:
        case Op.SKIP:
            return ast.Skip()
        case Op.STUCK:
            return ast.WaitUntil(ast.BoolLit(False))
        case Op.FAIL:
            return ast.Fail(s.label[t])
        case Op.SEQ:
            return ast.Seq(parts)
        case Op.CHOICE:
            return ast.Choice(parts)
        case Op.PAR:
            return ast.Par(parts)
        case Op.IF:
            orelse = None if s.kids[t][2] == s.skip else parts[2]
            return ast.If(tests[0], parts[1], orelse)
        case Op.WHILE:
            return ast.While(tests[0], parts[1])
        case Op.TRUE | Op.FALSE as op:
            return ast.BoolLit(op is Op.TRUE)
        case Op.NOT:
            return ast.Unary("not", tests[0])
        case Op.AND | Op.OR as op:
            made = tests[0]
            for more in tests[1:]:
                made = ast.Binary(str(op), made, more)
            return made
        case Op.ACT | Op.TEST:
            assert source is not None
            return source
        case Op.OTHER:
            assert source is not None
            return _filled(source, parts)


def _filled(source: ast.Term | ast.Expression, parts: tuple[ast.Term, ...]) -> ast.Term:
    """The form with other parts, in the order in which `read` gave them."""
    if not parts:  # it was read as one
        return source  # type: ignore[return-value]
    match source:
        case ast.Try():
            n = len(source.handlers)
            pairs = zip(source.handlers, parts[1 : n + 1], strict=True)
            handlers = tuple(replace(h, body=p) for h, p in pairs)
            final = None if source.final is None else parts[n + 1]
            return replace(source, body=parts[0], handlers=handlers, final=final)
        case ast.Within():
            orelse = None if source.orelse is None else parts[1]
            return replace(source, body=parts[0], orelse=orelse)
        case ast.Par():
            return replace(source, parts=parts)
        case ast.Retry() | ast.Using() | ast.NoCancel() | ast.Each() | ast.While() | ast.Saga():
            return replace(source, body=parts[0])
        case _:
            raise AssertionError(f"{type(source).__name__} has no parts")
