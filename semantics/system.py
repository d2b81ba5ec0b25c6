"""What a spec means: variables, an initial condition, and a finite set of rules.

Plain data, built by `semantics.lower`.  Interpreter, verifier and proofs read it; none of them
needs the syntax tree.

Control.  Every sequential thread has one location variable.  A location value is a `Point` of
its thread; what a thread holds of a resource is a function of its point (`Point.holds`), so the
`used` variable of a resource always equals the sum of what the threads' points hold.  A thread
that is not running sits at point 0 (`ENTRY`); its rules are guarded by its parent's location.
"""

from __future__ import annotations

from ..dsl.changed import filled
from ..dsl.closed import ClosedStr
from ..dsl.errors import NOWHERE, Span
from ..dsl.records import dataclass
from ..dsl.types import Type
from .declared import (
    AnyNumber,
    ChannelInfo,
    Control,
    ControlStep,
    Liveness,
    Loop,
    Obligation,
    Place,
    ResourceInfo,
    Retrying,
    SagaInfo,
    TimeLimit,
    Waiting,
    Within,
)
from .expr import FALSE, TRUE, Expr, Sort
from .rules import (
    WAITING,
    Bundle,
    Delay,
    EventKind,
    EventTemplate,
    Input,
    Rule,
    RuleKind,
    Seen,
)


class VarKind(ClosedStr):
    DATA = "data"  # a user's variable (one scalar part of it)
    SHARED = "shared"  # the same, visible to every instance
    CHANNEL = "channel"  # messages on their way: the slots of a queue, and how many are in use
    RECEIVED = "received"  # what has been received, where it has its name; reset behind that
    ARG = "argument"  # of an instance: constant during its run
    PARAM = "parameter"  # of the spec: constant
    LOCATION = "location"
    USED = "used"  # units (or borrows) of a resource in use
    HIDDEN = "hidden"  # counters, saved arguments, pending errors
    GHOST = "ghost"  # never read by a guard: observes for a check


@filled
@dataclass(frozen=True, slots=True)
class Variable:
    """One scalar of the state.

    `init` is an expression over variables of smaller index; None: any value of the type that
    `TransitionSystem.initial` allows.  `lo`/`hi` bound an `int a..b`; keeping them is check
    `arithmetic`, they are not assumed.
    """

    index: int
    name: str
    sort: Sort
    type: Type
    kind: VarKind
    init: Expr | None
    instance: int | None = None
    lo: int | None = None
    hi: int | None = None
    span: Span = NOWHERE
    durable: bool = False  # of a store


class PointKind(ClosedStr):
    ENTRY = "entry"  # the thread has not started, or has been cancelled
    READY = "ready"  # before a step
    RUN = "run"  # an activity is running
    BACKOFF = "backoff"  # waiting to be tried again
    FORK = "fork"  # waiting for child threads
    UNWIND = "unwind"  # waiting for cancelled child threads, then a handler or an undo
    END = "end"  # this thread's part is over
    FAILED = "failed"  # the same, with an error


@filled
@dataclass(frozen=True, slots=True)
class Point:
    """One value of a thread's location; `holds` pairs a USED variable with the amount held."""

    id: int
    kind: PointKind
    label: str
    span: Span
    holds: tuple[tuple[int, Expr], ...] = ()
    protected: bool = False  # inside nocancel, finally or a compensation
    activity: str = ""  # for RUN and BACKOFF


@filled
@dataclass(frozen=True, slots=True)
class Thread:
    id: int
    name: str
    instance: int
    location: int  # variable index
    parent: int | None
    points: tuple[Point, ...]  # points[i].id == i; 0 is ENTRY
    fork: int | None = None  # the point of the parent that forks it
    after: tuple[int, ...] = ()  # siblings that end before it starts
    span: Span = NOWHERE


@dataclass(frozen=True, slots=True)
class Instance:
    id: int
    name: str  # "trip[0]"
    workflow: str
    root: int  # thread id
    completed: int  # point of the root thread
    failed: int  # point of the root thread
    error: int  # HIDDEN variable: 0, or 1 + index into TransitionSystem.errors
    span: Span
    active: Expr = TRUE  # false where a parameter says there are fewer instances
    observed: tuple[int, ...] = ()  # variables that make up its result


@dataclass(frozen=True, slots=True)
class TransitionSystem:
    name: str
    variables: tuple[Variable, ...]
    initial: Expr  # over the free variables: ranges, `requires`
    rules: tuple[Rule, ...]
    threads: tuple[Thread, ...]
    instances: tuple[Instance, ...]
    resources: tuple[ResourceInfo, ...]
    obligations: tuple[Obligation, ...]
    errors: tuple[str, ...]
    channels: tuple[ChannelInfo, ...] = ()
    liveness: tuple[Liveness, ...] = ()
    limits: tuple[TimeLimit, ...] = ()
    retries: tuple[Retrying, ...] = ()
    waits: tuple[Waiting, ...] = ()
    loops: tuple[Loop, ...] = ()
    places: tuple[Place, ...] = ()
    sagas: tuple[SagaInfo, ...] = ()
    choices: tuple[tuple[range, ...], ...] = ()  # for each `+`, the rules of its sides
    excluded: Expr = FALSE  # states in which an `assume` is false: such runs do not count
    strings: tuple[str, ...] = ()  # string literals by their integer
    initial_events: tuple[EventTemplate, ...] = ()
    assumptions: tuple[tuple[str, Span], ...] = ()  # shown with a verdict that used them
    scheduler: str = "any"
    # `assume eventually`: in a run that goes on for ever, each holds again and again.
    eventually: tuple[tuple[Expr, Span], ...] = ()
    clock: int | None = None  # the variable that keeps the last time at which it was read
    has_timeouts: bool = False
    controls: tuple[Control, ...] = ()
    any_number: tuple[AnyNumber, ...] = ()  # what is proved of these instances is not of all
    ties: bool = False  # the environment decides all ties but those of urgent steps

    @property
    def open_channels(self) -> tuple[ChannelInfo, ...]:
        """Those without a bound."""
        return tuple(c for c in self.channels if c.full is not None)

    @property
    def room(self) -> int | None:
        """What channels without a bound have room for here; None: each has a bound."""
        sizes = [c.capacity for c in self.open_channels]
        return int(sizes[0].value or 0) if sizes and sizes[0] is not None else None

    @property
    def in_order(self) -> bool:
        """Whether its scheduler says which of the steps that are ready is next."""
        return self.scheduler in ("fifo", "priority")

    @property
    def reads_clock(self) -> bool:
        """Whether some step depends on its time."""
        return self.clock is not None


__all__ = [
    "WAITING",
    "AnyNumber",
    "Bundle",
    "ChannelInfo",
    "Control",
    "ControlStep",
    "Delay",
    "EventKind",
    "EventTemplate",
    "Input",
    "Instance",
    "Liveness",
    "Loop",
    "Obligation",
    "Place",
    "Point",
    "PointKind",
    "ResourceInfo",
    "Retrying",
    "Rule",
    "RuleKind",
    "SagaInfo",
    "Seen",
    "Thread",
    "TimeLimit",
    "TransitionSystem",
    "VarKind",
    "Variable",
    "Waiting",
    "Within",
]
