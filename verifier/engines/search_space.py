"""The successor function of the search: explicit control, symbolic data.

A state is a tuple of values and a path condition.  A variable is *symbolic* when it may receive
data that is not enumerated; its value is then a Python scalar or a term of `Terms`.  All other
variables always have Python scalars: where an update of one of them depends on a symbolic
condition, the step is split in two.  Rules that read no symbolic variable run as compiled code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op, Scalar
from ...semantics.system import Rule, TransitionSystem
from ...semantics.walks import variables
from .common import conjuncts, normal, read, whereabouts, written
from .search_compile import Fire, Test, Values, compile_rule, compile_state
from .search_shape import enumerated, input_domains, split_on, symbolic_variables, unit
from .search_terms import NOTHING, Condition, Terms


class Unsupported(Exception):
    """A construction that the search cannot treat exactly."""


class State(NamedTuple):
    values: Values
    condition: Condition


class Move(NamedTuple):
    """A step.  `inputs` has None for symbolic ones.  `during` is the path condition when the
    step is taken, before dead parts are dropped; `symbols` are the terms of the inputs.
    `sure`: every concrete state of the source can take it (with some of its outcomes).
    """

    rule: Rule
    inputs: tuple[Scalar | None, ...]
    target: State
    during: Condition
    answers: tuple[Expr, ...] = ()
    sure: bool = True


@dataclass(slots=True)
class _Plan:
    """How to take a rule that deals with symbolic data."""

    rule: Rule
    test: Test  # the conjuncts of the guard over plain variables
    guard: list[Expr]  # the others
    domains: list[tuple[Scalar, ...] | None]
    updates: list[tuple[int, Expr]]
    guard_slots: list[int]  # what the guard reads
    slots: list[int]  # what relation and updates read
    guards: dict[Values, list[Expr]] = field(default_factory=dict)  # by the values read
    effects: dict[tuple[Values, tuple[Expr, ...]], tuple[Expr, list[tuple[int, Any]]]] = field(
        default_factory=dict
    )


Tables = list[tuple[int, dict[Scalar, list[Fire | _Plan]]]]  # by slot, then by its value


class Space:
    """Successors of the states of a system (perhaps a slice of it)."""

    def __init__(self, system: TransitionSystem, kept: Iterable[int] | None = None) -> None:
        everything = [v.index for v in system.variables]
        self.kept = everything if kept is None else sorted(kept)
        self.system = normal(system, set(self.kept))
        self.slots = {v: at for at, v in enumerate(self.kept)}
        self.terms = Terms()
        self.enumerated = enumerated(self.system, self.kept)
        self._domains = {r.index: input_domains(r.inputs) for r in self.system.rules}
        self.symbolic = symbolic_variables(self.system, self.kept, self.enumerated, self._domains)
        self.plain = [v not in self.symbolic for v in self.kept]
        self._plain_slots = [at for at, plain in enumerate(self.plain) if plain]
        self.excluded = self.system.excluded
        self.excluded_plain: Test | None = None
        if self.excluded is not FALSE and not self.is_symbolic(self.excluded):
            self.excluded_plain = compile_state([self.excluded], self.slots)
        self._writes_symbolic = {
            r.index: bool(written(r) & self.symbolic) for r in self.system.rules
        }

    # --- classification ---------------------------------------------------------------------

    def is_symbolic(self, expr: Expr) -> bool:
        return not self.symbolic.isdisjoint(variables([expr]))

    @cached_property
    def _actions(self) -> tuple[list[Fire | _Plan], Tables]:
        """Of the rules that may fire anywhere, and by the value of a slot; made when first asked
        for: a search of packed states asks for few steps, or none."""
        always: list[Fire | _Plan] = []
        tables: dict[int, dict[Scalar, list[Fire | _Plan]]] = {}
        plain = self.slots.keys() - self.symbolic
        for rule in self.system.rules:
            if rule.guard is FALSE:
                continue
            there = whereabouts(self.system, rule, plain)
            action = self._action(rule, dict([there]) if there is not None else {})
            if there is not None:
                tables.setdefault(there[0], {}).setdefault(there[1], []).append(action)
            else:
                always.append(action)
        return always, [(self.slots[v], table) for v, table in sorted(tables.items())]

    def _action(self, rule: Rule, known: dict[int, Scalar]) -> Fire | _Plan:
        domains = self._domains[rule.index]
        if self.symbolic.isdisjoint(read(rule)):
            if all(d is not None for d in domains):
                return compile_rule(rule, self.slots, known, [d for d in domains if d is not None])
        plain = [c for c in conjuncts(rule.guard) if not self.is_symbolic(c)]
        other = [c for c in conjuncts(rule.guard) if self.is_symbolic(c)]
        updates = [(v, e) for v, e in rule.updates if v in self.slots]
        reads = variables([rule.relation, *(e for _, e in updates)])
        return _Plan(
            rule,
            compile_state(plain, self.slots),
            other,
            domains,
            updates,
            sorted(self.slots[v] for v in variables(other)),
            sorted(self.slots[v] for v in reads),
        )

    def input_domains(self, rule: int) -> list[tuple[Scalar, ...]]:
        """The values of each input of a rule; raises Unsupported if they are not enumerated."""
        found = [d for d in self._domains[rule] if d is not None]
        if len(found) < len(self._domains[rule]):
            raise Unsupported("an answer of the environment has too many values")
        return found

    # --- states -----------------------------------------------------------------------------

    def initial(self) -> Iterator[State]:
        """The initial states; free variables of small types enumerated, others symbols."""
        names = list(self.enumerated)
        for choice in product(*self.enumerated.values()):
            yield from self._start(dict(zip(names, choice, strict=True)))

    def _start(self, chosen: dict[int, Scalar]) -> Iterator[State]:
        env: dict[int, Expr] = {}
        memo: dict[int, Expr] = {}

        def leaf(node: Expr) -> Expr:
            return env[node.index]

        for i in self.kept:
            variable = self.system.variables[i]
            if i in chosen:
                env[i] = self.terms.const(chosen[i])
            elif variable.init is None:
                env[i] = self.terms.symbol(("initial", i), variable.sort)
            else:
                env[i] = self.terms.evaluate(variable.init, leaf, memo)
        condition = self.terms.extend(NOTHING, self.terms.evaluate(self.system.initial, leaf, memo))
        if condition is None or self.terms.possible(condition) is False:
            return
        for values, split in self._settle([_value(env[i]) for i in self.kept], condition):
            state = self._state(values, split)
            if state is not None:
                yield state

    def term(
        self,
        expr: Expr,
        state: State,
        answers: Sequence[Expr] = (),
        target: State | None = None,
    ) -> Expr:
        """A condition read in a state (and its inputs, and the state after)."""

        def leaf(node: Expr) -> Expr:
            if node.op is Op.INPUT:
                return answers[node.index]
            values = state.values
            if node.op is Op.POST:
                assert target is not None
                values = target.values
            value = values[self.slots[node.index]]
            return value if isinstance(value, Expr) else self.terms.const(value)

        return self.terms.evaluate(expr, leaf, {})

    def _state(self, values: list[Any], condition: Condition) -> State | None:
        """Known equalities put in, what is not about the store left out.

        None when the condition turns out false (the solver had not known).
        """
        terms = self.terms
        while True:
            fixed = next(filter(None, map(unit, condition)), None)
            if fixed is None:
                break
            symbol, value = fixed
            owned = terms.own(value)
            values = [
                _value(terms.replace(v, symbol, owned)) if isinstance(v, Expr) else v
                for v in values
            ]
            extended = terms.extend(NOTHING, *(terms.replace(c, symbol, owned) for c in condition))
            if extended is None:
                return None
            condition = extended
        if condition:
            condition = terms.live(condition, [v for v in values if isinstance(v, Expr)])
        return State(tuple(values), condition)

    # --- steps ------------------------------------------------------------------------------

    def moves(self, state: State) -> list[Move]:
        """All steps from a state, in the order of the rules' tables."""
        values, condition = state
        fast: list[tuple[Rule, Values, Values]] = []
        out: list[Move] = []
        always, tables = self._actions
        for slot, table in tables:
            actions = table.get(values[slot])
            if actions is not None:
                for action in actions:
                    if isinstance(action, _Plan):
                        out.extend(self._take(action, state))
                    else:
                        action(values, fast)
        for action in always:
            if isinstance(action, _Plan):
                out.extend(self._take(action, state))
            else:
                action(values, fast)
        for rule, inputs, after in fast:
            target = State(after, condition)
            if condition and self._writes_symbolic[rule.index]:
                kept = self._state(list(after), condition)
                if kept is None:
                    continue
                target = kept
            answers = tuple(map(self.terms.const, inputs)) if condition else ()
            out.append(Move(rule, inputs, target, condition, answers))
        return out

    def guards(self, state: State) -> Iterator[tuple[Expr, Expr]]:
        """The symbolic parts of the guards that decide what can fire here, and their terms."""
        always, tables = self._actions
        actions = list(always)
        for slot, table in tables:
            actions += table.get(state.values[slot], ())
        for action in actions:
            if isinstance(action, _Plan) and action.guard and action.test(state.values):
                for part in action.guard:
                    term = self.term(part, state)
                    if term.op is not Op.CONST:
                        yield part, term

    def _take(self, plan: _Plan, state: State) -> Iterator[Move]:
        if not plan.test(state.values):
            return
        read_values = tuple(state.values[slot] for slot in plan.guard_slots)
        guard = plan.guards.get(read_values)
        if guard is None:
            guard = [self.term(part, state) for part in plan.guard]
            plan.guards[read_values] = guard
        enabled = self.terms.extend(state.condition, *guard)
        if enabled is None or self.terms.possible(enabled) is False:
            return
        fresh = self._fresh(plan, state) if None in plan.domains else {}
        options = [(None,) if d is None else d for d in plan.domains]
        for inputs in product(*options):
            answers = tuple(
                fresh[k] if value is None else self.terms.const(value)
                for k, value in enumerate(inputs)
            )
            yield from self._answer(plan, state, enabled, inputs, answers)

    def _used(self, state: State) -> frozenset[int]:
        """The symbols in a state."""
        terms = [v for v in state.values if isinstance(v, Expr)]
        return frozenset().union(*map(self.terms.symbols, (*terms, *state.condition)))

    def _fresh(self, plan: _Plan, state: State) -> dict[int, Expr]:
        """A symbol for each input that is not enumerated; none that is in use."""
        used = self._used(state)
        out: dict[int, Expr] = {}
        for k, values in enumerate(plan.domains):
            if values is not None:
                continue
            sort = plan.rule.inputs[k].sort
            generation = 0
            while True:
                symbol = self.terms.symbol((plan.rule.index, k, generation), sort)
                if symbol.index not in used:
                    break
                generation += 1
            out[k] = symbol
        return out

    def _answer(
        self,
        plan: _Plan,
        state: State,
        enabled: Condition,
        inputs: tuple[Scalar | None, ...],
        answers: tuple[Expr, ...],
    ) -> Iterator[Move]:
        relation, updates = self._effect(plan, state, answers)
        condition = self.terms.extend(enabled, relation)
        if condition is None or self.terms.possible(condition) is False:
            return
        # Every concrete state can do it when nothing new is asked of the old symbols.
        sure = True
        if condition is not state.condition:
            old = self._used(state)
            new = condition - state.condition
            sure = all(old.isdisjoint(self.terms.symbols(part)) for part in new)
            sure = sure and self.terms.possible(condition) is True
        store = list(state.values)
        for slot, value in updates:
            store[slot] = value
        for values, split in self._settle(store, condition):
            target = self._state(values, split)
            if target is not None:
                yield Move(plan.rule, inputs, target, split, answers, sure)

    def _effect(
        self, plan: _Plan, state: State, answers: tuple[Expr, ...]
    ) -> tuple[Expr, list[tuple[int, Any]]]:
        """The relation and the new values; remembered by the values that they depend on."""
        key = (tuple(state.values[slot] for slot in plan.slots), answers)
        found = plan.effects.get(key)
        if found is None:
            relation = self.term(plan.rule.relation, state, answers)
            found = (
                relation,
                [(self.slots[v], _value(self.term(e, state, answers))) for v, e in plan.updates],
            )
            plan.effects[key] = found
        return found

    def _settle(
        self, store: list[Any], condition: Condition
    ) -> Iterator[tuple[list[Any], Condition]]:
        """Splits until every plain variable has a constant."""
        for at in self._plain_slots:
            if isinstance(store[at], Expr):
                break
        else:
            yield store, condition
            return
        test = split_on(store[at])
        if test is None:
            name = self.system.variables[self.kept[at]].name
            raise Unsupported(f"{name} would hold a value that is not known")
        for value in (TRUE, FALSE):
            part = test if value is TRUE else self.terms.negate(test)
            extended = self.terms.extend(condition, part)
            if extended is None or self.terms.possible(extended) is False:
                continue
            known = self.terms.own(value)
            simpler = [
                _value(self.terms.replace(t, test, known)) if isinstance(t, Expr) else t
                for t in store
            ]
            yield from self._settle(simpler, extended)


def _value(term: Expr) -> Any:
    """A constant's value, or the term."""
    return term.value if term.op is Op.CONST else term
