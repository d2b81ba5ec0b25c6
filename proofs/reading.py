"""What the rules say, ready for questions: the start, and each rule as a step.

A guard often fixes a variable (a location) to a constant; that constant is put in everywhere, so
that most questions are answered by arithmetic on constants and never reach a solver.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import field
from fractions import Fraction
from functools import cached_property

from ..dsl.records import dataclass
from ..dsl.types import Enum, Str
from ..semantics.expr import FALSE, TRUE, Expr, Op, Sort, const, inp, le, not_, var
from ..semantics.system import Input, Rule, TransitionSystem, Variable
from ..semantics.walks import fold, rebuild, substitute, variables

MOST_CASES = 16  # of one rule


def conjuncts(e: Expr) -> list[Expr]:
    """The parts of nested conjunctions; `not (a or b)` is one."""
    out: list[Expr] = []
    stack, seen = [e], set()
    while stack:
        node = stack.pop()
        if node.op is Op.AND:
            stack += (a for a in node.args if id(a) not in seen)
            seen |= {id(a) for a in node.args}
        elif node.op is Op.NOT and node.args[0].op is Op.OR:
            stack += (not_(a) for a in node.args[0].args)
        elif node is not TRUE:
            out.append(node)
    return out


def split(e: Expr, about: Set[int]) -> list[list[Expr]]:
    """Conjunctions of which one holds wherever the term does: disjunctions about some variables
    are taken apart, as long as there are few."""
    done: list[list[Expr]] = []
    todo = [conjuncts(e)]
    while todo:
        parts = todo.pop()
        room = MOST_CASES - len(done) - len(todo)
        for k, p in enumerate(parts):
            if p.op is Op.OR and len(p.args) <= room and variables([p]) & about:
                rest = [*parts[:k], *parts[k + 1 :]]
                todo += ([*rest, *conjuncts(a)] for a in p.args)
                break
        else:
            done.append(parts)
    return done[::-1]


def of_type(declared: Variable | Input, leaf: Expr) -> list[Expr]:
    """What the type says of a value that the environment chooses."""
    low, high = declared.lo, declared.hi
    if declared.sort is Sort.INT:
        if isinstance(declared.type, Enum):
            last = len(declared.type.values) - 1
            low, high = max(low or 0, 0), last if high is None else min(high, last)
        elif isinstance(declared.type, Str):
            low = max(low or 0, 0)
    if declared.sort is Sort.BOOL:
        return []
    number = Fraction if declared.sort is Sort.REAL else int
    return [
        *([le(const(number(low)), leaf)] if low is not None else []),
        *([le(leaf, const(number(high)))] if high is not None else []),
    ]


def pinned(parts: Iterable[Expr]) -> dict[int, Expr]:
    """Variables that a conjunction fixes to constants."""
    out: dict[int, Expr] = {}
    for part in parts:
        match part.op, part.args:
            case Op.EQ, (Expr(op=Op.VAR) as a, Expr(op=Op.CONST) as b):
                out.setdefault(a.index, b)
            case Op.VAR, _:
                out.setdefault(part.index, TRUE)
            case Op.NOT, (Expr(op=Op.VAR) as a,):
                out.setdefault(a.index, FALSE)
    return out


def replaced(e: Expr, values: dict[int, Expr], memo: dict[int, Expr] | None = None) -> Expr:
    """With terms for variables."""
    return substitute(e, lambda n: values.get(n.index, n) if n.op is Op.VAR else n, memo)


def settled(e: Expr, values: dict[int, Expr]) -> Expr:
    """The same, with everything that is constant then folded away, junctions included."""

    def build(node: Expr, args: list[Expr]) -> Expr:
        return values.get(node.index, node) if node.op is Op.VAR else rebuild(node, args)

    return fold(e, build)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Step:
    """A rule, or a part of one: when `premises` hold of the state before and the inputs, `updates`
    happen."""

    rule: Rule
    premises: list[Expr]
    pins: dict[int, Expr]
    updates: dict[int, Expr]

    def before(self, e: Expr) -> Expr:
        return settled(e, self.pins)

    def after(self, e: Expr) -> Expr:
        """A condition on the state after the step, as one on the state before."""
        return settled(e, self.pins | self.updates)

    def placed(self, pins: dict[int, Expr]) -> Step:
        """The same where more is fixed."""
        updates = {v: settled(e, pins) for v, e in self.updates.items()}
        premises = [p for q in self.premises if (p := settled(q, pins)) is not TRUE]
        return Step(self.rule, premises, pins, updates)

    def both(self, e: Expr) -> Expr:
        """A condition on the step, as one on the state before."""

        def leaf(node: Expr) -> Expr:
            if node.op is Op.POST:
                new = self.updates.get(node.index)
                return new if new is not None else self.before(var(node.index, node.sort))
            return self.pins.get(node.index, node) if node.op is Op.VAR else node

        return substitute(e, leaf)


@dataclass
class Model:
    """`steps` leaves out rules whose guard is plainly false: they never fire."""

    system: TransitionSystem
    values: dict[int, Expr] = field(default_factory=dict)  # of the first state
    _memo: dict[int, Expr] = field(default_factory=dict)
    _alive: list[Expr] = field(default_factory=list)
    _cases: dict[int, list[Step]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for v in self.system.variables:
            new = var(v.index, v.sort) if v.init is None else self.start(v.init)
            self.values[v.index] = new

    def start(self, e: Expr) -> Expr:
        """A condition on the first state, as one on what is chosen freely there."""
        self._alive.append(e)  # the memo is by identity
        return replaced(e, self.values, self._memo)

    @cached_property
    def beginning(self) -> list[Expr]:
        """What holds of the free values of the first state."""
        free = [v for v in self.system.variables if v.init is None]
        typed = [p for v in free for p in of_type(v, self.values[v.index])]
        allowed = not_(self.start(self.system.excluded))
        return [*typed, *conjuncts(self.start(self.system.initial)), *conjuncts(allowed)]

    @cached_property
    def steps(self) -> list[Step]:
        return [s for r in self.system.rules for s in self.cases(r)]

    def cases(self, rule: Rule) -> list[Step]:
        """A rule whose guard says `or` about places that it changes is several steps: all that
        the guard allows is allowed by one of them."""
        if rule.index not in self._cases:
            found = split(rule.guard, self.locations & {v for v, _ in rule.updates})
            self._cases[rule.index] = [s for p in found if (s := self.step(rule, p)) is not None]
        return self._cases[rule.index]

    def step(self, rule: Rule, parts: Sequence[Expr]) -> Step | None:
        """The rule where these parts of its guard hold; None: never."""
        pins = pinned(parts)
        updates = {v: settled(e, pins) for v, e in rule.updates}
        out = Step(rule, [], pins, updates)
        typed = [p for k, d in enumerate(rule.inputs) for p in of_type(d, inp(k, d.sort))]
        relation = conjuncts(out.both(rule.relation))
        premises = [*(out.before(p) for p in parts), *typed, *relation, *self.counted(out)]
        if any(p is FALSE for p in premises):
            return None
        out.premises.extend(p for p in premises if p is not TRUE)
        return out

    @cached_property
    def locations(self) -> frozenset[int]:
        return frozenset(t.location for t in self.system.threads)

    def counted(self, step: Step) -> list[Expr]:
        """Runs that come to an excluded state do not count."""
        excluded = self.system.excluded
        if excluded is FALSE:
            return []
        return [not_(step.before(excluded)), not_(step.after(excluded))]


def touched(e: Expr) -> set[int]:
    return variables([e]) | variables([e], Op.POST)
