"""Environments, metrics, detectors and controllers: names, types, and what is left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from . import ast
from .changed import replace
from .check_terms import TermChecker
from .constants import evaluate
from .errors import Span
from .names import Scope
from .types import Int, Real, Type


def environment(e: ast.Environment, terms: TermChecker, top: Scope) -> ast.Environment:
    for part in (e.capacities, e.limits):
        _once(part, terms, e.name)
    return replace(
        e,
        capacities=tuple(_amount(a, terms, top, 0) for a in e.capacities),
        limits=tuple(_amount(a, terms, top, 0) for a in e.limits),
    )


def placement(p: ast.Placement, terms: TermChecker, scope: Scope) -> ast.Placement:
    """Each environment is there, and has what is asked for."""
    report, known = terms.report, terms.symbols.environments
    _once(p.demands, terms, "the activity")
    for n, name in enumerate(p.environments):
        terms.symbols.used.add(name)
        if name not in known:
            report.unknown("E0201", p.span, "environment", name, known)
            continue
        if name in p.environments[:n]:
            report.error("E0202", p.span, f"`{name}` stands twice", "name each environment once")
        has = {a.name for a in (*known[name].capacities, *known[name].limits)}
        for d in p.demands:
            if d.name not in has:
                what = f"capacity or limit of `{name}`:"
                report.unknown("E0201", d.span, what, d.name, sorted(has))
    return replace(p, demands=tuple(_amount(d, terms, scope, 1) for d in p.demands))


def metric(m: ast.Metric, terms: TermChecker, top: Scope) -> ast.Metric:
    with terms.x.outside_of_runs():
        value = _number(m.value, terms, top)
    return replace(m, value=value, every=_period(m.every, terms, top))


def detector(d: ast.Detector, terms: TermChecker, top: Scope) -> ast.Detector:
    _known(d.metric, "metric", terms.symbols.metrics, d.span, terms)
    return replace(d, level=_number(d.level, terms, top), samples=terms.count(d.samples, top, 1))


def controller(c: ast.Controller, terms: TermChecker, top: Scope) -> ast.Controller:
    report, symbols = terms.report, terms.symbols
    _known(c.metric, "metric", symbols.metrics, c.span, terms)
    if not c.resource:
        report.error(
            "E0110",
            c.span,
            f"what does `{c.name}` act on?",
            "`acts agents within 1..10`: a pool, and the least and the largest capacity",
        )
    else:
        _known(c.resource, "resource", symbols.resources, c.span, terms)
        r = symbols.resources.get(c.resource)
        if r is not None and r.kind != "pool":
            report.error(
                "E0403", c.span, f"`{c.resource}` is a {r.kind}: it has no capacity to set"
            )
        elif r is not None and r.advisory:
            report.error(
                "E0403", c.span, f"`{c.resource}` is advisory: its capacity bounds nothing"
            )
    if len(c.pid) > 3:
        report.error("E0305", c.span, "a controller has at most three gains", "`pid(1, 0.1, 0)`")
    if c.pid and c.target is None:
        report.error("E0110", c.span, f"`{c.name}` has gains and no target", "add `target 0.6`")
    if bool(c.pid) == bool(c.steps):
        message = f"`{c.name}` needs either gains or steps"
        report.error("E0110", c.span, message, "`pid(1, 0.1, 0)`, or `step up 1 on busy`")
    for s in c.steps:
        _known(s.detector, "detector", symbols.detectors, s.span, terms)
    lo = terms.count(c.lo, top, 0)
    hi = terms.count(c.hi, top, 0)
    ends = [evaluate(e, symbols.constants) for e in (lo, hi) if e is not None]
    if len(ends) == 2 and isinstance(ends[0], int) and isinstance(ends[1], int):
        if ends[0] > ends[1]:
            report.error("E0408", c.span, f"nothing lies within {ends[0]}..{ends[1]}")
    return replace(
        c,
        target=None if c.target is None else _number(c.target, terms, top),
        pid=tuple(_number(g, terms, top) for g in c.pid),
        steps=tuple(replace(s, amount=terms.count(s.amount, top, 1) or s.amount) for s in c.steps),
        lo=lo,
        hi=hi,
        every=_period(c.every, terms, top),
        cooldown=terms.maybe_time(c.cooldown, top),
        gain=None if c.gain is None else _number(c.gain, terms, top),
        lag=terms.maybe_time(c.lag, top),
    )


def _period(e: ast.Expression | None, terms: TermChecker, top: Scope) -> ast.Expression | None:
    typed = terms.maybe_time(e, top)
    if typed is not None and e is not None and evaluate(typed, terms.symbols.constants) == 0:
        terms.report.error("E0408", e.span, "time has to pass between two samples")
    return typed


def _number(e: ast.Expression, terms: TermChecker, scope: Scope) -> ast.Expression:
    typed = terms.x.visit(e, scope, Real())
    kind: Type | None = typed.type
    if kind is not None and not isinstance(kind, Int | Real):
        terms.x.require(typed, Real())
    return typed


def _amount(a: ast.Amount, terms: TermChecker, scope: Scope, least: int) -> ast.Amount:
    return replace(a, value=terms.count(a.value, scope, least))


def _once(amounts: Iterable[ast.Amount], terms: TermChecker, what: str) -> None:
    seen: set[str] = set()
    for a in amounts:
        if a.name in seen:
            message = f"`{a.name}` is given twice in {what}"
            terms.report.error("E0120", a.span, message, "keep one of them")
        seen.add(a.name)


def _known(
    name: str, what: str, table: Mapping[str, object], span: Span, terms: TermChecker
) -> None:
    terms.symbols.used.add(name)
    if name not in table:
        terms.report.unknown("E0201", span, what, name, table)
