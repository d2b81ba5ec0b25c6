"""Cone of influence: the part of a system that can matter for some conditions.

A rule is kept when it writes a kept variable or when a goal is about it; everything that decides
whether and how a kept rule fires is kept (Weiser 1984, on guarded rules).  The runs of the slice
are then the runs of the system with the other variables left out: a dropped rule changes no kept
variable, so it is a stutter.  Such a slice is *exact* for goals over states and steps.

Variables may be *cut* on top: guards lose the conjuncts that mention them, values computed from
them become free inputs.  The slice then has more runs: good for proofs only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from ...dsl.records import dataclass
from ...dsl.types import Bool, Type
from ...semantics.expr import FALSE, Expr, Op, Sort, and_, inp, ite, or_
from ...semantics.system import Input, Obligation, Rule, TransitionSystem, Variable, VarKind
from ...semantics.walks import variables
from .common import after, conjuncts, is_state, stutter, touched, written


@dataclass(frozen=True, slots=True)
class Slice:
    """`system` has the same variables and rule numbers, fewer rules and updates.

    Only `variables` matter in it.  With `exact` a run of the slice is a run of the whole.
    """

    system: TransitionSystem
    variables: frozenset[int]
    exact: bool
    cut: frozenset[int] = frozenset()

    @property
    def everything(self) -> bool:
        return len(self.variables) == len(self.system.variables)


def whole(system: TransitionSystem) -> Slice:
    """The slice that is the system itself."""
    return Slice(system, frozenset(v.index for v in system.variables), True)


def seeds(goals: Iterable[Obligation]) -> set[int]:
    """Variables that the conditions of goals mention."""
    out: set[int] = set()
    for goal in goals:
        out |= touched(goal.cond)
    return out


def slice_for(
    system: TransitionSystem,
    goals: Sequence[Obligation],
    cut: Collection[int] = (),
    extra: Iterable[Expr] = (),
) -> Slice:
    """The cone of influence of the goals (and of the variables of `extra`).

    A step goal for every rule keeps the rules that write what it mentions; that a step which
    writes none of it satisfies the goal must be known otherwise (see `steps_stutter`).
    """
    system = replace(
        system, rules=tuple(replace(r, relation=after(r, r.relation)) for r in system.rules)
    )
    kept = seeds(goals) | variables(extra)
    kept |= variables([system.excluded])
    named = {g.rule for g in goals if not is_state(g) and g.rule is not None}
    severed = frozenset(cut) - seeds(goals)
    opened = _Opened(system, severed)
    parts = conjuncts(system.initial)
    rules: set[int] = set()
    while True:
        size = len(kept), len(rules)
        for rule in system.rules:
            if rule.index not in rules and (
                rule.index in named or not kept.isdisjoint(written(rule))
            ):
                rules.add(rule.index)
                kept |= opened.decides(rule)
        for index in rules:
            # Only the updates of kept variables matter.
            kept |= opened.computes(system.rules[index], kept)
        for variable in list(kept):
            init = system.variables[variable].init
            if init is not None:
                kept |= variables([init]) - severed
        for part in parts:
            # A condition that ties kept variables to others narrows them; keep it whole.
            mentioned = variables([part])
            if kept & mentioned and not severed & mentioned:
                kept |= mentioned
        kept -= severed
        if (len(kept), len(rules)) == size:
            break
    return _build(system, frozenset(kept), rules, severed, parts)


def without_claims_for(system: TransitionSystem, goal: Obligation) -> Slice:
    """The goal's cone without claims: they only put steps off, so there are more runs."""
    return slice_for(system, [goal], {v.index for v in system.variables if v.kind is VarKind.USED})


class _Opened:
    """Reads of rules after cutting."""

    def __init__(self, system: TransitionSystem, severed: frozenset[int]) -> None:
        self.severed = severed

    def decides(self, rule: Rule) -> set[int]:
        """What decides whether the rule fires, and with which inputs."""
        out: set[int] = set()
        for part in (*conjuncts(rule.guard), *conjuncts(rule.relation)):
            mentioned = touched(part)
            if not mentioned & self.severed:
                out |= mentioned
        return out

    def computes(self, rule: Rule, kept: set[int]) -> set[int]:
        out: set[int] = set()
        for v, e in rule.updates:
            if v in kept:
                out |= variables(_Cut(self.severed, rule).values(e))
        return out


