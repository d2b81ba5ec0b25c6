"""A run: shared by the interpreter, which makes them, and counterexamples."""

from __future__ import annotations

from fractions import Fraction

from ..dsl.records import dataclass
from .expr import Expr, Scalar


@dataclass(frozen=True, slots=True)
class Step:
    """`rule` fired at virtual time `time` (seconds) with `inputs` (in the rule's order)."""

    rule: int
    inputs: tuple[Scalar, ...] = ()
    time: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Trace:
    """`initial` gives every variable's value; `loop_at` makes a lasso: step index it returns to.

    With `recurs`, a condition on the states at the beginning of a round, it is a run that goes
    round for ever and never comes to the same state again: from every state in which `recurs`
    holds, the threads are where they are at `loop_at`, and what the round does not change is as
    it is there, the same steps with the same answers lead to such a state.

    `exact`: the claim that it breaks speaks of time, so that its times are not to be changed.
    """

    initial: tuple[Scalar, ...]
    steps: tuple[Step, ...] = ()
    loop_at: int | None = None
    recurs: Expr | None = None
    exact: bool = False
