"""Metrics, detectors and controllers: the loop that sets the capacity of a pool during a run.

Two systems come of one spec.  In a *run* the loop is a handful of rules of a thread of their own,
which never ends and which nothing waits for: a metric is sampled again and again, detectors count
samples, a controller sets the capacity.  For *proofs* none of this is there: a capacity that is
set is a parameter, any value within the controller's bounds (docs/decisions/0014).

The law, at each of its instants, h seconds apart, with e = target - metric:

    u = first + kp e + ki h sum(e) + kd (e - e before) / h

rounded to a whole number and kept within the bounds; e is not summed up while u is beyond a bound
and e pushes it further (no windup).  h is `every`, or the first multiple of it that is no less
than `cooldown`: so two actions are never closer than that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from math import ceil

from ...dsl import ast
from ...dsl.errors import Span
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
    substitute,
    to_real,
    var,
    variables,
)
from ..system import (
    Control,
    ControlStep,
    Delay,
    EventKind,
    EventTemplate,
    Instance,
    Obligation,
    Point,
    PointKind,
    Rule,
    RuleKind,
    Thread,
    VarKind,
)
from .builder import Builder
from .env import Env, collecting, unasked
from .expressions import as_sort, measured
from .refusals import not_supported

Read = Callable[[Callable[[Env], Expr]], Expr]  # of constants and parameters, with definedness
LONGEST = 1000  # values within the bounds of a controller
NAME = "control"


def bounds(spec: ast.Spec, read: Read, r: ast.Resource) -> tuple[int, int] | None:
    """Within which the capacity of a pool stays: what it is at first, and what controllers may
    set; None: nobody sets it."""
    found = [
        _whole(read, e, c.span)
        for c in spec.controllers
        if c.resource == r.name
        for e in (c.lo, c.hi)
    ]
    if not found:
        return None
    found.append(_whole(read, r.capacity, r.span))
    return min(found), max(found)


def _whole(read: Read, e: ast.Expression | None, span: Span) -> int:
    assert e is not None
    value = read(lambda env: as_sort(env, e, Sort.INT))
    if value.op is not Op.CONST or not isinstance(value.value, int):
        raise not_supported("a capacity that is set, and is no constant", span)
    return value.value


def _seconds(read: Read, e: ast.Expression | None, default: int, span: Span) -> Fraction:
    if e is None:
        return Fraction(default)
    value = read(partial(measured, e=e))
    if value.op is not Op.CONST or not isinstance(value.value, Fraction):
        raise not_supported("a period that is no constant", span)
    return value.value


def period(every: Fraction, cooldown: Fraction) -> Fraction:
    """Between two instants of the law."""
    return every * max(1, ceil(cooldown / every))


def controls(spec: ast.Spec, b: Builder, read: Read, first: dict[str, Expr]) -> tuple[Control, ...]:
    """What is known of each controller; `first`: the declared capacity, by pool."""
    metrics = {m.name: m for m in spec.metrics}
    detectors = {d.name: d for d in spec.detectors}
    out = []
    for c in spec.controllers:
        zero = const(Fraction(0))
        gains = [read(lambda env, g=g: as_sort(env, g, Sort.REAL)) for g in c.pid]  # type: ignore[misc]
        every = _seconds(read, c.every or metrics[c.metric].every, 1, c.span)
        cooldown = _seconds(read, c.cooldown, 0, c.span)
        plant = None
        if c.gain is not None:
            gain = c.gain
            plant = (
                read(lambda env, g=gain: as_sort(env, g, Sort.REAL)),  # type: ignore[misc]
                _seconds(read, c.lag, 0, c.span),
            )
        target = c.target
        steps = []
        for s in c.steps:
            d = detectors[s.detector]
            steps.append(
                ControlStep(
                    s.way,
                    read(lambda env, s=s: as_sort(env, s.amount, Sort.INT)),  # type: ignore[misc]
                    d.name,
                    d.metric,
                    d.kind,
                    read(lambda env, d=d: as_sort(env, d.level, Sort.REAL)),  # type: ignore[misc]
                )
            )
        capacity = b.resources[c.resource].capacity
        out.append(
            Control(
                c.name,
                c.metric,
                c.resource,
                capacity.index,
                _whole(read, c.lo, c.span),
                _whole(read, c.hi, c.span),
                first[c.resource],
                (*gains, *[zero] * (3 - len(gains))) if gains else (),
                None if target is None else read(lambda env, t=target: as_sort(env, t, Sort.REAL)),  # type: ignore[misc]
                every,
                cooldown,
                period(every, cooldown),
                plant,
                tuple(steps),
                c.span,
            )
        )
    return tuple(out)


def defined(spec: ast.Spec, b: Builder, env: Env, controls: Sequence[Control]) -> tuple[Expr, ...]:
    """A metric is defined in every state, whatever a controller has set by then: the parameters
    that stand for that.

    Levels of detectors are of constants and parameters.
    """
    later: dict[int, Expr] = {}
    samples = (d.samples for d in spec.detectors if d.samples is not None)
    read = (*(m.value for m in spec.metrics), *(d.level for d in spec.detectors), *samples)
    for e in read:
        with collecting(env) as (inner, found):
            as_sort(inner, e, Sort.REAL)
        for d in found:
            for c in controls:
                if c.capacity in variables([d.cond]) and c.capacity not in later:
                    v = b.variables[c.capacity]
                    later[c.capacity] = b.variable(
                        f"{v.name}, set later", v.type, VarKind.PARAM, None, None, v.span
                    )
            cond = substitute(d.cond, lambda x: later.get(x.index, x) if x.op is Op.VAR else x)
            if cond is not TRUE:
                b.obligations.append(Obligation(d.check, "", cond, d.message, d.span))
    return tuple(later.values())


# --- in a run ----------------------------------------------------------------------------------


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

    def _every(self, m: ast.Metric) -> Fraction:
        mine = [c.every for c in self.controls if c.metric == m.name]
        if m.every is None and mine:
            return mine[0]
        return _seconds(self.read, m.every, 1, m.span)

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
        if c.gains:
            assert c.target is not None
            h = const(c.period)
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
                    mul(mul(kd, const(1 / c.period)), slope),
                )
                return add(to_real(c.first), *law)

            u = wanted(summed)
            # What one more error adds, and whether that pushes beyond a bound.
            push = mul(ki, error)
            beyond = or_(
                and_(lt(const(Fraction(c.hi)), u), lt(zero, push)),
                and_(lt(u, const(Fraction(c.lo))), lt(push, zero)),
            )
            updates |= {
                total.index: ite(beyond, total, summed),
                last.index: error,
                begun.index: TRUE,
            }
            capacity = _rounded(ite(beyond, wanted(total), u), c.lo, c.hi)
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
            capacity = ite(
                lt(there, const(c.lo)), const(c.lo), ite(lt(const(c.hi), there), const(c.hi), there)
            )
        sampled = EventTemplate(EventKind.METRIC_SAMPLED, c.metric, None, tuple(updates.items()))
        applied = EventTemplate(
            EventKind.CONTROL_APPLIED, c.name, None, ((c.capacity, capacity),), ne(capacity, now)
        )
        updates[c.capacity] = capacity
        # The capacity is worked out from what was there before the sample is noted.
        self._rule(
            f"{c.name} looks at {c.metric}",
            c.span,
            c.period,
            updates,
            (applied, sampled),
            threads,
            rules,
        )

    def _rule(
        self,
        name: str,
        span: Span,
        every: Fraction,
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
                delay=Delay(const(every), const(every)),
            )
        )


def metrics_span(spec: ast.Spec) -> Span:
    return spec.metrics[0].span if spec.metrics else spec.span


def _rounded(u: Expr, lo: int, hi: int) -> Expr:
    """The whole number in lo..hi that is nearest: half is rounded up."""
    steps = (
        ite(le(const(Fraction(2 * k - 1, 2)), u), const(1), const(0)) for k in range(lo + 1, hi + 1)
    )
    return add(const(lo), *steps)
