"""What follows from the tree of threads: peaks of resources, progress, and measures that fall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from ..semantics.evidence import Facts, Measure, Peaks, Progress, Rank
from ..semantics.expr import (
    TRUE,
    Expr,
    Op,
    Scalar,
    Sort,
    add,
    and_,
    const,
    le,
    lt,
    not_,
    or_,
    substitute,
    var,
    variables,
)
from ..semantics.system import (
    Input,
    Obligation,
    Point,
    PointKind,
    Thread,
    TransitionSystem,
    VarKind,
)
from .facts import Prover, Wrong
from .reading import Step, pinned, settled
from .shapes import OVER, QUIET, Known, at
from .states import domain


def children(system: TransitionSystem) -> dict[tuple[int, int], list[Thread]]:
    """By thread and fork."""
    out: dict[tuple[int, int], list[Thread]] = {}
    for t in system.threads:
        if t.parent is not None and t.fork is not None:
            out.setdefault((t.parent, t.fork), []).append(t)
    return out


# --- peaks -------------------------------------------------------------------------------------


def most(system: TransitionSystem, e: Expr) -> int:
    """An upper bound of an amount that is never changed and has a type with bounds."""
    if e.op is Op.CONST and isinstance(e.value, int):
        return e.value
    if e.op is Op.VAR:
        v = system.variables[e.index]
        fixed = v.kind in (VarKind.ARG, VarKind.PARAM)
        if fixed and v.init is None and v.hi is not None:
            if not any(v.index == w for r in system.rules for w, _ in r.updates):
                return v.hi
        if fixed and v.init is not None and v.init.op is Op.CONST:
            return most(system, v.init)
    raise Wrong("an amount has no bound")


def peaks(prover: Prover, evidence: Peaks, goal: Obligation) -> None:
    """`used <= capacity`: local inequalities, bottom-up, and the sum over the roots.

    What is in use is the sum of what threads hold (`linking`); a thread that is not at rest has
    its parent at its fork (`quiet`), and at rest it holds nothing.  So a thread and all below it
    hold at most the largest, over its points, of what it holds there and what its branches can.
    """
    system = prover.model.system
    name = system.variables[evidence.used].name
    if evidence.shape not in ("quiet", "fresh"):
        raise Wrong("peaks rest on `quiet` or on `fresh`, which is stronger")
    prover.established(Facts((), (evidence.shape, f"linking {name}")))
    best = dict(evidence.peaks)
    below = children(system)
    for t in system.threads:
        for p in t.points:
            held = [most(system, a) for v, a in p.holds if v == evidence.used]
            if held and p.kind in QUIET:
                raise Wrong(f"{t.name} holds something at rest")
            if sum(held) + sum(best.get(c.id, 0) for c in below.get((t.id, p.id), ())) > best.get(
                t.id, 0
            ):
                raise Wrong(f"the peak of {t.name} is larger")
    if any(p < 0 for p in best.values()):
        raise Wrong("a negative peak")
    total = sum(best.get(t.id, 0) for t in system.threads if t.parent is None)
    match goal.cond.op, goal.cond.args:
        case Op.LE, (Expr(op=Op.VAR, value=used), Expr(op=Op.CONST, value=int(room))):
            if used == evidence.used and goal.rule is None and not goal.every_step:
                if total <= room:
                    return
                raise Wrong(f"{total} may be in use at once")
    raise Wrong("the claim is no bound on this resource")


# --- progress ----------------------------------------------------------------------------------


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
    known = prover.established(evidence.facts)
    below = children(system)
    later = _ordered(system, evidence.order, evidence.facts.shapes)
    by_location = {t.location: t.id for t in system.threads}
    mine: dict[int, list[Step]] = {}
    for step in prover.model.steps:
        moved = {by_location[v] for v in step.updates if v in by_location}
        for t_id in moved | {step.rule.thread}:
            mine.setdefault(t_id, []).append(step)
    for t in system.threads:
        if any(a >= t.id or system.threads[a].parent != t.parent for a in t.after):
            raise Wrong(f"the order of {t.name} and its siblings is not plain")
        active = system.instances[t.instance].active if t.parent is None else TRUE
        for p in t.points:
            if p.kind in OVER:
                continue
            given = [at(t, (p.id,)), active, not_(system.excluded)]
            if t.parent is not None and t.fork is not None:
                given.append(at(system.threads[t.parent], (t.fork,)))
            ways = [not_(over(c)) for c in below.get((t.id, p.id), ())]
            if p.kind is PointKind.ENTRY:
                ways += [not_(over(system.threads[a])) for a in t.after]
            ways += later(t, p)
            for step in mine.get(t.id, ()):
                pin = step.pins.get(t.location)
                if pin is None or pin.value == p.id:
                    ways += _answered(step)
            _possible(
                prover, [g for g in given if g is not TRUE], ways, known, f"{t.name}: {p.label}"
            )


def _answered(step: Step) -> list[Expr]:
    """Conditions on which the step can be taken, with one of a few answers to what it asks."""
    rule = step.rule
    if rule.relation is TRUE:
        return [rule.guard]
    out = []
    for choose in (0, 1, 2):
        answers = {k: const(_some(d, choose)) for k, d in enumerate(rule.inputs)}
        asked = step.both(rule.relation)
        out.append(and_(rule.guard, with_answers(asked, answers)))
    return out


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
) -> Callable[[Thread, Point], list[Expr]]:
    """For a place, that one of the resources is in use that come after all that is held there and
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

    def later(t: Thread, p: Point) -> list[Expr]:
        held = [rank[u] for u, _ in p.holds if u in rank]
        while t.parent is not None and t.fork is not None:
            up = system.threads[t.parent]
            held += [rank[u] for u, _ in up.points[t.fork].holds if u in rank]
            t = up
        free = parts[max(held, default=-1) + 1 :]
        return [lt(const(0), var(u, Sort.INT)) for us in free for u in us]

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


