"""What all engines need to know about a transition system; no solver, no search."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from ...dsl.records import dataclass
from ...dsl.types import Enum, Str
from ...semantics.expr import (
    FALSE,
    NUMBERS,
    TRUE,
    Expr,
    Op,
    Scalar,
    Sort,
    and_,
    const,
    eq,
    inp,
    le,
    not_,
    var,
)
from ...semantics.system import Input, Obligation, Rule, TransitionSystem, Variable, VarKind
from ...semantics.walks import fold, substitute, variables

MOST_CASES = 16  # of one rule
SMALL = 16  # a finite domain up to this size is enumerated


@dataclass(frozen=True, slots=True)
class Budget:
    """Wall-clock seconds for a call, and for one solver query."""

    seconds: float = 10.0
    query: float = 1.0


def domain(declared: Variable | Input, limit: int = SMALL) -> tuple[Scalar, ...] | None:
    """All values of a declared type, or None if there are more than `limit`."""
    if declared.sort is Sort.BOOL:
        return (False, True)
    if declared.sort in (Sort.REAL, Sort.STACK):
        return None
    low, high = declared.lo, declared.hi
    if isinstance(declared.type, Enum):
        low = max(low or 0, 0)
        last = len(declared.type.values) - 1
        high = last if high is None else min(high, last)
    if low is None or high is None or high - low >= limit:
        return None
    return tuple(range(low, high + 1))


def in_domain(declared: Variable | Input, leaf: Expr) -> Expr:
    """The type's bounds as a condition on `leaf`, a value that the environment chooses."""
    parts: list[Expr] = []
    low, high = declared.lo, declared.hi
    if isinstance(declared.type, Enum) and declared.sort is Sort.INT:
        low = max(low or 0, 0)
        last = len(declared.type.values) - 1
        high = last if high is None else min(high, last)
    elif isinstance(declared.type, Str) and declared.sort is Sort.INT:
        # Strings are numbered from 0; there are infinitely many, and only equality sees them.
        low = max(low or 0, 0)
    if declared.sort in NUMBERS:
        if low is not None:
            parts.append(le(_bound(low, declared.sort), leaf))
        if high is not None:
            parts.append(le(leaf, _bound(high, declared.sort)))
    return and_(*parts)


def _bound(value: int, sort: Sort) -> Expr:
    return const(Fraction(value)) if sort is Sort.REAL else const(value)


def initial_condition(system: TransitionSystem, kept: Collection[int] | None = None) -> Expr:
    """`initial` and the types of the free variables (of `kept` ones), not the `init` terms."""
    free = [v for v in system.variables if v.init is None and (kept is None or v.index in kept)]
    return and_(system.initial, *(in_domain(v, var(v.index, v.sort)) for v in free))


def input_condition(rule: Rule) -> Expr:
    """The types of the inputs and `relation`, with POST replaced by the updates."""
    typed = [in_domain(d, inp(k, d.sort)) for k, d in enumerate(rule.inputs)]
    return and_(*typed, after(rule, rule.relation))


def put(expr: Expr, values: Mapping[int, Expr]) -> Expr:
    """`expr` with these terms for variables."""
    return substitute(expr, lambda n: values.get(n.index, n) if n.op is Op.VAR else n)


def posted(expr: Expr, values: Mapping[int, Expr]) -> Expr:
    """`expr` with POST replaced by these terms, or by what was there before."""

    def leaf(node: Expr) -> Expr:
        if node.op is not Op.POST:
            return node
        return values.get(node.index) or var(node.index, node.sort)

    return substitute(expr, leaf)


def after(rule: Rule, expr: Expr) -> Expr:
    """`expr` with POST replaced by what the rule's updates give."""
    return posted(expr, dict(rule.updates))


def weakest(rule: Rule, expr: Expr) -> Expr:
    """`expr`, a condition on a state, read after the rule (Dijkstra's weakest precondition)."""
    return put(expr, dict(rule.updates))


def stutter(expr: Expr) -> Expr:
    """`expr` for a step that changes nothing it reads."""
    return substitute(expr, lambda n: var(n.index, n.sort) if n.op is Op.POST else n)


def written(rule: Rule) -> set[int]:
    return {v for v, _ in rule.updates}


def read(rule: Rule) -> set[int]:
    """Variables that decide whether and how the rule fires."""
    return variables([rule.guard, rule.relation, *(e for _, e in rule.updates)]) | (
        variables([rule.relation], Op.POST) - written(rule)
    )


def touched(expr: Expr) -> set[int]:
    """Variables of a condition, before or after the step."""
    return variables([expr]) | variables([expr], Op.POST)


