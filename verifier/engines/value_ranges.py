"""Between which values numbers lie, wherever control is (Cousot and Cousot 1976, intervals).

Guesses for induction: what declared ranges and contracts say is itself to be shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from ...semantics.expr import NUMBERS, Expr, Op, Scalar, Sort, inp, le, var
from ...semantics.intervals import UNKNOWN, Number, Range, interval, narrower, wider
from ...semantics.system import Rule, TransitionSystem, Variable, VarKind
from ...semantics.walks import fold
from .common import conjuncts

PATIENCE = 6  # how often a bound may move before there is none
MOST_UPDATES = 4_000
LEFT_OUT = (VarKind.LOCATION, VarKind.USED)


class Ranges:
    """Of the terms of a rule, where variables are within `known` before it."""

    def __init__(self, system: TransitionSystem, rule: Rule, known: Mapping[int, Range]) -> None:
        self.system = system
        self.known = known
        self.inputs: list[Range] = [(i.lo, i.hi) for i in rule.inputs]
        for part in conjuncts(rule.relation):
            for k, declared in enumerate(self.inputs):
                yes, _ = compared(part, inp(k, rule.inputs[k].sort))
                self.inputs[k] = narrower(declared, yes)

    def of(self, e: Expr) -> Range:
        return fold(e, self._of)

    def _of(self, e: Expr, args: Sequence[Range]) -> Range:
        match e.op:
            case Op.VAR:
                v = self.system.variables[e.index]
                return narrower((v.lo, v.hi), self.known.get(e.index, UNKNOWN))
            case Op.INPUT if e.index < len(self.inputs):
                return self.inputs[e.index]
        return interval(e, args)


def everywhere(system: TransitionSystem, rules: Sequence[Rule]) -> dict[int, Range]:
    """Of the numbers that rules write, where there is a bound; guards are not looked at."""
    updates = [(rule, [(v, e) for v, e in rule.updates if _counts(system, v)]) for rule in rules]
    if sum(len(u) for _, u in updates) > MOST_UPDATES:
        return {}
    known: dict[int, Range] = {}
    moved: Counter[tuple[int, int]] = Counter()
    for declared in system.variables:
        if _counts(system, declared.index):
            start = declared.init
            known[declared.index] = (
                (declared.lo, declared.hi) if start is None else fold(start, interval)
            )
    stable = False
    while not stable:
        stable = True
        for rule, pairs in updates:
            ranges = Ranges(system, rule, known) if pairs else None
            for v, e in pairs:
                assert ranges is not None
                before = known[v]
                after = list(wider(before, ranges.of(e)))
                for end in (0, 1):
                    if after[end] != before[end]:
                        stable = False
                        moved[v, end] += 1
                        if moved[v, end] > PATIENCE:
                            after[end] = None
                known[v] = after[0], after[1]
    return {v: r for v, r in known.items() if r != UNKNOWN}


def bounds(system: TransitionSystem) -> list[Expr]:
    """These ranges, as candidates for induction."""
    found = everywhere(system, system.rules)
    return [e for v, r in found.items() for e in within(system.variables[v], r)]


def within(v: Variable, found: Range) -> Iterator[Expr]:
    """That a variable is in a range."""
    lo, hi = found
    if lo is not None:
        yield le(number(lo, v.sort), var(v.index, v.sort))
    if hi is not None:
        yield le(var(v.index, v.sort), number(hi, v.sort))


def number(value: Number, sort: Sort) -> Expr:
    exact: Scalar = Fraction(value) if sort is Sort.REAL else int(value)
    return Expr(Op.CONST, (), sort, exact)


def _counts(system: TransitionSystem, v: int) -> bool:
    declared = system.variables[v]
    return declared.sort in NUMBERS and declared.kind not in LEFT_OUT


def against(node: Expr, leaf: Expr) -> Number | None:
    """The constant with which a variable or an input is compared."""
    for a, b in (node.args, node.args[::-1]):
        if a.op is leaf.op and a.index == leaf.index and b.op is Op.CONST:
            if isinstance(b.value, int | Fraction) and not isinstance(b.value, bool):
                return b.value
    return None


def compared(node: Expr, leaf: Expr) -> tuple[Range, Range]:
    """What a comparison says of a variable or an input: if it holds, and if it does not."""
    if node.op is Op.NOT:
        yes, no = compared(node.args[0], leaf)
        return no, yes
    c = against(node, leaf) if node.op in (Op.EQ, Op.LE, Op.LT) else None
    if c is None:
        return UNKNOWN, UNKNOWN
    if node.op is Op.EQ:
        return (c, c), UNKNOWN
    one = 1 if leaf.sort is Sort.INT else 0
    strict = one if node.op is Op.LT else 0
    if node.args[0].op is leaf.op:
        return (None, c - strict), (c + one - strict, None)
    return (c + strict, None), (None, c - one + strict)