# --- measures ----------------------------------------------------------------------------------


def measure(prover: Prover, evidence: Measure) -> None:
    """Every rule makes the first component that it changes fall, so every run is finite.

    A thread's place falls in rank; a term falls by 1 at least and is bounded from below where it
    falls (integers; of reals the same).
    """
    known = prover.established(evidence.facts)
    for case in prover.model.steps:
        step = prover.placed(case, known)
        if step is None:
            continue
        for c in evidence.components:
            fell = _rank(prover, step, c) if c.term is None else _term(prover, step, c.term, known)
            if fell:
                break
        else:
            raise Wrong(f"`{step.rule.name}` makes nothing fall")


def _rank(prover: Prover, step: Step, c: Rank) -> bool:
    """True: it falls; False: it does not grow."""
    system = prover.model.system
    if c.thread is None or not 0 <= c.thread < len(system.threads):
        raise Wrong("a rank of no thread")
    t = system.threads[c.thread]
    if len(c.ranks) != len(t.points):
        raise Wrong(f"{t.name} has another number of points")
    new = step.updates.get(t.location)
    if new is None:
        return False
    if new.op is not Op.CONST or not isinstance(new.value, int):
        raise Wrong(f"`{step.rule.name}` may move {t.name} anywhere")
    then = c.ranks[new.value]
    old = step.pins.get(t.location)
    before = [c.ranks[old.value]] if old is not None and isinstance(old.value, int) else c.ranks
    if all(b > then for b in before):
        return True
    if all(b >= then for b in before):
        return False
    raise Wrong(f"`{step.rule.name}` may lift {t.name}")


def _term(prover: Prover, step: Step, term: Expr, known: Known) -> bool:
    if not variables([term]) & step.updates.keys():
        return False
    one = const(1) if term.sort is Sort.INT else None
    if one is None:
        raise Wrong("a measure of no whole number")
    now, then = step.before(term), step.after(term)
    if prover.follows(step, and_(le(add(then, one), now), le(const(0), now)), known):
        return True
    if prover.follows(step, le(then, now), known):
        return False
    raise Wrong(f"`{step.rule.name}` may make a term of the measure grow")
