"""The SMT reading of terms, in Z3; the only module that imports the solver.

Variables are named by index and step: `v3@0` is variable 3 before step 0, `i1@0` is input 1 of
step 0.  `POST` of step k is the variable at step k + 1.  Z3's integer `div` and `mod` are
Euclidean (SMT-LIB Ints) except for a zero divisor, which our terms map to 0.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from fractions import Fraction
from functools import cache
from typing import Any

import z3
from z3 import z3core as core

from .expr import FALSE, TRUE, Expr, Op, Scalar, Sort, const, zero

Term = Any  # z3 is untyped
Leaf = Callable[[Expr], Term]


class Answer(Enum):
    SAT = "sat"
    UNSAT = "unsat"
    UNKNOWN = "unknown"


@cache
def stacks(relaxed: bool = False) -> Term:
    """The datatype of stacks: one way to push for each sort of scalars."""
    made = z3.Datatype("Relaxed" if relaxed else "Stack")
    made.declare("empty")
    kinds = {Sort.BOOL: z3.BoolSort(), Sort.INT: z3.IntSort(), Sort.REAL: z3.RealSort()}
    if relaxed:
        kinds[Sort.INT] = z3.RealSort()
    for sort, kind in kinds.items():
        name = sort.value
        made.declare(f"push_{name}", (f"top_{name}", kind), (f"below_{name}", made))
    return made.create()


_SCALARS = (Sort.BOOL, Sort.INT, Sort.REAL)


def symbol(name: str, sort: Sort, relaxed: bool = False) -> Term:
    if sort is Sort.BOOL:
        return z3.Bool(name)
    if sort is Sort.STACK:
        return z3.Const(name, stacks(relaxed))
    if sort is Sort.INT and not relaxed:
        return z3.Int(name)
    return z3.Real(name)


class Encoder:
    """Translates terms of one step; shared parts once.

    With `relaxed`, integers are read as reals (strict comparisons of integers are tightened
    first, integer division becomes an unconstrained value): every model of the exact reading
    gives one of the relaxed reading, so an `unsat` of the relaxed formula counts for the exact
    one, and nothing else does.
    """

    def __init__(self, step: int = 0, relaxed: bool = False, leaf: Leaf | None = None) -> None:
        self.step = step
        self.relaxed = relaxed
        self._leaf = leaf
        self._memo: dict[int, Term] = {}
        self._alive: list[Expr] = []  # the memo is keyed by identity

    def __call__(self, root: Expr) -> Term:
        memo = self._memo
        done = memo.get(id(root))
        if done is not None:
            return done
        self._alive.append(root)
        stack = [root]
        while stack:
            node = stack[-1]
            if id(node) in memo:
                stack.pop()
                continue
            missing = [a for a in node.args if id(a) not in memo]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            memo[id(node)] = self._build(node, [memo[id(a)] for a in node.args])
        return memo[id(root)]

    def leaf(self, node: Expr) -> Term:
        """The default names."""
        if node.op is Op.VAR:
            return symbol(f"v{node.index}@{self.step}", node.sort, self.relaxed)
        if node.op is Op.POST:
            return symbol(f"v{node.index}@{self.step + 1}", node.sort, self.relaxed)
        return symbol(f"i{node.index}@{self.step}", node.sort, self.relaxed)

    def number(self, value: int | Fraction, sort: Sort) -> Term:
        if sort is Sort.INT and not self.relaxed:
            return z3.IntVal(int(value))
        fraction = Fraction(value)
        return z3.RealVal(f"{fraction.numerator}/{fraction.denominator}")

    def _build(self, node: Expr, args: list[Term]) -> Term:
        match node.op:
            case Op.CONST:
                if node.sort is Sort.BOOL:
                    return z3.BoolVal(bool(node.value))
                assert node.value is not None
                if isinstance(node.value, tuple):
                    return self._stack(node.value)
                return self.number(node.value, node.sort)
            case Op.VAR | Op.POST | Op.INPUT:
                return self.leaf(node) if self._leaf is None else self._leaf(node)
            case Op.NOT:
                # Over the integers, not (a <= b) is b + 1 <= a; tighter once they are reals.
                inner = node.args[0]
                if self.relaxed and inner.op in (Op.LE, Op.LT) and inner.args[0].sort is Sort.INT:
                    low, high = (self._memo[id(a)] for a in inner.args)
                    return high <= low if inner.op is Op.LT else high + 1 <= low
                return negated(args[0])
            case Op.AND:
                return _boolean(core.Z3_mk_and, args) if args else z3.BoolVal(True)
            case Op.OR:
                return any_of(args)
            case Op.ITE:
                if node.sort is Sort.STACK:
                    return z3.If(*args)
                wrap = z3.BoolRef if node.sort is Sort.BOOL else z3.ArithRef
                test, then, other = (a.as_ast() for a in args)
                return wrap(core.Z3_mk_ite(_context(), test, then, other), z3.main_ctx())
            case Op.EQ:
                return _pair(core.Z3_mk_eq, args)
            case Op.LE:
                return _pair(core.Z3_mk_le, args)
            case Op.LT:
                if self.relaxed and node.args[0].sort is Sort.INT:
                    return args[0] + 1 <= args[1]
                return _pair(core.Z3_mk_lt, args)
            case Op.ADD:
                return _number(core.Z3_mk_add, args)
            case Op.NEG:
                return -args[0]
            case Op.MUL:
                return _number(core.Z3_mk_mul, args)
            case Op.DIV | Op.MOD:
                return self._divide(node, args)
            case Op.TO_REAL:
                return args[0] if self.relaxed else z3.ToReal(args[0])
            case Op.PUSH:
                return self._push(args[0], args[1], node.args[1].sort)
            case Op.TOP:
                kind, name = stacks(self.relaxed), node.sort.value
                nothing = self._build(zero(node.sort), [])
                there = getattr(kind, f"is_push_{name}")(args[0])
                return z3.If(there, getattr(kind, f"top_{name}")(args[0]), nothing)
            case Op.POP:
                kind, below = stacks(self.relaxed), args[0]
                for sort in _SCALARS:
                    there = getattr(kind, f"is_push_{sort.value}")(args[0])
                    below = z3.If(there, getattr(kind, f"below_{sort.value}")(args[0]), below)
                return below

    def _push(self, stack: Term, value: Term, sort: Sort) -> Term:
        return getattr(stacks(self.relaxed), f"push_{sort.value}")(value, stack)

    def _stack(self, values: tuple[Scalar, ...]) -> Term:
        stack = stacks(self.relaxed).empty
        for value in values:
            element = const(value)
            stack = self._push(stack, self._build(element, []), element.sort)
        return stack

    def _divide(self, node: Expr, args: list[Term]) -> Term:
        a, b = args
        divisor = node.args[1]
        nought = self.number(0, node.sort)
        if self.relaxed and node.sort is Sort.INT:
            return z3.FreshReal("d")
        quotient = a % b if node.op is Op.MOD else a / b
        if divisor.op is Op.CONST:
            return quotient if divisor.value else nought
        return z3.If(b == nought, nought, quotient)


# Our terms are well sorted, so the checks and coercions of z3py's operators, which cost several
# times what the solver itself needs, are left out.  Results are wrapped by their known sort.


def _context() -> Any:
    return z3.main_ctx().ref()


def _array(args: Sequence[Term]) -> Any:
    return (z3.Ast * len(args))(*[a.as_ast() for a in args])


def _boolean(make: Callable[..., Any], args: Sequence[Term]) -> Term:
    return z3.BoolRef(make(_context(), len(args), _array(args)), z3.main_ctx())


def _number(make: Callable[..., Any], args: Sequence[Term]) -> Term:
    return z3.ArithRef(make(_context(), len(args), _array(args)), z3.main_ctx())


def _pair(make: Callable[..., Any], args: Sequence[Term]) -> Term:
    return z3.BoolRef(make(_context(), args[0].as_ast(), args[1].as_ast()), z3.main_ctx())


def negated(a: Term) -> Term:
    return z3.BoolRef(core.Z3_mk_not(_context(), a.as_ast()), z3.main_ctx())


def any_of(parts: Sequence[Term]) -> Term:
    return _boolean(core.Z3_mk_or, parts) if parts else z3.BoolVal(False)


def implication(a: Term, b: Term) -> Term:
    return _pair(core.Z3_mk_implies, (a, b))


@cache
def flag(name: str) -> Term:
    """A Boolean of this name, for assumptions."""
    return z3.Bool(name)


def false_in(model: Term, term: Term) -> bool:
    """Whether a Boolean term is surely false in a model (one that Z3 cannot evaluate is not)."""
    value = model.eval(term, model_completion=True)
    return bool(core.Z3_get_bool_value(_context(), value.as_ast()) == z3.Z3_L_FALSE)


def decode(model: Term, term: Term, sort: Sort) -> Scalar | None:
    """The value of `term` in `model`; None where it is not a rational number."""
    value = model.eval(term, model_completion=True)
    if sort is Sort.STACK:
        return _decode_stack(model, value)  # type: ignore[no-any-return]
    if sort is Sort.BOOL:
        if z3.is_true(value):
            return True
        return False if z3.is_false(value) else None
    if z3.is_int_value(value):
        whole = int(value.as_long())
        return whole if sort is Sort.INT else Fraction(whole)
    if z3.is_rational_value(value):
        fraction = Fraction(int(value.numerator_as_long()), int(value.denominator_as_long()))
        if sort is Sort.REAL:
            return fraction
        return int(fraction) if fraction.denominator == 1 else None
    return None


def _decode_stack(model: Term, value: Term) -> Any:
    found: list[Scalar] = []
    while value.num_args():
        sort = Sort(value.decl().name().removeprefix("push_"))
        element = decode(model, value.arg(0), sort)
        if element is None:
            return None
        found.append(element)
        value = value.arg(1)
    return tuple(reversed(found))


SOON = 20  # milliseconds, in which no resource limit is spent


class Smt:
    """A solver with typed answers.  `unknown` is an answer of its own, never a pass.

    The limits are a wall-clock time and Z3's deterministic resource count; the second is meant
    to strike first, so that a run gives the same answer again.
    """

    def __init__(self, milliseconds: int = 2000, resources: int = 0, logic: str = "") -> None:
        self._solver = z3.SolverFor(logic) if logic else z3.Solver()
        self._milliseconds = max(1, milliseconds)
        self._solver.set("timeout", self._milliseconds)
        # Z3 says of a spent resource limit that it was canceled: that takes some work at least.
        self._idle = SOON if resources else self._milliseconds / 2
        if resources:
            self._solver.set("rlimit", resources)
        self._solver.set("random_seed", 0)

    def limit(self, milliseconds: int) -> None:
        self._milliseconds = max(1, milliseconds)
        self._solver.set("timeout", self._milliseconds)

    def add(self, *terms: Term) -> None:
        """Conditions, each a Boolean term."""
        for term in terms:
            core.Z3_solver_assert(_context(), self._solver.solver, term.as_ast())

    def push(self) -> None:
        self._solver.push()

    def pop(self) -> None:
        self._solver.pop()

    def check(self, assumptions: Iterable[Term] = ()) -> Answer:
        """An answer.  Where the clock ran out although the solver has hardly worked (the machine
        was busy, or a timer of an earlier question rang late), it is asked once more."""
        given = list(assumptions)
        since = time.process_time()
        answer = self._check(given)
        worked = 1000 * (time.process_time() - since)
        if answer is Answer.UNKNOWN and worked < self._idle:
            if self._solver.reason_unknown() in ("canceled", "timeout", "interrupted"):
                answer = self._check(given)
        return answer

    def _check(self, assumptions: Sequence[Term]) -> Answer:
        try:
            result = core.Z3_solver_check_assumptions(
                _context(), self._solver.solver, len(assumptions), _array(assumptions)
            )
        except z3.Z3Exception:
            # Cancelled or out of resources inside preprocessing: no answer.
            return Answer.UNKNOWN
        return {1: Answer.SAT, -1: Answer.UNSAT}.get(result, Answer.UNKNOWN)  # Z3_lbool

    def core(self) -> list[str]:
        """Names of the assumptions that were used (they must be plain Booleans)."""
        return [t.decl().name() for t in self._solver.unsat_core()]

    def model(self) -> Term:
        return self._solver.model()

    def value(self, term: Term, sort: Sort) -> Scalar | None:
        return decode(self._solver.model(), term, sort)


def is_valid(expr: Expr, milliseconds: int = 1000) -> bool:
    """Whether `expr` surely holds for all values (of pre, post and inputs)."""
    if expr is TRUE or expr is FALSE:
        return expr is TRUE
    for relaxed in (True, False):
        solver = Smt(milliseconds)
        solver.add(z3.Not(Encoder(relaxed=relaxed)(expr)))
        if solver.check() is Answer.UNSAT:
            return True
    return False


def is_satisfiable(expr: Expr, milliseconds: int = 1000) -> bool:
    """Whether some state and inputs surely satisfy a condition; an unknown answer is a no."""
    if expr is TRUE or expr is FALSE:
        return expr is TRUE
    solver = Smt(milliseconds)
    solver.add(Encoder()(expr))
    return solver.check() is Answer.SAT
