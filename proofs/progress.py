"""Whether whoever is not over can go on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from fractions import Fraction

from ..semantics.evidence import Progress
from ..semantics.expr import (
    NUMBERS,
    TRUE,
    Expr,
    Op,
    Scalar,
    Sort,
    add,
    and_,
    const,
    lt,
    not_,
    or_,
    sub,
    var,
)
from ..semantics.system import Input, Point, PointKind, Rule, RuleKind, Thread, TransitionSystem
from ..semantics.walks import postorder, substitute, variables
from .facts import Prover, Wrong
from .going import Below, Going
from .reading import Step, of_type, pinned, settled
from .shapes import OVER, QUIET, Known, at
from .states import domain
from .tree import children


def progress(prover: Prover, evidence: Progress) -> None:
    """Whoever is not over can take a step now, or waits for one below it, or before it, that is
    not over.

    From any thread one gets to one that can step: down the tree, or to a sibling that comes
    before, which ends, or to who holds a resource (`linking`): that one, or what it waits for
    below it, waits at most for resources that come later in the order, so this ends too
    (Havender 1968; with an order, a measure has to show that whoever holds one gives it back).
    A step counts only if the environment can answer it.
    """
    system = prover.model.system
    below = children(system)
    for t in system.threads:
        if any(a >= t.id or system.threads[a].parent != t.parent for a in t.after):
            raise Wrong(f"the order of {t.name} and its siblings is not plain")
    later = _ordered(system, evidence.order, evidence.facts.shapes)
    shapes = evidence.facts.shapes
    if {"fresh", "quiet"} & set(shapes) and prover.tree.shows(shapes):
        if Going(prover, below, later).all():
            return
    taken: dict[int, dict[int, Rule]] = {}
    for r in (r for r in system.rules if r.kind is not RuleKind.CRASH):  # (which need not come)
        for v in {system.threads[r.thread].location} | {v for v, _ in r.updates}:
            taken.setdefault(v, {})[r.index] = r
    for t in system.threads:
        mine = [*taken.get(t.location, {}).values()]
        for p in t.points:
            if p.kind not in OVER:
                _by_steps(prover, evidence, below, t, p, later(t, p), mine)


def _by_steps(
    prover: Prover,
    evidence: Progress,
    below: Below,
    t: Thread,
    p: Point,
    free: Collection[int],
    mine: Sequence[Rule],
) -> None:
    """Asks about one place, with all that is known."""
    system = prover.model.system
    known = prover.established(evidence.facts)
    given = [at(t, (p.id,)), not_(system.excluded)]
    if t.parent is None:
        given.append(system.instances[t.instance].active)
    elif t.fork is not None:
        given.append(at(system.threads[t.parent], (t.fork,)))
    ways = [not_(over(c)) for c in below.get((t.id, p.id), ())]
    if p.kind is PointKind.ENTRY:
        ways += [not_(over(system.threads[a])) for a in t.after]
    ways += [lt(const(0), var(u, Sort.INT)) for u in sorted(free)]
    for rule in mine:
        for step in prover.model.cases(rule):
            pin = step.pins.get(t.location)
            if pin is None or pin.value == p.id:
                ways += _answered(step)
    _possible(prover, [g for g in given if g is not TRUE], ways, known, f"{t.name}: {p.label}")


def _answered(step: Step) -> list[Expr]:
    """Conditions on which the step can be taken, with one of a few answers to what it asks."""
    rule = step.rule
    if rule.relation is TRUE:
        return [rule.guard]
    asked = step.both(rule.relation)
    chosen = [
        {k: const(_some(d, choose)) for k, d in enumerate(rule.inputs)} for choose in (0, 1, 2)
    ]
    chosen += [{**chosen[0], k: e} for k, e in _compared(rule, asked)]
    return [
        and_(
            rule.guard,
            *(p for k, d in enumerate(rule.inputs) for p in of_type(d, answers[k])),
            with_answers(asked, answers),
        )
        for answers in chosen
    ]


def _compared(rule: Rule, asked: Expr) -> Iterator[tuple[int, Expr]]:
    """What answers are compared with, and numbers next to that."""
    for e in postorder([asked]):
        if e.op in (Op.EQ, Op.LE, Op.LT):
            for a, b in (e.args, e.args[::-1]):
                if a.op is Op.INPUT and not variables([b], Op.INPUT):
                    yield a.index, b
                    if a.sort in NUMBERS:
                        one = const(Fraction(1) if a.sort is Sort.REAL else 1)
                        yield from ((a.index, add(b, one)), (a.index, sub(b, one)))


def with_answers(e: Expr, answers: dict[int, Expr]) -> Expr:
    return substitute(e, lambda n: answers[n.index] if n.op is Op.INPUT else n)


def _some(declared: Input, choose: int) -> Scalar:
    """A value of a type: near 0, the least, the largest."""
    values = domain(declared)
    if values:
        return values[(0, 0, -1)[choose]]
    low, high = declared.lo, declared.hi
    near = max(0, low) if low is not None else min(0, high) if high is not None else 0
    value = (near, low, high)[choose]
    number = near if value is None else value
    return Fraction(number) if declared.sort is Sort.REAL else number


def _ordered(
    system: TransitionSystem, order: Sequence[int], shapes: Sequence[str]
) -> Callable[[Thread, Point], frozenset[int]]:
    """For a place, what is in use of the resources that come after all that is held there and
    around it."""
    rank: dict[int, int] = {}
    parts: list[list[int]] = []
    for n, position in enumerate(order):
        if not 0 <= position < len(system.resources):
            raise Wrong("an order of what there is not")
        r = system.resources[position]
        parts.append([r.used, *([r.exclusive] if r.exclusive is not None else [])])
        rank |= dict.fromkeys(parts[-1], n)
        if any(f"linking {system.variables[u].name}" not in shapes for u in parts[-1]):
            raise Wrong("an order rests on `linking`")
    if order and (
        not {"fresh", "quiet"} & set(shapes)
        or any(p.holds for t in system.threads for p in t.points if p.kind in QUIET)
    ):
        raise Wrong("somebody may hold something at rest")

    behind = [frozenset(u for us in parts[n:] for u in us) for n in range(len(parts) + 1)]
    around: dict[int, int] = {}  # by thread: behind which of them it is

    def most(p: Point) -> int:
        return max((rank[u] + 1 for u, _ in p.holds if u in rank), default=0)

    def later(t: Thread, p: Point) -> frozenset[int]:
        if t.id not in around:
            held, a = 0, t
            while a.parent is not None and a.fork is not None:
                up = system.threads[a.parent]
                held, a = max(held, most(up.points[a.fork])), up
            around[t.id] = held
        return behind[max(around[t.id], most(p))]

    return later


def _possible(
    prover: Prover, given: Sequence[Expr], ways: Sequence[Expr], known: Known, where: str
) -> None:
    pins = pinned(given)
    goal = or_(*(settled(w, pins) for w in ways))
    premises = [settled(g, pins) for g in given]
    near = [settled(f, pins) for f in known.about([*given, *ways])]
    if not prover.implies(premises, goal, [f for f in near if f is not TRUE]):
        raise Wrong(f"{where}: it may have to wait")


def over(t: Thread) -> Expr:
    return at(t, (p.id for p in t.points if p.kind in OVER))
