"""Symbolic values and path conditions of the search.

Terms are hash-consed (equal terms are one object) over symbols, which are `INPUT` leaves.  A
symbol is named by where it was made: a free initial value, or (rule, input, generation), the
smallest generation not in use.  So runs that differ only in the order of independent steps
meet in the same symbolic state, without renaming.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from ...semantics.expr import Expr, Op, Scalar, Sort, const, not_
from ...semantics.walks import fold, rebuild
from .common import conjuncts

if TYPE_CHECKING:
    from ...semantics.symbolic import Answer, Encoder, Smt

Condition = frozenset[Expr]
NOTHING: Condition = frozenset()


class Terms:
    """The table of terms, and satisfiability of their conjunctions."""

    def __init__(self, milliseconds: int = 1000) -> None:
        self._table: dict[tuple[object, ...], Expr] = {}
        self._constants: dict[tuple[type, Scalar], Expr] = {}
        self._serial: dict[int, int] = {}
        self._symbols: dict[int, frozenset[int]] = {}
        self._names: dict[tuple[object, ...], int] = {}
        self._answers: dict[Condition, bool | None] = {NOTHING: True}
        self._solver: Smt | None = None
        self._encoder: Encoder | None = None
        self._milliseconds = milliseconds
        self.queries = 0

    # --- building ---------------------------------------------------------------------------

    def symbol(self, name: tuple[object, ...], sort: Sort) -> Expr:
        number = self._names.setdefault(name, len(self._names))
        return self._intern(Op.INPUT, (), sort, number)

    def symbols(self, term: Expr) -> frozenset[int]:
        """Numbers of the symbols in a term of this table."""
        return self._symbols[id(term)]

    def const(self, value: Scalar) -> Expr:
        key = (type(value), value)
        found = self._constants.get(key)
        if found is None:
            c = const(value)
            found = self._constants[key] = self._intern(c.op, (), c.sort, value)
        return found

    def _intern(
        self, op: Op, args: tuple[Expr, ...], sort: Sort, value: Scalar | None = None
    ) -> Expr:
        key = (op, sort, value, *map(id, args))
        found = self._table.get(key)
        if found is None:
            found = Expr(op, args, sort, value)
            self._table[key] = found
            self._serial[id(found)] = len(self._serial)
            if op is Op.INPUT:
                assert isinstance(value, int)
                below = frozenset([value])
            else:
                below = frozenset().union(*(self._symbols[id(a)] for a in args))
            self._symbols[id(found)] = below
        return found

    def own(self, term: Expr) -> Expr:
        """The table's copy of a term whose leaves are constants and symbols."""
        return fold(term, self._copy)

    def _copy(self, node: Expr, args: Sequence[Expr]) -> Expr:
        if id(node) in self._serial:
            return node
        if node.op is Op.ADD:
            return self._sum(node.sort, args)
        if node.op in (Op.AND, Op.OR, Op.MUL, Op.EQ):
            args = sorted(args, key=lambda a: self._serial[id(a)])
        return self._intern(node.op, tuple(args), node.sort, node.value)

    def _sum(self, sort: Sort, args: Iterable[Expr]) -> Expr:
        """Equal summands are collected, so that `x + a - a` is `x` again."""
        total: Scalar = 0
        weights: dict[int, Scalar] = {}
        parts: dict[int, Expr] = {}
        stack = [(a, 1) for a in args]
        while stack:
            part, sign = stack.pop()
            factor: Scalar = sign
            if part.op is Op.ADD:
                stack.extend((a, sign) for a in part.args)
                continue
            if part.op is Op.NEG:
                stack.append((part.args[0], -sign))
                continue
            if part.op is Op.CONST:
                assert part.value is not None
                total += sign * part.value
                continue
            if part.op is Op.MUL:
                for c, other in (part.args, part.args[::-1]):
                    if c.op is Op.CONST and other.op is not Op.CONST:
                        assert c.value is not None
                        factor, part = sign * c.value, other
                        break
            weights[id(part)] = weights.get(id(part), 0) + factor
            parts[id(part)] = part
        out: list[Expr] = []
        for key in sorted(parts, key=lambda k: self._serial[k]):
            if weights[key]:
                out.append(self._scaled(weights[key], parts[key], sort))
        if total or not out:
            out.append(self._number(total, sort))
        return out[0] if len(out) == 1 else self._intern(Op.ADD, tuple(out), sort)

    def _scaled(self, weight: Scalar, part: Expr, sort: Sort) -> Expr:
        if weight == 1:
            return part
        if weight == -1:
            return self._intern(Op.NEG, (part,), sort)
        factor = self._number(weight, sort)
        args = sorted((factor, part), key=lambda a: self._serial[id(a)])
        return self._intern(Op.MUL, tuple(args), sort)

    def _number(self, value: Scalar, sort: Sort) -> Expr:
        return self.const(Fraction(value) if sort is Sort.REAL else int(value))

    def evaluate(self, root: Expr, leaf: Callable[[Expr], Expr], memo: dict[int, Expr]) -> Expr:
        """`root` with its leaves replaced by terms of this table; simplified."""

        def build(node: Expr, args: Sequence[Expr]) -> Expr:
            if not node.args:
                return self.const(node.value) if node.op is Op.CONST else leaf(node)  # type: ignore[arg-type]
            return self.own(rebuild(node, args))

        return fold(root, build, memo)

    def replace(self, root: Expr, target: Expr, value: Expr) -> Expr:
        """`root` with the subterm `target` replaced."""

        def build(node: Expr, args: Sequence[Expr]) -> Expr:
            if node is target:
                return value
            if not node.args or all(a is b for a, b in zip(args, node.args, strict=True)):
                return node
            return self.own(rebuild(node, args))

        return fold(root, build)

    def negate(self, term: Expr) -> Expr:
        return self.own(not_(term))

    # --- conditions -------------------------------------------------------------------------

    def extend(self, condition: Condition, *terms: Expr) -> Condition | None:
        """`condition` and the terms; None when that is plainly false."""
        more: set[Expr] = set()
        for term in terms:
            for part in conjuncts(term):
                owned = self.own(part)
                if owned.op is Op.CONST:
                    if not owned.value:
                        return None
                    continue
                if owned not in condition:
                    more.add(owned)
        if not more:
            return condition
        both = condition | more
        if any(self.negate(part) in both for part in more):
            return None
        return both

    def possible(self, condition: Condition) -> bool | None:
        """Whether the conjunction has a model; None if the solver does not know."""
        if condition not in self._answers:
            self._answers[condition] = self._ask(condition)
        return self._answers[condition]

    def _ask(self, condition: Condition) -> bool | None:
        from ...semantics.symbolic import Answer

        result = self._check(condition)
        if result is Answer.UNKNOWN:
            return None
        return result is Answer.SAT

    def _check(self, condition: Condition) -> Answer:
        from ...semantics.symbolic import Answer, Encoder, Smt

        self.queries += 1
        parts = sorted(condition, key=lambda t: self._serial[id(t)])
        if self._solver is None or self._encoder is None:
            self._solver = Smt(self._milliseconds)
            self._encoder = Encoder()
        self._solver.push()
        self._solver.add(*map(self._encoder, parts))
        answer = self._solver.check()
        self._solver.pop()
        if answer is Answer.UNKNOWN:
            # Without the incremental core Z3 has its nonlinear procedures.
            alone = Smt(self._milliseconds)
            alone.add(*map(self._encoder, parts))
            answer = alone.check()
        return answer

    def live(self, condition: Condition, store: Iterable[Expr]) -> Condition:
        """The part of a satisfiable condition that says something about the store.

        Conjuncts that share no symbol with it, directly or through others, are dropped: they
        only say that the path exists.
        """
        wanted: set[int] = set()
        for term in store:
            wanted |= self._symbols[id(term)]
        rest = list(condition)
        kept: list[Expr] = []
        while True:
            near = [t for t in rest if not wanted.isdisjoint(self._symbols[id(t)])]
            if not near:
                return frozenset(kept) if len(kept) < len(condition) else condition
            kept.extend(near)
            rest = [t for t in rest if wanted.isdisjoint(self._symbols[id(t)])]
            for term in near:
                wanted |= self._symbols[id(term)]
