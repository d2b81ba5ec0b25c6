"""The last resort of sampling: a solver.  Imported only when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import z3

from ..semantics.expr import Expr, Op, Scalar, Sort
from ..semantics.system import Input, Variable
from ..semantics.walks import fold

# Work, not seconds: the same seed must give the same run on every machine.
_RLIMIT = 20_000_000


def solve(
    declared: Sequence[Input | Variable],
    unknowns: Sequence[int],
    relation: Expr,
    state: Sequence[Scalar],
    given: Sequence[Scalar],
    strings: int,
) -> dict[int, Scalar] | None:
    """Values for `unknowns` that make `relation` true; None if there are none or it gave up."""
    from .sampling import limits

    context = z3.Context()
    made = {
        Sort.BOOL: z3.BoolSort(context),
        Sort.INT: z3.IntSort(context),
        Sort.REAL: z3.RealSort(context),
    }
    names = {k: z3.Const(f"x{k}", made[declared[k].sort]) for k in unknowns}

    def value_of(value: Scalar) -> Any:
        if isinstance(value, bool):
            return z3.BoolVal(value, context)
        if isinstance(value, Fraction):
            return z3.Q(value.numerator, value.denominator, context)
        return z3.IntVal(value, context)

    def build(node: Expr, args: Sequence[Any]) -> Any:
        match node.op:
            case Op.CONST:
                assert node.value is not None
                return value_of(node.value)
            case Op.VAR:
                return value_of(state[node.index])
            case Op.INPUT:
                return names[node.index] if node.index in names else value_of(given[node.index])
            case Op.NOT:
                return z3.Not(args[0])
            case Op.AND:
                return z3.And(*args)
            case Op.OR:
                return z3.Or(*args)
            case Op.ITE:
                return z3.If(args[0], args[1], args[2])
            case Op.EQ:
                return args[0] == args[1]
            case Op.LE:
                return args[0] <= args[1]
            case Op.LT:
                return args[0] < args[1]
            case Op.ADD:
                return z3.Sum(*args)
            case Op.NEG:
                return -args[0]
            case Op.MUL:
                return args[0] * args[1]
            case Op.DIV:  # SMT-LIB's integer division is Euclid's
                return z3.If(args[1] == 0, args[1], args[0] / args[1])
            case Op.MOD:
                return z3.If(args[1] == 0, args[1], args[0] % args[1])
            case Op.TO_REAL:
                return z3.ToReal(args[0])
        raise ValueError(f"{node.op} does not occur in a relation")

    solver = z3.Solver(ctx=context)
    solver.set("rlimit", _RLIMIT)
    solver.add(fold(relation, build))
    for k in unknowns:
        low, high = limits(declared[k], strings)
        if low is not None:
            solver.add(names[k] >= value_of(low))
        if high is not None:
            solver.add(names[k] <= value_of(high))
    if solver.check() != z3.sat:
        return None
    model = solver.model()
    out: dict[int, Scalar] = {}
    for k in unknowns:
        found = model.eval(names[k], model_completion=True)
        if declared[k].sort is Sort.BOOL:
            out[k] = z3.is_true(found)
        elif declared[k].sort is Sort.INT:
            out[k] = found.as_long()
        elif z3.is_rational_value(found):
            out[k] = Fraction(found.numerator_as_long(), found.denominator_as_long())
        else:
            return None  # an irrational number: no value of the language
    return out
