"""Two terms that are one by laws: the laws are replayed, from what the spec says.

Rests on the laws themselves, each proved for all processes in proofs/theory; so only the forms of
that core count.  A join over many branches takes a step of its own, which nothing else depends on
and nothing can prevent: it is inert, so that a term with such joins is branching bisimilar to the
one without, unless that step may be the first one of all.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..dsl import ast
from ..dsl.format_expr import expr
from ..dsl.format_inline import inline
from ..semantics.claimed import UNDER, Terms
from ..semantics.evidence import Derivation, Merged
from ..semantics.joins import WIDEST
from .facts import Wrong
from .laws.derivation import Invalid, Term, replay
from .laws.table import holds, proved

Part = ast.Term | ast.Expression


def derived(terms: Terms, under: str, evidence: Derivation) -> None:
    """`Wrong` where the laws do not make one of the two of the other."""
    sides = taken(terms, evidence)
    try:
        used = replay(evidence.terms, evidence.left, evidence.right, evidence.steps)
    except Invalid as error:
        raise Wrong(f"no derivation: {error}") from None
    for law in used:
        if not holds(proved()[law], under):
            raise Wrong(f"{law} is no law under {under}")
    if used and under in UNDER[: max(map(_steps, sides))]:
        raise Wrong("a join over many branches is a step of its own")


def taken(terms: Terms, evidence: Derivation | Merged) -> list[list[Term]]:
    """The two terms, as they are read; `Wrong` where the evidence is about others."""
    known = {t: n for n, t in enumerate(evidence.terms)}
    sides = []
    for side, root in ((terms.left, evidence.left), (terms.right, evidence.right)):
        mine = read(side)
        number: list[int] = []
        for op, label, kids in mine:
            found = known.get((op, label, tuple(number[k] for k in kids)))
            if found is None:
                raise Wrong("a part of a term is not among the terms")
            number.append(found)
        if number[-1] != root:
            raise Wrong("it is about other terms")
        sides.append(mine)
    return sides


def read(term: ast.Term) -> list[Term]:
    """All its parts, each once, parts first, itself last.  `Wrong`: a form that is not in the
    core."""
    out: dict[Term, int] = {}
    values: list[int] = []
    todo: list[Part | tuple[str, str, int]] = [term]
    while todo:
        item = todo.pop()
        if isinstance(item, tuple):
            op, label, count = item
            kids = tuple(values[len(values) - count :])
            del values[len(values) - count :]
            values.append(out.setdefault((op, label, kids), len(out)))
        else:
            op, label, parts = form(item)
            todo.append((op, label, len(parts)))
            todo.extend(reversed(parts))
    return list(out)


def form(t: Part) -> tuple[str, str, Sequence[Part]]:
    match t:
        case ast.Skip():
            return "skip", "", ()
        case ast.WaitUntil(cond=ast.BoolLit(value=False)):
            return "stuck", "", ()
        case ast.Fail(error=error):
            return "fail", error, ()
        case ast.Seq(parts=parts):
            return "seq", "", parts
        case ast.Choice(parts=parts):
            return "choice", "", parts
        case ast.Par(parts=parts, policy="all"):
            return "par", "", parts
        case ast.If():
            return "if", "", (t.cond, t.then, t.orelse or ast.Skip())
        case ast.While(at_most=None):
            return "while", "", (t.cond, t.body)
        case ast.BoolLit(value=value):
            return ("true" if value else "false"), "", ()
        case ast.Unary(op="not", arg=arg):
            return "not", "", (arg,)
        case ast.Binary(op="and" | "or" as op, left=left, right=right):
            return op, "", (left, right)
        case ast.Call() | ast.Assign():
            return "act", inline(t), ()
        case ast.Expr():
            return "test", expr(t), ()
    raise Wrong("a term is not of the core, for which the laws are proved")


def _steps(terms: Sequence[Term]) -> int:
    """For how many of the finest equivalences joins are steps that count.  Joins inside of a branch
    are counted in, whether or not they end it."""
    branches: list[int] = []
    passed: list[bool] = []  # whether a term may be over without a step
    found = 0
    for op, _, kids in terms:
        inner, over = [branches[k] for k in kids], [passed[k] for k in kids]
        branches.append(sum(max(1, n) for n in inner) if op == "par" else sum(inner))
        match op:
            case "choice":
                passed.append(any(over))
            case "if":
                passed.append(any(over[1:]))
            case "seq" | "par":
                passed.append(all(over))
            case _:
                passed.append(op not in ("act", "fail", "stuck"))
        if op == "par" and branches[-1] > WIDEST:
            found = max(found, 2 if passed[-1] else 1)
    return found
