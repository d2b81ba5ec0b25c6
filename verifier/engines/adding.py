"""What several threads have added to a number at most, by the places of all of them.

A number that several threads add to is where it was at first, and what each of them has added on
its way to where it is: the longest path of its points (Bellman 1958).  Inequalities, where
`counting` asks for equations; guesses for induction, as all bounds of `potentials`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from ...dsl.records import dataclass
from ...semantics.expr import NUMBERS, Expr, Sort, add, const, eq, ite, le, or_, var
from ...semantics.intervals import Number, Range
from ...semantics.system import Obligation, Rule, TransitionSystem, Variable
from .common import written
from .counting import at_rest, possible, standing
from .potentials import KINDS, MOST_NUMBERS, START, Edge, Graph, most_of, places_in
from .slice import without_claims_for
from .value_ranges import everywhere, number


def added(
    system: TransitionSystem,
    goal: Obligation,
    above: Mapping[int, Collection[int]] = MappingProxyType({}),
) -> list[Expr]:
    """Bounds of the numbers in the goal's cone that several threads add to, by the places of all of
    them: inequalities where `counting` asks for an equation."""
    if goal.every_step:
        return []
    cone = without_claims_for(system, goal)
    rules = cone.system.rules
    writers: dict[int, set[int]] = {}
    for r in rules:
        for v in written(r):
            writers.setdefault(v, set()).add(r.thread)
    numbers = [
        v
        for v in cone.system.variables
        if v.sort in NUMBERS and v.kind in KINDS and len(writers.get(v.index, ())) > 1
    ]
    around = everywhere(cone.system, rules) if numbers else {}
    places, forks = standing(cone, above)
    moves = [(r, possible(r, places, forks)) for r in rules] if numbers else []
    out: list[Expr] = []
    for shared in numbers[:MOST_NUMBERS]:
        out += _Together(cone.system, moves, around, shared).bounds()
    return [*out, *at_rest(places, forks)] if out else []


@dataclass(frozen=True, slots=True)
class _Moved:
    """`begins`: where the thread may be (None: anywhere); `adds`: what the rule does to the number
    counts here; `over`: branches that it ends."""

    rule: Rule
    begins: frozenset[int] | None
    adds: bool
    over: frozenset[int]


@dataclass(slots=True)
class _Together:
    """A number that several threads add to: it is where it was at first, and what each of them has
    added at most on its way to where it is.  What branches have added counts for who forked them
    once they are joined."""

    system: TransitionSystem
    moves: Sequence[tuple[Rule, Mapping[int, frozenset[int]]]]  # and where threads may be
    around: Mapping[int, Range]
    number: Variable

    def bounds(self) -> Iterator[Expr]:
        x, sort = self.number.index, self.number.sort
        for sign in (1, -1):
            found = self._added(sign)
            rules = [r for r, _ in self.moves]
            first = Graph(self.system, self.system.threads[0], rules, self.around).first(x)
            start = most_of(first, (0, 0), sign, 0)
            if found is None or start is None:
                continue
            ways = [self._where(t, most, sign) for t, most in found.items() if any(most.values())]
            limit = add(number(sign * start, sort), *ways)
            highest = start + sum(max(most.values()) for most in found.values())
            for most in (limit, number(sign * highest, sort)):
                yield le(var(x, sort), most) if sign > 0 else le(most, var(x, sort))

    def _where(self, t: int, most: Mapping[int, Number], sign: int) -> Expr:
        """As a term over the place of the thread."""
        sort = self.number.sort
        here = var(self.system.threads[t].location, Sort.INT)
        by_value: dict[Number, list[Expr]] = {}
        for p, value in sorted(most.items()):
            by_value.setdefault(value, []).append(eq(here, const(p)))
        out = number(0, sort)
        for value, at in sorted(by_value.items()):
            if value:
                out = ite(or_(*at), number(sign * value, sort), out)
        return out

    def _added(self, sign: int) -> dict[int, dict[int, Number]] | None:
        """By thread and point; None where a round adds to it, or a step sets it."""
        threads = self.system.threads
        out: dict[int, dict[int, Number]] = {}
        mine: dict[int, list[_Moved]] = {}
        for r, places in self.moves:
            for t, moved in self._moved(r, places):
                mine.setdefault(t, []).append(moved)
        for t in sorted(mine, key=self._depth, reverse=True):
            graph = Graph(self.system, threads[t], [m.rule for m in mine[t]], self.around)
            edges = [Edge(START, 0, 0)]
            for m in mine[t]:
                more = sum(max(out[c].values()) for c in m.over if c in out)
                x = self.number.index if m.adds else None
                found = graph.edges(m.rule, x, sign, more, m.begins)
                if found is None:
                    return None
                edges += found
            longest = graph.longest(edges)
            if longest is None:
                return None
            out[t] = longest
        return out

    def _moved(self, r: Rule, places: Mapping[int, frozenset[int]]) -> Iterator[tuple[int, _Moved]]:
        """Threads that a rule moves.  What it adds counts for its own thread; if that is over, for
        the one on top, as what branches have added that are over."""
        owner = {t.location: t.id for t in self.system.threads}
        targets = {owner[v]: places_in(e) for v, e in r.updates if v in owner}
        if self.number.index in written(r):
            targets.setdefault(r.thread, set())
        if not targets:
            return
        top = min(targets, key=self._depth)
        over = {t for t, to in targets.items() if to == {0} and t != top}
        adding = top if r.thread in over or r.thread not in targets else r.thread
        for t in targets.keys() - over:
            begins = places.get(self.system.threads[t].location)
            yield t, _Moved(r, begins, t == adding, frozenset(over if t == top else ()))

    def _depth(self, t: int) -> int:
        parent = self.system.threads[t].parent
        return 0 if parent is None else 1 + self._depth(parent)
