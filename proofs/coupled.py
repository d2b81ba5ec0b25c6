"""A bisimulation between two workflows with data of any values: is it one?

States of the two are related where one of the pairs says so: each of them is at a place (values of
some variables), and conditions hold of the data.  Both begin related, with the same arguments; and
whatever one of two related states can do, the other can answer, whatever the data are: a question
to the solvers for each pair and step.  Time is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

from ..dsl.records import dataclass
from ..semantics.claimed import OUTCOME, UNDER, Side
from ..semantics.evidence import Coupled
from ..semantics.expr import FALSE, Expr, Op, Sort, and_, eq, or_
from ..semantics.observing import plain
from ..semantics.smtlib import Unreadable, read
from ..semantics.system import RuleKind
from .behaviour import arguments
from .facts import Wrong
from .moving import Move, Moving, Values, given, put_in
from .solvers import Solvers

INTERNALLY = 6  # internal steps before one that answers
RECEIVING = RuleKind.RECEIVE, RuleKind.INTERRUPT
Edge = tuple[int, int]


@dataclass
class Relation:
    """`strict`: internal steps are answered by internal steps.  `movers`: whose steps need an
    answer."""

    sides: tuple[Moving, Moving]
    evidence: Coupled
    solvers: Solvers
    strict: bool
    movers: tuple[int, ...] = (0, 1)
    conds: list[Expr] = field(default_factory=list)
    at: dict[tuple[object, ...], int] = field(default_factory=dict)
    now: list[tuple[Values, Values]] = field(default_factory=list)
    waits: tuple[set[Edge], set[Edge]] = field(default_factory=lambda: (set(), set()))

    def __post_init__(self) -> None:
        symbols = {f"a{e.index}": e for side in self.sides for e in side.own.values()}
        for *places, conds in self.evidence.pairs:
            now = []
            for side, names, place in zip(self.sides, self.evidence.plain, places, strict=True):
                values = [read(x, {}) for x in place]
                if any(x.op is not Op.CONST for x in values):
                    raise Wrong("a place is no place")
                here = dict(zip(names, values, strict=True))
                now.append({v: here.get(v, side.own[v]) for v in side.kept})
            key = self.key(now[0], now[1])
            if key is None or key in self.at:
                raise Wrong("a pair of places twice")
            self.at[key] = len(self.conds)
            self.conds.append(and_(*(_boolean(read(c, symbols)) for c in conds)))
            self.now.append((now[0], now[1]))

    def key(self, one: Values, other: Values) -> tuple[object, ...] | None:
        """Both places; None where they are not known."""
        here = [
            v[n] for v, names in zip((one, other), self.evidence.plain, strict=True) for n in names
        ]
        if any(x.op is not Op.CONST for x in here):
            return None
        return tuple((x.sort, x.value) for x in here)

    def holds(self, one: Values, other: Values) -> Expr:
        """Whether two states are related."""
        key = self.key(one, other)
        if key is None:
            return or_(*(self._at(n, one, other) for n in range(len(self.conds))))
        return self._at(self.at[key], one, other) if key in self.at else FALSE

    def _at(self, n: int, one: Values, other: Values) -> Expr:
        same = []
        put: dict[int, Expr] = {}
        for k, values in enumerate((one, other)):
            side = self.sides[k]
            same += [eq(values[v], self.now[n][k][v]) for v in self.evidence.plain[k]]
            put |= {side.own[v].index: values[v] for v in side.kept}
        return and_(*same, put_in(self.conds[n], put))

    # --- checking ------------------------------------------------------------------------------

    def check(self, rooted: bool) -> None:
        """`Wrong` where it is none."""
        root = self._start()
        if rooted and not self.strict:
            if root is None:
                raise Wrong("where they begin is not known")
            self._answered(root, True)
        for n in range(len(self.conds)):
            self._answered(n, self.strict)
        for edges in self.waits if len(self.movers) > 1 else ():
            _ends(edges)

    def _start(self) -> int | None:
        left = self.sides[0]
        names = {plain(left.system, v.name): left.own[v.index] for v in left.system.variables}
        free = {
            plain(s.system, v.name)
            for s in self.sides
            for v in s.system.variables
            if v.init is None
        }
        (one, begun), (other, begins) = (
            s.beginning({n: e for n, e in names.items() if n in free}) for s in self.sides
        )
        if not (self.solvers.proves([one], other) and self.solvers.proves([other], one)):
            raise Wrong("the two allow other arguments")
        if not self.solvers.proves([one], self.holds(begun, begins)):
            raise Wrong("they do not begin alike")
        key = self.key(begun, begins)
        return None if key is None else self.at.get(key)

    def _answered(self, n: int, strict: bool) -> None:
        for mover in self.movers:
            now, others = self.now[n][mover], self.now[n][1 - mover]

            def related(mine: Values, yours: Values, mover: int = mover) -> Expr:
                return self.holds(*((mine, yours) if mover == 0 else (yours, mine)))

            for move in self.sides[mover].moves(now):
                ways = []
                steps = 0 if strict else INTERNALLY
                for cond, way in self._ways(self.sides[1 - mover], others, steps, now, related):
                    ways += [
                        and_(
                            cond,
                            m.cond,
                            *map(eq, move.values, m.values),
                            related(move.after, m.after),
                        )
                        for m in given(move, way)
                    ]
                premises = [self.conds[n], move.cond]
                if self.solvers.proves(premises, or_(*ways)):
                    continue
                rests = FALSE if strict or move.seen else related(move.after, others)
                if not self.solvers.proves(premises, or_(*ways, rests)):
                    what = move.seen[0] if move.seen else "an internal step"
                    raise Wrong(f"`{what}` is not always answered")
                one, other = (move.after, others)[:: 1 if mover == 0 else -1]
                key = self.key(one, other)
                if key is None:
                    raise Wrong("where an internal step leads is not known")
                self.waits[mover].add((n, self.at[key]))

    def _ways(
        self, side: Moving, now: Values, steps: int, still: Values, related: object
    ) -> Iterator[tuple[Expr, Move]]:
        """Steps, also behind internal ones that stay related with `still`, where `cond` holds."""
        todo: list[tuple[Expr, Values, int]] = [(and_(), now, steps)]
        for cond, here, left in todo:  # grows while it is gone through
            for move in side.moves(here):
                yield cond, move
                if left and not move.seen and not move.inputs:
                    stays = related(still, move.after)  # type: ignore[operator]
                    more = and_(cond, move.cond, stays)
                    if more is not FALSE:
                        todo.append((more, move.after, left - 1))


def _boolean(e: Expr) -> Expr:
    if e.sort is not Sort.BOOL:
        raise Wrong("a condition is none")
    return e


def _ends(edges: set[Edge]) -> None:
    """Nobody waits for ever while the other one goes on internally."""
    while edges:
        less = {(a, b) for a, b in edges if any(c == b for c, _ in edges)}
        if less == edges:
            raise Wrong("one may go on internally for ever")
        edges = less


def coupled(
    left: Side,
    right: Side,
    under: str,
    evidence: Coupled,
    solvers: Solvers,
    inclusion: bool = False,
) -> None:
    """`Wrong` where it does not show that the two are equivalent under that one.  `inclusion`: that
    each run (or outcome) of the left one is one of the right one, for which it has to be answered
    only."""
    if under == OUTCOME and _sources(left) != _sources(right):
        raise Wrong("messages come from elsewhere")
    shared = arguments(left, right)
    one = Moving(left, shared, 0)
    other = Moving(right, shared, len(left.system.variables))
    for side, names in zip((one, other), evidence.plain, strict=True):
        if len(set(names)) < len(names) or not set(names) <= side.kept:
            raise Wrong("there are no such variables")
    try:
        movers = (0,) if inclusion and under in UNDER[3:] else (0, 1)
        relation = Relation((one, other), evidence, solvers, under == UNDER[0], movers)
        # (Of runs alone the first step is one like any other.)
        relation.check(not shared and under == UNDER[1])
    except Unreadable as error:
        raise Wrong(str(error)) from None


def _sources(side: Side) -> dict[str, bool]:
    """Which channels messages are received from, and whether somebody here sends them."""
    inside = {c.name: bool(c.lengths) for c in side.system.channels}
    received = {r.channel for r in side.system.rules if r.kind in RECEIVING}
    return {c: inside.get(c, False) for c in received}
