"""Candidate invariants from the spec's own terms.  Guesses: Houdini keeps what is inductive."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from itertools import combinations, permutations

from ...dsl.types import Enum
from ...semantics.expr import (
    NUMBERS,
    Expr,
    Op,
    Scalar,
    Sort,
    and_,
    const,
    eq,
    implies,
    le,
    lt,
    mod,
    not_,
    or_,
    sub,
)
from ...semantics.expr import var as variable_term
from ...semantics.system import Obligation, Rule, Thread, TransitionSystem, Variable, VarKind
from ...semantics.walks import postorder, variables
from .common import conjuncts, fixed_by, touched
from .potentials import potentials
from .slice import slice_for

LIMIT = 1500
MOST_PAIRS = 30
MOST_TIMES = 6
MOST_FAR = 60  # pairs of a thread and a variable, if it need not write it
CONTROL = (VarKind.LOCATION, VarKind.USED)


class _Collector:
    def __init__(self) -> None:
        self.found: list[Expr] = []
        self._keys: set[str] = set()

    def add(self, expr: Expr) -> None:
        if expr.op is Op.CONST or len(self.found) >= LIMIT or len(variables([expr])) > 6:
            return
        key = repr(expr)
        if key not in self._keys:
            self._keys.add(key)
            self.found.append(expr)


def ranges(system: TransitionSystem, goals: Sequence[Obligation]) -> list[Expr]:
    """Of what may matter for the goals: the bounds that are declared, not being negative, and how
    much of it can have been added up where control is."""
    out = _Collector()
    cone = slice_for(system, goals)
    data = [system.variables[i] for i in sorted(cone.variables)]
    data = [v for v in data if v.kind not in CONTROL]
    for variable in data:
        _bounds(out, variable)
    asked = set().union(*(touched(g.cond) for g in goals))
    for bound in potentials(system, cone.system.rules, data, asked):
        out.add(bound)
    return out.found


def templates(
    system: TransitionSystem, goals: Sequence[Obligation], given: Iterable[Expr] = ()
) -> list[Expr]:
    """Bounds, constants and relations that the spec mentions, also per point of a thread."""
    used = [v.index for v in system.variables if v.kind is VarKind.USED]
    cone = slice_for(system, goals, used)
    data = [
        system.variables[i]
        for i in sorted(cone.variables)
        if system.variables[i].kind not in CONTROL
    ]
    rules = list(cone.system.rules)
    out = _Collector()
    atoms = _atoms(system, goals, rules, {v.index for v in data})
    for variable in data:
        _bounds(out, variable)
    times = _times(system, rules, cone.variables)
    for a, b in permutations(times, 2):
        out.add(le(a, b))
    for atom in atoms:
        out.add(atom)
        out.add(not_(atom))
        _related(out, atom)
    _strides(out, atoms, rules)
    for variable in data:
        _constants(out, system, variable, rules)
    _in_step(out, data, rules)
    asked = set().union(*(touched(g.cond) for g in goals))
    for bound in potentials(system, rules, data, asked):
        out.add(bound)
    own: dict[int, set[int]] = {}  # what the rules of a thread write
    for rule in rules:
        own.setdefault(rule.thread, set()).update(v for v, _ in rule.updates)
    threads = [t for t in system.threads if t.location in cone.variables]
    _under_way(out, system, threads)
    values = {v.index: _values(system, v, rules) for v in data}
    points = {t.id: _visited(rules, t.location) for t in threads}
    # With many threads there is not room for all: only for what a thread itself does.
    few = len(threads) * len(data) <= MOST_FAR
    for mine in (True, False) if few else (True,):
        for thread in threads:
            location = variable_term(thread.location, Sort.INT)
            near = [v for v in data if v.instance in (None, thread.instance)]
            reach, wrote = {v.index for v in near}, own.get(thread.id, set())
            said = [a for a in atoms if variables([a]) <= reach]
            said = [a for a in said if bool(variables([a]) & wrote) is mine]
            near = [v for v in near if (v.index in wrote) is mine]
            for point in points[thread.id]:
                here = eq(location, const(point))
                for a, b in permutations(times, 2) if mine and few else ():
                    out.add(implies(here, le(a, b)))
                for atom in said:
                    out.add(implies(here, atom))
                    out.add(implies(here, not_(atom)))
                for v in near:
                    term = variable_term(v.index, v.sort)
                    for value in values[v.index]:
                        out.add(implies(here, eq(term, Expr(Op.CONST, (), v.sort, value))))
    _where_taken(out, rules, own, {t.location for t in system.threads}, atoms)
    return out.found


def _times(system: TransitionSystem, rules: Sequence[Rule], cone: Collection[int]) -> list[Expr]:
    """What has been read from the clock, and when it was read last."""
    found = {system.clock} if system.clock in cone else set()
    for rule in rules:
        for v, e in rule.updates:
            if v in cone and e.op is Op.INPUT and rule.inputs[e.index].clock:
                found.add(v)
    read = sorted(v for v in found if v is not None)
    return [variable_term(v, Sort.REAL) for v in read[:MOST_TIMES]]


def _under_way(out: _Collector, system: TransitionSystem, threads: Sequence[Thread]) -> None:
    """A branch has begun only while its parent is at the fork."""
    known = {t.id for t in threads}
    for t in threads:
        if t.parent in known and t.parent is not None and t.fork is not None:
            above = variable_term(system.threads[t.parent].location, Sort.INT)
            here = variable_term(t.location, Sort.INT)
            out.add(or_(eq(here, const(0)), eq(above, const(t.fork))))


def _where_taken(
    out: _Collector,
    rules: Sequence[Rule],
    own: dict[int, set[int]],
    places: set[int],
    atoms: Sequence[Expr],
) -> None:
    """What a thread writes, wherever it and those above it are when it takes a step."""
    for rule in rules:
        here = and_(*(p for p in conjuncts(rule.guard) if variables([p]) <= places))
        if len(variables([here])) < 2:
            continue
        for atom in atoms:
            if variables([atom]) <= own[rule.thread]:
                out.add(implies(here, atom))
                out.add(implies(here, not_(atom)))


def _bounds(out: _Collector, variable: Variable) -> None:
    term = variable_term(variable.index, variable.sort)
    if variable.sort not in NUMBERS:
        return
    zero = Expr(Op.CONST, (), variable.sort, _zero(variable.sort))
    low, high = variable.lo, variable.hi
    if isinstance(variable.type, Enum):
        low, high = 0, len(variable.type.values) - 1
    if variable.sort is Sort.INT:
        if low is not None:
            out.add(le(const(low), term))
        if high is not None:
            out.add(le(term, const(high)))
    out.add(le(zero, term))


def _zero(sort: Sort) -> Scalar:
    return Fraction(0) if sort is Sort.REAL else 0


def _constants(
    out: _Collector, system: TransitionSystem, variable: Variable, rules: Sequence[Rule]
) -> None:
    """It stays constant, or takes only the values that are assigned to it."""
    term = variable_term(variable.index, variable.sort)
    values = _values(system, variable, rules)
    if values and len(values) <= 4:
        named = [Expr(Op.CONST, (), variable.sort, v) for v in values]
        parts = [eq(term, c) for c in named]
        if variable.sort in NUMBERS and not isinstance(variable.type, Enum):
            for c in named:
                out.add(le(c, term))
                out.add(le(term, c))
        out.add(or_(*parts))
        for part in parts:
            out.add(part)


def _in_step(out: _Collector, data: Sequence[Variable], rules: Sequence[Rule]) -> None:
    """Numbers that some rule changes by the same amount: equal, or one ahead of the other."""
    known = {v.index: v for v in data if v.sort is Sort.INT}
    seen: set[tuple[int, int]] = set()
    for rule in rules:
        grown: dict[Scalar, list[int]] = {}
        for v, e in rule.updates:
            amount = _grows_by(v, e) if v in known else None
            if amount is not None:
                grown.setdefault(amount, []).append(v)
        for group in grown.values():
            for a, b in combinations(sorted(group), 2):
                if (a, b) not in seen and len(seen) < MOST_PAIRS:
                    seen.add((a, b))
                    x, y = variable_term(a, Sort.INT), variable_term(b, Sort.INT)
                    for compare in (eq(x, y), le(x, y), le(y, x)):
                        out.add(compare)


def _strides(out: _Collector, atoms: Sequence[Expr], rules: Sequence[Rule]) -> None:
    """Of `x != y`: that their distance is a multiple of what the two ever grow by."""
    for atom in atoms:
        if atom.op is not Op.EQ or atom.args[0].sort is not Sort.INT:
            continue
        stride = 0
        for rule in rules:
            for v, e in rule.updates:
                amount = _grows_by(v, e) if v in variables([atom]) else None
                stride = math.gcd(stride, int(amount)) if amount is not None else stride
        if stride > 1:
            out.add(eq(mod(sub(*atom.args), const(stride)), const(0)))


def _grows_by(v: int, e: Expr) -> Scalar | None:
    """The constant of `v := v + constant`."""
    if e.op is Op.ADD and len(e.args) == 2:
        x, c = e.args
        if x.op is Op.VAR and x.index == v and c.op is Op.CONST:
            return c.value
    return None


def _values(system: TransitionSystem, variable: Variable, rules: Sequence[Rule]) -> list[Scalar]:
    found: dict[Scalar, None] = {}
    terms = [e for r in rules for v, e in r.updates if v == variable.index]
    if variable.init is not None:
        terms.append(variable.init)
    for term in terms:
        stack = [term]
        while stack:
            node = stack.pop()
            if node.op is Op.ITE:
                stack.extend(node.args[1:])
            elif node.op is Op.CONST and node.value is not None and len(found) < 8:
                found[node.value] = None
    return list(found)


def _visited(rules: Sequence[Rule], location: int) -> list[int]:
    """Points that rules of the cone test or set."""
    points: set[int] = set()
    for rule in rules:
        pin = fixed_by(conjuncts(rule.guard)).get(location)
        if pin is not None and isinstance(pin.value, int):
            points.add(pin.value)
        for v, e in rule.updates:
            if v == location:
                points.update(
                    n.value for n in postorder([e]) if n.op is Op.CONST and type(n.value) is int
                )
    return sorted(points)


def _atoms(
    system: TransitionSystem, goals: Sequence[Obligation], rules: Sequence[Rule], data: set[int]
) -> list[Expr]:
    """Comparisons over data in goals, guards and the initial condition, and Boolean data."""
    roots = [g.cond for g in goals] + [r.guard for r in rules]
    roots += [e for r in rules for _, e in r.updates] + [system.initial]
    out: dict[str, Expr] = {}
    for node in postorder(roots):
        if node.sort is not Sort.BOOL or node.op in (Op.AND, Op.OR, Op.NOT, Op.ITE, Op.CONST):
            continue
        if any(n.op in (Op.INPUT, Op.POST) for n in postorder([node])):
            continue
        mentioned = variables([node])
        if mentioned and mentioned <= data and len(mentioned) <= 4:
            out.setdefault(repr(node), node)
    return list(out.values())[:60]


def _related(out: _Collector, atom: Expr) -> None:
    """The same two sides, compared otherwise."""
    if atom.op in (Op.LE, Op.LT, Op.EQ) and atom.args[0].sort in NUMBERS:
        a, b = atom.args
        for compare in (le, lt, eq):
            out.add(compare(a, b))
            out.add(compare(b, a))
