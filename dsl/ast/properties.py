"""What must hold: of a workflow, or of the whole file."""

from __future__ import annotations

from ..records import dataclass
from .expressions import Expression, Node
from .terms import Term


@dataclass(frozen=True, slots=True)
class Invariant(Node):
    name: str
    cond: Expression


@dataclass(frozen=True, slots=True)
class Always(Node):
    name: str
    cond: Expression


@dataclass(frozen=True, slots=True)
class Requires(Node):
    cond: Expression


@dataclass(frozen=True, slots=True)
class Ensures(Node):
    cond: Expression


@dataclass(frozen=True, slots=True)
class Pattern(Node):
    """`kind` is never_after | precedes | leads_to | eventually."""

    name: str
    kind: str
    p: Expression
    q: Expression | None = None
    within: Expression | None = None


@dataclass(frozen=True, slots=True)
class AssumeEventually(Node):
    cond: Expression


@dataclass(frozen=True, slots=True)
class CheckOn(Node):
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SkipCheck(Node):
    name: str
    reason: str
    at: str | None = None


@dataclass(frozen=True, slots=True)
class ExpectRefuted(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Deadline(Node):
    duration: Expression


@dataclass(frozen=True, slots=True)
class Equivalent(Node):
    """`kind` is equivalent | refines | upgrade."""

    kind: str
    name: str
    left: str
    right: str
    under: str = ""
    observing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Law(Node):
    name: str
    metavariables: tuple[str, ...]
    left: Term
    right: Term
    under: str = ""


Property = (
    Invariant
    | Always
    | Requires
    | Ensures
    | Pattern
    | AssumeEventually
    | CheckOn
    | SkipCheck
    | ExpectRefuted
    | Deadline
    | Equivalent
    | Law
)


PROPERTIES = (
    Invariant,
    Always,
    Requires,
    Ensures,
    Pattern,
    AssumeEventually,
    CheckOn,
    SkipCheck,
    ExpectRefuted,
    Deadline,
    Equivalent,
    Law,
)
