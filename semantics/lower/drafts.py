"""What the lowering keeps in mind: instances, frames that take errors, undo logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from ...dsl import ast
from ...dsl.changed import filled
from ...dsl.errors import Span
from ...dsl.records import dataclass
from ..expr import (
    TRUE,
    Expr,
)
from ..system import (
    Delay,
    Loop,
    Place,
    Retrying,
    SagaInfo,
    TimeLimit,
    Waiting,
)
from .builder import (
    ForkDraft,
    PointDraft,
    RuleDraft,
    ThreadDraft,
    Update,
)
from .data import Value
from .env import Env
from .patterns import Pattern
from .place import At
from .refusals import Refusals

if TYPE_CHECKING:
    from .channels import Channel
    from .claims import Demand
    from .context import Ctx
    from .open import Open


@dataclass(frozen=True, slots=True)
class Landing:
    """Where an error goes: under `guard`, the frame's thread continues at `point`."""

    guard: Expr
    point: int
    updates: tuple[Update, ...] = ()
    counts: Expr | None = None  # a variable of the user that is set here: it keeps its range


@dataclass(eq=False, slots=True)
class Frame:
    """Something that takes errors.  `land` may leave a rest to the frames outside."""

    thread: ThreadDraft
    outer: Frame | None
    takes: Callable[[str], bool]
    land: Callable[[str], Sequence[Landing]]
    raised: list[str] = field(default_factory=list)
    forks: list[ForkDraft] = field(default_factory=list)
    rules: list[int] = field(default_factory=list)  # that landed here


@dataclass(eq=False, slots=True)
class Attempt:
    """The rules of one place that calls an activity, and the point at which it runs."""

    start: RuleDraft
    point: PointDraft
    complete: RuleDraft | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a saga remembers of one activity: whether it is done, and how to undo it."""

    flag: Expr
    undo: ast.Undo | None
    inst: InstanceDraft  # the workflow whose activity it is
    env: Env  # arguments and result as they were
    name: str
    span: Span
    written: tuple[int, ...]
    undone_when: ast.Expression | None
    was: Expr | None  # with `undone when`: it has been done since the saga began
    by: Attempt
    instead: Expr | None = None  # with `else`: that has run since, for the undo has failed


@dataclass(frozen=True, slots=True)
class Owed:
    """What an open process has completed (see `open`): whether there is anything to undo in it,
    whether there will be if it is cut off now, and the lowering of its undo."""

    flag: Expr
    perhaps: Expr
    undo: Callable[[Ctx, At, int], Out]


@filled
@dataclass(frozen=True, slots=True)
class Log:
    """The undo log of a term: in sequence, or of branches that ran side by side.

    `after` (of a graph, for each part): the parts that came before it, by number.
    `sure`: the flags of what is certainly done once control has passed to the term's exit.
    """

    parts: tuple[Log | Done | Owed | Rounds, ...] = ()
    parallel: bool = False
    after: tuple[tuple[int, ...], ...] = ()
    sure: frozenset[int] = frozenset()


@dataclass(eq=False, slots=True)
class Rounds:
    """The undo log of what is done again and again: of the round under way, and how many there
    were before.

    What the undo of a round looks at and later rounds overwrite (`kept`) is put on a stack by
    `again`, the step that ends a round, and taken from it by the steps that go back to an
    earlier one (`back`).
    """

    body: Log
    sure: frozenset[int]  # flags of what is certainly done when a round ends
    count: Expr
    again: RuleDraft
    inside: range  # the variables of the body
    kept: list[Expr] = field(default_factory=list)
    stack: Expr | None = None
    back: list[RuleDraft] = field(default_factory=list)


@filled
@dataclass(frozen=True, slots=True)
class Out:
    """A lowered term: how control passes through it silently, its shape, its undo log."""

    exit: At | None
    log: Log = Log()


@dataclass(eq=False, slots=True)
class InstanceDraft:
    """An instance of a workflow, or of a child workflow inside it (`id` is the instance's)."""

    id: int
    name: str
    workflow: ast.Workflow
    env: Env
    root: ThreadDraft
    error: Expr
    occurrences: dict[str, int] = field(default_factory=dict)
    running: dict[str, list[Expr]] = field(default_factory=dict)
    counters: dict[tuple[str, str], Expr] = field(default_factory=dict)
    observed: tuple[int, ...] = ()
    active: Expr = TRUE
    arrives: Expr | None = None  # when; None: it is there from the start
    crashes: bool = False  # it may, or the instance that it is a part of
    completed: int = 0
    failed: int = 0
    result: Value | None = None


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One place that names a key (`idempotent by`): whether it has had its effect there, and the
    first and the last key (in a loop keys do not fall) with which it has."""

    seen: Expr
    first: tuple[Expr, ...]
    last: tuple[Expr, ...]
    again: bool  # more than one call may be made from there
    span: Span


@dataclass(eq=False, slots=True)
class World:
    """What is shared by the whole lowering, beside the builder."""

    spec: ast.Spec
    activities: Mapping[str, Mapping[str, ast.Activity]]  # by workflow, with those at top level
    workflows: Mapping[str, ast.Workflow]
    resources: Mapping[str, ast.Resource]
    loops: list[Loop] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    sagas: list[SagaInfo] = field(default_factory=list)
    choices: list[tuple[range, ...]] = field(default_factory=list)
    wants: frozenset[tuple[str, str]] = frozenset()  # (activity, state predicate) in use
    asked: dict[str, frozenset[tuple[str, str]]] = field(default_factory=dict)  # in a child
    keys: dict[str, list[KeyUse]] = field(default_factory=dict)  # by activity
    crashing: frozenset[str] = frozenset()  # workflows
    patterns: list[Pattern] = field(default_factory=list)
    eventually: list[tuple[Expr, Span]] = field(default_factory=list)
    channels: dict[str, Channel] = field(default_factory=dict)
    received: dict[tuple[int, int, str], dict[str, Value]] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)  # how often a message has got this name
    limits: list[TimeLimit] = field(default_factory=list)
    retries: list[Retrying] = field(default_factory=list)
    waits: list[Waiting] = field(default_factory=list)
    alike: set[int] = field(default_factory=set)  # instances of which there are any number
    demands: dict[tuple[tuple[str, int], ...], Demand] = field(default_factory=dict)
    delays: dict[tuple[str, str], Delay] = field(default_factory=dict)
    has_timeouts: bool = False
    refusals: Refusals = field(default_factory=Refusals)
    open: Mapping[str, Open] = field(default_factory=dict)  # activities that stand for any term

    @property
    def permanent(self) -> frozenset[str]:
        """Errors that trying again does not help against."""
        return frozenset(("TooMany", *(e.name for e in self.spec.errors if e.kind == "permanent")))
