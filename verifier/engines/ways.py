"""Ways round: steps that bring all threads back to where they are, data kept as terms."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ...dsl.records import dataclass
from ...semantics.expr import FALSE, TRUE, Expr, Op, Sort, and_, const, inp, not_
from ...semantics.system import Loop, Rule, TransitionSystem
from ...semantics.walks import substitute
from .common import conjuncts, fixed_by, input_condition
from .search_graph import Graph

MOST_CONTROLS = 8  # places of all threads at which rounds begin
MOST_STEPS = 40  # of a round
MOST_PARTS = 2000  # of rounds from one place, that are looked at
AGAIN = 2  # times that a round may pass a place
MOST_ROUNDS = 24
MOST_JOINED = 6  # of which two in a row are one round

Control = tuple[int, ...]  # the point of each thread


@dataclass(frozen=True)
class Way:
    """From the beginning of a round: where the threads are, what the data is in terms of the data
    there, and under which conditions; `others` are the guards that had to be left alone."""

    control: Control
    values: Mapping[int, Expr]
    conditions: tuple[Expr, ...] = ()
    others: tuple[Expr, ...] = ()
    steps: tuple[tuple[int, int], ...] = ()  # rule, number of answers before it
    answers: tuple[Sort, ...] = ()
    passed: tuple[Control, ...] = ()


def controls(system: TransitionSystem, loop: Loop, graph: Graph) -> list[Control]:
    """Places of all threads with the loop's thread at its head, those met first."""
    out: dict[Control, None] = {}
    for node in range(len(graph.nodes)):
        control = tuple(graph.at(node, t.location) for t in system.threads)
        if control not in out and _placed(system, loop.head, control) is not FALSE:
            out[control] = None
            if len(out) >= MOST_CONTROLS:
                break
    return list(out)


def _placed(system: TransitionSystem, e: Expr, control: Control) -> Expr:
    at = {t.location: const(p) for t, p in zip(system.threads, control, strict=True)}
    return substitute(e, lambda n: at.get(n.index, n) if n.op is Op.VAR else n)


class Ways:
    def __init__(self, system: TransitionSystem) -> None:
        self.system = system
        self.locations = {t.location: k for k, t in enumerate(system.threads)}
        self.at: dict[tuple[int, int], list[Rule]] = {}
        self.anywhere: list[Rule] = []
        for r in system.rules:
            place = system.threads[r.thread].location
            pin = fixed_by(conjuncts(r.guard)).get(place)
            if pin is not None and isinstance(pin.value, int):
                self.at.setdefault((place, pin.value), []).append(r)
            else:
                self.anywhere.append(r)

    def closed(self, begin: Control, until: float) -> Iterator[Way]:
        """Ways back to where all threads were, short ones first, then two in a row."""
        found: list[Way] = []
        queue = deque([Way(begin, {})])
        left = MOST_PARTS
        while queue and left > 0 and len(found) < MOST_ROUNDS:
            way = queue.popleft()
            for more in self.further(way):
                left -= 1
                if more.control == begin:
                    found.append(more)
                    yield more
                elif len(more.steps) < MOST_STEPS and more.passed.count(more.control) < AGAIN:
                    queue.append(replace(more, passed=(*more.passed, more.control)))
            if time.process_time() > until:
                return
        for one in found[:MOST_JOINED]:
            for two in found[:MOST_JOINED]:
                if one is not two:
                    yield _joined(one, two)

    def further(self, way: Way) -> Iterator[Way]:
        """One step more: each that is possible where the threads are."""
        ready: list[tuple[Rule, Expr]] = []
        rules = list(self.anywhere)
        for t, p in zip(self.system.threads, way.control, strict=True):
            rules += self.at.get((t.location, p), ())
        for r in rules:
            guard = self.read(way, r.guard)
            if guard is not FALSE:
                ready.append((r, guard))
        for r, guard in ready:
            others = (*way.others, *(g for o, g in ready if o is not r))
            answers = [inp(len(way.answers) + k, d.sort) for k, d in enumerate(r.inputs)]
            given = self.read(way, input_condition(r), answers)
            here = (*way.conditions, *conjuncts(guard), *conjuncts(given))
            new = {v: self.read(way, e, answers) for v, e in r.updates}
            moves: list[tuple[dict[int, int], list[Expr]]] = [({}, [])]
            for v in new.keys() & self.locations.keys():
                moves = [
                    ({**to, v: p}, [*said, cond])
                    for to, said in moves
                    for p, cond in _targets(new[v])
                ]
            for to, said in moves:
                control = list(way.control)
                for v, p in to.items():
                    control[self.locations[v]] = p
                after = replace(
                    way,
                    control=tuple(control),
                    values={**way.values, **{v: e for v, e in new.items() if v not in to}},
                    conditions=(*here, *(c for s in said for c in conjuncts(s))),
                    others=others,
                    steps=(*way.steps, (r.index, len(way.answers))),
                    answers=(*way.answers, *(d.sort for d in r.inputs)),
                )
                counts = not_(self.read(after, self.system.excluded))
                after = replace(after, conditions=(*after.conditions, counts))
                if FALSE not in after.conditions:
                    yield after

    def read(self, way: Way, e: Expr, answers: Sequence[Expr] = ()) -> Expr:
        def leaf(n: Expr) -> Expr:
            if n.op is Op.INPUT:
                return answers[n.index]
            if n.op is not Op.VAR:
                return n
            place = self.locations.get(n.index)
            return way.values.get(n.index, n) if place is None else const(way.control[place])

        return substitute(e, leaf)


def _targets(e: Expr) -> list[tuple[int, Expr]]:
    """The points a location may be set to, and when."""
    if isinstance(e.value, int) and e.op is Op.CONST:
        return [(e.value, TRUE)]
    if e.op is Op.ITE:
        test, then, other = e.args
        return [
            *((p, and_(test, c)) for p, c in _targets(then)),
            *((p, and_(not_(test), c)) for p, c in _targets(other)),
        ]
    return []


def _joined(one: Way, two: Way) -> Way:
    shift = len(one.answers)

    def leaf(n: Expr) -> Expr:
        if n.op is Op.INPUT:
            return inp(n.index + shift, n.sort)
        return one.values.get(n.index, n) if n.op is Op.VAR else n

    def read(e: Expr) -> Expr:
        return substitute(e, leaf)

    return Way(
        two.control,
        {**one.values, **{v: read(e) for v, e in two.values.items()}},
        (*one.conditions, *map(read, two.conditions)),
        (*one.others, *map(read, two.others)),
        (*one.steps, *((r, k + shift) for r, k in two.steps)),
        (*one.answers, *two.answers),
    )
