"""The loop that sets the capacity of a pool, as rules of a run: see `control`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from fractions import Fraction

from ...dsl import ast
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ...dsl.types import Bool, Int, Real
from ..expr import (
    FALSE,
    TRUE,
    Expr,
    Op,
    Sort,
    add,
    and_,
    const,
    div,
    eq,
    ite,
    le,
    lt,
    mul,
    ne,
    neg,
    not_,
    or_,
    sub,
    to_real,
    var,
)
from ..system import (
    Control,
    Delay,
    EventKind,
    EventTemplate,
    Instance,
    Point,
    PointKind,
    Rule,
    RuleKind,
    Thread,
    VarKind,
)
from .builder import Builder
from .control import NAME, Read, period
from .control import every as every_of
from .env import Env, unasked
from .expressions import as_sort


@dataclass(slots=True)
class Loop:
    """The rules of the loop, for runs."""

    spec: ast.Spec
    b: Builder
    env: Env  # of properties at top level
    read: Read
    controls: Sequence[Control]
    instance: int
    rules: list[Rule] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)
    flags: dict[str, Expr] = field(default_factory=dict)  # by detector

    def add(self, threads: int, rules: int) -> Instance:
        """`threads`, `rules`: how many there are already.  Fills both lists."""
        metrics = {m.name: m for m in self.spec.metrics}
        watched = {d.metric for d in self.spec.detectors}
        for d in self.spec.detectors:
            self.flags[d.name] = self._hidden(d.name, Bool(), FALSE, d.span)
        for m in self.spec.metrics:
            if m.name in watched or m.every is not None:
                self._sampling(m, threads, rules)
        for c in self.controls:
            self._controlling(c, metrics[c.metric], threads, rules)
        span = self.spec.controllers[0].span if self.spec.controllers else metrics_span(self.spec)
        root = self.threads[0].id if self.threads else 0
        # It is no part of the system that has to end: there is no such instance.
        return Instance(self.instance, NAME, NAME, root, 1, 1, -1, span, FALSE)

    def _hidden(self, name: str, kind: Bool | Int | Real, init: Expr, span: Span) -> Expr:
        return self.b.variable(name, kind, VarKind.HIDDEN, init, None, span)

    def _metric(self, m: ast.Metric) -> Expr:
        return as_sort(unasked(self.env), m.value, Sort.REAL)

    def _every(self, m: ast.Metric) -> Expr:
        mine = [c.every for c in self.controls if c.metric == m.name]
        if m.every is None and mine:
            return mine[0]
        return every_of(self.read, m.every)

    def _sampling(self, m: ast.Metric, threads: int, rules: int) -> None:
        value = self._metric(m)
        zero = const(Fraction(0))
        sample = self._hidden(f"{m.name} sampled", Real(), zero, m.span)
        before = self._hidden(f"{m.name} was sampled", Bool(), FALSE, m.span)
        updates = {sample.index: value, before.index: TRUE}
        found = []
        for d in self.spec.detectors:
            if d.metric != m.name:
                continue
            env = unasked(self.env)
            level = as_sort(env, d.level, Sort.REAL)
            samples = const(1) if d.samples is None else as_sort(env, d.samples, Sort.INT)
            so = {
                "above": lt(level, value),
                "below": lt(value, level),
                "rises": and_(before, lt(level, sub(value, sample))),
                "falls": and_(before, lt(level, sub(sample, value))),
            }[d.kind]
            count = self._hidden(f"{d.name} in a row", Int(), const(0), d.span)
            more = ite(so, add(count, const(1)), const(0))
            flag = self.flags[d.name]
            now = le(samples, more)
            updates |= {count.index: ite(now, samples, more), flag.index: now}
            found.append(
                EventTemplate(
                    EventKind.ANOMALY_DETECTED, d.name, None, (), and_(now, not_(flag)), d.kind
                )
            )
        sampled = EventTemplate(EventKind.METRIC_SAMPLED, m.name, None, tuple(updates.items()))
        # Whether it is found for the first time is told before the sample changes that.
        self._rule(
            f"{m.name} is sampled",
            m.span,
            self._every(m),
            updates,
            (*found, sampled),
            threads,
            rules,
        )

    def _controlling(self, c: Control, m: ast.Metric, threads: int, rules: int) -> None:
        value = self._metric(m)
        zero = const(Fraction(0))
        now = var(c.capacity, Sort.INT)
        updates: dict[int, Expr] = {}
        sample = self._hidden(f"{c.metric} seen by {c.name}", Real(), zero, c.span)
        updates[sample.index] = value
        every, h, acts, counted = self._period(c)
        if c.gains:
            assert c.target is not None
            error = sub(c.target, value)
            total = self._hidden(f"{c.name} sum of errors", Real(), zero, c.span)
            last = self._hidden(f"{c.name} error before", Real(), zero, c.span)
            begun = self._hidden(f"{c.name} has begun", Bool(), FALSE, c.span)
            slope = ite(begun, sub(error, last), zero)
            kp, ki, kd = c.gains
            summed = add(total, error)

            def wanted(of: Expr) -> Expr:
                law = (
                    mul(kp, error),
                    mul(mul(ki, h), of),
                    mul(kd, div(slope, h)),
                )
                return add(to_real(c.first), *law)

            u = wanted(summed)
            # What one more error adds, and whether that pushes beyond a bound.
            push = mul(ki, error)
            beyond = or_(
                and_(lt(to_real(c.hi), u), lt(zero, push)),
                and_(lt(u, to_real(c.lo)), lt(push, zero)),
            )
            updates |= {
                total.index: ite(beyond, total, summed),
                last.index: error,
                begun.index: TRUE,
            }
            capacity = self._rounded(ite(beyond, wanted(total), u), c)
        else:
            up = add(
                const(0),
                *(
                    ite(self.flags[s.detector], s.amount, const(0))
                    for s in c.steps
                    if s.way == "up"
                ),
            )
            down = add(
                const(0),
                *(
                    ite(self.flags[s.detector], s.amount, const(0))
                    for s in c.steps
                    if s.way == "down"
                ),
            )
            there = add(now, up, neg(down))
            capacity = ite(lt(there, c.lo), c.lo, ite(lt(c.hi, there), c.hi, there))
        capacity = ite(acts, capacity, now)
        updates = {i: ite(acts, e, var(i, e.sort)) for i, e in updates.items()} | counted
        sampled = EventTemplate(EventKind.METRIC_SAMPLED, c.metric, None, tuple(updates.items()))
        applied = EventTemplate(
            EventKind.CONTROL_APPLIED, c.name, None, ((c.capacity, capacity),), ne(capacity, now)
        )
        updates[c.capacity] = capacity
        # The capacity is worked out from what was there before the sample is noted.
        self._rule(
            f"{c.name} looks at {c.metric}",
            c.span,
            every,
            updates,
            (applied, sampled),
            threads,
            rules,
        )

    def _period(self, c: Control) -> tuple[Expr, Expr, Expr, dict[int, Expr]]:
        """How often it looks, the time since it has acted, whether it acts, and what it counts."""
        if c.every.op is Op.CONST and c.cooldown.op is Op.CONST:
            h = const(period(Fraction(c.every.value or 0), Fraction(c.cooldown.value or 0)))
            return h, h, TRUE, {}
        # Which multiple of `every` is the first is known by counting.
        looks = self._hidden(f"looks of {c.name} since it acted", Int(), const(0), c.span)
        more = add(looks, const(1))
        h = mul(to_real(more), c.every)
        acts = le(c.cooldown, h)
        return c.every, h, acts, {looks.index: ite(acts, const(0), more)}

    def _rounded(self, u: Expr, c: Control) -> Expr:
        """The whole number within its bounds that is nearest: half is rounded up."""
        within = self.b.resources[c.resource].within
        assert within is not None
        steps = (
            ite(
                and_(lt(c.lo, const(k)), le(const(k), c.hi), le(const(Fraction(2 * k - 1, 2)), u)),
                const(1),
                const(0),
            )
            for k in range(within.first + 1, within.last + 1)
        )
        return add(c.lo, *steps)

    def _rule(
        self,
        name: str,
        span: Span,
        every: Expr,
        updates: dict[int, Expr],
        events: tuple[EventTemplate, ...],
        threads: int,
        rules: int,
    ) -> None:
        at = self.b.variable(f"{name} at", Int(), VarKind.LOCATION, const(0), self.instance, span)
        number = threads + len(self.threads)
        points = (
            Point(0, PointKind.ENTRY, name, span),
            Point(1, PointKind.END, "over", span),
        )
        self.threads.append(Thread(number, NAME, self.instance, at.index, None, points, span=span))
        self.rules.append(
            Rule(
                index=rules + len(self.rules),
                name=name,
                kind=RuleKind.CONTROL,
                thread=number,
                instance=self.instance,
                guard=eq(at, const(0)),
                own=tuple(updates.items()),
                span=span,
                own_events=events,
                delay=Delay(every, every),
            )
        )


def metrics_span(spec: ast.Spec) -> Span:
    return spec.metrics[0].span if spec.metrics else spec.span
