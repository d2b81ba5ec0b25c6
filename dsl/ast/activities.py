"""Activities: a contract, an effect, times, an undo."""

from __future__ import annotations

from dataclasses import field

from ..records import dataclass
from ..types import Type
from .expressions import Expression, Node, TypeExpr
from .terms import Claim, RetrySpec, Term


@dataclass(frozen=True, slots=True)
class Param(Node):
    """A formal argument of an activity or a workflow."""

    name: str
    type: TypeExpr
    resolved: Type | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Takes(Node):
    """Support `lo..hi` (`hi` None: unbounded) and, for simulation, a distribution.

    `dist` is "" (uniform over the support), normal, exponential or uniform with `args`.
    """

    lo: Expression | None
    hi: Expression | None
    dist: str = ""
    args: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class FailClause(Node):
    error: str
    probability: Expression | None = None


@dataclass(frozen=True, slots=True)
class Undo(Node):
    """`kind` is block | call | skip | none; `body` is the block or the Call."""

    kind: str
    body: Term | None = None
    orelse: Term | None = None


@dataclass(frozen=True, slots=True)
class Runs(Node):
    """How a real engine would run it: `kind` shell | http | python | container."""

    kind: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Amount(Node):
    """`gpus 2` of an environment, or asked for there."""

    name: str
    value: Expression | None = None  # None: one


@dataclass(frozen=True, slots=True)
class Placement(Node):
    """`runs_in a, b (gpus 1)`: in one of these; without demands, one of each capacity."""

    environments: tuple[str, ...]
    demands: tuple[Amount, ...] = ()


@dataclass(frozen=True, slots=True)
class Activity(Node):
    name: str
    params: tuple[Param, ...] = ()
    returns: TypeExpr | None = None
    resolved: Type | None = field(default=None, compare=False, repr=False)
    uses: tuple[Claim, ...] = ()
    takes: Takes | None = None
    runs_in: Placement | None = None
    needs: tuple[Expression, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    do: Term | None = None
    ensures: tuple[Expression, ...] = ()
    fails: tuple[FailClause, ...] = ()
    retry: RetrySpec | None = None
    timeout: Expression | None = None
    timeout_schedule: Expression | None = None
    heartbeat: Expression | None = None
    beats: Takes | None = None
    undo: Undo | None = None
    undone_when: Expression | None = None
    idempotent_by: Expression | None = None
    at_least_once: bool = False
    priority: Expression | None = None
    runs: Runs | None = None
    doc: str = field(default="", compare=False)
