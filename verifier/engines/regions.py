"""Data with too many values that control only compares with constants: a value for each region.

If what such variables hold is copied, set to a constant or answered by the environment, and every
test of it is a comparison with a constant, then two states that differ only in values between the
same neighbours of those constants allow the same steps, to states that differ no more (a
bisimulation; data independence, Wolper 1986).  So one value stands for all of its region.  Two
values of one region may still be different results: who argues about steps looks at who writes
and reads them, as for data that is not tracked at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

from ...semantics.expr import Expr, Op, Scalar, Sort
from ...semantics.system import Input, Rule, TransitionSystem, Variable
from ...semantics.walks import postorder, variables
from .common import domain

COMPARED = (Op.EQ, Op.LE, Op.LT)


class Regions:
    """`ranged`: the variables, `kept` all that are tracked.  `fits` says whether nothing but
    comparisons is asked of them."""

    def __init__(
        self,
        system: TransitionSystem,
        rules: Sequence[Rule],
        ranged: Collection[int],
        kept: Collection[int],
    ) -> None:
        self.ranged = frozenset(ranged)
        self.kept = frozenset(kept)
        self._bounds: set[Fraction] = set()
        inits = [system.variables[v].init for v in sorted(self.kept)]
        self.fits = (
            all(self._tested(e, ()) for e in self._whole(system))
            and all(self._copied(e, ()) for e in inits if e is not None)
            and all(self._rule(r) for r in rules)
        )

    def values(self, of: Variable | Input, seed: int) -> tuple[Scalar, ...]:
        """One of each region that the declared bounds leave; `seed` picks it, so that different
        rules answer differently where they can."""
        low = None if of.lo is None else Fraction(of.lo)
        high = None if of.hi is None else Fraction(of.hi)
        ends = sorted(self._bounds | {b for b in (low, high) if b is not None} | {Fraction(0)})
        found: list[Fraction] = list(ends)
        whole = of.sort is Sort.INT
        found += [ends[0] - 1 - seed % 5, ends[-1] + 1 + seed % 5]
        for a, b in pairwise(ends):
            if not whole:
                found.append((a + b) / 2)
                continue
            first, last = a.numerator // a.denominator + 1, -(-b.numerator // b.denominator) - 1
            if first <= last:
                found.append(Fraction(first + seed % (last - first + 1)))
        kept = [
            x
            for x in found
            if (low is None or low <= x)
            and (high is None or x <= high)
            and (not whole or x.denominator == 1)
        ]
        return tuple(int(x) if whole else x for x in sorted(kept))

    # --- what is asked of them ----------------------------------------------------------------

    def _whole(self, system: TransitionSystem) -> Iterable[Expr]:
        yield system.initial
        yield system.excluded
        yield from (i.active for i in system.instances)

    def _rule(self, rule: Rule) -> bool:
        open_ = self.open(rule)
        tests = [rule.guard, rule.relation]
        if rule.delay is not None:
            tests += [e for e in (rule.delay.lo, rule.delay.hi) if e is not None]
        return all(self._tested(e, open_) for e in tests) and all(
            self._copied(e, open_) for v, e in rule.updates if v in self.kept
        )

    def open(self, rule: Rule) -> list[int]:
        """Inputs without a small domain that such a variable may receive."""
        mine = variables([e for v, e in rule.updates if v in self.ranged], Op.INPUT)
        return [k for k in sorted(mine) if domain(rule.inputs[k]) is None]

    def _copied(self, value: Expr, inputs: Collection[int]) -> bool:
        """Is it one of them, or a value that is known exactly?"""
        if value.op is Op.ITE:
            test, yes, no = value.args
            return (
                self._tested(test, inputs)
                and self._copied(yes, inputs)
                and self._copied(no, inputs)
            )
        return not value.args or self._tested(value, inputs)

    def _tested(self, test: Expr, inputs: Collection[int]) -> bool:
        """Does it read them only in comparisons with constants?  Notes those."""
        held: set[int] = set()  # leaves that such a comparison reads
        for node in postorder([test]):
            if node.op in COMPARED:
                for leaf, other in (node.args, node.args[::-1]):
                    if self._is_one(leaf, inputs) and other.op is Op.CONST:
                        if other.value is not None:
                            self._bounds.add(Fraction(other.value))
                            held.add(id(node))
        return not self._bare(test, inputs, held)

    def _bare(self, test: Expr, inputs: Collection[int], held: Collection[int]) -> bool:
        """Is one of them read outside of those comparisons?"""
        seen: set[int] = set()
        stack = [test]
        while stack:
            node = stack.pop()
            if id(node) in seen or id(node) in held:
                continue
            seen.add(id(node))
            if self._is_one(node, inputs):
                return True
            stack.extend(node.args)
        return False

    def _is_one(self, leaf: Expr, inputs: Collection[int]) -> bool:
        if leaf.sort is Sort.BOOL:
            return False  # its value is known exactly
        if leaf.op in (Op.VAR, Op.POST):
            return leaf.index in self.ranged
        return leaf.op is Op.INPUT and leaf.index in inputs


__all__ = ["Regions"]