class _Cut:
    """What is computed from cut variables becomes an input of the rule: a value of which only a
    condition mentions them is still one of two."""

    def __init__(self, severed: frozenset[int], rule: Rule) -> None:
        self.severed = severed
        self.inputs = list(rule.inputs)
        self._chosen: dict[int, tuple[Expr, Expr]] = {}  # by condition, which is kept alive

    def values(self, e: Expr) -> list[Expr]:
        """The parts of a term that do not mention cut variables."""
        if not variables([e]) & self.severed:
            return [e]
        return [p for a in e.args for p in self.values(a)] if e.op is Op.ITE else []

    def opened(self, e: Expr, of: Variable) -> Expr:
        if not variables([e]) & self.severed:
            return e
        if e.op is not Op.ITE:
            # Any number: the type's bounds are not assumed of a computed value.
            return self._any(f"any {of.name}", of.sort, of.type)
        given, this, that = e.args
        if variables([given]) & self.severed:
            known = self._chosen.get(id(given))
            if known is None:
                made = self._any(f"which {of.name}", Sort.BOOL, Bool())
                known = self._chosen[id(given)] = given, made
            given = known[1]
        return ite(given, self.opened(this, of), self.opened(that, of))

    def _any(self, name: str, sort: Sort, type_: Type) -> Expr:
        self.inputs.append(Input(name, sort, type_))
        return inp(len(self.inputs) - 1, sort)


def _build(
    system: TransitionSystem,
    kept: frozenset[int],
    rules: set[int],
    severed: frozenset[int],
    parts: Sequence[Expr],
) -> Slice:
    """The slice with these variables and rules."""
    new_rules = tuple(
        _cut_rule(system, system.rules[index], kept, severed) for index in sorted(rules)
    )
    new_variables = tuple(
        replace(v, init=None)
        if v.index in kept and v.init is not None and variables([v.init]) & severed
        else v
        for v in system.variables
    )
    excluded = system.excluded
    if severed & variables([excluded]):
        # Fewer states excluded: more runs.
        whole_parts = excluded.args if excluded.op is Op.OR else (excluded,)
        excluded = or_(FALSE, *(p for p in whole_parts if not severed & variables([p])))
    # What is said about dropped variables only is satisfiable or the whole has no run at all;
    # a violation is completed with it.
    initial = and_(*(p for p in parts if variables([p]) <= kept))
    # Reads through a free initial value of a cut variable: the initial condition is weaker too.
    sliced = replace(
        system, rules=new_rules, variables=new_variables, initial=initial, excluded=excluded
    )
    exact = not severed or severed.isdisjoint(_mentioned(system, rules, kept))
    return Slice(sliced, kept, exact, severed)


def _mentioned(system: TransitionSystem, rules: set[int], kept: frozenset[int]) -> set[int]:
    """All that the kept part of the system mentions."""
    out = variables([system.initial, system.excluded])
    for index in rules:
        rule = system.rules[index]
        out |= touched(rule.guard) | touched(rule.relation) | (written(rule) & kept)
        out |= variables([e for v, e in rule.updates if v in kept])
    for v in kept:
        init = system.variables[v].init
        if init is not None:
            out |= variables([init])
    return out


def _cut_rule(
    system: TransitionSystem, rule: Rule, kept: frozenset[int], severed: frozenset[int]
) -> Rule:
    """The rule with updates of kept variables only, and without the cut ones."""
    cut = _Cut(severed, rule)
    own = [(v, cut.opened(e, system.variables[v])) for v, e in rule.updates if v in kept]
    guard = and_(*(p for p in conjuncts(rule.guard) if not variables([p]) & severed))
    relation = and_(*(p for p in conjuncts(rule.relation) if not variables([p]) & severed))
    return replace(
        rule, guard=guard, relation=relation, inputs=tuple(cut.inputs), own=tuple(own), bundle=None
    )


def steps_stutter(goal: Obligation) -> bool:
    """Whether a step that writes nothing which the goal mentions surely satisfies it."""
    condition = stutter(goal.cond)
    if condition.op is Op.CONST:
        return bool(condition.value)
    from ...semantics.symbolic import is_valid

    return is_valid(condition)
