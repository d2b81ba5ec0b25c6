"""Which cycles of a graph of states are runs: fairness, and the passing of time.

A run that goes on for ever goes round in a strongly connected part of a finite graph.  Either time
goes on without end; then each clock that runs all the time must ring (an activity without an upper
bound is assumed to end, if nothing else stops it).  Or all of its steps, from some point on, are
taken at one instant: steps without a delay, or with one that may be 0.  Then no clock need ever
ring, because no time passes while a step without a delay can be taken.  In both cases a thread that
can take such a step all the time takes it: the scheduler is fair among what is ready, if it is
`any`; one that goes by priorities, or lets what is due go first, promises nothing at one instant.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from ...dsl.records import dataclass
from ...semantics.expr import TRUE, Expr, Op, Scalar, Sort, const, le
from ...semantics.system import Rule, RuleKind, TransitionSystem, VarKind
from ...semantics.walks import variables
from .admission import Numbers
from .common import conjuncts
from .search_graph import EXCLUDED, SPLIT, Graph, strong

Clock = tuple[str, int]  # ("attempt", group) or ("rule", index)
ZERO = const(Fraction(0))


class Arc(NamedTuple):
    """`sure`: every state of the source can take this step, with one of its outcomes; arcs of the
    same `rule` and `inputs` are outcomes of one step.  `free`: it can be the next one, whatever the
    clocks show."""

    rule: int
    inputs: tuple[Scalar | None, ...]
    target: int
    sure: bool
    free: bool


@dataclass(frozen=True)
class View:
    """A graph of states, or of states and clocks, as the questions about time see it.

    `clocks`: those that surely run at each node.  `instant`: may the rule be taken there, in a run
    that comes there, without time passing since it became possible?  `crashes`: those that can come
    do (where it is asked what can be).
    """

    system: TransitionSystem
    arcs: Sequence[Sequence[Arc]]
    clocks: Sequence[frozenset[Clock]]
    instant: Callable[[int, int], bool]
    crashes: bool = False

    @cached_property
    def served(self) -> frozenset[int]:
        return served(self.system)

    @cached_property
    def never_due(self) -> frozenset[Clock]:
        """A crash may come at any time, or not at all."""
        if self.crashes:
            return frozenset()
        return frozenset(clock(r) for r in self.system.rules if r.kind is RuleKind.CRASH)


def served(system: TransitionSystem) -> frozenset[int]:
    """Claims that the scheduler grants at last, if they could be granted again and again."""
    if system.scheduler == "fair":
        return frozenset(r.index for r in system.rules if r.gains)
    return in_line(system) if system.scheduler == "fifo" else frozenset()


def clock(rule: Rule) -> Clock:
    return ("attempt", rule.group) if rule.group is not None else ("rule", rule.index)


def pressing(rule: Rule) -> bool:
    """No time passes while it can be taken."""
    if rule.delay is None:
        return True
    hi = rule.delay.hi
    return hi is not None and hi.op is Op.CONST and hi.value is not None and hi.value <= 0


def constant(system: TransitionSystem, expr: Expr) -> bool:
    """Does it keep its value through a run?"""
    kinds = {system.variables[v].kind for v in variables([expr])}
    return kinds <= {VarKind.ARG, VarKind.PARAM}


def of_graph(graph: Graph, crashes: bool = False) -> View:
    system = graph.system
    rules = system.rules
    clocks = [
        frozenset(
            clock(rules[e.rule])
            for e in edges
            if e.rule != SPLIT and e.sure and rules[e.rule].delay is not None
        )
        for edges in graph.edges
    ]

    def instant(node: int, index: int) -> bool:
        if index == SPLIT:
            return True
        delay = rules[index].delay
        if delay is None:
            return True
        if delay.lo.op is Op.CONST and delay.lo.value is not None:
            return delay.lo.value <= 0
        if not constant(system, delay.lo):
            return True  # what counts is its value when the clock started
        lo = delay.lo
        return graph.holds(node, le(lo, ZERO if lo.sort is Sort.REAL else const(0))) is not False

    arcs = [
        [Arc(*e, e.sure and (e.rule == SPLIT or rules[e.rule].delay is None)) for e in edges]
        for edges in graph.edges
    ]
    return View(system, arcs, clocks, instant, crashes)


def parts(view: View, within: Collection[int], timeless: bool) -> list[list[int]]:
    """Strongly connected parts of some nodes; `timeless`: by instant steps only."""
    found = strong(
        [
            [
                a.target
                for a in arcs
                if a.target in within and (not timeless or view.instant(n, a.rule))
            ]
            if n in within
            else []
            for n, arcs in enumerate(view.arcs)
        ]
    )
    # (Each of the others is a part of its own, perhaps with a step to itself.)
    return [part for part in found if part[0] in within]


@dataclass(frozen=True, slots=True)
class Demands:
    """What has to move in a part of the graph, so that going round in it is fair."""

    threads: frozenset[int]
    clocks: frozenset[Clock]


def ready(view: View, node: int) -> set[int]:
    """Threads with a step that can be taken now, whatever was before."""
    rules = view.system.rules
    return {
        rules[a.rule].thread
        for a in view.arcs[node]
        if a.sure and a.rule != SPLIT and pressing(rules[a.rule])
    }


def in_line(system: TransitionSystem) -> frozenset[int]:
    """Claims that `scheduler fifo` grants at last, if they could be granted again and again.

    Whoever may take units of a resource asks for the same in the same words, so that all stand in
    one line: from when there is enough for one until the oldest has it, nobody else can take it.
    A claim counts if nothing but its place and its units decide whether it is there.
    """
    if system.controls or any(r.kind is RuleKind.RECOVER for r in system.rules):
        return frozenset()  # who is first may find that there is less than there was
    kinds = [v.kind for v in system.variables]
    numbers = Numbers()
    asks: dict[int, tuple[bool, frozenset[int]]] = {}  # by rule: whether it counts, and its words
    takers: dict[int, set[int]] = {}  # by USED variable: rules that may leave less of it
    for r in system.rules:
        claims = [p for p in conjuncts(r.guard) if _reads(kinds, p, VarKind.USED)]
        fixed = {system.threads[t].location for t in _line(system, r.thread)}
        fixed |= {v for c in claims for v in variables([c]) if kinds[v] is VarKind.USED}
        plain = all(
            v in fixed or kinds[v] in (VarKind.ARG, VarKind.PARAM) for v in variables([r.guard])
        )
        counts = plain and r.delay is None and bool(r.gains) and r.turn is TRUE
        asks[r.index] = counts, frozenset(map(numbers, claims))
        for v, _ in r.gains:
            takers.setdefault(v, set()).add(r.index)
    out = set()
    for r in system.rules:
        if asks[r.index][0]:
            used = {v for v in variables([r.guard]) if kinds[v] is VarKind.USED}
            line = set[int]().union(*(takers.get(v, set()) for v in used))
            if all(asks[i] == asks[r.index] for i in line):
                out.add(r.index)
    return frozenset(out)


def _reads(kinds: Sequence[VarKind], e: Expr, kind: VarKind) -> bool:
    return any(kinds[v] is kind for v in variables([e]))


def _line(system: TransitionSystem, thread: int | None) -> Iterator[int]:
    """The thread and those above it."""
    while thread is not None:
        yield thread
        thread = system.threads[thread].parent


def asking(view: View, node: int) -> set[int]:
    """Threads whose claims can be granted now, and are granted at last."""
    rules = view.system.rules
    return {rules[a.rule].thread for a in view.arcs[node] if a.rule in view.served}


def demands(view: View, part: Iterable[int], timeless: bool, strong: bool = False) -> Demands:
    """`strong`: what the schedulers `fair` and `fifo` promise besides, to whoever could be granted
    a claim again and again.  Then a part of this part may be fair where the whole is not (Emerson
    and Lei 1987, strong fairness)."""
    nodes = list(part)
    threads: set[int] = set()
    if not timeless or not view.system.in_order:
        threads = set.intersection(*(ready(view, n) for n in nodes))
    if strong and (not timeless or not view.system.in_order):
        threads |= set().union(*(asking(view, n) for n in nodes))
    clocks: frozenset[Clock] = frozenset()
    if not timeless:
        clocks = frozenset.intersection(*(view.clocks[n] for n in nodes)) - view.never_due
    return Demands(frozenset(threads), clocks)


def inside(view: View, part: Collection[int], timeless: bool) -> list[tuple[int, Arc]]:
    """The steps with which a run can stay in a part."""
    return [
        (n, a)
        for n in sorted(part)
        for a in view.arcs[n]
        if a.target in part and (not timeless or view.instant(n, a.rule))
    ]


def met(view: View, wanted: Demands, steps: Iterable[tuple[int, Arc]]) -> bool:
    """Do these steps move all that has to move?"""
    rules = view.system.rules
    taken = [rules[a.rule] for _, a in steps if a.rule != SPLIT]
    return wanted.threads <= {r.thread for r in taken} and wanted.clocks <= {
        clock(r) for r in taken if r.delay is not None
    }


__all__ = ["EXCLUDED", "Arc", "Clock", "Demands", "View", "clock", "demands", "of_graph", "parts"]
