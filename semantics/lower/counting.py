"""How often a loop goes round that counts: `while (.. and x < 3) { ..; x := x + 1; .. }`.

Read off the text: a variable of the workflow that nothing but this one step of the body writes,
which every whole round takes, and which grows by a constant.  It is never less than at the start,
so that after so many rounds the test fails; what leaves the body otherwise leaves the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from fractions import Fraction
from math import ceil

from ...dsl import ast
from ...dsl.records import dataclass
from ...dsl.walk import walk
from ..expr import Expr

Fixed = Callable[[ast.Expression], Expr | None]

_SWAPPED = {">": "<", ">=": "<="}
_READING = (ast.Name, ast.VarDecl)


@dataclass(frozen=True, slots=True)
class Counters:
    """Of one workflow: the variables that one assignment writes, and nothing else does."""

    steps: Mapping[str, ast.Assign]
    first: Mapping[str, ast.Expression | None]


def counters(w: ast.Workflow) -> Counters:
    first = {
        v.name: v.init for v in w.variables if v.init is not None or v.type == ast.TypeName("int")
    }
    steps: dict[str, ast.Assign] = {}
    lost: set[str] = set()
    for node in walk(w):
        if isinstance(node, ast.Transaction):  # (an `abort` takes back what was written)
            lost |= {n for a in walk(node) if isinstance(a, ast.Assign) for n in _names(a.target)}
        if isinstance(node, ast.Assign):
            for name in _names(node.target):
                if name in steps or not isinstance(node.target, ast.Name):
                    lost.add(name)
                steps[name] = node
        elif not isinstance(node, _READING):
            lost |= set(_written(node))
    kept = {x: a for x, a in steps.items() if x in first and x not in lost}
    return Counters(kept, first)


def _names(e: ast.Expression) -> Iterator[str]:
    return (n.name for n in walk(e) if isinstance(n, ast.Name))


def _written(node: ast.Node) -> Iterator[str]:
    """Names that such a node may give a value to, or a meaning of their own: more than it does."""
    if isinstance(node, ast.Call | ast.Request) and node.bind is not None:
        yield from _names(node.bind)
    if isinstance(node, ast.Each) and node.bad is not None:
        yield from _names(node.bad)
    for f in fields(node):
        value = getattr(node, f.name) if f.name != "span" else ()
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str):
                yield text


def rounds(t: ast.While, known: Counters, fixed: Fixed) -> int | None:
    """The most whole rounds of the loop; None where it does not count so.  `fixed`: what an
    expression is if that never changes."""
    parts = t.body.parts if isinstance(t.body, ast.Seq) else (t.body,)
    found = []
    for name, most, strict in _bounds(fixed, t.cond):
        step = known.steps.get(name)
        if step is None or not any(p is step for p in parts):
            continue
        by = _grows(fixed, step, name)
        init = known.first[name]
        begin = 0 if init is None else _constant(fixed, init)
        if by is not None and begin is not None:
            left = Fraction(most - begin, by)
            found.append(max(0, ceil(left) if strict else int(left // 1) + 1))
    return min(found, default=None)


def _bounds(fixed: Fixed, cond: ast.Expression) -> Iterable[tuple[str, int, bool]]:
    """Variables that are below a constant where the test holds; `<`, or `<=`."""
    if not isinstance(cond, ast.Binary):
        return
    if cond.op == "and":
        yield from _bounds(fixed, cond.left)
        yield from _bounds(fixed, cond.right)
        return
    op, left, right = cond.op, cond.left, cond.right
    if op in _SWAPPED:
        op, left, right = _SWAPPED[op], right, left
    if op in ("<", "<=") and isinstance(left, ast.Name) and left.ref is ast.RefKind.VAR:
        most = _constant(fixed, right)
        if most is not None:
            yield left.name, most, op == "<"


def _grows(fixed: Fixed, step: ast.Assign, name: str) -> int | None:
    """By how much more than nothing the step makes its variable grow."""
    by: ast.Expression | None = step.value if step.op == "+=" else None
    e = step.value
    if step.op == ":=" and isinstance(e, ast.Binary) and e.op == "+":
        for own, other in ((e.left, e.right), (e.right, e.left)):
            if isinstance(own, ast.Name) and own.name == name:
                by = other
    found = None if by is None else _constant(fixed, by)
    return found if found is not None and found > 0 else None


def _constant(fixed: Fixed, e: ast.Expression) -> int | None:
    value = fixed(e)
    found = None if value is None else value.value
    return found if type(found) is int else None
