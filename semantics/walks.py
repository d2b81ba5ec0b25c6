"""Walks over terms as the graphs that they are: each distinct node once, without recursion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from .expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    add,
    and_,
    div,
    eq,
    ite,
    le,
    lt,
    mod,
    mul,
    neg,
    not_,
    or_,
    pop,
    push,
    to_real,
    top,
)

T = TypeVar("T")


def postorder(roots: Iterable[Expr]) -> list[Expr]:
    """Every distinct node below `roots`, arguments before users; no recursion."""
    seen: set[int] = set()
    out: list[Expr] = []
    stack: list[Expr | None] = [*roots]  # None: what is below it is done
    open_: list[Expr] = []
    while stack:
        node = stack.pop()
        if node is None:
            out.append(open_.pop())
        elif id(node) not in seen:
            seen.add(id(node))
            if node.args:
                open_.append(node)
                stack.append(None)
                stack += node.args
            else:
                out.append(node)
    return out


def fold(
    root: Expr, build: Callable[[Expr, Sequence[T]], T], memo: dict[int, T] | None = None
) -> T:
    """Bottom-up over the DAG: `build(node, results of its args)`, once a node.

    A caller who passes `memo` must keep the terms alive as long as the memo.
    """
    done: dict[int, T] = {} if memo is None else memo
    if (k := id(root)) in done:
        return done[k]
    if not root.args:
        found = done[k] = build(root, ())
        return found
    stack = [root]
    while stack:
        node = stack[-1]
        args, ready = [], True
        for a in node.args:
            if (k := id(a)) in done:
                args.append(done[k])
            elif a.args:  # (The last first, as they are taken from the stack.)
                ready = False
                stack.append(a)
            else:  # Most are leaves: they take no turn of their own.
                found = done[k] = build(a, ())
                args.append(found)
        if ready:
            stack.pop()
            if (k := id(node)) not in done:
                done[k] = build(node, args)
    return done[id(root)]


def fold_early(
    root: Expr,
    leaf: Callable[[Expr], Expr | None],
    build: Callable[[Expr, Sequence[Expr]], Expr],
    memo: dict[int, Expr] | None = None,
) -> Expr:
    """The same for terms, where one argument may decide: nothing is made of the arguments after
    FALSE in a conjunction, or after TRUE in a disjunction.  What `leaf` answers is not looked into.
    """
    done = {} if memo is None else memo
    if (answer := done.get(id(root)) or leaf(root)) is not None:
        return answer
    stack: list[tuple[Expr, Iterator[Expr], list[Expr]]] = [(root, iter(root.args), [])]
    while True:
        node, rest, args = stack[-1]
        decides = _decides(node)
        found: Expr | None = None
        for a in rest:
            answer = done.get(id(a)) or leaf(a)
            if answer is None:
                stack.append((a, iter(a.args), []))
                break
            done[id(a)] = answer
            if answer is decides:
                found = answer
                break
            args.append(answer)
        else:
            found = build(node, args)
        while found is not None:
            done[id(node)] = found
            stack.pop()
            if not stack:
                return found
            node, _, args = stack[-1]
            if found is not _decides(node):
                args.append(found)
                found = None


def _decides(e: Expr) -> Expr | None:
    return FALSE if e.op is Op.AND else TRUE if e.op is Op.OR else None


def rebuild(node: Expr, args: Sequence[Expr]) -> Expr:
    """The same operator on other arguments, simplified."""
    match node.op:
        case Op.CONST | Op.VAR | Op.POST | Op.INPUT:
            return node
        case Op.NOT:
            return not_(args[0])
        case Op.AND:
            return and_(*args)
        case Op.OR:
            return or_(*args)
        case Op.ITE:
            return ite(args[0], args[1], args[2])
        case Op.EQ:
            return eq(args[0], args[1])
        case Op.LE:
            return le(args[0], args[1])
        case Op.LT:
            return lt(args[0], args[1])
        case Op.ADD:
            return add(*args)
        case Op.NEG:
            return neg(args[0])
        case Op.MUL:
            return mul(args[0], args[1])
        case Op.DIV:
            return div(args[0], args[1])
        case Op.MOD:
            return mod(args[0], args[1])
        case Op.TO_REAL:
            return to_real(args[0])
        case Op.PUSH:
            return push(args[0], args[1])
        case Op.POP:
            return pop(args[0])
        case Op.TOP:
            return top(args[0], node.sort)


def substitute(
    root: Expr, leaf: Callable[[Expr], Expr], memo: dict[int, Expr] | None = None
) -> Expr:
    """Replace leaves (`VAR`, `POST`, `INPUT`, `CONST`); untouched parts stay shared."""

    def build(node: Expr, args: Sequence[Expr]) -> Expr:
        if not node.args:
            return leaf(node)
        if all(x is y for x, y in zip(args, node.args, strict=True)):
            return node
        return rebuild(node, args)

    return fold(root, build, memo)


def variables(roots: Iterable[Expr], op: Op = Op.VAR) -> set[int]:
    """Indices of the variables (or, with `op`, post-variables or inputs) below `roots`."""
    seen: set[int] = set()
    out: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.args:
            if id(node) not in seen:
                seen.add(id(node))
                stack += node.args
        elif node.op is op:
            out.add(node.value)  # type: ignore[arg-type]
    return out
