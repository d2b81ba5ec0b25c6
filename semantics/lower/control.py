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
from fractions import Fraction
from functools import partial, reduce
from math import ceil

from ...dsl import ast
from ...dsl.errors import Span
from ..expr import TRUE, Expr, Op, Sort, const, ite, le, lt
from ..system import (
    Control,
    ControlStep,
    Obligation,
    VarKind,
    Within,
)
from ..walks import substitute, variables
from .builder import Builder
from .env import Env, NotConstant, collecting
from .expressions import as_sort, counted, measured, require
from .expressions import bounds as static
from .refusals import without_bounds

Read = Callable[[Callable[[Env], Expr]], Expr]  # of constants and parameters, with definedness
NAME = "control"


def bounds(spec: ast.Spec, read: Read, r: ast.Resource) -> Within | None:
    """Within which the capacity of a pool stays: what it is at first, and what controllers may
    set; None: nobody sets it."""
    mine = [c for c in spec.controllers if c.resource == r.name]
    if not mine:
        return None
    ends = [e for c in mine for e in (c.lo, c.hi)]
    found = [_whole(read, e, r.span) for e in (*ends, r.capacity)]
    known = [_extent(read, e, r.span) for e in (*ends, r.capacity)]
    return Within(
        reduce(lambda a, b: ite(lt(b, a), b, a), found),
        reduce(lambda a, b: ite(lt(a, b), b, a), found),
        min(low for low, _ in known),
        max(high for _, high in known),
    )


def _whole(read: Read, e: ast.Expression | None, span: Span) -> Expr:
    assert e is not None
    return read(lambda env: counted(env, e, 0))


def _extent(read: Read, e: ast.Expression | None, span: Span) -> tuple[int, int]:
    """Capacities are written out in runs, to round them."""
    assert e is not None
    out: list[tuple[int, int]] = []

    def known(env: Env) -> Expr:
        out.append(static(env, e))
        return TRUE

    try:
        read(known)
    except NotConstant:
        raise without_bounds("a capacity that is set", span) from None
    return out[0]


def _seconds(read: Read, e: ast.Expression | None, default: int) -> Expr:
    return const(Fraction(default)) if e is None else read(partial(measured, e=e))


def every(read: Read, e: ast.Expression | None) -> Expr:
    """Between two samples time has to pass; where it does not, `arithmetic` says so."""
    if e is None:
        return const(Fraction(1))

    def positive(env: Env) -> Expr:
        value = measured(env, e)
        message = "time has to pass between two samples"
        require(env, lt(const(Fraction(0)), value), message, e.span)
        return ite(lt(const(Fraction(0)), value), value, const(Fraction(1)))

    return read(positive)


def period(every: Fraction, cooldown: Fraction) -> Fraction:
    """Between two instants of the law."""
    return every * max(1, ceil(cooldown / every))


def _some(env: Env, lo: Expr, hi: Expr, span: Span) -> Expr:
    require(env, le(lo, hi), "nothing lies within these bounds", span)
    return TRUE


def controls(spec: ast.Spec, b: Builder, read: Read, first: dict[str, Expr]) -> tuple[Control, ...]:
    """What is known of each controller; `first`: the declared capacity, by pool."""
    metrics = {m.name: m for m in spec.metrics}
    detectors = {d.name: d for d in spec.detectors}
    out = []
    for c in spec.controllers:
        zero = const(Fraction(0))
        gains = [read(lambda env, g=g: as_sort(env, g, Sort.REAL)) for g in c.pid]  # type: ignore[misc]
        between = every(read, c.every or metrics[c.metric].every)
        cooldown = _seconds(read, c.cooldown, 0)
        lo, hi = _whole(read, c.lo, c.span), _whole(read, c.hi, c.span)
        read(partial(_some, lo=lo, hi=hi, span=c.span))
        plant = None
        if c.gain is not None:
            gain = c.gain
            plant = (
                read(lambda env, g=gain: as_sort(env, g, Sort.REAL)),  # type: ignore[misc]
                _seconds(read, c.lag, 0),
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
                lo,
                hi,
                first[c.resource],
                (*gains, *[zero] * (3 - len(gains))) if gains else (),
                None if target is None else read(lambda env, t=target: as_sort(env, t, Sort.REAL)),  # type: ignore[misc]
                between,
                cooldown,
                plant,
                tuple(steps),
                c.span,
            )
        )
    return tuple(out)


def defined(
    spec: ast.Spec, b: Builder, env: Env, controls: Sequence[Control]
) -> tuple[tuple[Expr, Within], ...]:
    """A metric is defined in every state, whatever a controller has set by then: the parameters
    that stand for that, and where they lie.

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
    within = {c.capacity: b.resources[c.resource].within for c in controls}
    return tuple((x, w) for v, x in later.items() if (w := within[v]) is not None)
