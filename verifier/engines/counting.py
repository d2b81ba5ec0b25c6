"""What branches side by side have added up, as a function of where they stand.

A place invariant with data (Lautenbach 1975; Colom and Silva 1991): for a number that every step
changes by a constant, look for a weight for each place of each thread such that every step
changes the sum of the weights by the same constant.  One linear equation for each rule, solved
exactly; where there is a solution, `x = start + weights of the places` is handed out as a
candidate for induction.  Its size is the number of places, not of their combinations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

from ...semantics.expr import NUMBERS, Expr, Op, Sort, add, and_, const, eq, implies, ite, var
from ...semantics.system import Obligation, Rule, TransitionSystem, VarKind
from ...semantics.walks import variables
from .common import conjuncts, may_stand
from .linear import form_of
from .slice import Slice, without_claims_for

MOST_PLACES = 800
MOST_RULES = 1_500
MOST_CASES = 8  # alternatives of one guard

Place = tuple[int, int]  # a location variable and its value
Equation = tuple[dict[Place, Fraction], Fraction]
Forks = Mapping[int, tuple[int, frozenset[int]]]  # by location: of its parent, and where that waits


def suggest(
    system: TransitionSystem,
    goal: Obligation,
    above: Mapping[int, Collection[int]] = MappingProxyType({}),
) -> list[Expr]:
    """Candidate invariants, one for each number in the goal's cone that has weights.

    `above`: by thread, where the one that forks it is while it runs, if not at the fork only.
    """
    if goal.every_step:
        return []
    cone = without_claims_for(system, goal)
    places, forks = standing(cone, above)
    rules = [r for r in cone.system.rules if any(True for _ in r.updates)]
    if not places or sum(map(len, places.values())) > MOST_PLACES or len(rules) > MOST_RULES:
        return []
    moves = [_moves(r, places, forks) for r in rules]
    out = []
    for v in sorted(cone.variables):
        variable = cone.system.variables[v]
        constants = (VarKind.ARG, VarKind.PARAM)
        if variable.sort in NUMBERS and variable.kind not in (*constants, VarKind.LOCATION):
            found = _candidate(cone.system, v, rules, moves, places)
            out += found
    return [*out, *at_rest(places, forks)] if out else []


def standing(
    cone: Slice, above: Mapping[int, Collection[int | None]]
) -> tuple[dict[int, list[int]], Forks]:
    """By location: its places, and where its parent waits for it."""
    threads = cone.system.threads
    places = {t.location: [p.id for p in t.points] for t in threads if t.location in cone.variables}
    forks = {
        t.location: (threads[t.parent].location, frozenset(above.get(t.id, (t.fork,))))
        for t in threads
        if t.parent is not None and t.fork is not None and threads[t.parent].location in places
    }
    return places, forks  # type: ignore[return-value]


def possible(
    rule: Rule, places: Mapping[int, Sequence[int]], forks: Forks
) -> dict[int, frozenset[int]]:
    """By location: where a thread that the rule moves may be before it."""
    moved = [v for v, _ in rule.updates if v in places]
    out: dict[int, frozenset[int]] = {v: frozenset() for v in moved}
    for case in _cases(rule.guard):
        found = _possible(case, moved, places, forks) or {}
        out = {v: here | found.get(v, frozenset()) for v, here in out.items()}
    return out


def at_rest(places: Mapping[int, Sequence[int]], forks: Forks) -> Iterator[Expr]:
    """A branch is at its entry while the thread that forks it is elsewhere."""
    for location, (parent, waiting) in forks.items():
        resting = eq(var(location, Sort.INT), const(0))
        for p in places[parent] if location in places else ():
            if p not in waiting:
                yield implies(eq(var(parent, Sort.INT), const(p)), resting)


def _candidate(
    system: TransitionSystem,
    v: int,
    rules: Sequence[Rule],
    moves: Sequence[list[list[Equation]]],
    places: Mapping[int, Sequence[int]],
) -> list[Expr]:
    """`x = start + weights`; and what that comes to where only one thread is not at its entry."""
    variable = system.variables[v]
    fixed = {x.index for x in system.variables if x.kind in (VarKind.ARG, VarKind.PARAM)}
    if variable.init is None or not variables([variable.init]) <= fixed:
        return []
    equations: list[Equation] = []
    changed = False
    for rule, mine in zip(rules, moves, strict=True):
        update = next((e for w, e in rule.updates if w == v), None)
        change = Fraction(0)
        if update is not None:
            form = form_of(update, {v: 1})
            if form is None or form.inputs or form.columns.get(1) != 1:
                return []
            change = form.columns.get(0, Fraction(0))
            changed |= change != 0
        for (moved, _), *same in mine:
            equations += [(moved, change), *same]
    weights = _solved(equations) if changed else None
    if weights is None:
        return []
    real = variable.sort is Sort.REAL
    if not real and any(w.denominator != 1 for w in weights.values()):
        return []

    def number(x: Fraction) -> Expr:
        return const(x if real else int(x))

    start = Fraction(0)
    parts: list[Expr] = [variable.init]
    for location, values in places.items():
        init = system.variables[location].init
        if init is None or init.op is not Op.CONST:
            return []
        start -= weights.get((location, int(init.value or 0)), Fraction(0))
        term = number(Fraction(0))
        for at in values:
            weight = weights.get((location, at), Fraction(0))
            if weight:
                term = ite(eq(var(location, Sort.INT), const(at)), number(weight), term)
        parts.append(term)
    x = var(v, variable.sort)
    out = [eq(x, add(*parts, number(start)))]
    entries = sum((weights.get((w, 0), Fraction(0)) for w in places), Fraction(0))
    for location, values in places.items():
        others = start + entries - weights.get((location, 0), Fraction(0))
        for at in values:
            total = number(others + weights.get((location, at), Fraction(0)))
            here = eq(var(location, Sort.INT), const(at))
            out.append(implies(here, eq(x, add(variable.init, total))))
    return out


def _moves(rule: Rule, places: Mapping[int, Sequence[int]], forks: Forks) -> list[list[Equation]]:
    """For each way in which the guard may hold: by how much the weights change (first), and what
    has to be equal for that to be sure."""
    out: list[list[Equation]] = []
    for case in _cases(rule.guard):
        found = _one_way(rule, case, places, forks)
        if found is not None:
            out.append(found)
    return out


def _cases(guard: Expr) -> list[Expr]:
    """The guard as alternatives, as far as they are few."""
    cases: list[list[Expr]] = [[]]
    for part in conjuncts(guard):
        options = part.args if part.op is Op.OR else (part,)
        if len(cases) * len(options) <= MOST_CASES:
            cases = [[*case, option] for case in cases for option in options]
        else:
            cases = [[*case, part] for case in cases]
    return [and_(*case) for case in cases]


def _one_way(
    rule: Rule, guard: Expr, places: Mapping[int, Sequence[int]], forks: Forks
) -> list[Equation] | None:
    change: dict[Place, Fraction] = {}
    same: list[Equation] = []
    moved = [(location, new) for location, new in rule.updates if location in places]
    possible = _possible(guard, [location for location, _ in moved], places, forks)
    if possible is None:
        return None
    for location, new in moved:
        before = sorted(possible[location])
        targets = [int(new.value or 0)] if new.op is Op.CONST else list(places[location])
        if new.op is not Op.CONST:
            before = list(places[location])
        for group in (before, targets):
            same += [_difference((location, group[0]), (location, x)) for x in group[1:]]
        for place, sign in (((location, targets[0]), 1), ((location, before[0]), -1)):
            change[place] = change.get(place, Fraction(0)) + sign
    return [({p: c for p, c in change.items() if c}, Fraction(0)), *same]


def _possible(
    guard: Expr,
    moved: Sequence[int],
    places: Mapping[int, Sequence[int]],
    forks: Forks,
) -> dict[int, frozenset[int]] | None:
    """Where threads may be.  That a branch is at rest unless its parent waits for it is shown
    along with the rest.  None if the guard cannot hold."""
    asked = {*moved, *(variables([guard]) & places.keys())}
    todo = list(asked)
    while todo:
        location = todo.pop()
        if location in forks and forks[location][0] not in asked:
            asked.add(forks[location][0])
            todo.append(forks[location][0])
    out = {location: may_stand(guard, location, places[location]) for location in asked}
    while True:
        size = sum(map(len, out.values()))
        for location in out.keys() & forks.keys():
            parent, waiting = forks[location]
            if waiting.isdisjoint(out[parent]):
                out[location] &= {0}
            if 0 not in out[location]:
                out[parent] &= waiting
        if not all(out.values()):
            return None
        if sum(map(len, out.values())) == size:
            return out


def _difference(a: Place, b: Place) -> Equation:
    return {a: Fraction(1), b: Fraction(-1)}, Fraction(0)


def _solved(equations: Sequence[Equation]) -> dict[Place, Fraction] | None:
    """Weights that fulfil all equations (those that are free are 0); None if there are none."""
    rows: dict[Place, Equation] = {}  # by pivot; no row has an earlier pivot in it
    for weights, total in equations:
        row, rest = _reduced(dict(weights), total, rows)
        if not row:
            if rest:
                return None
            continue
        pivot = min(row)
        scale = row[pivot]
        rows[pivot] = {p: c / scale for p, c in row.items()}, rest / scale
    found: dict[Place, Fraction] = {}
    for pivot, (row, value) in reversed(rows.items()):
        found[pivot] = value - sum(
            (c * found.get(p, Fraction(0)) for p, c in row.items() if p != pivot), Fraction(0)
        )
    return found


def _reduced(
    row: dict[Place, Fraction], rest: Fraction, rows: Mapping[Place, Equation]
) -> tuple[dict[Place, Fraction], Fraction]:
    """Until no pivot is left in the row."""
    while True:
        place = next((p for p in row if p in rows), None)
        if place is None:
            return row, rest
        factor = row[place]
        other, value = rows[place]
        for p, c in other.items():
            row[p] = row.get(p, Fraction(0)) - factor * c
        row = {p: c for p, c in row.items() if c}
        rest -= factor * value
