"""Which data the search keeps explicit, and where it has to split."""

from __future__ import annotations

from collections.abc import Sequence

from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar, Sort
from ...semantics.system import Input, TransitionSystem
from ...semantics.walks import postorder
from .common import domain

INITIAL_LIMIT = 256  # initial states by enumeration of free variables
INPUT_LIMIT = 64  # enumerated answers of one rule


def enumerated(system: TransitionSystem, kept: Sequence[int]) -> dict[int, tuple[Scalar, ...]]:
    """Free initial values to try one by one: the smallest types first, within a limit."""
    free = [system.variables[i] for i in kept]
    sized = [(v, domain(v)) for v in free if v.init is None]
    small = sorted(((v, d) for v, d in sized if d is not None), key=lambda p: len(p[1]))
    out: dict[int, tuple[Scalar, ...]] = {}
    total = 1
    for variable, values in small:
        if total * len(values) > INITIAL_LIMIT:
            break
        total *= len(values)
        out[variable.index] = values
    return out


def symbolic_variables(
    system: TransitionSystem,
    kept: Sequence[int],
    chosen: dict[int, tuple[Scalar, ...]],
    domains: dict[int, list[tuple[Scalar, ...] | None]],
) -> set[int]:
    """Variables that may hold data which is not enumerated.

    A Boolean can always be split into its two values, and so can a number that depends on such
    data only through the tests of `ite`.
    """
    out = {i for i in kept if system.variables[i].init is None and i not in chosen}
    inside = set(kept)
    sources = [
        (v, skeleton(e), {k for k, d in enumerate(domains[r.index]) if d is None})
        for r in system.rules
        for v, e in r.updates
        if v in inside and system.variables[v].sort is not Sort.BOOL
    ]
    for i in kept:
        init = system.variables[i].init
        if init is not None and init.sort is not Sort.BOOL:
            sources.append((i, skeleton(init), set()))
    changed = True
    while changed:
        changed = False
        for target, (reads, answers), open_inputs in sources:
            if target not in out and (reads & out or answers & open_inputs):
                out.add(target)
                changed = True
    return out


def input_domains(inputs: Sequence[Input]) -> list[tuple[Scalar, ...] | None]:
    """The inputs to enumerate: the smallest first, while there are not too many answers."""
    found: list[tuple[Scalar, ...] | None] = [domain(i) for i in inputs]
    out: list[tuple[Scalar, ...] | None] = [None] * len(inputs)
    total = 1
    order = sorted((len(d), k) for k, d in enumerate(found) if d is not None)
    for size, k in order:
        if total * max(size, 1) > INPUT_LIMIT:
            break
        total *= max(size, 1)
        out[k] = found[k]
    return out


def skeleton(root: Expr) -> tuple[set[int], set[int]]:
    """Variables and inputs that a number is made of, tests of `ite` aside."""
    reads: set[int] = set()
    answers: set[int] = set()
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen or (node.sort is Sort.BOOL and node is not root):
            continue
        seen.add(id(node))
        if node.op is Op.VAR:
            reads.add(node.index)
        elif node.op is Op.INPUT:
            answers.add(node.index)
        else:
            stack.extend(node.args[1:] if node.op is Op.ITE else node.args)
    return reads, answers


def split_on(term: Expr) -> Expr | None:
    """Something to split on, so that the term becomes simpler."""
    if term.sort is Sort.BOOL:
        return term.args[0] if term.op is Op.NOT else term
    return next((n.args[0] for n in postorder([term]) if n.op is Op.ITE), None)


def unit(part: Expr) -> tuple[Expr, Expr] | None:
    """The symbol and its value, where a condition pins one."""
    if part.op is Op.INPUT:
        return part, TRUE
    if part.op is Op.NOT and part.args[0].op is Op.INPUT:
        return part.args[0], FALSE
    if part.op is Op.EQ:
        for a, b in (part.args, part.args[::-1]):
            if a.op is Op.INPUT and b.op is Op.CONST:
                return a, b
    return None
