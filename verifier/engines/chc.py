"""Invariants of data found by Spacer (Komuravelli, Gurfinkel, Chaki 2014), Z3's Horn solver.

The slice that matters for a goal becomes constrained Horn clauses: one relation over its variables,
a clause for the initial states, one for each rule, one for what must not happen.  Spacer's answer
is never trusted (z3 issues 6716, 7319, 7466): what it says is read back into terms and handed out
as candidates for induction, whose small queries alone show that they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import z3

from ...semantics.expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    and_,
    const,
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
    to_real,
    var,
)
from ...semantics.symbolic import Encoder, stacks, symbol
from ...semantics.system import Input, Obligation, TransitionSystem
from .common import (
    after,
    concerns,
    conjuncts,
    initial_condition,
    input_condition,
    is_state,
    touched,
)
from .slice import Slice, without_claims_for

MOST_VARIABLES = 40
MOST_RULES = 80
MOST_PARTS = 200  # of an answer

Term = Any


def suggest(
    system: TransitionSystem, goal: Obligation, known: Sequence[Expr], seconds: float
) -> list[Expr]:
    """Candidate invariants from which the goal may follow; [] where Spacer has none in time.

    `known` invariants may be used; they have to be shown again with the candidates.
    """
    if goal.every_step:
        return []
    cone = without_claims_for(system, goal)
    if len(cone.variables) > MOST_VARIABLES or len(cone.system.rules) > MOST_RULES:
        return []
    horn = _Horn(cone, [k for k in known if _within(k, cone)])
    try:
        answer = horn.solve(goal, seconds)
        return [] if answer is None else horn.parts(answer)
    except (z3.Z3Exception, _Unread):
        return []


class _Unread(Exception):
    """A term of the answer that is none of ours."""


def _within(e: Expr, cone: Slice) -> bool:
    return touched(e) <= cone.variables


class _Horn:
    def __init__(self, cone: Slice, known: Sequence[Expr]) -> None:
        self.system = cone.system
        self.kept = sorted(cone.variables)
        self.known = known
        variables = [self.system.variables[v] for v in self.kept]
        sorts = [_SORTS[v.sort]() for v in variables]
        self.relation = z3.Function("inv", *sorts, z3.BoolSort())
        self.encode = Encoder()
        self.now = [symbol(f"v{v.index}@0", v.sort) for v in variables]

    def solve(self, goal: Obligation, seconds: float) -> Term | None:
        engine = z3.Fixedpoint()
        engine.set("engine", "spacer")
        engine.set("timeout", max(1, int(seconds * 1000)))
        engine.register_relation(self.relation)
        self._initial(engine)
        for rule in self.system.rules:
            if rule.guard is FALSE:
                continue
            updates = dict(rule.updates)
            then = [
                self.encode(updates[v]) if v in updates else now
                for v, now in zip(self.kept, self.now, strict=True)
            ]
            premises = [rule.guard, input_condition(rule), *self.known]
            self._clause(engine, self.relation(*then), premises, rule.inputs)
        failed = z3.Function("failed", z3.BoolSort())
        engine.register_relation(failed)
        if is_state(goal):
            self._clause(engine, failed(), [not_(goal.cond), *self.known])
        else:
            for rule in self.system.rules:
                if concerns(goal, rule):
                    cond = after(rule, goal.cond)
                    premises = [rule.guard, input_condition(rule), not_(cond), *self.known]
                    self._clause(engine, failed(), premises, rule.inputs)
        if engine.query(failed()) != z3.unsat:
            return None
        return engine.get_answer()

    def _clause(
        self, engine: Term, head: Term, premises: Sequence[Expr], inputs: Sequence[Input] = ()
    ) -> None:
        body = [self.relation(*self.now), *(self.encode(p) for p in premises)]
        names = [*self.now, *(symbol(f"i{k}@0", d.sort) for k, d in enumerate(inputs))]
        engine.add_rule(z3.ForAll(names, z3.Implies(z3.And(body), head)))

    def _initial(self, engine: Term) -> None:
        premises = [initial_condition(self.system, set(self.kept))]
        for v in self.kept:
            init = self.system.variables[v].init
            if init is not None:
                premises.append(eq(var(v, self.system.variables[v].sort), init))
        body = z3.And([self.encode(p) for p in premises])
        engine.add_rule(z3.ForAll(self.now, z3.Implies(body, self.relation(*self.now))))

    # --- reading back -----------------------------------------------------------------------

    def parts(self, answer: Term) -> list[Expr]:
        """The conjuncts of what the relation is said to be."""
        out: list[Expr] = []
        for definition in _definitions(answer, "inv"):
            out += self._read_parts(definition)
        return [p for p in out[:MOST_PARTS] if p.op is not Op.CONST]

    def _read_parts(self, body: Term) -> list[Expr]:
        memo: dict[int, Expr] = {}
        return conjuncts(self._read(body, memo))

    def _read(self, t: Term, memo: dict[int, Expr]) -> Expr:
        known = memo.get(t.get_id())
        if known is None:
            known = memo[t.get_id()] = self._build(t, memo)
        return known

    def _build(self, t: Term, memo: dict[int, Expr]) -> Expr:
        if z3.is_var(t):
            # Bound variables count from the last.
            v = self.kept[len(self.kept) - 1 - z3.get_var_index(t)]
            return var(v, self.system.variables[v].sort)
        if not z3.is_app(t):
            raise _Unread
        kind = t.decl().kind()
        if kind == z3.Z3_OP_TRUE:
            return TRUE
        if kind == z3.Z3_OP_FALSE:
            return FALSE
        if z3.is_int_value(t):
            return const(int(t.as_long()))
        if z3.is_rational_value(t):
            return const(Fraction(int(t.numerator_as_long()), int(t.denominator_as_long())))
        args = [self._read(a, memo) for a in t.children()]
        make = _MAKE.get(kind)
        if make is None:
            raise _Unread
        if any(a.sort is Sort.REAL for a in args) and kind in _MIXED:
            args = [to_real(a) if a.sort is Sort.INT else a for a in args]
        return make(*args)


def _definitions(answer: Term, name: str) -> list[Term]:
    """The bodies of `forall x: name(x) = body` (or `name(x) => body`) in an answer."""
    todo, out = [answer], []
    while todo:
        t = todo.pop()
        if z3.is_quantifier(t):
            todo.append(t.body())
        elif z3.is_and(t):
            todo += t.children()
        elif z3.is_eq(t) or z3.is_implies(t):
            left, right = t.children()
            if z3.is_app(left) and left.decl().name() == name:
                out.append(right)
            elif z3.is_app(right) and right.decl().name() == name and z3.is_eq(t):
                out.append(left)
    return out


_SORTS = {
    Sort.BOOL: z3.BoolSort,
    Sort.INT: z3.IntSort,
    Sort.REAL: z3.RealSort,
    Sort.STACK: stacks,
}


def _same(a: Expr, b: Expr, *rest: Expr) -> Expr:
    if rest:
        raise _Unread
    return eq(a, b)


_MAKE: dict[int, Callable[..., Expr]] = {
    z3.Z3_OP_AND: and_,
    z3.Z3_OP_OR: or_,
    z3.Z3_OP_NOT: not_,
    z3.Z3_OP_IMPLIES: lambda a, b: or_(not_(a), b),
    z3.Z3_OP_EQ: _same,
    z3.Z3_OP_IFF: _same,
    z3.Z3_OP_ITE: ite,
    z3.Z3_OP_LE: le,
    z3.Z3_OP_LT: lt,
    z3.Z3_OP_GE: lambda a, b: le(b, a),
    z3.Z3_OP_GT: lambda a, b: lt(b, a),
    z3.Z3_OP_ADD: add,
    z3.Z3_OP_SUB: lambda a, *b: add(a, *(neg(x) for x in b)),
    z3.Z3_OP_UMINUS: neg,
    z3.Z3_OP_MUL: mul,
    z3.Z3_OP_IDIV: div,
    z3.Z3_OP_DIV: div,
    z3.Z3_OP_MOD: mod,
    z3.Z3_OP_TO_REAL: to_real,
}
_MIXED = (
    z3.Z3_OP_EQ,
    z3.Z3_OP_LE,
    z3.Z3_OP_LT,
    z3.Z3_OP_GE,
    z3.Z3_OP_GT,
    z3.Z3_OP_ADD,
    z3.Z3_OP_MUL,
)
