"""The steps of a transition system: what each needs, changes, takes and records."""

from __future__ import annotations

from collections.abc import Sequence

from ..dsl.changed import filled
from ..dsl.closed import ClosedStr
from ..dsl.errors import Span
from ..dsl.records import dataclass
from ..dsl.types import Type
from .expr import TRUE, Expr, Sort


class RuleKind(ClosedStr):
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


@filled
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


class EventKind(ClosedStr):
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


@filled
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


@filled
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
    wherever: str = ""  # of an activity that may be placed elsewhere: its occurrence in any place

    @property
    def occurrence(self) -> str:
        """Of what the environment answers: the same wherever an activity is placed."""
        return self.wherever or self.activity

    @property
    def updates(self) -> Sequence[tuple[int, Expr]]:
        return self.own if self.bundle is None else (*self.own, *self.bundle.updates)

    @property
    def events(self) -> Sequence[EventTemplate]:
        return self.own_events if self.bundle is None else (*self.own_events, *self.bundle.events)

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
