"""What a spec means: variables, an initial condition, and a finite set of rules.

Plain data, built by `semantics.lower`.  Interpreter, verifier and proofs read it; none of them
needs the syntax tree.

Control.  Every sequential thread has one location variable.  A location value is a `Point` of
its thread; what a thread holds of a resource is a function of its point (`Point.holds`), so the
`used` variable of a resource always equals the sum of what the threads' points hold.  A thread
that is not running sits at point 0 (`ENTRY`); its rules are guarded by its parent's location.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..dsl.errors import NOWHERE, Span
from ..dsl.types import Type
from .expr import FALSE, TRUE, Expr, Sort


class VarKind(StrEnum):
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


class PointKind(StrEnum):
    ENTRY = "entry"  # the thread has not started, or has been cancelled
    READY = "ready"  # before a step
    RUN = "run"  # an activity is running
    BACKOFF = "backoff"  # waiting to be tried again
    FORK = "fork"  # waiting for child threads
    UNWIND = "unwind"  # waiting for cancelled child threads, then a handler or an undo
    END = "end"  # this thread's part is over
    FAILED = "failed"  # the same, with an error


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


class RuleKind(StrEnum):
    START = "start"  # an attempt of an activity, its claims granted
    COMPLETE = "complete"
    FAIL = "fail"  # an attempt fails (also when its retry takes it)
    TIMEOUT = "timeout"
    BACKOFF = "backoff"  # the wait before another attempt is over
    GRANT = "grant"  # of `using`
    RELEASE = "release"
    ASSIGN = "assign"
    COMMIT = "commit"  # of a transaction
    BUSY = "busy"  # a claim that does not wait finds its resource in use: an error
    ABORT = "abort"  # it is given up: an error
    ASSERT = "assert"
    RAISE = "raise"  # `fail E`, or an error that goes on
    TIMER = "timer"  # `wait d`
    WAIT = "wait"  # `wait until e`
    SEND = "send"  # a message is put into a channel, where there is room
    RECEIVE = "receive"  # one is taken out, where there is one
    INTERRUPT = "interrupt"  # `within`
    UNDO = "undo"
    STEP = "step"  # other internal steps: loop iteration, call, return, skip of a node
    CRASH = "crash"
    RECOVER = "recover"
    END = "end"  # of a workflow
    CONTROL = "control"  # a metric is sampled, or a controller acts: in runs only


# Kinds of rules that may have to wait for what others do to data.
WAITING = (RuleKind.WAIT, RuleKind.SEND, RuleKind.RECEIVE)


@dataclass(frozen=True, slots=True)
class Input:
    """A value that the environment answers, read as `INPUT index`.

    The rule's `relation` says which values are possible.  `key` names it for scripts and
    determinism: ("result", field..) or ("write", variable).
    """

    name: str
    sort: Sort
    type: Type
    lo: int | None = None
    hi: int | None = None
    clock: bool = False  # the time of the step, which runs know


@dataclass(frozen=True, slots=True)
class Delay:
    """The rule fires when it has been enabled without a break for a time in lo..hi (seconds).

    `hi` None: any time from `lo`, or never.  The environment chooses when the rule becomes
    enabled.  `dist`/`args` for simulation only.  Real-sorted expressions over the variables.
    """

    lo: Expr
    hi: Expr | None
    dist: str = ""
    args: tuple[Expr, ...] = ()


class EventKind(StrEnum):
    WORKFLOW_CREATED = "WorkflowCreated"
    WORKFLOW_STARTED = "WorkflowStarted"
    WORKFLOW_COMPLETED = "WorkflowCompleted"
    WORKFLOW_FAILED = "WorkflowFailed"
    WORKFLOW_CANCELLED = "WorkflowCancelled"
    TASK_SCHEDULED = "TaskScheduled"
    TASK_STARTED = "TaskStarted"
    TASK_COMPLETED = "TaskCompleted"
    TASK_FAILED = "TaskFailed"
    TASK_TIMED_OUT = "TaskTimedOut"
    TASK_CANCELLED = "TaskCancelled"
    TASK_RETRY_SCHEDULED = "TaskRetryScheduled"
    TASK_COMPENSATED = "TaskCompensated"
    STEP_TAKEN = "StepTaken"
    RESOURCE_ALLOCATED = "ResourceAllocated"
    RESOURCE_RELEASED = "ResourceReleased"
    MESSAGE_SENT = "MessageSent"
    MESSAGE_RECEIVED = "MessageReceived"
    MESSAGE_DROPPED = "MessageDropped"
    TIMER_FIRED = "TimerFired"
    CRASH_OCCURRED = "CrashOccurred"
    RECOVERED = "Recovered"
    LEASE_EXPIRED = "LeaseExpired"
    TRANSACTION_COMMITTED = "TransactionCommitted"
    TRANSACTION_ABORTED = "TransactionAborted"
    METRIC_SAMPLED = "MetricSampled"
    ANOMALY_DETECTED = "AnomalyDetected"
    CONTROL_APPLIED = "ControlApplied"
    SNAPSHOT_CREATED = "SnapshotCreated"


@dataclass(frozen=True, slots=True)
class EventTemplate:
    """An event that a rule emits when it fires.

    `changes` are assignments (variable, value) in terms of the state before the step; for
    ResourceAllocated and ResourceReleased the value is the amount by which the one variable
    grows or shrinks.  `when` (None: always) tells whether this occurrence is emitted at all.
    """

    kind: EventKind
    subject: str
    instance: int | None
    changes: tuple[tuple[int, Expr], ...] = ()
    when: Expr | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Updates and events shared by many rules: what cancelling everything below a fork does."""

    updates: tuple[tuple[int, Expr], ...]
    events: tuple[EventTemplate, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What an observer sees of a step beside its name: an argument of an activity that starts, a
    message that is sent or received.  `term` is read before the step, with its inputs."""

    name: str
    type: Type
    term: Expr


@dataclass(frozen=True, slots=True)
class Rule:
    """One step.  Enabled when `guard` holds (state only); `relation` constrains the inputs.

    All updates read the state before the step.  `own` and `bundle` never write the same
    variable.  Rules with the same `group` are the possible ends of one running attempt: the
    environment decides between them when the attempt starts.  `activity` is the occurrence
    (`trip[0].hotel`, `trip[0].hotel#2` for the second place that calls it).
    """

    index: int
    name: str
    kind: RuleKind
    thread: int
    instance: int
    guard: Expr
    own: tuple[tuple[int, Expr], ...]
    span: Span
    relation: Expr = TRUE
    inputs: tuple[Input, ...] = ()
    bundle: Bundle | None = None
    own_events: tuple[EventTemplate, ...] = ()
    delay: Delay | None = None
    group: int | None = None
    activity: str = ""
    error: str = ""  # raised (RAISE, FAIL, TIMEOUT)
    probability: Expr | None = None
    priority: Expr | None = None
    test_span: Span | None = None  # of the test that is taken with this step
    holds: tuple[tuple[int, Expr], ...] = ()  # held before, also by the blocks around the fork
    gains: tuple[tuple[int, Expr], ...] = ()  # granted by this step
    turn: Expr = TRUE  # the part of the guard which says that nobody is ahead in the queue
    reads: tuple[int, ...] = ()  # what it is said to look at, beside its terms
    over_children: bool = False  # may be taken while child threads of its thread run
    channel: str = ""  # where it sends to or receives from, with the place: `votes`, `jobs[a]`
    seen: tuple[Seen, ...] = ()

    @property
    def updates(self) -> Iterator[tuple[int, Expr]]:
        yield from self.own
        if self.bundle is not None:
            yield from self.bundle.updates

    @property
    def events(self) -> Iterator[EventTemplate]:
        yield from self.own_events
        if self.bundle is not None:
            yield from self.bundle.events

    @property
    def unheard(self) -> bool:
        """Of an attempt that the environment lets miss a heartbeat: no failure of its own."""
        return self.kind is RuleKind.FAIL and any(
            e.kind is EventKind.TASK_TIMED_OUT for e in self.own_events
        )

    @property
    def way(self) -> tuple[str, str]:
        """How an attempt ends here: rules of one way differ only in where that leads."""
        return self.kind.value, "heartbeat" if self.unheard else self.error

    @property
    def transaction(self) -> bool:
        """A store takes one of them after the other: on its data they are no race."""
        return self.kind in (RuleKind.COMMIT, RuleKind.ABORT)


@dataclass(frozen=True, slots=True)
class Within:
    """Where the capacity of a pool stays; `first` and `last` are the least `lo` and the largest
    `hi` that parameters allow."""

    lo: Expr
    hi: Expr
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ResourceInfo:
    """A pool has one USED variable; a lock has `used` (shared borrows) and `exclusive`."""

    name: str
    kind: str  # pool | lock
    capacity: Expr  # of a lock: unused
    enforced: bool
    used: int
    exclusive: int | None
    span: Span
    hidden: bool = False  # the slots of `at most k at once`
    within: Within | None = None  # where controllers keep the capacity


@dataclass(frozen=True, slots=True)
class ChannelInfo:
    """A declared channel.  `lengths`: how many messages are in each of its queues (one for each
    key; of a broadcast, one for each instance that receives).  From the environment: none.
    `tested`: a term looks at `len(c)`.  Otherwise its variables are in guards of message steps only
    as what these wait for: that a message which fits is there, or room for one."""

    name: str
    lengths: tuple[int, ...]
    span: Span
    tested: bool = False
    capacity: Expr | None = None  # of each queue
    # Of a channel without a bound, which was given room for so many: somebody would send, and has
    # no room.  As long as that is never so, it is as if there were no bound.
    full: Expr | None = None
    # By queue and slot, what a slot consists of; () where messages grow old.
    slots: tuple[tuple[tuple[int, ...], ...], ...] = ()
    in_order: bool = True  # the oldest message is taken, whatever it is


@dataclass(frozen=True, slots=True)
class Obligation:
    """What a check must show.

    With `rule`: whenever that rule is taken, `cond` holds of the state before, the inputs and
    (POST) the state after.  With `every_step`: the same for every rule.  Otherwise `cond` holds
    in every reachable state.  `cond` FALSE with a rule: the rule is never taken.
    """

    check: str
    name: str
    cond: Expr
    message: str
    span: Span
    rule: int | None = None
    every_step: bool = False
    warning: bool = False
    unless: Expr | None = None  # where this is never true, the claim says nothing


@dataclass(frozen=True, slots=True)
class Liveness:
    """In every fair run something comes: until then the ghost `owed` is true.  `at_end`: nothing
    is owed when all has ended."""

    name: str
    owed: Expr
    at_end: Obligation


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """`owed` holds for at most `within` (seconds, Real-sorted, of what never changes) without a
    break, in every timed run.  `check` and `name` are those of its line of the table.

    `workflow` and `instance`: it is the deadline of a workflow, whose end is owed.  `unless`:
    where this is never true, the claim says nothing.
    """

    check: str
    name: str
    owed: Expr
    within: Expr
    message: str
    span: Span
    instance: int | None = None
    workflow: str = ""
    unless: Expr | None = None


@dataclass(frozen=True, slots=True)
class Retrying:
    """A retry: `tries` (a variable) counts the failures that it has taken; 0 outside of it."""

    what: str
    span: Span
    tries: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A `wait until`: control is before it where `here` holds; `over` is what it waits for."""

    span: Span
    here: Expr
    over: Expr


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
class AnyNumber:
    """`w[*]`: of any number of instances, the first few; `number` is the variable (None: a
    constant) that says how many of them there are."""

    workflow: str
    members: tuple[int, ...]  # ids of instances, all alike
    number: int | None
    span: Span


@dataclass(frozen=True, slots=True)
class ControlStep:
    """While the detector says so, the capacity goes `way` (up or down) by so much."""

    way: str
    amount: Expr
    detector: str
    metric: str
    kind: str  # of the detector: above | below | rises | falls
    level: Expr


@dataclass(frozen=True, slots=True)
class Control:
    """A controller.  Times are in seconds; terms are over parameters.

    `gains` are kp, ki, kd; () with `steps`.  `plant`: gain and lag of the metric's answer to the
    capacity, `lag m' + m = gain u`.
    """

    name: str
    metric: str
    resource: str
    capacity: int  # the variable that it sets
    lo: Expr
    hi: Expr
    first: Expr  # the declared capacity
    gains: tuple[Expr, ...]
    target: Expr | None
    every: Expr
    cooldown: Expr
    plant: tuple[Expr, Expr] | None
    steps: tuple[ControlStep, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Loop:
    """A `while`: `head` holds when its test is about to be taken; `rules` lie in its body."""

    span: Span
    thread: int
    head: Expr
    cond: Expr
    rules: tuple[int, ...]
    back: tuple[int, ...]  # rules after which control is at the head again
    bounded: bool = False  # by at_most
    graph: bool = False  # a cyclic Flow: no single head
    decreases: Expr | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Something that `no_dead_code` wants to see run: any of `rules` witnesses it."""

    what: str
    rules: Sequence[int]
    span: Span
    path: Expr = TRUE  # tests of arguments and parameters that surely hold there


@dataclass(frozen=True, slots=True)
class SagaInfo:
    """`exits` are the rules that leave the saga after its compensation."""

    span: Span
    exits: tuple[int, ...]
    written: tuple[int, ...]


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
