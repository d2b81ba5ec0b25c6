"""Plain values and runs as JSON values, and back.  `ValueError` for what is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from ..semantics.expr import Expr, Scalar
from ..semantics.trace import Step, Trace


def whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r:.40} is no whole number")
    return value


def data(value: object) -> Any:
    """Whole numbers, words, and lists of them, as tuples."""
    if isinstance(value, list):
        return tuple(map(data, value))
    return value if isinstance(value, str) else whole(value)


def scalar(value: Scalar) -> object:
    if isinstance(value, tuple):  # a stack
        return [scalar(x) for x in value]
    return str(value) if isinstance(value, Fraction) else value


def value(given: object) -> Scalar:
    if isinstance(given, str) and len(given) < 100 and "e" not in given.lower():
        return Fraction(given)
    if isinstance(given, bool | int):
        return given
    if isinstance(given, list):
        return tuple(map(value, given))  # type: ignore[return-value]
    raise ValueError(f"{given!r:.40} is no value")


def run(trace: Trace, written: Callable[[Expr], str]) -> dict[str, Any]:
    """`written`: a term as text."""
    steps = [[s.rule, [scalar(x) for x in s.inputs], str(s.time)] for s in trace.steps]
    out = {"initial": [*map(scalar, trace.initial)], "steps": steps, "loop": trace.loop_at}
    return out if trace.recurs is None else {**out, "recurs": written(trace.recurs)}


def trace(given: Mapping[str, Any], read: Callable[[str], Expr]) -> Trace:
    """`read`: a term from its text."""
    steps = tuple(_step(*s) for s in given["steps"])
    at = None if given["loop"] is None else whole(given["loop"])
    recurs = read(given["recurs"]) if "recurs" in given else None
    return Trace(tuple(map(value, given["initial"])), steps, at, recurs)


def _step(rule: object, inputs: list[object], time: object) -> Step:
    return Step(whole(rule), tuple(map(value, inputs)), Fraction(value(time)))
