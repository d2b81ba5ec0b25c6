"""The rules of a finite spec as other checkers take them: one option for each answer that the
environment may give, and what is claimed of it.

Only variables that can matter are kept, and all of these are of small finite types or whole
numbers.  Time is left out, as in the untimed view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product

from ...dsl.errors import NOWHERE, Span
from ...dsl.records import dataclass
from ...semantics.expr import FALSE, Expr, Op, Scalar, Sort, and_, const, not_, var
from ...semantics.system import Input, Obligation, Rule, TransitionSystem, Variable
from ...semantics.walks import substitute, variables
from ..engines.common import (
    after,
    conjuncts,
    domain,
    in_domain,
    input_condition,
    is_state,
    touched,
    weakest,
)
from ..engines.search_threads import ended
from ..engines.slice import slice_for, steps_stutter

MOST_ANSWERS = 512  # of one rule
MOST_VALUES = 256  # of one answer or argument


class NotFinite(Exception):
    """What such a model cannot say: what, where in the spec, and what to do about it."""

    def __init__(self, message: str, span: Span = NOWHERE, fix: str = "") -> None:
        super().__init__(message)
        self.span = span
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Option:
    """A rule with what the environment answers: when `guard` holds, its `updates` happen at once;
    after them no run counts any more where `cut` holds before.  `goals`: what is claimed of the
    step, as conditions on the state before."""

    rule: Rule
    answers: tuple[Scalar, ...]
    guard: Expr
    cut: Expr
    goals: tuple[tuple[Obligation, Expr], ...]
    updates: tuple[tuple[int, Expr], ...]


def relevant(
    system: TransitionSystem, goals: Sequence[Obligation], whole: bool
) -> TransitionSystem:
    """What can matter for the goals; all of it with `whole`, or without goals.  `NotFinite` of any
    number of instances, and of capacities that are set."""
    for c in system.controls:
        raise NotFinite(f"the capacity of `{c.resource}` is set by `{c.name}`", c.span)
    for group in system.any_number:
        what = f"there may be any number of instances of `{group.workflow}`"
        raise NotFinite(what, group.span, f"write how many, `{group.workflow}[3]`")
    # A step that writes nothing of a claim about all steps may break it where it must change.
    if goals and not whole and all(steps_stutter(g) for g in goals if g.every_step):
        return slice_for(system, goals).system
    return system


class Finite:
    def __init__(self, system: TransitionSystem, goals: Sequence[Obligation]) -> None:
        self.system = system
        self.states = [g for g in goals if is_state(g)]
        self.steps = [g for g in goals if not is_state(g)]
        self.rules = [r for r in system.rules if r.guard is not FALSE]
        self.needed = self._needed()

    def _needed(self) -> list[int]:
        """Variables that can matter: all but durations that nothing reads."""
        read: set[int] = set()
        for r in self.rules:
            read |= touched(r.guard) | touched(r.relation)
        for g in (*self.states, *self.steps):
            read |= touched(g.cond)
        read |= variables([self.system.initial, self.system.excluded])
        read |= variables([ended(self.system, i) for i in self.system.instances])
        todo = list(read)
        writes: dict[int, list[Expr]] = {}
        for r in self.rules:
            for v, e in r.updates:
                writes.setdefault(v, []).append(e)
        while todo:
            v = todo.pop()
            init = self.system.variables[v].init
            new = variables([*writes.get(v, ()), *([] if init is None else [init])]) - read
            read |= new
            todo += new
        for v in sorted(read):
            variable = self.system.variables[v]
            if variable.sort not in (Sort.BOOL, Sort.INT):
                kind, fix = "of any length", ""
                if variable.sort is Sort.REAL:
                    kind, fix = "a real number or a time", "make it an `int` with a range, or "
                raise NotFinite(
                    f"{variable.name} is {kind}, and what is exported depends on it",
                    place(self.system, variable),
                    f"{fix}export a claim that does not need it (`--only NAME`)",
                )
        return sorted(read)

    @property
    def over(self) -> Expr:
        """All instances have ended."""
        return and_(*(ended(self.system, i) for i in self.system.instances))

    @property
    def free(self) -> list[Variable]:
        """Those whose first value is chosen."""
        known = (self.system.variables[v] for v in self.needed)
        return [v for v in known if v.init is None]

    @property
    def counts(self) -> Expr:
        """Of a first state with values of the right types: may a run begin there?"""
        typed = [in_domain(v, var(v.index, v.sort)) for v in self.free]
        return and_(self.system.initial, *typed, not_(self.system.excluded))

    def options(self, rule: Rule) -> Iterator[Option]:
        """Those whose guard is not plainly false."""
        kept = set(self.needed)
        updates = tuple((v, e) for v, e in rule.updates if v in kept)
        written = {v for v, _ in updates}
        mine = [g for g in self.steps if g.every_step or g.rule == rule.index]
        seen = variables(
            [rule.relation, *(e for _, e in updates), *(after(rule, g.cond) for g in mine)],
            Op.INPUT,
        )
        choices = [values(d) if k in seen else (_any(d),) for k, d in enumerate(rule.inputs)]
        count = 1
        for c in choices:
            count *= len(c)
        if count > MOST_ANSWERS:
            raise NotFinite(
                f"the environment has {count} answers to `{rule.name}`, more than {MOST_ANSWERS}",
                rule.span,
                "give what it answers smaller ranges",
            )
        cut = FALSE
        if variables([self.system.excluded]) & written:
            cut = weakest(rule, self.system.excluded)
        goals = tuple((g, part) for g in mine for part in conjuncts(after(rule, g.cond)))
        for answers in product(*choices):
            guard = answered(and_(rule.guard, input_condition(rule)), answers)
            if guard is not FALSE:
                yield Option(rule, answers, guard, cut, goals, updates)


def answered(expr: Expr, answers: Sequence[Scalar]) -> Expr:
    """The term with what the environment has answered put in."""
    return substitute(expr, lambda n: const(answers[n.index]) if n.op is Op.INPUT else n)


def values(declared: Variable | Input) -> tuple[Scalar, ...]:
    """All that it may have.  `NotFinite`: too many."""
    found = domain(declared, MOST_VALUES)
    if found is None:
        raise NotFinite(
            f"{declared.name} can have more than {MOST_VALUES} values",
            declared.span if isinstance(declared, Variable) else NOWHERE,
            "give it a smaller range (`int 0..10`)",
        )
    return found


def _any(declared: Input) -> Scalar:
    """Some value of the type: what nothing looks at need not be told apart."""
    low = declared.lo if declared.lo is not None else min(0, declared.hi or 0)
    if declared.sort is Sort.BOOL:
        return False
    return Fraction(low) if declared.sort is Sort.REAL else low


def placed(found: NotFinite, rule: Rule) -> NotFinite:
    """The complaint with the place of the rule where it has none of its own."""
    if found.span.line:
        return found
    return NotFinite(f"{found} (in `{rule.name}`)", rule.span, found.fix)


def place(system: TransitionSystem, variable: Variable) -> Span:
    """Of its declaration, or of the workflow for which it was made."""
    if variable.span.line or variable.instance is None:
        return variable.span
    return system.instances[variable.instance].span
