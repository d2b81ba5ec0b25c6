"""What can be known about a system's rules before a run: which change can enable which rule.

A guard is a conjunction.  Three kinds of its parts are told apart, because they change at
different rates:

- *where*: the guard implies that one location variable has one of a few values.  Rules are
  indexed by that, so a step looks only at the rules of the points that it leaves and enters;
- *shared*: parts over variables of no instance (`used + 1 <= capacity`).  Rules with equal shared
  parts form one bucket that is opened and closed as a whole: when a unit of a pool is released,
  one condition is evaluated, not the guards of the thousand instances that wait for it;
- *private*: the rest, watched only while the rule's thread is at its point.  A private part that
  several rules have (`the branch that we all belong to is entered`) is a *gate*: it is evaluated
  once for all of them, and they hear of it only when it opens or shuts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import field

from ..dsl.records import dataclass
from ..semantics.expr import TRUE, Expr, Op, Scalar, and_
from ..semantics.system import RuleKind, TransitionSystem, VarKind
from ..semantics.walks import fold, variables
from .clock import Clock
from .collection import paused
from .compile import Compiler, Inputs, State, Step, Term, plain_step

Places = dict[int, frozenset[int]]  # location variable -> values that it must have

OPEN = 0  # the bucket without a shared condition


@dataclass(slots=True)
class Group:
    """The ends of one attempt, by index: those the environment chooses from, and time-outs."""

    outcomes: list[int] = field(default_factory=list)
    timeouts: list[int] = field(default_factory=list)

    @property
    def members(self) -> list[int]:
        return self.outcomes + self.timeouts


@dataclass(slots=True)
class Plan:
    """Indices by rule, variable and bucket; built once per system, not changed by runs."""

    system: TransitionSystem
    compiler: Compiler
    # location variable -> its value -> rules that need it; None for other variables
    at: list[dict[Scalar, tuple[int, ...]] | None]
    anywhere: list[int]  # rules of no location
    private: list[Term | None]
    watch: list[tuple[int, ...]]  # by rule: the variables that its private part reads
    gated: list[tuple[int, ...]]  # by rule: its gates
    gates: list[Term]
    reads: list[tuple[int, ...]]  # by gate: the variables that it reads
    bucket: list[int]  # by rule
    conditions: list[Term | None]  # by bucket
    opens: list[tuple[int, ...]]  # by variable: the buckets whose condition reads it
    groups: dict[int, Group]
    steps: list[Step | None]  # by rule: compiled when it fires often enough
    fired: bytearray
    clock: Clock
    delayed: list[bool]  # by rule
    asks: list[bool]  # by rule: whether the environment has a say when it fires
    attempt: list[int | None]  # by rule with a delay: its group
    choice: list[int | None]  # the same, without groups of one, where nothing is chosen

    def step(self, rule: int, state: State, inputs: Inputs) -> Sequence[tuple[int, Scalar]]:
        """Fire a rule that has no step function yet; it gets one when it fires again."""
        made = self.system.rules[rule]
        if not self.fired[rule]:
            self.fired[rule] = 1
            changed = plain_step(made, state)
            if changed is not None:
                return changed
        step = self.steps[rule] = self.compiler.step(made)
        return step(state, inputs)


def build_plan(system: TransitionSystem) -> Plan:
    """Analyse every guard; linear in the size of the rules."""
    with paused():
        return _build_plan(system)


def _build_plan(system: TransitionSystem) -> Plan:
    compiler = Compiler()
    size = len(system.variables)
    locations = {v.index for v in system.variables if v.kind is VarKind.LOCATION}
    common = {v.index for v in system.variables if v.instance is None} - locations
    written = {v for rule in system.rules for v, _ in rule.own}
    seen: set[int] = set()
    for rule in system.rules:
        if rule.bundle is not None and id(rule.bundle) not in seen:
            seen.add(id(rule.bundle))
            written |= {v for v, _ in rule.bundle.updates}

    memo: dict[int, Places] = {}
    at: list[dict[int, list[int]] | None] = [None] * size
    rules = system.rules
    delayed = [rule.delay is not None for rule in rules]
    plan = Plan(
        system=system,
        compiler=compiler,
        at=[],
        anywhere=[],
        private=[],
        watch=[],
        gated=[],
        gates=[],
        reads=[],
        bucket=[],
        conditions=[None],
        opens=[],
        groups={},
        steps=[None] * len(rules),
        fired=bytearray(len(rules)),
        clock=Clock(system),
        delayed=delayed,
        asks=[bool(rule.inputs) or rule.relation is not TRUE for rule in rules],
        attempt=[r.group if d else None for r, d in zip(rules, delayed, strict=True)],
        choice=[],
    )
    numbers: dict[tuple[object, ...], int] = {}
    opens: list[list[int]] = [[] for _ in range(size)]
    sharers = Counter(id(p) for rule in rules for p in conjuncts(rule.guard) if p.args)
    gates: dict[int, int] = {}  # by the part's id
    for rule in rules:
        parts = conjuncts(rule.guard)
        where = _choose(fold(rule.guard, lambda n, a: _places(n, a, locations), memo))
        if where is None:
            plan.anywhere.append(rule.index)
        else:
            table = at[where[0]]
            if table is None:
                table = at[where[0]] = {}
            for value in sorted(where[1]):
                table.setdefault(value, []).append(rule.index)
            parts = [p for p in parts if not _is_place(p, where)]
        shared: list[Expr] = []
        if rule.delay is None:
            # A clock belongs to one rule, so rules with a delay are not opened in bulk.
            shared = [p for p in parts if p.args and variables([p]) <= common]
        private = [p for p in parts if not any(p is q for q in shared)]
        common_parts = [p for p in private if _is_gate(p, sharers[id(p)])]
        for part in common_parts:
            if id(part) not in gates:
                gates[id(part)] = len(plan.gates)
                plan.gates.append(compiler.term(part))
                plan.reads.append(tuple(sorted(variables([part]) & written)))
        plan.gated.append(tuple(gates[id(p)] for p in common_parts))
        private = [p for p in private if id(p) not in gates]
        plan.private.append(compiler.term(and_(*private)) if private else None)
        reads = variables(private) & written
        if where is not None and len(where[1]) == 1:  # else its value tells more
            reads.discard(where[0])
        plan.watch.append(tuple(sorted(reads)))
        plan.bucket.append(_bucket(plan, shared, numbers, opens))
        if rule.group is not None and rule.delay is not None:
            group = plan.groups.setdefault(rule.group, Group())
            timeout = rule.kind is RuleKind.TIMEOUT
            (group.timeouts if timeout else group.outcomes).append(rule.index)
    plan.at = [
        None if table is None else {value: tuple(rules) for value, rules in table.items()}
        for table in at
    ]
    plan.opens = [tuple(b) for b in opens]
    lone = {g for g, group in plan.groups.items() if len(group.members) == 1}
    plan.choice = [None if g in lone else g for g in plan.attempt]
    return plan


def _is_gate(part: Expr, rules: int) -> bool:
    """Whether it is worth it: a plain comparison is evaluated as soon as its gate is looked up."""
    return rules > 1 and part.op in (Op.AND, Op.OR, Op.NOT, Op.ITE)


def _bucket(
    plan: Plan,
    shared: Sequence[Expr],
    numbers: dict[tuple[object, ...], int],
    opens: list[list[int]],
) -> int:
    if not shared:
        return OPEN
    condition = and_(*shared)
    key = plan.compiler.key(condition)
    number = numbers.get(key)
    if number is None:
        number = numbers[key] = len(plan.conditions)
        plan.conditions.append(plan.compiler.term(condition))
        for v in sorted(variables([condition])):
            opens[v].append(number)
    return number


def conjuncts(guard: Expr) -> list[Expr]:
    """The parts of a conjunction, each once, in order."""
    out: list[Expr] = []
    seen: set[int] = set()
    stack = [guard]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.op is Op.AND:
            stack.extend(reversed(node.args))
        elif node is not TRUE:
            out.append(node)
    return out


def _places(node: Expr, args: Sequence[Places], locations: set[int]) -> Places:
    """Location values that must hold where `node` does; a sound over-approximation."""
    match node.op:
        case Op.EQ:
            place, value = node.args
            if place.op is Op.CONST:
                place, value = value, place
            if place.op is Op.VAR and value.op is Op.CONST and place.index in locations:
                return {place.index: frozenset((value.index,))}
        case Op.AND:
            both: Places = {}
            for arg in args:
                for v, values in arg.items():
                    both[v] = both[v] & values if v in both else values
            return both
        case Op.OR if args:
            first, *rest = args
            return {
                v: values.union(*(r[v] for r in rest))
                for v, values in first.items()
                if all(v in r for r in rest)
            }
    return {}


def _choose(places: Places) -> tuple[int, frozenset[int]] | None:
    """The variable that says most: a thread that sits at its entry (0) says little."""
    if not places:
        return None
    return min(places.items(), key=lambda p: (0 in p[1], len(p[1]), p[0]))


def _is_place(part: Expr, where: tuple[int, frozenset[int]]) -> bool:
    """Whether the conjunct says no more than the index already does."""
    allowed = set()
    for node in part.args if part.op is Op.OR else (part,):
        if node.op is not Op.EQ:
            return False
        place, value = node.args
        if place.op is Op.CONST:
            place, value = value, place
        if place.op is not Op.VAR or place.index != where[0] or value.op is not Op.CONST:
            return False
        allowed.add(value.value)
    return where[1] <= allowed
