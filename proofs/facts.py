"""Invariants: true at the start, kept by every rule; and what follows from them.

A rule is asked about an invariant only if it writes one of its variables.  Of an equation between
sums only the parts are looked at that the rule changes: what it adds to both sides must be alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from ..semantics.evidence import Facts
from ..semantics.expr import (
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    const,
    eq,
    fold,
    ite,
    mul,
    or_,
    substitute,
    var,
    variables,
)
from ..semantics.system import Obligation, PointKind, Thread, TransitionSystem, VarKind
from .reading import Model, Step
from .solvers import Solvers


class Open(Exception):
    """The evidence is right as far as it goes; says what was not checked."""


OVER = (PointKind.END, PointKind.FAILED)
QUIET = (PointKind.ENTRY, *OVER)


class Wrong(Exception):
    """The evidence does not show its claim; says where."""


def at(thread: Thread, points: Iterable[int]) -> Expr:
    here = var(thread.location, Sort.INT)
    return or_(*(eq(here, const(p)) for p in points))


def quiet(system: TransitionSystem) -> list[Expr]:
    """A thread that is not at rest has its parent at its fork."""
    out = []
    for t in system.threads:
        if t.parent is not None and t.fork is not None:
            rest = at(t, (p.id for p in t.points if p.kind in QUIET))
            out.append(or_(rest, at(system.threads[t.parent], (t.fork,))))
    return out


def fresh(system: TransitionSystem) -> list[Expr]:
    """A thread that has begun has its parent at its fork."""
    return [
        or_(at(t, (0,)), at(system.threads[t.parent], (t.fork,)))
        for t in system.threads
        if t.parent is not None and t.fork is not None
    ]


def linking(system: TransitionSystem, used: int) -> Expr:
    """What is in use is the sum of what the threads hold where they are."""
    held = [
        ite(at(t, (p.id,)), amount, const(0))
        for t in system.threads
        for p in t.points
        for v, amount in p.holds
        if v == used
    ]
    return eq(var(used, Sort.INT), add(const(0), *held))


@dataclass
class Prover:
    """Decides whether facts hold and what follows from them.  `Wrong` where they do not."""

    model: Model
    solvers: Solvers
    _keys: dict[tuple[object, ...], int] = field(default_factory=dict)
    _memo: dict[int, int] = field(default_factory=dict)
    _alive: list[Expr] = field(default_factory=list)
    _shown: dict[tuple[int, ...], list[Expr]] = field(default_factory=dict)
    _writers: dict[int, list[Step]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for step in self.model.steps:
            for v in step.updates:
                self._writers.setdefault(v, []).append(step)

    # --- implication ------------------------------------------------------------------------

    def key(self, e: Expr) -> int:
        """Equal for terms that are written alike."""
        self._alive.append(e)  # the memo is by identity

        def build(node: Expr, args: Sequence[int]) -> int:
            inner = sorted(args) if node.op in (Op.AND, Op.OR, Op.ADD) else args
            found = (node.op, type(node.value), node.value, node.sort, *inner)
            return self._keys.setdefault(found, len(self._keys))

        return fold(e, build, self._memo)

    def implies(
        self, premises: Sequence[Expr], goal: Expr, hypotheses: Sequence[Expr] = ()
    ) -> bool:
        """Plainly, or by the solvers."""
        if goal.op is Op.CONST:
            if goal.value:
                return True
        known = {self.key(p) for p in (*premises, *hypotheses)}
        if any(self.key(g) in known for g in (goal, *(goal.args if goal.op is Op.OR else ()))):
            return True
        return self.solvers.proves([*premises, *hypotheses], goal)

    def about(self, facts: Iterable[Expr], terms: Iterable[Expr]) -> list[Expr]:
        """The facts that share a variable with the terms."""
        frame = variables(terms)
        return [f for f in facts if variables([f]) & frame]

    def follows(self, step: Step, goal: Expr, facts: Sequence[Expr]) -> bool:
        """Does the goal, a condition on the state before the step, hold whenever it is taken?"""
        near = [step.before(f) for f in self.about(facts, [step.rule.guard, *step.premises, goal])]
        return self.implies(step.premises, goal, [f for f in near if f is not TRUE])

    # --- facts ------------------------------------------------------------------------------

    def written_out(self, facts: Facts) -> list[Expr]:
        """The invariants, and those that the shapes stand for."""
        system = self.model.system
        out = list(facts.invariants)
        for shape in facts.shapes:
            word, _, name = shape.partition(" ")
            used = [v.index for v in system.variables if v.kind is VarKind.USED and v.name == name]
            if shape == "quiet":
                out += quiet(system)
            elif shape == "fresh":
                out += fresh(system)
            elif word == "linking" and used:
                out += [linking(system, u) for u in used]
            else:
                raise Wrong(f"there is no shape `{shape}`")
        return out

    def established(self, facts: Facts) -> list[Expr]:
        """The facts as conditions, once they are shown to hold always."""
        listed = self.written_out(facts)
        name = tuple(sorted({self.key(f) for f in listed}))
        if name not in self._shown:
            self._inductive(listed)
            self._shown[name] = listed
        return self._shown[name]

    def _inductive(self, facts: Sequence[Expr]) -> None:
        by_variable: dict[int, list[int]] = {}
        for k, f in enumerate(facts):
            if f.sort is not Sort.BOOL or variables([f], Op.POST) or variables([f], Op.INPUT):
                raise Wrong("an invariant is no condition on a state")
            for v in variables([f]):
                by_variable.setdefault(v, []).append(k)
        for f in facts:
            if not self.implies(self.model.beginning, self.model.start(f)):
                raise Wrong("an invariant may be false at the start")
        for step in self.model.steps:
            touched_ = {k for v in step.updates for k in by_variable.get(v, ())}
            for k in sorted(touched_):
                if not self._kept(step, facts[k], facts, by_variable):
                    raise Wrong(f"`{step.rule.name}` may break an invariant")

    def _kept(
        self, step: Step, fact: Expr, facts: Sequence[Expr], by_variable: dict[int, list[int]]
    ) -> bool:
        goal = self.change(step, fact)
        if goal is None:
            goal = step.after(fact)
            if goal is TRUE or self.key(goal) == self.key(step.before(fact)):
                return True
        elif goal is TRUE:
            return True
        frame = variables([step.rule.guard, *step.premises, goal])
        near = {k for v in frame for k in by_variable.get(v, ())}
        given = [step.before(facts[k]) for k in sorted(near)]
        return self.implies(step.premises, goal, [f for f in given if f is not TRUE])

    def change(self, step: Step, fact: Expr) -> Expr | None:
        """For an equation of sums: that both sides change alike.  None: it is no such equation."""
        if fact.op is not Op.EQ or fact.args[0].sort is Sort.BOOL:
            return None
        terms: list[tuple[int, Expr]] = []
        for sign, side in ((1, fact.args[0]), (-1, fact.args[1])):
            for part in side.args if side.op is Op.ADD else (side,):
                if variables([part]) & step.updates.keys():
                    terms += [(sign, step.after(part)), (-sign, step.before(part))]
        return self.zero(terms, fact.args[0].sort)

    def zero(self, terms: Iterable[tuple[int, Expr]], sort: Sort) -> Expr:
        """That a sum is 0, after cancelling what is written alike."""
        count: dict[int, int] = {}
        parts: dict[int, Expr] = {}
        constant: int | Fraction = 0
        for sign, term in terms:
            for m, leaf in sum_of(term, sign):
                if leaf.op is Op.CONST and leaf.value is not None:
                    constant += m * leaf.value
                else:
                    k = self.key(leaf)
                    parts[k], count[k] = leaf, count.get(k, 0) + m
        number = Fraction if sort is Sort.REAL else int
        left = [mul(const(number(m)), parts[k]) for k, m in count.items() if m]
        return eq(add(const(number(constant)), *left), const(number(0)))

    # --- obligations ------------------------------------------------------------------------

    def goal(self, goal: Obligation, facts: Sequence[Expr]) -> None:
        """Does the obligation follow from what always holds?"""
        if goal.rule is None and not goal.every_step:
            if not self.implies([], goal.cond, self.about(facts, [goal.cond])):
                raise Wrong("the invariants do not imply it")
            return
        still = settled_still(goal.cond)
        resting = goal.every_step and self.implies([], still, self.about(facts, [still]))
        posts = variables([goal.cond], Op.POST)
        for step in self.model.steps:
            if not (goal.every_step or goal.rule == step.rule.index):
                continue
            if resting and not posts & step.updates.keys():
                continue
            if not self.follows(step, step.both(goal.cond), facts):
                raise Wrong(f"`{step.rule.name}` may break it")


def settled_still(e: Expr) -> Expr:
    """A condition on a step, for one that changes nothing."""
    return substitute(e, lambda n: var(n.index, n.sort) if n.op is Op.POST else n)


def sum_of(e: Expr, sign: int) -> list[tuple[int, Expr]]:
    """The parts of a sum, with their signs."""
    out, stack = [], [(sign, e)]
    while stack:
        s, x = stack.pop()
        if x.op is Op.ADD:
            stack += ((s, a) for a in x.args)
        elif x.op is Op.NEG:
            stack.append((-s, x.args[0]))
        else:
            out.append((s, x))
    return out


def cancels(prover: Prover, equation: Expr) -> bool:
    """Both sides of an equation of numbers are the same sum."""
    left, right = equation.args
    return prover.zero([(1, left), (-1, right)], left.sort) is TRUE
