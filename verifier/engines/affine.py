"""Equalities between numbers that hold at a place: Karr's analysis (Karr 1976; the form over
generators is that of Müller-Olm and Seidl 2004).

Control is explored explicitly: places, truth values, and variables that only ever receive
constants.  At each control state the values of the other numbers span an affine space, kept as
generators in homogeneous coordinates: (1, x) for a point, (0, v) for a direction.  Steps map the
space by their updates; what is not affine, or answered by the environment, may become anything.
The equations that hold on all of the space are handed out as candidates for induction.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain, product
from math import lcm

from ...dsl.types import Enum
from ...semantics.expr import (
    FALSE,
    NUMBERS,
    TRUE,
    Expr,
    Op,
    Scalar,
    Sort,
    add,
    and_,
    const,
    eq,
    implies,
    ite,
    le,
    mul,
    not_,
    or_,
    to_real,
    var,
)
from ...semantics.symbolic import is_valid
from ...semantics.system import Obligation, Rule, TransitionSystem, VarKind
from ...semantics.walks import postorder, rebuild, substitute, variables
from .common import conjuncts, domain, fixed_by, placed, touched, whereabouts, written
from .linear import ZERO, Form, Span, Vector, dot, form_of, unit
from .slice import Slice, slice_for, without_claims_for

MOST_STATES = 600  # of control
MOST_NUMBERS = 24
MOST_TESTS = 3  # of data in one step, each followed both ways
MOST_VALUES = 8
MOST_CANDIDATES = 600
MOST_PLACES = 80
MOST_WRITERS = 12  # of a variable that may be counted

Control = tuple[Scalar, ...]
Place = tuple[tuple[int, Scalar], ...]  # of one thread, or of all


def suggest(system: TransitionSystem, goal: Obligation, seconds: float) -> list[Expr]:
    """Candidate invariants for the goal: equations, and what control says of truth values."""
    if goal.every_step:
        return []
    until = time.monotonic() + seconds
    out: list[Expr] = []
    alone = _of_its_thread(system, goal)
    if alone is not None:
        out += _under_way(system)
    for cone in (alone, without_claims_for(system, goal)):
        if cone is not None:
            analysis = _Analysis(cone, until)
            if 0 < len(analysis.numbers) <= MOST_NUMBERS and analysis.run():
                out += analysis.candidates()
    return out


def _of_its_thread(system: TransitionSystem, goal: Obligation) -> Slice | None:
    """The cone within the thread that the goal is about, whatever the others write; None where
    it is about none, or about the only one."""
    mine = {r.thread for r in system.rules if not written(r).isdisjoint(touched(goal.cond))}
    if goal.rule is not None:
        mine.add(system.rules[goal.rule].thread)
    others = [r for r in system.rules if r.thread not in mine]
    if len(mine) != 1 or not others:
        return None
    cut = {v.index for v in system.variables if v.kind is VarKind.USED}
    cut |= {v for r in others for v in written(r)} - {system.threads[t].location for t in mine}
    # What is cut says where the thread is while its branches move.
    rules = (replace(r, guard=and_(_where(system, r, *mine), r.guard)) for r in system.rules)
    return slice_for(replace(system, rules=tuple(rules)), [goal], cut)


def _where(system: TransitionSystem, rule: Rule, thread: int) -> Expr:
    """The places of a thread at which the rule may be taken, as far as its guard tells."""
    at = system.threads[thread].location
    pins = [fixed_by(conjuncts(c.guard)).get(at) for c in placed(system, rule)]
    return or_(FALSE, *(TRUE if p is None else eq(var(at, Sort.INT), p) for p in pins))


def _under_way(system: TransitionSystem) -> Iterator[Expr]:
    """A branch that is under way has a thread that waits for it."""
    for thread in system.threads:
        if thread.parent is not None and thread.fork is not None:
            above = var(system.threads[thread.parent].location, Sort.INT)
            none = eq(var(thread.location, Sort.INT), const(0))
            yield or_(none, eq(above, const(thread.fork)))


class _Analysis:
    def __init__(self, cone: Slice, deadline: float) -> None:
        self.system = cone.system
        self.deadline = deadline
        self.rules = [r for r in cone.system.rules if any(True for _ in r.updates)]
        kept = sorted(cone.variables)
        self.values = {v: vs for v in kept if (vs := self._values(v)) is not None}
        self.control = [v for v in kept if v in self.values]
        self.slot = {v: k for k, v in enumerate(self.control)}
        self.numbers = [
            v for v in kept if v not in self.values and self.system.variables[v].sort in NUMBERS
        ]
        self.column = {v: 1 + k for k, v in enumerate(self.numbers)}
        self.rules_at: dict[int, dict[Scalar, list[Rule]]] = {}  # by slot and value
        self.anywhere: list[Rule] = []
        for rule in self.rules:
            there = whereabouts(self.system, rule, self.slot)
            if there is None:
                self.anywhere.append(rule)
            else:
                table = self.rules_at.setdefault(self.slot[there[0]], {})
                table.setdefault(there[1], []).append(rule)
        self.spaces: dict[Control, Span] = {}
        self.steps: dict[Control, list[_Step]] = {}

    def _values(self, v: int) -> tuple[Scalar, ...] | None:
        """What a variable of control may hold; None for the others."""
        variable = self.system.variables[v]
        if variable.sort is Sort.BOOL:
            return (False, True)
        found: dict[Scalar, None] = {}
        if variable.init is None:
            small = domain(variable, MOST_VALUES)
            if small is None:
                return None
            found.update(dict.fromkeys(small))
        updates = [e for r in self.system.rules for w, e in r.updates if w == v]
        todo = [*updates, *([] if variable.init is None else [variable.init])]
        while todo:
            e = todo.pop()
            if e.op is Op.ITE:
                todo += e.args[1:]
            elif e.op is Op.CONST and e.value is not None and not isinstance(e.value, tuple):
                found[e.value] = None
            elif not (e.op is Op.VAR and e.index == v):
                return self._counted(v)
        wide = variable.kind is not VarKind.LOCATION and len(found) > MOST_VALUES
        return None if wide else tuple(found)

    def _counted(self, v: int) -> tuple[Scalar, ...] | None:
        """The values of a whole number that its own tests keep in a small range."""
        variable = self.system.variables[v]
        init = variable.init
        if variable.sort is not Sort.INT or init is None or init.op is not Op.CONST:
            return None
        assert isinstance(init.value, int)
        rules = [(r, e) for r in self.system.rules for w, e in r.updates if w == v]
        said = [init, *(e for _, e in rules)]
        for n in postorder([*(r.guard for r, _ in rules), *said]):
            if n.op is Op.ITE or (n.op in (Op.LE, Op.LT, Op.EQ) and v in variables([n])):
                said += n.args
        ends = [e.value for e in said if e.op is Op.CONST and isinstance(e.value, int)]
        x = var(v, Sort.INT)
        near = [e for e in ends if abs(e - init.value) < MOST_VALUES]
        low, high = min(near), max(near)

        def within(e: Expr) -> Expr:
            return and_(le(const(low), e), le(e, const(high)))

        if high - low >= MOST_VALUES or len(rules) > MOST_WRITERS:
            return None
        if all(is_valid(or_(not_(and_(within(x), r.guard)), within(e)), 100) for r, e in rules):
            return tuple(range(low, high + 1))
        return None

    # --- the fixed point --------------------------------------------------------------------

    def run(self) -> bool:
        """Whether the analysis came to an end."""
        todo: list[Control] = []
        for state, vectors in self._initial():
            todo += self._grow(state, vectors)
        while todo:
            state = todo.pop()
            if len(self.spaces) > MOST_STATES or time.monotonic() > self.deadline:
                return False
            for step in self._steps(state):
                for target, vectors in step.images(self.spaces[state].vectors()):
                    todo += self._grow(target, vectors)
        return True

    def _grow(self, state: Control, vectors: Iterable[Vector]) -> list[Control]:
        space = self.spaces.setdefault(state, Span())
        grown = [space.add(v) for v in vectors]
        return [state] if any(grown) else []

    def _initial(self) -> Iterator[tuple[Control, list[Vector]]]:
        free = [v for v in self.control if self.system.variables[v].init is None]
        for choice in product(*(self.values[v] for v in free)):
            known: dict[int, Expr] = {v: const(x) for v, x in zip(free, choice, strict=True)}
            vectors = [unit(len(self.numbers) + 1, 0)]
            for variable in self.system.variables:
                v, init = variable.index, variable.init
                if v in known or (v not in self.slot and v not in self.column):
                    continue
                term = None if init is None else _at(init, known)
                if v in self.slot:
                    if term is None or term.op is not Op.CONST:
                        return
                    known[v] = term
                    continue
                form = None if term is None else form_of(term, self.column)
                if form is None or form.inputs:
                    vectors.append(unit(len(self.numbers) + 1, self.column[v]))
                    continue
                # Directions of what was free before carry over to what is computed from it.
                at = self.column[v]
                for vector in vectors:
                    vector[at] = form.at(vector)
            yield tuple(_value(known[v]) for v in self.control), vectors

    def _steps(self, state: Control) -> list[_Step]:
        found = self.steps.get(state)
        if found is None:
            known = {v: const(state[k]) for v, k in self.slot.items()}
            found = self.steps[state] = []
            here = (table.get(state[k], ()) for k, table in self.rules_at.items())
            for rule in (*self.anywhere, *chain.from_iterable(here)):
                guard = _at(rule.guard, known)
                if not (guard.op is Op.CONST and guard.value is False):
                    found += _cases(self, rule, state, known, conjuncts(guard))
        return found

    # --- what was found ---------------------------------------------------------------------

    def candidates(self) -> list[Expr]:
        kinds = self.system.variables
        flags = [v for v in self.control if kinds[v].sort is Sort.BOOL]
        counted = [v for v in self.control if self._is_counted(v)]
        terms = [var(v, kinds[v].sort) for v in self.numbers]
        terms += [ite(var(v, Sort.BOOL), const(1), const(0)) for v in flags]
        terms += [var(v, Sort.INT) for v in counted]
        flags += counted
        threads = [v for v in self.control if self.system.variables[v].kind is VarKind.LOCATION]
        places: dict[Place, list[Control]] = {}
        for state in self.spaces:
            here = [(v, state[self.slot[v]]) for v in threads]
            for place in [*((one,) for one in here), *([tuple(here)] if len(here) > 1 else [])]:
                places.setdefault(place, []).append(state)
        whole = self._together(self.spaces, flags)
        size = 1 + len(terms)
        out = [e for form in whole.annihilators(size) if (e := self._equation(form, terms))]
        for thread in self.system.threads:
            if thread.location in self.slot:
                x = var(thread.location, Sort.INT)
                never = [p.id for p in thread.points if ((thread.location, p.id),) not in places]
                out += [not_(eq(x, const(p))) for p in never]
        if len(threads) > 1 and len(places) < MOST_PLACES:
            # Which places go together.
            out.append(or_(*(_at_place(p) for p in places if len(p) > 1)))
        spans: dict[Place, Span] = {}
        for place, states in sorted(places.items(), key=lambda p: len(p[0])):
            at = _at_place(place)
            if len(place) == 1:
                out += [implies(at, fact) for fact in self._fixed(states)]
            space = spans[place] = self._together(states, flags)
            wider = [whole, *(spans[(one,)] for one in place if len(place) > 1)]
            for form in space.annihilators(size):
                known = any(all(dot(form, row) == 0 for row in w.vectors()) for w in wider)
                equation = None if known else self._equation(form, terms)
                if equation is not None and len(out) < MOST_CANDIDATES:
                    out.append(implies(at, equation))
        return out

    def _is_counted(self, v: int) -> bool:
        """Is a number of control one that equations may speak of?"""
        variable = self.system.variables[v]
        plain = variable.kind not in (VarKind.LOCATION, VarKind.HIDDEN, VarKind.GHOST)
        return variable.sort is Sort.INT and plain and not isinstance(variable.type, Enum)

    def _together(self, states: Iterable[Control], flags: Sequence[int]) -> Span:
        """The span over several control states, with truth values and counts as numbers."""
        space = Span()
        for state in states:
            bits = [Fraction(int(state[self.slot[v]])) for v in flags]
            for row in self.spaces[state].vectors():
                space.add([*row, *(row[0] * b for b in bits)])
        return space

    def _fixed(self, states: Sequence[Control]) -> Iterator[Expr]:
        """Variables of control, places of other threads among them, that have few values there."""
        for v in self.control:
            variable = self.system.variables[v]
            values = {s[self.slot[v]] for s in states}
            if len(values) < min(len(self.values[v]), MOST_VALUES):
                x = var(v, variable.sort)
                yield or_(*(eq(x, const(c)) for c in sorted(values)))

    def _equation(self, form: Vector, terms: Sequence[Expr]) -> Expr | None:
        """`form = 0`, if it speaks of a number."""
        if not any(form[1 : 1 + len(self.numbers)]):
            return None
        scale = lcm(*(x.denominator for x in form))
        factors = [int(x * scale) for x in form]
        used = [(f, t) for f, t in zip(factors[1:], terms, strict=True) if f]
        real = any(t.sort is Sort.REAL for _, t in used)
        parts = [mul(const(Fraction(f)), to_real(t)) if real else mul(const(f), t) for f, t in used]
        total = const(Fraction(-factors[0]) if real else -factors[0])
        return eq(add(*parts), total)


class _Step:
    """One way to take a rule from a control state."""

    def __init__(
        self,
        analysis: _Analysis,
        targets: list[Control],
        forms: dict[int, Form | None],
        tests: list[Form],
    ) -> None:
        self.analysis = analysis
        self.targets = targets
        self.forms = forms
        self.tests = tests

    def images(self, vectors: list[Vector]) -> Iterator[tuple[Control, list[Vector]]]:
        for test in self.tests:
            vectors = self._meet(vectors, test)
        column = self.analysis.column
        size = len(column) + 1
        out = []
        inputs: dict[int, Vector] = {}
        for v, form in self.forms.items():
            if form is None:
                out.append(unit(size, column[v]))
            else:
                for k, c in form.inputs.items():
                    inputs.setdefault(k, [Fraction(0)] * size)[column[v]] += c
        out += inputs.values()
        for vector in vectors:
            new = list(vector)
            for v, form in self.forms.items():
                new[column[v]] = ZERO if form is None else form.at(vector)
            out.append(new)
        if any(vector[0] for vector in vectors):
            for target in self.targets:
                yield target, out

    def _meet(self, vectors: list[Vector], test: Form) -> list[Vector]:
        """The part of the space on which the form is zero."""
        values = [test.at(v) for v in vectors]
        at = next((k for k, x in enumerate(values) if x), None)
        if at is None:
            return vectors
        return [
            [a - x / values[at] * b for a, b in zip(v, vectors[at], strict=True)]
            for k, (v, x) in enumerate(zip(vectors, values, strict=True))
            if k != at
        ]


def _cases(
    analysis: _Analysis,
    rule: Rule,
    state: Control,
    known: Mapping[int, Expr],
    guard: Sequence[Expr],
) -> Iterator[_Step]:
    """Each way in which the tests of data inside the updates can come out."""
    updates = {
        v: _at(e, known) for v, e in rule.updates if v in analysis.slot or v in analysis.column
    }
    tests: dict[int, Expr] = {}
    for node in postorder(updates.values()):
        if node.op is Op.ITE:
            tests[id(node.args[0])] = node.args[0]
    if len(tests) > MOST_TESTS:
        tests = {}
    for truth in product((False, True), repeat=len(tests)):
        outcome = dict(zip(tests, truth, strict=True))
        decided = [t if outcome[k] else not_(t) for k, t in tests.items()]
        forms: dict[int, Form | None] = {}
        ways: list[Sequence[Scalar]] = [(x,) for x in state]
        for v, e in updates.items():
            term = _resolved(e, outcome)
            if v in analysis.column:
                forms[v] = form_of(term, analysis.column)
            elif term.op is Op.CONST:
                ways[analysis.slot[v]] = (_value(term),)
            else:
                ways[analysis.slot[v]] = analysis.values[v]
        equal = [
            form_of(_difference(p), analysis.column) for p in (*guard, *decided) if _is_equation(p)
        ]
        met = [form for form in equal if form is not None and not form.inputs]
        yield _Step(analysis, list(product(*ways)), forms, met)


def _at(e: Expr, known: Mapping[int, Expr]) -> Expr:
    return substitute(e, lambda n: known.get(n.index, n) if n.op is Op.VAR else n)


def _resolved(root: Expr, outcome: Mapping[int, bool]) -> Expr:
    """The term with its tests decided."""
    done: dict[int, Expr] = {}
    for node in postorder([root]):
        args = [done[id(a)] for a in node.args]
        if node.op is Op.ITE and id(node.args[0]) in outcome:
            done[id(node)] = args[1] if outcome[id(node.args[0])] else args[2]
        else:
            done[id(node)] = rebuild(node, args) if args else node
    return done[id(root)]


def _is_equation(e: Expr) -> bool:
    return e.op is Op.EQ and e.args[0].sort in NUMBERS


def _difference(e: Expr) -> Expr:
    a, b = e.args
    if a.sort is not b.sort:
        a, b = to_real(a), to_real(b)
    return add(a, mul(const(Fraction(-1) if b.sort is Sort.REAL else -1), b))


def _at_place(place: Place) -> Expr:
    return and_(*(eq(var(v, Sort.INT), const(x)) for v, x in place))


def _value(e: Expr) -> Scalar:
    assert e.value is not None
    return e.value
