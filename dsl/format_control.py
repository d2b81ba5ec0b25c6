"""Environments, metrics, detectors and controllers as text, a line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import ast
from .format_expr import SUM, expr
from .format_out import WIDTH


def placement(p: ast.Placement) -> str:
    asked = f" ({', '.join(map(_amount, p.demands))})" if p.demands else ""
    return ", ".join(p.environments) + asked


def control(item: ast.Environment | ast.Metric | ast.Detector | ast.Controller) -> list[str]:
    """Its lines: of a long controller a second one, from what it acts on."""
    text = _line(item)
    cut = text.find(" acts ")
    if len(text) <= WIDTH or cut < 0:
        return [text]
    return [text[:cut], f"  {text[cut + 1 :]}"]


def _line(item: ast.Environment | ast.Metric | ast.Detector | ast.Controller) -> str:
    match item:
        case ast.Environment():
            return f"environment {item.name} {{ {' '.join(_entries(item))}"
        case ast.Metric():
            every = f" every {expr(item.every, SUM)}" if item.every is not None else ""
            return f"metric {item.name} = {expr(item.value)}{every}"
        case ast.Detector():
            lasting = ""
            if item.samples is not None:
                lasting = f" for {expr(item.samples, SUM)} samples"
            level = expr(item.level, SUM)
            return f"detector {item.name} on {item.metric} {item.kind} {level}{lasting}"
        case ast.Controller():
            return " ".join(_controller(item))


def _entries(e: ast.Environment) -> Iterator[str]:
    if e.kind:
        yield f"kind {e.kind}"
    yield from _amounts("capacity", e.capacities)
    yield from _amounts("limits", e.limits)
    yield "}"


def _amounts(word: str, amounts: Iterable[ast.Amount]) -> Iterator[str]:
    return (f"{word} {_amount(a)}" for a in amounts)


def _amount(a: ast.Amount) -> str:
    return a.name if a.value is None else f"{a.name} {expr(a.value, SUM)}"


def _controller(c: ast.Controller) -> Iterator[str]:
    yield f"controller {c.name} on {c.metric}"
    if c.target is not None:
        yield f"target {expr(c.target, SUM)}"
    if c.pid:
        yield f"pid({', '.join(map(expr, c.pid))})"
    for s in c.steps:
        yield f"step {s.way} {expr(s.amount, SUM)} on {s.detector}"
    if c.lo is not None and c.hi is not None:
        yield f"acts {c.resource} within {expr(c.lo, SUM)}..{expr(c.hi, SUM)}"
    if c.every is not None:
        yield f"every {expr(c.every, SUM)}"
    if c.cooldown is not None:
        yield f"cooldown {expr(c.cooldown, SUM)}"
    if c.gain is not None:
        lag = f" lag {expr(c.lag, SUM)}" if c.lag is not None else ""
        yield f"plant gain {expr(c.gain, SUM)}{lag}"
