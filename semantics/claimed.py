"""What a spec claims of two workflows, or of two terms, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..dsl import ast
from ..dsl.records import dataclass
from .expr import Expr
from .observing import View
from .system import TransitionSystem

OUTCOME = "outcome"
UNDER = ("bisimulation", "branching", "failures", "trace", OUTCOME)  # from fine to coarse
COMPARED = ("equivalent", "refines", "upgrade")


@dataclass(frozen=True, slots=True)
class Side:
    """A workflow by itself, and what is seen of it."""

    system: TransitionSystem
    view: View


@dataclass(frozen=True, slots=True)
class Tests:
    """Tests as conditions on data, wherever they stand in one workflow.  `always`: what their
    variables cannot but satisfy, whatever has run; `initially`: the variables that have one first
    value, and which."""

    conditions: tuple[Expr, ...]
    always: Expr
    initially: tuple[tuple[int, Expr], ...]


@dataclass(frozen=True, slots=True)
class Effects:
    """What each of some steps (calls, assignments) makes of variables if it comes to its end: a
    term over those before, or None for anything.  Nothing else changes those that are `steady`.
    Numbers as in `Tests`."""

    updates: tuple[Mapping[int, Expr | None], ...]
    steady: frozenset[int]


Read = Callable[[Sequence[ast.Expression]], Tests | None]
Steps = Callable[[Sequence[ast.Term]], Effects | None]


@dataclass(frozen=True, slots=True)
class Terms:
    """Two terms of which one may stand for the other, if they are the same by laws of terms.

    `tests` reads tests of them (None: it is not known what they say), `steps` what is done in
    them (None: it may change anything).  `alone`: nothing runs beside them."""

    left: ast.Term
    right: ast.Term
    tests: Read = lambda written: None
    steps: Steps = lambda taken: None
    alone: bool = False


Instantiate = Callable[[Sequence[tuple[str, str]], str], "Claimed"]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A line of the spec, as text and by its place.  `sides` lowers the two workflows (it may
    raise `Rejected`): of `refines` the first does only what the second does, of `upgrade` the runs
    of the first go on under the second.  A law has none; it has instances: with terms for its
    names, and one that runs beside ("": none does), it claims that the two sides are equivalent.
    `terms`: those in which the two differ (one pair at least), and in nothing else; None: they
    cannot be so compared."""

    kind: str
    under: str
    says: str
    place: str
    sides: Callable[[], tuple[Side, Side]] | None = None
    terms: Callable[[], Sequence[Terms] | None] = lambda: None
    instance: Instantiate | None = None
