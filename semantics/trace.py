"""A run: shared by the interpreter, which makes them, and counterexamples."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from .expr import Scalar


@dataclass(frozen=True, slots=True)
class Step:
    """`rule` fired at virtual time `time` (seconds) with `inputs` (in the rule's order)."""

    rule: int
    inputs: tuple[Scalar, ...] = ()
    time: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Trace:
    """`initial` gives every variable's value; `loop_at` makes a lasso: step index it returns to."""

    initial: tuple[Scalar, ...]
    steps: tuple[Step, ...] = ()
    loop_at: int | None = None