def conjuncts(expr: Expr) -> list[Expr]:
    """The parts of nested conjunctions, in order; negated disjunctions are opened too."""
    out: list[Expr] = []
    # The nodes are kept: those that `not_` makes would be freed, and their identities used again.
    seen: dict[int, Expr] = {}
    stack = [expr]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen[id(node)] = node
        if node.op is Op.AND:
            stack.extend(reversed(node.args))
        elif node.op is Op.NOT and node.args[0].op is Op.OR:
            stack.extend(not_(a) for a in reversed(node.args[0].args))
        elif node is not TRUE:
            out.append(node)
    return out


def fixed_by(parts: Iterable[Expr]) -> dict[int, Expr]:
    """Variables that a conjunction pins to a constant."""
    out: dict[int, Expr] = {}
    for part in parts:
        if part.op is Op.EQ:
            for a, b in (part.args, part.args[::-1]):
                if a.op is Op.VAR and b.op is Op.CONST:
                    out.setdefault(a.index, b)
        elif part.op is Op.VAR:
            out.setdefault(part.index, TRUE)
        elif part.op is Op.NOT and part.args[0].op is Op.VAR:
            out.setdefault(part.args[0].index, FALSE)
    return out


def whereabouts(
    system: TransitionSystem, rule: Rule, among: Collection[int]
) -> tuple[int, Scalar] | None:
    """A variable that the guard pins, and to what: the location of the rule's thread, else another
    location, else any; None if it pins none of them."""
    pinned = {
        v: c.value
        for v, c in fixed_by(conjuncts(rule.guard)).items()
        if v in among and c.value is not None
    }
    if not pinned:
        return None
    order = sorted(pinned, key=lambda v: (system.variables[v].kind is not VarKind.LOCATION, v))
    own = system.threads[rule.thread].location if rule.thread < len(system.threads) else None
    at = own if own in pinned else order[0]
    return at, pinned[at]


def placed(system: TransitionSystem, rule: Rule) -> Iterator[Rule]:
    """The rule, taken apart where its guard says `or` about places that it changes; what a branch
    that is under way says of the threads above it is added."""
    threads = system.threads
    locations = {t.location: t for t in threads}
    moved = {v for v, _ in rule.updates} & locations.keys()
    todo, done = [conjuncts(rule.guard)], 0
    while todo:
        parts = todo.pop()
        k = next(
            (
                k
                for k, p in enumerate(parts)
                if p.op is Op.OR
                and len(p.args) + len(todo) + done <= MOST_CASES
                and variables([p]) & moved
            ),
            None,
        )
        if k is not None:
            todo += ([*parts[:k], *parts[k + 1 :], *conjuncts(a)] for a in parts[k].args)
            continue
        done += 1
        pins = fixed_by(parts)
        above = [v for v in pins if v in locations]
        while above:
            v = above.pop()
            t = locations[v]
            if pins[v].value and t.parent is not None and t.fork is not None:
                up = threads[t.parent].location
                if up not in pins:
                    pins[up] = const(t.fork)
                    parts.append(eq(var(up, Sort.INT), const(t.fork)))
                    above.append(up)
        guard = and_(*parts)
        if guard is not FALSE:
            yield replace(rule, guard=guard)


def is_state(goal: Obligation) -> bool:
    return goal.rule is None and not goal.every_step


def concerns(goal: Obligation, rule: Rule) -> bool:
    """Whether the obligation is about steps of this rule."""
    return goal.every_step or goal.rule == rule.index


def normal(system: TransitionSystem, kept: Collection[int] | None = None) -> TransitionSystem:
    """The same system with no POST in relations and with the inputs' types in them."""
    rules = tuple(replace(r, relation=input_condition(r)) for r in system.rules)
    return replace(system, rules=rules, initial=initial_condition(system, kept))


def by_index(rules: Sequence[Rule]) -> dict[int, Rule]:
    """Rules by their index in the whole system (a slice keeps the numbers)."""
    return {r.index: r for r in rules}


def may_stand(
    cond: Expr,
    location: int,
    places: Collection[int],
    memo: dict[int, frozenset[int]] | None = None,
) -> frozenset[int]:
    """The places at which a thread may be when the condition holds: all, where it does not say.

    A caller who passes `memo` (for one location) must keep the terms alive as long as it.
    """
    everywhere = frozenset(places)

    def at(node: Expr, args: Sequence[frozenset[int]]) -> frozenset[int]:
        match node.op:
            case Op.EQ:
                a, b = node.args
                if a.op is Op.VAR and a.index == location and type(b.value) is int:
                    return frozenset((b.value,))
            case Op.AND if args:
                return args[0].intersection(*args[1:])
            case Op.OR if args:
                return args[0].union(*args[1:])
            case Op.CONST if node.value is False:
                return frozenset()
        return everywhere

    return fold(cond, at, memo)
