"""Bounds of numbers by where control is: how much can `k x - h c` have grown on the way there?

Each rule changes such a difference by at most so much, whatever its guard says; the most that it
can be at a point of a thread is the longest path to there (Bellman 1958), if there is no round
that makes it grow.  So `sum <= 100 * count` is found where `sum` grows by at most 100 whenever
`count` grows by one, and by how much it is ahead in between.  The bounds are guesses as all
templates are: what declared ranges say of amounts is itself to be shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import permutations

from ...dsl.records import dataclass
from ...semantics.expr import (
    NUMBERS,
    Expr,
    Op,
    Sort,
    add,
    const,
    eq,
    implies,
    le,
    mul,
    neg,
    var,
)
from ...semantics.intervals import UNKNOWN, Number, Range, narrower, total, wider
from ...semantics.system import Rule, Thread, TransitionSystem, Variable, VarKind
from ...semantics.walks import fold, postorder, variables
from .common import written
from .value_ranges import Ranges, against, compared, everywhere, number, within

MOST_NUMBERS = 12  # that are looked at in one cone
MOST_POINTS = 200
KINDS = (VarKind.DATA, VarKind.SHARED)
START = -1  # a point before the first


@dataclass(frozen=True, slots=True)
class _Change:
    """By how much a number grows (or, `absolute`, what it is) after a rule."""

    lo: Number | None
    hi: Number | None
    absolute: bool = False


STAYS = _Change(0, 0)


def potentials(
    system: TransitionSystem,
    rules: Sequence[Rule],
    data: Sequence[Variable],
    asked: Collection[int],
) -> Iterator[Expr]:
    """Bounds of numbers, and of differences of two that one thread changes; `asked`: variables of
    the goals, which come first."""
    around = everywhere(system, rules)
    for v in data:
        yield from within(v, around.get(v.index, UNKNOWN))
    numbers = [v for v in data if v.sort in NUMBERS and v.kind in KINDS]
    numbers.sort(key=lambda v: v.index not in asked)
    del numbers[MOST_NUMBERS:]
    known = {v.index for v in numbers}
    threads: dict[int, set[int]] = {}
    for rule in rules:
        threads.setdefault(rule.thread, set()).update(written(rule) & known)
    for t, mine in sorted(threads.items()):
        if not mine:
            continue
        place = system.threads[t].location
        moving = [r for r in rules if not written(r).isdisjoint({place, *mine})]
        graph = Graph(system, system.threads[t], moving, around)
        for x in sorted(mine):
            yield from graph.bounds(x, None, 1, 0)
        graph.learn(x for x in mine if all(r.thread == t for r in rules if x in written(r)))
        for x, c in permutations(sorted(mine), 2):
            if system.variables[x].sort is system.variables[c].sort:
                for k, h in _ratios(graph.changes(x), graph.changes(c)):
                    yield from graph.bounds(x, c, k, h)


def _ratios(of: Iterable[_Change], by: Iterable[_Change]) -> Iterator[tuple[Number, Number]]:
    """(k, h): `k x - h c` may be bounded, as c grows by k where x grows by h."""
    step = [c.lo for c in by if not c.absolute]
    up = min((s for s in step if s), default=None)
    if up is None or up <= 0 or any(s is None or s < 0 for s in step):
        return
    grown = [e for c in of if not c.absolute for e in (c.lo, c.hi)]
    ends = [e for e in grown if e is not None and e != 0]
    for h in sorted({max(ends), min(ends)} if ends else ()):
        yield up, h


def _grown(ranges: Ranges, x: int, e: Expr) -> _Change | None:
    """How much x grows if it becomes `e`; None: that is not `x + something`."""
    if e.op is Op.VAR and e.index == x:
        return STAYS
    if e.op is Op.ADD:
        own = [a for a in e.args if a.op is Op.VAR and a.index == x]
        rest = [a for a in e.args if a not in own]
        if len(own) == 1 and x not in variables(rest):
            parts = [ranges.of(a) for a in rest]
            return _Change(total(lo for lo, _ in parts), total(hi for _, hi in parts))
    if e.op is Op.ITE:
        a, b = (_grown(ranges, x, part) for part in e.args[1:])
        if a is not None and b is not None:
            return _Change(*wider((a.lo, a.hi), (b.lo, b.hi)))
    return None


def places_in(e: Expr) -> set[int]:
    found = (n.value for n in postorder([e]) if n.op is Op.CONST)
    return {v for v in found if type(v) is int}


Places = dict[int, Range]  # where a thread may be, with the range of a number there


def _limits(cond: Expr, x: Expr, location: Expr, places: Collection[int]) -> Places:
    """Where control may be, and what x may be there, if a condition holds."""
    anything: Places = dict.fromkeys(places, UNKNOWN)

    def at(node: Expr, args: Sequence[tuple[Places, Places]]) -> tuple[Places, Places]:
        """If it holds; if it does not."""
        match node.op:
            case Op.CONST:
                return (anything, {}) if node.value is not False else ({}, anything)
            case Op.NOT:
                ((yes, no),) = args
                return no, yes
            case Op.AND | Op.OR if args:
                met, joined = (0, 1) if node.op is Op.AND else (1, 0)
                both = [anything, anything]
                both[met] = _met([a[met] for a in args])
                both[joined] = _joined([a[joined] for a in args])
                return both[0], both[1]
            case Op.EQ if (c := against(node, location)) is not None:
                yes = {p: UNKNOWN for p in places if p == c}
                return yes, {p: UNKNOWN for p in places if p != c}
            case Op.EQ | Op.LE | Op.LT:
                holds, fails = compared(node, x)
                return dict.fromkeys(places, holds), dict.fromkeys(places, fails)
        return anything, anything

    return fold(cond, at)[0]


def _met(parts: Sequence[Places]) -> Places:
    out = dict(parts[0])
    for part in parts[1:]:
        out = {p: narrower(here, part[p]) for p, here in out.items() if p in part}
    return out


def _joined(parts: Sequence[Places]) -> Places:
    out: Places = {}
    for part in parts:
        for p, here in part.items():
            out[p] = wider(out[p], here) if p in out else here
    return out


@dataclass(frozen=True, slots=True)
class Edge:
    """`most`: of the number where it begins, if the guard bounds it."""

    begin: int
    end: int
    grown: Number
    most: Number | None = None


class Graph:
    """The points of a thread, and which rules lead from one to the other."""

    def __init__(
        self,
        system: TransitionSystem,
        thread: Thread,
        rules: Sequence[Rule],
        around: Mapping[int, Range],
    ) -> None:
        self.system = system
        self.around = around  # wherever control is
        self.location = thread.location
        self.points = range(len(thread.points))
        self.rules = rules
        self.known: dict[int, dict[int, Range]] = {}  # by point

    def learn(self, numbers: Iterable[int]) -> None:
        """Looks at their bounds, at each point, from now on."""
        for x in numbers:
            low, high = self._most(x, None, -1, 0), self._most(x, None, 1, 0)
            for p in self.points:
                lo = None if low is None or p not in low else -low[p]
                hi = None if high is None or p not in high else high[p]
                here = narrower((lo, hi), self.around.get(x, UNKNOWN))
                self.known.setdefault(p, {})[x] = here

    def changes(self, x: int) -> Iterator[_Change]:
        """Of x, by the rules that write it, wherever control is."""
        for rule in self.rules:
            if x in written(rule):
                for begin in self._begins(rule, x):
                    yield self._change(rule, begin, x)

    def _begins(self, rule: Rule, x: int) -> Places:
        leaf = var(x, self.system.variables[x].sort)
        return _limits(rule.guard, leaf, var(self.location, Sort.INT), self.points)

    def _change(self, rule: Rule, begin: int, x: int) -> _Change:
        if x not in written(rule):
            return STAYS
        e = dict(rule.updates)[x]
        ranges = Ranges(self.system, rule, {**self.around, **self.known.get(begin, {})})
        return _grown(ranges, x, e) or _Change(*ranges.of(e), True)

    def bounds(
        self,
        x: int,
        c: int | None,
        k: Number,
        h: Number,
    ) -> Iterator[Expr]:
        """Of `k x - h c` from above and from below, at each point and anywhere."""
        sort = self.system.variables[x].sort
        term = mul(number(k, sort), var(x, sort))
        if c is not None:
            term = add(term, neg(mul(number(h, sort), var(c, sort))))
        here = var(self.location, Sort.INT)
        for sign in (1, -1):
            most = self._most(x, c, sign * k, sign * h)
            if most is None:
                continue
            highest = max(most.values())
            for point, value in sorted(most.items()):
                bound = number(sign * value, sort)
                within = le(term, bound) if sign > 0 else le(bound, term)
                if value < highest:
                    yield implies(eq(here, const(point)), within)
            bound = number(sign * highest, sort)
            yield le(term, bound) if sign > 0 else le(bound, term)

    def _most(
        self,
        x: int,
        c: int | None,
        k: Number,
        h: Number,
    ) -> dict[int, Number] | None:
        """The most that `k x - h c` can be by point; None where that is not bounded."""
        if len(self.points) > MOST_POINTS:
            return None
        first = [self.first(x), (0, 0) if c is None else self.first(c)]
        start = most_of(first[0], first[1], k, h)
        if start is None:
            return None
        edges = [Edge(START, 0, start)]
        for rule in self.rules:
            to = next((e for v, e in rule.updates if v == self.location), None)
            for begin, here in self._begins(rule, x).items():
                one = self._change(rule, begin, x)
                two = STAYS if c is None else self._change(rule, begin, c)
                # Of two that are set at once, what they are; of one, nothing of the other.
                if one.absolute is not two.absolute and (c is not None or not one.absolute):
                    return None
                grown = most_of((one.lo, one.hi), (two.lo, two.hi), k, h)
                if grown is None:
                    return None
                most = None if c is not None else most_of(here, (0, 0), k, 0)
                # (Where it does not move, it ends where it began.)
                for end in (begin,) if to is None else places_in(to) & set(self.points):
                    if one.absolute:
                        edges.append(Edge(START, end, grown))
                    elif begin != end or grown > 0:
                        edges.append(Edge(begin, end, grown, most))
        longest = self.longest(edges)
        if longest is None:  # not counting what was there before, where a guard bounds it
            cut = [e if e.most is None else Edge(START, e.end, e.most + e.grown) for e in edges]
            longest = self.longest(cut)
        return longest

    def edges(
        self, rule: Rule, x: int | None, sign: int, more: Number, begins: frozenset[int] | None
    ) -> list[Edge] | None:
        """Of one rule, which may add `more` beside what it does to x; None where x is set, or grows
        by anything."""
        to = next((e for v, e in rule.updates if v == self.location), None)
        out = []
        anything = const(0) if x is None else var(x, self.system.variables[x].sort)
        for begin in _limits(rule.guard, anything, var(self.location, Sort.INT), self.points):
            if begins is not None and begin not in begins:
                continue
            change = STAYS if x is None else self._change(rule, begin, x)
            grown = most_of((change.lo, change.hi), (0, 0), sign, 0)
            if change.absolute or grown is None:
                return None
            for end in (begin,) if to is None else places_in(to) & set(self.points):
                if begin != end or grown + more > 0:
                    out.append(Edge(begin, end, grown + more))
        return out

    def longest(self, edges: Sequence[Edge]) -> dict[int, Number] | None:
        """None: it grows with a round."""
        most: dict[int, Number] = {START: 0}
        for _ in range(len(self.points) + 2):
            better = False
            for e in edges:
                if e.begin in most:
                    before = most[e.begin]
                    after = (before if e.most is None else min(before, e.most)) + e.grown
                    if e.end not in most or after > most[e.end]:
                        most[e.end], better = after, True
            if not better:
                del most[START]
                return most
        return None

    def first(self, v: int) -> Range:
        variable = self.system.variables[v]
        if variable.init is None:
            return variable.lo, variable.hi
        return Ranges(self.system, self.rules[0], {}).of(variable.init)


def most_of(x: Range, c: Range, k: Number, h: Number) -> Number | None:
    """The largest `k x - h c`."""
    left, right = x[1 if k > 0 else 0], c[0 if h > 0 else 1]
    if left is None or (right is None and h):
        return None
    return k * left - (h * right if h and right is not None else 0)
