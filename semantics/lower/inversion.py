"""Priority inversion: who is urgent waits for who is not, and that one for somebody between.

A thread waits for a claim with a high priority, and what it lacks is held by one that waits itself,
with a low priority, for what a third one holds, whose activity runs with a priority between the
two.  Under `scheduler priority` the third one goes before the second, and so before the first,
though it asks for nothing that the first one wants (Lampson and Redell 1980, section 4.3).  That
the first waits is what a lock is for; that it waits for the third is what must not be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...dsl.records import dataclass
from ..expr import FALSE, Expr, Op, Sort, and_, const, eq, lt, not_, or_, var
from ..system import Obligation, Point, PointKind, ResourceInfo, Rule, RuleKind, Thread
from ..walks import variables
from .builder import Builder, RuleDraft

BY_PRIORITY = ("priority", "head_of_line")
FEW = 200  # so many combinations of three are told apart
ZERO = const(0)


@dataclass(frozen=True, slots=True)
class _One:
    """A thread before a claim, or one whose activity runs."""

    rule: Rule
    here: Expr
    holds: dict[str, Expr]  # by resource: it holds some
    lacks: dict[str, Expr]  # of what it waits for: there is not enough

    @property
    def priority(self) -> Expr:
        return ZERO if self.rule.priority is None else self.rule.priority


def inversions(
    b: Builder, rules: Sequence[Rule], threads: Sequence[Thread]
) -> Iterator[Obligation]:
    """That no three threads are so; by those in the middle of whom there are too many together."""
    reading = _Reading(b, rules, threads)
    waiting = [w for r in b.rules if (w := reading.waiter(r)) is not None]
    running = [m for r in rules if (m := reading.runner(r)) is not None]
    lows = [low for low in waiting if low.holds]
    several = len(lows) * len(waiting) * len(running) > FEW
    for low in lows:
        highs = [h for h in waiting if _apart(low, h) and _less(low, h) is not FALSE]
        middles = [m for m in running if _apart(low, m) and _less(low, m) is not FALSE]
        blocked = {id(h): _kept(h, low) for h in highs}
        highs = [h for h in highs if blocked[id(h)] is not FALSE]
        if several:
            yield from _merged(reading, low, highs, middles, blocked)
            continue
        for high in highs:
            for middle in middles:
                kept = _kept(low, middle)
                ranks = and_(_less(low, middle), _less(middle, high))
                bad = and_(ranks, low.here, high.here, middle.here, blocked[id(high)], kept)
                if _apart(high, middle) and bad is not FALSE:
                    yield _obligation(bad, reading.words(high, low, middle), high.rule)


def _merged(
    reading: _Reading,
    low: _One,
    highs: Sequence[_One],
    middles: Sequence[_One],
    blocked: dict[int, Expr],
) -> Iterator[Obligation]:
    """All that can be so around one of the least urgent ones.  Where priorities are constants,
    those in the middle that have the same one share a term."""
    above: dict[tuple[object, int], Expr] = {}
    parts = []
    for middle in middles:
        rank = middle.priority
        key = (rank.value if rank.op is Op.CONST else id(rank), middle.rule.thread)
        if key not in above:
            above[key] = or_(
                *(
                    and_(_less(middle, h), h.here, blocked[id(h)])
                    for h in highs
                    if _apart(middle, h)
                )
            )
        parts.append(and_(_less(low, middle), middle.here, _kept(low, middle), above[key]))
    bad = and_(low.here, or_(*parts))
    if bad is not FALSE:
        name = reading.name(low)
        message = (
            f"priority inversion: somebody waits for what {reading.thread(low)} holds; that waits "
            f"before {name} for what a running activity holds, which is between the two"
        )
        yield _obligation(bad, message, low.rule)


def _obligation(bad: Expr, message: str, rule: Rule) -> Obligation:
    return Obligation("starvation_free", "inversion", not_(bad), message, rule.span, warning=True)


def _apart(a: _One, b: _One) -> bool:
    return a.rule.thread != b.rule.thread


def _less(a: _One, b: _One) -> Expr:
    return lt(a.priority, b.priority)


def _kept(waiter: _One, holder: _One) -> Expr:
    """It lacks something of which the other holds some."""
    return or_(*(and_(e, holder.holds[r]) for r, e in waiter.lacks.items() if r in holder.holds))


class _Reading:
    def __init__(self, b: Builder, rules: Sequence[Rule], threads: Sequence[Thread]) -> None:
        self.rules = rules
        self.threads = threads
        self.resource: dict[int, ResourceInfo] = {}  # by USED variable, those that are waited for
        for r in b.resources.values():
            if r.enforced and not r.hidden:
                self.resource |= {v: r for v in (r.used, r.exclusive) if v is not None}

    def waiter(self, draft: RuleDraft) -> _One | None:
        rule = self.rules[draft.index]
        if draft.waits is None or rule.guard is FALSE:
            return None
        lacks: dict[str, list[Expr]] = {}
        for part in _parts(draft.asks):
            for name in {self.resource[v].name for v in variables([part]) if v in self.resource}:
                lacks.setdefault(name, []).append(not_(part))
        some = {name: or_(*parts) for name, parts in lacks.items()}
        return _One(rule, draft.waits, self.held(rule.holds), some) if some else None

    def runner(self, rule: Rule) -> _One | None:
        thread = self.threads[rule.thread]
        to = next((e for v, e in rule.updates if v == thread.location), None)
        if rule.kind is not RuleKind.START or to is None or to.op is not Op.CONST:
            return None
        point = thread.points[int(to.value or 0)]
        holds = self.held(self.around(thread, point))
        if point.kind is not PointKind.RUN or not holds:
            return None
        return _One(rule, eq(var(thread.location, Sort.INT), const(point.id)), holds, {})

    def around(self, thread: Thread, point: Point) -> Iterator[tuple[int, Expr]]:
        """What is held at a point, and at the forks above it."""
        yield from point.holds
        while thread.parent is not None and thread.fork is not None:
            fork = thread.fork
            thread = self.threads[thread.parent]
            yield from thread.points[fork].holds

    def held(self, holds: Iterable[tuple[int, Expr]]) -> dict[str, Expr]:
        some: dict[str, list[Expr]] = {}
        for used, amount in holds:
            if used in self.resource:
                some.setdefault(self.resource[used].name, []).append(lt(ZERO, amount))
        return {name: or_(*parts) for name, parts in some.items() if or_(*parts) is not FALSE}

    def words(self, high: _One, low: _One, middle: _One) -> str:
        wanted = ", ".join(r for r in high.lacks if r in low.holds)
        other = ", ".join(r for r in low.lacks if r in middle.holds)
        return (
            f"priority inversion: {self.name(high)} waits for {wanted}, which {self.thread(low)} "
            f"holds; that waits for {other} before {self.name(low)}, and {self.name(middle)}, "
            "which is between the two, holds it"
        )

    def name(self, one: _One) -> str:
        name = one.rule.activity or f"`{one.rule.name}` of {self.thread(one)}"
        rank = one.priority
        return f"{name} (priority {rank.value})" if rank.op is Op.CONST else name

    def thread(self, one: _One) -> str:
        return self.threads[one.rule.thread].name


def _parts(e: Expr) -> Iterator[Expr]:
    """The parts of nested conjunctions."""
    if e.op is Op.AND:
        for a in e.args:
            yield from _parts(a)
    else:
        yield e
